//! The time line of one party in a replay: its journals one after the other, and how each ended.

use byzlab_protocols::{Protocol, Span, Time};
use byzlab_sim::Crash;
use byzlab_trace::FaultId;

use super::ReplayError;
use crate::{
    actor::Actor,
    journal::{Entry, Source},
};

/// Something on the time line of a party.
#[derive(Debug)]
pub(super) enum Item {
    /// An entry: which of which life, both from 0 on.
    Entry { life: usize, step: usize, entry: Entry },
    /// A life ended.
    Ended(Ending),
}

/// How a life ended after which the run went on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    /// By a crash of the scenario.
    Planned(FaultId),
    /// By whoever runs the party, in order.
    Stopped,
    /// By something else.
    Killed,
}

/// A life that is still to come, or goes on.
struct Life {
    number: usize,
    steps: usize,
    source: Source,
    ended: Option<(Time, Ending)>,
}

/// A party.
pub(super) struct Seat<P: Protocol> {
    /// What comes next.
    head: Option<(Time, Item)>,
    /// What comes then, the last first.
    lives: Vec<Life>,
    pub(super) actor: Option<Actor<P>>,
    /// When it was down.
    pub(super) down: Vec<(Time, Time)>,
    /// How much too late it came back, if it did.
    pub(super) slow: Option<String>,
    empty: bool,
    end: Time,
}

impl<P: Protocol> Seat<P> {
    /// Which planned crash ended which life is told by their times: one between the first entry of a
    /// life and that of the next one.
    pub(super) fn new<'a>(
        sources: Vec<Source>,
        crashes: impl Iterator<Item = &'a Crash>,
        slack: Span,
    ) -> Result<Seat<P>, ReplayError> {
        let mut planned: Vec<&Crash> = crashes.collect();
        planned.sort_by_key(|crash| crash.at);
        let begins: Vec<_> =
            sources.iter().map(|source| source.span.map(|(first, _)| Time(first))).collect();
        let (mut lives, mut down, mut now) = (Vec::new(), Vec::new(), Time::ZERO);
        let (mut end, mut slow) = (Time::ZERO, None);
        for (number, source) in sources.into_iter().enumerate() {
            now = source.span.map_or(now, |(_, last)| Time(last));
            let back = begins[number + 1..].iter().find_map(|begin| *begin);
            let mut ended = None;
            if number + 1 < begins.len() || !source.stopped {
                let from = begins[number].unwrap_or(Time::ZERO);
                let until = back.filter(|_| begins[number].is_some()).unwrap_or(Time::NEVER);
                let fits = |crash: &&Crash| !source.stopped && (from..=until).contains(&crash.at);
                let crash = planned.iter().position(fits).map(|at| planned.remove(at));
                let planned_back = crash.and_then(|crash| crash.restart).zip(back);
                slow = slow.or(planned_back.filter(|(plan, back)| *back > plan.after(slack)).map(
                    |(plan, back)| {
                        format!("a party that was to be back at {plan} was back at {back}")
                    },
                ));
                let at = crash.map_or(now, |crash| crash.at.max(now));
                let ending = match crash {
                    Some(crash) => Ending::Planned(crash.fault),
                    None if source.stopped => Ending::Stopped,
                    None => Ending::Killed,
                };
                ended = Some((at, ending));
                down.push((at, back.unwrap_or(Time::NEVER)));
            }
            end = ended.map_or(now, |(at, _)| at);
            lives.push(Life { number, steps: 0, source, ended });
        }
        lives.reverse();
        let empty = begins.iter().all(Option::is_none);
        let mut seat = Seat { head: None, lives, actor: None, down, slow, empty, end };
        seat.advance()?;
        Ok(seat)
    }

    /// Whether nothing stands in its journals.
    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    /// When its last life ended.
    pub(super) fn end(&self) -> Time {
        self.end
    }

    /// What comes next, and when.
    pub(super) fn head(&self) -> Option<(Time, &Item)> {
        self.head.as_ref().map(|(at, item)| (*at, item))
    }

    /// Takes what comes next.
    ///
    /// # Errors
    /// What comes then cannot be read.
    ///
    /// # Panics
    /// If nothing comes.
    pub(super) fn take(&mut self) -> Result<Item, ReplayError> {
        let (_, item) = self.head.take().expect("somebody saw it");
        self.advance()?;
        Ok(item)
    }

    fn advance(&mut self) -> Result<(), ReplayError> {
        while let Some(life) = self.lives.last_mut() {
            let entry = life.source.next_entry();
            let entry = entry.map_err(|error| ReplayError::Unreadable(error.to_string()))?;
            if let Some(entry) = entry {
                let (at, step) = (Time(entry.at), life.steps);
                life.steps += 1;
                self.head = Some((at, Item::Entry { life: life.number, step, entry }));
                return Ok(());
            }
            let ended = self.lives.pop().and_then(|life| life.ended);
            if let Some((at, ending)) = ended {
                self.head = Some((at, Item::Ended(ending)));
                return Ok(());
            }
        }
        Ok(())
    }
}
