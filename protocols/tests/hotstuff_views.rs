//! HotStuff, driven by hand: how parties get into a view, and what they take from certificates.

use std::sync::Arc;

use byzlab_crypto::{
    Certificate, Claim, Committee, Contradicts, Digest, KeyRing, PartyId, Scheme, Signer,
};
use byzlab_protocols::{
    Block, Context, Effect, Effects, Leaders, Packet, Protocol, Span, Stored, Target, Time, View,
    hotstuff::{
        HotStuff, NewView, Params, Phase, Record, Timeout, Timer, Vote, Wire, WireEntry,
        WireNewView, WireTimeout, WireTimeoutCertificate,
    },
    smr::{Batch, Commits, Sync},
};

const INSTANCE: Digest = Digest([3; 32]);

struct Room {
    context: Arc<Context>,
    signers: Vec<Signer>,
    now: Time,
}

impl Room {
    fn new() -> Room {
        let ring =
            |domain| KeyRing::insecure_from_seed(Scheme::Ideal, INSTANCE, domain, 4, &[7; 32]);
        let (parties, signers) = ring("party").expect("so many keys are possible");
        let (clients, _) = ring("client").expect("so many keys are possible");
        let context = Context {
            committee: Committee::new(parties, 1).expect("4 parties tolerate 1"),
            clients,
            leaders: Leaders::RoundRobin(PartyId(1)),
            delta: Span::millis(100),
        };
        Room { context: Arc::new(context), signers, now: Time::ZERO }
    }

    fn party(&self, id: usize) -> HotStuff {
        let mut party = HotStuff::new(&self.context, self.signers[id].clone(), &Params::default());
        party.start(None, &mut Effects::at(self.now));
        party
    }

    /// The votes of parties 0, 1 and 2.
    fn certificate(&self, phase: Phase, block: &Block) -> Claim<Vote> {
        let vote = Vote {
            phase,
            view: block.view(),
            hash: block.hash(),
            justify_view: block.header().justify_view,
        };
        let sign = |by: &Signer| (by.party(), by.sign(vote.clone()).into_signed().signature);
        Claim::new(vote.clone(), self.signers[..3].iter().map(sign).collect())
    }

    /// The block of view 1, on genesis.
    fn block(&self) -> Block {
        let genesis = Block::genesis(INSTANCE);
        let justify = (View::GENESIS, Digest::ZERO);
        Block::propose(&self.signers[1], &genesis, View(1), justify, Batch::empty())
    }

    fn proposal(&self) -> Wire {
        let block = self.block().wire().expect("a proposed block has a wire form").clone();
        Wire::Prepare { block, high: None }
    }

    fn new_view(&self, by: usize, entry: Option<WireEntry>) -> Wire {
        let new_view = NewView { view: View(2), high_view: View::GENESIS };
        let new_view = self.signers[by].sign(new_view).into_signed();
        Wire::NewView(Box::new(WireNewView { new_view, high: None, entry }))
    }

    fn timeout(&self, by: usize, view: u64, entry: Option<WireEntry>) -> Wire {
        let timeout = Timeout { view: View(view), high_view: View::GENESIS };
        Wire::Timeout(Box::new(WireTimeout {
            timeout: self.signers[by].sign(timeout).into_signed(),
            high: None,
            entry,
            committed: View::GENESIS,
            asks: 0,
            request: None,
        }))
    }

    fn give(&self, to: &mut HotStuff, from: usize, wire: &Wire) -> Vec<Effect<HotStuff>> {
        let message = HotStuff::check(&self.context, wire).expect("well formed");
        let mut fx = Effects::at(self.now);
        to.message(PartyId(from as u16), &message, &mut fx);
        fx.drain().collect()
    }
}

fn sends(effects: &[Effect<HotStuff>]) -> Vec<(Target, &'static str)> {
    let sent = |effect: &Effect<HotStuff>| match effect {
        Effect::Send { to, packet, .. } => Some((*to, Packet::tag(packet).kind)),
        _ => None,
    };
    effects.iter().filter_map(sent).collect()
}

fn decided(effects: &[Effect<HotStuff>]) -> Vec<Digest> {
    let decided = |effect: &Effect<HotStuff>| match effect {
        Effect::Decide(decision) => Some(decision.digest),
        _ => None,
    };
    effects.iter().filter_map(decided).collect()
}

/// Party 2 leads view 2, has the decision of view 1, and these report to it. What it sends when
/// it has waited long enough.
fn relayed(reporting: &[usize]) -> Vec<(Target, &'static str)> {
    let room = Room::new();
    let mut leader = room.party(2);
    let decide = Wire::Certificate(room.certificate(Phase::Commit, &room.block()));
    room.give(&mut leader, 1, &decide);
    for by in reporting {
        room.give(&mut leader, *by, &room.new_view(*by, None));
    }
    let mut fx = Effects::at(Time::ZERO.after(Span::millis(200)));
    leader.timer(Timer::Relay(View(2)), &mut fx);
    sends(&fx.drain().collect::<Vec<_>>())
}

#[test]
fn a_leader_tells_everybody_who_did_not_report_how_it_came_into_the_view() {
    assert_eq!(relayed(&[0, 1, 2, 3]), [], "nobody lacks anything");
    // Of this quorum one may be faulty: without party 3 there may be no votes.
    assert_eq!(relayed(&[0, 1, 2]), [(Target::One(PartyId(3)), "decide")]);
    let two = [0, 3].map(|party| (Target::One(PartyId(party)), "decide"));
    assert_eq!(relayed(&[1, 2]), two);
}

#[test]
fn a_commit_certificate_that_opened_a_view_decides() {
    let room = Room::new();
    let opened = || Some(WireEntry::Decided(room.certificate(Phase::Commit, &room.block())));
    for (id, wire) in [(3, room.timeout(0, 2, opened())), (2, room.new_view(0, opened()))] {
        let mut party = room.party(id);
        room.give(&mut party, 1, &room.proposal());
        let effects = room.give(&mut party, 0, &wire);
        assert_eq!(decided(&effects), [room.block().hash()], "party {id}");
    }
}

#[test]
fn the_highest_certificate_of_a_timeout_certificate_that_opened_a_view_is_adopted() {
    let room = Room::new();
    let key = room.certificate(Phase::Prepare, &room.block());
    let timeouts = [(0, 0), (1, 0), (2, 1)].map(|(by, high_view): (usize, u64)| {
        let timeout = Timeout { view: View(4), high_view: View(high_view) };
        room.signers[by].sign(timeout).into_signed()
    });
    let certificate = WireTimeoutCertificate { timeouts: timeouts.into(), high: Some(key) };
    let mut party = room.party(3);
    let effects =
        room.give(&mut party, 0, &room.timeout(0, 5, Some(WireEntry::TimedOut(certificate))));
    let high = effects.iter().find_map(|effect| match effect {
        Effect::Send { packet, .. } => match packet.wire() {
            Some(Wire::NewView(new_view)) => Some(new_view.new_view.body.high_view),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(high, Some(View(1)), "the new-view names it");
}

#[test]
fn an_old_certificate_shown_again_does_not_displace_the_one_that_waits_for_a_body() {
    let room = Room::new();
    let mut party = room.party(0);
    for phase in [Phase::Prepare, Phase::PreCommit, Phase::Prepare] {
        room.give(&mut party, 1, &Wire::Certificate(room.certificate(phase, &room.block())));
    }
    let block = room.block().wire().expect("a proposed block has a wire form").clone();
    let effects = room.give(&mut party, 1, &Wire::Sync(Sync::Blocks(vec![block])));
    assert_eq!(sends(&effects), [(Target::One(PartyId(1)), "commit-vote")]);
}

#[test]
fn a_commit_certificate_that_waits_stays_on_disk_while_its_holder_recovers() {
    let room = Room::new();
    let first = room.block();
    let justify = (first.view(), Digest::ZERO);
    let missing = Block::propose(&room.signers[2], &first, View(2), justify, Batch::empty());
    let third = Block::propose(
        &room.signers[3],
        &missing,
        View(3),
        (View(2), Digest::ZERO),
        Batch::empty(),
    );
    let commit = |block: &Block| {
        let claim = room.certificate(Phase::Commit, block);
        Some(Certificate::check(&room.context.committee, &claim).expect("three of four voted"))
    };
    let commits = Commits { decided: commit(&first), pending: commit(&third) };
    let record = Record { view: View(4), commits, ..Record::default() };
    let stored = Stored { record: Arc::new(record), blocks: vec![first.clone()], snapshot: None };
    let mut party = HotStuff::new(&room.context, room.signers[0].clone(), &Params::default());
    let mut fx = Effects::at(Time::ZERO.after(Span::millis(900)));
    party.start(Some(&stored), &mut fx);
    let effects: Vec<_> = fx.drain().collect();
    assert_eq!(decided(&effects), [first.hash()]);
    let records = effects.iter().filter_map(|effect| match effect {
        Effect::Persist(record) => Some(record),
        _ => None,
    });
    let highest: Vec<_> =
        records.map(|record| record.commits.highest().map(|qc| qc.statement().view)).collect();
    assert!(!highest.is_empty());
    assert!(
        highest.iter().all(|view| *view == Some(View(3))),
        "a crash would lose it: {highest:?}"
    );
}

/// With n - f or more faulty parties certificates say anything, and still no honest party does what
/// looks like a fault: if it voted for a block on a certificate of a view in which that block was not
/// proposed, its vote would look like one against its lock.
#[test]
fn a_certificate_of_another_view_than_that_of_its_block_is_not_followed() {
    let room = Room::new();
    let block = room.block();
    let wire = block.wire().expect("a proposed block has a wire form").clone();
    let claim = |phase, view| {
        let (hash, justify_view) = (block.hash(), View::GENESIS);
        let vote = Vote { phase, view, hash, justify_view };
        let sign = |by: &Signer| (by.party(), by.sign(vote.clone()).into_signed().signature);
        Claim::new(vote.clone(), room.signers[..3].iter().map(sign).collect())
    };
    let at_two = || {
        let mut party = room.party(3);
        room.give(&mut party, 1, &room.proposal());
        room.give(&mut party, 1, &Wire::Certificate(claim(Phase::Commit, View(1))));
        party
    };
    for phase in [Phase::Prepare, Phase::PreCommit] {
        let effects = room.give(&mut at_two(), 2, &Wire::Certificate(claim(phase, View(2))));
        assert_eq!(sends(&effects), [], "{phase:?}");
    }
    // A child of it that is justified from view 0, or from view 1.
    for (justify_view, votes) in [(View(1), 1), (View::GENESIS, 0)] {
        let mut party = room.party(3);
        room.give(&mut party, 1, &Wire::Sync(Sync::Blocks(vec![wire.clone()])));
        room.give(&mut party, 1, &room.proposal());
        room.give(&mut party, 1, &Wire::Certificate(claim(Phase::Commit, View(1))));
        let justify = (justify_view, Digest::ZERO);
        let child = Block::propose(&room.signers[2], &block, View(2), justify, Batch::empty());
        let child = child.wire().expect("a proposed block has a wire form").clone();
        let high = Some(claim(Phase::Prepare, justify_view));
        let effects = room.give(&mut party, 2, &Wire::Prepare { block: child, high });
        assert_eq!(sends(&effects).len(), votes, "justified from {justify_view}");
    }
}

/// Such certificates may also be for a chain on which views do not grow: its blocks are held if the
/// upper ones came first. What extends the lock there is justified from before it, and a vote for it
/// would look like one against the lock.
#[test]
fn what_extends_the_lock_on_a_chain_of_falling_views_is_not_voted_for() {
    let room = Room::new();
    let block = |parent: &Block, view: u64| {
        let leader = room.context.leader(View(view)).index();
        let justify = (parent.view(), Digest::ZERO);
        Block::propose(&room.signers[leader], parent, View(view), justify, Batch::empty())
    };
    let wire = |block: &Block| block.wire().expect("a proposed block has a wire form").clone();
    let opens = |view: u64| {
        let timeout = Timeout { view: View(view - 1), high_view: View::GENESIS };
        let sign = |by: &Signer| by.sign(timeout.clone()).into_signed();
        let timeouts = room.signers[..3].iter().map(sign).collect();
        Wire::TimeoutCertificate(WireTimeoutCertificate { timeouts, high: None })
    };
    for (middle, low) in [(11, 12), (20, 3)] {
        let locked = block(&Block::genesis(INSTANCE), 10);
        let middle = block(&locked, middle);
        let low = block(&middle, low);
        let top = block(&low, 13);
        let mut party = room.party(3);
        let mut cast = Vec::new();
        let high = Some(room.certificate(Phase::Prepare, &low));
        for said in [
            opens(10),
            Wire::Prepare { block: wire(&locked), high: None },
            Wire::Certificate(room.certificate(Phase::Prepare, &locked)),
            Wire::Certificate(room.certificate(Phase::PreCommit, &locked)),
            opens(13),
            Wire::Prepare { block: wire(&top), high },
            Wire::Sync(Sync::Blocks(vec![wire(&low)])),
            Wire::Sync(Sync::Blocks(vec![wire(&middle)])),
        ] {
            let effects = room.give(&mut party, 0, &said);
            cast.extend(effects.iter().filter_map(|effect| match effect {
                Effect::Send { packet, .. } => match packet.wire() {
                    Some(Wire::Vote(vote)) => Some(vote.body.clone()),
                    _ => None,
                },
                _ => None,
            }));
        }
        let guilt = cast.iter().flat_map(|one| cast.iter().map(move |two| (one, two)));
        let mut guilt = guilt.filter_map(|(one, two)| one.contradicts(two, PartyId(3)));
        assert_eq!(guilt.next(), None, "{cast:?}");
        // The control: where views grow, the lock allows it.
        let grows = middle.view() < low.view();
        assert_eq!(cast.len(), 3 + usize::from(grows), "{cast:?}");
    }
}
