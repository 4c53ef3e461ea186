//! Who is to blame, from all that honest parties received (corrections A2).

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{
    Certificate, Contradicts, Evidence, EvidenceRule, PartyId, Statement, Verified,
};

use super::{
    machine::PbftClassic,
    statements::{Checkpoint, Commit, Prepare, ViewChange},
    wire::{Change, Message},
};
use crate::{Context, Packet, View};

/// The pairs of statements that prove guilt.
pub(super) fn rules() -> Vec<EvidenceRule> {
    vec![
        EvidenceRule::of::<Prepare, Prepare>(),
        EvidenceRule::of::<Commit, Commit>(),
        EvidenceRule::of::<Checkpoint, Checkpoint>(),
        EvidenceRule::of::<Commit, ViewChange>(),
    ]
}

/// All proofs, one for each party and fault.
///
/// Two slots were decided differently. In one view: those who committed both. In views v < v': let u
/// be the first view after v with a prepared certificate for another batch. The quorum of view
/// changes that opened u shares `meet` parties with those who committed in v; what they list leaves
/// that commit out, since by choice of u nothing else can have been listed above it, or two were
/// prepared in v. The honest voters of u received that quorum. So the pairs are looked for directly,
/// and nobody else is ever named.
pub(super) fn culprits(context: &Context, witnessed: &[Arc<Packet<PbftClassic>>]) -> Vec<Evidence> {
    let mut casebook = Casebook::default();
    for message in witnessed.iter().filter_map(|packet| packet.verdict(context).as_ref().ok()) {
        casebook.enter(message);
    }
    casebook.amnesia();
    casebook.proofs.into_values().collect()
}

type Place = (PartyId, View, u64);

/// What was signed, by signer, view and slot.
#[derive(Default)]
struct Casebook {
    prepares: BTreeMap<Place, Verified<Prepare>>,
    commits: BTreeMap<Place, Verified<Commit>>,
    checkpoints: BTreeMap<Place, Verified<Checkpoint>>,
    changes: Vec<Verified<ViewChange>>,
    proofs: BTreeMap<(PartyId, String), Evidence>,
}

impl Casebook {
    fn enter(&mut self, message: &Message) {
        match message {
            Message::PrePrepare(vote, _) | Message::Prepare(vote) => self.prepare(vote),
            Message::Commit(vote) => self.commit(vote),
            Message::Checkpoint(vote) => self.checkpoint(vote),
            Message::ViewChange(change) => self.change(change),
            Message::NewView(opening) => {
                opening.changes.iter().for_each(|change| self.change(change));
                opening.proposals.iter().for_each(|vote| self.prepare(vote));
            }
            Message::Committed(committed, _) => {
                votes(committed).for_each(|vote| self.commit(&vote));
            }
            Message::State(stable, _) => votes(stable).for_each(|vote| self.checkpoint(&vote)),
            Message::Progress(_) | Message::Forward(_) => {}
            Message::Fetch(_) | Message::Blocks(_) => {}
        }
    }

    fn prepare(&mut self, vote: &Verified<Prepare>) {
        let place = (vote.by(), vote.body().view, vote.body().slot);
        let proof = note(&mut self.prepares, place, vote);
        self.prove(proof);
    }

    fn commit(&mut self, vote: &Verified<Commit>) {
        let place = (vote.by(), vote.body().view, vote.body().slot);
        let proof = note(&mut self.commits, place, vote);
        self.prove(proof);
    }

    fn checkpoint(&mut self, vote: &Verified<Checkpoint>) {
        let place = (vote.by(), View::GENESIS, vote.body().slot);
        let proof = note(&mut self.checkpoints, place, vote);
        self.prove(proof);
    }

    fn change(&mut self, change: &Change) {
        self.changes.push(change.change.clone());
        change.checkpoint.iter().flat_map(votes).for_each(|vote| self.checkpoint(&vote));
        change.prepared.iter().flat_map(votes).for_each(|vote| self.prepare(&vote));
    }

    /// A commit, and a later view change that leaves it out.
    fn amnesia(&mut self) {
        let mut proofs = Vec::new();
        for change in &self.changes {
            let own = (change.by(), View::GENESIS, 0)..(change.by(), change.body().view, 0);
            let commits = self.commits.range(own).map(|(_, commit)| commit);
            proofs.extend(commits.filter_map(|commit| Evidence::pair(commit, change)));
        }
        proofs.into_iter().for_each(|proof| self.prove(Some(proof)));
    }

    fn prove(&mut self, evidence: Option<Evidence>) {
        if let Some(evidence) = evidence {
            self.proofs.entry((evidence.culprit, evidence.fault.clone())).or_insert(evidence);
        }
    }
}

/// The votes of a certificate, one by one.
fn votes<T: Statement>(certificate: &Certificate<T>) -> impl Iterator<Item = Verified<T>> {
    let signers = certificate.signers();
    let votes: Vec<_> = signers.iter().filter_map(|by| certificate.vote(by)).collect();
    votes.into_iter()
}

/// Enters a statement; a second one that contradicts the first is evidence.
fn note<T: Statement + Contradicts<T>>(
    signed: &mut BTreeMap<Place, Verified<T>>,
    place: Place,
    statement: &Verified<T>,
) -> Option<Evidence> {
    let first = signed.entry(place).or_insert_with(|| statement.clone());
    Evidence::pair(first, statement)
}
