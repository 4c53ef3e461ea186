//! Nodes that talk in memory: their journals replay to what they did, and what was changed in a
//! journal is noticed. A node that is killed comes back with its disk.

use std::{
    any::Any,
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use byzlab_crypto::{Committee, Digest, KeyRing, PartyId, PartySet, Scheme};
use byzlab_live::{
    Clock, Faults, Intake, Keeps, Link, Node, NodeConfig, Outgoing, Owner, Parts, Replay,
    ReplayError, Status,
    journal::{self, Happened, Life, Source},
    replay,
    transport::Inbound,
};
use byzlab_protocols::{
    Attack, BeforeGst, Command, Context, Leaders, Model, Probability, Protocol, Span, Target, Time,
    hotstuff::HotStuff, pbft::Pbft,
};
use byzlab_sim::{Action, Arrival, Behaving, Delay, Environment, Matcher, MessageRule, Network};
use byzlab_trace::{Detail, Event, FaultId, Observer, What};

const N: usize = 4;
const DELTA: Span = Span::millis(150);

fn sources(lives: Vec<Life>) -> Vec<Source> {
    lives.into_iter().map(Source::from).collect()
}

/// Hands frames to the intakes of the others at once: a network in memory.
struct Memory<P: Protocol> {
    own: PartyId,
    journals: PathBuf,
    owner: Owner,
    others: Arc<Vec<Mutex<Intake<P>>>>,
    /// The link that carries nothing, from whom and to whom.
    broken: Option<(PartyId, PartyId)>,
}

impl<P: Protocol> Link for Memory<P> {
    fn carry(&mut self, outgoing: Outgoing) {
        let lives = journal::read(&self.journals, &self.owner).expect("they are whole");
        let written = lives.last().and_then(|life| life.entries.last()).map(|entry| entry.at);
        assert!(written >= Some(outgoing.at.0), "it left before what it came of was written down");
        let carries =
            |party: &PartyId| *party != self.own && self.broken != Some((self.own, *party));
        for party in PartyId::all(N).filter(carries) {
            if outgoing.to == Target::All || outgoing.to == Target::One(party) {
                let intake = self.others[party.index()].lock().expect("nobody panics").clone();
                intake.frame(self.own, outgoing.frame.clone());
            }
        }
    }
}

#[derive(Clone, Default)]
struct Log {
    decided: BTreeMap<(u16, u64), Digest>,
    seen: Vec<&'static str>,
    reasons: Vec<String>,
    /// Whether the real network broke the model, and what was slow.
    late: (bool, Option<String>),
}

impl Observer for Log {
    fn see(&mut self, event: &Event, detail: Detail<'_>) {
        self.seen.push(event.what.name());
        if let What::Decided { slot, digest, .. } = event.what {
            let before = self.decided.insert((event.party.0, slot), digest);
            assert!(before.is_none_or(|before| before == digest), "decided twice");
        }
        if let (What::OutOfModel, Detail::Text(text)) = (event.what, detail) {
            self.reasons.push(text.to_owned());
        }
    }

    fn boxed(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// A network of this Δ that takes no time.
fn network(delta: Span) -> Network {
    Network {
        model: Model::PartialSynchrony,
        delta,
        gst: Time::ZERO,
        before_gst: BeforeGst::Bounded,
        delay: Delay::Constant(Span::TICK),
        early: None,
        loss: Probability::ZERO,
        duplicate: Probability::ZERO,
        seed: 1,
    }
}

struct Run<P: Attack> {
    folder: PathBuf,
    parts: Parts<P>,
    arrivals: Vec<Arrival>,
    clock: Clock,
    intakes: Arc<Vec<Mutex<Intake<P>>>>,
    nodes: Vec<Option<Node<P>>>,
    shown: Arc<Mutex<Vec<Status>>>,
    broken: Option<(PartyId, PartyId)>,
    /// What a replay takes for the rules of the scenario.
    rules: Vec<MessageRule>,
}

impl<P: Attack> Drop for Run<P> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl<P: Attack> Run<P> {
    fn start(name: &str) -> Run<P> {
        Run::over(name, None)
    }

    /// With a link that carries nothing.
    fn over(name: &str, broken: Option<(PartyId, PartyId)>) -> Run<P> {
        let folder = format!("byzlab-replay-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _ = fs::remove_dir_all(&folder);
        let instance = Digest::of("byzlab/test/1", name.as_bytes());
        let ring = |purpose, count| {
            KeyRing::insecure_from_seed(Scheme::Ed25519, instance, purpose, count, &[7; 32])
                .expect("so many keys are possible")
        };
        let ((parties, signers), (clients, client)) = (ring("party", N), ring("client", 1));
        let context = Arc::new(Context {
            committee: Committee::new(parties, 1).expect("f is below n"),
            clients,
            leaders: Leaders::RoundRobin(PartyId(1)),
            delta: DELTA,
        });
        let parts = Parts {
            context: context.clone(),
            params: P::Params::default(),
            signers,
            corrupted: PartySet::EMPTY,
            adversary: Box::new(Behaving::<P>::new(BTreeMap::new(), BTreeMap::new())),
        };
        let request = |seq| Arc::new(client[0].sign(Command { seq, payload: b"get k".to_vec() }));
        let arrivals = (0..3).map(|seq| {
            let request = request(seq);
            Arrival { at: Time::ZERO, party: PartyId(0), request }
        });
        let (intakes, inboxes): (Vec<_>, Vec<_>) = (0..N).map(|_| Intake::new(&context)).unzip();
        let mut run = Run {
            folder,
            parts,
            arrivals: arrivals.collect(),
            clock: Clock::starting(Instant::now() + Duration::from_millis(100), 1),
            intakes: Arc::new(intakes.into_iter().map(Mutex::new).collect()),
            nodes: (0..N).map(|_| None).collect(),
            shown: Arc::new(Mutex::new(vec![Status::default(); N])),
            broken,
            rules: Vec::new(),
        };
        for (party, inbox) in inboxes.into_iter().enumerate() {
            run.nodes[party] = Some(run.node(party, inbox));
        }
        run
    }

    fn node(&self, party: usize, inbox: byzlab_live::Inbox<P>) -> Node<P> {
        let own = PartyId(party as u16);
        let config = NodeConfig {
            parts: self.parts.clone(),
            party: own,
            disk: self.folder.join(format!("disk-{party}")),
            journals: self.folder.join(format!("journals-{party}")),
            arrivals: self.arrivals.clone(),
            shown: Status::default(),
            keeps: Keeps::ALL,
            first: !journal::began(&self.folder.join(format!("journals-{party}"))),
            clock: self.clock,
        };
        let shown = self.shown.clone();
        let show = move |status| shown.lock().expect("nobody panics")[party] = status;
        let link = Memory {
            own,
            journals: config.journals.clone(),
            owner: Owner::of::<P>(&self.parts.context, own),
            others: self.intakes.clone(),
            broken: self.broken,
        };
        Node::start(config, inbox, link, show).expect("its own folder")
    }

    fn kill(&mut self, party: usize) {
        self.nodes[party].take().expect("it runs").kill().expect("nothing else ended it");
    }

    fn restart(&mut self, party: usize) {
        let (intake, inbox) = Intake::new(&self.parts.context);
        *self.intakes[party].lock().expect("nobody panics") = intake;
        self.shown.lock().expect("nobody panics")[party] = Status::default();
        self.nodes[party] = Some(self.node(party, inbox));
    }

    /// Waits until every party has decided so much since it last started; how much each has.
    fn decide(&self, slots: u64) {
        let begun = Instant::now();
        loop {
            let shown = self.shown.lock().expect("nobody panics").clone();
            if shown.iter().all(|status| status.decided >= slots) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{shown:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn stop(&mut self) -> Vec<Vec<Life>> {
        for node in self.nodes.iter_mut().filter_map(Option::take) {
            node.stop().expect("nothing else ended it");
        }
        let read = |party: PartyId| {
            let folder = self.folder.join(format!("journals-{party}"));
            let owner = Owner::of::<P>(&self.parts.context, party);
            journal::read(&folder, &owner).expect("they are whole")
        };
        PartyId::all(N).map(read).collect()
    }

    fn replay(&self, lives: Vec<Vec<Life>>) -> Result<Log, ReplayError> {
        self.replay_within(lives, DELTA)
    }

    /// As if the model promised this Δ.
    fn replay_within(&self, lives: Vec<Vec<Life>>, delta: Span) -> Result<Log, ReplayError> {
        self.replay_sources(lives.into_iter().map(sources).collect(), delta)
    }

    /// From the disk.
    fn streamed(&self) -> Log {
        let open = |party: PartyId| {
            let folder = self.folder.join(format!("journals-{party}"));
            journal::open(&folder, &Owner::of::<P>(&self.parts.context, party))
        };
        let sources = PartyId::all(N).map(open).collect::<Result<_, _>>();
        self.replay_sources(sources.expect("they are whole"), DELTA).expect("the same code")
    }

    fn replay_sources(&self, lives: Vec<Vec<Source>>, delta: Span) -> Result<Log, ReplayError> {
        let network = network(delta);
        let replayed = replay(Replay {
            parts: self.parts.clone(),
            faults: Faults {
                network,
                environment: Environment::default(),
                rules: self.rules.clone(),
            },
            observers: vec![Box::new(Log::default())],
            show: false,
            known: None,
            witness: false,
            lives,
        })?;
        let late = (replayed.late, replayed.slow);
        let log = replayed.observers.into_iter().next().expect("it was put in");
        Ok(Log { late, ..*log.into_any().downcast::<Log>().expect("it is the log") })
    }
}

fn same_in_replay<P: Attack>(name: &str) {
    let mut run = Run::<P>::start(name);
    run.decide(3);
    let lives = run.stop();
    let decided: Vec<_> =
        run.shown.lock().expect("nobody panics").iter().map(|s| s.decided).collect();
    let log = run.replay(lives.clone()).expect("the same code");
    for (party, decided) in decided.iter().enumerate() {
        let slots: Vec<_> =
            (1..=*decided).filter_map(|slot| log.decided.get(&(party as u16, slot))).collect();
        assert_eq!(slots.len() as u64, *decided, "party {party}");
        let first: Vec<_> = (1..=*decided).filter_map(|slot| log.decided.get(&(0, slot))).collect();
        assert!(first.iter().zip(&slots).all(|(one, other)| one == other));
    }
    let again = run.replay(lives).expect("the same code");
    assert_eq!((log.seen, log.decided), (again.seen, again.decided), "a replay is deterministic");
}

#[test]
fn a_run_of_pbft_replays_to_what_it_decided() {
    same_in_replay::<Pbft>("pbft");
}

#[test]
fn a_run_of_hotstuff_replays_to_what_it_decided() {
    same_in_replay::<HotStuff>("hotstuff");
}

/// A run breaks its model if a message comes late or never, and says which one it was.
#[test]
fn what_comes_late_or_never_breaks_the_model() {
    let mut run = Run::<Pbft>::over("late", Some((PartyId(0), PartyId(3))));
    run.decide(3);
    let lives = run.stop();
    let reasons = run.replay(lives.clone()).expect("the same code").reasons;
    let lost = "a message did not arrive in the time that the model allows: from 0 to 3, ";
    assert!(reasons.iter().filter(|why| why.starts_with(lost)).count() >= 3, "{reasons:?}");
    let hasty = run.replay_within(lives, Span::TICK).expect("the same code").reasons;
    let late = |why: &&String| {
        why.contains("later than the model allows") && why.contains(": from 1 to 2, ")
    };
    assert!(hasty.iter().filter(late).count() >= 3, "{hasty:?}");
    assert!(!reasons.iter().any(|why| why.contains("from 1 to 2, ") && why.contains("not arrive")));
}

/// What the real network does is told from what the scenario itself does to its model.
#[test]
fn a_real_network_that_is_late_is_told_from_a_scenario_that_says_so() {
    let mut run = Run::<Pbft>::start("meant");
    run.decide(3);
    let lives = run.stop();
    let on_time = run.replay(lives.clone()).expect("the same code").late;
    assert_eq!(on_time, (false, None));
    let (late, slow) = run.replay_within(lives.clone(), Span::TICK).expect("the same code").late;
    assert!(late && slow.is_some_and(|why| why.contains("later than the model allows")));
    let held = Action::Delay(Span::millis(60_000));
    run.rules = vec![MessageRule { on: Matcher::default(), action: held, fault: FaultId(0) }];
    let meant = run.replay_within(lives, Span::TICK).expect("the same code");
    assert_eq!(meant.late, (false, None));
    assert!(meant.reasons.iter().any(|why| why.contains("later than the model allows")));
}

/// What is changed in a journal, whoever makes its chain of digests anew.
#[test]
fn what_was_changed_in_a_journal_is_noticed() {
    let mut run = Run::<HotStuff>::start("tampered");
    run.decide(3);
    let lives = run.stop();
    let tampered = |change: &dyn Fn(&mut Vec<Vec<Life>>)| {
        let mut lives = lives.clone();
        change(&mut lives);
        run.replay(lives).err()
    };
    assert_eq!(tampered(&|_| {}), None);
    let packet = |lives: &[Vec<Life>], from: u16| {
        let mut entries = lives[2][0].entries.iter();
        entries.position(|entry| entry.happened.sender() == Some(PartyId(from))).expect("it heard")
    };
    let at = packet(&lives, 1);
    // A packet that its sender never sent.
    let error = tampered(&|lives| {
        if let Happened::Packet { bytes, .. } = &mut lives[2][0].entries[at].happened {
            bytes[0] ^= 1;
        }
    });
    assert!(matches!(error, Some(ReplayError::NeverSent { .. })), "{error:?}");
    // A packet that was taken out.
    let error = tampered(&|lives| _ = lives[2][0].entries.remove(at));
    assert!(
        matches!(error, Some(ReplayError::Differs { .. } | ReplayError::NeverSent { .. })),
        "{error:?}"
    );
    // Another digest of the effects.
    let error = tampered(&|lives| lives[1][0].entries[0].effects = Some(Digest::ZERO));
    assert_eq!(error, Some(ReplayError::Differs { party: PartyId(1), life: 0, step: 0 }));
    // A step without its input.
    let error = tampered(&|lives| _ = lives[1][0].entries.remove(0));
    assert!(matches!(error, Some(ReplayError::Differs { .. })), "{error:?}");
}

/// What the runtime had no room for is no network of the model, and nobody's fault.
#[test]
fn what_the_runtime_lost_breaks_the_model() {
    let mut run = Run::<Pbft>::start("lost");
    run.decide(1);
    let mut lives = run.stop();
    let entries = &mut lives[1][0].entries;
    let (at, happened) = (entries[2].at, Happened::Lost { peer: 3, frames: 7 });
    entries.insert(2, byzlab_live::journal::Entry { at, happened, effects: None });
    let reasons = run.replay(lives).expect("the same code").reasons;
    let lost = "the runtime of party 1 lost 7 messages to or from party 3 for lack of room";
    assert!(reasons.iter().any(|why| why == lost), "{reasons:?}");
}

/// Whoever is stopped in order and started again was away, and is not said to have crashed.
#[test]
fn a_party_that_was_stopped_and_started_again_is_told_apart_from_one_that_was_killed() {
    let mut run = Run::<HotStuff>::start("stopped");
    run.decide(1);
    run.nodes[2].take().expect("it runs").stop().expect("nothing else ended it");
    run.restart(2);
    run.kill(1);
    run.restart(1);
    run.decide(2);
    let reasons = {
        let lives = run.stop();
        run.replay(lives).expect("the same code").reasons
    };
    let told = |text: &str| reasons.iter().any(|why| why.starts_with(text));
    assert!(told("party 2 was stopped and started again, which is not"), "{reasons:?}");
    assert!(told("party 1 went down, which is not"), "{reasons:?}");
    assert!(!told("party 2 went down") && !told("party 1 was stopped"), "{reasons:?}");
}

/// Entry by entry from the disk it is the same as from memory.
#[test]
fn journals_are_judged_as_they_are_read() {
    let mut run = Run::<Pbft>::start("streamed");
    run.decide(3);
    let lives = run.stop();
    let (log, held) = (run.replay(lives).expect("the same code"), run.streamed());
    assert_eq!((log.seen, log.decided, log.reasons), (held.seen, held.decided, held.reasons));
}

/// On disk: every byte of a journal counts, and one that ends early ended with its process.
#[test]
fn a_damaged_journal_is_refused() {
    let mut run = Run::<HotStuff>::start("bytes");
    run.decide(1);
    let lives = run.stop();
    let folder = run.folder.join("journals-0");
    let owner = Owner::of::<HotStuff>(&run.parts.context, PartyId(0));
    let file = folder.join("journal-0");
    let good = fs::read(&file).expect("it is there");
    let first = 32 + 4 + u32::from_le_bytes(good[32..36].try_into().expect("four")) as usize + 32;
    for at in (0..32).chain(36..first) {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&file, bytes).expect("there is room");
        assert!(journal::read(&folder, &owner).is_err(), "byte {at}");
        assert!(journal::open(&folder, &owner).is_err(), "byte {at}");
    }
    fs::write(&file, &good[..good.len() - 1]).expect("there is room");
    let cut = journal::read(&folder, &owner).expect("its process ended there");
    assert_eq!(cut[0].entries.len(), lives[0][0].entries.len() - 1);
    fs::write(&file, &good).expect("there is room");
    let other = Owner { party: PartyId(1), ..owner };
    assert!(journal::read(&folder, &other).is_err(), "of another party");
}

/// Killed between any of its writes, a node comes back, says nothing twice, and decides on.
#[test]
fn a_node_that_is_killed_comes_back_with_its_disk() {
    let given = std::env::var("BYZLAB_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = given.unwrap_or(std::process::id().into());
    println!("BYZLAB_SEED={seed}");
    let mut stream = byzlab_protocols::Stream::named(seed, "kill");
    let mut run = Run::<HotStuff>::start("killed");
    for _ in 0..4 {
        let victim = stream.below(N as u64) as usize;
        std::thread::sleep(Duration::from_millis(stream.between(1, 60)));
        run.kill(victim);
        run.restart(victim);
    }
    run.decide(3);
    let lives = run.stop();
    assert_eq!(lives.iter().map(Vec::len).sum::<usize>(), N + 4);
    // A life that ended before it wrote anything down never was.
    let began =
        |lives: &Vec<Life>| lives[1..].iter().filter(|life| !life.entries.is_empty()).count();
    let back: usize = lives.iter().map(began).sum();
    let log = run.replay(lives).expect("the same code, with the same disks");
    let slots = log.decided.keys().map(|(_, slot)| *slot).max().expect("it decided");
    for slot in 1..=slots {
        let mut values = (0..N as u16).filter_map(|party| log.decided.get(&(party, slot)));
        let first = values.next();
        assert!(values.all(|value| Some(value) == first), "slot {slot}");
    }
    assert_eq!(log.seen.iter().filter(|name| **name == "recovered").count(), back);
    assert!(!log.seen.contains(&"accused"), "nobody contradicted itself");
}
