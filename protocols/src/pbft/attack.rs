//! Attacks on PBFT: conflicting and forged messages, and the scripts of the catalogue.

use std::sync::Arc;

use byzlab_crypto::{Digest, PartyId, Signed, Statement};

use super::{
    Pbft, Status, Vote, Vote2, Wire, WireReport, machine::Record, scripts, wire::justification,
};
use crate::{
    Attack, Material, Target, View,
    attack::{
        Can, Forgery,
        workshop::{assemble, forge, other_block, sign_block},
    },
    byzantine::{Env, Script},
    smr::{Batch, Header, WireBlock},
};

impl Attack for Pbft {
    const CAN: Can = Can {
        equivocate: true,
        double_vote: true,
        forget: true,
        impersonate: true,
        resign: true,
        forge: true,
    };

    fn conflicting(wire: &Wire, variant: u32, material: &Material<'_, Self>) -> Option<Wire> {
        match wire {
            Wire::Propose { block, reports, bodies } => Some(Wire::Propose {
                block: other_block(block, variant, material)?.into(),
                reports: reports.clone(),
                bodies: bodies.clone(),
            }),
            Wire::Vote(vote) => {
                let body = other_vote(&vote.body, material);
                Some(Wire::Vote(sign(body, vote.by, material)?))
            }
            Wire::Vote2 { vote, certificate } => {
                let other = other_vote(&certificate.statement, material);
                let body = Vote2 { view: other.view, hash: other.hash };
                let certificate = assemble(&other, votes(material), material)?;
                Some(Wire::Vote2 { vote: sign(body, vote.by, material)?, certificate })
            }
            Wire::Status { .. } | Wire::Commit(_) | Wire::Sync(_) => None,
        }
    }

    fn impersonate(wire: &Wire, author: PartyId) -> Option<Wire> {
        let mut forged = wire.clone();
        match &mut forged {
            Wire::Status { report, .. } => report.status.by = author,
            Wire::Propose { block, .. } => Arc::make_mut(block).header.by = author,
            Wire::Vote(vote) => vote.by = author,
            Wire::Vote2 { vote, .. } => vote.by = author,
            Wire::Commit(_) | Wire::Sync(_) => return None,
        }
        Some(forged)
    }

    fn resign(wire: &Wire, material: &Material<'_, Self>) -> Option<Wire> {
        let mut changed = wire.clone();
        match &mut changed {
            Wire::Status { report, .. } => renew(&mut report.status, material)?,
            Wire::Propose { block, .. } => renew(&mut Arc::make_mut(block).header, material)?,
            Wire::Vote(vote) => renew(vote, material)?,
            Wire::Vote2 { vote, .. } => renew(vote, material)?,
            Wire::Commit(_) | Wire::Sync(_) => {}
        }
        Some(changed)
    }

    fn seal(wire: &Wire, material: &Material<'_, Self>) -> Wire {
        let clients = &material.context.clients;
        let mut sealed = wire.clone();
        match &mut sealed {
            Wire::Status { report, .. } if report.lock.is_none() => {
                let genesis = crate::Block::genesis(material.context.committee.instance());
                let body = &mut report.status.body;
                (body.lock_view, body.lock_hash) = (View::GENESIS, genesis.hash());
            }
            Wire::Propose { block, reports, .. } => {
                let block = Arc::make_mut(block);
                let statuses: Vec<_> = reports.iter().map(|report| report.status.clone()).collect();
                block.header.body.justification = justification(&statuses);
                block.header.body.payload = Batch::of_signed(clients, &block.requests).digest();
            }
            _ => {}
        }
        sealed
    }

    fn forget(&mut self) -> bool {
        let commits = self.record.commits.clone();
        let forgotten = Record { commits, status: self.record.status, ..Record::default() };
        let changed = forgotten != self.record;
        self.record = forgotten;
        changed
    }

    fn forge(
        wire: &Wire,
        forgery: Forgery,
        target: Digest,
        material: &Material<'_, Self>,
    ) -> Option<Wire> {
        match wire {
            Wire::Status { report, commit, decided, bodies } => {
                let view = report.status.body.view.previous();
                let vote = Vote { view, hash: target, justify_view: view.previous() };
                let lock = forge(vote, forgery, votes(material), material)?;
                let status = Status { view: view.next(), lock_view: view, lock_hash: target };
                let status = sign(status, report.status.by, material)?;
                let report = WireReport { status, lock: Some(lock) };
                let (commit, bodies) = (commit.clone(), bodies.clone());
                Some(Wire::Status { report, commit, decided: *decided, bodies })
            }
            Wire::Vote2 { vote, .. } => {
                let body = Vote2 { view: vote.body.view, hash: target };
                forge(body, forgery, votes2(material), material).map(Wire::Commit)
            }
            Wire::Propose { .. } | Wire::Vote(_) | Wire::Commit(_) | Wire::Sync(_) => None,
        }
    }

    fn scripts() -> &'static [Script<Self>] {
        SCRIPTS
    }
}

pub(super) fn sign<T: Statement>(
    body: T,
    by: PartyId,
    material: &Material<'_, Pbft>,
) -> Option<Signed<T>> {
    Some(material.signers.get(&by)?.sign(body).into_signed())
}

fn renew<T: Statement>(signed: &mut Signed<T>, material: &Material<'_, Pbft>) -> Option<()> {
    *signed = sign(signed.body.clone(), signed.by, material)?;
    Some(())
}

/// The votes that were seen.
pub(super) fn votes<'a>(
    material: &'a Material<'_, Pbft>,
) -> impl Iterator<Item = Signed<Vote>> + 'a {
    material.wires().filter_map(|wire| match wire {
        Wire::Vote(vote) => Some(vote.clone()),
        _ => None,
    })
}

/// The second votes that were seen.
fn votes2<'a>(material: &'a Material<'_, Pbft>) -> impl Iterator<Item = Signed<Vote2>> + 'a {
    material.wires().filter_map(|wire| match wire {
        Wire::Vote2 { vote, .. } => Some(vote.clone()),
        _ => None,
    })
}

/// A vote for another block of the view: one that was proposed, or an invention.
fn other_vote(vote: &Vote, material: &Material<'_, Pbft>) -> Vote {
    let other = material.wires().find_map(|wire| match wire {
        Wire::Propose { block, .. } => {
            let header = &block.header.body;
            let other = header.view == vote.view && header.hash() != vote.hash;
            other.then(|| (header.hash(), header.justify_view))
        }
        _ => None,
    });
    let (hash, justify_view) =
        other.unwrap_or((Digest::of("byzlab/invented/1", &vote.hash.0), vote.justify_view));
    Vote { view: vote.view, hash, justify_view }
}

static SCRIPTS: &[Script<Pbft>] = &[
    Script::of_changes(
        "PB3",
        "the leader shows two blocks to everybody and votes for both, always",
        &[1],
        two_to_everybody,
    ),
    Script::of_changes(
        "PB5",
        "the leader justifies a block on genesis by its own status and old ones",
        &[0],
        old_statuses,
    ),
    Script::of_changes(
        "PB6",
        "a status names a lock that no certificate shows",
        &[0],
        invented_lock,
    ),
    Script::of_changes(
        "PB7",
        "the leader builds on the lowest lock that is reported",
        &[0],
        lowest_lock,
    ),
    Script::of_changes(
        "PB8",
        "the leader tells each half of the parties of another quorum of statuses",
        &[1],
        two_quorums,
    ),
    Script::of_changes(
        "PB9",
        "with every status, statuses for views up to the end of numbers to everybody",
        &[3],
        far_statuses,
    ),
    Script::of_changes(
        "PB14",
        "the leader orders a request that is on the chain already",
        &[2],
        old_request,
    ),
    Script::of_changes(
        "PB21",
        "certificates hoarded in the first five views are shown one a view from then on",
        &[0],
        drip,
    ),
    Script::of_reactions(
        "PB24",
        "a party proposes an empty block in every other leader's view",
        &[3],
        usurp,
    ),
    scripts::STRIPPED,
    scripts::OTHER_PHASE,
];

/// PB3: both versions, and both votes in both phases, to everybody.
fn two_to_everybody(env: &Env<'_, Pbft>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let other = Pbft::conflicting(wire, 1, &env.material)?;
    Some(vec![(to, wire.clone()), (to, other)])
}

/// A proposal of the present leader with other statuses; the header binds them.
pub(super) fn justified_by(
    header: &Header,
    reports: Vec<WireReport>,
    parent: (View, Digest, u64),
    env: &Env<'_, Pbft>,
) -> Option<Wire> {
    let statuses: Vec<_> = reports.iter().map(|report| report.status.clone()).collect();
    let header = Header {
        height: parent.2 + 1,
        parent: parent.1,
        justify_view: parent.0,
        justification: justification(&statuses),
        ..header.clone()
    };
    let block = sign_block(header, &[], &env.material)?;
    Some(Wire::Propose { block: block.into(), reports, bodies: Vec::new() })
}

/// The statuses that were seen, the newest first.
fn statuses<'a>(env: &'a Env<'_, Pbft>) -> impl Iterator<Item = &'a WireReport> + 'a {
    env.material.wires().filter_map(|wire| match wire {
        Wire::Status { report, .. } => Some(report),
        _ => None,
    })
}

pub(super) fn genesis(env: &Env<'_, Pbft>) -> Digest {
    crate::Block::genesis(env.material.context.committee.instance()).hash()
}

/// PB5: statuses that report genesis, of whatever view.
fn old_statuses(env: &Env<'_, Pbft>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let Wire::Propose { block, .. } = wire else { return None };
    let header = &block.header.body;
    let own = sign(
        Status { view: header.view, lock_view: View::GENESIS, lock_hash: genesis(env) },
        env.party,
        &env.material,
    )?;
    let mut reports = vec![WireReport { status: own, lock: None }];
    reports.extend(statuses(env).filter(|report| report.lock.is_none()).cloned());
    let reports = by_signer(reports);
    let proposal = justified_by(header, reports, (View::GENESIS, genesis(env), 0), env)?;
    Some(vec![(to, proposal)])
}

pub(super) fn by_signer(mut reports: Vec<WireReport>) -> Vec<WireReport> {
    reports.sort_by_key(|report| report.status.by);
    reports.dedup_by_key(|report| report.status.by);
    reports
}

/// PB6: the highest lock there could be, on a block that this party makes up, and in its own
/// views a proposal on it.
fn invented_lock(env: &Env<'_, Pbft>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let Wire::Propose { block, reports, .. } = wire else { return None };
    let header = &block.header.body;
    let lock_view = header.view.previous();
    let invented = Header {
        height: 1,
        parent: genesis(env),
        view: lock_view,
        justify_view: View::GENESIS,
        justification: justification(&[]),
        ..header.clone()
    };
    let invented = sign_block(invented, &[], &env.material)?;
    let lock_hash = invented.header.body.hash();
    let status = Status { view: header.view, lock_view, lock_hash };
    let status = sign(status, env.party, &env.material)?;
    let mut reports: Vec<_> = reports.clone();
    reports.retain(|report| report.status.by != env.party);
    reports.push(WireReport { status, lock: None });
    let parent = (lock_view, lock_hash, 1);
    let proposal = justified_by(header, by_signer(reports), parent, env)?;
    let Wire::Propose { block, reports, .. } = proposal else { return None };
    let bodies: Vec<Arc<WireBlock>> = vec![invented.into()];
    Some(vec![(to, Wire::Propose { block, reports, bodies })])
}

/// PB7: honest statuses, and a block on the lowest lock among them: its own claim to genesis.
fn lowest_lock(env: &Env<'_, Pbft>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let Wire::Propose { block, reports, .. } = wire else { return None };
    let header = &block.header.body;
    let status = Status { view: header.view, lock_view: View::GENESIS, lock_hash: genesis(env) };
    let status = sign(status, env.party, &env.material)?;
    let mut reports = reports.clone();
    reports.retain(|report| report.status.by != env.party);
    reports.push(WireReport { status, lock: None });
    let parent = (View::GENESIS, genesis(env), 0);
    let proposal = justified_by(header, by_signer(reports), parent, env)?;
    Some(vec![(to, proposal)])
}

/// PB8: the same block under two quorums of statuses is two blocks.
fn two_quorums(env: &Env<'_, Pbft>, _to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let Wire::Propose { block, reports, bodies } = wire else { return None };
    let quorum = env.material.context.committee.quorum();
    if reports.len() <= quorum {
        return None;
    }
    let mut sent = Vec::new();
    for party in env.material.context.committee.parties() {
        let mut reports = reports.clone();
        reports.remove(if party.0 % 2 == 0 { 0 } else { reports.len() - 1 });
        let statuses: Vec<_> = reports.iter().map(|report| report.status.clone()).collect();
        let header =
            Header { justification: justification(&statuses), ..block.header.body.clone() };
        let block = sign_block(header, &block.requests, &env.material)?;
        let wire = Wire::Propose { block: block.into(), reports, bodies: bodies.clone() };
        sent.push((Target::One(party), wire));
    }
    Some(sent)
}

/// PB9: the status, and one for each view that is a power of two ahead.
fn far_statuses(env: &Env<'_, Pbft>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let Wire::Status { report, commit, decided, .. } = wire else { return None };
    let mut sent = vec![(to, wire.clone())];
    for power in 0..u64::BITS {
        let view = View(report.status.body.view.0.saturating_add(1 << power));
        let status = sign(Status { view, ..report.status.body }, env.party, &env.material)?;
        let report = WireReport { status, lock: report.lock.clone() };
        let (commit, bodies) = (commit.clone(), Vec::new());
        sent.push((Target::All, Wire::Status { report, commit, decided: *decided, bodies }));
    }
    Some(sent)
}

/// PB21: the views in which certificates are hoarded.
const HOARDED: u64 = 5;

/// PB21: in the status of view v the certificate of view v - 5, made of votes that only this
/// party received. No second vote ever, which would tell of a lock, and no body for who asks.
fn drip(env: &Env<'_, Pbft>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let report = match wire {
        Wire::Status { report, .. } => report,
        Wire::Vote2 { .. } | Wire::Sync(_) => return Some(Vec::new()),
        _ => return None,
    };
    let view = report.status.body.view;
    let shown = View(view.0.saturating_sub(HOARDED));
    let voted = votes(&env.material).find(|vote| vote.body.view == shown);
    let lock = voted.and_then(|vote| assemble(&vote.body, votes(&env.material), &env.material));
    let (lock_view, lock_hash) = lock
        .as_ref()
        .map_or((View::GENESIS, genesis(env)), |lock| (lock.statement.view, lock.statement.hash));
    let status = sign(Status { view, lock_view, lock_hash }, env.party, &env.material)?;
    let report = WireReport { status, lock };
    Some(vec![(to, Wire::Status { report, commit: None, decided: 0, bodies: Vec::new() })])
}

/// PB14: the first request that was ever seen in a block, once more.
fn old_request(env: &Env<'_, Pbft>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let Wire::Propose { block, reports, bodies } = wire else { return None };
    let old =
        env.material.seen.iter().filter_map(|packet| packet.wire()).find_map(
            |seen| match seen {
                Wire::Propose { block, .. } => block.requests.first().cloned(),
                _ => None,
            },
        )?;
    let header = block.header.body.clone();
    let block = sign_block(header, &[old], &env.material)?;
    let (reports, bodies) = (reports.clone(), bodies.clone());
    Some(vec![(to, Wire::Propose { block: block.into(), reports, bodies })])
}

/// PB24: as soon as the leader's proposal shows the statuses, an empty block of its own under the
/// same statuses.
fn usurp(env: &Env<'_, Pbft>, wire: &Wire) -> Vec<(Target, Wire)> {
    let Wire::Propose { block, reports, bodies } = wire else { return Vec::new() };
    if block.header.by == env.party {
        return Vec::new();
    }
    let header = Header { proposer: env.party, ..block.header.body.clone() };
    let usurper = sign_block(header, &[], &env.material);
    let proposal = usurper.map(|usurper| Wire::Propose {
        block: usurper.into(),
        reports: reports.clone(),
        bodies: bodies.clone(),
    });
    proposal.map(|proposal| (Target::All, proposal)).into_iter().collect()
}
