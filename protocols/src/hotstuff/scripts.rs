//! More scripts of the catalogue against HotStuff.

use byzlab_crypto::{Claim, PartyId, Signed};

use super::{
    HotStuff, Phase, Vote, Wire,
    attack::{Place, genesis, moved, on_genesis, two_to_everybody, usurp, votes},
};
use crate::{
    Target,
    attack::workshop::{assemble, sign_block},
    byzantine::{Env, Script},
    smr::Command,
};

pub(super) const OLD_REQUEST: Script<HotStuff> = Script::of_changes(
    "HS23",
    "the leader orders a request that is on the chain already",
    &[2],
    old_request,
);

pub(super) const LATE_CERTIFICATE: Script<HotStuff> = Script {
    react: Some(certify),
    ..Script::of_changes(
        "HS24",
        "the leader proposes on genesis, and certifies late votes for a block of an earlier view",
        &[0],
        on_genesis,
    )
};

pub(super) const TWO_DECISIONS: Script<HotStuff> = Script {
    react: Some(certify),
    ..Script::of_changes(
        "HS26",
        "the leader shows two blocks to everybody, votes for both, and certifies both",
        &[1],
        two_to_everybody,
    )
};

pub(super) const EMPTY_BLOCKS: Script<HotStuff> = Script {
    react: Some(empty_blocks),
    ..Script::of_changes(
        "HS25",
        "a party proposes an empty block in every view, before its leader",
        &[3],
        without_requests,
    )
};

pub(super) const OTHER_PHASE: Script<HotStuff> = Script::of_reactions(
    "C9",
    "the leader shows one party a decision made of votes for the proposal",
    &[1],
    other_phase,
);

/// C9: without the phase under the signature, party 0 would decide what nobody is locked on.
fn other_phase(env: &Env<'_, HotStuff>, wire: &Wire) -> Vec<(Target, Wire)> {
    let Wire::Vote(last) = wire else { return Vec::new() };
    let same = |vote: &Signed<Vote>| vote.body == last.body;
    let mut signatures: Vec<_> =
        votes(&env.material).filter(same).map(|vote| (vote.by, vote.signature)).collect();
    signatures.sort_unstable();
    signatures.dedup_by_key(|(by, _)| *by);
    let enough = signatures.len() >= env.material.context.committee.quorum();
    if last.body.phase != Phase::Prepare || !enough {
        return Vec::new();
    }
    let statement = Vote { phase: Phase::Commit, ..last.body.clone() };
    let decision = Wire::Certificate(Claim::new(statement, signatures));
    vec![(Target::One(PartyId(0)), decision)]
}

/// HS23: the first request that was ever seen in a block, once more.
fn old_request(env: &Env<'_, HotStuff>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let Wire::Prepare { block, high } = wire else { return None };
    let mut packets = env.material.seen.iter().filter_map(|packet| packet.wire());
    let old: Signed<Command> = packets.find_map(|seen| match seen {
        Wire::Prepare { block, .. } => block.requests.first().cloned(),
        _ => None,
    })?;
    let block = sign_block(block.header.body.clone(), &[old], &env.material)?;
    Some(vec![(to, Wire::Prepare { block: block.into(), high: high.clone() })])
}

/// HS24, HS26: a quorum of last votes for which its honest machine makes no certificate: of a view
/// that it has left, or for another block than the one that it certified.
fn certify(env: &Env<'_, HotStuff>, wire: &Wire) -> Vec<(Target, Wire)> {
    let Wire::Vote(Signed { body, .. }) = wire else { return Vec::new() };
    let left = votes(&env.material).any(|other| other.body.view > body.view);
    let certified = env.material.wires().any(|seen| match seen {
        Wire::Certificate(qc) => {
            let qc = &qc.statement;
            qc.phase == body.phase && qc.view == body.view && qc.hash != body.hash
        }
        _ => false,
    });
    let missed = body.phase == Phase::Commit && (left || certified);
    let claim = missed.then(|| assemble(body, votes(&env.material), &env.material));
    claim.flatten().map(|claim| (Target::All, Wire::Certificate(claim))).into_iter().collect()
}

/// HS25: after a decision as in HS20, and after a timeout certificate as well.
fn empty_blocks(env: &Env<'_, HotStuff>, wire: &Wire) -> Vec<(Target, Wire)> {
    let Wire::TimeoutCertificate(certificate) = wire else { return usurp(env, wire) };
    let proposal = certificate.timeouts.first().and_then(|timeout| {
        let view = timeout.body.view.next();
        let place = place_on(certificate.high.as_ref(), env)?;
        let header = env.material.wires().find_map(|seen| match seen {
            Wire::Prepare { block, .. } => Some(block.header.body.clone()),
            _ => None,
        })?;
        let header = crate::smr::Header { view, proposer: env.party, ..header };
        moved(&header, &place, env)
    });
    proposal.map(|proposal| (Target::All, proposal)).into_iter().collect()
}

fn without_requests(
    env: &Env<'_, HotStuff>,
    to: Target,
    wire: &Wire,
) -> Option<Vec<(Target, Wire)>> {
    let Wire::Prepare { block, high } = wire else { return None };
    let header = &block.header.body;
    let place = Place { high: high.clone(), parent: header.parent, height: header.height - 1 };
    Some(vec![(to, moved(header, &place, env)?)])
}

/// On the block of a certificate, if its proposal was seen.
fn place_on(high: Option<&Claim<Vote>>, env: &Env<'_, HotStuff>) -> Option<Place> {
    let Some(high) = high else {
        return Some(Place { high: None, parent: genesis(env), height: 0 });
    };
    let parent = high.statement.hash;
    let height = env.material.wires().find_map(|seen| match seen {
        Wire::Prepare { block, .. } if block.header.body.hash() == parent => {
            Some(block.header.body.height)
        }
        _ => None,
    })?;
    Some(Place { high: Some(high.clone()), parent, height })
}
