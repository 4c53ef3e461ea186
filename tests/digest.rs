//! The digest of a run stands for all of its events: whatever is different in one of them makes
//! another digest. What is left out says nothing new: a delivery or a loss repeats what its send
//! said, and the copies of a send follow from its target.

use byzlab::{
    crypto::{Digest, PartyId, Reject},
    protocols::{RequestId, Tag, Target, Time, View},
    trace::{Change, Event, EventId, FaultId, RunDigest, What, Why},
};

fn of(instance: u8, events: &[Event]) -> Digest {
    let mut digest = RunDigest::of(Digest([instance; 32]));
    events.iter().for_each(|event| digest.add(event));
    digest.finish()
}

fn event(id: u64, at: u64, party: u16, cause: Option<u64>, what: What) -> Event {
    Event { id: EventId(id), at: Time(at), party: PartyId(party), cause: cause.map(EventId), what }
}

fn sent(
    to: Target,
    kind: &'static str,
    view: u64,
    slot: u64,
    block: u8,
    bytes: u32,
    hops: u32,
) -> What {
    let tag = Tag { kind, view: View(view), slot, digest: Digest([block; 32]), signatures: 1 };
    What::Sent { to, tag, bytes, copies: 3, hops }
}

fn delivered(send: u64) -> What {
    let tag = Tag { kind: "vote", view: View(1), slot: 0, digest: Digest([1; 32]), signatures: 1 };
    What::Delivered { send: EventId(send), from: PartyId(0), tag, bytes: 9, hops: 1 }
}

fn dropped(send: u64, why: Why) -> What {
    What::Dropped { send: EventId(send), from: PartyId(0), why }
}

fn decided(slot: u64, view: u64, block: u8, hops: u32) -> What {
    What::Decided { slot, view: View(view), digest: Digest([block; 32]), hops }
}

fn request(client: u16, seq: u64) -> RequestId {
    RequestId { client: PartyId(client), seq }
}

/// Everything that can happen, in every way that must make a difference.
fn everything() -> Vec<What> {
    let (all, one) = (Target::All, |party| Target::One(PartyId(party)));
    vec![
        sent(all, "vote", 1, 0, 1, 9, 1),
        sent(one(0), "vote", 1, 0, 1, 9, 1),
        sent(one(1), "vote", 1, 0, 1, 9, 1),
        sent(all, "vote2", 1, 0, 1, 9, 1),
        sent(all, "vote", 2, 0, 1, 9, 1),
        sent(all, "vote", 1, 1, 1, 9, 1),
        sent(all, "vote", 1, 0, 2, 9, 1),
        sent(all, "vote", 1, 0, 1, 300, 1),
        sent(all, "vote", 1, 0, 1, 9, 2),
        delivered(1),
        delivered(2),
        dropped(1, Why::Loss),
        dropped(2, Why::Loss),
        dropped(1, Why::Partition),
        dropped(1, Why::Adversary),
        dropped(1, Why::Down),
        What::Submitted(request(0, 1)),
        What::Submitted(request(1, 1)),
        What::Submitted(request(0, 2)),
        What::Replied(request(0, 1)),
        What::Replied(request(1, 1)),
        What::Replied(request(0, 2)),
        What::Rejected(Reject::Oversize),
        What::Rejected(Reject::Malformed("")),
        What::Timer,
        What::Noted(1),
        What::Noted(2),
        What::Persisted,
        What::Entered(View(1)),
        What::Entered(View(2)),
        decided(1, 1, 1, 1),
        decided(2, 1, 1, 1),
        decided(1, 2, 1, 1),
        decided(1, 1, 2, 1),
        decided(1, 1, 1, 2),
        What::Installed { slot: 1, log: Digest([1; 32]) },
        What::Installed { slot: 2, log: Digest([1; 32]) },
        What::Installed { slot: 1, log: Digest([2; 32]) },
        What::Conflicted { slot: 1, digest: Digest([1; 32]) },
        What::Conflicted { slot: 2, digest: Digest([1; 32]) },
        What::Conflicted { slot: 1, digest: Digest([2; 32]) },
        What::Accused(PartyId(1)),
        What::Accused(PartyId(2)),
        What::Crashed,
        What::Recovered,
        What::Corrupted,
        What::Network(Change::Cut),
        What::Network(Change::Heal),
        What::Network(Change::Gst),
        What::Fired(FaultId(1)),
        What::Fired(FaultId(2)),
        What::OutOfModel,
        What::Panicked,
    ]
}

fn assert_all_differ(digests: &[(Digest, String)]) {
    for (at, (digest, what)) in digests.iter().enumerate() {
        let same = digests[..at].iter().find(|(other, _)| other == digest);
        assert_eq!(same.map(|(_, other)| other), None, "{what}");
    }
}

#[test]
fn whatever_happens_is_in_the_digest() {
    let digests = everything().into_iter().map(|what| {
        let text = format!("{what:?}");
        (of(1, &[event(3, 7, 0, Some(2), what)]), text)
    });
    let nothing = [(of(1, &[]), "nothing".to_owned()), (of(2, &[]), "elsewhere".to_owned())];
    assert_all_differ(&digests.chain(nothing).collect::<Vec<_>>());
}

#[test]
fn when_to_whom_why_and_in_which_order() {
    for what in everything() {
        let first = event(3, 7, 0, Some(2), what);
        let second = event(4, 9, 1, Some(3), What::Persisted);
        let runs = [
            vec![first, second],
            vec![second, first],
            vec![first, first],
            vec![first],
            vec![event(3, 8, 0, Some(2), what), second],
            vec![event(3, 7, 1, Some(2), what), second],
            vec![event(3, 7, 0, Some(1), what), second],
            vec![event(3, 7, 0, None, what), second],
            vec![first, event(4, 10, 1, Some(3), What::Persisted)],
            vec![first, event(4, 9, 1, None, What::Persisted)],
        ];
        let digests: Vec<_> = runs.iter().map(|run| (of(1, run), format!("{run:?}"))).collect();
        assert_all_differ(&digests);
    }
}

/// Who watches a run does not change it.
#[test]
fn what_is_only_shown_is_not_in_the_digest() {
    let event_of = |what| event(3, 7, 0, Some(2), what);
    let watched = [event_of(What::Timer), event_of(What::Shown), event_of(What::Persisted)];
    let plain = [event_of(What::Timer), event_of(What::Persisted)];
    assert_eq!(of(1, &watched), of(1, &plain));
}
