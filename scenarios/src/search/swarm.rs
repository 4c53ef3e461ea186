//! Swarm: every draw picks a few features and leaves out the rest, then draws each of them.

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{
    BeforeGst, FieldKind, Leaders, Model, Probability, Role, Span, Stream, Task, Time, Value,
};
use byzlab_sim::{Action, Crash, Cut, Delay, DiskAfter, Matcher};
use byzlab_trace::FaultId;

use super::{
    space::{Space, others, twentieths},
    traitors,
};
use crate::{Demand, RuleSpec, Scenario};

/// A scenario while it is drawn.
pub(super) struct Draw<'a> {
    pub(super) space: &'a Space<'a>,
    pub(super) stream: &'a mut Stream,
    pub(super) scenario: Scenario,
}

/// A random scenario with a random subset of the features.
pub(super) fn draw(space: &Space<'_>, stream: &mut Stream) -> Scenario {
    let mut draw = Draw::new(space, stream);
    draw.committee();
    draw.work();
    draw.leaders();
    if draw.one_in(5) {
        draw.jitter();
    }
    if !draw.one_in(5) {
        traitors::draw(&mut draw);
    }
    if space.has_gst() {
        draw.early();
    } else if draw.one_in(3) {
        draw.lateness();
    }
    draw.crashes();
    draw.parameters();
    draw.finish()
}

impl<'a> Draw<'a> {
    pub(super) fn new(space: &'a Space<'a>, stream: &'a mut Stream) -> Draw<'a> {
        let mut scenario = space.draft();
        if space.open.seed {
            scenario.seed = 1 + stream.below(1000);
        }
        Draw { space, stream, scenario }
    }

    pub(super) fn finish(mut self) -> Scenario {
        self.scenario.number_faults();
        self.scenario
    }

    pub(super) fn one_in(&mut self, count: u64) -> bool {
        self.stream.below(count) == 0
    }

    pub(super) fn party(&mut self) -> PartyId {
        PartyId(self.stream.below(self.scenario.n as u64) as u16)
    }

    /// A few of the parties, often one or all but one.
    pub(super) fn some(&mut self) -> PartySet {
        let n = self.scenario.n;
        let party = self.party();
        match self.stream.below(4) {
            0 => std::iter::once(party).collect(),
            1 => others(n, party),
            _ => {
                let bits = self.stream.bits();
                let mut set: PartySet =
                    PartyId::all(n).filter(|party| bits >> party.index() & 1 == 1).collect();
                set.insert(party);
                set
            }
        }
    }

    /// A view, the first ones more often.
    pub(super) fn view(&mut self) -> u64 {
        1 + self.stream.below(4).min(self.stream.below(4))
    }

    /// A moment in the first views, between the beats of a network of constant delays.
    pub(super) fn moment(&mut self, spans: u64) -> Time {
        let count = self.stream.below(spans * 20).min(self.stream.below(spans * 20));
        twentieths(self.space.delta(), count)
    }

    pub(super) fn kind(&mut self) -> String {
        let kinds = self.space.about().kinds;
        self.stream.pick(kinds).map(|kind| kind.name.to_owned()).unwrap_or_default()
    }

    /// How many parties, and how many of them may be faulty.
    pub(super) fn committee(&mut self) {
        let broadcast = self.space.about().task == Task::Broadcast;
        if self.space.open.n && self.one_in(4) {
            let n = match broadcast {
                true => self.stream.between(3, 6),
                false => *self.stream.pick(&[4, 5, 6, 7]).unwrap_or(&4),
            };
            self.space.resize(&mut self.scenario, n as usize);
        }
        if self.space.open.f && broadcast && self.scenario.f > 1 {
            self.scenario.f = self.stream.between(1, self.scenario.f.min(3) as u64) as usize;
        }
    }

    pub(super) fn work(&mut self) {
        if !self.space.open.workload {
            return;
        }
        let most = if self.space.about().task == Task::Broadcast { 8 } else { 4 };
        let count = match self.stream.below(3) {
            0 => 1,
            1 => self.stream.between(1, most),
            _ => self.stream.between(1, most.min(3)),
        };
        self.scenario.workload.demand = Demand::Commands(count);
        if self.space.about().task == Task::Order && self.one_in(8) {
            let rate = *self.stream.pick(&[2, 10, 50]).unwrap_or(&10);
            let requests = self.stream.between(2, 6);
            self.scenario.workload.demand = Demand::Clients { count: 1, rate, requests };
        }
    }

    /// Small values of a parameter of the protocol.
    pub(super) fn parameters(&mut self) {
        let space = self.space;
        if !self.one_in(6) {
            return;
        }
        let Some(field) = self.stream.pick(&space.parameters) else { return };
        if let FieldKind::Integer { min, max } = field.kind {
            let least = self.one_in(2);
            let most = if least { min } else { max.min(min + 8) };
            let value = Value::Integer(self.stream.between(min, most));
            self.scenario.protocol.values.0.insert(field.name, value);
        }
    }

    /// A GST after the first views; sometimes after a few views that fail.
    pub(super) fn later(&mut self) -> Time {
        let spans = if self.one_in(3) { self.space.few_views } else { 20 };
        Time(self.space.delta().0 * spans)
    }

    pub(super) fn leaders(&mut self) {
        if !self.space.open.leaders || self.one_in(3) {
            return;
        }
        let first = PartyId(self.space.about().first_leader.0 % self.scenario.n as u16);
        let count = self.stream.between(1, 4);
        let favourite = self.party();
        let list = (0..count).map(|_| if self.one_in(2) { favourite } else { self.party() });
        let list = list.collect();
        self.scenario.leaders = Leaders::Scripted(list, first);
    }

    /// Delays that differ, up to Δ.
    pub(super) fn jitter(&mut self) {
        if !self.space.open.network {
            return;
        }
        let delta = self.space.delta();
        let tenths = |count| Span(delta.0 / 10 * count);
        let high = if self.one_in(2) { 10 } else { self.stream.between(1, 10) };
        self.scenario.network.delay = match self.stream.below(3) {
            0 => Delay::Constant(tenths(high)),
            1 => Delay::Uniform(Span::TICK, tenths(high)),
            _ => Delay::Uniform(tenths(1), tenths(high.max(2))),
        };
        if self.one_in(4) {
            self.scenario.network.duplicate = Probability(200_000_000);
        }
    }

    /// Before GST: messages that come late, parties that are alone.
    pub(super) fn early(&mut self) {
        if !self.space.open.network || self.one_in(5) {
            return;
        }
        let delta = self.space.delta();
        let few_views = self.space.few_views;
        let spans = *self.stream.pick(&[10, 20, 30, 40, few_views]).unwrap_or(&20);
        let network = &mut self.scenario.network;
        network.gst = Time(delta.0 * spans);
        network.early = Some(Delay::Constant(Span((delta.0 / 10).max(1))));
        if self.one_in(4) {
            let high = Span(delta.0 / 2 * self.stream.between(1, 8));
            self.scenario.network.early = Some(Delay::Uniform(Span::TICK, high));
        }
        if self.one_in(6) {
            self.scenario.network.before_gst = BeforeGst::Lossy;
            if self.one_in(2) {
                self.scenario.network.loss = Probability(300_000_000);
            }
        }
        if self.space.open.events && self.one_in(2) {
            self.cut();
        }
        if self.space.open.rules {
            if self.one_in(2) {
                self.alone();
            }
            let count = self.stream.below(4);
            (0..count).for_each(|_| self.held());
        }
    }

    /// One party, or a few, cut off for a while.
    pub(super) fn cut(&mut self) {
        let (n, gst) = (self.scenario.n, self.scenario.network.gst);
        let from = self.moment(12);
        let until = if self.one_in(3) { from.after(self.space.delta() * 6) } else { gst };
        let until = until.min(gst);
        if from >= until {
            return;
        }
        let some = self.some();
        let rest: PartySet = PartyId::all(n).filter(|party| !some.contains(*party)).collect();
        if rest.is_empty() {
            return;
        }
        let links = match self.stream.below(3) {
            0 => vec![(some, rest)],
            _ => vec![(some, rest), (rest, some)],
        };
        self.scenario.cuts.push(Cut { from, until, links, fault: FaultId(0) });
    }

    /// Votes or certificates of one view reach one party alone, and what that party says of it
    /// afterwards reaches nobody.
    pub(super) fn alone(&mut self) {
        let (n, party, view) = (self.scenario.n, self.party(), self.view());
        let kinds = self.space.about().kinds;
        let of = |roles: &[Role]| -> Vec<String> {
            let kinds = kinds.iter().filter(|kind| roles.contains(&kind.role));
            kinds.map(|kind| kind.name.to_owned()).collect()
        };
        // The last ones decide.
        let telling = of(&[Role::Vote, Role::Certificate]);
        let count = telling.len() as u64;
        let at = self.stream.below(count).max(self.stream.below(count));
        let kind = telling.get(at as usize).cloned();
        let views = Some((view, view + 1));
        self.hold(Matcher { to: Some(others(n, party)), kind, views, ..Matcher::default() });
        let own = |kind: Option<String>| Matcher {
            from: Some(std::iter::once(party).collect()),
            kind,
            ..Matcher::default()
        };
        if self.one_in(4) && self.space.open.events {
            let (from, until) = (self.moment(8), self.scenario.network.gst);
            if from < until {
                let links = vec![(std::iter::once(party).collect(), others(n, party))];
                self.scenario.cuts.push(Cut { from, until, links, fault: FaultId(0) });
            }
            return;
        }
        for name in of(&[Role::Certificate, Role::Sync]) {
            self.hold(own(Some(name)));
        }
        self.hold(Matcher { views: Some((view + 1, 1000)), ..own(None) });
    }

    /// Some messages come after GST only, or a little later.
    pub(super) fn held(&mut self) {
        let on = self.matcher();
        if self.one_in(4) {
            let until = self.moment(16).min(self.scenario.network.gst);
            let rule = RuleSpec { on, action: Action::HoldUntil(until), set: Vec::new() };
            return self.scenario.rules.push(rule);
        }
        self.hold(on);
    }

    fn hold(&mut self, on: Matcher) {
        let action = Action::HoldUntil(self.scenario.network.gst);
        self.scenario.rules.push(RuleSpec { on, action, set: Vec::new() });
    }

    /// Some messages, named by sender, receiver, kind and view.
    pub(super) fn matcher(&mut self) -> Matcher {
        let mut on = Matcher::default();
        if self.one_in(2) {
            on.from = Some(self.some());
        }
        if !self.one_in(4) {
            on.to = Some(self.some());
        }
        if !self.one_in(4) {
            on.kind = Some(self.kind());
        }
        let view = self.view();
        match self.stream.below(6) {
            0 => {}
            1 => on.views = Some((view, 1000)),
            _ => on.views = Some((view, view + 1)),
        }
        on
    }

    /// In synchrony: some messages take longer, never longer than Δ.
    pub(super) fn lateness(&mut self) {
        let (_, high) = self.scenario.network.delay.centre();
        let slack = self.space.delta().0.saturating_sub(high.0);
        if !self.space.open.rules || slack == 0 || self.space.base.network.model > Model::Synchrony
        {
            return;
        }
        for _ in 0..=self.stream.below(2) {
            let on = self.matcher();
            let tenths = self.stream.between(1, 10);
            let action = Action::Delay(Span((slack / 10 * tenths).max(1)));
            self.scenario.rules.push(RuleSpec { on, action, set: Vec::new() });
        }
    }

    /// Honest parties go down and come back with their disk, where the protocol takes them back.
    pub(super) fn crashes(&mut self) {
        let recovers = self.space.about().recovers && self.space.open.events;
        if !recovers || !self.one_in(5) {
            return;
        }
        for _ in 0..=self.stream.below(2) {
            let (party, at) = (self.party(), self.moment(12).after(Span::TICK));
            let down = Span((self.space.delta().0 / 10).max(1) * self.stream.between(1, 60));
            let known = self.scenario.crashes.iter().any(|crash| crash.party == party);
            if known || self.scenario.traitors().contains(party) {
                continue;
            }
            let restart = Some(at.after(down));
            let (disk, fault) = (DiskAfter::Kept, FaultId(0));
            self.scenario.crashes.push(Crash { at, party, restart, disk, fault });
        }
    }
}
