//! A scenario from a handful of small numbers: whatever they are, it keeps to its model, and to
//! its bound or beyond it as wanted. Smaller numbers make a smaller and calmer scenario.

use std::fmt::{self, Write};

use byzlab::{
    protocols::{About, Model, byzantine::BEHAVIOURS},
    scenarios::Entry,
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::{faults, network};

/// Everything is told in tenths of Δ.
pub(crate) const DELTA: u64 = 10;

/// Whether the theorem is to apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bound {
    /// At most f are faulty.
    Within,
    /// More than f are corrupted.
    Beyond,
}

/// What is asked of the generator.
#[derive(Clone)]
pub(crate) struct Wanted {
    /// What is known of the protocol.
    pub(crate) about: &'static About,
    /// The behaviours that mean something for it.
    pub(crate) behaviours: Vec<&'static str>,
    /// How many parties at the most.
    pub(crate) most: usize,
    /// How statements are signed.
    pub(crate) crypto: &'static str,
    /// Within the bound or beyond it.
    pub(crate) bound: Bound,
    /// A broken twin instead of the protocol.
    pub(crate) broken: Option<&'static str>,
}

impl Wanted {
    /// Scenarios of a protocol.
    pub(crate) fn of(entry: &dyn Entry, most: usize, crypto: &'static str, bound: Bound) -> Wanted {
        let can = entry.can();
        let behaviours = BEHAVIOURS.iter().filter(|info| (info.means)(&can));
        let behaviours = behaviours.map(|info| info.name).collect();
        Wanted { about: entry.about(), behaviours, most, crypto, bound, broken: None }
    }
}

/// A scenario; shown as the file that repeats it.
#[derive(Clone)]
pub(crate) struct Case {
    /// The file.
    pub(crate) toml: String,
    /// Who may rightly be accused.
    pub(crate) faulty: Vec<usize>,
    /// Whether others may be corrupted during the run.
    pub(crate) adaptive: bool,
    /// Whether termination is promised.
    pub(crate) live: bool,
}

impl fmt::Debug for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\n{}", self.toml)
    }
}

/// Numbers and who is faulty.
pub(crate) struct Shape {
    /// The number of parties.
    pub(crate) n: usize,
    /// The bound.
    pub(crate) f: usize,
    /// Who is faulty, in no order.
    pub(crate) faulty: Vec<usize>,
}

impl Shape {
    /// The others.
    pub(crate) fn honest(&self) -> impl Iterator<Item = usize> {
        (0..self.n).filter(|party| !self.faulty.contains(party))
    }

    /// One of all parties.
    pub(crate) fn party(&self, number: u8) -> usize {
        usize::from(number) % self.n
    }

    /// A list of the parties whose bit is set, as it stands in a file.
    pub(crate) fn some(&self, mask: u16) -> String {
        let list: Vec<_> = (0..self.n).filter(|party| mask >> party & 1 == 1).collect();
        format!("{list:?}")
    }

    /// Two groups of some of the parties, or of all of them.
    pub(crate) fn two(&self, mask: u16) -> String {
        format!("[{}, {}]", self.some(mask), self.some(!mask))
    }
}

/// What is to be decided, as drawn.
#[derive(Clone, Debug)]
struct Work {
    count: u8,
    form: u8,
    to: u8,
    mask: u16,
    leaders: Vec<u8>,
    batch: u8,
}

/// Scenarios. Shrinking goes to fewer parties first, then to a smaller f, then to fewer faults.
pub(crate) fn cases(wanted: Wanted) -> impl Strategy<Value = Case> {
    let numbers = (1..=wanted.most, 0..wanted.most, 0..wanted.most);
    let work = (1..=5u8, 0..4u8, 0..4u8, any::<u16>(), vec(0..10u8, 0..3), 1..=3u8);
    let work = work.prop_map(|(count, form, to, mask, leaders, batch)| Work {
        count,
        form,
        to,
        mask,
        leaders,
        batch,
    });
    let faults = vec(faults::drawn(), wanted.most);
    (numbers, work, any::<bool>(), faults, network::drawn(), 0..1_000_000u64).prop_map(
        move |((n, f, b), work, scheduled, faults, network, seed)| {
            let shape = shape(&wanted, n, f, b, &faults);
            let mut case = Case {
                toml: head(&wanted, &shape, &work, seed),
                faulty: shape.faulty.clone(),
                adaptive: false,
                live: wanted.bound == Bound::Within,
            };
            let network = network.fit(&wanted);
            case.live &= network.model != Model::Asynchrony;
            case.toml.push_str(&network.toml());
            if scheduled && wanted.bound == Bound::Within {
                faults::schedule(&mut case, &shape, &faults);
            } else {
                faults::behave(&mut case, &wanted, &shape, &faults);
            }
            network.events(&mut case.toml, &wanted, &shape);
            workload(&mut case.toml, &wanted, &shape, &work);
            case
        },
    )
}

fn shape(wanted: &Wanted, n: usize, f: usize, b: usize, faults: &[faults::Drawn]) -> Shape {
    let f = f.min((wanted.about.tolerates)(n));
    let b = match wanted.bound {
        Bound::Within => b.min(f),
        Bound::Beyond => (f + 1 + b).min(n - 1),
    };
    let mut faulty = Vec::new();
    for fault in faults.iter().take(b) {
        let from = usize::from(fault.who);
        let free = (from..from + n).map(|party| party % n).find(|party| !faulty.contains(party));
        faulty.extend(free);
    }
    Shape { n, f, faulty }
}

fn head(wanted: &Wanted, shape: &Shape, work: &Work, seed: u64) -> String {
    let mut toml = String::new();
    let about = wanted.about;
    let mut parameters = match about.model {
        Model::Synchrony => format!("short_rounds = {}", work.batch == 2),
        _ => format!("batch = {}", work.batch),
    };
    if about.slots {
        // Short intervals, so that states are handed on, and now and then a short pipeline.
        let _ = write!(parameters, ", checkpoint = {}", 1 + work.mask % 4);
        if work.mask & 0x30 == 0 {
            let _ = write!(parameters, ", pipeline = {}", 1 + work.mask % 3);
        }
    }
    if let Some(id) = wanted.broken {
        let _ = write!(parameters, ", broken = \"{id}\"");
    }
    let _ = writeln!(toml, "protocol.{} = {{ {parameters} }}", about.name);
    let _ = writeln!(toml, "n = {}\nf = {}\nseed = {seed}", shape.n, shape.f);
    let _ = writeln!(toml, "crypto = \"{}\"", wanted.crypto);
    if !work.leaders.is_empty() {
        let leaders: Vec<_> = work.leaders.iter().map(|party| shape.party(*party)).collect();
        let _ = writeln!(toml, "leaders = {leaders:?}");
    }
    match wanted.bound {
        Bound::Within => toml.push_str("expect = { fired = false, label = \"in-model\" }\n"),
        // Who runs ahead of his clock for minutes shows no more than in the first messages.
        Bound::Beyond => {
            toml.push_str("beyond_bound = true\nexpect.fired = false\nstop.events = 10000\n");
        }
    }
    toml
}

fn workload(toml: &mut String, wanted: &Wanted, shape: &Shape, work: &Work) {
    let count = work.count;
    toml.push_str("\n[workload]\n");
    if wanted.about.model == Model::Synchrony {
        let inputs: Vec<_> = (0..count).map(|at| format!("value {}", at / 2)).collect();
        let _ = match work.form {
            0 | 1 => writeln!(toml, "commands = {count}"),
            _ => writeln!(toml, "inputs = {inputs:?}"),
        };
        return;
    }
    let _ = match work.form {
        0..=2 => writeln!(toml, "commands = {count}"),
        _ => writeln!(toml, "clients = {{ count = 2, rate = {}, requests = {count} }}", count * 3),
    };
    let _ = match work.to {
        0 | 1 => Ok(()),
        2 => writeln!(toml, "to = \"leader\""),
        _ => writeln!(toml, "to = {}\nretry = \"1500ms\"", shape.some(work.mask | 1)),
    };
}

/// A duration of so many tenths of Δ, as it stands in a file.
pub(crate) fn span(tenths: u64) -> String {
    format!("\"{}ms\"", tenths * 10)
}

/// One of a list.
pub(crate) fn pick<T: Copy>(list: &[T], index: &Index) -> T {
    list[index.index(list.len())]
}
