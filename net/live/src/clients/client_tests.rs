use byzlab_crypto::{KeyRing, Scheme};

use super::*;

const INSTANCE: Digest = Digest([1; 32]);

fn ring(scheme: Scheme) -> (KeyRing, Vec<Signer>) {
    KeyRing::insecure_from_seed(scheme, INSTANCE, "client", 2, &[3; 32]).expect("two keys")
}

/// A client of four parties, one of which may lie, that asks again after 10.
fn client(reach: Reach) -> Client {
    let signer = ring(Scheme::Ideal).1.remove(1);
    Client::new(signer, (4, 1), reach, Span(10), 100)
}

fn done(client: u16, seq: u64, slot: u64, result: &str) -> Answer {
    let request = RequestId { client: PartyId(client), seq };
    Answer { request, outcome: Outcome::Done { slot, result: result.as_bytes().to_vec() } }
}

fn told(posts: &[Post]) -> Vec<(u16, bool)> {
    posts.iter().map(|post| (post.to.0, post.watch)).collect()
}

#[test]
fn requests_are_signed_and_numbered_and_reach_everybody() {
    for scheme in [Scheme::Ideal, Scheme::Ed25519] {
        let (ring, mut signers) = ring(scheme);
        let mut client = Client::new(signers.remove(0), (4, 1), Reach::All, Span(10), 7);
        for seq in [7, 8] {
            let (number, posts) = client.submit(b"get k".to_vec(), Time(0), Time(50));
            assert_eq!(number, seq);
            assert_eq!(told(&posts), [(0, false), (1, false), (2, false), (3, false)]);
            let checked = ring.check(&posts[0].request).expect("the signature holds");
            assert_eq!((checked.body().seq, checked.by()), (seq, PartyId(0)));
        }
    }
}

#[test]
fn one_party_is_asked_first_and_the_others_are_told_to_watch() {
    let mut client = client(Reach::First(PartyId(2)));
    let (_, posts) = client.submit(b"get k".to_vec(), Time(0), Time(50));
    assert_eq!(told(&posts), [(0, true), (1, true), (2, false), (3, true)]);
    let (posts, _) = client.tick(Time(10));
    assert_eq!(told(&posts), [(0, false), (1, false), (2, false), (3, false)]);
}

#[test]
fn a_result_is_believed_once_f_plus_1_parties_gave_it() {
    let mut client = client(Reach::All);
    let (seq, _) = client.submit(b"get k".to_vec(), Time(0), Time(50));
    assert_eq!(client.answer(PartyId(0), done(1, seq, 4, "v"), Time(1)), None);
    let believed = client.answer(PartyId(3), done(1, seq, 4, "v"), Time(2));
    let expected = Believed { slot: 4, result: b"v".to_vec(), at: Time(2) };
    assert_eq!(believed, Some((seq, Ok(expected))));
    assert_eq!(client.answer(PartyId(1), done(1, seq, 4, "v"), Time(3)), None);
    assert_eq!((client.in_flight(), client.due()), (0, None));
}

#[test]
fn a_lie_of_f_parties_is_never_believed_however_often_they_tell_it() {
    let mut client = client(Reach::All);
    let (seq, _) = client.submit(b"get k".to_vec(), Time(0), Time(50));
    for at in 0..5 {
        assert_eq!(client.answer(PartyId(0), done(1, seq, 4, "lie"), Time(at)), None);
    }
    // It tells the truth as well: its first word counts.
    assert_eq!(client.answer(PartyId(0), done(1, seq, 4, "v"), Time(5)), None);
    assert_eq!(client.answer(PartyId(1), done(1, seq, 4, "v"), Time(6)), None);
    // The same result in another place is another answer.
    assert_eq!(client.answer(PartyId(2), done(1, seq, 5, "v"), Time(7)), None);
    let (_, believed) = client.answer(PartyId(3), done(1, seq, 4, "v"), Time(8)).expect("two");
    assert_eq!(believed.expect("it is believed").result, b"v");
}

#[test]
fn what_is_no_answer_to_this_client_counts_for_nothing() {
    let mut client = client(Reach::All);
    let (seq, _) = client.submit(b"get k".to_vec(), Time(0), Time(50));
    for from in 0..4 {
        assert_eq!(client.answer(PartyId(from), done(0, seq, 4, "v"), Time(1)), None);
        assert_eq!(client.answer(PartyId(from), done(1, seq + 1, 4, "v"), Time(1)), None);
        assert_eq!(client.answer(PartyId(from + 4), done(1, seq, 4, "v"), Time(1)), None);
    }
    assert_eq!(client.in_flight(), 1);
}

#[test]
fn those_who_did_not_answer_are_asked_again_until_the_deadline() {
    let mut client = client(Reach::All);
    let (seq, _) = client.submit(b"get k".to_vec(), Time(0), Time(45));
    let request = RequestId { client: PartyId(1), seq };
    let say = |outcome| Answer { request, outcome };
    assert_eq!(client.answer(PartyId(0), done(1, seq, 4, "v"), Time(1)), None);
    assert_eq!(client.answer(PartyId(1), say(Outcome::Busy), Time(1)), None);
    assert_eq!(client.answer(PartyId(2), say(Outcome::Invalid("no key".into())), Time(1)), None);
    assert_eq!(client.due(), Some(Time(10)));
    assert_eq!(client.tick(Time(9)), (vec![], vec![]));
    let (posts, settled) = client.tick(Time(10));
    assert_eq!((told(&posts), settled.len()), (vec![(1, false), (2, false), (3, false)], 0));
    assert_eq!(client.due(), Some(Time(30)), "the second pause is twice the first");
    assert_eq!(told(&client.tick(Time(31)).0).len(), 3);
    assert_eq!(client.due(), Some(Time(45)));
    let (posts, settled) = client.tick(Time(45));
    assert_eq!((posts.len(), client.in_flight(), client.due()), (0, 0, None));
    let gave_up = settled[0].1.clone().expect_err("it gave up");
    assert_eq!(
        gave_up.to_string(),
        "no result that 2 parties agree on: 1 of 4 answered, 1 were busy, 1 refused it (no key); \
         whether it was executed is not known"
    );
}

#[test]
fn a_party_that_is_back_hears_of_what_it_did_not_answer() {
    let mut client = client(Reach::First(PartyId(2)));
    let (seq, _) = client.submit(b"get k".to_vec(), Time(0), Time(50));
    client.submit(b"get l".to_vec(), Time(0), Time(50));
    assert_eq!(client.answer(PartyId(0), done(1, seq, 4, "v"), Time(1)), None);
    assert_eq!(told(&client.reconnected(PartyId(0))), [(0, false)]);
    assert_eq!(told(&client.reconnected(PartyId(1))), [(1, false), (1, false)]);
}

#[test]
fn where_answers_take_long_a_request_is_not_late_before_they_do() {
    let mut client = client(Reach::All);
    let believe = |client: &mut Client, sent: u64, took: u64| {
        let (seq, _) = client.submit(b"get k".to_vec(), Time(sent), Time::NEVER);
        let at = Time(sent + took);
        assert_eq!(client.answer(PartyId(0), done(1, seq, 4, "v"), at), None);
        assert!(client.answer(PartyId(1), done(1, seq, 4, "v"), at).is_some());
    };
    // As often as it takes to be used to it.
    (0..40).for_each(|at| believe(&mut client, 1000 * at, 80));
    client.submit(b"get k".to_vec(), Time(50_000), Time(51_000));
    assert_eq!(client.tick(Time(50_150)), (vec![], vec![]), "the others took 80 each");
    let due = client.due().expect("it is asked again");
    assert!(due > Time(50_200) && due < Time(50_250), "{due:?}");
    assert_eq!(client.tick(due).0.len(), 4);
    assert_eq!(client.due(), Some(due.after(Span(20))), "the second pause is twice the first");
    // Nobody answers any more: what was usual once does not keep it from giving up.
    assert_eq!(client.tick(Time(51_000)).1.len(), 1);
}

#[test]
fn the_bytes_in_flight_are_those_of_requests_that_did_not_end() {
    let mut client = client(Reach::All);
    let (first, _) = client.submit(vec![b'x'; 1000], Time(0), Time(50));
    let one = client.bytes_in_flight();
    client.submit(vec![b'x'; 1000], Time(0), Time(50));
    assert!(one > 1000 && client.bytes_in_flight() == 2 * one);
    client.answer(PartyId(0), done(1, first, 4, "v"), Time(1));
    client.answer(PartyId(1), done(1, first, 4, "v"), Time(1));
    assert_eq!(client.bytes_in_flight(), one);
    client.tick(Time(50));
    assert_eq!(client.bytes_in_flight(), 0);
}

#[test]
fn an_answer_that_had_to_be_asked_for_twice_does_not_make_the_next_one_wait_longer() {
    // The one that is asked first is silent: every answer needs the second asking.
    let mut client = client(Reach::First(PartyId(3)));
    for at in (0..100).map(|at| 10_000 * at) {
        let (seq, _) = client.submit(b"get k".to_vec(), Time(at), Time(at + 5000));
        let due = client.due().expect("it is asked again");
        assert_eq!(client.tick(due).0.len(), 4);
        let answered = due.after(Span(5));
        assert!(answered < Time(at + 100), "{answered:?} of {at}");
        client.answer(PartyId(0), done(1, seq, 4, "v"), answered);
        assert!(client.answer(PartyId(1), done(1, seq, 4, "v"), answered).is_some());
    }
}
