//! Attacks on classic PBFT: conflicting and forged messages, and the scripts of the catalogue.

use std::sync::Arc;

use byzlab_crypto::{Digest, PartyId, Signed, Statement};

use super::{
    machine::{PbftClassic, Record},
    scripts,
    statements::{Checkpoint, Commit, Prepare, ViewChange},
    wire::{Wire, WireViewChange, contents},
};
use crate::{
    Attack, Material,
    attack::{
        Can, Forgery,
        workshop::{forge, sign_block},
    },
    byzantine::Script,
    smr::{Batch, Command, Header, WireBlock},
};

impl Attack for PbftClassic {
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
            Wire::PrePrepare { block, .. } => {
                let requests = other_requests(block, variant, material)?;
                pre_prepare(block.header.body.clone(), &requests, material)
            }
            Wire::Prepare(vote) => {
                let digest = other_digest(&vote.body, material);
                let other = Prepare { digest, ..vote.body.clone() };
                Some(Wire::Prepare(sign(other, vote.by, material)?))
            }
            Wire::Commit(vote) => {
                let Commit { view, slot, digest } = vote.body;
                let digest = other_digest(&Prepare { view, slot, digest }, material);
                Some(Wire::Commit(sign(Commit { view, slot, digest }, vote.by, material)?))
            }
            Wire::Checkpoint(vote) => {
                let state = Digest::of("byzlab/invented/1", &vote.body.state.0);
                let other = Checkpoint { slot: vote.body.slot, state };
                Some(Wire::Checkpoint(sign(other, vote.by, material)?))
            }
            _ => None,
        }
    }

    fn impersonate(wire: &Wire, author: PartyId) -> Option<Wire> {
        let mut forged = wire.clone();
        match &mut forged {
            Wire::PrePrepare { vote, block } => {
                vote.by = author;
                Arc::make_mut(block).header.by = author;
            }
            Wire::Prepare(vote) => vote.by = author,
            Wire::Commit(vote) => vote.by = author,
            Wire::Checkpoint(vote) => vote.by = author,
            Wire::ViewChange(message) => message.change.by = author,
            Wire::NewView(message) => message.new_view.by = author,
            Wire::Progress(_) | Wire::Committed { .. } | Wire::State { .. } => return None,
            Wire::Forward(_) | Wire::Sync(_) => return None,
        }
        Some(forged)
    }

    fn resign(wire: &Wire, material: &Material<'_, Self>) -> Option<Wire> {
        let mut changed = wire.clone();
        match &mut changed {
            Wire::PrePrepare { vote, block } => {
                renew(vote, material)?;
                renew(&mut Arc::make_mut(block).header, material)?;
            }
            Wire::Prepare(vote) => renew(vote, material)?,
            Wire::Commit(vote) => renew(vote, material)?,
            Wire::Checkpoint(vote) => renew(vote, material)?,
            Wire::ViewChange(message) => renew(&mut message.change, material)?,
            Wire::NewView(message) => renew(&mut message.new_view, material)?,
            Wire::Progress(_) | Wire::Committed { .. } | Wire::State { .. } => {}
            Wire::Forward(_) | Wire::Sync(_) => {}
        }
        Some(changed)
    }

    fn seal(wire: &Wire, material: &Material<'_, Self>) -> Wire {
        let clients = &material.context.clients;
        let mut sealed = wire.clone();
        match &mut sealed {
            Wire::PrePrepare { vote, block } => {
                let block = Arc::make_mut(block);
                block.header.body.payload = Batch::of_signed(clients, &block.requests).digest();
                let header = &block.header.body;
                let (view, slot) = (header.view, header.height);
                vote.body = Prepare { view, slot, digest: header.hash() };
            }
            Wire::ViewChange(message) => {
                let listed = &mut message.change.body.prepared;
                listed.iter_mut().for_each(|prepared| nothing(&mut prepared.digest));
                message.prepared.truncate(listed.len());
            }
            Wire::NewView(message) => {
                for vote in &mut message.proposals {
                    nothing(&mut vote.body.digest);
                    let _ = renew(vote, material);
                }
                let [changes, proposals] = contents(&message.changes, &message.proposals);
                let body = &mut message.new_view.body;
                (body.changes, body.proposals) = (changes, proposals);
            }
            _ => {}
        }
        sealed
    }

    /// Forgets what was accepted and prepared.
    fn forget(&mut self) -> bool {
        let mut slots = self.record.slots.clone();
        for entry in slots.values_mut() {
            entry.accepted = None;
            entry.prepared = None;
        }
        let forgotten = Record { slots, ..self.record.clone() };
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
            Wire::ViewChange(message) => {
                let ViewChange { view, stable, .. } = message.change.body;
                let slot = stable.saturating_add(1);
                let prepared = Prepare { view: view.previous(), slot, digest: target };
                let claim = forge(prepared.clone(), forgery, prepares(material), material)?;
                let change = ViewChange { view, stable, prepared: vec![prepared] };
                Some(Wire::ViewChange(Box::new(WireViewChange {
                    change: sign(change, message.change.by, material)?,
                    checkpoint: message.checkpoint.clone(),
                    prepared: vec![claim],
                })))
            }
            Wire::Commit(vote) => {
                // The null request needs no batch to be shown with it.
                let body = Commit { digest: super::null(), ..vote.body.clone() };
                let certificate = forge(body, forgery, commits(material), material)?;
                Some(Wire::Committed { certificate, block: None })
            }
            _ => None,
        }
    }

    fn scripts() -> &'static [Script<Self>] {
        scripts::SCRIPTS
    }
}

/// What says nothing at all says the null request.
fn nothing(digest: &mut Digest) {
    if *digest == Digest::ZERO {
        *digest = super::null();
    }
}

pub(super) fn sign<T: Statement>(
    body: T,
    by: PartyId,
    material: &Material<'_, PbftClassic>,
) -> Option<Signed<T>> {
    Some(material.signers.get(&by)?.sign(body).into_signed())
}

fn renew<T: Statement>(signed: &mut Signed<T>, material: &Material<'_, PbftClassic>) -> Option<()> {
    *signed = sign(signed.body.clone(), signed.by, material)?;
    Some(())
}

/// A pre-prepare of a corrupted primary for these requests, under this header.
pub(super) fn pre_prepare(
    header: Header,
    requests: &[Signed<Command>],
    material: &Material<'_, PbftClassic>,
) -> Option<Wire> {
    let (view, slot, by) = (header.view, header.height, header.proposer);
    let block = sign_block(header, requests, material)?;
    let digest = block.header.body.hash();
    let vote = sign(Prepare { view, slot, digest }, by, material)?;
    Some(Wire::PrePrepare { vote, block: block.into() })
}

/// The prepares that were seen, those of primaries included.
pub(super) fn prepares<'a>(
    material: &'a Material<'_, PbftClassic>,
) -> impl Iterator<Item = Signed<Prepare>> + 'a {
    material.wires().filter_map(|wire| match wire {
        Wire::PrePrepare { vote, .. } | Wire::Prepare(vote) => Some(vote.clone()),
        _ => None,
    })
}

/// The commits that were seen.
pub(super) fn commits<'a>(
    material: &'a Material<'_, PbftClassic>,
) -> impl Iterator<Item = Signed<Commit>> + 'a {
    material.wires().filter_map(|wire| match wire {
        Wire::Commit(vote) => Some(vote.clone()),
        _ => None,
    })
}

/// Another batch for the slot and view: one that was proposed, or an invention.
fn other_digest(vote: &Prepare, material: &Material<'_, PbftClassic>) -> Digest {
    let place = |other: &Prepare| (other.view, other.slot);
    let other = prepares(material)
        .find(|other| place(&other.body) == place(vote) && other.body.digest != vote.digest);
    other.map_or(Digest::of("byzlab/invented/1", &vote.digest.0), |other| other.body.digest)
}

/// Other requests than those of the batch: a late one alone, or the same ones more than once.
fn other_requests(
    block: &WireBlock,
    variant: u32,
    material: &Material<'_, PbftClassic>,
) -> Option<Vec<Signed<Command>>> {
    let known = material.requests.iter().rev().map(|request| vec![request.signed().clone()]);
    let mut choices: Vec<_> = known.take(8).filter(|choice| *choice != block.requests).collect();
    choices.extend((2..4).map(|times| vec![block.requests.clone(); times].concat()));
    choices.into_iter().nth(variant.checked_sub(1)? as usize)
}
