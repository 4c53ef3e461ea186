//! The network as the protocol's model promises it, and what happens to parties and links from
//! outside: never more than the model allows.

use std::fmt::Write;

use byzlab::protocols::Model;
use proptest::{collection::vec, option, prelude::*};

use crate::case::{DELTA, Shape, Wanted, span};

/// A network, as drawn.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    asynchrony: bool,
    delay: (u8, u8, u8),
    gst: u8,
    before: u8,
    early: Option<(u8, u8)>,
    loss: u8,
    duplicate: u8,
    partitions: Vec<Partition>,
    short: Option<Partition>,
    crashes: Vec<Crash>,
    rule: Option<(u8, u8, u8, u8)>,
}

#[derive(Clone, Debug)]
struct Partition {
    at: u8,
    length: u8,
    mask: u16,
    one_way: bool,
}

#[derive(Clone, Debug)]
struct Crash {
    party: u8,
    at: u8,
    down: u8,
}

/// A network that fits its protocol.
pub(crate) struct Network {
    /// What it promises.
    pub(crate) model: Model,
    drawn: Drawn,
    gst: u64,
    /// The longest delay after GST, if it is a hard bound.
    high: u64,
}

/// Networks.
pub(crate) fn drawn() -> impl Strategy<Value = Drawn> {
    let partition = (0..120u8, 1..120u8, any::<u16>(), any::<bool>());
    let partition =
        partition.prop_map(|(at, length, mask, one_way)| Partition { at, length, mask, one_way });
    let crash = (0..10u8, 0..150u8, 1..100u8);
    let crash = crash.prop_map(|(party, at, down)| Crash { party, at, down });
    let delays =
        (prop::bool::weighted(0.1), (0..4u8, 1..=10u8, 0..=10u8), option::of((0..3u8, 1..80u8)));
    let early = (prop_oneof![Just(0u8), 1..150u8], 0..3u8, 0..8u8, 0..5u8);
    let outside = (
        vec(partition.clone(), 0..3),
        option::weighted(0.3, partition),
        vec(crash, 0..4),
        option::weighted(0.3, (0..4u8, 0..10u8, 0..10u8, 0..10u8)),
    );
    (delays, early, outside).prop_map(
        |((asynchrony, delay, early), (gst, before, loss, duplicate), outside)| {
            let (partitions, short, crashes, rule) = outside;
            Drawn {
                asynchrony,
                delay,
                gst,
                before,
                early,
                loss,
                duplicate,
                partitions,
                short,
                crashes,
                rule,
            }
        },
    )
}

impl Drawn {
    /// As the model of the protocol allows it.
    pub(crate) fn fit(self, wanted: &Wanted) -> Network {
        let model = match wanted.about.model {
            Model::PartialSynchrony if self.asynchrony => Model::Asynchrony,
            promised => promised,
        };
        let gst = if model == Model::PartialSynchrony { u64::from(self.gst) } else { 0 };
        let (form, first, second) = self.delay;
        let high = match form {
            0 => u64::from(first),
            1 | 2 => u64::from(first.max(second)),
            _ => DELTA,
        };
        Network { model, gst, high, drawn: self }
    }
}

impl Network {
    /// The table of the file.
    pub(crate) fn toml(&self) -> String {
        let drawn = &self.drawn;
        let (form, first, second) = drawn.delay;
        let slow = if self.model == Model::Asynchrony { 4 } else { 1 };
        let at = |tenths: u8| match tenths {
            0 => "\"1ns\"".to_owned(),
            _ => span(u64::from(tenths) * slow),
        };
        let mut toml =
            format!("\n[network]\nmodel = \"{}\"\ndelta = \"100ms\"\n", self.model.name());
        let _ = match form {
            0 => writeln!(toml, "delay.constant = {}", at(first)),
            1 | 2 => {
                let (low, high) = (first.min(second), first.max(second));
                writeln!(toml, "delay.uniform = [{}, {}]", at(low), at(high))
            }
            _ => writeln!(toml, "delay.normal = [{}, {}]", at(first), at(second)),
        };
        if drawn.duplicate > 0 {
            let _ = writeln!(toml, "duplicate = 0.{}", drawn.duplicate);
        }
        if self.gst > 0 {
            let before = ["bounded", "unbounded", "lossy"][usize::from(drawn.before)];
            let _ = writeln!(toml, "gst = {}\nbefore_gst = \"{before}\"", span(self.gst));
            let _ = match drawn.early {
                Some((0, longest)) => {
                    writeln!(toml, "delay_before_gst.constant = {}", at(longest))
                }
                Some((_, longest)) => {
                    writeln!(toml, "delay_before_gst.uniform = [\"1ns\", {}]", at(longest))
                }
                None => Ok(()),
            };
            if before == "lossy" && drawn.loss > 0 {
                let _ = writeln!(toml, "loss = 0.{}", drawn.loss);
            }
        }
        toml
    }

    /// Partitions that heal, crashes of parties that come back with their disk, rules.
    pub(crate) fn events(&self, toml: &mut String, wanted: &Wanted, shape: &Shape) {
        for partition in &self.drawn.partitions {
            let (at, length) = (u64::from(partition.at), u64::from(partition.length));
            let until = match self.model {
                Model::Asynchrony => at + length,
                _ => (at + length).min(self.gst),
            };
            if at < until {
                partition.write(toml, shape, at, until);
            }
        }
        let mut slack = DELTA - self.high;
        if let Some(short) = &self.drawn.short
            && slack > 0
            && self.model != Model::Asynchrony
        {
            let at = u64::from(short.at);
            let length = 1 + u64::from(short.length) % slack;
            short.write(toml, shape, at, at + length);
            slack = 0;
        }
        if wanted.about.recovers {
            self.crashes(toml, shape);
        }
        self.rule(toml, shape, slack);
    }

    /// Honest parties go down and come back, some of them twice.
    fn crashes(&self, toml: &mut String, shape: &Shape) {
        let mut up = vec![0; shape.n];
        for crash in &self.drawn.crashes {
            let honest: Vec<_> = shape.honest().collect();
            let party = honest[usize::from(crash.party) % honest.len()];
            let at = up[party] + u64::from(crash.at);
            let down = u64::from(crash.down);
            up[party] = at + down + 1;
            let _ = writeln!(
                toml,
                "\n[[event]]\nat = {}\ncrash = {{ party = {party}, restart_after = {} }}",
                span(at),
                span(down)
            );
        }
    }

    /// A rule that the model allows: slack is how much later a message may come.
    fn rule(&self, toml: &mut String, shape: &Shape, slack: u64) {
        let Some((form, from, to, number)) = self.drawn.rule else { return };
        let number = u64::from(number);
        let (from, to) = (shape.party(from), shape.party(to));
        let action = match form {
            0 => format!("duplicate = {}", 2 + number),
            1 => format!("hold_until = {}", span((self.gst + DELTA).min(number * 9))),
            _ if self.model == Model::Asynchrony => format!("delay = {}", span(1 + number * 10)),
            _ if slack > 0 && self.gst == 0 => format!("delay = {}", span(1 + number % slack)),
            _ => return,
        };
        let on = match form {
            2 => format!("from = {from}, occurrence = {}", 1 + number),
            _ => format!("from = {from}, to = [{to}]"),
        };
        let _ = writeln!(toml, "\n[[rule]]\non = {{ {on} }}\ndo.{action}");
    }
}

impl Partition {
    fn write(&self, toml: &mut String, shape: &Shape, at: u64, until: u64) {
        let _ = writeln!(toml, "\n[[event]]\nat = {}\nuntil = {}", span(at), span(until));
        let _ = match self.one_way {
            true => {
                let (from, to) = (shape.some(self.mask), shape.some(!self.mask));
                writeln!(toml, "cut = {{ from = {from}, to = {to} }}")
            }
            false => writeln!(toml, "partition = {}", shape.two(self.mask)),
        };
    }
}
