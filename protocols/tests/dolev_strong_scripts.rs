//! Every short script of two traitors against Dolev-Strong, and many random long ones.
//!
//! The traitors are one mind that sees every message at once (rushing) and signs for all of
//! them. A move shows one chain to one honest party: any order of signatures of traitors, with
//! those honest signatures in between that were already sent. The moves of a round come before or
//! after what honest parties sent in the round before. A move that changes nothing at its
//! receiver is the same script without it and is not followed. A chain that its receiver has
//! signed, or that starts with somebody else than the sender, is refused before anything else
//! is looked at; the first kind is left out, of the second there is one.
//!
//! The same search must find the broken twins, or it proves nothing.

use std::{collections::BTreeSet, sync::Arc};

use byzlab_crypto::{Committee, Digest, EvidenceRule, KeyRing, PartyId, Scheme, Signer};
use byzlab_protocols::{
    Command, Context, Effect, Effects, Leaders, Protocol, Span, Stream, Time, View,
    dolev_strong::{Chain, DolevStrong, Endorse, Params, Timer, Wire},
    value_digest,
};

const DELTA: Span = Span::millis(100);
const SENDER: PartyId = PartyId(0);
const MOVES: usize = 4;
const VALUES: [&str; 3] = ["v", "w", "x"];

/// Committee, keys and traitors.
struct Lab {
    context: Arc<Context>,
    signers: Vec<Signer>,
    client: Signer,
    traitors: Vec<PartyId>,
    params: Params,
}

impl Lab {
    fn new(n: usize, f: usize, traitors: &[u16], broken: Option<&str>) -> Lab {
        let instance = Digest::of("byzlab/test/1", b"scripts");
        let ring = |purpose, count| {
            KeyRing::insecure_from_seed(Scheme::Ideal, instance, purpose, count, &[7; 32])
                .expect("so many keys are possible")
        };
        let (parties, signers) = ring("party", n);
        let (clients, client) = ring("client", 1);
        let context = Context {
            committee: Committee::new(parties, f).expect("f is below n"),
            clients,
            leaders: Leaders::Stable(SENDER),
            delta: DELTA,
        };
        Lab {
            context: Arc::new(context),
            signers,
            client: client[0].clone(),
            traitors: traitors.iter().copied().map(PartyId).collect(),
            params: Params { short_rounds: false, broken: broken.map(str::to_owned) },
        }
    }

    fn rounds(&self) -> u64 {
        let f = self.context.committee.f() as u64;
        if self.params.broken.as_deref() == Some("M17") { f } else { f + 1 }
    }

    fn is_traitor(&self, party: PartyId) -> bool {
        self.traitors.contains(&party)
    }

    /// A chain as the parties would sign it, whoever they are; the caller sees to it that honest
    /// signatures are there already.
    fn chain(&self, value: usize, signers: &[PartyId]) -> Arc<Chain> {
        let bytes = VALUES[value].as_bytes().to_vec();
        let body = Endorse { broadcast: View(1), sender: SENDER, value: value_digest(&bytes) };
        let sign = |by: &PartyId| {
            let signed = self.signers[by.index()].sign(body.clone());
            (*by, signed.signed().signature)
        };
        let signatures = signers.iter().map(sign).collect();
        let wire = Wire { broadcast: View(1), value: bytes, signatures };
        DolevStrong::check(&self.context, &wire).expect("every signature is right")
    }
}

/// One honest party.
#[derive(Clone)]
struct Seat {
    party: PartyId,
    machine: DolevStrong,
    timers: Vec<(Time, Timer)>,
    sent: usize,
    decided: Vec<Digest>,
}

/// The honest parties of one broadcast, in the middle of a round.
#[derive(Clone)]
struct World {
    round: u64,
    seats: Vec<Seat>,
    /// What honest parties sent at the end of the round before.
    on_the_way: Vec<(PartyId, Arc<Chain>)>,
    /// Honest signatures that the traitors have seen: who, and on which value.
    seen: BTreeSet<(PartyId, Digest)>,
    accused: BTreeSet<PartyId>,
}

impl World {
    fn new(lab: &Lab) -> World {
        let honest = lab.context.committee.parties().filter(|party| !lab.is_traitor(*party));
        let seats = honest.map(|party| Seat {
            party,
            machine: DolevStrong::new(
                &lab.context,
                lab.signers[party.index()].clone(),
                &lab.params,
            ),
            timers: Vec::new(),
            sent: 0,
            decided: Vec::new(),
        });
        let mut world = World {
            round: 1,
            seats: seats.collect(),
            on_the_way: Vec::new(),
            seen: BTreeSet::new(),
            accused: BTreeSet::new(),
        };
        for at in 0..world.seats.len() {
            world.step(lab, at, Time::ZERO, |machine, fx| machine.start(None, fx));
            if world.seats[at].party == SENDER {
                let payload = VALUES[0].as_bytes().to_vec();
                let input = Arc::new(lab.client.sign(Command { seq: 1, payload }));
                world.step(lab, at, Time::ZERO, |machine, fx| machine.command(&input, fx));
            }
        }
        world.fire(lab, Time::ZERO);
        world
    }

    /// Lets one party take a step and takes in what it does.
    fn step(
        &mut self,
        lab: &Lab,
        at: usize,
        now: Time,
        input: impl FnOnce(&mut DolevStrong, &mut Effects<DolevStrong>),
    ) {
        let mut fx = Effects::at(now);
        let seat = &mut self.seats[at];
        input(&mut seat.machine, &mut fx);
        for effect in fx.drain() {
            match effect {
                Effect::Send { packet, .. } => {
                    let chain = packet.verdict(&lab.context).clone();
                    let chain = chain.expect("what honest parties send is right");
                    // What it sends at the start of the next broadcast is another story.
                    if chain.broadcast() == View(1) {
                        seat.sent += 1;
                        self.seen.insert((seat.party, chain.digest()));
                        self.on_the_way.push((seat.party, chain));
                    }
                }
                Effect::SetTimer { timer, at, .. } => seat.timers.push((at, timer)),
                Effect::Decide(decision) if decision.slot == 1 => {
                    seat.decided.push(decision.digest);
                }
                Effect::Accuse(evidence) => {
                    let rule = EvidenceRule::of::<Endorse, Endorse>();
                    let proven = rule.check(lab.context.committee.ring(), &evidence);
                    proven.expect("evidence proves something");
                    self.accused.insert(evidence.culprit);
                }
                _ => {}
            }
        }
    }

    fn fire(&mut self, lab: &Lab, now: Time) {
        for at in 0..self.seats.len() {
            let timers = std::mem::take(&mut self.seats[at].timers);
            let (due, later): (Vec<_>, Vec<_>) = timers.into_iter().partition(|(at, _)| *at <= now);
            self.seats[at].timers = later;
            for (_, timer) in due {
                self.step(lab, at, now, |machine, fx| machine.timer(timer, fx));
            }
        }
    }

    fn now(&self) -> Time {
        Time(DELTA.0 * self.round - 1)
    }

    /// Shows a chain to a party; says whether anything changed there.
    fn show(&mut self, lab: &Lab, from: PartyId, to: usize, chain: &Arc<Chain>) -> bool {
        let before = self.seats[to].machine.clone();
        let now = self.now();
        self.step(lab, to, now, |machine, fx| machine.message(from, chain, fx));
        self.seats[to].machine != before
    }

    /// Delivers what honest parties sent at the end of the round before.
    fn carry(&mut self, lab: &Lab) {
        for (from, chain) in std::mem::take(&mut self.on_the_way) {
            for to in 0..self.seats.len() {
                if self.seats[to].party != from {
                    self.show(lab, from, to, &chain);
                }
            }
        }
    }

    fn end_round(&mut self, lab: &Lab) {
        self.fire(lab, Time(DELTA.0 * self.round));
        self.round += 1;
    }

    /// What is wrong at the end.
    fn complaint(&self, lab: &Lab) -> Option<String> {
        if self.seats.iter().any(|seat| seat.decided.len() != 1) {
            return Some("termination: not exactly one decision at the end".to_owned());
        }
        let decided: BTreeSet<_> = self.seats.iter().map(|seat| seat.decided[0]).collect();
        if decided.len() > 1 {
            return Some(format!("agreement: {decided:?}"));
        }
        let sent = value_digest(VALUES[0].as_bytes());
        if !lab.is_traitor(SENDER) && !decided.contains(&sent) {
            return Some(format!("validity: {decided:?}"));
        }
        if self.accused.iter().any(|party| !lab.is_traitor(*party)) {
            return Some(format!("accountability: {:?} accused", self.accused));
        }
        let budget = self.seats.iter().all(|seat| seat.sent <= 2);
        (!budget).then(|| "more than two values relayed".to_owned())
    }
}

/// One move: a chain for a seat.
struct Move {
    to: usize,
    value: usize,
    chain: Arc<Chain>,
    honest: Vec<PartyId>,
}

/// All scripts up to a number of moves, as a tree.
struct Search<'a> {
    lab: &'a Lab,
    moves: Vec<Move>,
    scripts: u64,
    complaints: Vec<String>,
}

impl Search<'_> {
    fn run(lab: &Lab, moves: usize) -> Search<'_> {
        let mut search = Search { lab, moves: menu(lab), scripts: 0, complaints: Vec::new() };
        search.go(&World::new(lab), moves, false, &mut Vec::new());
        search
    }

    /// Goes on from here: one more move, or the honest messages of this round, or its end.
    fn go(&mut self, world: &World, left: usize, carried: bool, script: &mut Vec<String>) {
        let lab = self.lab;
        for at in (0..self.moves.len()).filter(|_| left > 0) {
            let Move { to, value, chain, honest } = &self.moves[at];
            let digest = chain.digest();
            if !honest.iter().all(|party| world.seen.contains(&(*party, digest))) {
                continue;
            }
            let mut next = world.clone();
            if next.show(lab, lab.traitors[0], *to, chain) {
                let to = next.seats[*to].party;
                let signers = chain.signers();
                let when = if carried { "late in" } else { "in" };
                let (round, value) = (world.round, VALUES[*value]);
                script.push(format!("{when} round {round}: {value} {signers:?} to {to}"));
                self.go(&next, left - 1, carried, script);
                script.pop();
            }
        }
        let mut next = world.clone();
        if !carried && !next.on_the_way.is_empty() {
            next.carry(lab);
            return self.go(&next, left, true, script);
        }
        next.end_round(lab);
        if next.round <= lab.rounds() {
            return self.go(&next, left, false, script);
        }
        self.scripts += 1;
        if let Some(complaint) = next.complaint(lab) {
            self.complaints.push(format!("{complaint} after {script:?}"));
        }
    }
}

/// Every chain that might be shown to every honest party.
fn menu(lab: &Lab) -> Vec<Move> {
    let n = lab.context.committee.n();
    let honest: Vec<_> = PartyId::all(n).filter(|party| !lab.is_traitor(*party)).collect();
    let mut moves = Vec::new();
    for (to, receiver) in honest.iter().enumerate() {
        let mut sequences: Vec<Vec<PartyId>> = vec![vec![SENDER]];
        let mut last = sequences.clone();
        for _ in 1..lab.rounds() {
            let longer = last.iter().flat_map(|signers| {
                let others = PartyId::all(n).filter(|party| party != receiver);
                others.map(|party| [signers.as_slice(), &[party]].concat())
            });
            last = longer.collect();
            sequences.extend(last.clone());
        }
        sequences.retain(|signers| !signers.contains(receiver));
        sequences.push(lab.traitors.iter().rev().copied().collect());
        for (value, signers) in
            (0..2).flat_map(|value| sequences.iter().map(move |signers| (value, signers)))
        {
            let chain = lab.chain(value, signers);
            let honest = signers.iter().copied().filter(|party| !lab.is_traitor(*party)).collect();
            moves.push(Move { to, value, chain, honest });
        }
    }
    moves
}

/// The rounds of a random broadcast: in each some moves, what honest parties sent, more moves.
fn at_random(lab: &Lab, random: &mut Stream) -> (World, Vec<String>) {
    let mut world = World::new(lab);
    let mut script = Vec::new();
    for round in 1..=lab.rounds() {
        for carried in [false, true] {
            for _ in 0..random.below(4) {
                let to = random.below(world.seats.len() as u64) as usize;
                let (value, signers) = random_chain(lab, &world, random);
                let (chain, receiver) = (lab.chain(value, &signers), world.seats[to].party);
                if world.show(lab, lab.traitors[0], to, &chain) {
                    let value = VALUES[value];
                    script.push(format!("round {round}: {value} {signers:?} to {receiver}"));
                }
            }
            if !carried {
                world.carry(lab);
            }
        }
        world.end_round(lab);
    }
    (world, script)
}

/// A chain that the traitors can make: mostly one that is in time, of distinct signers.
fn random_chain(lab: &Lab, world: &World, random: &mut Stream) -> (usize, Vec<PartyId>) {
    let value = random.below(VALUES.len() as u64) as usize;
    let digest = value_digest(VALUES[value].as_bytes());
    let can_sign =
        |party: &PartyId| lab.is_traitor(*party) || world.seen.contains(&(*party, digest));
    let mut signers: Vec<_> = lab.context.committee.parties().filter(can_sign).collect();
    random.shuffle(&mut signers);
    if random.below(8) > 0 && can_sign(&SENDER) {
        signers.retain(|party| *party != SENDER);
        signers.insert(0, SENDER);
    }
    let length = match random.below(4) {
        0 => random.between(1, lab.rounds()),
        _ => world.round,
    };
    signers.truncate(length as usize);
    if random.below(8) == 0 {
        signers.extend(signers.last().copied());
    }
    (value, signers)
}

/// How many of so many random broadcasts go wrong, and the first complaint.
fn random_runs(runs: usize, broken: Option<&str>) -> (usize, Option<String>) {
    let mut random = Stream::named(1, "dolev-strong scripts");
    let mut complaints = Vec::new();
    for _ in 0..runs {
        let n = random.between(4, 7);
        let f = random.between(1, n - 2);
        let mut parties: Vec<_> = (1..n as u16).collect();
        random.shuffle(&mut parties);
        let mut traitors = if random.below(4) > 0 { vec![SENDER.0] } else { Vec::new() };
        traitors.extend(parties.iter().take(f as usize - traitors.len()));
        let lab = Lab::new(n as usize, f as usize, &traitors, broken);
        let (world, script) = at_random(&lab, &mut random);
        let complaint = world.complaint(&lab);
        complaints.extend(complaint.map(|complaint| {
            format!("n={n} f={f} traitors {traitors:?}: {complaint} after {script:?}")
        }));
    }
    (complaints.len(), complaints.into_iter().next())
}

#[test]
fn no_script_of_four_moves_by_a_traitorous_sender_breaks_anything() {
    let lab = Lab::new(4, 2, &[0, 3], None);
    let search = Search::run(&lab, MOVES);
    assert_eq!(search.complaints, [""; 0]);
    assert!(search.scripts > 10_000, "{} scripts: too few to mean anything", search.scripts);
}

#[test]
fn no_script_of_four_moves_breaks_an_honest_sender() {
    let lab = Lab::new(4, 2, &[2, 3], None);
    let search = Search::run(&lab, MOVES);
    assert_eq!(search.complaints, [""; 0]);
    assert!(search.scripts > 100, "{} scripts: too few to mean anything", search.scripts);
}

#[test]
fn no_random_script_breaks_anything() {
    assert_eq!(random_runs(3000, None), (0, None));
}

/// The properties that fall in a broken twin, by the exhaustive search.
fn fallen(broken: &str, traitors: &[u16]) -> BTreeSet<String> {
    let lab = Lab::new(4, 2, traitors, Some(broken));
    let complaints = Search::run(&lab, 3).complaints;
    let property = |complaint: &String| complaint.split(':').next().map(str::to_owned);
    complaints.iter().filter_map(property).collect()
}

#[test]
fn the_search_finds_every_broken_twin_that_two_values_can_show() {
    for broken in ["M17", "M18", "M19", "M20", "M22"] {
        let fallen = fallen(broken, &[0, 3]);
        assert!(fallen.contains("agreement"), "{broken}: {fallen:?}");
    }
    let fallen = fallen("M21", &[2, 3]);
    assert!(fallen.contains("validity"), "M21: {fallen:?}");
}

/// M23 needs three values.
#[test]
fn random_scripts_find_the_broken_twins() {
    for broken in ["M17", "M18", "M19", "M20", "M21", "M22", "M23", "M25"] {
        let (found, _) = random_runs(1000, Some(broken));
        assert!(found > 0, "{broken}: nothing found");
    }
}

/// Corrections A6 (DS20): on real clocks a relay can come before the receiver's own round ends.
#[test]
fn a_chain_of_the_next_round_that_comes_before_the_round_ends_counts() {
    let lab = Lab::new(4, 1, &[0], None);
    let mut world = World::new(&lab);
    world.show(&lab, SENDER, 0, &lab.chain(0, &[SENDER]));
    // Party 1 ends round 1 and relays; the others still have theirs before them.
    let end = Time(DELTA.0);
    let (_, timer) = world.seats[0].timers.remove(0);
    world.step(&lab, 0, end, |machine, fx| machine.timer(timer, fx));
    world.carry(&lab);
    world.end_round(&lab);
    world.carry(&lab);
    world.end_round(&lab);
    assert_eq!(world.complaint(&lab), None);
    assert_eq!(world.seats[2].decided, [value_digest(VALUES[0].as_bytes())]);
}
