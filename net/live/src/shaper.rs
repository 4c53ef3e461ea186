//! The fault layer between a party and the transport: what the network of the scenario makes of
//! each frame.
//!
//! The same types as in the simulator, and the same draws: a stream for each link, from the seed,
//! so that the k-th message of a link has the fate here that it has there. Times are those of the
//! scenario; what a real network takes comes on top, and some of what the model allows is left
//! for it.

use std::collections::BTreeMap;

use byzlab_crypto::PartyId;
use byzlab_protocols::{Span, Stream, Tag, Time};
use byzlab_sim::{Action, Environment, MessageRule, Network};
use byzlab_trace::{FaultId, Why};

/// What becomes of one frame.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fate {
    /// When it is handed to the transport, as often as it arrives.
    pub arrivals: Vec<Time>,
    /// Why it does not arrive, if it does not.
    pub lost: Option<Why>,
    /// The partitions, cuts and rules that did something to it.
    pub fired: Vec<FaultId>,
    /// Why this breaks the model, if it does and both ends are honest.
    pub breach: Option<&'static str>,
}

/// Decides what becomes of the frames that one party sends.
#[derive(Clone, Debug)]
pub struct Shaper {
    own: PartyId,
    network: Network,
    environment: Environment,
    rules: Vec<MessageRule>,
    /// What is left of each bound for the real network.
    slack: Span,
    /// The stream of each receiver.
    links: Vec<Stream>,
    /// How many frames each rule met, by receiver.
    met: Vec<BTreeMap<PartyId, u32>>,
}

/// One frame on its way.
#[derive(Clone, Copy)]
struct Sent<'a> {
    to: PartyId,
    tag: &'a Tag,
    at: Time,
}

impl Shaper {
    /// The network, faults and rules of a scenario, for what `own` sends in a committee of `n`.
    /// No draw comes closer than `slack` to the bound of the model; what rules and partitions do
    /// is done exactly.
    pub fn new(
        own: PartyId,
        n: usize,
        network: Network,
        environment: Environment,
        rules: Vec<MessageRule>,
        slack: Span,
    ) -> Shaper {
        let links = PartyId::all(n).map(|to| network.stream(own, to)).collect();
        let met = vec![BTreeMap::new(); rules.len()];
        Shaper { own, network, environment, rules, slack, links, met }
    }

    /// What becomes of a frame that is sent at `at`: asked once for each, in their order.
    ///
    /// # Panics
    /// If `to` is none of the committee.
    pub fn fate(&mut self, to: PartyId, tag: &Tag, at: Time) -> Fate {
        let sent = Sent { to, tag, at };
        let mut fate = Fate::default();
        let twice = self.by_network(sent, &mut fate);
        let drawn = fate.arrivals.first().copied();
        self.by_rules(sent, &mut fate);
        if let (Some(twice), Some(first)) = (twice, fate.arrivals.first().copied()) {
            // No copy overtakes what rules hold back.
            let held = drawn != Some(first);
            fate.arrivals.push(if held { twice.max(first) } else { twice });
        }
        fate
    }

    /// Cuts and draws; says when a second copy arrives, if there is one.
    fn by_network(&mut self, sent: Sent<'_>, fate: &mut Fate) -> Option<Time> {
        let Sent { to, at, .. } = sent;
        let (released, held) = self.environment.released(at, self.own, to);
        if let Some(fault) = held {
            fate.fired.push(fault);
            if self.network.may_lose(at) {
                fate.lost = Some(Why::Partition);
                return None;
            }
            if released == Time::NEVER {
                fate.breach = Some("a partition that never heals keeps a message for ever");
                fate.lost = Some(Why::Partition);
                return None;
            }
        }
        let lost = self.network.may_lose(at) && self.links[to.index()].chance(self.network.loss);
        let arrival = self.draw(released, to);
        let twice = self.links[to.index()].chance(self.network.duplicate);
        let twice = twice.then(|| self.draw(released, to));
        if lost {
            fate.lost = Some(Why::Loss);
            return None;
        }
        if held.is_some() && !self.network.bound(at).allows(arrival) {
            fate.breach = Some("a partition keeps a message longer than the model allows");
        }
        fate.arrivals.push(arrival);
        twice
    }

    fn draw(&mut self, at: Time, to: PartyId) -> Time {
        self.network.arrival(at, (self.own, to), self.slack, &mut self.links[to.index()])
    }

    fn by_rules(&mut self, sent: Sent<'_>, fate: &mut Fate) {
        for (rule, met) in self.rules.iter().zip(&mut self.met) {
            if rule.action == Action::Set || !rule.on.fits(self.own, sent.to, sent.tag) {
                continue;
            }
            let count = met.entry(sent.to).or_insert(0);
            *count += 1;
            if rule.on.occurrence.is_some_and(|wanted| wanted != *count) {
                continue;
            }
            let Some(arrival) = fate.arrivals.first().copied() else { continue };
            let mut moved = |to: Time| {
                if to == arrival {
                    return false;
                }
                if !self.network.bound(sent.at).allows(to) {
                    let why = "a rule delays a message longer than the model allows";
                    fate.breach = fate.breach.or(Some(why));
                }
                fate.arrivals.fill(to);
                true
            };
            let fired = match rule.action {
                Action::Drop => {
                    if !self.network.may_lose(sent.at) {
                        let why = "a rule drops a message that the model does not lose";
                        fate.breach = fate.breach.or(Some(why));
                    }
                    fate.arrivals.clear();
                    fate.lost = Some(Why::Adversary);
                    true
                }
                Action::Delay(by) => moved(arrival.after(by)),
                Action::HoldUntil(until) => moved(arrival.max(until)),
                Action::Duplicate(times) => {
                    let more = times.saturating_sub(1) as usize;
                    fate.arrivals.extend(vec![arrival; more]);
                    more > 0
                }
                Action::Set => false,
            };
            if fired {
                fate.fired.push(rule.fault);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use byzlab_crypto::{Digest, PartySet};
    use byzlab_protocols::{BeforeGst, Model, Probability, View};
    use byzlab_sim::{Cut, Delay, Matcher};

    use super::*;

    const VOTE: Tag =
        Tag { kind: "vote", view: View(3), slot: 0, digest: Digest::ZERO, signatures: 1 };

    fn network() -> Network {
        Network {
            model: Model::Asynchrony,
            delta: Span(1000),
            gst: Time(10_000),
            before_gst: BeforeGst::Lossy,
            delay: Delay::Uniform(Span(10), Span(900)),
            early: None,
            loss: Probability::ZERO,
            duplicate: Probability::ZERO,
            seed: 42,
        }
    }

    fn set(parties: &[u16]) -> PartySet {
        let mut set = PartySet::EMPTY;
        parties.iter().for_each(|party| _ = set.insert(PartyId(*party)));
        set
    }

    fn shaper(network: Network, cuts: Vec<Cut>, rules: Vec<MessageRule>) -> Shaper {
        let environment = Environment { cuts, crashes: Vec::new() };
        Shaper::new(PartyId(0), 4, network, environment, rules, Span::ZERO)
    }

    fn rule(on: Matcher, action: Action) -> Vec<MessageRule> {
        vec![MessageRule { on, action, fault: FaultId(9) }]
    }

    fn fates(shaper: &mut Shaper, to: u16, at: Time, count: usize) -> Vec<Fate> {
        (0..count).map(|_| shaper.fate(PartyId(to), &VOTE, at)).collect()
    }

    #[test]
    fn delays_are_those_of_the_link_and_of_no_other() {
        let mut shaper = shaper(network(), Vec::new(), Vec::new());
        fates(&mut shaper, 1, Time(5), 100);
        let mut stream = network().stream(PartyId(0), PartyId(2));
        for fate in fates(&mut shaper, 2, Time(5), 100) {
            let taken = network().draw(Time(5), PartyId(0), PartyId(2), &mut stream);
            assert_eq!(fate.arrivals, [Time(5).after(taken)]);
            assert!(!stream.chance(Probability::ZERO), "drawn after it, whether it comes twice");
            assert_eq!((fate.lost, fate.fired, fate.breach), (None, vec![], None));
        }
    }

    #[test]
    fn what_may_be_lost_is_lost_as_often_as_the_file_says() {
        let lossy =
            Network { model: Model::PartialSynchrony, loss: Probability(250_000_000), ..network() };
        let mut shaper = shaper(lossy, Vec::new(), Vec::new());
        let early = fates(&mut shaper, 1, Time(5), 4000);
        let lost = early.iter().filter(|fate| fate.lost == Some(Why::Loss)).count();
        assert!((900..1100).contains(&lost), "{lost} of 4000");
        assert!(early.iter().all(|fate| fate.arrivals.is_empty() == fate.lost.is_some()));
        let late = fates(&mut shaper, 1, Time(10_000), 1000);
        assert!(late.iter().all(|fate| fate.lost.is_none()), "nothing from GST on");
    }

    #[test]
    fn duplicates_arrive_twice() {
        let network = Network { duplicate: Probability(500_000_000), ..network() };
        let mut shaper = shaper(network, Vec::new(), Vec::new());
        let fates = fates(&mut shaper, 1, Time(5), 1000);
        let twice = fates.iter().filter(|fate| fate.arrivals.len() == 2).count();
        assert!((400..600).contains(&twice), "{twice} of 1000");
        assert!(fates.iter().all(|fate| (1..=2).contains(&fate.arrivals.len())));
        assert!(
            fates
                .iter()
                .any(|fate| fate.arrivals.len() == 2 && fate.arrivals[0] != fate.arrivals[1])
        );
    }

    #[test]
    fn a_partition_holds_until_it_heals_and_loses_where_messages_may_be_lost() {
        let cut = |until| Cut {
            from: Time(100),
            until,
            links: vec![(set(&[0]), set(&[1, 2]))],
            fault: FaultId(3),
        };
        let synchrony = Network { model: Model::Synchrony, ..network() };
        let mut shaper = self::shaper(synchrony.clone(), vec![cut(Time(5000))], Vec::new());
        for (to, at, held) in [(1, 99, false), (1, 100, true), (2, 4999, true), (3, 200, false)] {
            for fate in fates(&mut shaper, to, Time(at), 50) {
                let from = if held { 5000 } else { at };
                let taken = fate.arrivals[0].since(Time(from));
                assert!((10..=900).contains(&taken.0), "{to} {at} {taken}");
                assert_eq!(fate.fired.is_empty(), !held);
                assert_eq!(fate.breach.is_some(), held && fate.arrivals[0] > Time(at + 1000));
            }
        }
        assert!(fates(&mut shaper, 1, Time(5000), 1)[0].fired.is_empty(), "it has healed");
        let mut for_ever = self::shaper(synchrony, vec![cut(Time::NEVER)], Vec::new());
        let fate = &fates(&mut for_ever, 1, Time(100), 1)[0];
        assert_eq!((fate.lost, fate.breach.is_some()), (Some(Why::Partition), true));
        let lossy = Network { model: Model::PartialSynchrony, ..network() };
        let mut lossy = self::shaper(lossy, vec![cut(Time(5000))], Vec::new());
        let fate = &fates(&mut lossy, 1, Time(100), 1)[0];
        assert_eq!((fate.lost, fate.breach), (Some(Why::Partition), None));
    }

    #[test]
    fn rules_do_what_they_say_to_what_they_fit() {
        let constant = Network { delay: Delay::Constant(Span(10)), ..network() };
        let run = |on: Matcher, action, to| {
            let mut shaper = shaper(constant.clone(), Vec::new(), rule(on, action));
            fates(&mut shaper, to, Time(5), 3)
                .into_iter()
                .map(|fate| fate.arrivals)
                .collect::<Vec<_>>()
        };
        let plain = vec![Time(15)];
        let to_two = || Matcher { to: Some(set(&[2])), ..Matcher::default() };
        let second = || Matcher { occurrence: Some(2), ..to_two() };
        assert_eq!(run(to_two(), Action::Drop, 1), vec![plain.clone(); 3]);
        assert_eq!(run(to_two(), Action::Drop, 2), vec![vec![]; 3]);
        assert_eq!(run(second(), Action::Drop, 2), [plain.clone(), vec![], plain.clone()]);
        let held = [plain.clone(), vec![Time(99)], plain.clone()];
        assert_eq!(run(second(), Action::HoldUntil(Time(99)), 2), held);
        assert_eq!(run(second(), Action::Delay(Span(84)), 2), held);
        assert_eq!(run(second(), Action::HoldUntil(Time(2)), 2), vec![plain.clone(); 3]);
        let thrice = [plain.clone(), vec![Time(15); 3], plain.clone()];
        assert_eq!(run(second(), Action::Duplicate(3), 2), thrice);
        let kind = |kind: &str| Matcher { kind: Some(kind.to_owned()), ..Matcher::default() };
        assert_eq!(run(kind("vote"), Action::Drop, 2), vec![vec![]; 3]);
        assert_eq!(run(kind("propose"), Action::Drop, 2), vec![plain.clone(); 3]);
        let views = |first, end| Matcher { views: Some((first, end)), ..Matcher::default() };
        assert_eq!(run(views(1, 3), Action::Drop, 2), vec![plain.clone(); 3]);
        assert_eq!(run(views(3, 4), Action::Drop, 2), vec![vec![]; 3]);
    }

    #[test]
    fn a_rule_that_breaks_the_model_is_said_to() {
        let synchrony = Network { model: Model::Synchrony, ..network() };
        for (action, breaks) in [
            (Action::Drop, true),
            (Action::Delay(Span(2000)), true),
            (Action::HoldUntil(Time(1005)), false),
            (Action::HoldUntil(Time(1006)), true),
            (Action::Duplicate(2), false),
        ] {
            let rules = rule(Matcher::default(), action.clone());
            let mut shaper = shaper(synchrony.clone(), Vec::new(), rules);
            let fate = shaper.fate(PartyId(1), &VOTE, Time(5));
            assert_eq!(fate.fired, [FaultId(9)]);
            assert_eq!(fate.breach.is_some(), breaks, "{action:?}");
        }
    }

    /// A delay of the whole Δ would leave nothing for the real network.
    #[test]
    fn draws_leave_room_for_the_real_network() {
        let network = Network {
            model: Model::Synchrony,
            delay: Delay::Uniform(Span(1), Span(1000)),
            ..network()
        };
        let none = Environment::default();
        let slack = Span(200);
        let mut shaper = Shaper::new(PartyId(0), 4, network, none, Vec::new(), slack);
        let taken = fates(&mut shaper, 1, Time(5), 1000);
        let longest = taken.iter().map(|fate| fate.arrivals[0].since(Time(5))).max();
        assert_eq!(longest, Some(Span(800)));
    }
}
