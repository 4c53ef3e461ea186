//! Attacks on chained HotStuff: conflicting and forged messages, and the scripts of the catalogue.

use std::sync::Arc;

use byzlab_crypto::{Claim, Digest, PartyId, Signed, Statement};

use super::{
    ChainedHotStuff, Timeout, Vote, Wire, WireTimeout,
    machine::Record,
    scripts::{self, on_genesis, two_to_everybody},
};
use crate::{
    Attack, Material, Target, View,
    attack::{
        Can, Forgery,
        workshop::{forge, other_block, sign_block},
    },
    byzantine::{Env, Script},
    smr::{Batch, Header},
};

impl Attack for ChainedHotStuff {
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
            Wire::Propose { block, justify } => Some(Wire::Propose {
                block: other_block(block, variant, material)?.into(),
                justify: justify.clone(),
            }),
            Wire::Vote(vote) => {
                let body = other_vote(&vote.body, material);
                Some(Wire::Vote(sign(body, vote.by, material)?))
            }
            _ => None,
        }
    }

    fn impersonate(wire: &Wire, author: PartyId) -> Option<Wire> {
        let mut forged = wire.clone();
        match &mut forged {
            Wire::Propose { block, .. } => Arc::make_mut(block).header.by = author,
            Wire::Vote(vote) => vote.by = author,
            Wire::Timeout(message) => message.timeout.by = author,
            Wire::TimeoutCertificate { .. } | Wire::Help { .. } | Wire::Sync(_) => return None,
        }
        Some(forged)
    }

    fn resign(wire: &Wire, material: &Material<'_, Self>) -> Option<Wire> {
        let mut changed = wire.clone();
        match &mut changed {
            Wire::Propose { block, .. } => renew(&mut Arc::make_mut(block).header, material)?,
            Wire::Vote(vote) => renew(vote, material)?,
            Wire::Timeout(message) => renew(&mut message.timeout, material)?,
            Wire::TimeoutCertificate { .. } | Wire::Help { .. } | Wire::Sync(_) => {}
        }
        Some(changed)
    }

    fn seal(wire: &Wire, material: &Material<'_, Self>) -> Wire {
        let clients = &material.context.clients;
        let mut sealed = wire.clone();
        match &mut sealed {
            Wire::Propose { block, .. } => {
                let block = Arc::make_mut(block);
                block.header.body.payload = Batch::of_signed(clients, &block.requests).digest();
            }
            Wire::Timeout(message) if message.high.is_none() => {
                message.timeout.body.high_view = View::GENESIS;
            }
            _ => {}
        }
        sealed
    }

    fn forget(&mut self) -> bool {
        let Record { view, commits, .. } = self.record.clone();
        let forgotten = Record { view, commits, ..Record::default() };
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
        let claim = |view: View| {
            let (justify_view, locks) = (view.previous(), view.previous().previous());
            let vote = Vote { view, hash: target, justify_view, locks };
            forge(vote, forgery, votes(material), material)
        };
        match wire {
            Wire::Vote(vote) => {
                let high = Some(claim(vote.body.view)?);
                Some(Wire::Help { answers: 0, high, entry: None, commit: None })
            }
            Wire::Timeout(message) => {
                let view = message.timeout.body.view;
                let high = claim(view.previous())?;
                let body = Timeout { view, high_view: high.statement.view };
                let timeout = sign(body, message.timeout.by, material)?;
                let message = WireTimeout { timeout, high: Some(high), ..(**message).clone() };
                Some(Wire::Timeout(message.into()))
            }
            _ => None,
        }
    }

    fn scripts() -> &'static [Script<Self>] {
        SCRIPTS
    }
}

pub(super) fn sign<T: Statement>(
    body: T,
    by: PartyId,
    material: &Material<'_, ChainedHotStuff>,
) -> Option<Signed<T>> {
    Some(material.signers.get(&by)?.sign(body).into_signed())
}

fn renew<T: Statement>(
    signed: &mut Signed<T>,
    material: &Material<'_, ChainedHotStuff>,
) -> Option<()> {
    *signed = sign(signed.body.clone(), signed.by, material)?;
    Some(())
}

/// The votes that were seen.
pub(super) fn votes<'a>(
    material: &'a Material<'_, ChainedHotStuff>,
) -> impl Iterator<Item = Signed<Vote>> + 'a {
    material.wires().filter_map(|wire| match wire {
        Wire::Vote(vote) => Some(vote.clone()),
        _ => None,
    })
}

/// A vote for another block of the view: one that was proposed, or an invention.
fn other_vote(vote: &Vote, material: &Material<'_, ChainedHotStuff>) -> Vote {
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
    Vote { hash, justify_view, ..vote.clone() }
}

static SCRIPTS: &[Script<ChainedHotStuff>] = &[
    Script::of_changes(
        "HS2",
        "the leader shows two blocks to everybody and votes for both, always",
        &[1],
        two_to_everybody,
    ),
    Script::of_changes("HS3", "the leader always proposes on genesis", &[0], on_genesis),
    Script::of_changes(
        "HS6",
        "the leader ignores the last certificate and extends the one before",
        &[2],
        |env, to, wire| scripts::on_older(1, env, to, wire),
    ),
    Script::of_changes(
        "HS7",
        "the leader extends the certificate before the last but one",
        &[3],
        |env, to, wire| scripts::on_older(2, env, to, wire),
    ),
    Script::of_changes(
        "HS9",
        "the parent of the block is not the certified block",
        &[0],
        scripts::mismatched_parent,
    ),
    Script::of_changes(
        "HS10",
        "view 2 on genesis, view 3 on the block of view 1, view 6 on that of view 2",
        &[0],
        scripts::around_a_gap,
    ),
    Script::of_changes(
        "HS12",
        "with every vote, timeouts for views up to the end of numbers to everybody",
        &[3],
        scripts::far_timeouts,
    ),
    Script::of_changes("HS16", "the leader proposes for a view far ahead", &[2], far_ahead),
    Script::of_changes(
        "HS17",
        "a block without a certificate, as if it were on genesis, at a high view",
        &[0],
        no_certificate,
    ),
    Script::of_changes(
        "HS18",
        "votes go to the leader of the view after the next",
        &[3],
        to_later_leader,
    ),
    Script::of_reactions(
        "HS20",
        "a party proposes an empty block in every other leader's view",
        &[3],
        scripts::usurp,
    ),
    Script::of_changes(
        "HS23",
        "the leader orders a request that is on the chain already",
        &[2],
        scripts::old_request,
    ),
    Script::of_changes(
        "HS27",
        "the leader proposes on genesis, after showing the certificate of view 1 once more",
        &[0],
        scripts::after_an_old_certificate,
    ),
];

/// HS16.
fn far_ahead(
    env: &Env<'_, ChainedHotStuff>,
    to: Target,
    wire: &Wire,
) -> Option<Vec<(Target, Wire)>> {
    let Wire::Propose { block, justify } = wire else { return None };
    let n = env.material.context.committee.n() as u64;
    let header =
        Header { view: View(block.header.body.view.0 + 1000 * n), ..block.header.body.clone() };
    let block = sign_block(header, &block.requests, &env.material)?;
    Some(vec![(to, Wire::Propose { block: block.into(), justify: justify.clone() })])
}

/// HS17: no certificate, and a header that claims a very new one.
fn no_certificate(
    env: &Env<'_, ChainedHotStuff>,
    to: Target,
    wire: &Wire,
) -> Option<Vec<(Target, Wire)>> {
    let Wire::Propose { block, .. } = wire else { return None };
    let header = Header {
        height: 1,
        parent: scripts::genesis(env),
        justify_view: block.header.body.view.previous(),
        ..block.header.body.clone()
    };
    let block = sign_block(header, &[], &env.material)?;
    Some(vec![(to, Wire::Propose { block: block.into(), justify: None })])
}

/// HS18.
fn to_later_leader(
    env: &Env<'_, ChainedHotStuff>,
    _to: Target,
    wire: &Wire,
) -> Option<Vec<(Target, Wire)>> {
    let Wire::Vote(vote) = wire else { return None };
    let later = env.material.context.leader(vote.body.view.next().next());
    Some(vec![(Target::One(later), wire.clone())])
}

/// The certificate of a view, of the votes that were seen and those of corrupted parties.
pub(super) fn certificate(env: &Env<'_, ChainedHotStuff>, view: View) -> Option<Claim<Vote>> {
    let mut seen = votes(&env.material).filter(|vote| vote.body.view == view);
    let vote = seen.next()?;
    crate::attack::workshop::assemble(&vote.body, votes(&env.material), &env.material)
}
