//! Attacks on the schedule alone (catalogue 2.7), and adaptive corruption (G19): one mind that
//! needs no knowledge of the protocol.

use std::sync::Arc;

use byzlab_crypto::{PartyId, Signer};
use byzlab_protocols::{Attack, Effects, Input, Packet, Role, Span, View};
use byzlab_trace::FaultId;

use crate::{Adversary, Behaving, Flight, Move, Moves, Sight};

/// How messages between honest parties are scheduled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// S2: the leader of a view is cut off as long as the model allows.
    IsolateLeader,
    /// S4: everything takes as long as the model allows.
    ExactDelta,
    /// S10: votes of the last phase take as long as the model allows, all else is instant.
    StarveLastVotes,
    /// S12: whatever party 0 sends or receives takes as long as the model allows.
    SlowParty,
    /// G19: the leader of each new view is corrupted and falls silent, while the budget lasts.
    CorruptLeaders,
}

/// What is known of a strategy.
pub struct StrategyInfo {
    /// Its id in the catalogue of attacks.
    pub id: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// What it does.
    pub strategy: Strategy,
}

/// All strategies.
pub static STRATEGIES: &[StrategyInfo] = &[
    StrategyInfo {
        id: "S2",
        title: "the leader is cut off as long as the model allows",
        strategy: Strategy::IsolateLeader,
    },
    StrategyInfo {
        id: "S4",
        title: "every message takes as long as the model allows",
        strategy: Strategy::ExactDelta,
    },
    StrategyInfo {
        id: "S10",
        title: "votes of the last phase take as long as the model allows",
        strategy: Strategy::StarveLastVotes,
    },
    StrategyInfo {
        id: "S12",
        title: "one party is as slow as the model allows",
        strategy: Strategy::SlowParty,
    },
    StrategyInfo {
        id: "G19",
        title: "the next leader is corrupted as soon as its view begins, up to the budget",
        strategy: Strategy::CorruptLeaders,
    },
];

/// An adversary that schedules, and lets corrupted parties behave.
#[derive(Clone, Debug)]
pub struct Scheduler<P: Attack> {
    strategy: Strategy,
    fault: FaultId,
    behaving: Behaving<P>,
    /// The last view whose leader was corrupted.
    corrupted: View,
}

impl<P: Attack> Scheduler<P> {
    /// A scheduler beside these behaviours.
    pub fn new(strategy: Strategy, fault: FaultId, behaving: Behaving<P>) -> Self {
        Scheduler { strategy, fault, behaving, corrupted: View::GENESIS }
    }

    fn leads(sight: &Sight<'_>, party: PartyId) -> bool {
        let view = sight.views[party.index()];
        view > View::GENESIS && sight.context.leader(view) == party
    }

    fn is_last_vote(packet: &Arc<Packet<P>>) -> bool {
        let mut votes = P::ABOUT.kinds.iter().filter(|kind| kind.role == Role::Vote);
        votes.next_back().is_some_and(|kind| kind.name == packet.tag().kind)
    }
}

impl<P: Attack> Adversary<P> for Scheduler<P> {
    fn input(&mut self, sight: &Sight<'_>, party: PartyId, input: &Input<P>, fx: &mut Effects<P>) {
        self.behaving.input(sight, party, input, fx);
    }

    fn carry(&mut self, sight: &Sight<'_>, flight: &Flight<'_, P>, moves: &mut Moves) {
        let slow = match self.strategy {
            Strategy::ExactDelta => true,
            Strategy::SlowParty => flight.from == PartyId(0) || flight.to == PartyId(0),
            Strategy::IsolateLeader => {
                Self::leads(sight, flight.from) || Self::leads(sight, flight.to)
            }
            Strategy::StarveLastVotes => Self::is_last_vote(flight.packet),
            Strategy::CorruptLeaders => {
                let view = sight.views[flight.from.index()];
                if view > self.corrupted {
                    self.corrupted = view;
                    moves.corrupt.push(sight.context.leader(view));
                    moves.fault = Some(self.fault);
                }
                false
            }
        };
        let until = if slow { flight.latest } else { sight.now.after(Span::TICK) };
        if self.strategy == Strategy::CorruptLeaders {
            return;
        }
        moves.message.push(Move::Delay(until));
        moves.fault = (slow && until != flight.arrival).then_some(self.fault);
    }

    fn watches(&self) -> bool {
        true
    }

    fn corrupted(&mut self, _party: PartyId, _machine: P, _signer: Signer) {
        // It falls silent: `Behaving` has nothing to do for it.
    }

    fn boxed(&self) -> Box<dyn Adversary<P>> {
        Box::new(self.clone())
    }
}

/// A strategy by its id.
pub fn strategy(id: &str) -> Option<&'static StrategyInfo> {
    STRATEGIES.iter().find(|info| info.id == id)
}
