//! The report for people: verdict first, then why, then what it cost, the line to repeat last.

use std::fmt::Write;

use byzlab_protocols::Span;

use super::{Report, diagram::diagram};
use crate::{
    Finding, Outcome, Property, PropertyVerdict, Run, SIM, Scenario, StoppedBy, check::count,
    theorem,
};

/// Whether and how words are coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paint {
    /// Plain text.
    Plain,
    /// With terminal colours.
    Colour,
}

impl Paint {
    fn as_code(self, text: &str, code: &str) -> String {
        match self {
            Paint::Plain => text.to_owned(),
            Paint::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }

    fn good(self, text: &str) -> String {
        self.as_code(text, "1;32")
    }

    fn bad(self, text: &str) -> String {
        self.as_code(text, "1;31")
    }

    fn unclear(self, text: &str) -> String {
        self.as_code(text, "1;33")
    }

    fn dim(self, text: &str) -> String {
        self.as_code(text, "2")
    }
}

/// The report of one run.
pub fn text(report: &Report<'_>, paint: Paint) -> String {
    let Report { scenario, run, .. } = report;
    let mut out = String::new();
    let _ = writeln!(out, "{}", paint.dim(&header(scenario)));
    let _ = writeln!(out, "{}", verdict_line(scenario, run, paint));
    for reason in &run.verdict.reasons {
        let _ = writeln!(out, "      {reason}");
    }
    for line in notices(scenario, run) {
        let _ = writeln!(out, "      {line}");
    }
    properties(&mut out, run, paint);
    violations(&mut out, scenario, run, paint);
    attacks(&mut out, run);
    costs(&mut out, scenario, run);
    if report.timing {
        timing(&mut out, report);
    }
    let _ = writeln!(out, "\n  digest      {:#}", run.digest);
    let _ = writeln!(out, "  repeat      {}", report.repeat);
    out
}

/// Whose time it is that a run took.
fn time_of(run: &Run) -> String {
    if run.runtime == SIM {
        "virtual time".to_owned()
    } else {
        format!("time over {}", run.runtime)
    }
}

fn header(scenario: &Scenario) -> String {
    let mut line = format!(
        "seed {}   {} n={} f={}   {}",
        scenario.seed,
        scenario.protocol.about.name,
        scenario.n,
        scenario.f,
        scenario.crypto.name()
    );
    let network = &scenario.network;
    let _ = write!(line, "   {} delta={}", network.model.name(), network.delta);
    if network.gst > byzlab_protocols::Time::ZERO {
        let _ = write!(line, " gst={} ({})", network.gst, network.before_gst.name());
    }
    let traitors: Vec<_> = scenario
        .byzantine
        .iter()
        .flat_map(|traitor| {
            traitor.parties.iter().map(|party| format!("{party} {}", traitor.behaviour))
        })
        .collect();
    if !traitors.is_empty() {
        let _ = write!(line, "   byzantine: {}", traitors.join(", "));
    }
    if let Some(attack) = &scenario.attack {
        let _ = write!(line, "   attack: {}", attack.id);
    }
    line
}

fn verdict_line(scenario: &Scenario, run: &Run, paint: Paint) -> String {
    let violated = !run.verdict.violations.is_empty();
    let word = match run.verdict.outcome {
        Outcome::AsExpected if violated => paint.good("PASS (expected violation)"),
        Outcome::AsExpected => paint.good("PASS"),
        Outcome::NotAsExpected => paint.bad("FAIL"),
        Outcome::Inconclusive => paint.unclear("INCONCLUSIVE"),
    };
    let title = if scenario.title == scenario.name {
        String::new()
    } else {
        format!(": {}", scenario.title)
    };
    format!(
        "{word}  {}{title}\n      {} in {} of {}, {}",
        scenario.name,
        count(run.metrics.decisions as usize, "decision"),
        Span(run.end.0).rounded(),
        time_of(run),
        run.verdict.label
    )
}

/// What every output has to say of a run beside its verdict.
fn notices(scenario: &Scenario, run: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((id, what)) = scenario.protocol.broken {
        lines.push(format!("broken on purpose, {id}: {what}"));
    }
    for reason in theorem::beyond(scenario) {
        lines.push(format!(
            "beyond the bound: {reason}; the theorem does not apply, a violation is no bug"
        ));
    }
    if let Some(why) = &run.verdict.out_of_model {
        lines.push(format!("out of model: {why}"));
    }
    if run.stopped_by == StoppedBy::Events {
        let most = scenario.stop_events;
        lines.push(format!("cut off: after {most} events it was not over (stop.events)"));
    }
    let open = |verdict: &PropertyVerdict| {
        verdict.property == Property::Termination && verdict.expected.is_none()
    };
    let covered = run.verdict.label == "in-model" && scenario.protocol.broken.is_none();
    if covered && run.verdict.properties.iter().any(open) {
        lines.push("termination is not promised: the theorem gives no deadline here".to_owned());
    }
    lines
}

fn properties(out: &mut String, run: &Run, paint: Paint) {
    let _ = writeln!(out, "\n  property        finding     detail");
    for property in &run.verdict.properties {
        let finding = format!("{:<11}", property.finding.name());
        let expected = property.expected == Some(property.finding);
        let finding = match property.finding {
            Finding::Holds => paint.good(&finding),
            Finding::Violated if expected => paint.unclear(&finding),
            Finding::Violated => paint.bad(&finding),
            Finding::Undecided => paint.unclear(&finding),
        };
        let _ = writeln!(out, "  {:<15} {finding} {}", property.property.name(), property.detail);
    }
}

fn violations(out: &mut String, scenario: &Scenario, run: &Run, paint: Paint) {
    for violation in &run.verdict.violations {
        let title =
            format!("{} violated at {}", violation.property.name(), Span(violation.at.0).rounded());
        let _ = writeln!(out, "\n  {}\n    {}", paint.bad(&title), violation.text);
        if !violation.events.is_empty() {
            let events: Vec<_> = violation.events.iter().map(|event| event.0.to_string()).collect();
            let _ = writeln!(out, "    events {}", events.join(", "));
        }
        let traitors = scenario.traitors();
        if let Some(picture) = diagram(&run.trace, violation, scenario.n, &traitors) {
            let _ = write!(out, "\n{picture}");
        }
    }
}

fn attacks(out: &mut String, run: &Run) {
    let verdict = &run.verdict;
    if !verdict.accused.is_empty() {
        let _ = writeln!(out);
    }
    for evidence in &verdict.accused {
        let _ = writeln!(out, "  accused     party {}: {}", evidence.culprit, evidence.fault);
        for statement in &evidence.statements {
            let _ = writeln!(out, "    signed    {}   ({:?})", statement.text, statement.signature);
        }
    }
    if !verdict.fired.is_empty() {
        let _ = writeln!(out);
    }
    for fired in &verdict.fired {
        let who = fired.party.map(|party| format!("party {party} ")).unwrap_or_default();
        let times = match fired.count {
            0 => "never".to_owned(),
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        let _ = writeln!(out, "  attack      {who}{}: {times}", fired.name);
    }
}

fn costs(out: &mut String, scenario: &Scenario, run: &Run) {
    let metrics = &run.metrics;
    let total = &metrics.total;
    let _ = writeln!(
        out,
        "\n  costs       messages {}   bytes {}   signatures made {}, checked {}",
        total.messages, total.bytes, total.signatures_made, total.signatures_verified
    );
    let kinds: Vec<_> =
        metrics.by_kind.iter().map(|(kind, costs)| format!("{kind} {}", costs.messages)).collect();
    let _ = writeln!(out, "              {}", kinds.join("   "));
    let good = (scenario.protocol.about.good_case)(scenario.n, scenario.f);
    let (fewest, most) = metrics.messages_per_decision;
    let range = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
    let _ =
        write!(out, "  a decision  {range} messages, {} hops at most", metrics.latency_hops.max);
    let _ = match good.messages {
        0 => writeln!(out),
        messages => writeln!(out, "   (good case: {messages} and {})", good.hops),
    };
    let span = |nanos: u64| Span(nanos).rounded().to_string();
    let latency = &metrics.latency_ns;
    let virtually = if run.runtime == SIM { ", virtual" } else { "" };
    let _ = writeln!(
        out,
        "  latency     p50 {}   p99 {}   max {}   (proposal to decision{virtually})",
        span(latency.p50),
        span(latency.p99),
        span(latency.max)
    );
    let client = &metrics.client_latency_ns;
    if metrics.answered > 0 {
        let _ = writeln!(
            out,
            "  clients     {} answered   p50 {}   p99 {}",
            metrics.answered,
            span(client.p50),
            span(client.p99)
        );
    }
    let _ = writeln!(
        out,
        "  views       {}, {} without a decision ({} led by faulty parties)",
        metrics.views, metrics.lost_views, metrics.lost_to_faulty_leaders
    );
}

fn timing(out: &mut String, report: &Report<'_>) {
    let timing = &report.run.timing;
    let seconds = timing.elapsed.as_secs_f64();
    let rate = timing.deliveries as f64 / seconds.max(1e-9);
    let _ = writeln!(
        out,
        "\n  timing      {:.3} ms of one core, {} deliveries, {:.2} million a second, {} signatures \
         checked",
        seconds * 1e3,
        timing.deliveries,
        rate / 1e6,
        timing.checked
    );
    if let Some(bytes) = report.memory {
        let _ = writeln!(out, "  memory      {} MiB at the most", bytes >> 20);
    }
}

/// The line under a suite: how many runs ended how.
pub fn summary(runs: &[(Outcome, String)], paint: Paint) -> String {
    let count = |outcome| runs.iter().filter(|(other, _)| *other == outcome).count();
    let (good, bad, unclear) =
        (count(Outcome::AsExpected), count(Outcome::NotAsExpected), count(Outcome::Inconclusive));
    let mut out = String::new();
    for (outcome, repeat) in runs {
        match outcome {
            Outcome::AsExpected => {}
            Outcome::NotAsExpected => {
                let _ = writeln!(out, "{}  {repeat}", paint.bad("FAIL"));
            }
            Outcome::Inconclusive => {
                let _ = writeln!(out, "{}  {repeat}", paint.unclear("INCONCLUSIVE"));
            }
        }
    }
    let line =
        format!("{} runs: {good} as expected, {bad} not, {unclear} inconclusive", runs.len());
    let line = match (bad, unclear) {
        (0, 0) => paint.good(&line),
        (0, _) => paint.unclear(&line),
        _ => paint.bad(&line),
    };
    let _ = writeln!(out, "{line}");
    out
}
