//! What is searched: what the file says stays, what it leaves open is drawn.

use byzlab_crypto::{PartyId, PartySet, Scheme};
use byzlab_protocols::{
    About, Field, FieldKind, Leaders, Model, Span, Task, Time, byzantine::BEHAVIOURS,
};

use crate::{Document, Entry, Problem, Problems, Registry, Scenario, file::Raw};

/// The scenarios around a file.
pub struct Space<'a> {
    /// The protocol, to be run.
    pub(super) entry: &'a dyn Entry,
    /// The scenario of the file.
    pub base: Scenario,
    /// The behaviours that mean something for the protocol.
    pub(super) behaviours: Vec<&'static str>,
    /// What the file leaves open.
    pub(super) open: Open,
    /// Parameters of the protocol that are whole numbers and left open.
    pub(super) parameters: Vec<&'static Field>,
    /// In how many Δ the protocol gets through a few views, whoever leads them.
    pub(super) few_views: u64,
}

/// What a file leaves open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) seed: bool,
    pub(super) n: bool,
    pub(super) f: bool,
    pub(super) leaders: bool,
    pub(super) network: bool,
    pub(super) traitors: bool,
    pub(super) rules: bool,
    pub(super) events: bool,
    pub(super) workload: bool,
}

impl<'a> Space<'a> {
    /// The space around a file.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn of(document: &Document, registry: &'a Registry) -> Result<Space<'a>, Problems> {
        let mut base = document.resolve(None, registry)?;
        let table = &document.table;
        let wrong = |key: &str, why: &str| {
            let problem = Problem::whole(key, why.to_owned());
            Err(Problems::new(&document.file, &document.source, vec![problem]))
        };
        let Some(entry) = registry.get(base.protocol.about.name) else {
            return wrong("protocol", "unknown protocol");
        };
        if !table.gives("crypto") {
            base.crypto = Scheme::Ideal;
        }
        base.expect = crate::Expect::default();
        base.compare = None;
        let network = table.table("network");
        let timing = ["model", "delay", "gst", "before_gst", "delay_before_gst", "loss"];
        let timed = network.is_some_and(|table| timing.iter().any(|key| table.gives(key)));
        let can = entry.can();
        let given = table.tagged("protocol").map(|(_, node)| &node.raw);
        let given = |key: &str| matches!(given, Some(Raw::Table(table)) if table.gives(key));
        let parameters = entry
            .fields()
            .iter()
            .filter(|field| matches!(field.kind, FieldKind::Integer { .. }) && !given(field.name));
        let behaviours = BEHAVIOURS.iter().filter(|info| (info.means)(&can));
        let open = Open {
            seed: !table.gives("seed"),
            // Who is named in the file exists.
            n: !table.gives("n") && base.faults.is_empty() && !table.gives("leaders"),
            f: !table.gives("f"),
            leaders: !table.gives("leaders"),
            network: !timed,
            traitors: !table.gives("byzantine") && !table.gives("attack"),
            rules: !table.gives("rule"),
            events: !table.gives("event"),
            workload: !table.gives("workload"),
        };
        let mut space = Space {
            entry,
            base,
            behaviours: behaviours.map(|info| info.name).collect(),
            open,
            parameters: parameters.collect(),
            few_views: 0,
        };
        space.few_views = space.good_case();
        Ok(space)
    }

    /// One and a half times as long as the theorem allows where nothing is wrong, in Δ.
    fn good_case(&self) -> u64 {
        let mut scenario = self.draft();
        (scenario.byzantine, scenario.attack) = (Vec::new(), None);
        (scenario.rules, scenario.cuts, scenario.crashes) = Default::default();
        scenario.workload.demand = crate::Demand::Commands(1);
        (scenario.network.gst, scenario.network.early) = (Time::ZERO, None);
        scenario.number_faults();
        let deadline = self.entry.deadline(&scenario).unwrap_or(Time::ZERO);
        (deadline.0 / self.delta().0.max(1) * 3 / 2).clamp(20, 100)
    }

    pub(super) fn about(&self) -> &'static About {
        self.base.protocol.about
    }

    /// How many parties may be faulty.
    pub(super) fn most_faulty(&self, scenario: &Scenario) -> usize {
        match self.base.beyond_bound {
            true => (scenario.f + 1).max(self.base.faulty()).min(scenario.n - 1),
            false => scenario.f,
        }
    }

    /// The first draft of a draw: the file, with as little to do as shows something.
    pub(super) fn draft(&self) -> Scenario {
        let mut scenario = self.base.clone();
        if self.open.workload {
            let count = if self.about().task == Task::Broadcast { 1 } else { 2 };
            scenario.workload.demand = crate::Demand::Commands(count);
        }
        if self.open.n {
            self.resize(&mut scenario, self.base.n);
        }
        scenario
    }

    /// Changes the number of parties, and f with it unless the file gives it.
    pub(super) fn resize(&self, scenario: &mut Scenario, n: usize) {
        scenario.n = n;
        if self.open.f {
            scenario.f = (self.about().tolerates)(n);
        }
        if let Leaders::RoundRobin(first) = &mut scenario.leaders {
            *first = PartyId(self.about().first_leader.0 % n as u16);
        }
    }

    /// Δ.
    pub(super) fn delta(&self) -> Span {
        self.base.network.delta
    }

    /// Whether there is a time before the network is synchronous.
    pub(super) fn has_gst(&self) -> bool {
        self.base.network.model == Model::PartialSynchrony
    }
}

/// Everybody but one.
pub(super) fn others(n: usize, party: PartyId) -> PartySet {
    PartyId::all(n).filter(|other| *other != party).collect()
}

/// A moment that many twentieths of a span from the start.
pub(super) fn twentieths(span: Span, count: u64) -> Time {
    Time((span.0 / 20).max(1).saturating_mul(count))
}
