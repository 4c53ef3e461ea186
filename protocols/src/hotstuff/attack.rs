//! Attacks on HotStuff: conflicting and forged messages, and the scripts of the catalogue.

use std::sync::Arc;

use byzlab_crypto::{Claim, Digest, PartyId, Signed, Statement};

use super::{
    HotStuff, NewView, Phase, Timeout, Vote, Wire, WireNewView, WireTimeout, machine::Record,
    scripts,
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

impl Attack for HotStuff {
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
            Wire::Prepare { block, high } => Some(Wire::Prepare {
                block: other_block(block, variant, material)?.into(),
                high: high.clone(),
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
            Wire::NewView(message) => message.new_view.by = author,
            Wire::Prepare { block, .. } => Arc::make_mut(block).header.by = author,
            Wire::Vote(vote) => vote.by = author,
            Wire::Timeout(message) => message.timeout.by = author,
            Wire::Certificate(_) | Wire::TimeoutCertificate(_) | Wire::Help { .. } => return None,
            Wire::Sync(_) => return None,
        }
        Some(forged)
    }

    fn resign(wire: &Wire, material: &Material<'_, Self>) -> Option<Wire> {
        let mut changed = wire.clone();
        match &mut changed {
            Wire::NewView(message) => renew(&mut message.new_view, material)?,
            Wire::Prepare { block, .. } => renew(&mut Arc::make_mut(block).header, material)?,
            Wire::Vote(vote) => renew(vote, material)?,
            Wire::Timeout(message) => renew(&mut message.timeout, material)?,
            Wire::Certificate(_) | Wire::TimeoutCertificate(_) | Wire::Help { .. } => {}
            Wire::Sync(_) => {}
        }
        Some(changed)
    }

    fn seal(wire: &Wire, material: &Material<'_, Self>) -> Wire {
        let clients = &material.context.clients;
        let mut sealed = wire.clone();
        match &mut sealed {
            Wire::Prepare { block, .. } => {
                let block = Arc::make_mut(block);
                block.header.body.payload = Batch::of_signed(clients, &block.requests).digest();
            }
            Wire::NewView(message) if message.high.is_none() => {
                message.new_view.body.high_view = View::GENESIS;
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
        let claim = |phase, view: View| {
            let vote = Vote { phase, view, hash: target, justify_view: view.previous() };
            forge(vote, forgery, votes(material), material)
        };
        match wire {
            Wire::NewView(message) => {
                let view = message.new_view.body.view;
                let high = claim(Phase::Prepare, view.previous())?;
                let body = NewView { view, high_view: high.statement.view };
                let new_view = sign(body, message.new_view.by, material)?;
                let entry = message.entry.clone();
                Some(Wire::NewView(WireNewView { new_view, high: Some(high), entry }.into()))
            }
            Wire::Vote(vote) => claim(Phase::Commit, vote.body.view).map(Wire::Certificate),
            _ => None,
        }
    }

    fn scripts() -> &'static [Script<Self>] {
        SCRIPTS
    }
}

fn sign<T: Statement>(
    body: T,
    by: PartyId,
    material: &Material<'_, HotStuff>,
) -> Option<Signed<T>> {
    Some(material.signers.get(&by)?.sign(body).into_signed())
}

fn renew<T: Statement>(signed: &mut Signed<T>, material: &Material<'_, HotStuff>) -> Option<()> {
    *signed = sign(signed.body.clone(), signed.by, material)?;
    Some(())
}

/// The votes that were seen.
pub(super) fn votes<'a>(
    material: &'a Material<'_, HotStuff>,
) -> impl Iterator<Item = Signed<Vote>> + 'a {
    material.wires().filter_map(|wire| match wire {
        Wire::Vote(vote) => Some(vote.clone()),
        _ => None,
    })
}

/// A vote for another block of the view: one that was proposed, or an invention.
fn other_vote(vote: &Vote, material: &Material<'_, HotStuff>) -> Vote {
    let other = material.wires().find_map(|wire| match wire {
        Wire::Prepare { block, .. } => {
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

static SCRIPTS: &[Script<HotStuff>] = &[
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
        |env, to, wire| on_older(1, env, to, wire),
    ),
    Script::of_changes(
        "HS7",
        "the leader extends the certificate before the last but one",
        &[3],
        |env, to, wire| on_older(2, env, to, wire),
    ),
    Script::of_changes(
        "HS9",
        "the parent of the block is not the certified block",
        &[0],
        mismatched_parent,
    ),
    Script::of_changes(
        "HS12",
        "with every new-view, timeouts for views up to the end of numbers to everybody",
        &[3],
        far_timeouts,
    ),
    Script::of_changes("HS16", "the leader proposes for a view far ahead", &[2], far_ahead),
    Script::of_changes(
        "HS17",
        "a block without a certificate, as if it were on genesis, at a high view",
        &[0],
        no_certificate,
    ),
    Script::of_changes("HS18", "votes go to the leader of the next view", &[3], to_next_leader),
    Script::of_reactions(
        "HS20",
        "a party proposes an empty block in every other leader's view",
        &[3],
        usurp,
    ),
    scripts::OLD_REQUEST,
    scripts::LATE_CERTIFICATE,
    scripts::EMPTY_BLOCKS,
    scripts::TWO_DECISIONS,
    scripts::OTHER_PHASE,
];

/// HS2: both versions, and both votes, to everybody.
pub(super) fn two_to_everybody(
    env: &Env<'_, HotStuff>,
    to: Target,
    wire: &Wire,
) -> Option<Vec<(Target, Wire)>> {
    let other = HotStuff::conflicting(wire, 1, &env.material)?;
    Some(vec![(to, wire.clone()), (to, other)])
}

/// Where a block may be put: certificate, block and height.
pub(super) struct Place {
    pub(super) high: Option<Claim<Vote>>,
    pub(super) parent: Digest,
    pub(super) height: u64,
}

impl Place {
    fn view(&self) -> View {
        self.high.as_ref().map_or(View::GENESIS, |high| high.statement.view)
    }
}

pub(super) fn genesis(env: &Env<'_, HotStuff>) -> Digest {
    crate::Block::genesis(env.material.context.committee.instance()).hash()
}

/// The proposal put somewhere else, with no requests, so that it is valid there.
pub(super) fn moved(header: &Header, place: &Place, env: &Env<'_, HotStuff>) -> Option<Wire> {
    let header = Header {
        height: place.height + 1,
        parent: place.parent,
        justify_view: place.view(),
        ..header.clone()
    };
    let block = sign_block(header, &[], &env.material)?;
    Some(Wire::Prepare { block: block.into(), high: place.high.clone() })
}

/// HS3.
pub(super) fn on_genesis(
    env: &Env<'_, HotStuff>,
    to: Target,
    wire: &Wire,
) -> Option<Vec<(Target, Wire)>> {
    let Wire::Prepare { block, .. } = wire else { return None };
    let place = Place { high: None, parent: genesis(env), height: 0 };
    Some(vec![(to, moved(&block.header.body, &place, env)?)])
}

/// HS6, HS7: the proposal so many certificates further back.
fn on_older(
    back: usize,
    env: &Env<'_, HotStuff>,
    to: Target,
    wire: &Wire,
) -> Option<Vec<(Target, Wire)>> {
    let Wire::Prepare { block, .. } = wire else { return None };
    let header = &block.header.body;
    let mut place = Place { high: None, parent: header.parent, height: header.height - 1 };
    for _ in 0..back {
        // The proposal of the parent shows the certificate that it was on itself.
        let below = env.material.wires().find_map(|seen| match seen {
            Wire::Prepare { block, high } if block.header.body.hash() == place.parent => {
                Some((block.header.body.clone(), high.clone()))
            }
            _ => None,
        });
        let (below, high) = below?;
        place = Place { high, parent: below.parent, height: below.height - 1 };
    }
    Some(vec![(to, moved(header, &place, env)?)])
}

/// HS9: the newest certificate over a block on genesis.
fn mismatched_parent(
    env: &Env<'_, HotStuff>,
    to: Target,
    wire: &Wire,
) -> Option<Vec<(Target, Wire)>> {
    let Wire::Prepare { block, high } = wire else { return None };
    high.as_ref()?;
    let place = Place { high: high.clone(), parent: genesis(env), height: 0 };
    Some(vec![(to, moved(&block.header.body, &place, env)?)])
}

/// HS12: the new-view, and a timeout for each view that is a power of two ahead.
fn far_timeouts(env: &Env<'_, HotStuff>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let Wire::NewView(message) = wire else { return None };
    let NewView { view, high_view } = message.new_view.body;
    let mut sent = vec![(to, wire.clone())];
    for power in 0..u64::BITS {
        let far = View(view.0.saturating_add(1 << power));
        let timeout = WireTimeout {
            timeout: sign(Timeout { view: far, high_view }, env.party, &env.material)?,
            high: message.high.clone(),
            entry: None,
            committed: view,
            asks: 0,
            request: None,
        };
        sent.push((Target::All, Wire::Timeout(timeout.into())));
    }
    Some(sent)
}

/// HS18.
fn to_next_leader(
    env: &Env<'_, HotStuff>,
    _to: Target,
    wire: &Wire,
) -> Option<Vec<(Target, Wire)>> {
    let Wire::Vote(vote) = wire else { return None };
    let next = env.material.context.leader(vote.body.view.next());
    Some(vec![(Target::One(next), wire.clone())])
}

/// HS16.
fn far_ahead(env: &Env<'_, HotStuff>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let Wire::Prepare { block, high } = wire else { return None };
    let n = env.material.context.committee.n() as u64;
    let header =
        Header { view: View(block.header.body.view.0 + 1000 * n), ..block.header.body.clone() };
    let block = sign_block(header, &block.requests, &env.material)?;
    Some(vec![(to, Wire::Prepare { block: block.into(), high: high.clone() })])
}

/// HS17: no certificate, and a header that claims a very new one.
fn no_certificate(env: &Env<'_, HotStuff>, to: Target, wire: &Wire) -> Option<Vec<(Target, Wire)>> {
    let Wire::Prepare { block, .. } = wire else { return None };
    let header = Header {
        height: 1,
        parent: genesis(env),
        justify_view: block.header.body.view.previous(),
        ..block.header.body.clone()
    };
    let block = sign_block(header, &[], &env.material)?;
    Some(vec![(to, Wire::Prepare { block: block.into(), high: None })])
}

/// HS20: as soon as a block is decided, an empty one of its own for the next view, before its
/// leader can have heard from a quorum.
pub(super) fn usurp(env: &Env<'_, HotStuff>, wire: &Wire) -> Vec<(Target, Wire)> {
    let Wire::Certificate(qc) = wire else { return Vec::new() };
    if qc.statement.phase != Phase::Commit {
        return Vec::new();
    }
    let view = qc.statement.view.next();
    let decided = env.material.wires().find_map(|seen| match seen {
        Wire::Prepare { block, .. } if block.header.body.hash() == qc.statement.hash => {
            Some(block.header.body.clone())
        }
        _ => None,
    });
    let high = env.material.wires().find_map(|seen| match seen {
        Wire::Certificate(other)
            if other.statement.phase == Phase::Prepare
                && other.statement.hash == qc.statement.hash =>
        {
            Some(other.clone())
        }
        _ => None,
    });
    let proposal = decided.zip(high).and_then(|(decided, high)| {
        let header = Header { view, proposer: env.party, ..decided.clone() };
        let place = Place { high: Some(high), parent: qc.statement.hash, height: decided.height };
        (env.material.context.leader(view) != env.party)
            .then(|| moved(&header, &place, env))
            .flatten()
    });
    proposal.map(|proposal| (Target::All, proposal)).into_iter().collect()
}
