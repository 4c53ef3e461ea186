//! Turns what parties do into events: numbers them, finds causes, counts message delays.

use std::collections::BTreeMap;

use byzlab_crypto::{Evidence, PartyId};
use byzlab_protocols::{
    Decision, Installed, Kind, Packet, Protocol, Reply, Role, Target, Time, View,
};

use crate::{Detail, Event, EventId, FaultId, Observer, What};

/// How many views back message delays are remembered.
const DEPTHS: usize = 4;

/// How many proposals are remembered of a protocol whose views overlap.
const PROPOSALS: usize = 4096;

/// Numbers events and shows them to the observers.
///
/// Message delays are counted as corrections B3 says: a proposal has 1; what is sent while a
/// message of depth d is handled has d + 1; what a timer sends has one more than the deepest
/// message of the same view that its sender handled before. What a party says to itself is no
/// message: it takes no delay and adds none.
///
/// Where views overlap ([`byzlab_protocols::About::pipeline`]) a proposal is a message like others,
/// and a decision counts from the proposal of its own view.
#[derive(Clone)]
pub struct Recorder {
    observers: Vec<Box<dyn Observer>>,
    kinds: &'static [Kind],
    last: u64,
    now: Time,
    cause: Option<EventId>,
    /// The depth of the message that is being handled; nothing for timers and the like.
    handling: Option<u32>,
    depths: Vec<[(View, u32); DEPTHS]>,
    overlap: bool,
    /// Where views overlap: the depths of the first proposals of the last views.
    proposals: BTreeMap<View, u32>,
}

impl Recorder {
    /// A recorder for `n` parties of a protocol.
    pub fn new<P: Protocol>(n: usize, observers: Vec<Box<dyn Observer>>) -> Recorder {
        Recorder {
            observers,
            kinds: P::ABOUT.kinds,
            last: 0,
            now: Time::ZERO,
            cause: None,
            handling: None,
            depths: vec![[(View::GENESIS, 0); DEPTHS]; n],
            overlap: P::ABOUT.pipeline > 0,
            proposals: BTreeMap::new(),
        }
    }

    /// Gives the observers back.
    pub fn into_observers(self) -> Vec<Box<dyn Observer>> {
        self.observers
    }

    /// Something happens from outside: what follows has no cause until an event is made one.
    pub fn begin(&mut self, now: Time) {
        self.now = now;
        self.cause = None;
        self.handling = None;
    }

    /// Records an event.
    pub fn event(&mut self, party: PartyId, what: What, detail: Detail<'_>) -> EventId {
        // What is shown belongs to the event before it: a run that is watched is the same run.
        self.last += u64::from(!matches!(what, What::Shown));
        let id = EventId(self.last);
        let event = Event { id, at: self.now, party, cause: self.cause, what };
        for observer in &mut self.observers {
            observer.see(&event, detail);
        }
        id
    }

    /// Records an event without detail.
    pub fn plain(&mut self, party: PartyId, what: What) -> EventId {
        self.event(party, what, Detail::None)
    }

    /// Records an event that causes all that follows in this step.
    pub fn trigger(&mut self, party: PartyId, what: What) {
        self.cause = Some(self.plain(party, what));
    }

    /// A message arrives and is handled from now on.
    pub fn delivered<P: Protocol>(
        &mut self,
        party: PartyId,
        from: PartyId,
        send: EventId,
        packet: &Packet<P>,
        hops: u32,
    ) {
        let tag = *packet.tag();
        let hops = hops.saturating_sub(u32::from(party == from));
        let depth = &mut self.depths[party.index()][tag.view.0 as usize % DEPTHS];
        if depth.0 == tag.view {
            depth.1 = depth.1.max(hops);
        } else if depth.0 < tag.view {
            *depth = (tag.view, hops);
        }
        self.handling = Some(hops);
        let bytes = packet.bytes();
        self.trigger(party, What::Delivered { send, from, tag, bytes, hops });
    }

    /// A message is sent to so many others. Gives the event and the message's depth.
    pub fn sent<P: Protocol>(
        &mut self,
        party: PartyId,
        to: Target,
        packet: &Packet<P>,
        copies: usize,
    ) -> (EventId, u32) {
        let tag = *packet.tag();
        let same = |kind: &&Kind| std::ptr::eq(kind.name, tag.kind) || kind.name == tag.kind;
        let kind = self.kinds.iter().find(same);
        let hops = match (kind.map(|kind| kind.role), self.handling) {
            (Some(Role::Proposal), handling) if self.overlap => {
                self.proposed(tag.view, handling.unwrap_or_default() + 1)
            }
            (Some(Role::Proposal), _) => 1,
            (_, Some(depth)) => depth + 1,
            (_, None) => 1 + self.depth(party, tag.view),
        };
        let copies = copies as u16;
        let what = What::Sent { to, tag, bytes: packet.bytes(), copies, hops };
        (self.event(party, what, Detail::Message(packet)), hops)
    }

    /// A proposal of so many message delays; the first one of its view counts.
    fn proposed(&mut self, view: View, depth: u32) -> u32 {
        self.proposals.entry(view).or_insert(depth);
        while self.proposals.len() > PROPOSALS {
            self.proposals.pop_first();
        }
        depth
    }

    fn depth(&self, party: PartyId, view: View) -> u32 {
        let (of, depth) = self.depths[party.index()][view.0 as usize % DEPTHS];
        if of == view { depth } else { 0 }
    }

    /// A decision.
    pub fn decided(&mut self, party: PartyId, decision: &Decision) {
        let hops = match decision.rounds {
            Some(rounds) => rounds as u32,
            None => {
                let depth = self.handling.unwrap_or_else(|| self.depth(party, decision.view));
                // Only where views overlap is a proposal deeper than 1.
                let before = self.proposals.get(&decision.view).map_or(0, |depth| depth - 1);
                depth.saturating_sub(before)
            }
        };
        let Decision { slot, view, digest, .. } = *decision;
        let what = What::Decided { slot, view, digest, hops };
        self.event(party, what, Detail::Decision(decision));
    }

    /// The log up to a place was taken over.
    pub fn installed(&mut self, party: PartyId, installed: &Installed) {
        let what = What::Installed { slot: installed.slot, log: installed.log };
        self.event(party, what, Detail::Installed(installed));
    }

    /// A proof for a value that conflicts with the log.
    pub fn conflicted(&mut self, party: PartyId, other: &Decision) {
        let what = What::Conflicted { slot: other.slot, digest: other.digest };
        self.event(party, what, Detail::Decision(other));
    }

    /// An answer to a client.
    pub fn replied(&mut self, party: PartyId, reply: &Reply) {
        self.event(party, What::Replied(reply.request), Detail::Reply(reply));
    }

    /// An accusation.
    pub fn accused(&mut self, party: PartyId, evidence: &Evidence) {
        self.event(party, What::Accused(evidence.culprit), Detail::Evidence(evidence));
    }

    /// A fault of the scenario changed what an honest party receives.
    pub fn fired(&mut self, party: PartyId, fault: FaultId) {
        self.plain(party, What::Fired(fault));
    }
}
