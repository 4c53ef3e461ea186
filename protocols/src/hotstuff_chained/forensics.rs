//! Who is to blame, from all that honest parties received (corrections A8).

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{Certificate, Evidence, EvidenceRule, PartyId, Verified};

use super::{
    machine::ChainedHotStuff,
    wire::{Message, Qc, TimeoutCertificate, Vote},
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
/// The procedure of corrections A8 intersects the voters of the uppermost block of one decision
/// with those of the first conflicting certificate above the decided view. Every culprit that it
/// names signed a pair that [`Vote`] calls contradicting, and all votes are inside the
/// certificates received: so the pairs are looked for directly, and nobody else is ever named.
pub(super) fn culprits(
    context: &Context,
    witnessed: &[Arc<Packet<ChainedHotStuff>>],
) -> Vec<Evidence> {
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
    votes: BTreeMap<(PartyId, View), Verified<Vote>>,
    proofs: BTreeMap<(PartyId, String), Evidence>,
}

impl Casebook {
    fn enter(&mut self, message: &Message) {
        match message {
            Message::Propose(block, justify) => {
                self.block(block);
                self.certificate(justify.as_ref());
            }
            Message::Vote(vote) => self.vote(vote),
            Message::Timeout(message) => {
                self.certificate(message.high.as_ref());
                self.timeouts(message.entry.as_ref());
                message.vote.iter().for_each(|vote| self.vote(vote));
            }
            Message::TimeoutCertificate(certificate, vote) => {
                self.timeouts(Some(certificate));
                vote.iter().for_each(|vote| self.vote(vote));
            }
            Message::Help { high, entry, commit, .. } => {
                self.certificate(high.as_ref());
                self.timeouts(entry.as_deref());
                self.certificate(commit.as_ref().map(|commit| &commit.certificate));
            }
            Message::Blocks(blocks) => blocks.iter().for_each(|block| self.block(block)),
            Message::Fetch { .. } => {}
        }
    }

    fn timeouts(&mut self, certificate: Option<&TimeoutCertificate>) {
        self.certificate(certificate.and_then(|certificate| certificate.high.as_ref()));
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
        let first = self.votes.entry((vote.by(), vote.body().view)).or_insert_with(|| vote.clone());
        let evidence = Evidence::pair(first, vote);
        self.prove(evidence);
    }

    /// A vote that locks at view e, and a later one that is justified from before e.
    fn amnesia(&mut self) {
        let mut found = Vec::new();
        // The vote of each party that locks highest, among those of lower views.
        let mut highest: Option<&Verified<Vote>> = None;
        for ((by, _), vote) in &self.votes {
            let locked = highest.filter(|highest| highest.by() == *by);
            found.extend(locked.and_then(|locked| Evidence::pair(locked, vote)));
            if locked.is_none_or(|locked| locked.body().locks < vote.body().locks) {
                highest = Some(vote);
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
