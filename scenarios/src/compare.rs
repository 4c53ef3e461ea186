//! Comparisons: protocols crossed with attacks, numbers of parties and seeds.

use byzlab_protocols::{View, byzantine::BEHAVIOURS};

use crate::{Document, Entry, Finding, Problem, Problems, Registry, Run};

/// One cell of a comparison: a protocol under an attack at a number of parties.
pub struct Cell {
    /// The protocol.
    pub protocol: String,
    /// The attack, or `good case`.
    pub attack: String,
    /// The number of parties.
    pub n: usize,
    /// The number of faults, the same for all protocols.
    pub f: usize,
    /// The scenario, or why the attack does not apply.
    pub document: Result<Document, String>,
}

/// What is measured in a cell, over all seeds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Measured {
    /// `holds`, `violated` or `undecided`, the worst over seeds and properties.
    pub verdict: &'static str,
    /// The label of the runs, the worst one.
    pub label: &'static str,
    /// How many runs.
    pub runs: u64,
    /// How many of them were not as expected.
    pub unexpected: u64,
    /// Decisions, over all runs.
    pub decisions: u64,
    /// The median over seeds of the median latency, in nanoseconds.
    pub latency_ns: u64,
    /// The median over seeds of the most message delays.
    pub hops: u64,
    /// Views without a decision, over all runs.
    pub lost_views: u64,
    /// Messages, over all runs.
    pub messages: u64,
    /// Bytes, over all runs.
    pub bytes: u64,
    /// Signatures made, over all runs.
    pub signatures_made: u64,
    /// Signatures checked, over all runs.
    pub signatures_verified: u64,
    /// The seed with the worst verdict; of those the one that took longest.
    pub worst_seed: u64,
}

/// The cells of a comparison, in the order of the table: by n, then attack, then protocol.
///
/// # Errors
/// The file has no `[compare]` table, or a cell is wrong for another reason than that an attack
/// does not apply.
pub fn cells(
    file: &str,
    bytes: &[u8],
    set: &[String],
    registry: &Registry,
) -> Result<(Vec<Cell>, (u64, u64)), Problems> {
    let base = Document::decode(file, bytes, set, registry)?;
    let scenario = base.resolve(None, registry)?;
    let Some(compare) = scenario.compare else {
        let problem = Problem::whole("compare", "the file has no [compare] table");
        let hint = "add [compare] with protocols, behaviours, n and seeds";
        return Err(Problems::new(&base.file, &base.source, vec![problem.hint(hint)]));
    };
    let mut attacks = vec![(String::from("good case"), Attack::None)];
    attacks.extend(compare.behaviours.iter().map(|name| (name.clone(), Attack::Behaviour)));
    attacks.extend(compare.attacks.iter().map(|id| (id.clone(), Attack::Named)));
    let mut cells = Vec::new();
    for n in compare.n {
        let tolerated = compare.protocols.iter().filter_map(|name| registry.get(name));
        let least = tolerated.map(|entry| (entry.about().tolerates)(n as usize)).min();
        let f = match base.table.gives("f") {
            true => scenario.f,
            false => least.unwrap_or_default(),
        };
        for (attack, kind) in &attacks {
            for protocol in &compare.protocols {
                let Some(entry) = registry.get(protocol) else { continue };
                let mut over = set.to_vec();
                over.extend([
                    format!("protocol = \"{protocol}\""),
                    format!("n = {n}"),
                    format!("f = {f}"),
                ]);
                if !base.table.gives("crypto") {
                    over.push("crypto = \"ideal\"".to_owned());
                }
                let document = match applies(entry, attack, *kind, n as usize, f) {
                    Ok(lines) => {
                        over.extend(lines);
                        let document = Document::decode(file, bytes, &over, registry)?;
                        document.resolve(None, registry)?;
                        Ok(document)
                    }
                    Err(why) => Err(why),
                };
                let (protocol, attack) = (protocol.clone(), attack.clone());
                cells.push(Cell { protocol, attack, n: n as usize, f, document });
            }
        }
    }
    Ok((cells, compare.seeds))
}

#[derive(Clone, Copy)]
enum Attack {
    None,
    Behaviour,
    Named,
}

/// What has to be set for an attack on a protocol; or why it does not apply. The traitors are
/// those who lead first: f of them.
fn applies(
    entry: &dyn Entry,
    attack: &str,
    kind: Attack,
    n: usize,
    f: usize,
) -> Result<Vec<String>, String> {
    let about = entry.about();
    match kind {
        Attack::None => Ok(Vec::new()),
        Attack::Behaviour => {
            let info = BEHAVIOURS.iter().find(|info| info.name == attack);
            if let Some(info) = info.filter(|info| !(info.means)(&entry.can())) {
                return Err(info.lacks.to_owned());
            }
            let leaders = (1..=f as u64).map(|view| format!("\"leader({})\"", View(view)));
            let leaders = leaders.collect::<Vec<_>>().join(", ");
            if f == 0 {
                return Err("f = 0: nobody is corrupted".to_owned());
            }
            Ok(vec![format!("byzantine = [{{ parties = [{leaders}], behaviour = \"{attack}\" }}]")])
        }
        Attack::Named => {
            let known = entry.attacks();
            match known.iter().find(|known| known.id == attack) {
                None => Err(format!("no attack on {}", about.name)),
                Some(known) if known.cast.iter().any(|party| usize::from(*party) >= n) => {
                    Err(format!("needs more than {n} parties"))
                }
                Some(known) if known.cast.len() > f => {
                    Err(format!("needs {} traitors", known.cast.len()))
                }
                Some(_) => Ok(vec![format!("attack.name = \"{attack}\"")]),
            }
        }
    }
}

impl Measured {
    /// What the runs of a cell come to; `runs` are in the order of their seeds.
    pub fn of(runs: &[(u64, Run)]) -> Measured {
        let mut measured = Measured { verdict: "holds", label: "in-model", ..Measured::default() };
        let mut latencies = Vec::with_capacity(runs.len());
        let mut hops = Vec::with_capacity(runs.len());
        let mut worst = None;
        for (seed, run) in runs {
            let finding = worst_finding(run);
            let key = (rank(finding), run.end);
            if worst.is_none_or(|(worst, _)| key > worst) {
                worst = Some((key, *seed));
                if rank(finding) >= rank_of(measured.verdict) {
                    measured.verdict = finding.name();
                }
            }
            if label_rank(run.verdict.label) > label_rank(measured.label) {
                measured.label = run.verdict.label;
            }
            measured.runs += 1;
            measured.unexpected += u64::from(run.verdict.outcome != crate::Outcome::AsExpected);
            measured.decisions += run.metrics.decisions;
            measured.lost_views += run.metrics.lost_views;
            measured.messages += run.metrics.total.messages;
            measured.bytes += run.metrics.total.bytes;
            measured.signatures_made += run.metrics.total.signatures_made;
            measured.signatures_verified += run.metrics.total.signatures_verified;
            latencies.push(run.metrics.latency_ns.p50);
            hops.push(run.metrics.latency_hops.max);
        }
        measured.latency_ns = median(latencies);
        measured.hops = median(hops);
        measured.worst_seed = worst.map_or(0, |(_, seed)| seed);
        measured
    }

    /// Something per decision, in tenths.
    pub fn per_decision(&self, count: u64) -> u64 {
        (10 * count).checked_div(self.decisions).unwrap_or_default()
    }
}

/// The worst that was found, accusations of the guilty aside.
fn worst_finding(run: &Run) -> Finding {
    let findings = run.verdict.properties.iter().map(|property| property.finding);
    findings.max_by_key(|finding| rank(*finding)).unwrap_or(Finding::Undecided)
}

fn rank(finding: Finding) -> u8 {
    match finding {
        Finding::Holds => 0,
        Finding::Undecided => 1,
        Finding::Violated => 2,
    }
}

fn rank_of(name: &str) -> u8 {
    Finding::named(name).map_or(0, rank)
}

fn label_rank(label: &str) -> u8 {
    match label {
        "in-model" => 0,
        "beyond-bound" => 1,
        _ => 2,
    }
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}
