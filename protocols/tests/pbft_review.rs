//! One party of PBFT, driven by hand: what no honest party and no network would ever do to it.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{
    Certificate, Claim, Committee, Digest, Evidence, KeyRing, PartyId, Scheme, Signed, Signer,
};
use byzlab_protocols::{
    BeforeGst, Block, Context, Effect, Effects, Goal, Input, Leaders, Packet, Protocol, Situation,
    Span, Stored, Time, View,
    pbft::{Params, Pbft, Record, Status, Timer, Vote, Vote2, Wire, WireReport, justification},
    smr::{Batch, Commits, WINDOW},
    step,
};

const DELTA: Span = Span::millis(100);

/// Four parties of which one may be faulty, and all their keys.
struct Bench {
    context: Arc<Context>,
    signers: Vec<Signer>,
}

impl Bench {
    fn new() -> Bench {
        let instance = Digest::of("byzlab/test/1", b"pbft");
        let ring = |purpose| {
            KeyRing::insecure_from_seed(Scheme::Ideal, instance, purpose, 4, &[7; 32])
                .expect("so many keys are possible")
        };
        let (parties, signers) = ring("party");
        let context = Context {
            committee: Committee::new(parties, 1).expect("f is below n"),
            clients: ring("client").0,
            leaders: Leaders::RoundRobin(PartyId(1)),
            delta: DELTA,
        };
        Bench { context: Arc::new(context), signers }
    }

    fn genesis(&self) -> Block {
        Block::genesis(self.context.committee.instance())
    }

    fn party(&self, party: u16) -> Driven<'_> {
        let signer = self.signers[usize::from(party)].clone();
        let machine = Pbft::new(&self.context, signer, &Params::default());
        Driven { bench: self, machine, now: Time::ZERO }
    }

    /// A block of the leader of a view, on what `reports` say.
    fn block(&self, parent: &Block, view: u64, reports: &[WireReport]) -> Block {
        let leader = self.context.leader(View(view));
        let statuses: Vec<_> = reports.iter().map(|report| report.status.clone()).collect();
        let justify = (parent.view(), justification(&statuses));
        Block::propose(&self.signers[leader.index()], parent, View(view), justify, Batch::empty())
    }

    /// Blocks of the views 1 to `length`, each on the one before.
    fn chain(&self, length: u64) -> Vec<Block> {
        let mut blocks = vec![self.genesis()];
        for view in 1..=length {
            blocks.push(self.block(&blocks[blocks.len() - 1], view, &[]));
        }
        blocks
    }

    fn lock(&self, block: &Block) -> Claim<Vote> {
        let justify_view = block.header().justify_view;
        let vote = Vote { view: block.view(), hash: block.hash(), justify_view };
        let signed = self.signers[..3].iter().map(|signer| signer.sign(vote.clone()));
        Claim::new(vote.clone(), signed.map(|vote| (vote.by(), vote.signed().signature)).collect())
    }

    fn commit(&self, block: &Block) -> Claim<Vote2> {
        let vote = Vote2 { view: block.view(), hash: block.hash() };
        let signed = self.signers[..3].iter().map(|signer| signer.sign(vote.clone()));
        Claim::new(vote.clone(), signed.map(|vote| (vote.by(), vote.signed().signature)).collect())
    }

    fn status(&self, by: usize, view: u64, lock: &Block) -> WireReport {
        let status = Status { view: View(view), lock_view: lock.view(), lock_hash: lock.hash() };
        WireReport {
            status: self.signers[by].sign(status).into_signed(),
            lock: (lock.height() > 0).then(|| self.lock(lock)),
        }
    }

    fn certificate(&self, block: &Block) -> Certificate<Vote2> {
        Certificate::check(&self.context.committee, &self.commit(block)).expect("a quorum")
    }
}

/// A machine, and the time that it is told.
struct Driven<'a> {
    bench: &'a Bench,
    machine: Pbft,
    now: Time,
}

impl Driven<'_> {
    fn give(&mut self, input: &Input<Pbft>) -> Vec<Effect<Pbft>> {
        let mut fx = Effects::at(self.now);
        step(&mut self.machine, &self.bench.context, input, &mut fx).expect("a checked message");
        fx.drain().collect()
    }

    fn start(&mut self, stored: Option<Stored<Record>>) -> Vec<Effect<Pbft>> {
        self.give(&Input::Start(stored))
    }

    fn hear(&mut self, from: u16, wire: Wire) -> Vec<Effect<Pbft>> {
        self.give(&Input::Packet { from: PartyId(from), packet: Packet::new(wire) })
    }

    /// The next phase of a view begins.
    fn phase(&mut self, view: u64, phase: u64) -> Vec<Effect<Pbft>> {
        self.now = Time::ZERO.after(DELTA * (4 * view + phase));
        let view = View(view);
        let timer = match phase {
            0 => Timer::Status(view),
            1 => Timer::Propose(view),
            2 => Timer::Vote(view),
            _ => Timer::Vote2(view),
        };
        self.give(&Input::Timer { copy: 0, timer })
    }
}

fn report(report: WireReport, decided: u64, bodies: &[&Block]) -> Wire {
    let bodies = bodies.iter().filter_map(|block| block.wire().cloned()).collect();
    Wire::Status { report, commit: None, decided, bodies }
}

fn sent(effects: &[Effect<Pbft>]) -> Vec<&Wire> {
    let packets = effects.iter().filter_map(|effect| match effect {
        Effect::Send { packet, .. } => packet.wire(),
        _ => None,
    });
    packets.collect()
}

fn decided(effects: &[Effect<Pbft>]) -> Vec<u64> {
    let slots = effects.iter().filter_map(|effect| match effect {
        Effect::Decide(decision) => Some(decision.slot),
        _ => None,
    });
    slots.collect()
}

fn accused(effects: &[Effect<Pbft>]) -> Vec<&Evidence> {
    let accused = effects.iter().filter_map(|effect| match effect {
        Effect::Accuse(evidence) => Some(&**evidence),
        _ => None,
    });
    accused.collect()
}

fn records(effects: &[Effect<Pbft>]) -> Vec<&Record> {
    let records = effects.iter().filter_map(|effect| match effect {
        Effect::Persist(record) => Some(&**record),
        _ => None,
    });
    records.collect()
}

#[test]
fn a_commit_certificate_that_waits_stays_on_disk_while_its_holder_recovers() {
    let bench = Bench::new();
    let chain = bench.chain(3);
    let commits = Commits {
        decided: Some(bench.certificate(&chain[1])),
        pending: Some(bench.certificate(&chain[3])),
    };
    let record = Record { status: View(3), commits, ..Record::default() };
    let stored =
        Stored { record: Arc::new(record), blocks: vec![chain[1].clone()], snapshot: None };
    let mut party = bench.party(3);
    party.now = Time::ZERO.after(DELTA * 17);
    let effects = party.start(Some(stored));
    assert_eq!(decided(&effects), [1]);
    let records = records(&effects);
    assert!(!records.is_empty());
    for record in records {
        let highest = record.commits.highest().map(|commit| commit.statement().view);
        assert_eq!(highest, Some(View(3)), "a crash here would lose the certificate");
    }
    let fetches = sent(&effects).into_iter().filter(|wire| matches!(wire, Wire::Sync(_)));
    assert!(fetches.count() > 0, "and nobody would look for its block");
}

#[test]
fn the_bodies_of_a_status_decide_what_waited_for_them() {
    let bench = Bench::new();
    let chain = bench.chain(2);
    let mut leader = bench.party(3);
    leader.start(None);
    leader.phase(3, 0);
    leader.hear(0, Wire::Commit(bench.commit(&chain[2])));
    let bodies = [&chain[1], &chain[2]];
    let effects = leader.hear(0, report(bench.status(0, 3, &chain[2]), 2, &bodies));
    assert_eq!(decided(&effects), [1, 2]);
}

#[test]
fn one_report_of_a_forgotten_lock_is_one_accusation() {
    let bench = Bench::new();
    let chain = bench.chain(1);
    let mut leader = bench.party(2);
    leader.start(None);
    leader.phase(1, 0);
    let vote = Vote2 { view: View(1), hash: chain[1].hash() };
    let vote = bench.signers[0].sign(vote).into_signed();
    leader.hear(0, Wire::Vote2 { vote, certificate: bench.lock(&chain[1]) });
    leader.phase(2, 0);
    let forgets = bench.status(0, 2, &chain[0]);
    let mut faults = Vec::new();
    for _ in 0..5 {
        let effects = leader.hear(0, report(forgets.clone(), 0, &[]));
        faults.extend(accused(&effects).into_iter().map(|evidence| evidence.fault.clone()));
    }
    assert_eq!(faults, ["amnesia"]);
}

#[test]
fn whoever_passes_a_status_on_cannot_hide_that_its_sender_lags() {
    let bench = Bench::new();
    let chain = bench.chain(1);
    let mut leader = bench.party(2);
    leader.start(None);
    leader.phase(2, 0);
    let bodies = [&chain[1]];
    // Party 1 shows what it saw of party 3's status, before that arrives.
    leader.hear(1, report(bench.status(3, 2, &chain[0]), u64::MAX, &[]));
    leader.hear(3, report(bench.status(3, 2, &chain[0]), 0, &[]));
    leader.hear(1, report(bench.status(1, 2, &chain[1]), 1, &bodies));
    leader.hear(0, report(bench.status(0, 2, &chain[1]), 1, &bodies));
    let effects = leader.phase(2, 1);
    let brought = sent(&effects).into_iter().find_map(|wire| match wire {
        Wire::Propose { bodies, .. } => Some(bodies.len()),
        _ => None,
    });
    assert_eq!(brought, Some(1), "party 3 lacks the parent");
}

#[test]
fn no_block_is_so_high_that_a_party_stumbles() {
    // With a quorum of traitors a certificate proves nothing; still nobody may panic.
    let bench = Bench::new();
    let unknown = bench.block(&bench.genesis(), 1, &[]);
    let mut header = bench.block(&unknown, 2, &[]).header().clone();
    header.height = u64::MAX;
    let signer = &bench.signers[header.proposer.index()];
    let header = signer.sign(header).into_signed();
    let highest = byzlab_protocols::smr::WireBlock { header, requests: Vec::new() };
    let highest = Block::check(&bench.context, &Arc::new(highest)).expect("signed");
    let reports: Vec<_> = (0..3).map(|by| bench.status(by, 3, &highest)).collect();
    let statuses: Vec<Signed<Status>> =
        reports.iter().map(|report| report.status.clone()).collect();
    let child = byzlab_protocols::smr::Header {
        parent: highest.hash(),
        view: View(3),
        proposer: PartyId(3),
        justify_view: View(2),
        justification: justification(&statuses),
        ..unknown.header().clone()
    };
    let header = bench.signers[3].sign(child).into_signed();
    let child = byzlab_protocols::smr::WireBlock { header, requests: Vec::new() };
    let mut party = bench.party(0);
    party.start(None);
    party.phase(3, 0);
    let bodies = vec![highest.wire().expect("not genesis").clone()];
    party.hear(3, Wire::Propose { block: Arc::new(child), reports, bodies });
    assert!(sent(&party.phase(3, 2)).is_empty(), "it votes for nothing of the kind");
}

#[test]
fn the_deadline_leaves_time_to_fetch_what_was_decided_in_a_long_absence() {
    let bench = Bench::new();
    let at = |views: u64| Time::ZERO.after(DELTA * (4 * views));
    let deadline = |gst: Time, restarted: Time, before_gst: BeforeGst| {
        let situation = Situation {
            gst,
            before_gst,
            submitted: Time::ZERO,
            restarted,
            goal: Goal::Requests(1),
            requests: 1,
            reached: 3,
            informed: true,
        };
        Pbft::deadline(&bench.context, &Params::default(), &situation).expect("a deadline")
    };
    // A block a view, fetched from the top down: an answer in 2Δ brings so many of them.
    for views in [100, 1_000, 10_000] {
        let rounds = views / WINDOW as u64;
        let needed = DELTA * (2 * rounds);
        for before_gst in [BeforeGst::Bounded, BeforeGst::Unbounded, BeforeGst::Lossy] {
            let slack = deadline(at(views), Time::ZERO, before_gst).since(at(views));
            assert!(slack >= needed, "{views} views {before_gst:?}: {slack} of {needed}");
        }
        let slack = deadline(Time::ZERO, at(views), BeforeGst::Bounded).since(at(views));
        assert!(slack >= needed, "{views} views down: {slack} of {needed}");
    }
}

#[test]
fn the_deadline_is_that_of_the_theorem() {
    let bench = Bench::new();
    let deadline = |gst: Time, before_gst: BeforeGst, decisions: u64| {
        let situation = Situation {
            gst,
            before_gst,
            submitted: Time::ZERO,
            restarted: Time::ZERO,
            goal: Goal::Requests(decisions),
            requests: decisions,
            reached: 3,
            informed: true,
        };
        Pbft::deadline(&bench.context, &Params::default(), &situation).expect("a deadline")
    };
    // Corrections A1, in units of Δ after GST, with t = 1 and n = 4.
    let gst = Time::ZERO.after(DELTA * 10);
    let after = |from: Time, deltas: u64| from.after(DELTA * deltas);
    assert_eq!(deadline(Time::ZERO, BeforeGst::Bounded, 1), after(Time::ZERO, 4 * 3));
    assert_eq!(deadline(Time::ZERO, BeforeGst::Lossy, 6), after(Time::ZERO, 4 * (1 + 6 + 2)));
    assert_eq!(deadline(gst, BeforeGst::Bounded, 1), after(gst, 2 + 4 * 3));
    assert_eq!(deadline(gst, BeforeGst::Unbounded, 1), after(gst, 4 * 4));
    assert_eq!(deadline(gst, BeforeGst::Lossy, 1), after(gst, 4 * 4));
}

#[test]
fn the_deadline_for_blocks_does_not_wait_for_requests() {
    // Leaders propose, whether or not anything waits: whom requests reach makes no difference.
    let bench = Bench::new();
    let by_reach: BTreeMap<usize, Option<Time>> = [0, 1, 3]
        .map(|reached| {
            let situation = Situation {
                gst: Time::ZERO,
                before_gst: BeforeGst::Bounded,
                submitted: Time::ZERO,
                restarted: Time::ZERO,
                goal: Goal::Decisions(6),
                requests: 1,
                reached,
                informed: reached == 3,
            };
            (reached, Pbft::deadline(&bench.context, &Params::default(), &situation))
        })
        .into();
    // Corrections A1: 4Δ(1 + k + t⌈k/(n-t)⌉).
    let views = 1 + 6 + 2;
    let expected = Some(Time::ZERO.after(DELTA * (4 * views)));
    assert!(by_reach.values().all(|deadline| *deadline == expected), "{by_reach:?}");
}

/// What party 3 can think of, numbered so that no two rounds are the same.
fn flood(bench: &Bench, view: u64, round: u64) -> Vec<Wire> {
    let signer = &bench.signers[3];
    let hash = Digest::of("test", &round.to_le_bytes());
    let mut said = Vec::new();
    for at in [0, 1, view - 1, view, view + 1, view + round, u64::MAX - round] {
        let vote = Vote { view: View(at), hash, justify_view: View(0) };
        said.push(Wire::Vote(signer.sign(vote).into_signed()));
        let status = Status { view: View(at), lock_view: View(round), lock_hash: hash };
        let status = signer.sign(status).into_signed();
        said.push(report(WireReport { status, lock: None }, round, &[]));
    }
    let reports: Vec<_> = (0..3).map(|by| bench.status(by, view, &bench.genesis())).collect();
    let statuses: Vec<_> = reports.iter().map(|report| report.status.clone()).collect();
    for at in [3, view - 4, view, view + 4, view + 4 * round] {
        let mut header = bench.block(&bench.genesis(), 3, &[]).header().clone();
        header.view = View(at);
        header.height = 1 + round;
        header.justification = justification(&statuses);
        let header = signer.sign(header).into_signed();
        let block = Arc::new(byzlab_protocols::smr::WireBlock { header, requests: Vec::new() });
        let bodies = Vec::new();
        said.push(Wire::Propose { block, reports: reports.clone(), bodies });
    }
    let loose = bench.block(&bench.block(&bench.genesis(), round + 1, &[]), round + 2, &[]);
    let blocks = loose.wire().into_iter().cloned().collect();
    said.push(Wire::Sync(byzlab_protocols::smr::Sync::Blocks(blocks)));
    said.push(Wire::Sync(byzlab_protocols::smr::Sync::Fetch { hash, above: u64::MAX - round }));
    said
}

#[test]
fn no_party_can_make_another_one_grow() {
    let bench = Bench::new();
    let mut party = bench.party(0);
    party.start(None);
    // Party 3 leads view 23.
    let view = 23;
    party.phase(view, 0);
    let mut sizes = Vec::new();
    for rounds in [0..100, 100..1000] {
        for round in rounds {
            for wire in flood(&bench, view, round) {
                let effects = party.hear(3, wire);
                assert!(sent(&effects).is_empty(), "it asks for nothing, it answers nothing");
            }
        }
        sizes.push(format!("{:?}", party.machine).len());
    }
    assert!(sizes[1] <= sizes[0] + 64, "{sizes:?}: digits, but no more entries");
}
