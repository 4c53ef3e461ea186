//! The scripts of the catalogue against classic PBFT.

use byzlab_crypto::{Digest, Signed};

use super::{
    attack::{pre_prepare, sign},
    machine::PbftClassic,
    statements::{Checkpoint, Commit, Prepare, ViewChange, null},
    wire::{Wire, WireNewView, WireViewChange},
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
        "PC5",
        "the new primary opens its view by the view changes of the view before",
        &[2],
        old_changes,
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
        "PB19",
        "votes of a slot are shown once more for the next one, their signatures as they are",
        &[3],
        other_slot,
    ),
    Script::of_reactions(
        "C9",
        "prepares are shown once more as commits, their signatures as they are",
        &[3],
        other_phase,
    ),
    Script::of_reactions(
        "PC20",
        "a party asks for the next view as soon as anybody asks for one",
        &[3],
        hurry,
    ),
    Script::of_reactions(
        "PC24",
        "a backup proposes for all slots before the primary can, as if it were the primary",
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

/// PC5: nothing was prepared before the view before, so nothing has to be proposed again; the first
/// slot gets the last request that is known.
fn old_changes(env: &Env<'_, PbftClassic>, to: Target, wire: &Wire) -> Sent {
    let Wire::NewView(message) = wire else { return None };
    let before = env.material.wires().find_map(|seen| match seen {
        Wire::NewView(seen) if seen.new_view.by != env.party => Some(seen.changes.clone()),
        _ => None,
    })?;
    let [changes, proposals] = super::wire::contents(&before, &[]);
    let view = message.new_view.body.view;
    let new_view = sign(super::NewView { view, changes, proposals }, env.party, &env.material)?;
    let opening = WireNewView { new_view, changes: before, proposals: Vec::new() };
    let request = env.material.requests.last()?.signed().clone();
    let header = header(env, view, 1);
    let batch = pre_prepare(header, &[request], &env.material)?;
    Some(vec![(to, Wire::NewView(opening.into())), (to, batch)])
}

/// PB19: without the slot under the signature an equal batch there would be decided by them.
fn other_slot(env: &Env<'_, PbftClassic>, wire: &Wire) -> Vec<(Target, Wire)> {
    let mut moved = wire.clone();
    match &mut moved {
        Wire::Prepare(vote) => vote.body.slot += 1,
        Wire::Commit(vote) => vote.body.slot += 1,
        _ => return Vec::new(),
    }
    let others = env.material.context.committee.parties().filter(|party| *party != env.party);
    others.map(|party| (Target::One(party), moved.clone())).collect()
}

/// C9: without the phase under the signature a batch would be decided that nobody prepared.
fn other_phase(_: &Env<'_, PbftClassic>, wire: &Wire) -> Vec<(Target, Wire)> {
    let Wire::Prepare(Signed { body, by, signature }) = wire else { return Vec::new() };
    let Prepare { view, slot, digest } = body.clone();
    let (by, signature) = (*by, *signature);
    vec![(Target::All, Wire::Commit(Signed { body: Commit { view, slot, digest }, by, signature }))]
}

/// PC20: a view change for the view after the one that was asked for, or proposed in.
fn hurry(env: &Env<'_, PbftClassic>, wire: &Wire) -> Vec<(Target, Wire)> {
    let view = match wire {
        Wire::ViewChange(message) if message.change.by != env.party => message.change.body.view,
        Wire::PrePrepare { vote, .. } => vote.body.view,
        _ => return Vec::new(),
    };
    let change = ViewChange { view: view.next(), stable: 0, prepared: Vec::new() };
    let Some(change) = sign(change, env.party, &env.material) else { return Vec::new() };
    let message = WireViewChange { change, checkpoint: None, prepared: Vec::new() };
    vec![(Target::All, Wire::ViewChange(message.into()))]
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

/// PC24: the last request that is known, in the next slots of the view, or in all of the view that
/// is asked for.
fn usurp(env: &Env<'_, PbftClassic>, wire: &Wire) -> Vec<(Target, Wire)> {
    let (view, slot) = match wire {
        Wire::PrePrepare { vote, .. } if vote.by != env.party => (vote.body.view, vote.body.slot),
        Wire::ViewChange(message) if message.change.by != env.party => {
            (message.change.body.view, message.change.body.stable)
        }
        _ => return Vec::new(),
    };
    let Some(request) = env.material.requests.last() else { return Vec::new() };
    let usurped = (slot + 1..=slot + 32).filter_map(|height| {
        let header = header(env, view, height);
        pre_prepare(header, &[request.signed().clone()], &env.material)
    });
    usurped.map(|wire| (Target::All, wire)).collect()
}

/// A header of a batch of the party's own.
fn header(env: &Env<'_, PbftClassic>, view: View, height: u64) -> Header {
    Header {
        instance: env.material.context.committee.instance(),
        height,
        parent: Digest::ZERO,
        view,
        proposer: env.party,
        justify_view: View::GENESIS,
        justification: Digest::ZERO,
        payload: Digest::ZERO,
    }
}
