//! From a decoded file to a scenario: defaults that depend on other values, selectors, and what
//! can only be checked when several values are seen together.

use std::collections::BTreeMap;

use byzlab_crypto::{PartyId, PartySet, Scheme};
use byzlab_protocols::{
    BeforeGst, Leaders, Model, Span, Stream, Time, Value, Values, View,
    byzantine::{BEHAVIOURS, BehaviourInfo, When},
};
use byzlab_trace::FaultId;

use super::{
    document::Document,
    node::{Node, Raw, Selector, Table},
    problem::{Place, Problem, suggest},
};
use crate::{
    Entry, Expect, Fault, Finding, Property, ProtocolChoice, Registry, Scenario, bounds,
    scenario::MOST_EVENTS, theorem,
};

mod compare;
mod events;
mod network;
mod workload;

pub(crate) use network::region;

/// So many faults a scenario may have: the events of a run number them with 16 bits.
const MAX_FAULTS: usize = 10_000;

/// Resolves a document; the problems are not sorted.
pub(super) fn resolve(
    document: &Document,
    seed: Option<u64>,
    registry: &Registry,
) -> Result<Scenario, Vec<Problem>> {
    let table = &document.table;
    let (name, _) = table.tagged("protocol").ok_or_else(Vec::new)?;
    let entry = registry.get(name).ok_or_else(Vec::new)?;
    let mut resolver = Resolver::new(table, entry, seed);
    let scenario = resolver.scenario(document, registry);
    if resolver.problems.is_empty() { Ok(scenario) } else { Err(resolver.problems) }
}

/// What is known while a scenario is put together.
struct Resolver<'a> {
    table: &'a Table,
    entry: &'a dyn Entry,
    n: usize,
    f: usize,
    seed: u64,
    leaders: Leaders,
    /// The stream of the selectors.
    stream: Stream,
    faults: Vec<Fault>,
    /// Whom each selector chose, by its place in the text.
    selected: BTreeMap<usize, Vec<PartyId>>,
    problems: Vec<Problem>,
}

impl<'a> Resolver<'a> {
    fn new(table: &'a Table, entry: &'a dyn Entry, seed: Option<u64>) -> Self {
        let about = entry.about();
        let n = table.integer("n").unwrap_or(4) as usize;
        let f = table.integer("f").map_or_else(|| (about.tolerates)(n), |f| f as usize);
        let seed = seed.or_else(|| table.integer("seed")).unwrap_or(1);
        let first = PartyId(about.first_leader.0 % n as u16);
        let mut resolver = Resolver {
            table,
            entry,
            n,
            f,
            seed,
            leaders: Leaders::RoundRobin(first),
            stream: Stream::named(seed, "selectors"),
            faults: Vec::new(),
            selected: BTreeMap::new(),
            problems: Vec::new(),
        };
        resolver.leaders = resolver.leaders(first);
        resolver
    }

    fn leaders(&mut self, first: PartyId) -> Leaders {
        match self.table.get("leaders").map(|node| &node.raw) {
            Some(Raw::Text(word)) if word == "stable" => Leaders::Stable(first),
            Some(Raw::Parties(list)) => {
                let list = self.numbers(list, "leaders");
                Leaders::Scripted(list, first)
            }
            _ => Leaders::RoundRobin(first),
        }
    }

    fn scenario(&mut self, document: &Document, registry: &Registry) -> Scenario {
        let table = self.table;
        let about = self.entry.about();
        self.check_committee();
        let byzantine = self.byzantine();
        let attack = self.attack();
        let rules = self.rules(&byzantine, attack.as_ref());
        let (cuts, crashes) = self.events();
        let text = |key: &str, default: &str| table.text(key).unwrap_or(default).to_owned();
        let name = stem(&document.file);
        let mut scenario = Scenario {
            file: document.file.clone(),
            title: text("title", &name),
            name,
            post: text("post", about.post),
            protocol: self.protocol(),
            n: self.n,
            f: self.f,
            seed: self.seed,
            crypto: match table.text("crypto") {
                Some("ideal") => Scheme::Ideal,
                _ => Scheme::Ed25519,
            },
            leaders: self.leaders.clone(),
            beyond_bound: table.flag("beyond_bound").unwrap_or(false),
            network: self.network(),
            byzantine,
            attack,
            rules,
            cuts,
            crashes,
            workload: self.workload(),
            stop_decisions: self.stop().integer("decisions"),
            stop_time: self.stop().span("time").map(|span| Time(span.0)),
            stop_events: self.stop().integer("events").unwrap_or(MOST_EVENTS),
            scale: table.table("runtime").and_then(|table| table.integer("scale")).unwrap_or(1),
            clients: table
                .table("runtime")
                .and_then(|table| table.integer("clients"))
                .unwrap_or(16),
            sync: table.table("runtime").and_then(|table| table.flag("sync")).unwrap_or(true),
            journal: table.table("runtime").and_then(|table| table.flag("journal")).unwrap_or(true),
            unsigned: table
                .table("runtime")
                .and_then(|table| table.flag("unsigned"))
                .unwrap_or(false),
            expect: self.expect(),
            compare: self.compare(registry),
            faults: std::mem::take(&mut self.faults),
            selected: std::mem::take(&mut self.selected),
        };
        self.plan(&mut scenario);
        self.check_bound(&scenario);
        self.check_expectations(&scenario);
        self.check_size(&scenario);
        self.check_fields(&scenario);
        scenario
    }

    /// A planned attack becomes traitors, cuts and rules.
    fn plan(&mut self, scenario: &mut Scenario) {
        if self.problems.is_empty()
            && let Some(attack) = scenario.attack.clone()
            && let Err(why) = bounds::plan(scenario, self.entry)
        {
            let place = self.table.table("attack").map(|table| table.place_of("name"));
            let message = format!("attack {} {why}", attack.id);
            self.problem(&place.unwrap_or_default(), "attack.name", message);
        }
    }

    fn stop(&self) -> &'a Table {
        self.table.table("stop").expect("`stop` has a default")
    }

    fn problem(&mut self, place: &Place, key: &str, message: String) -> &mut Problem {
        self.problems.push(Problem::at(place, key, message));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    fn check_committee(&mut self) {
        if self.f >= self.n {
            let place = self.table.place_of("f");
            let message = format!("f = {} of n = {}: nobody would be honest", self.f, self.n);
            let problem = self.problem(&place, "f", message);
            problem.expected = "f below n".to_owned();
        }
    }

    fn protocol(&mut self) -> ProtocolChoice {
        let about = self.entry.about();
        let (_, node) = self.table.tagged("protocol").expect("the protocol is decoded");
        let values = match &node.raw {
            Raw::Table(table) => self.values(table, "protocol"),
            _ => Values::default(),
        };
        let broken = values.text("broken").map(str::to_owned);
        let broken = broken.and_then(|id| {
            let found = about.broken.iter().find(|(piece, _)| *piece == id).copied();
            if found.is_none() {
                let ids: Vec<_> = about.broken.iter().map(|(id, _)| *id).collect();
                let place = node.place.clone();
                let message = format!("{} has no broken twin `{id}`", about.name);
                self.problem(&place, "protocol.broken", message).hint = suggest(&id, &ids);
            }
            found
        });
        ProtocolChoice { about, values, broken }
    }

    /// Values for parameters: selectors become numbers.
    fn values(&mut self, table: &Table, path: &str) -> Values {
        let mut values = BTreeMap::new();
        for (key, node) in &table.nodes {
            values.insert(*key, self.value(node, &format!("{path}.{key}")));
        }
        Values(values)
    }

    fn value(&mut self, node: &Node, path: &str) -> Value {
        match &node.raw {
            Raw::Bool(flag) => Value::Bool(*flag),
            Raw::Integer(number) => Value::Integer(*number),
            Raw::Duration(span) => Value::Duration(*span),
            Raw::Probability(probability) => Value::Probability(*probability),
            Raw::Text(text) => Value::Text(text.clone()),
            Raw::Parties(list) => Value::Parties(self.parties(list, path)),
            Raw::Groups(groups) => {
                Value::Groups(groups.iter().map(|group| self.parties(group, path)).collect())
            }
            Raw::Range(start, end) => Value::Range(*start, *end),
            Raw::List(nodes) => {
                Value::List(nodes.iter().map(|node| self.value(node, path)).collect())
            }
            Raw::Table(table) => Value::Table(self.values(table, path)),
            Raw::Tagged(name, node) => Value::Tagged(name.clone(), self.value(node, path).into()),
            Raw::Unit => Value::Unit,
            Raw::Free(fields) => Value::Free(fields.clone()),
        }
    }

    /// Selectors as party numbers: each exists, nobody twice. Who is drawn is none of the others.
    fn parties(&mut self, list: &[(Selector, Place)], path: &str) -> Vec<PartyId> {
        let drawn = |selector: &Selector| matches!(selector, Selector::Random(_));
        let mut taken = PartySet::EMPTY;
        let mut chosen = vec![Vec::new(); list.len()];
        for random in [false, true] {
            let these = list.iter().zip(&mut chosen).filter(|((one, _), _)| drawn(one) == random);
            for ((selector, place), chosen) in these {
                for party in self.select(selector, place, path, taken) {
                    if taken.insert(party) {
                        chosen.push(party);
                    } else {
                        self.problem(place, path, format!("party {party} is named twice"));
                    }
                }
            }
        }
        chosen.concat()
    }

    /// As [`Resolver::parties`], but a party may stand there more than once.
    fn numbers(&mut self, list: &[(Selector, Place)], path: &str) -> Vec<PartyId> {
        let none = PartySet::EMPTY;
        list.iter().flat_map(|(selector, place)| self.select(selector, place, path, none)).collect()
    }

    fn select(
        &mut self,
        selector: &Selector,
        place: &Place,
        path: &str,
        taken: PartySet,
    ) -> Vec<PartyId> {
        let chosen = self.choose(selector, place, path, taken);
        self.selected.insert(place.start, chosen.clone());
        chosen
    }

    /// Whom a selector means; who is drawn is none of those who are taken.
    fn choose(
        &mut self,
        selector: &Selector,
        place: &Place,
        path: &str,
        taken: PartySet,
    ) -> Vec<PartyId> {
        let n = self.n;
        match selector {
            Selector::Number(number) if (*number as usize) < n => vec![PartyId(*number as u16)],
            Selector::Number(number) => {
                let message = format!("party {number} does not exist");
                let problem = self.problem(place, path, message);
                problem.expected = format!("a party from 0 to {} (n = {n})", n - 1);
                Vec::new()
            }
            Selector::Leader(view) => {
                vec![self.leaders.leader(View(view.unwrap_or(1)), n)]
            }
            Selector::Followers => {
                let leader = self.leaders.leader(View(1), n);
                PartyId::all(n).filter(|party| *party != leader).take(self.f).collect()
            }
            Selector::Random(count) => {
                let mut all: Vec<_> =
                    PartyId::all(n).filter(|party| !taken.contains(*party)).collect();
                self.stream.shuffle(&mut all);
                if *count as usize > all.len() {
                    let message = format!("{count} of {} parties cannot be drawn", all.len());
                    self.problem(place, path, message);
                }
                all.truncate(*count as usize);
                all.sort_unstable();
                all
            }
        }
    }

    fn fault(&mut self, party: Option<PartyId>, name: impl Into<String>) -> FaultId {
        let id = FaultId(self.faults.len() as u16);
        self.faults.push(Fault { id, party, name: name.into() });
        id
    }

    fn byzantine(&mut self) -> Vec<crate::Traitor> {
        let table = self.table;
        let mut traitors = Vec::new();
        for (at, entry) in table.tables("byzantine").enumerate() {
            let path = format!("byzantine[{at}]");
            let parties = self.one_of_two(entry, &path);
            let Some((behaviour, node)) = entry.tagged("behaviour") else { continue };
            self.check_meaning(behaviour, &entry.place_of("behaviour"));
            let values = match &node.raw {
                Raw::Table(table) => self.values(table, &format!("{path}.behaviour")),
                _ => Values::default(),
            };
            let when = entry.table("when").map(|when| self.when(when, &path)).unwrap_or_default();
            let info = BEHAVIOURS.iter().find(|info| info.name == behaviour);
            if when != When::default() && info.is_some_and(BehaviourInfo::always) {
                let message = format!("`{behaviour}` is at work always: `when` means nothing here");
                self.problem(&entry.place_of("when"), "when", message).hint = "leave it out".into();
            }
            for party in &parties {
                self.fault(Some(*party), behaviour);
            }
            let behaviour = behaviour.to_owned();
            traitors.push(crate::Traitor { parties, behaviour, values, when });
        }
        traitors
    }

    fn one_of_two(&mut self, entry: &Table, path: &str) -> Vec<PartyId> {
        let (party, parties) = (entry.get("party"), entry.get("parties"));
        match (party, parties) {
            (Some(first), Some(second)) => {
                let place = second.place.clone();
                let problem =
                    Problem::at(&place, path, format!("`{path}` has both `party` and `parties`"));
                self.problems.push(problem.expected("one of them").related(&first.place, "here"));
                Vec::new()
            }
            (Some(node), None) | (None, Some(node)) => match &node.raw {
                Raw::Parties(list) => self.parties(list, path),
                _ => Vec::new(),
            },
            (None, None) => {
                let place = entry.place.clone();
                let problem = self.problem(&place, path, format!("`{path}` names nobody"));
                problem.expected = "party or parties".to_owned();
                Vec::new()
            }
        }
    }

    /// Behaviours that mean nothing for the protocol are refused, not ignored.
    fn check_meaning(&mut self, behaviour: &str, place: &Place) {
        let can = self.entry.can();
        let about = self.entry.about();
        let info = BEHAVIOURS.iter().find(|info| info.name == behaviour);
        if let Some(info) = info.filter(|info| !(info.means)(&can)) {
            let all = BEHAVIOURS.iter().filter(|info| (info.means)(&can)).map(|info| info.name);
            let all = all.collect::<Vec<_>>().join(", ");
            let message = format!("`{behaviour}` means nothing for {}: {}", about.name, info.lacks);
            self.problem(place, "behaviour", message).expected = format!("one of {all}");
        }
    }

    fn when(&mut self, table: &Table, path: &str) -> When {
        let when = When::from_values(&self.values(table, path));
        for node in table.list("kinds") {
            if let Raw::Text(kind) = &node.raw {
                self.check_kind(kind, &node.place);
            }
        }
        when
    }

    fn check_kind(&mut self, kind: &str, place: &Place) {
        let about = self.entry.about();
        let kinds: Vec<_> = about.kinds.iter().map(|kind| kind.name).collect();
        if !kinds.contains(&kind) {
            let message = format!("{} has no message kind `{kind}`", about.name);
            self.problem(place, "kind", message).hint = suggest(kind, &kinds);
        }
    }

    fn expect(&mut self) -> Expect {
        let table = self.table.table("expect").expect("`expect` has a default");
        let costs = table.table("costs").expect("`costs` has a default");
        let finding =
            |property: Property| Some((property, Finding::named(table.text(property.name())?)?));
        Expect {
            properties: Property::ALL.into_iter().filter_map(finding).collect(),
            accused: match table.get("accused").map(|node| &node.raw) {
                Some(Raw::Parties(list)) => Some(self.parties(list, "expect.accused")),
                _ => None,
            },
            fired: table.flag("fired").unwrap_or(true),
            label: table.text("label").map(str::to_owned),
            hops: costs.integer("hops"),
            messages: costs.integer("messages"),
            lost_views: costs.integer("lost_views"),
        }
    }

    /// Going beyond the bound has to be meant.
    fn check_bound(&mut self, scenario: &Scenario) {
        let reasons = theorem::beyond(scenario);
        if reasons.is_empty() || scenario.beyond_bound {
            return;
        }
        let given = |key: &&str| self.table.gives(key);
        let faulty = ["byzantine", "attack", "event"].into_iter().find(given).unwrap_or("f");
        for reason in reasons {
            let key = if reason.starts_with("f =") {
                "f"
            } else if reason.contains("needs") {
                "network.model"
            } else {
                faulty
            };
            let node = match key {
                "f" => self.table.get("f").or_else(|| self.table.get("n")),
                "network.model" => self.table.get("network").filter(|node| node.given),
                key => self.table.get(key),
            };
            let place = node.map_or(0..0, |node| node.place.clone());
            let problem = self.problem(&place, key, reason);
            problem.hint = "to study the failure on purpose, add `beyond_bound = true`".to_owned();
        }
    }

    fn check_expectations(&mut self, scenario: &Scenario) {
        let expect = self.table.table("expect").expect("`expect` has a default");
        let label = scenario.expect.label.as_deref();
        let beyond = scenario.is_beyond_bound();
        if let Some(label @ ("in-model" | "beyond-bound")) = label
            && (label == "beyond-bound") != beyond
        {
            let place = expect.place_of("label");
            let is = if beyond { "beyond the bound" } else { "within the bound" };
            self.problem(&place, "expect.label", format!("the scenario is {is}"));
        }
        let accountable = match scenario.expect.properties.get(&Property::Accountability) {
            Some(finding) => *finding == Finding::Holds,
            None => theorem::promised(scenario, Property::Accountability, None).is_some(),
        };
        let adaptive = scenario.attack.as_ref().is_some_and(|attack| attack.budget > 0);
        let honest = scenario.honest();
        let mut accused = scenario.expect.accused.iter().flatten();
        if accountable
            && !adaptive
            && let Some(party) = accused.find(|party| honest.contains(**party))
        {
            let place = expect.place_of("accused");
            let message = format!("party {party} is honest, and accountability is to hold");
            let problem = self.problem(&place, "expect.accused", message);
            problem.expected = "parties that are corrupted".to_owned();
            if expect.gives("accountability") {
                let other = expect.place_of("accountability");
                problem.related = Some((other, "nobody honest is accused".to_owned()));
            }
        }
    }

    /// A run that cannot finish is not started: about half an hour is what this allows.
    fn check_size(&mut self, scenario: &Scenario) {
        const LIMIT: u64 = 2_000_000_000;
        let n = scenario.n as u64;
        if scenario.faults.len() > MAX_FAULTS {
            let place = self.table.place.clone();
            let message = format!("{} behaviours, rules and events", scenario.faults.len());
            self.problem(&place, "", message).expected = format!("{MAX_FAULTS} at the most");
        }
        // Up to GST a party that waits says something in every Δ or so.
        let waiting = (scenario.network.gst.0 / scenario.network.delta.0).saturating_mul(n);
        if waiting > LIMIT {
            let place = self.table.table("network").map(|network| network.place_of("gst"));
            let message = format!("about {waiting} messages before GST; the limit is {LIMIT}");
            let problem = self.problem(&place.unwrap_or_default(), "network.gst", message);
            problem.hint = "take an earlier GST or a larger delta".to_owned();
        }
        let good = (scenario.protocol.about.good_case)(scenario.n, scenario.f);
        let decisions = scenario.stop_decisions.unwrap_or_else(|| scenario.demanded());
        let messages = good.messages.max(n).saturating_mul(decisions);
        if messages > LIMIT {
            let place = self.table.place_of("workload");
            let message = format!("about {messages} messages; the limit is {LIMIT}");
            let problem = self.problem(&place, "workload", message);
            problem.hint = "take fewer parties or fewer commands".to_owned();
        }
    }
}

/// The name of a file without its ending: below a library as it stands there, elsewhere with the
/// folder that the user named.
fn stem(file: &str) -> String {
    let path = std::path::Path::new(file);
    let shown = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
    let mut parts: Vec<_> = path.with_extension("").iter().map(shown).collect();
    if let Some(library) = parts.iter().rposition(|part| part == "library") {
        parts.drain(..=library);
    } else if path.is_absolute() {
        parts.drain(..parts.len().saturating_sub(1));
    } else {
        parts.retain(|part| !matches!(part.as_str(), "." | ".."));
        parts.drain(..parts.len().saturating_sub(2));
    }
    if parts.is_empty() { file.to_owned() } else { parts.join("/") }
}

/// The names of the models, for tables.
pub(super) fn model(name: &str) -> Option<Model> {
    [Model::Synchrony, Model::PartialSynchrony, Model::Asynchrony]
        .into_iter()
        .find(|model| model.name() == name)
}

/// What happens before GST, by name.
pub(super) fn before_gst(name: &str) -> Option<BeforeGst> {
    [BeforeGst::Bounded, BeforeGst::Unbounded, BeforeGst::Lossy]
        .into_iter()
        .find(|before| before.name() == name)
}

/// A moment that many spans from the start.
pub(super) fn moment(span: Span) -> Time {
    Time(span.0)
}
