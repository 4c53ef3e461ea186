//! Classic PBFT, driven by hand: what a faulty primary can do to one backup.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use byzlab_crypto::{Claim, Committee, Digest, KeyRing, PartyId, Scheme, Signer};
use byzlab_protocols::{
    Block, Command, Context, Effect, Effects, Leaders, Packet, Protocol, Request, Span, Time, View,
    pbft_classic::{
        Checkpoint, Commit, MAX_WINDOW_BYTES, Params, PbftClassic, Prepare, Timer, ViewChange,
        Wire, WireViewChange,
    },
    smr::{Batch, Ledger, MAX_PAYLOAD, Snapshot, Sync, check_request},
};

const INSTANCE: Digest = Digest([3; 32]);

/// A party, and the keys of the others.
struct Room {
    context: Arc<Context>,
    signers: Vec<Signer>,
    client: Signer,
    party: PbftClassic,
    now: Time,
    timers: BTreeMap<Timer, Time>,
    sent: Vec<&'static str>,
    /// Sent to itself, or to all.
    wires: Vec<Wire>,
    /// The bytes of the batches that it keeps.
    kept: usize,
    /// The slots that it decided, or took over.
    log: Vec<(&'static str, u64)>,
}

impl Room {
    fn new() -> Room {
        Room::of(3)
    }

    fn of(party: usize) -> Room {
        Room::with(party, 64)
    }

    fn with(party: usize, checkpoint: u64) -> Room {
        let ring =
            |domain| KeyRing::insecure_from_seed(Scheme::Ideal, INSTANCE, domain, 4, &[7; 32]);
        let (parties, signers) = ring("party").expect("so many keys are possible");
        let (clients, keys) = ring("client").expect("so many keys are possible");
        let context = Arc::new(Context {
            committee: Committee::new(parties, 1).expect("4 parties tolerate 1"),
            clients,
            leaders: Leaders::RoundRobin(PartyId(0)),
            delta: Span::millis(100),
        });
        let params = Params { checkpoint, ..Params::default() };
        let party = PbftClassic::new(&context, signers[party].clone(), &params);
        let client = keys.into_iter().next().expect("there is a client");
        let (timers, sent) = (BTreeMap::new(), Vec::new());
        let (now, wires, kept, log) = (Time::ZERO, Vec::new(), 0, Vec::new());
        let mut room =
            Room { context, signers, client, party, now, timers, sent, wires, kept, log };
        room.act(|party, fx| party.start(None, fx));
        room
    }

    fn request(&self, seq: u64) -> Request {
        self.request_of(seq, b"put a 1".to_vec())
    }

    fn request_of(&self, seq: u64, payload: Vec<u8>) -> Request {
        let command = Command { seq, payload };
        let signed = self.client.sign(command).into_signed();
        check_request(&self.context, &signed).expect("the client's own")
    }

    fn act(&mut self, act: impl FnOnce(&mut PbftClassic, &mut Effects<PbftClassic>)) {
        let mut fx = Effects::at(self.now);
        act(&mut self.party, &mut fx);
        for effect in fx.drain().collect::<Vec<_>>() {
            match effect {
                Effect::Send { packet, .. } => {
                    self.sent.push(Packet::tag(&packet).kind);
                    self.wires.extend(packet.wire().cloned());
                }
                Effect::SetTimer { timer, at, .. } => {
                    self.timers.insert(timer, at);
                }
                Effect::CancelTimer { timer, .. } => {
                    self.timers.remove(&timer);
                }
                Effect::Keep(block) => {
                    self.kept += block.wire().map_or(0, |wire| wire.bytes());
                }
                Effect::Decide(decision) => self.log.push(("decided", decision.slot)),
                Effect::Install(installed) => self.log.push(("taken over", installed.slot)),
                _ => {}
            }
        }
    }

    fn give(&mut self, from: usize, wire: &Wire) {
        let message = PbftClassic::check(&self.context, wire).expect("well formed");
        self.act(|party, fx| party.message(PartyId(from as u16), &message, fx));
    }

    /// Time passes, and timers fire.
    fn pass(&mut self, span: Span) {
        let until = self.now.after(span);
        while let Some((timer, at)) = self.timers.iter().min_by_key(|(_, at)| **at) {
            let (timer, at) = (*timer, *at);
            if at > until {
                break;
            }
            self.timers.remove(&timer);
            self.now = at;
            self.act(|party, fx| party.timer(timer, fx));
        }
        self.now = until;
    }

    /// The primary orders these requests, and the others agree to it.
    fn order(&mut self, slot: u64, requests: &[Request]) {
        let view = View(1);
        let batch = Batch::of(&self.context.clients, requests);
        let block = Block::unlinked(&self.signers[0], slot, view, batch);
        let digest = block.hash();
        let vote = |by: usize| self.signers[by].sign(Prepare { view, slot, digest }).into_signed();
        let commit = |by: usize| self.signers[by].sign(Commit { view, slot, digest }).into_signed();
        let wire = block.wire().expect("a proposed block has a wire form").clone();
        let wires = [
            (0, Wire::PrePrepare { vote: vote(0), block: wire }),
            (1, Wire::Prepare(vote(1))),
            (2, Wire::Prepare(vote(2))),
            (0, Wire::Commit(commit(0))),
            (1, Wire::Commit(commit(1))),
            (2, Wire::Commit(commit(2))),
        ];
        wires.iter().for_each(|(from, wire)| self.give(*from, wire));
    }
}

/// Six times an order in time for the next suspicion; which requests are in it is told by slot.
fn suspected(ordered: impl Fn(u64) -> u64) -> bool {
    let mut room = Room::new();
    for seq in 1..=7 {
        let request = room.request(seq);
        room.act(|party, fx| party.command(&request, fx));
    }
    for slot in 1..=6 {
        let request = room.request(ordered(slot));
        room.order(slot, &[request]);
        room.pass(Span::millis(700));
    }
    room.sent.contains(&"view-change")
}

#[test]
fn a_primary_that_orders_only_what_was_executed_is_suspected() {
    assert!(!suspected(|slot| slot), "each request is executed in time");
    assert!(suspected(|_| 1), "one request again and again, and the others wait");
}

/// A view change of somebody who prepared these batches.
fn view_change(room: &Room, by: usize, blocks: &[Block]) -> Wire {
    let statement = |block: &Block| {
        let (slot, digest) = (block.height(), block.hash());
        Prepare { view: View(1), slot, digest }
    };
    let listed: Vec<_> = blocks.iter().map(statement).collect();
    let claim = |prepare: &Prepare| {
        let sign = |by: &Signer| (by.party(), by.sign(prepare.clone()).into_signed().signature);
        Claim::new(prepare.clone(), room.signers[..3].iter().map(sign).collect())
    };
    let prepared = listed.iter().map(claim).collect();
    let change = ViewChange { view: View(2), stable: 0, prepared: listed };
    let change = room.signers[by].sign(change).into_signed();
    Wire::ViewChange(Box::new(WireViewChange { change, checkpoint: None, prepared }))
}

/// The new-view of party 1, by the view changes of parties 0, 1 and 2.
fn new_view(blocks: &[Block]) -> Wire {
    let mut primary = Room::of(1);
    for by in 0..3 {
        let change = view_change(&primary, by, blocks);
        primary.give(by, &change);
    }
    let opens = |wire: &&Wire| matches!(wire, Wire::NewView(_));
    primary.wires.iter().find(opens).expect("it leads view 2").clone()
}

#[test]
fn a_primary_whose_new_view_comes_first_has_its_full_time() {
    let opening = new_view(&[]);
    for (waited, trusted, suspects) in [(700, 1500, false), (700, 1700, true), (0, 1500, false)] {
        let mut room = Room::new();
        let request = room.request(1);
        room.act(|party, fx| party.command(&request, fx));
        room.pass(Span::millis(waited));
        assert!(!room.sent.contains(&"view-change"));
        room.give(1, &opening);
        room.pass(Span::millis(trusted));
        let left = room.sent.contains(&"view-change");
        assert_eq!(left, suspects, "{trusted} ms after it waited {waited} ms");
    }
}

#[test]
fn whoever_lacks_many_batches_gets_them_all_in_one_view() {
    let mut room = Room::new();
    let clients = &room.context.clients;
    let batch = |slot| Batch::of(clients, &[room.request(slot)]);
    let batch = |slot| Block::unlinked(&room.signers[0], slot, View(1), batch(slot));
    let blocks: Vec<_> = (1..=100).map(batch).collect();
    room.give(1, &new_view(&blocks));
    let mut seen = 0;
    while seen < room.wires.len() {
        seen += 1;
        if let Wire::Sync(Sync::Fetch { hash, .. }) = room.wires[seen - 1] {
            let block = blocks.iter().find(|block| block.hash() == hash).expect("one of these");
            let wire = block.wire().expect("a proposed block has a wire form").clone();
            room.give(2, &Wire::Sync(Sync::Blocks(vec![wire])));
        }
    }
    let prepared = room.wires.iter().filter_map(|wire| match wire {
        Wire::Prepare(vote) => Some(vote.body.slot),
        _ => None,
    });
    assert_eq!(prepared.collect::<BTreeSet<_>>(), (1..=100).collect());
}

/// 128 slots are between the watermarks, and a block may have 4 MiB: a faulty primary could have half a
/// gigabyte kept.
#[test]
fn what_a_primary_can_have_kept_between_the_watermarks_is_bounded() {
    let mut room = Room::new();
    let long: Vec<_> = (0..5).map(|seq| room.request_of(seq, vec![b'x'; MAX_PAYLOAD])).collect();
    let mut propose = |slot, requests: &[Request]| {
        let (view, before) = (View(1), room.sent.len());
        let batch = Batch::of(&room.context.clients, requests);
        let block = Block::unlinked(&room.signers[0], slot, view, batch);
        let vote = room.signers[0].sign(Prepare { view, slot, digest: block.hash() }).into_signed();
        let block = block.wire().expect("a proposed block has a wire form").clone();
        room.give(0, &Wire::PrePrepare { vote, block });
        (room.sent[before..].contains(&"prepare"), room.kept)
    };
    for slot in 1..=128 {
        assert!(!propose(slot, &long[..2]).0, "a part of the window is less");
        assert!(propose(slot, &long[..1]).0);
    }
    let (_, kept) = propose(128, &long);
    assert!(kept > MAX_WINDOW_BYTES / 2 && kept <= MAX_WINDOW_BYTES, "{kept}");
}

#[test]
fn a_primary_makes_no_batch_that_others_refuse() {
    let (mut primary, mut backup) = (Room::of(0), Room::of(3));
    let params = Params { checkpoint: 64, batch: 100, pipeline: 1, ..Params::default() };
    primary.party = PbftClassic::new(&primary.context, primary.signers[0].clone(), &params);
    for seq in 0..20 {
        let request = primary.request_of(seq, vec![b'x'; MAX_PAYLOAD]);
        primary.act(|party, fx| party.command(&request, fx));
    }
    let proposed = |room: &Room| {
        let last = room.wires.iter().rev().find(|wire| matches!(wire, Wire::PrePrepare { .. }));
        last.expect("it has proposed").clone()
    };
    let Wire::PrePrepare { vote, .. } = proposed(&primary) else { unreachable!("found so") };
    let Prepare { view, slot, digest } = vote.body;
    for by in 1..4 {
        let commit = primary.signers[by].sign(Commit { view, slot, digest }).into_signed();
        primary.give(by, &Wire::Commit(commit));
    }
    let next = proposed(&primary);
    let Wire::PrePrepare { vote, block } = &next else { unreachable!("found so") };
    assert_eq!((vote.body.slot, block.requests.len()), (2, 1), "the others wait");
    backup.give(0, &next);
    assert!(backup.sent.contains(&"prepare"));
}

/// Each slot has room for the longest request, and 512 of them would have more bytes than find room on
/// their way: what is lost there ends the view.
#[test]
fn a_primary_has_no_more_in_flight_than_a_window_may_have_however_many_slots_that_is() {
    for checkpoint in [1, 16, 100, 256] {
        let mut room = Room::of(0);
        let params = Params { checkpoint, ..Params::default() };
        room.party = PbftClassic::new(&room.context, room.signers[0].clone(), &params);
        for seq in 0..400 {
            let request = room.request_of(seq, vec![b'x'; MAX_PAYLOAD]);
            room.act(|party, fx| party.command(&request, fx));
        }
        let batches = room.wires.iter().filter_map(|wire| match wire {
            Wire::PrePrepare { block, .. } => Some(block.bytes()),
            _ => None,
        });
        let (slots, bytes) = batches.fold((0, 0), |(slots, all), bytes| (slots + 1, all + bytes));
        assert!(bytes <= MAX_WINDOW_BYTES, "{bytes} bytes in {slots} slots");
        let most = (MAX_WINDOW_BYTES / (MAX_PAYLOAD + 400)) as u64;
        assert_eq!(slots, most.min(2 * checkpoint), "as many as there can be");
    }
}

/// A party that lacks a slot has what follows it, within the watermarks and above: all of that is
/// decided the moment it gets the state, and after it has told that it took the state over.
#[test]
fn a_state_is_taken_over_before_what_waited_for_it_is_decided() {
    let mut room = Room::with(3, 1);
    let request = |seq| room.request(seq);
    let requests = [request(1), request(2), request(3)];
    // Slot 3 is above the watermarks: it waits.
    room.order(2, &requests[1..2]);
    room.order(3, &requests[2..3]);
    assert_eq!(room.log, []);
    let first = Batch::of(&room.context.clients, &requests[..1]);
    let first = Block::unlinked(&room.signers[0], 1, View(1), first);
    let mut ledger = Ledger::default();
    ledger.execute(first.hash(), Some(&first), |fresh| fresh);
    let snapshot = Snapshot::of(&ledger);
    let stable = Checkpoint { slot: 1, state: snapshot.digest() };
    let sign =
        |signer: &Signer| (signer.party(), signer.sign(stable.clone()).into_signed().signature);
    let checkpoint = Claim::new(stable.clone(), room.signers[..3].iter().map(sign).collect());
    room.give(0, &Wire::State { checkpoint, snapshot: Some(snapshot.bytes().clone()) });
    assert_eq!(room.log, [("taken over", 1), ("decided", 2), ("decided", 3)]);
}
