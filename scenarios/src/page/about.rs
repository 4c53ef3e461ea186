//! What a recorded run is of and what came of it: its first record, so that the file alone makes
//! the whole page.

use byzlab_protocols::{Role, View};
use byzlab_trace::Record;
use serde::{Deserialize, Serialize};

use crate::{
    EvidenceFile,
    report::{Report, json},
};

/// The most views whose leaders are listed.
const MAX_LEADERS: u64 = 100_000;

/// What a recorded run is of and what came of it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AboutRun {
    /// The version of this form.
    pub schema: u32,
    /// One line for people.
    pub title: String,
    /// The post that the scenario is about.
    pub post: String,
    /// The post that the protocol is from.
    pub lecture: String,
    /// The protocol in one line.
    pub protocol: String,
    /// The kinds of messages, in the order of the protocol.
    pub kinds: Vec<KindOf>,
    /// The numbered lines of the pseudo-code.
    pub lines: Vec<String>,
    /// Message delays of a decision in the good case.
    pub good_hops: u64,
    /// Messages of a decision in the good case.
    pub good_messages: u64,
    /// The network model.
    pub model: String,
    /// The known bound on delays, in nanoseconds.
    pub delta_ns: u64,
    /// When the network becomes synchronous, in nanoseconds.
    pub gst_ns: u64,
    /// The leaders of the views from 1 on.
    pub leaders: Vec<u16>,
    /// Who does not follow the protocol, and how.
    pub traitors: Vec<(u16, String)>,
    /// Who counts as faulty for another reason.
    pub failed: Vec<u16>,
    /// Links that were cut for a time.
    pub cuts: Vec<CutOf>,
    /// The faults of the scenario by number.
    pub faults: Vec<String>,
    /// How messages are signed.
    pub crypto: String,
    /// What proves guilt, where signatures mean something outside of the run.
    pub evidence: Option<EvidenceFile>,
    /// The report for machines, as `byzlab run --json` prints it.
    pub report: serde_json::Value,
}

/// A kind of message.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct KindOf {
    /// Its name.
    pub name: String,
    /// What it does.
    pub role: String,
    /// Whether it is signed.
    pub signed: bool,
}

/// Links that were cut.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CutOf {
    /// From when on, in nanoseconds.
    pub from_ns: u64,
    /// Until when.
    pub until_ns: u64,
    /// Senders and receivers that were cut off from each other, in this direction.
    pub links: Vec<(Vec<u16>, Vec<u16>)>,
}

impl AboutRun {
    /// What there is to say of a run.
    pub fn of(report: &Report<'_>) -> AboutRun {
        let Report { scenario, run, .. } = report;
        let about = scenario.protocol.about;
        let good = (about.good_case)(scenario.n, scenario.f);
        let leader = |view| scenario.leaders.leader(View(view), scenario.n).0;
        let parties = |set: &byzlab_crypto::PartySet| set.iter().map(|party| party.0).collect();
        AboutRun {
            schema: 1,
            title: scenario.title.clone(),
            post: scenario.post.clone(),
            lecture: about.post.to_owned(),
            protocol: about.title.to_owned(),
            kinds: about.kinds.iter().map(KindOf::of).collect(),
            lines: about.lines.iter().map(|line| (*line).to_owned()).collect(),
            good_hops: good.hops,
            good_messages: good.messages,
            model: scenario.network.model.name().to_owned(),
            delta_ns: scenario.network.delta.0,
            gst_ns: scenario.network.gst.0,
            leaders: (1..=(run.metrics.views + 2).min(MAX_LEADERS)).map(leader).collect(),
            traitors: traitors(scenario),
            failed: parties(&scenario.failed()),
            cuts: scenario
                .cuts
                .iter()
                .map(|cut| CutOf {
                    from_ns: cut.from.0,
                    until_ns: cut.until.0,
                    links: cut.links.iter().map(|(a, b)| (parties(a), parties(b))).collect(),
                })
                .collect(),
            faults: scenario.faults.iter().map(fault).collect(),
            crypto: scenario.crypto.name().to_owned(),
            evidence: EvidenceFile::of(scenario, run).ok(),
            report: serde_json::from_str(&json(report)).unwrap_or_default(),
        }
    }

    /// As the first record of a trace.
    pub fn record(&self) -> Record {
        Record::run(serde_json::to_value(self).unwrap_or_default())
    }

    /// What the first record of a trace says, if it says anything.
    ///
    /// # Errors
    /// It is of another form.
    pub fn read(record: &Record) -> Result<Option<AboutRun>, String> {
        let Some(value) = &record.run else {
            return Ok(None);
        };
        let about: AboutRun = serde_json::from_value((**value).clone())
            .map_err(|error| format!("not the first record of a recorded run: {error}"))?;
        match about.schema {
            1 => Ok(Some(about)),
            other => Err(format!("a run of schema {other}; this byzlab reads schema 1")),
        }
    }
}

impl KindOf {
    fn of(kind: &byzlab_protocols::Kind) -> KindOf {
        let role = match kind.role {
            Role::Proposal => "proposal",
            Role::Vote => "vote",
            Role::Certificate => "certificate",
            Role::ViewChange => "view-change",
            Role::Sync => "sync",
        };
        KindOf { name: kind.name.to_owned(), role: role.to_owned(), signed: kind.signed }
    }
}

fn traitors(scenario: &crate::Scenario) -> Vec<(u16, String)> {
    let named = scenario.byzantine.iter().flat_map(|traitor| {
        traitor.parties.iter().map(|party| (party.0, traitor.behaviour.clone()))
    });
    let cast = scenario.attack.iter().flat_map(|attack| {
        attack.parties.iter().map(|party| (party.0, format!("attack {}", attack.id)))
    });
    named.chain(cast).collect()
}

fn fault(fault: &crate::Fault) -> String {
    let party = fault.party.map(|party| format!("party {party} ")).unwrap_or_default();
    format!("{party}{}", fault.name)
}
