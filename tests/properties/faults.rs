//! What the faulty parties do: behaviours with conditions, crashes, lost disks, schedules.

use std::fmt::Write;

use byzlab::protocols::{Model, byzantine::BEHAVIOURS};
use proptest::{option, prelude::*, sample::Index};

use crate::case::{Case, Shape, Wanted, pick, span};

/// What one faulty party does, as drawn.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    /// Which party, or the next one that is free.
    pub(crate) who: u8,
    how: u8,
    first: Behaviour,
    second: Option<Behaviour>,
    at: u8,
    down: u8,
}

#[derive(Clone, Debug)]
struct Behaviour {
    name: Index,
    number: u8,
    mask: u16,
    when: Option<When>,
}

#[derive(Clone, Debug)]
struct When {
    form: u8,
    from: u8,
    length: u8,
    kind: Index,
}

/// Faults.
pub(crate) fn drawn() -> impl Strategy<Value = Drawn> {
    let when = (0..5u8, 0..8u8, 1..8u8, any::<Index>());
    let when = when.prop_map(|(form, from, length, kind)| When { form, from, length, kind });
    let behaviour = (any::<Index>(), 0..8u8, any::<u16>(), option::of(when));
    let behaviour =
        behaviour.prop_map(|(name, number, mask, when)| Behaviour { name, number, mask, when });
    let behaviours = (behaviour.clone(), option::weighted(0.4, behaviour));
    (0..10u8, 0..10u8, behaviours, 0..200u8, 1..150u8).prop_map(
        |(who, how, (first, second), at, down)| Drawn { who, how, first, second, at, down },
    )
}

/// Every faulty party does what was drawn for it.
pub(crate) fn behave(case: &mut Case, wanted: &Wanted, shape: &Shape, faults: &[Drawn]) {
    for (party, fault) in shape.faulty.iter().zip(faults) {
        match fault.how {
            8 => crash(&mut case.toml, *party, fault, "kept"),
            9 => crash(
                &mut case.toml,
                *party,
                fault,
                if fault.down.is_multiple_of(2) { "lost" } else { "stale" },
            ),
            _ => {
                for behaviour in std::iter::once(&fault.first).chain(&fault.second) {
                    behaviour.write(&mut case.toml, wanted, shape, *party);
                }
            }
        }
    }
}

/// Everybody follows the protocol, but one mind schedules the messages, and may corrupt leaders.
pub(crate) fn schedule(case: &mut Case, shape: &Shape, faults: &[Drawn]) {
    let name = pick(&["S4", "S2", "S10", "S12", "G19"], &faults[0].first.name);
    case.adaptive = name == "G19";
    let _ = writeln!(case.toml, "\n[attack]\nname = \"{name}\"");
    match case.adaptive {
        true => {
            let _ = writeln!(case.toml, "budget = {}", shape.faulty.len());
            case.faulty.clear();
        }
        false => {
            let _ = writeln!(case.toml, "parties = {:?}", shape.faulty);
        }
    }
}

/// Down for good, or without its disk, or where the protocol does not take it back.
fn crash(toml: &mut String, party: usize, fault: &Drawn, disk: &str) {
    let at = span(u64::from(fault.at));
    let (after, disk) = match disk {
        "kept" => (String::new(), String::new()),
        _ => {
            let after = format!(", restart_after = {}", span(u64::from(fault.down)));
            (after, format!(", disk = \"{disk}\""))
        }
    };
    let _ = writeln!(toml, "\n[[event]]\nat = {at}\ncrash = {{ party = {party}{after}{disk} }}");
}

impl Behaviour {
    fn write(&self, toml: &mut String, wanted: &Wanted, shape: &Shape, party: usize) {
        let name = pick(&wanted.behaviours, &self.name);
        let number = self.number;
        let parameters = match name {
            "crash" if number.is_multiple_of(2) => {
                format!("sends = {number}, last_to = {}", shape.some(self.mask))
            }
            "crash" => format!("at = {}", span(u64::from(number) * 9)),
            "equivocate" | "twins" if number.is_multiple_of(2) => {
                format!("split = {}", shape.two(self.mask))
            }
            "selective" if number.is_multiple_of(2) => format!("to = {}", shape.some(self.mask)),
            "delay" => format!("by = {}", span(1 + u64::from(number) * 7)),
            "replay" => format!("count = {}", 1 + number % 3),
            "impersonate" if number.is_multiple_of(2) => {
                format!("victims = {}", shape.some(self.mask))
            }
            _ => String::new(),
        };
        let _ = writeln!(toml, "\n[[byzantine]]\nparty = {party}");
        let _ = writeln!(toml, "behaviour.{name} = {{ {parameters} }}");
        let always = BEHAVIOURS.iter().any(|info| info.name == name && info.always());
        if let Some(when) = self.when.as_ref().filter(|_| !always) {
            let _ = writeln!(toml, "when = {{ {} }}", when.table(wanted));
        }
    }
}

impl When {
    fn table(&self, wanted: &Wanted) -> String {
        let (from, length) = (u64::from(self.from), u64::from(self.length));
        match self.form {
            0 => format!("views = \"{from}..{}\"", from + length),
            1 => {
                let kinds: Vec<_> = wanted.about.kinds.iter().map(|kind| kind.name).collect();
                format!("kinds = [\"{}\"]", pick(&kinds, &self.kind))
            }
            2 => {
                let scale = if wanted.about.model == Model::Synchrony { 50 } else { 400 };
                format!("times = \"{}ms..{}ms\"", from * scale, (from + length) * scale)
            }
            3 => format!("first = {length}"),
            _ => format!("probability = 0.{length}"),
        }
    }
}
