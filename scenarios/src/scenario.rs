//! A scenario: a file resolved for one seed, everything a number.

use std::collections::BTreeMap;

use byzlab_crypto::{PartyId, PartySet, Scheme};
use byzlab_protocols::{
    About, BeforeGst, Leaders, Model, Probability, Span, Time, Values, byzantine::When,
};
use byzlab_sim::{Action, Crash, Cut, Delay, Matcher};
use byzlab_trace::FaultId;

/// So many things happen in a simulated run at the most, unless its file says otherwise: a hundred
/// times what the longest of the library take.
pub(crate) const MOST_EVENTS: u64 = 10_000_000;

/// A property of a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Property {
    /// Honest logs agree.
    Agreement,
    /// What is decided was asked for.
    Validity,
    /// Decided once, executed once.
    Integrity,
    /// Everything is decided by the deadline.
    Termination,
    /// Every decision's certificate verifies.
    Certificates,
    /// Only the guilty are accused, and enough of them.
    Accountability,
}

impl Property {
    /// All of them, in the order of reports.
    pub const ALL: [Property; 6] = [
        Property::Agreement,
        Property::Validity,
        Property::Integrity,
        Property::Termination,
        Property::Certificates,
        Property::Accountability,
    ];

    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Property::Agreement => "agreement",
            Property::Validity => "validity",
            Property::Integrity => "integrity",
            Property::Termination => "termination",
            Property::Certificates => "certificates",
            Property::Accountability => "accountability",
        }
    }
}

/// What is found of a property.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Finding {
    /// No violation in this run.
    Holds,
    /// Violated in this run.
    Violated,
    /// The run ended before it could be told.
    Undecided,
}

impl Finding {
    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Finding::Holds => "holds",
            Finding::Violated => "violated",
            Finding::Undecided => "undecided",
        }
    }

    /// By name.
    pub fn named(name: &str) -> Option<Finding> {
        [Finding::Holds, Finding::Violated, Finding::Undecided]
            .into_iter()
            .find(|finding| finding.name() == name)
    }
}

/// The protocol with its parameters.
#[derive(Clone, Debug)]
pub struct ProtocolChoice {
    /// What is known of it.
    pub about: &'static About,
    /// Its parameters.
    pub values: Values,
    /// The broken twin, if one was chosen: id and what is wrong.
    pub broken: Option<(&'static str, &'static str)>,
}

/// The network.
#[derive(Clone, Debug)]
pub struct NetworkSpec {
    /// What it promises.
    pub model: Model,
    /// Δ.
    pub delta: Span,
    /// How long messages take.
    pub delay: Delay,
    /// How long they take before GST.
    pub early: Option<Delay>,
    /// When it becomes synchronous.
    pub gst: Time,
    /// What happens before.
    pub before_gst: BeforeGst,
    /// The share of messages lost.
    pub loss: Probability,
    /// The share of messages doubled.
    pub duplicate: Probability,
}

/// One behaviour of one or more corrupted parties.
#[derive(Clone, Debug)]
pub struct Traitor {
    /// Who.
    pub parties: Vec<PartyId>,
    /// What.
    pub behaviour: String,
    /// Its parameters.
    pub values: Values,
    /// When.
    pub when: When,
}

/// An attack of the catalogue.
#[derive(Clone, Debug)]
pub struct AttackSpec {
    /// Its id.
    pub id: String,
    /// Who is corrupted from the start.
    pub parties: Vec<PartyId>,
    /// How many may be corrupted later.
    pub budget: usize,
    /// Whether one mind carries it out, which sees every message: in the simulator only.
    pub mind: bool,
}

/// A rule on single messages.
#[derive(Clone, Debug)]
pub struct RuleSpec {
    /// Which messages.
    pub on: Matcher,
    /// What happens to them.
    pub action: Action,
    /// For `set`: which fields become what.
    pub set: Vec<(String, serde_json::Value)>,
}

/// Whom requests reach first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Everybody.
    All,
    /// These parties, and everybody after the retry time, if there is one.
    Some(Vec<PartyId>, Option<Span>),
}

/// What clients ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Demand {
    /// So many requests of one client at time 0.
    Commands(u64),
    /// These values, one for each broadcast.
    Inputs(Vec<String>),
    /// Clients that send at a rate.
    Clients {
        /// How many.
        count: u64,
        /// Requests of each a second.
        rate: u64,
        /// Requests of each in all.
        requests: u64,
    },
}

/// What is to be decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Workload {
    /// What is asked for.
    pub demand: Demand,
    /// Whom it reaches.
    pub to: Reach,
}

/// What is expected of a run.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// Of properties, where the file says so.
    pub properties: BTreeMap<Property, Finding>,
    /// Exactly these are accused.
    pub accused: Option<Vec<PartyId>>,
    /// Every fault changed what honest parties received.
    pub fired: bool,
    /// The label.
    pub label: Option<String>,
    /// The most message delays.
    pub hops: Option<u64>,
    /// Messages of each complete view that decided.
    pub messages: Option<u64>,
    /// Views without a decision.
    pub lost_views: Option<u64>,
}

impl Expect {
    /// The same, but for what a run costs.
    #[must_use]
    pub fn without_costs(&self) -> Expect {
        Expect { hops: None, messages: None, lost_views: None, ..self.clone() }
    }
}

/// What a comparison crosses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compare {
    /// Which protocols.
    pub protocols: Vec<String>,
    /// Which behaviours.
    pub behaviours: Vec<String>,
    /// Which attacks.
    pub attacks: Vec<String>,
    /// Which numbers of parties.
    pub n: Vec<u64>,
    /// Which numbers of faults; none: the most that all of them tolerate.
    pub f: Vec<u64>,
    /// Which networks: a name, and what is set for it; none: that of the file.
    pub networks: Vec<(String, Vec<String>)>,
    /// Which seeds, the end excluded.
    pub seeds: (u64, u64),
}

/// A fault of the scenario, for reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Its number.
    pub id: FaultId,
    /// Whose it is, if it is a party's.
    pub party: Option<PartyId>,
    /// Its name.
    pub name: String,
}

/// A scenario, everything resolved.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file.
    pub file: String,
    /// A name for reports.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Where it is told.
    pub post: String,
    /// The protocol.
    pub protocol: ProtocolChoice,
    /// The number of parties.
    pub n: usize,
    /// The number of faults that the protocol is set up for.
    pub f: usize,
    /// The seed.
    pub seed: u64,
    /// How statements are signed.
    pub crypto: Scheme,
    /// Who leads.
    pub leaders: Leaders,
    /// Whether going beyond the bound is wanted.
    pub beyond_bound: bool,
    /// The network.
    pub network: NetworkSpec,
    /// Corrupted parties.
    pub byzantine: Vec<Traitor>,
    /// An attack of the catalogue.
    pub attack: Option<AttackSpec>,
    /// Rules on single messages.
    pub rules: Vec<RuleSpec>,
    /// Partitions and cuts.
    pub cuts: Vec<Cut>,
    /// Crashes.
    pub crashes: Vec<Crash>,
    /// What is to be decided.
    pub workload: Workload,
    /// Decisions at which the run ends.
    pub stop_decisions: Option<u64>,
    /// The time at which the run ends.
    pub stop_time: Option<Time>,
    /// So many things happen in a simulated run at the most.
    pub stop_events: u64,
    /// For real runtimes: every duration times this.
    pub scale: u64,
    /// For real runtimes: so many clients have keys.
    pub clients: u64,
    /// For real runtimes: whether votes reach the disk before they leave.
    pub sync: bool,
    /// For real runtimes: whether journals are kept, by which a run is judged.
    pub journal: bool,
    /// For real runtimes: whether requests of clients carry no signature, but an ideal one that
    /// every party could make.
    pub unsigned: bool,
    /// What is expected.
    pub expect: Expect,
    /// What `compare` crosses.
    pub compare: Option<Compare>,
    /// All faults: behaviours, attack, rules, events.
    pub faults: Vec<Fault>,
    /// Whom each selector of the file chose, by its place in the text.
    pub selected: BTreeMap<usize, Vec<PartyId>>,
}

impl Scenario {
    /// Who is corrupted from the start.
    pub fn traitors(&self) -> PartySet {
        let attackers = self.attack.iter().flat_map(|attack| attack.parties.iter());
        let byzantine = self.byzantine.iter().flat_map(|traitor| traitor.parties.iter());
        byzantine.chain(attackers).copied().collect()
    }

    /// Who counts as faulty for another reason: crashed for good, without its disk, or crashed
    /// at all where the protocol does not take a party back.
    pub fn failed(&self) -> PartySet {
        let failed = self.crashes.iter().filter(|crash| {
            crash.restart.is_none()
                || crash.disk != byzlab_sim::DiskAfter::Kept
                || !self.protocol.about.recovers
        });
        failed.map(|crash| crash.party).collect()
    }

    /// How many parties are faulty at the most: corrupted, to be corrupted, or failed.
    pub fn faulty(&self) -> usize {
        let failed = self.failed();
        let traitors = self.traitors();
        let both = traitors.intersection(&failed).len();
        let budget = self.attack.as_ref().map_or(0, |attack| attack.budget);
        traitors.len() + failed.len() - both + budget
    }

    /// Who is honest whenever it is up: not corrupted, and its disk is always as it left it. A
    /// crash takes back nothing that a party said before.
    pub fn honest(&self) -> PartySet {
        let traitors = self.traitors();
        let kept = |party: PartyId| {
            let mut crashes = self.crashes.iter().filter(|crash| crash.party == party);
            crashes.all(|crash| crash.disk == byzlab_sim::DiskAfter::Kept)
        };
        PartyId::all(self.n).filter(|party| !traitors.contains(*party) && kept(*party)).collect()
    }

    /// Of whom liveness expects something: neither corrupted nor failed.
    pub fn judged(&self) -> PartySet {
        let (traitors, failed) = (self.traitors(), self.failed());
        let honest = |party: &PartyId| !traitors.contains(*party) && !failed.contains(*party);
        PartyId::all(self.n).filter(honest).collect()
    }

    /// Numbers all faults anew, in the order in which they stand in a file.
    pub(crate) fn number_faults(&mut self) {
        let mut faults: Vec<(Option<PartyId>, String)> = Vec::new();
        for traitor in &self.byzantine {
            let parties = traitor.parties.iter();
            faults.extend(parties.map(|party| (Some(*party), traitor.behaviour.clone())));
        }
        faults.extend(self.attack.iter().map(|attack| (None, format!("attack {}", attack.id))));
        faults.extend((1..=self.rules.len()).map(|at| (None, format!("rule {at}"))));
        let next = faults.len();
        for (at, cut) in self.cuts.iter_mut().enumerate() {
            cut.fault = FaultId((next + at) as u16);
            faults.push((None, format!("event {}", at + 1)));
        }
        let next = faults.len();
        for (at, crash) in self.crashes.iter_mut().enumerate() {
            crash.fault = FaultId((next + at) as u16);
            faults.push((Some(crash.party), "crash".to_owned()));
        }
        let numbered = faults.into_iter().zip(0..);
        self.faults =
            numbered.map(|((party, name), id)| Fault { id: FaultId(id), party, name }).collect();
    }

    /// How many requests or broadcasts are asked for.
    pub fn demanded(&self) -> u64 {
        match &self.workload.demand {
            Demand::Commands(count) => *count,
            Demand::Inputs(inputs) => inputs.len() as u64,
            Demand::Clients { count, requests, .. } => count * requests,
        }
    }

    /// The label of the run before it starts.
    pub fn is_beyond_bound(&self) -> bool {
        !crate::theorem::beyond(self).is_empty()
    }
}
