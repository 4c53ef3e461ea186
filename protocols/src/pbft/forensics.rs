//! Who is to blame, from all that honest parties received (corrections A2).

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{
    Certificate, Contradicts, Evidence, EvidenceRule, PartyId, Statement, Verified,
};

use super::{
    machine::Pbft,
    wire::{Message, Report, Status, Vote, Vote2},
};
use crate::{
    Context, Packet, View,
    smr::{Block, Header},
};

/// The pairs of statements that prove guilt.
pub(super) fn rules() -> Vec<EvidenceRule> {
    vec![
        EvidenceRule::of::<Header, Header>(),
        EvidenceRule::of::<Vote, Vote>(),
        EvidenceRule::of::<Vote2, Vote2>(),
        EvidenceRule::of::<Vote2, Status>(),
    ]
}

/// All proofs of kind P-a and P-b, one for each party and fault.
///
/// The procedure of corrections A2 intersects the signers of two certificates of one view, or
/// those of a commit certificate with those of the statuses that justified the first conflicting
/// certificate. Every culprit that it names signed such a pair, and all of these statements are
/// among those received: so the pairs are looked for directly, and nobody else is ever named.
pub(super) fn culprits(context: &Context, witnessed: &[Arc<Packet<Pbft>>]) -> Vec<Evidence> {
    let mut casebook = Casebook::default();
    for message in witnessed.iter().filter_map(|packet| packet.verdict(context).as_ref().ok()) {
        casebook.enter(message);
    }
    casebook.amnesia();
    casebook.evidence.into_values().collect()
}

/// What was signed, by signer and view.
#[derive(Default)]
struct Casebook {
    headers: Signed<Header>,
    votes: Signed<Vote>,
    votes2: Signed<Vote2>,
    statuses: Vec<Verified<Status>>,
    evidence: Proofs,
}

/// The first proof of each party and fault.
type Proofs = BTreeMap<(PartyId, String), Evidence>;

type Signed<T> = BTreeMap<(PartyId, View), Verified<T>>;

impl Casebook {
    fn enter(&mut self, message: &Message) {
        match message {
            Message::Status { report, commit, bodies, .. } => {
                self.report(report);
                self.commit(commit.as_ref());
                bodies.iter().for_each(|block| self.block(block));
            }
            Message::Propose(proposal) => {
                self.block(&proposal.block);
                proposal.reports.iter().for_each(|report| self.report(report));
                proposal.bodies.iter().for_each(|block| self.block(block));
            }
            Message::Vote(vote) => self.vote(vote),
            Message::Vote2 { vote, certificate } => {
                self.vote2(vote);
                self.certificate(certificate);
            }
            Message::Commit(certificate) => self.commit(Some(certificate)),
            Message::Blocks(blocks) => blocks.iter().for_each(|block| self.block(block)),
            Message::Fetch { .. } => {}
        }
    }

    fn report(&mut self, report: &Report) {
        self.statuses.push(report.status.clone());
        report.lock.iter().for_each(|lock| self.certificate(lock));
    }

    fn block(&mut self, block: &Block) {
        if let Some(header) = block.signed_header() {
            let view = header.body().view;
            note(&mut self.headers, &mut self.evidence, view, header);
        }
    }

    fn vote(&mut self, vote: &Verified<Vote>) {
        let view = vote.body().view;
        note(&mut self.votes, &mut self.evidence, view, vote);
    }

    fn vote2(&mut self, vote: &Verified<Vote2>) {
        let view = vote.body().view;
        note(&mut self.votes2, &mut self.evidence, view, vote);
    }

    fn certificate(&mut self, certificate: &Certificate<Vote>) {
        let votes = certificate.signers();
        votes.iter().filter_map(|by| certificate.vote(by)).for_each(|vote| self.vote(&vote));
    }

    fn commit(&mut self, certificate: Option<&Certificate<Vote2>>) {
        let Some(certificate) = certificate else { return };
        let votes = certificate.signers();
        votes.iter().filter_map(|by| certificate.vote(by)).for_each(|vote| self.vote2(&vote));
    }

    /// P-b: vote2 in a view, and later a status that reports a lower lock.
    fn amnesia(&mut self) {
        for status in &self.statuses {
            let (by, lock, view) = (status.by(), status.body().lock_view, status.body().view);
            let between = (by, lock.next())..(by, view.max(lock.next()));
            for vote2 in self.votes2.range(between).map(|(_, vote2)| vote2) {
                prove(&mut self.evidence, Evidence::pair(vote2, status));
            }
        }
    }
}

/// Enters a statement; a second one that contradicts the first is evidence (P-a).
fn note<T: Statement + Contradicts<T>>(
    signed: &mut Signed<T>,
    proofs: &mut Proofs,
    view: View,
    statement: &Verified<T>,
) {
    let by = statement.by();
    let first = signed.entry((by, view)).or_insert_with(|| statement.clone());
    prove(proofs, Evidence::pair(first, statement));
}

fn prove(proofs: &mut Proofs, evidence: Option<Evidence>) {
    if let Some(evidence) = evidence {
        proofs.entry((evidence.culprit, evidence.fault.clone())).or_insert(evidence);
    }
}
