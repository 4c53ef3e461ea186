//! A party of PBFT, in either form, or of HotStuff, in either form, crashes between any two effects and
//! comes back with its disk: it says again what it said, or nothing, and the others do not notice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use byzlab_crypto::{Committee, Digest, KeyRing, PartyId, Scheme, Signer};
use byzlab_protocols::{
    Block, Command, Context, Durable, Effect, Effects, Input, Leaders, Packet, Protocol, Request,
    Span, Stored, Target, Time,
    durable::{seal, unseal},
    hotstuff::HotStuff,
    hotstuff_chained::ChainedHotStuff,
    pbft::Pbft,
    pbft_classic::{self, PbftClassic},
    smr::Snapshot,
    step,
};

const N: usize = 4;
const DELTA: Span = Span::millis(100);
const DELAY: Span = Span::millis(30);
/// Stands for a slot of a log that was taken over.
const TAKEN_OVER: Digest = Digest::ZERO;
/// Who crashes: the leader of view 1.
const VICTIM: usize = 1;

/// What is due, in this order at one time.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due<T> {
    Start,
    Packet(PartyId, usize),
    Timer(T),
}

/// Where the victim goes down, counted in its steps and in the effects of that step.
#[derive(Clone, Copy, Debug)]
struct Crash {
    step: usize,
    effect: usize,
    down: Span,
}

/// Holds bytes, like a real one: what comes back from it has been checked.
#[derive(Default)]
struct Disk {
    record: Option<Vec<u8>>,
    blocks: BTreeMap<Digest, Vec<u8>>,
    snapshot: Option<Vec<u8>>,
}

impl Disk {
    fn read<P: Protocol>(&self, context: &Context, party: PartyId) -> Option<Stored<P::Record>> {
        let record = unseal::<P>(context, party, self.record.as_ref()?).expect("its own record");
        let block = |bytes: &Vec<u8>| Block::load(context, &mut &bytes[..]).expect("its own block");
        let mut blocks: Vec<_> = self.blocks.values().map(block).collect();
        blocks.sort_by_key(|block| (block.height(), block.hash()));
        let load = |bytes: &Vec<u8>| Snapshot::load(context, &mut &bytes[..]);
        let snapshot = self.snapshot.as_ref().map(load).transpose().expect("its own snapshot");
        Some(Stored { record: Arc::new(record), blocks, snapshot })
    }
}

/// What is due when, by time, rank and number, and for whom.
type Calendar<T> = BTreeSet<(Time, u8, u64, usize, Due<T>)>;

struct World<P: Protocol> {
    context: Arc<Context>,
    params: P::Params,
    signers: Vec<Signer>,
    requests: Vec<Request>,
    machines: Vec<Option<P>>,
    disks: Vec<Disk>,
    armed: BTreeMap<(usize, P::Timer), Time>,
    due: Calendar<P::Timer>,
    packets: Vec<Arc<Packet<P>>>,
    count: u64,
    /// The steps of the victim so far, and their effects.
    steps: Vec<usize>,
    crashes: Vec<Crash>,
    log: Vec<BTreeMap<u64, Digest>>,
}

impl<P: Protocol> World<P> {
    fn new(params: &P::Params, crashes: &[Crash]) -> World<P> {
        let instance = Digest::of("byzlab/test/1", b"crash");
        let ring = |purpose, count| {
            KeyRing::insecure_from_seed(Scheme::Ideal, instance, purpose, count, &[7; 32])
                .expect("so many keys are possible")
        };
        let (parties, signers) = ring("party", N);
        let (clients, client) = ring("client", 1);
        let context = Context {
            committee: Committee::new(parties, 1).expect("f is below n"),
            clients,
            leaders: Leaders::RoundRobin(PartyId(1)),
            delta: DELTA,
        };
        let request = |seq| Arc::new(client[0].sign(Command { seq, payload: b"get k".to_vec() }));
        let mut world = World {
            context: Arc::new(context),
            params: params.clone(),
            signers,
            requests: (0..3).map(request).collect(),
            machines: vec![None; N],
            disks: (0..N).map(|_| Disk::default()).collect(),
            armed: BTreeMap::new(),
            due: BTreeSet::new(),
            packets: Vec::new(),
            count: 0,
            steps: Vec::new(),
            crashes: crashes.to_vec(),
            log: vec![BTreeMap::new(); N],
        };
        (0..N).for_each(|party| world.push(Time::ZERO, party, Due::Start));
        world
    }

    fn push(&mut self, at: Time, party: usize, due: Due<P::Timer>) {
        let rank = match due {
            Due::Start => 0,
            Due::Packet(..) => 1,
            Due::Timer(_) => 2,
        };
        self.count += 1;
        self.due.insert((at, rank, self.count, party, due));
    }

    fn run(&mut self, until: Time) {
        while let Some((now, _, _, party, due)) = self.due.pop_first() {
            if now > until {
                return;
            }
            match due {
                Due::Start => self.wake(now, party),
                Due::Packet(from, index) => {
                    let packet = self.packets[index].clone();
                    self.give(now, party, &Input::Packet { from, packet });
                }
                Due::Timer(timer) => {
                    if self.armed.get(&(party, timer.clone())) == Some(&now) {
                        self.armed.remove(&(party, timer.clone()));
                        self.give(now, party, &Input::Timer { copy: 0, timer });
                    }
                }
            }
        }
    }

    fn wake(&mut self, now: Time, party: usize) {
        let signer = self.signers[party].clone();
        self.machines[party] = Some(P::new(&self.context, signer, &self.params));
        let stored = self.disks[party].read::<P>(&self.context, PartyId(party as u16));
        self.give(now, party, &Input::Start(stored));
        for request in self.requests.clone() {
            self.give(now, party, &Input::Command(request));
        }
    }

    fn give(&mut self, now: Time, party: usize, input: &Input<P>) {
        let Some(machine) = &mut self.machines[party] else { return };
        let mut fx = Effects::at(now);
        step(machine, &self.context, input, &mut fx).expect("honest parties are heard");
        let effects: Vec<_> = fx.drain().collect();
        if party == VICTIM {
            let here = self.crashes.first().copied().filter(|at| at.step == self.steps.len());
            self.steps.push(effects.len());
            if let Some(crash) = here {
                self.crashes.remove(0);
                let done = effects.into_iter().take(crash.effect);
                done.for_each(|effect| self.apply(now, party, effect));
                self.machines[party] = None;
                self.armed.retain(|(other, _), _| *other != party);
                return self.push(now.after(crash.down), party, Due::Start);
            }
        }
        effects.into_iter().for_each(|effect| self.apply(now, party, effect));
    }

    fn apply(&mut self, now: Time, party: usize, effect: Effect<P>) {
        match effect {
            Effect::Send { to, packet, .. } => {
                let from = PartyId::all(N).nth(party).expect("a party");
                self.packets.push(packet);
                for (other, name) in PartyId::all(N).enumerate() {
                    if to == Target::All || to == Target::One(name) {
                        let at = if other == party { now } else { now.after(DELAY) };
                        self.push(at, other, Due::Packet(from, self.packets.len() - 1));
                    }
                }
            }
            Effect::SetTimer { timer, at, .. } => {
                self.armed.insert((party, timer.clone()), at);
                self.push(at, party, Due::Timer(timer));
            }
            Effect::CancelTimer { timer, .. } => {
                self.armed.remove(&(party, timer));
            }
            Effect::Persist(record) => {
                let sealed = seal::<P>(&self.context, PartyId(party as u16), &record);
                self.disks[party].record = Some(sealed);
            }
            Effect::Keep(block) => {
                let mut bytes = Vec::new();
                block.save(&mut bytes);
                self.disks[party].blocks.insert(block.hash(), bytes);
            }
            Effect::Forget(hash) => {
                self.disks[party].blocks.remove(&hash);
            }
            Effect::Save(snapshot) => {
                let mut bytes = Vec::new();
                snapshot.save(&mut bytes);
                self.disks[party].snapshot = Some(bytes);
            }
            Effect::Decide(decision) => {
                let before = self.log[party].insert(decision.slot, decision.digest);
                let same = |before| before == decision.digest || before == TAKEN_OVER;
                assert!(before.is_none_or(same));
            }
            Effect::Install(installed) => {
                for slot in 1..=installed.slot {
                    self.log[party].entry(slot).or_insert(TAKEN_OVER);
                }
            }
            Effect::Accuse(evidence) => panic!("everybody is honest: {evidence}"),
            Effect::Conflict(decision) => panic!("party {party}: {decision:?}"),
            _ => {}
        }
    }

    /// Nobody contradicted itself, all logs agree, and everybody got on.
    fn judge(&self, crashes: &[Crash], at_least: u64) {
        let guilty = P::forensics(&self.context, &self.packets);
        assert!(guilty.is_empty(), "{crashes:?}: {}", guilty[0]);
        let mut common = BTreeMap::new();
        for (party, log) in self.log.iter().enumerate() {
            for (slot, digest) in log.iter().filter(|(_, digest)| **digest != TAKEN_OVER) {
                assert_eq!(common.entry(*slot).or_insert(*digest), digest, "{crashes:?}");
            }
            let end = log.len() as u64;
            assert!(log.keys().copied().eq(1..=end), "party {party} left a gap");
            assert!(end >= at_least, "{crashes:?}: party {party} decided {end} blocks");
        }
    }
}

/// How a protocol is held against it: the victim crashes at any step before a time, and all must
/// have decided so much some time after.
#[derive(Clone, Copy)]
struct Trial {
    before: Time,
    until: Time,
    decisions: u64,
}

/// Up to the end of view 2; then four more views of 4Δ, of which a crash may cost some.
const PBFT: Trial = Trial { before: Time(DELTA.0 * 12), until: Time(DELTA.0 * 28), decisions: 4 };

/// Until all three requests are executed, a block each; then time for views that end by timeout.
const HOTSTUFF: Trial =
    Trial { before: Time(DELTA.0 * 10), until: Time(DELTA.0 * 120), decisions: 3 };

/// The same. Its two empty blocks take part in it.
const CHAINED: Trial =
    Trial { before: Time(DELTA.0 * 10), until: Time(DELTA.0 * 120), decisions: 3 };

impl Trial {
    /// The steps of the victim without any crash, and how many effects each has.
    fn steps<P: Protocol>(self, params: &P::Params) -> Vec<usize> {
        let mut world = World::<P>::new(params, &[]);
        world.run(self.before);
        world.judge(&[], 2);
        world.steps
    }

    fn crash<P: Protocol>(self, params: &P::Params, crashes: &[Crash]) {
        let mut world = World::<P>::new(params, crashes);
        world.run(self.until);
        assert!(world.crashes.is_empty(), "{crashes:?} did not all happen");
        world.judge(crashes, self.decisions);
    }

    fn between_any_two_effects<P: Protocol>(self, params: &P::Params) {
        for (step, effects) in self.steps::<P>(params).into_iter().enumerate() {
            for effect in 0..=effects {
                for down in [DELAY * 2, DELTA, DELTA * 3] {
                    // A disk that is still empty later on is a lost one: that is another story.
                    if (step, effect) != (0, 0) {
                        self.crash::<P>(params, &[Crash { step, effect, down }]);
                    }
                }
            }
        }
    }

    fn while_coming_back<P: Protocol>(self, params: &P::Params) {
        for (step, effects) in self.steps::<P>(params).into_iter().enumerate().skip(1) {
            for again in 0..6 {
                let first = Crash { step, effect: effects, down: DELAY };
                let second = Crash { step: step + 1, effect: again, down: DELTA };
                self.crash::<P>(params, &[first, second]);
            }
        }
    }
}

#[test]
fn a_crash_of_pbft_between_any_two_effects_does_no_harm() {
    PBFT.between_any_two_effects::<Pbft>(&Default::default());
}

#[test]
fn a_second_crash_of_pbft_while_coming_back_does_no_harm() {
    PBFT.while_coming_back::<Pbft>(&Default::default());
}

#[test]
fn a_crash_of_hotstuff_between_any_two_effects_does_no_harm() {
    HOTSTUFF.between_any_two_effects::<HotStuff>(&Default::default());
}

#[test]
fn a_second_crash_of_hotstuff_while_coming_back_does_no_harm() {
    HOTSTUFF.while_coming_back::<HotStuff>(&Default::default());
}

/// A checkpoint after every second slot, so that crashes fall between what it throws away as well.
fn classic() -> pbft_classic::Params {
    pbft_classic::Params { checkpoint: 2, ..pbft_classic::Params::default() }
}

#[test]
fn a_crash_of_classic_pbft_between_any_two_effects_does_no_harm() {
    HOTSTUFF.between_any_two_effects::<PbftClassic>(&classic());
}

#[test]
fn a_second_crash_of_classic_pbft_while_coming_back_does_no_harm() {
    HOTSTUFF.while_coming_back::<PbftClassic>(&classic());
}

#[test]
fn a_crash_of_chained_hotstuff_between_any_two_effects_does_no_harm() {
    CHAINED.between_any_two_effects::<ChainedHotStuff>(&Default::default());
}

#[test]
fn a_second_crash_of_chained_hotstuff_while_coming_back_does_no_harm() {
    CHAINED.while_coming_back::<ChainedHotStuff>(&Default::default());
}
