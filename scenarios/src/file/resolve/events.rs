//! Attacks by name, rules on messages, partitions, cuts and crashes.

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{Span, Time, byzantine::Misfit};
use byzlab_sim::{Action, Crash, Cut, DiskAfter, Matcher};

use super::{Resolver, moment};
use crate::{
    AttackSpec, RuleSpec, Scenario, Traitor,
    file::{
        node::{Raw, Selector, Table},
        problem::{Place, suggest},
    },
};

impl Resolver<'_> {
    pub(super) fn attack(&mut self) -> Option<AttackSpec> {
        let root = self.table;
        let table = root.table("attack")?;
        let name = table.text("name")?;
        let place = table.place_of("name");
        if root.gives("byzantine") {
            let other = root.place_of("byzantine");
            let message = "`attack` and `byzantine` exclude each other".to_owned();
            let problem = self.problem(&place, "attack", message);
            problem.related = Some((other, "behaviours are here".to_owned()));
        }
        let attacks = self.entry.attacks();
        let Some(found) = attacks.iter().find(|attack| attack.id == name) else {
            let ids: Vec<_> = attacks.iter().map(|attack| attack.id).collect();
            let about = self.entry.about();
            let message = format!("{} knows no attack `{name}`", about.name);
            let problem = self.problem(&place, "attack.name", message);
            problem.expected = format!("one of {}", ids.join(", "));
            problem.hint = suggest(name, &ids);
            return None;
        };
        let parties = match table.get("parties").map(|node| &node.raw) {
            Some(Raw::Parties(list)) => self.parties(list, "attack.parties"),
            _ => found.cast.iter().map(|party| PartyId(*party)).collect(),
        };
        if let Some(party) = parties.iter().find(|party| party.index() >= self.n) {
            let message = format!("attack {name} needs party {party}; n = {}", self.n);
            self.problem(&place, "attack.name", message);
        }
        let adaptive = found.adaptive;
        let budget = match table.integer("budget") {
            Some(budget) => budget as usize,
            None if adaptive => self.f,
            None => 0,
        };
        if budget > 0 && !adaptive {
            let place = table.place_of("budget");
            self.problem(&place, "attack.budget", format!("attack {name} corrupts nobody later"));
        }
        self.fault(None, format!("attack {name}"));
        Some(AttackSpec { id: found.id.to_owned(), parties, budget, mind: found.mind })
    }

    pub(super) fn rules(
        &mut self,
        byzantine: &[Traitor],
        attack: Option<&AttackSpec>,
    ) -> Vec<RuleSpec> {
        let traitors = byzantine.iter().flat_map(|traitor| traitor.parties.iter());
        let attackers = attack.into_iter().flat_map(|attack| attack.parties.iter());
        let traitors: PartySet = traitors.chain(attackers).copied().collect();
        let root = self.table;
        let mut rules = Vec::new();
        for (at, table) in root.tables("rule").enumerate() {
            let path = format!("rule[{at}]");
            let Some(on) = table.table("on") else { continue };
            let Some((name, node)) = table.tagged("do") else { continue };
            let matcher = self.matcher(on, &path);
            let mut set = Vec::new();
            let action = match (name, &node.raw) {
                ("drop", _) => Action::Drop,
                ("duplicate", Raw::Integer(times)) => Action::Duplicate(*times as u32),
                ("delay", Raw::Duration(span)) => Action::Delay(*span),
                ("hold_until", Raw::Duration(span)) => Action::HoldUntil(moment(*span)),
                (_, Raw::Free(fields)) => {
                    set.clone_from(fields);
                    self.check_set(&matcher, &traitors, on);
                    Action::Set
                }
                _ => continue,
            };
            self.fault(None, format!("rule {} ({name})", at + 1));
            rules.push(RuleSpec { on: matcher, action, set });
        }
        rules
    }

    fn matcher(&mut self, on: &Table, path: &str) -> Matcher {
        let set = |resolver: &mut Self, key: &str| match on.get(key).map(|node| &node.raw) {
            Some(Raw::Parties(list)) => {
                let parties = resolver.parties(list, &format!("{path}.on.{key}"));
                Some(parties.into_iter().collect::<PartySet>())
            }
            _ => None,
        };
        let kind = on.text("kind").map(str::to_owned);
        if let Some(kind) = &kind {
            self.check_kind(kind, &on.place_of("kind"));
        }
        Matcher {
            from: set(self, "from"),
            to: set(self, "to"),
            kind,
            views: match on.get("view").map(|node| &node.raw) {
                Some(Raw::Integer(view)) => Some((*view, view + 1)),
                Some(Raw::Range(start, end)) => Some((*start, *end)),
                _ => None,
            },
            occurrence: on.integer("occurrence").map(|count| count as u32),
        }
    }

    /// Only a corrupted party can sign what it changed.
    fn check_set(&mut self, matcher: &Matcher, traitors: &PartySet, on: &Table) {
        let honest = match &matcher.from {
            Some(from) => from.iter().find(|party| !traitors.contains(*party)),
            None => PartyId::all(self.n).find(|party| !traitors.contains(*party)),
        };
        if let Some(party) = honest {
            let place = on.place_of("from");
            let message = format!("party {party} is honest: nobody can sign changes for it");
            self.problem(&place, "rule.do.set", message).expected =
                "senders under [[byzantine]], or in the cast of the attack".to_owned();
        }
    }

    /// Fields that no message has are found by a rehearsal, so that nothing is run for nothing.
    pub(super) fn check_fields(&mut self, scenario: &Scenario) {
        let sets = scenario.rules.iter().any(|rule| !rule.set.is_empty());
        if !sets || !self.problems.is_empty() {
            return;
        }
        for (at, misfit) in self.entry.misfits(scenario) {
            let root = self.table;
            let place = root.tables("rule").nth(at).map(|rule| rule.place_of("do"));
            let place = place.unwrap_or_default();
            let which = match &scenario.rules[at].on.kind {
                Some(kind) => format!("no `{kind}` message"),
                None => "no message that it is about".to_owned(),
            };
            match misfit {
                Misfit::NoField(path, fields) => {
                    let message = format!("{which} has a field `{path}`");
                    let problem = self.problem(&place, "rule.do.set", message);
                    let names: Vec<_> = fields.iter().map(String::as_str).collect();
                    problem.hint = suggest(&path, &names);
                    problem.expected = format!("one of {}", fields.join(", "));
                }
                Misfit::Value(path, why) => {
                    let message = format!("{which} can hold this as `{path}`: {why}");
                    self.problem(&place, "rule.do.set", message);
                }
                Misfit::Unsigned => {}
            }
        }
    }

    pub(super) fn events(&mut self) -> (Vec<Cut>, Vec<Crash>) {
        let root = self.table;
        let (mut cuts, mut crashes) = (Vec::new(), Vec::new());
        for (at, table) in root.tables("event").enumerate() {
            let path = format!("event[{at}]");
            let given: Vec<_> =
                ["partition", "cut", "crash"].into_iter().filter(|key| table.gives(key)).collect();
            if given.len() != 1 {
                let place = table.place.clone();
                let message = format!("`{path}` has {} of partition, cut, crash", given.len());
                self.problem(&place, &path, message).expected = "exactly one of them".to_owned();
                continue;
            }
            let from = moment(table.span("at").unwrap_or(Span::ZERO));
            let until = table.span("until").map_or(Time::NEVER, moment);
            if until <= from {
                let place = table.place_of("until");
                self.problem(&place, &path, format!("it ends at {until} and begins at {from}"));
            }
            match given[0] {
                "crash" => crashes.extend(self.crash(table, &path, from)),
                kind => {
                    let links = self.links(table, kind, &path);
                    let fault = self.fault(None, format!("event {} ({kind})", at + 1));
                    cuts.push(Cut { from, until, links, fault });
                }
            }
        }
        (cuts, crashes)
    }

    /// Groups that have nobody in common.
    fn groups(&mut self, groups: &[Vec<(Selector, Place)>], path: &str) -> Vec<Vec<PartyId>> {
        let mut seen = PartySet::EMPTY;
        let mut resolved = Vec::with_capacity(groups.len());
        for group in groups {
            let parties = self.parties(group, path);
            for party in &parties {
                if !seen.insert(*party) {
                    let place = group.first().map(|(_, place)| place.clone()).unwrap_or_default();
                    let message = format!("party {party} is in two groups");
                    self.problem(&place, path, message);
                }
            }
            resolved.push(parties);
        }
        resolved
    }

    fn links(&mut self, table: &Table, kind: &str, path: &str) -> Vec<(PartySet, PartySet)> {
        match table.get(kind).map(|node| &node.raw) {
            Some(Raw::Groups(groups)) => {
                let resolved = self.groups(groups, path);
                let groups: Vec<PartySet> =
                    resolved.iter().map(|group| group.iter().copied().collect()).collect();
                self.check_everybody(&groups, table, path);
                let pairs = groups.iter().enumerate().flat_map(|(at, group)| {
                    let others = groups.iter().enumerate().filter(move |(other, _)| *other != at);
                    others.map(move |(_, other)| (*group, *other))
                });
                pairs.collect()
            }
            Some(Raw::Table(cut)) => {
                let side = |resolver: &mut Self, key: &str| match cut.get(key).map(|node| &node.raw)
                {
                    Some(Raw::Parties(list)) => resolver.parties(list, path).into_iter().collect(),
                    _ => PartySet::EMPTY,
                };
                vec![(side(self, "from"), side(self, "to"))]
            }
            _ => Vec::new(),
        }
    }

    fn check_everybody(&mut self, groups: &[PartySet], table: &Table, path: &str) {
        let named = |party: &PartyId| groups.iter().any(|group| group.contains(*party));
        let left_out: Vec<_> =
            PartyId::all(self.n).filter(|party| !named(party)).map(|party| party.0).collect();
        if !left_out.is_empty() {
            let place = table.place_of("partition");
            let message = format!("the partition leaves out {left_out:?}");
            self.problem(&place, path, message).expected = "a group for every party".to_owned();
        }
    }

    fn crash(&mut self, table: &Table, path: &str, at: Time) -> Vec<Crash> {
        let Some(crash) = table.table("crash") else { return Vec::new() };
        if table.gives("until") {
            let place = table.place_of("until");
            let message = "a crash has no `until`".to_owned();
            self.problem(&place, path, message).hint =
                "write crash = { party = .., restart_after = .. }".to_owned();
        }
        let parties = match crash.get("party").map(|node| &node.raw) {
            Some(Raw::Parties(list)) => self.parties(list, path),
            _ => Vec::new(),
        };
        let disk = match crash.text("disk") {
            Some("lost") => DiskAfter::Lost,
            Some("stale") => DiskAfter::Stale,
            _ => DiskAfter::Kept,
        };
        let restart = crash.span("restart_after").map(|after| at.after(after));
        if restart.is_none() && crash.gives("disk") {
            let place = crash.place_of("disk");
            let message = "`disk` means nothing for a party that never comes back".to_owned();
            self.problem(&place, path, message).hint = "add restart_after".to_owned();
        }
        parties
            .into_iter()
            .map(|party| {
                let fault = self.fault(Some(party), "crash");
                Crash { at, party, restart, disk, fault }
            })
            .collect()
    }
}
