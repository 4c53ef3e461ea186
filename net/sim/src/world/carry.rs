//! Carries messages: what the network, the rules and the adversary make of them, and the referee
//! who keeps all of it within the model or says that it is not.

use std::sync::Arc;

use byzlab_crypto::PartyId;
use byzlab_protocols::{Packet, Protocol, Span, Stream, Target, Time};
use byzlab_trace::{Detail, EventId, What, Why};

use super::{InFlight, ToItself, World, receivers};
use crate::{Action, Flight, Move, Moves, Real, Sight, queue::Due};

/// What becomes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Arrives(Time),
    Lost(Why),
}

/// One message on one link.
#[derive(Clone, Copy)]
struct Link {
    from: PartyId,
    to: PartyId,
    /// When it is sent, or let go by a sender who held it back.
    at: Time,
}

impl<P: Protocol> World<P> {
    /// Sends a packet: one copy to each receiver, the sender's own beside the network.
    pub(super) fn send(
        &mut self,
        from: PartyId,
        to: Target,
        packet: &Arc<Packet<P>>,
        at: Time,
        to_itself: &mut ToItself<P>,
    ) {
        let n = self.context.committee.n();
        let others = match to {
            Target::All => n - 1,
            Target::One(party) if party == from || party.index() >= n => 0,
            Target::One(_) => 1,
        };
        let (send, hops) = self.recorder.sent(from, to, &**packet, others);
        if to == Target::All || to == Target::One(from) {
            to_itself.push_back((packet.clone(), send, hops));
        }
        if others == 0 {
            return;
        }
        let flight = self.take_off(InFlight { packet: packet.clone(), from, send, hops, left: 0 });
        for to in receivers(to, from, n) {
            self.carry(Link { from, to, at }, packet, send, flight);
        }
        self.land_if_empty(flight);
    }

    fn take_off(&mut self, flight: InFlight<P>) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                self.flights[slot as usize] = Some(flight);
                slot
            }
            None => {
                self.flights.push(Some(flight));
                self.flights.len() as u32 - 1
            }
        }
    }

    fn land_if_empty(&mut self, flight: u32) {
        let slot = &mut self.flights[flight as usize];
        if slot.as_ref().is_some_and(|slot| slot.left == 0) {
            *slot = None;
            self.free.push(flight);
        }
    }

    fn arrival(&mut self, flight: u32, link: Link, due: Time) {
        let at = self.really(link, due);
        if let Some(slot) = &mut self.flights[flight as usize] {
            slot.left += 1;
            self.queue.push(at, Due::Arrival { flight, to: link.to });
        }
    }

    /// When a message arrives that is due then: in the rehearsal of a real network, later.
    fn really(&mut self, link: Link, due: Time) -> Time {
        let Some(real) = &mut self.real else { return due };
        let at = real.arrival(link.from, link.to, due);
        let (bound, most) = (self.network.bound(link.at), real.most());
        // A message to a party that is down may be lost, or wait until it is back.
        let down = self.environment.crashes.iter().any(|crash| {
            let back = crash.restart.map_or(Time::NEVER, |when| when.after(most));
            crash.party == link.to && crash.at <= bound.latest() && link.at < back
        });
        if self.is_honest(link) && bound.allows(due) && !bound.allows(at) && !down {
            self.broken(
                link,
                "what a real network adds makes a message later than the model allows",
            );
        }
        at
    }

    /// Carries one copy over one link.
    fn carry(&mut self, link: Link, packet: &Arc<Packet<P>>, send: EventId, flight: u32) {
        let (drawn, twice) = self.by_network(link);
        let (mut fate, mut copies) = (drawn, 1);
        if !self.rules.is_empty() {
            (fate, copies) = self.by_rules(link, packet, fate);
        }
        if self.watches && self.is_honest(link) {
            fate = self.by_adversary(link, packet, fate, flight);
        }
        match fate {
            Fate::Lost(why) => {
                let (from, to) = (link.from, link.to);
                self.recorder.plain(to, What::Dropped { send, from, why });
            }
            Fate::Arrives(at) => {
                (0..copies).for_each(|_| self.arrival(flight, link, at));
                if let Some(again) = twice {
                    // No copy overtakes what rules or the adversary hold back.
                    let again = if fate == drawn { again } else { again.max(at) };
                    self.arrival(flight, link, again);
                }
            }
        }
    }

    /// What the network does, cuts included; and a second arrival, if it duplicates.
    fn by_network(&mut self, link: Link) -> (Fate, Option<Time>) {
        let Link { from, to, at } = link;
        let slack = self.real.as_ref().map_or(Span::ZERO, Real::most);
        if self.links.is_empty() && self.environment.cuts.is_empty() {
            let mut unused = Stream::from_state(0);
            return (Fate::Arrives(self.network.arrival(at, (from, to), slack, &mut unused)), None);
        }
        let (released, held) = self.environment.released(at, from, to);
        if let Some(fault) = held {
            self.recorder.fired(to, fault);
            if self.network.may_lose(at) {
                return (Fate::Lost(Why::Partition), None);
            }
            if released == Time::NEVER {
                if self.is_honest(link) {
                    self.broken(link, "a partition that never heals keeps a message for ever");
                }
                return (Fate::Lost(Why::Partition), None);
            }
        }
        let n = self.context.committee.n();
        let mut unused = Stream::from_state(0);
        let stream = match self.links.get_mut(from.index() * n + to.index()) {
            Some(stream) => stream,
            None => &mut unused,
        };
        let lost = self.network.may_lose(at) && stream.chance(self.network.loss);
        let arrival = self.network.arrival(released, (from, to), slack, stream);
        let twice = stream.chance(self.network.duplicate);
        let twice = twice.then(|| self.network.arrival(released, (from, to), slack, stream));
        if lost {
            return (Fate::Lost(Why::Loss), None);
        }
        if held.is_some() && self.is_honest(link) && !self.network.bound(at).allows(arrival) {
            self.broken(link, "a partition keeps a message longer than the model allows");
        }
        (Fate::Arrives(arrival), twice)
    }

    /// What the rules of the file do: exactly that, and the label says if the model is broken.
    /// And how many copies arrive.
    fn by_rules(&mut self, link: Link, packet: &Packet<P>, mut fate: Fate) -> (Fate, u32) {
        let mut copies = 1;
        for index in 0..self.rules.len() {
            let rule = &self.rules[index];
            if rule.action == Action::Set || !rule.on.fits(link.from, link.to, packet.tag()) {
                continue;
            }
            let count = self.occurrences[index].entry((link.from, link.to)).or_insert(0);
            *count += 1;
            if rule.on.occurrence.is_some_and(|wanted| wanted != *count) {
                continue;
            }
            let (action, fault) = (rule.action.clone(), rule.fault);
            let before = (fate, copies);
            fate = match (action, fate) {
                (Action::Drop, Fate::Arrives(_)) => {
                    if self.is_honest(link) && !self.network.may_lose(link.at) {
                        self.broken(link, "a rule drops a message that the model does not lose");
                    }
                    Fate::Lost(Why::Adversary)
                }
                (Action::Delay(by), Fate::Arrives(at)) => self.moved(link, at.after(by)),
                (Action::HoldUntil(until), Fate::Arrives(at)) => self.moved(link, at.max(until)),
                (Action::Duplicate(times), Fate::Arrives(at)) => {
                    copies += times - 1;
                    Fate::Arrives(at)
                }
                (_, fate) => fate,
            };
            if (fate, copies) != before {
                self.recorder.fired(link.to, fault);
            }
        }
        (fate, copies)
    }

    fn moved(&mut self, link: Link, at: Time) -> Fate {
        if self.is_honest(link) && !self.network.bound(link.at).allows(at) {
            self.broken(link, "a rule delays a message longer than the model allows");
        }
        Fate::Arrives(at)
    }

    /// What the adversary wants, as far as the model allows it.
    fn by_adversary(
        &mut self,
        link: Link,
        packet: &Arc<Packet<P>>,
        fate: Fate,
        flight: u32,
    ) -> Fate {
        let Fate::Arrives(arrival) = fate else { return fate };
        let latest = self.network.bound(link.at).latest().max(arrival);
        let mut moves = Moves::default();
        let sight = Sight {
            now: self.now,
            context: &self.context,
            corrupted: &self.corrupted,
            views: &self.views,
            decided: &self.decided,
        };
        let Link { from, to, at } = link;
        let shown = Flight { from, to, packet, arrival, latest };
        self.adversary.carry(&sight, &shown, &mut moves);
        let earliest = at.after(Span::TICK);
        let mut fate = Fate::Arrives(arrival);
        for wanted in std::mem::take(&mut moves.message) {
            match wanted {
                Move::Delay(until) => fate = Fate::Arrives(until.clamp(earliest, latest)),
                Move::Drop if self.network.may_lose(at) => fate = Fate::Lost(Why::Adversary),
                Move::Drop => fate = Fate::Arrives(latest),
                Move::Duplicate(again) => self.arrival(flight, link, again.max(earliest)),
            }
        }
        self.moves(&mut moves, from);
        fate
    }

    fn is_honest(&self, link: Link) -> bool {
        !self.corrupted.contains(link.from) && !self.corrupted.contains(link.to)
    }

    /// The referee: the scenario itself broke the model, and every output says so.
    fn broken(&mut self, link: Link, why: &str) {
        let text = format!("{why}: from {} to {}, sent at {}", link.from, link.to, link.at);
        self.out_of_model = true;
        self.recorder.event(link.to, What::OutOfModel, Detail::Text(&text));
    }
}
