//! A rehearsal of a real network: what that adds to the network of a scenario.
//!
//! Real time comes on top of every delay, and nobody knows how much. A scenario whose verdict hangs
//! on there being none cannot be run over a real network, and that is seen here beforehand.

use byzlab_crypto::PartyId;
use byzlab_protocols::{Span, Stream, Time};

/// What a real network adds: to each message up to so much, and no message of a link overtakes one
/// that would have come before it. In the first rehearsals, one for each party, that one is slow and
/// nobody else is; in all others it is as it comes.
#[derive(Clone, Debug)]
pub struct Real {
    n: usize,
    most: Span,
    /// Who alone is slow, if somebody is.
    slow: Option<PartyId>,
    /// By sender and receiver: when the last message would have come, and when it does.
    last: Vec<(Time, Time)>,
    stream: Stream,
}

impl Real {
    /// A network between `n` parties that adds up to `most`; each number, from 0 on, is another one.
    pub fn new(n: usize, most: Span, number: u64) -> Real {
        let stream = Stream::named(number, "real");
        let slow = PartyId::all(n).find(|party| u64::from(party.0) == number);
        Real { n, most, slow, last: vec![(Time::ZERO, Time::ZERO); n * n], stream }
    }

    /// What it adds at the most, and what is kept free for it.
    pub fn most(&self) -> Span {
        self.most
    }

    /// When a party does something that it was to do then.
    pub fn later(&mut self, party: PartyId, due: Time) -> Time {
        match self.slow {
            Some(slow) if slow == party => due.after(self.most),
            Some(_) => due,
            None => due.after(Span(self.stream.between(0, self.most.0))),
        }
    }

    /// When a message arrives that the scenario lets arrive at `due`. One that is sent later and due
    /// before the last one is carried before it.
    pub fn arrival(&mut self, from: PartyId, to: PartyId, due: Time) -> Time {
        let later = self.later(from, due);
        let (before, came) = &mut self.last[from.index() * self.n + to.index()];
        if due < *before {
            return later.min(*came);
        }
        (*before, *came) = (due, later.max(*came));
        *came
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_adds_what_it_may_and_keeps_the_order_of_a_link() {
        let mut real = Real::new(4, Span(100), 4);
        let mut came: Vec<Time> = (0..1000)
            .map(|due| {
                let at = real.arrival(PartyId(1), PartyId(2), Time(due));
                assert!((Time(due)..=Time(due + 100)).contains(&at), "{due}: {at}");
                at
            })
            .collect();
        assert!(came.is_sorted());
        came.dedup();
        assert!(came.len() > 100, "{}", came.len());
        // What was held back until now is overtaken by nobody's order.
        assert!(real.arrival(PartyId(1), PartyId(2), Time(5)) <= Time(105));
        assert!(real.arrival(PartyId(2), PartyId(1), Time(5)) <= Time(105));
    }

    #[test]
    fn at_first_one_party_after_the_other_is_slow() {
        for (number, slow) in [(0, false), (1, true), (2, false)] {
            let mut real = Real::new(4, Span(100), number);
            let at = real.arrival(PartyId(1), PartyId(2), Time(5));
            assert_eq!(at, Time(if slow { 105 } else { 5 }), "{number}");
        }
    }
}
