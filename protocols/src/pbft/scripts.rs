//! More scripts of the catalogue against PBFT.

use byzlab_crypto::{Claim, PartyId, Signed};

use super::{
    Pbft, Status, Vote, Vote2, Wire, WireReport,
    attack::{by_signer, genesis, justified_by, sign, votes},
};
use crate::{
    Target, View,
    byzantine::{Env, Script},
};

pub(super) const STRIPPED: Script<Pbft> = Script::of_changes(
    "PB25",
    "the leader shows honest statuses without their certificates, and builds on genesis",
    &[0],
    stripped,
);

pub(super) const OTHER_PHASE: Script<Pbft> = Script::of_reactions(
    "C9",
    "one party is shown a commit certificate made of votes of the first phase",
    &[3],
    other_phase,
);

/// C9: without the phase under the signature, party 0 would decide what nobody is locked on.
fn other_phase(env: &Env<'_, Pbft>, wire: &Wire) -> Vec<(Target, Wire)> {
    let Wire::Vote(last) = wire else { return Vec::new() };
    let same = |vote: &Signed<Vote>| vote.body == last.body;
    let mut signatures: Vec<_> =
        votes(&env.material).filter(same).map(|vote| (vote.by, vote.signature)).collect();
    signatures.sort_unstable();
    signatures.dedup_by_key(|(by, _)| *by);
    if signatures.len() < env.material.context.committee.quorum() {
        return Vec::new();
    }
    let statement = Vote2 { view: last.body.view, hash: last.body.hash };
    vec![(Target::One(PartyId(0)), Wire::Commit(Claim::new(statement, signatures)))]
}

/// PB25: a status is signed, the certificate beside it is not.
fn stripped(env: &Env<'_, Pbft>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let Wire::Propose { block, reports, .. } = wire else { return None };
    let header = &block.header.body;
    let own = Status { view: header.view, lock_view: View::GENESIS, lock_hash: genesis(env) };
    let own = sign(own, env.party, &env.material)?;
    let mut reports = reports.clone();
    reports.retain(|report| report.status.by != env.party);
    reports.push(WireReport { status: own, lock: None });
    reports.iter_mut().for_each(|report| report.lock = None);
    let parent = (View::GENESIS, genesis(env), 0);
    Some(vec![(to, justified_by(header, by_signer(reports), parent, env)?)])
}
