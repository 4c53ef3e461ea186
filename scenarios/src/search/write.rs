//! A scenario as the file that gives it: only what differs from the defaults.

use std::fmt::Write;

use byzlab_crypto::{PartyId, PartySet, Scheme};
use byzlab_protocols::{
    BeforeGst, Field, FieldDefault, FieldKind, Leaders, Probability, Span, Time, Value, Values,
    byzantine::{BEHAVIOURS, When},
};
use byzlab_sim::{Action, Crash, Cut, Delay, DiskAfter};

use crate::{Demand, Reach, RuleSpec, Scenario, Traitor, file::region, scenario::MOST_EVENTS};

/// The file of a scenario, without words on what is expected; `fields` are the parameters of its
/// protocol.
pub fn write(scenario: &Scenario, fields: &[Field]) -> String {
    let mut out = String::new();
    let about = scenario.protocol.about;
    let parameters = table(&scenario.protocol.values, fields);
    let _ = match parameters.is_empty() {
        true => writeln!(out, "protocol = \"{}\"", about.name),
        false => writeln!(out, "protocol.{} = {{ {parameters} }}", about.name),
    };
    let _ = writeln!(out, "n = {}", scenario.n);
    if scenario.f != (about.tolerates)(scenario.n) {
        let _ = writeln!(out, "f = {}", scenario.f);
    }
    let _ = match i64::try_from(scenario.seed) {
        Ok(seed) => writeln!(out, "seed = {seed}"),
        Err(_) => writeln!(out, "seed = \"{}\"", scenario.seed),
    };
    if scenario.crypto == Scheme::Ideal {
        out.push_str("crypto = \"ideal\"\n");
    }
    match &scenario.leaders {
        Leaders::RoundRobin(_) => {}
        Leaders::Stable(_) => out.push_str("leaders = \"stable\"\n"),
        Leaders::Scripted(list, _) => {
            let _ = writeln!(out, "leaders = {}", parties(list));
        }
    }
    if scenario.beyond_bound {
        out.push_str("beyond_bound = true\n");
    }
    scenario.byzantine.iter().for_each(|traitor| byzantine(&mut out, traitor));
    attack(&mut out, scenario);
    network(&mut out, scenario);
    scenario.rules.iter().for_each(|spec| rule(&mut out, spec));
    scenario.cuts.iter().for_each(|cut| links(&mut out, cut));
    scenario.crashes.iter().for_each(|down| crash(&mut out, down));
    workload(&mut out, scenario);
    stop(&mut out, scenario);
    out
}

fn byzantine(out: &mut String, traitor: &Traitor) {
    out.push_str("\n[[byzantine]]\n");
    let _ = match traitor.parties[..] {
        [party] => writeln!(out, "party = {party}"),
        _ => writeln!(out, "parties = {}", parties(&traitor.parties)),
    };
    let info = BEHAVIOURS.iter().find(|info| info.name == traitor.behaviour);
    let values = table(&traitor.values, info.map_or(&[], |info| info.fields));
    let _ = match values.is_empty() {
        true => writeln!(out, "behaviour = \"{}\"", traitor.behaviour),
        false => writeln!(out, "behaviour.{} = {{ {values} }}", traitor.behaviour),
    };
    let when = conditions(&traitor.when);
    if !when.is_empty() {
        let _ = writeln!(out, "when = {{ {when} }}");
    }
}

fn conditions(when: &When) -> String {
    let mut parts = Vec::new();
    if let Some((start, end)) = when.views {
        parts.push(format!("views = \"{start}..{end}\""));
    }
    if let Some(kinds) = &when.kinds {
        parts.push(format!("kinds = {kinds:?}"));
    }
    if let Some((start, end)) = when.times {
        parts.push(format!("times = \"{start}..{end}\""));
    }
    if let Some(first) = when.first {
        parts.push(format!("first = {first}"));
    }
    if let Some(probability) = when.probability {
        parts.push(format!("probability = {}", share(probability)));
    }
    parts.join(", ")
}

fn attack(out: &mut String, scenario: &Scenario) {
    let Some(attack) = &scenario.attack else { return };
    let _ = writeln!(out, "\n[attack]\nname = \"{}\"", attack.id);
    let _ = writeln!(out, "parties = {}", parties(&attack.parties));
    if attack.budget > 0 {
        let _ = writeln!(out, "budget = {}", attack.budget);
    }
}

fn network(out: &mut String, scenario: &Scenario) {
    let (spec, mut lines) = (&scenario.network, String::new());
    if spec.model != scenario.protocol.about.model {
        let _ = writeln!(lines, "model = \"{}\"", spec.model.name());
    }
    if spec.delta != Span::millis(100) {
        let _ = writeln!(lines, "delta = \"{}\"", spec.delta);
    }
    if spec.delay != Delay::Constant(Span::millis(10)) {
        let _ = writeln!(lines, "delay.{}", delay(&spec.delay));
    }
    if spec.gst > Time::ZERO {
        let _ = writeln!(lines, "gst = \"{}\"", spec.gst);
    }
    if spec.before_gst != BeforeGst::Bounded {
        let _ = writeln!(lines, "before_gst = \"{}\"", spec.before_gst.name());
    }
    if let Some(early) = &spec.early {
        let _ = writeln!(lines, "delay_before_gst.{}", delay(early));
    }
    for (name, probability) in [("loss", spec.loss), ("duplicate", spec.duplicate)] {
        if probability > Probability::ZERO {
            let _ = writeln!(lines, "{name} = {}", share(probability));
        }
    }
    if !lines.is_empty() {
        let _ = write!(out, "\n[network]\n{lines}");
    }
}

fn delay(delay: &Delay) -> String {
    match delay {
        Delay::Constant(span) => format!("constant = \"{span}\""),
        Delay::Uniform(low, high) => format!("uniform = [\"{low}\", \"{high}\"]"),
        Delay::Normal(mean, deviation) => format!("normal = [\"{mean}\", \"{deviation}\"]"),
        Delay::Regions(regions) => {
            let names: Vec<_> = regions.of.iter().map(|row| region(*row)).collect();
            format!("regions = {names:?}")
        }
    }
}

fn rule(out: &mut String, rule: &RuleSpec) {
    let mut on = Vec::new();
    for (key, set) in [("from", &rule.on.from), ("to", &rule.on.to)] {
        if let Some(set) = set {
            on.push(format!("{key} = {}", some(set)));
        }
    }
    if let Some(kind) = &rule.on.kind {
        on.push(format!("kind = \"{kind}\""));
    }
    match rule.on.views {
        Some((start, end)) if end == start + 1 => on.push(format!("view = {start}")),
        Some((start, end)) => on.push(format!("view = \"{start}..{end}\"")),
        None => {}
    }
    if let Some(occurrence) = rule.on.occurrence {
        on.push(format!("occurrence = {occurrence}"));
    }
    let action = match &rule.action {
        Action::Drop => "do = \"drop\"".to_owned(),
        Action::Duplicate(times) => format!("do.duplicate = {times}"),
        Action::Delay(span) => format!("do.delay = \"{span}\""),
        Action::HoldUntil(time) => format!("do.hold_until = \"{time}\""),
        Action::Set => {
            let fields = rule.set.iter().map(|(path, value)| format!("{path:?} = {value}"));
            format!("do.set = {{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    };
    let _ = writeln!(out, "\n[[rule]]\non = {{ {} }}\n{action}", on.join(", "));
}

fn links(out: &mut String, cut: &Cut) {
    out.push_str("\n[[event]]\n");
    if cut.from > Time::ZERO {
        let _ = writeln!(out, "at = \"{}\"", cut.from);
    }
    if cut.until != Time::NEVER {
        let _ = writeln!(out, "until = \"{}\"", cut.until);
    }
    let _ = match &cut.links[..] {
        [(from, to)] => writeln!(out, "cut = {{ from = {}, to = {} }}", some(from), some(to)),
        several => {
            let mut groups: Vec<PartySet> = Vec::new();
            for (from, _) in several {
                if !groups.contains(from) {
                    groups.push(*from);
                }
            }
            let groups: Vec<_> = groups.iter().map(list).collect();
            writeln!(out, "partition = [{}]", groups.join(", "))
        }
    };
}

fn crash(out: &mut String, crash: &Crash) {
    let mut parts = vec![format!("party = {}", crash.party)];
    if let Some(restart) = crash.restart {
        parts.push(format!("restart_after = \"{}\"", restart.since(crash.at)));
        match crash.disk {
            DiskAfter::Kept => {}
            DiskAfter::Lost => parts.push("disk = \"lost\"".to_owned()),
            DiskAfter::Stale => parts.push("disk = \"stale\"".to_owned()),
        }
    }
    let (at, crash) = (crash.at, parts.join(", "));
    let _ = writeln!(out, "\n[[event]]\nat = \"{at}\"\ncrash = {{ {crash} }}");
}

fn workload(out: &mut String, scenario: &Scenario) {
    out.push_str("\n[workload]\n");
    let _ = match &scenario.workload.demand {
        Demand::Commands(count) => writeln!(out, "commands = {count}"),
        Demand::Inputs(inputs) => writeln!(out, "inputs = {inputs:?}"),
        Demand::Clients { count, rate, requests } => {
            writeln!(out, "clients = {{ count = {count}, rate = {rate}, requests = {requests} }}")
        }
    };
    if let Reach::Some(first, retry) = &scenario.workload.to {
        let _ = writeln!(out, "to = {}", parties(first));
        if let Some(retry) = retry {
            let _ = writeln!(out, "retry = \"{retry}\"");
        }
    }
}

fn stop(out: &mut String, scenario: &Scenario) {
    let usual = scenario.stop_events == MOST_EVENTS;
    if scenario.stop_decisions.is_none() && scenario.stop_time.is_none() && usual {
        return;
    }
    out.push_str("\n[stop]\n");
    if let Some(decisions) = scenario.stop_decisions {
        let _ = writeln!(out, "decisions = {decisions}");
    }
    if let Some(time) = scenario.stop_time {
        let _ = writeln!(out, "time = \"{time}\"");
    }
    if !usual {
        let _ = writeln!(out, "events = {}", scenario.stop_events);
    }
}

/// Parameters but for those that have their default.
fn table(values: &Values, fields: &[Field]) -> String {
    let parts = fields.iter().filter_map(|field| {
        let text = value(values.get(field.name)?, &field.kind);
        let usual = matches!(field.default, FieldDefault::Is(usual) if usual == text);
        (!usual).then(|| format!("{} = {text}", field.name))
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn value(one: &Value, kind: &FieldKind) -> String {
    match one {
        Value::Bool(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Duration(span) => format!("\"{span}\""),
        Value::Probability(probability) => share(*probability),
        Value::Text(text) => format!("{text:?}"),
        Value::Parties(list) => parties(list),
        Value::Groups(groups) => {
            let groups: Vec<_> = groups.iter().map(|group| parties(group)).collect();
            format!("[{}]", groups.join(", "))
        }
        Value::Range(start, end) => match kind {
            FieldKind::Times => format!("\"{}..{}\"", Span(*start), Span(*end)),
            _ => format!("\"{start}..{end}\""),
        },
        Value::List(items) => {
            let inner = match kind {
                FieldKind::List(inner) | FieldKind::Pair(inner) => inner,
                other => other,
            };
            let items: Vec<_> = items.iter().map(|item| value(item, inner)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(values) => match kind {
            FieldKind::Table(fields) => format!("{{ {} }}", table(values, fields)),
            _ => "{}".to_owned(),
        },
        Value::Tagged(name, inner) => match (&**inner, kind) {
            (Value::Unit, _) => format!("{name:?}"),
            (inner, FieldKind::OneOf(fields)) => {
                let field = fields.iter().find(|field| field.name == name);
                let text = field.map(|field| value(inner, &field.kind)).unwrap_or_default();
                format!("{{ {name} = {text} }}")
            }
            _ => format!("{name:?}"),
        },
        Value::Unit => String::new(),
        Value::Free(fields) => {
            let fields = fields.iter().map(|(path, value)| format!("{path:?} = {value}"));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

fn share(Probability(billionths): Probability) -> String {
    format!("{}", f64::from(billionths) / 1e9)
}

fn parties(list: &[PartyId]) -> String {
    let numbers: Vec<_> = list.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(", "))
}

fn list(set: &PartySet) -> String {
    parties(&set.iter().collect::<Vec<_>>())
}

/// One party by its number, several as a list.
fn some(set: &PartySet) -> String {
    match set.iter().collect::<Vec<_>>()[..] {
        [party] => party.to_string(),
        _ => list(set),
    }
}
