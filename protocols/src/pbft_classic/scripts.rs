//! The scripts of the catalogue against classic PBFT.

use byzlab_crypto::Digest;

use super::{
    attack::{pre_prepare, sign},
    machine::PbftClassic,
    statements::{Checkpoint, Prepare, ViewChange, null},
    wire::{Wire, WireViewChange},
};
use crate::{
    Attack, Target, View,
    byzantine::{Env, Script},
    smr::Header,
};

pub(super) static SCRIPTS: &[Script<PbftClassic>] = &[
    Script::of_changes(
        "PC3",
        "the primary shows two batches for a slot to everybody and votes for both, always",
        &[0],
        two_to_everybody,
    ),
    Script::of_changes(
        "PC6",
        "a view change lists a null request as prepared, beside a certificate for a batch",
        &[3],
        other_list,
    ),
    Script::of_changes(
        "PC7",
        "the new primary proposes null requests, whatever the view changes say",
        &[1],
        all_null,
    ),
    Script::of_changes(
        "PC9",
        "with every commit, view changes for views up to the end of numbers to everybody",
        &[3],
        far_views,
    ),
    Script::of_changes(
        "PC14",
        "the primary orders a request that was executed already beside the new one",
        &[0],
        old_request,
    ),
    Script::of_changes(
        "PB15",
        "the primary leaves a gap of four slots before its batches, and jumps beyond the watermarks",
        &[0],
        gaps,
    ),
    Script::of_changes(
        "PB16",
        "with every commit, checkpoints that nobody has reached",
        &[3],
        false_checkpoints,
    ),
    Script::of_reactions(
        "PC24",
        "a backup gives every batch of the primary another slot, as if it were the primary",
        &[3],
        usurp,
    ),
];

type Sent = Option<Vec<(Target, Wire)>>;

/// PC3: both versions, and both votes in both phases, to everybody.
fn two_to_everybody(env: &Env<'_, PbftClassic>, to: Target, wire: &Wire) -> Sent {
    let other = PbftClassic::conflicting(wire, 1, &env.material)?;
    Some(vec![(to, wire.clone()), (to, other)])
}

/// PC6: what is listed is signed, what shows it is not.
fn other_list(env: &Env<'_, PbftClassic>, to: Target, wire: &Wire) -> Sent {
    let Wire::ViewChange(message) = wire else { return None };
    let mut change = message.change.body.clone();
    if change.prepared.is_empty() {
        return None;
    }
    let latest = change.view.previous();
    for listed in &mut change.prepared {
        *listed = Prepare { view: latest, slot: listed.slot, digest: null() };
    }
    let change = sign(change, env.party, &env.material)?;
    let wire = Wire::ViewChange(Box::new(WireViewChange { change, ..(**message).clone() }));
    Some(vec![(to, wire)])
}

/// PC7: the view changes are real, the proposals are not what they say.
fn all_null(env: &Env<'_, PbftClassic>, to: Target, wire: &Wire) -> Sent {
    let Wire::NewView(message) = wire else { return None };
    let mut message = (**message).clone();
    if message.proposals.is_empty() {
        return None;
    }
    for vote in &mut message.proposals {
        let body = Prepare { digest: null(), ..vote.body.clone() };
        *vote = sign(body, env.party, &env.material)?;
    }
    let [_, proposals] = super::wire::contents(&message.changes, &message.proposals);
    let body = super::NewView { proposals, ..message.new_view.body.clone() };
    message.new_view = sign(body, env.party, &env.material)?;
    Some(vec![(to, Wire::NewView(message.into()))])
}

/// PC9: the commit, and a view change for each view that is a power of two ahead.
fn far_views(env: &Env<'_, PbftClassic>, to: Target, wire: &Wire) -> Sent {
    let Wire::Commit(vote) = wire else { return None };
    let mut sent = vec![(to, wire.clone())];
    for power in 0..u64::BITS {
        let view = View(vote.body.view.0.saturating_add(1 << power));
        let change = ViewChange { view, stable: 0, prepared: Vec::new() };
        let change = sign(change, env.party, &env.material)?;
        let message = WireViewChange { change, checkpoint: None, prepared: Vec::new() };
        sent.push((Target::All, Wire::ViewChange(message.into())));
    }
    Some(sent)
}

/// PC14: the first request that was ever seen in a batch, once more.
fn old_request(env: &Env<'_, PbftClassic>, to: Target, wire: &Wire) -> Sent {
    let Wire::PrePrepare { block, .. } = wire else { return None };
    let mut seen = env.material.seen.iter().filter_map(|packet| packet.wire());
    let old = seen.find_map(|seen| match seen {
        Wire::PrePrepare { block, .. } => block.requests.first().cloned(),
        _ => None,
    })?;
    let requests = [&[old], &block.requests[..]].concat();
    Some(vec![(to, pre_prepare(block.header.body.clone(), &requests, &env.material)?)])
}

/// PB15: the batch four slots later, and once more a million slots later.
fn gaps(env: &Env<'_, PbftClassic>, to: Target, wire: &Wire) -> Sent {
    let Wire::PrePrepare { block, .. } = wire else { return None };
    let mut sent = Vec::new();
    for ahead in [4, 1_000_000] {
        let header =
            Header { height: block.header.body.height + ahead, ..block.header.body.clone() };
        sent.push((to, pre_prepare(header, &block.requests, &env.material)?));
    }
    Some(sent)
}

/// PB16: the commit, and checkpoints at slots that are powers of two ahead.
fn false_checkpoints(env: &Env<'_, PbftClassic>, to: Target, wire: &Wire) -> Sent {
    let Wire::Commit(_) = wire else { return None };
    let mut sent = vec![(to, wire.clone())];
    for power in 0..u64::BITS {
        let slot = 1 << power;
        let state = Digest::of("byzlab/invented/1", &[power as u8]);
        let vote = sign(Checkpoint { slot, state }, env.party, &env.material)?;
        sent.push((Target::All, Wire::Checkpoint(vote)));
    }
    Some(sent)
}

/// PC24: the same requests under a header of its own.
fn usurp(env: &Env<'_, PbftClassic>, wire: &Wire) -> Vec<(Target, Wire)> {
    let Wire::PrePrepare { block, vote } = wire else { return Vec::new() };
    if vote.by == env.party {
        return Vec::new();
    }
    let header = Header {
        proposer: env.party,
        height: block.header.body.height + 1,
        ..block.header.body.clone()
    };
    let usurped = pre_prepare(header, &block.requests, &env.material);
    usurped.map(|wire| (Target::All, wire)).into_iter().collect()
}
