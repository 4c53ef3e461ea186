//! Who is to blame, from all that honest parties received (corrections A8).

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{Certificate, Evidence, EvidenceRule, PartyId, Verified};

use super::{
    machine::HotStuff,
    wire::{Entry, Message, Phase, Qc, TimeoutCertificate, Vote},
};
use crate::{
    Context, Packet, View,
    smr::{Block, Header},
};

/// The pairs of statements that prove guilt.
pub(super) fn rules() -> Vec<EvidenceRule> {
    vec![EvidenceRule::of::<Header, Header>(), EvidenceRule::of::<Vote, Vote>()]
}

/// All proofs, one for each party and fault.
///
/// The procedure of corrections A8 intersects the commit voters of one decision with the voters
/// of the first conflicting prepare certificate. Every culprit that it names signed a pair that
/// [`Vote`] calls contradicting, and all votes are inside the certificates received: so the pairs
/// are looked for directly, and nobody else is ever named.
pub(super) fn culprits(context: &Context, witnessed: &[Arc<Packet<HotStuff>>]) -> Vec<Evidence> {
    let mut casebook = Casebook::default();
    for message in witnessed.iter().filter_map(|packet| packet.verdict(context).as_ref().ok()) {
        casebook.enter(message);
    }
    casebook.amnesia();
    casebook.proofs.into_values().collect()
}

/// What was signed, by signer and view.
#[derive(Default)]
struct Casebook {
    headers: BTreeMap<(PartyId, View), Verified<Header>>,
    votes: BTreeMap<(PartyId, Phase, View), Verified<Vote>>,
    proofs: BTreeMap<(PartyId, String), Evidence>,
}

impl Casebook {
    fn enter(&mut self, message: &Message) {
        match message {
            Message::NewView { high, entry, .. } => {
                self.certificate(high.as_ref());
                self.entry(entry.as_deref());
            }
            Message::Timeout(message) => {
                self.certificate(message.high.as_ref());
                self.entry(message.entry.as_ref());
            }
            Message::Prepare(block, high) => {
                self.block(block);
                self.certificate(high.as_ref());
            }
            Message::Vote(vote) => self.vote(vote),
            Message::Certificate(qc) => self.certificate(Some(qc)),
            Message::TimeoutCertificate(certificate) => self.timeouts(certificate),
            Message::Help { high, entry, commit, .. } => {
                self.certificate(high.as_ref());
                self.entry(entry.as_deref());
                self.certificate(commit.as_ref());
            }
            Message::Blocks(blocks) => blocks.iter().for_each(|block| self.block(block)),
            Message::Fetch { .. } => {}
        }
    }

    fn entry(&mut self, entry: Option<&Entry>) {
        match entry {
            Some(Entry::Decided(qc)) => self.certificate(Some(qc)),
            Some(Entry::TimedOut(certificate)) => self.timeouts(certificate),
            None => {}
        }
    }

    fn timeouts(&mut self, certificate: &TimeoutCertificate) {
        self.certificate(certificate.high.as_ref());
    }

    fn certificate(&mut self, qc: Option<&Qc>) {
        let Some(qc) = qc else { return };
        let signers = Certificate::signers(qc);
        signers.iter().filter_map(|by| qc.vote(by)).for_each(|vote| self.vote(&vote));
    }

    fn block(&mut self, block: &Block) {
        if let Some(header) = block.signed_header() {
            let key = (header.by(), header.body().view);
            let first = self.headers.entry(key).or_insert_with(|| header.clone());
            let evidence = Evidence::pair(first, header);
            self.prove(evidence);
        }
    }

    fn vote(&mut self, vote: &Verified<Vote>) {
        let key = (vote.by(), vote.body().phase, vote.body().view);
        let first = self.votes.entry(key).or_insert_with(|| vote.clone());
        let evidence = Evidence::pair(first, vote);
        self.prove(evidence);
    }

    /// A commit vote in view e, and a later prepare vote that is justified from before e.
    fn amnesia(&mut self) {
        let mut found = Vec::new();
        for ((by, phase, view), prepare) in &self.votes {
            if *phase == Phase::Prepare {
                let from = prepare.body().justify_view.next();
                let commits = (*by, Phase::Commit, from)..(*by, Phase::Commit, (*view).max(from));
                let commits = self.votes.range(commits).map(|(_, commit)| commit);
                found.extend(commits.filter_map(|commit| Evidence::pair(commit, prepare)));
            }
        }
        found.into_iter().for_each(|evidence| self.prove(Some(evidence)));
    }

    fn prove(&mut self, evidence: Option<Evidence>) {
        if let Some(evidence) = evidence {
            let key = (evidence.culprit, evidence.fault.clone());
            self.proofs.entry(key).or_insert(evidence);
        }
    }
}
