//! Simpler scenarios than a given one: without some of its faults, parties or conditions.

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{
    BeforeGst, FieldDefault, FieldKind, Leaders, Probability, Span, Task, Time, Value,
    byzantine::{BEHAVIOURS, When},
};
use byzlab_sim::{Action, Delay, Matcher};

use super::{Space, shrink::rounded, space::others};
use crate::{Demand, RuleSpec, Scenario};

/// All that is simpler in one respect, the boldest first.
pub(super) fn candidates(space: &Space<'_>, scenario: &Scenario) -> Vec<Scenario> {
    let mut all = Candidates { space, scenario, list: Vec::new() };
    all.without_faults();
    all.merged();
    all.without_parties();
    all.committee();
    all.one_view();
    all.work();
    all.parameters();
    all.network();
    all.leaders();
    (0..scenario.byzantine.len()).for_each(|at| all.traitor(at));
    (0..scenario.rules.len()).for_each(|at| all.rule(at));
    (0..scenario.cuts.len()).for_each(|at| all.cut(at));
    (0..scenario.crashes.len()).for_each(|at| all.crash(at));
    all.list
}

struct Candidates<'a> {
    space: &'a Space<'a>,
    scenario: &'a Scenario,
    list: Vec<Scenario>,
}

impl Candidates<'_> {
    fn with(&mut self, change: impl FnOnce(&mut Scenario)) {
        let mut scenario = self.scenario.clone();
        change(&mut scenario);
        scenario.number_faults();
        self.list.push(scenario);
    }

    /// Without halves, then quarters, then single ones of all faults.
    fn without_faults(&mut self) {
        let one = self.scenario;
        let sizes = [one.byzantine.len(), one.rules.len(), one.cuts.len(), one.crashes.len()];
        let total: usize = sizes.iter().sum();
        let mut size = total;
        while size > 0 {
            for start in (0..total).step_by(size) {
                self.with(|scenario| {
                    let gone = start..start + size;
                    let mut at = 0;
                    let mut stays = || {
                        at += 1;
                        !gone.contains(&(at - 1))
                    };
                    scenario.byzantine.retain(|_| stays());
                    scenario.rules.retain(|_| stays());
                    scenario.cuts.retain(|_| stays());
                    scenario.crashes.retain(|_| stays());
                });
            }
            size /= 2;
        }
    }

    fn without_parties(&mut self) {
        if self.scenario.n <= 2 || self.scenario.attack.is_some() {
            return;
        }
        for party in PartyId::all(self.scenario.n).rev() {
            let space = self.space;
            self.with(|scenario| without(space, scenario, party));
        }
    }

    fn committee(&mut self) {
        let f = self.scenario.f;
        if f > 1 {
            self.with(|scenario| scenario.f = f - 1);
        }
        if self.scenario.seed != 1 {
            self.with(|scenario| scenario.seed = 1);
        }
        for at in 0..self.scenario.byzantine.len() {
            if self.scenario.byzantine[at].parties.len() > 1 {
                let count = self.scenario.byzantine[at].parties.len();
                for gone in 0..count {
                    self.with(|scenario| {
                        scenario.byzantine[at].parties.remove(gone);
                    });
                }
            }
        }
    }

    /// One request, and the view in which it happens as the first: whoever it is that leads it.
    fn one_view(&mut self) {
        if !matches!(self.scenario.workload.demand, Demand::Commands(2..)) {
            return;
        }
        let first = PartyId(self.space.about().first_leader.0 % self.scenario.n as u16);
        for party in PartyId::all(self.scenario.n) {
            self.with(|scenario| {
                scenario.leaders = Leaders::Scripted(vec![party], first);
                scenario.workload.demand = Demand::Commands(1);
            });
        }
    }

    fn work(&mut self) {
        match self.scenario.workload.demand.clone() {
            Demand::Commands(count) => {
                for fewer in [1, 2, count / 2, count - 1] {
                    if fewer > 0 && fewer < count {
                        self.with(|scenario| scenario.workload.demand = Demand::Commands(fewer));
                    }
                }
            }
            Demand::Inputs(inputs) => {
                for gone in 0..inputs.len() {
                    let mut fewer = inputs.clone();
                    fewer.remove(gone);
                    if !fewer.is_empty() {
                        self.with(|scenario| scenario.workload.demand = Demand::Inputs(fewer));
                    }
                }
            }
            Demand::Clients { count, requests, .. } if self.space.about().task == Task::Order => {
                self.with(|scenario| {
                    scenario.workload.demand = Demand::Commands(count * requests);
                });
            }
            Demand::Clients { .. } => {}
        }
    }

    /// Parameters of the protocol: the usual ones, and the least.
    fn parameters(&mut self) {
        for field in &self.space.parameters {
            let usual = self.space.base.protocol.values.get(field.name).cloned();
            let FieldKind::Integer { min, .. } = field.kind else { continue };
            for value in [usual, Some(Value::Integer(min))].into_iter().flatten() {
                if self.scenario.protocol.values.get(field.name) != Some(&value) {
                    self.with(|scenario| {
                        scenario.protocol.values.0.insert(field.name, value);
                    });
                }
            }
        }
    }

    fn network(&mut self) {
        let delta = self.space.delta();
        let usual = Delay::Constant(Span::millis(10));
        self.with(|scenario| scenario.network.delay = usual.clone());
        if self.scenario.network.gst > Time::ZERO {
            self.with(|scenario| {
                scenario.network.gst = Time::ZERO;
                scenario.network.early = None;
                scenario.network.before_gst = BeforeGst::Bounded;
                scenario.network.loss = Probability::ZERO;
            });
            self.with(|scenario| {
                scenario.network.early = Some(usual);
                scenario.network.before_gst = BeforeGst::Bounded;
                scenario.network.loss = Probability::ZERO;
            });
            for new in earlier(self.scenario.network.gst, delta) {
                self.with(|scenario| move_gst(scenario, new));
            }
        }
        self.with(|scenario| scenario.network.early = None);
        self.with(|scenario| scenario.network.loss = Probability::ZERO);
        self.with(|scenario| scenario.network.before_gst = BeforeGst::Bounded);
        self.with(|scenario| scenario.network.duplicate = Probability::ZERO);
    }

    fn leaders(&mut self) {
        let first = PartyId(self.space.about().first_leader.0 % self.scenario.n as u16);
        if let Leaders::Scripted(list, _) = &self.scenario.leaders {
            self.with(|scenario| scenario.leaders = Leaders::RoundRobin(first));
            for at in 1..list.len() {
                for fewer in [&list[..at], &list[at..]] {
                    let fewer = fewer.to_vec();
                    self.with(|scenario| scenario.leaders = Leaders::Scripted(fewer, first));
                }
            }
        }
    }

    fn traitor(&mut self, at: usize) {
        let traitor = &self.scenario.byzantine[at];
        let (when, values) = (traitor.when.clone(), traitor.values.clone());
        if when != When::default() {
            self.with(|scenario| scenario.byzantine[at].when = When::default());
            for fewer in [
                When { views: None, ..when.clone() },
                When { kinds: None, ..when.clone() },
                When { times: None, ..when.clone() },
                When { first: None, probability: None, ..when.clone() },
            ] {
                if fewer != when && fewer != When::default() {
                    self.with(|scenario| scenario.byzantine[at].when = fewer);
                }
            }
            if let Some((start, end)) = when.views.filter(|(start, end)| end - start > 1) {
                for view in start..end.min(start + 8) {
                    self.with(|scenario| {
                        scenario.byzantine[at].when.views = Some((view, view + 1));
                    });
                }
            }
        }
        self.with(|scenario| {
            let traitor = &mut scenario.byzantine[at];
            traitor.behaviour = "silent".to_owned();
            (traitor.values, traitor.when) = Default::default();
        });
        let info = BEHAVIOURS.iter().find(|info| info.name == traitor.behaviour);
        for field in info.map_or(&[][..], |info| info.fields) {
            let Some(value) = values.get(field.name) else { continue };
            let mut put = |value: Option<Value>| {
                self.with(|scenario| {
                    let values = &mut scenario.byzantine[at].values.0;
                    match value {
                        Some(value) => values.insert(field.name, value),
                        None => values.remove(field.name),
                    };
                });
            };
            if !matches!(field.default, FieldDefault::Is(_)) {
                put(None);
            }
            smaller(value).into_iter().for_each(|value| put(Some(value)));
        }
    }

    fn rule(&mut self, at: usize) {
        let on = self.scenario.rules[at].on.clone();
        let mut put = |change: &dyn Fn(&mut Matcher)| {
            self.with(|scenario| change(&mut scenario.rules[at].on));
        };
        put(&|on| on.from = None);
        put(&|on| on.to = None);
        put(&|on| on.occurrence = None);
        put(&|on| on.kind = None);
        put(&|on| on.views = None);
        for party in on.from.iter().flat_map(|set| set.iter()) {
            put(&|on| on.from.iter_mut().for_each(|set| set.remove(party)));
        }
        for party in on.to.iter().flat_map(|set| set.iter()) {
            put(&|on| on.to.iter_mut().for_each(|set| set.remove(party)));
        }
        self.list.retain(|one| {
            let named = |set: &Option<PartySet>| set.is_none_or(|set| !set.is_empty());
            one.rules.get(at).is_none_or(|rule| named(&rule.on.from) && named(&rule.on.to))
        });
        let gst = self.scenario.network.gst;
        match self.scenario.rules[at].action {
            Action::HoldUntil(time) if time != gst && gst > Time::ZERO => {
                self.with(|scenario| scenario.rules[at].action = Action::HoldUntil(gst));
            }
            Action::HoldUntil(_) | Action::Delay(_) => {
                self.with(|scenario| scenario.rules[at].action = Action::Drop);
            }
            _ => {}
        }
    }

    /// One rule in place of two that do the same: about all that either is about.
    fn merged(&mut self) {
        let rules = &self.scenario.rules;
        for second in 1..rules.len() {
            for first in 0..second {
                let (one, other) = (&rules[first], &rules[second]);
                if one.action == other.action && one.set == other.set {
                    let on = either(&one.on, &other.on);
                    self.with(|scenario| {
                        scenario.rules[first].on = on;
                        scenario.rules.remove(second);
                    });
                }
            }
        }
    }

    fn cut(&mut self, at: usize) {
        let gst = self.scenario.network.gst;
        self.with(|scenario| scenario.cuts[at].from = Time::ZERO);
        self.with(|scenario| scenario.cuts[at].until = gst.max(Time(1)));
        let links = self.scenario.cuts[at].links.clone();
        if links.len() > 1 {
            for link in links {
                self.with(|scenario| scenario.cuts[at].links = vec![link]);
            }
        } else if let [(from, to)] = links[..] {
            for (gone, side) in
                from.iter().map(|party| (party, 0)).chain(to.iter().map(|party| (party, 1)))
            {
                let (mut from, mut to) = (from, to);
                if side == 0 {
                    from.remove(gone);
                } else {
                    to.remove(gone);
                }
                if !from.is_empty() && !to.is_empty() {
                    self.with(|scenario| scenario.cuts[at].links = vec![(from, to)]);
                }
            }
        }
        self.list.retain(|one| one.cuts.iter().all(|cut| cut.from < cut.until));
    }

    fn crash(&mut self, at: usize) {
        let crash = self.scenario.crashes[at].clone();
        let Some(restart) = crash.restart else { return };
        let down = Span(restart.since(crash.at).0 / 2);
        if down > Span::millis(1) {
            let sooner = rounded(crash.at.after(down));
            self.with(|scenario| scenario.crashes[at].restart = Some(sooner));
        }
    }
}

/// Which messages either of two rules is about, and perhaps some more.
fn either(one: &Matcher, other: &Matcher) -> Matcher {
    let union = |one: &Option<PartySet>, other: &Option<PartySet>| {
        one.zip(*other).map(|(one, other)| one.iter().chain(other.iter()).collect())
    };
    let views = one.views.zip(other.views);
    Matcher {
        from: union(&one.from, &other.from),
        to: union(&one.to, &other.to),
        kind: one.kind.clone().filter(|kind| other.kind.as_ref() == Some(kind)),
        views: views.map(|(one, other)| (one.0.min(other.0), one.1.max(other.1))),
        occurrence: one.occurrence.filter(|_| one.occurrence == other.occurrence),
    }
}

/// Earlier moments than one, the round ones first, then all eighths.
fn earlier(old: Time, delta: Span) -> Vec<Time> {
    let tenth = (delta.0 / 10).max(1);
    let eighths = (1..8).map(|eighth| Time(old.0 / 8 * eighth / tenth * tenth));
    let mut all: Vec<Time> = [5, 10, 20].iter().map(|spans| Time(delta.0 * spans)).collect();
    all.extend(eighths);
    all.retain(|new| *new > Time::ZERO && *new < old);
    all
}

/// An earlier GST, with all that ended at the old one.
fn move_gst(scenario: &mut Scenario, new: Time) {
    let old = std::mem::replace(&mut scenario.network.gst, new);
    for rule in &mut scenario.rules {
        if rule.action == Action::HoldUntil(old) {
            rule.action = Action::HoldUntil(new);
        }
    }
    for cut in &mut scenario.cuts {
        if cut.until == old {
            cut.until = new;
        }
    }
    scenario.cuts.retain(|cut| cut.from < cut.until);
}

/// Simpler values of a parameter.
fn smaller(value: &Value) -> Vec<Value> {
    match value {
        Value::Integer(number) => {
            let fewer = [0, 1, number / 2];
            fewer.into_iter().filter(|one| one < number).map(Value::Integer).collect()
        }
        Value::Parties(list) if list.len() > 1 => (0..list.len())
            .map(|gone| {
                let mut list = list.clone();
                list.remove(gone);
                Value::Parties(list)
            })
            .collect(),
        Value::Groups(groups) => {
            let mut all = Vec::new();
            for (at, group) in groups.iter().enumerate() {
                for gone in 0..group.len() {
                    let mut fewer = groups.clone();
                    fewer[at].remove(gone);
                    fewer.retain(|group| !group.is_empty());
                    all.push(Value::Groups(fewer));
                }
            }
            all
        }
        _ => Vec::new(),
    }
}

/// The scenario without a party: the later ones move up.
fn without(space: &Space<'_>, scenario: &mut Scenario, gone: PartyId) {
    let moved = |party: PartyId| match party.cmp(&gone) {
        std::cmp::Ordering::Less => Some(party),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(PartyId(party.0 - 1)),
    };
    let list = |parties: &[PartyId]| parties.iter().filter_map(|one| moved(*one)).collect();
    let set = |set: &PartySet| set.iter().filter_map(moved).collect::<PartySet>();
    let f = scenario.f;
    space.resize(scenario, scenario.n - 1);
    scenario.f = scenario.f.min(f);
    if let Leaders::Scripted(leaders, first) = &mut scenario.leaders {
        *leaders = list(leaders);
        *first = PartyId(space.about().first_leader.0 % scenario.n as u16);
        if leaders.is_empty() {
            scenario.leaders = Leaders::RoundRobin(*first);
        }
    }
    for traitor in &mut scenario.byzantine {
        traitor.parties = list(&traitor.parties);
        for value in traitor.values.0.values_mut() {
            match value {
                Value::Parties(parties) => *parties = list(parties),
                Value::Groups(groups) => groups.iter_mut().for_each(|group| *group = list(group)),
                _ => {}
            }
        }
    }
    scenario.byzantine.retain(|traitor| !traitor.parties.is_empty());
    for rule in &mut scenario.rules {
        rule.on.from = rule.on.from.as_ref().map(set);
        rule.on.to = rule.on.to.as_ref().map(set);
    }
    let named = |one: &Option<PartySet>| one.is_none_or(|set| !set.is_empty());
    scenario.rules.retain(|rule| named(&rule.on.from) && named(&rule.on.to));
    for cut in &mut scenario.cuts {
        cut.links.iter_mut().for_each(|(from, to)| (*from, *to) = (set(from), set(to)));
        cut.links.retain(|(from, to)| !from.is_empty() && !to.is_empty());
    }
    scenario.cuts.retain(|cut| !cut.links.is_empty());
    scenario.crashes.retain(|crash| crash.party != gone);
    for crash in &mut scenario.crashes {
        crash.party = moved(crash.party).unwrap_or(crash.party);
    }
}

/// The scenario with one rule more: before it is synchronous, or for good where that is a traitor's own
/// affair, some party is not heard by the others, or does not hear them.
pub(super) fn quieter(space: &Space<'_>, scenario: &Scenario) -> Vec<Scenario> {
    let gst = scenario.network.gst;
    let action = if gst > Time::ZERO { Action::HoldUntil(gst) } else { Action::Drop };
    let kinds = space.about().kinds.iter().map(|kind| Some(kind.name.to_owned()));
    let kinds: Vec<Option<String>> = std::iter::once(None).chain(kinds).collect();
    let mut all = Vec::new();
    let mut put = |on: Matcher| {
        let mut one = scenario.clone();
        one.rules.push(RuleSpec { on, action: action.clone(), set: Vec::new() });
        one.number_faults();
        all.push(one);
    };
    for views in [None, Some((1, 2)), Some((2, 3)), Some((3, 4)), Some((2, 1000)), Some((3, 1000))]
    {
        for kind in &kinds {
            let on = Matcher { views, kind: kind.clone(), ..Matcher::default() };
            put(on.clone());
            for party in PartyId::all(scenario.n) {
                let alone: PartySet = std::iter::once(party).collect();
                put(Matcher { from: Some(alone), ..on.clone() });
                put(Matcher { to: Some(alone), ..on.clone() });
                put(Matcher { to: Some(others(scenario.n, party)), ..on.clone() });
            }
        }
    }
    all
}

/// The scenario with one of its rules about fewer messages: one kind, one view, both.
pub(super) fn narrower(space: &Space<'_>, scenario: &Scenario, at: usize) -> Vec<Scenario> {
    let on = &scenario.rules[at].on;
    let kinds: Vec<Option<String>> = match &on.kind {
        Some(kind) => vec![Some(kind.clone())],
        None => {
            let names = space.about().kinds.iter().map(|kind| Some(kind.name.to_owned()));
            names.chain([None]).collect()
        }
    };
    let views: Vec<Option<(u64, u64)>> = match on.views {
        Some((start, end)) if end == start + 1 => vec![on.views],
        range => {
            let (start, end) = range.unwrap_or((1, 9));
            let single = (start..end.min(start + 8)).map(|view| Some((view, view + 1)));
            single.chain([range]).collect()
        }
    };
    let mut all = Vec::new();
    for kind in &kinds {
        for view in &views {
            let mut one = scenario.clone();
            one.rules[at].on.kind.clone_from(kind);
            one.rules[at].on.views = *view;
            all.push(one);
        }
    }
    all
}
