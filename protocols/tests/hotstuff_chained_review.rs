//! Chained HotStuff, driven by hand: what certificates of n - f faulty parties may not bring about,
//! and what is promised to whom.

use std::sync::Arc;

use byzlab_crypto::{Claim, Committee, Contradicts, Digest, KeyRing, PartyId, Scheme, Signer};
use byzlab_protocols::{
    BeforeGst, Block, Context, Effect, Effects, Goal, Leaders, Protocol, Situation, Span, Time,
    View,
    hotstuff_chained::{ChainedHotStuff, Params, Timeout, Vote, Wire, WireTimeoutCertificate},
    smr::{Batch, Sync},
};

const INSTANCE: Digest = Digest([3; 32]);

struct Room {
    context: Arc<Context>,
    signers: Vec<Signer>,
}

impl Room {
    fn new(leaders: Leaders) -> Room {
        let ring =
            |domain| KeyRing::insecure_from_seed(Scheme::Ideal, INSTANCE, domain, 4, &[7; 32]);
        let (parties, signers) = ring("party").expect("so many keys are possible");
        let (clients, _) = ring("client").expect("so many keys are possible");
        let context = Context {
            committee: Committee::new(parties, 1).expect("4 parties tolerate 1"),
            clients,
            leaders,
            delta: Span::millis(100),
        };
        Room { context: Arc::new(context), signers }
    }

    fn party(&self, id: usize) -> ChainedHotStuff {
        let signer = self.signers[id].clone();
        let mut party = ChainedHotStuff::new(&self.context, signer, &Params::default());
        party.start(None, &mut Effects::at(Time::ZERO));
        party
    }

    /// The block of a view, which says that it is justified from another one.
    fn block(&self, parent: &Block, view: u64, justify_view: u64) -> Block {
        let leader = self.context.leader(View(view));
        let justify = (View(justify_view), Digest::ZERO);
        Block::propose(&self.signers[leader.index()], parent, View(view), justify, Batch::empty())
    }

    /// The votes of parties 0, 1 and 2, whatever they are for.
    fn certificate(&self, block: &Block, locks: u64) -> Claim<Vote> {
        let (view, justify_view) = (block.view(), block.header().justify_view);
        let vote = Vote { view, hash: block.hash(), justify_view, locks: View(locks) };
        let sign = |by: &Signer| (by.party(), by.sign(vote.clone()).into_signed().signature);
        Claim::new(vote.clone(), self.signers[..3].iter().map(sign).collect())
    }

    /// Parties 0, 1 and 2 gave up a view, and know of no certificate.
    fn timed_out(&self, view: u64) -> Wire {
        let timeout = Timeout { view: View(view), high_view: View::GENESIS };
        let sign = |by: &Signer| by.sign(timeout.clone()).into_signed();
        let timeouts = self.signers[..3].iter().map(sign).collect();
        let certificate = WireTimeoutCertificate { timeouts, high: None };
        Wire::TimeoutCertificate { certificate, vote: None }
    }

    fn give(&self, to: &mut ChainedHotStuff, wire: &Wire) -> Vec<Effect<ChainedHotStuff>> {
        let message = ChainedHotStuff::check(&self.context, wire).expect("well formed");
        let mut fx = Effects::at(Time::ZERO);
        to.message(PartyId(0), &message, &mut fx);
        fx.drain().collect()
    }
}

fn wire(block: &Block) -> Arc<byzlab_protocols::smr::WireBlock> {
    block.wire().expect("a proposed block has a wire form").clone()
}

fn votes(effects: &[Effect<ChainedHotStuff>]) -> Vec<Vote> {
    let vote = |effect: &Effect<ChainedHotStuff>| match effect {
        Effect::Send { packet, .. } => match packet.wire() {
            Some(Wire::Vote(vote)) => Some(vote.body.clone()),
            _ => None,
        },
        _ => None,
    };
    effects.iter().filter_map(vote).collect()
}

/// With n - f faulty parties a certified block may name a view for its justification in which its
/// parent was not proposed. A vote for a child of it would say that the voter is locked there; a later
/// vote for another child of the parent, which extends that lock, would look like one against it.
#[test]
fn no_lawful_votes_contradict_each_other_whatever_is_certified() {
    let room = Room::new(Leaders::RoundRobin(PartyId(1)));
    let low = room.block(&Block::genesis(INSTANCE), 1, 0);
    for named in [1, 5] {
        let odd = room.block(&low, 6, named);
        let proposals = [(7, &odd, named), (8, &low, 0)].map(|(view, parent, locks)| {
            let block = room.block(parent, view, parent.view().0);
            let justify = Some(room.certificate(parent, locks));
            Wire::Propose { block: wire(&block), justify }
        });
        let mut party = room.party(3);
        let mut cast = Vec::new();
        for proposal in [&Wire::Propose { block: wire(&low), justify: None }, &proposals[0]] {
            cast.extend(votes(&room.give(&mut party, proposal)));
            let bodies = [&low, &odd].map(wire).to_vec();
            cast.extend(votes(&room.give(&mut party, &Wire::Sync(Sync::Blocks(bodies)))));
        }
        room.give(&mut party, &room.timed_out(7));
        cast.extend(votes(&room.give(&mut party, &proposals[1])));
        let views: Vec<_> = cast.iter().map(|vote| vote.view.0).collect();
        let honest = PartyId(3);
        let guilt = cast.iter().flat_map(|one| cast.iter().map(move |two| (one, two)));
        let mut guilt = guilt.filter_map(|(one, two)| one.contradicts(two, honest));
        assert_eq!(guilt.next(), None, "votes of {views:?}, justified from {named}");
        // The control: where the views are right, the lock allows all three.
        assert_eq!(views, [vec![1, 7], vec![1, 7, 8]][usize::from(named == 1)]);
    }
}

/// All of one party's turns may come first, so that it alone knows whom it told what.
#[test]
fn nothing_is_promised_to_the_uninformed_under_scripted_leaders() {
    let calm = Situation {
        gst: Time::ZERO,
        before_gst: BeforeGst::Bounded,
        submitted: Time::ZERO,
        restarted: Time::ZERO,
        goal: Goal::Requests(1),
        requests: 1,
        reached: 2,
        informed: false,
    };
    let promised = |leaders: Leaders, situation: &Situation| {
        let context = Room::new(leaders).context;
        ChainedHotStuff::deadline(&context, &Params::default(), situation).is_some()
    };
    let script = || Leaders::Scripted(vec![PartyId(3); 4], PartyId(1));
    assert!(promised(Leaders::RoundRobin(PartyId(1)), &calm));
    assert!(!promised(script(), &calm));
    assert!(promised(script(), &Situation { reached: 3, informed: true, ..calm }));
}

/// Corrections A8, K14 of the catalogue: a vote of view 5 says that its voter is locked at view 3. If no
/// certificate of view 5 came about, an honest party votes for what extends view 4, or view 3.
#[test]
fn a_vote_is_held_against_its_lock_and_nothing_higher() {
    let vote = |view: u64, justified: u64| Vote {
        view: View(view),
        hash: Digest([7; 32]),
        justify_view: View(justified),
        locks: View(justified - 1),
    };
    let first = vote(5, 4);
    for (justified, guilt) in [(2, Some("amnesia")), (3, None), (4, None), (6, None)] {
        let later = vote(7, justified);
        assert_eq!(first.contradicts(&later, PartyId(3)), guilt, "justified in view {justified}");
        assert_eq!(later.contradicts(&first, PartyId(3)), guilt, "justified in view {justified}");
    }
}
