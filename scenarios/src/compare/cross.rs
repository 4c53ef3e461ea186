//! What a file crosses: for every cell what is set over the file, or why it does not apply.

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{View, byzantine::BEHAVIOURS};

use super::{Cell, GOOD_CASE};
use crate::{Compare, Document, Entry, Problem, Problems, Registry, Scenario, theorem};

/// A file that is to be crossed.
pub(super) struct Cross<'a> {
    file: &'a str,
    bytes: &'a [u8],
    set: &'a [String],
    registry: &'a Registry,
    /// The file as it stands.
    pub(super) base: Document,
    /// One line for people.
    pub(super) title: String,
    /// What it crosses.
    pub(super) compare: Compare,
}

/// What is done to a protocol.
#[derive(Clone, Copy)]
enum Attack<'a> {
    None,
    Behaviour(&'a str),
    Named(&'a str),
}

/// A place in the table but for protocol and attack.
#[derive(Clone, Copy)]
struct Corner<'a> {
    n: usize,
    f: usize,
    network: Option<&'a (String, Vec<String>)>,
}

/// Beyond its bound a file is decoded too: whether that is meant is asked for each cell.
const BEYOND: &str = "beyond_bound = true";

impl<'a> Cross<'a> {
    pub(super) fn new(
        file: &'a str,
        bytes: &'a [u8],
        set: &'a [String],
        registry: &'a Registry,
    ) -> Result<Self, Problems> {
        let base = Document::decode(file, bytes, set, registry)?;
        let wrong = |problem| Err(Problems::new(file, &base.source, vec![problem]));
        if !base.table.gives("compare") {
            let problem = Problem::whole("compare", "the file has no [compare] table");
            return wrong(problem.hint("add [compare] with behaviours, attacks, n and seeds"));
        }
        if let Some(key) = ["byzantine", "attack"].into_iter().find(|key| base.table.gives(key)) {
            let message = format!("a comparison has no `{key}` of its own: the good case has none");
            let problem = Problem::at(&base.table.place_of(key), key, message);
            return wrong(problem.hint("name behaviours and attacks under [compare]"));
        }
        let probe = Document::decode(file, bytes, &[set, &[BEYOND.to_owned()]].concat(), registry)?;
        let scenario = probe.resolve(None, registry)?;
        let compare = scenario.compare.expect("the table is there");
        Ok(Cross { file, bytes, set, registry, base, title: scenario.title, compare })
    }

    pub(super) fn cells(&self) -> Result<Vec<Cell>, Problems> {
        let mut cells = Vec::new();
        let networks: Vec<_> = match self.compare.networks.as_slice() {
            [] => vec![None],
            networks => networks.iter().map(Some).collect(),
        };
        for network in networks {
            for n in self.compare.n.iter().map(|n| *n as usize) {
                for f in self.faults(n) {
                    self.corner(Corner { n, f, network }, &mut cells)?;
                }
            }
        }
        Ok(cells)
    }

    /// What the attacks are, in words.
    pub(super) fn attacks(&self) -> Vec<(String, &'static str)> {
        let behaviours = self.compare.behaviours.iter().map(|name| {
            let info = BEHAVIOURS.iter().find(|info| info.name == name);
            (name.clone(), info.map_or("", |info| info.doc))
        });
        let known = self.registry.attacks();
        let named = self.compare.attacks.iter().map(|id| {
            let info = known.iter().find(|info| info.id == id);
            (id.clone(), info.map_or("", |info| info.title))
        });
        [(GOOD_CASE.to_owned(), "nobody is corrupted")]
            .into_iter()
            .chain(behaviours)
            .chain(named)
            .collect()
    }

    /// The numbers of faults at this number of parties.
    fn faults(&self, n: usize) -> Vec<usize> {
        if !self.compare.f.is_empty() {
            return self.compare.f.iter().map(|f| *f as usize).collect();
        }
        let entries = self.compare.protocols.iter().filter_map(|name| self.registry.get(name));
        vec![entries.map(|entry| (entry.about().tolerates)(n)).min().unwrap_or_default()]
    }

    fn corner(&self, corner: Corner<'_>, cells: &mut Vec<Cell>) -> Result<(), Problems> {
        let behaviours = self.compare.behaviours.iter().map(|name| Attack::Behaviour(name));
        let named = self.compare.attacks.iter().map(|id| Attack::Named(id));
        let attacks: Vec<_> = [Attack::None].into_iter().chain(behaviours).chain(named).collect();
        let mut good = Vec::new();
        for name in &self.compare.protocols {
            let entry = self.registry.get(name).expect("the decoder knows the protocols");
            good.push((entry, self.good(entry, corner)?));
        }
        for attack in attacks {
            for (entry, good) in &good {
                let document = match good {
                    Err(why) => Err(why.clone()),
                    Ok((set, scenario)) => match over(*entry, scenario, attack) {
                        Err(why) => Err(why),
                        Ok(None) => Ok(self.decode(set)?),
                        Ok(Some(line)) => {
                            let decoded = self.decode(&[set.as_slice(), &[line]].concat());
                            // The good case is right: what is wrong with it is the attack's.
                            match (decoded, attack) {
                                (Err(problems), Attack::Named(_)) => Err(first(&problems)),
                                (decoded, _) => Ok(decoded?),
                            }
                        }
                    },
                };
                cells.push(Cell {
                    protocol: entry.about().name.to_owned(),
                    attack: attack.name().to_owned(),
                    n: corner.n,
                    f: corner.f,
                    network: corner.network.map(|(name, _)| name.clone()),
                    document,
                });
            }
        }
        Ok(())
    }

    /// What is set for the good case of a protocol, and its scenario; or why no case of it
    /// applies.
    fn good(
        &self,
        entry: &dyn Entry,
        corner: Corner<'_>,
    ) -> Result<Result<(Vec<String>, Scenario), String>, Problems> {
        let Corner { n, f, network } = corner;
        if f >= n {
            return Ok(Err(format!("f = {f} of n = {n}: nobody would be honest")));
        }
        let mut set = self.set.to_vec();
        let name = entry.about().name;
        // A protocol that the file gives parameters to keeps them.
        if self.base.table.tagged("protocol").is_none_or(|(own, _)| own != name) {
            set.push(format!("protocol = \"{name}\""));
        }
        set.extend([format!("n = {n}"), format!("f = {f}")]);
        set.extend(network.iter().flat_map(|(_, lines)| lines.iter().cloned()));
        if !self.base.table.gives("crypto") {
            set.push("crypto = \"ideal\"".to_owned());
        }
        // An attack without effect is counted, and shown as what it is.
        if !self.base.table.table("expect").is_some_and(|expect| expect.gives("fired")) {
            set.push("expect.fired = false".to_owned());
        }
        let beyond = Document::decode(
            self.file,
            self.bytes,
            &[set.as_slice(), &[BEYOND.to_owned()]].concat(),
            self.registry,
        )?;
        let mut scenario = beyond.resolve(None, self.registry)?;
        scenario.beyond_bound = self.base.table.flag("beyond_bound").unwrap_or(false);
        let reasons = theorem::beyond(&scenario);
        if !reasons.is_empty() && !scenario.beyond_bound {
            return Ok(Err(reasons.join("; ")));
        }
        Ok(Ok((set, scenario)))
    }

    fn decode(&self, set: &[String]) -> Result<Document, Problems> {
        let document = Document::decode(self.file, self.bytes, set, self.registry)?;
        document.resolve(None, self.registry)?;
        Ok(document)
    }
}

impl Attack<'_> {
    fn name(&self) -> &str {
        match self {
            Attack::None => GOOD_CASE,
            Attack::Behaviour(name) | Attack::Named(name) => name,
        }
    }
}

/// What is set for an attack over the good case; or why it does not apply.
fn over(entry: &dyn Entry, good: &Scenario, attack: Attack<'_>) -> Result<Option<String>, String> {
    let (about, n, f) = (entry.about(), good.n, good.f);
    match attack {
        Attack::None => Ok(None),
        Attack::Behaviour(name) => {
            let info = BEHAVIOURS.iter().find(|info| info.name == name);
            if let Some(info) = info.filter(|info| !(info.means)(&entry.can())) {
                return Err(info.lacks.to_owned());
            }
            if f == 0 {
                return Err("f = 0: nobody is corrupted".to_owned());
            }
            let parties: Vec<_> = traitors(good).iter().map(ToString::to_string).collect();
            let parties = parties.join(", ");
            Ok(Some(format!("byzantine = [{{ parties = [{parties}], behaviour = \"{name}\" }}]")))
        }
        Attack::Named(id) => {
            let known = entry.attacks();
            let Some(known) = known.iter().find(|known| known.id == id) else {
                return Err(format!("{NO_ATTACK}{}", about.name));
            };
            if known.cast.iter().any(|party| usize::from(*party) >= n) {
                return Err(format!("needs more than {n} parties"));
            }
            if known.cast.len() > f && !good.beyond_bound {
                return Err(format!("needs {} traitors", known.cast.len()));
            }
            Ok(Some(format!("attack.name = \"{id}\"")))
        }
    }
}

/// What is wrong first.
fn first(problems: &Problems) -> String {
    problems.list.first().map(|problem| problem.message.clone()).unwrap_or_default()
}

/// So begins the reason why the attack of one protocol is none on another.
pub(super) const NO_ATTACK: &str = "no attack on ";

/// Who leads first: f parties.
fn traitors(good: &Scenario) -> Vec<PartyId> {
    let n = good.n as u64;
    let leading = (1..=n).map(|view| good.leaders.leader(View(view), good.n));
    let mut seen = PartySet::EMPTY;
    leading.chain(PartyId::all(good.n)).filter(|party| seen.insert(*party)).take(good.f).collect()
}
