//! More scripts of the catalogue against PBFT.

use super::{
    Pbft, Status, Wire, WireReport,
    attack::{by_signer, genesis, justified_by, sign},
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
