//! What a signature covers: every field of every statement, and nothing of another kind.

use std::collections::BTreeSet;

use byzlab_crypto::{Digest, KeyRing, PartyId, Scheme, Signed, Statement};
use byzlab_protocols::{
    Command, View, dolev_strong, hotstuff, hotstuff_chained, pbft, pbft_classic, smr::Header,
};

const ONE: Digest = Digest([1; 32]);
const OTHER: Digest = Digest([2; 32]);

/// A signature on one statement must not hold for any of these, each with one field changed.
fn refuses<T: Statement>(statement: &T, changed: &[(&str, T)]) {
    let instance = Digest::of("byzlab/test/1", b"fields");
    let (ring, signers) =
        KeyRing::insecure_from_seed(Scheme::Ideal, instance, "party", 4, &[7; 32])
            .expect("so many keys are possible");
    let signed = signers[1].sign(statement.clone()).into_signed();
    assert!(ring.check(&signed).is_ok());
    for (field, body) in changed {
        assert_ne!(body, statement, "the test changes {field}");
        let relabelled = Signed { body: body.clone(), ..signed.clone() };
        assert!(ring.check(&relabelled).is_err(), "{}: {field} is not signed", T::DOMAIN);
    }
}

/// Names every field, or it does not compile: a new field has to be thought of here.
macro_rules! signs {
    ($type:path { $($field:ident: $one:expr => $other:expr),* $(,)? }) => {{
        type T = $type;
        let one = T { $($field: $one),* };
        let changed = [$((stringify!($field), T { $field: $other, ..one.clone() })),*];
        refuses(&one, &changed);
    }};
}

#[test]
fn a_dolev_strong_endorsement_binds_every_field() {
    signs!(dolev_strong::Endorse {
        broadcast: View(1) => View(2),
        sender: PartyId(0) => PartyId(1),
        value: ONE => OTHER,
    });
}

#[test]
fn a_pbft_vote_binds_every_field() {
    signs!(pbft::Vote {
        view: View(2) => View(3),
        hash: ONE => OTHER,
        justify_view: View(0) => View(1),
    });
    signs!(pbft::Vote2 { view: View(2) => View(3), hash: ONE => OTHER });
}

#[test]
fn a_pbft_status_binds_every_field() {
    signs!(pbft::Status {
        view: View(2) => View(3),
        lock_view: View(0) => View(1),
        lock_hash: ONE => OTHER,
    });
}

#[test]
fn a_hotstuff_vote_binds_every_field() {
    signs!(hotstuff::Vote {
        phase: hotstuff::Phase::Prepare => hotstuff::Phase::Commit,
        view: View(2) => View(3),
        hash: ONE => OTHER,
        justify_view: View(0) => View(1),
    });
}

#[test]
fn a_hotstuff_view_change_binds_every_field() {
    signs!(hotstuff::NewView { view: View(2) => View(3), high_view: View(0) => View(1) });
    signs!(hotstuff::Timeout { view: View(2) => View(3), high_view: View(0) => View(1) });
}

#[test]
fn what_is_signed_in_chained_hotstuff_binds_every_field() {
    signs!(hotstuff_chained::Vote {
        view: View(3) => View(4),
        hash: ONE => OTHER,
        justify_view: View(2) => View(1),
        locks: View(1) => View(0),
    });
    signs!(hotstuff_chained::Timeout { view: View(2) => View(3), high_view: View(0) => View(1) });
}

#[test]
fn a_classic_pbft_vote_binds_every_field() {
    signs!(pbft_classic::Prepare { view: View(2) => View(3), slot: 1 => 2, digest: ONE => OTHER });
    signs!(pbft_classic::Commit { view: View(2) => View(3), slot: 1 => 2, digest: ONE => OTHER });
    signs!(pbft_classic::Checkpoint { slot: 1 => 2, state: ONE => OTHER });
}

#[test]
fn a_classic_pbft_view_change_binds_every_field() {
    let listed = |digest| vec![pbft_classic::Prepare { view: View(1), slot: 3, digest }];
    signs!(pbft_classic::ViewChange {
        view: View(2) => View(3),
        stable: 1 => 2,
        prepared: listed(ONE) => listed(OTHER),
    });
    signs!(pbft_classic::NewView {
        view: View(2) => View(3),
        changes: ONE => OTHER,
        proposals: ONE => OTHER,
    });
}

#[test]
fn a_block_and_a_request_bind_every_field() {
    signs!(Header {
        instance: ONE => OTHER,
        height: 1 => 2,
        parent: ONE => OTHER,
        view: View(2) => View(3),
        proposer: PartyId(0) => PartyId(1),
        justify_view: View(0) => View(1),
        justification: ONE => OTHER,
        payload: ONE => OTHER,
    });
    signs!(Command { seq: 1 => 2, payload: vec![1] => vec![2] });
}

/// Or a signature of one kind could be shown as one of another kind.
#[test]
fn every_kind_of_statement_has_a_domain_of_its_own() {
    let domains = [
        dolev_strong::Endorse::DOMAIN,
        pbft::Status::DOMAIN,
        pbft::Vote::DOMAIN,
        pbft::Vote2::DOMAIN,
        hotstuff::Vote::DOMAIN,
        hotstuff::NewView::DOMAIN,
        hotstuff::Timeout::DOMAIN,
        hotstuff_chained::Vote::DOMAIN,
        hotstuff_chained::Timeout::DOMAIN,
        pbft_classic::Prepare::DOMAIN,
        pbft_classic::Commit::DOMAIN,
        pbft_classic::Checkpoint::DOMAIN,
        pbft_classic::ViewChange::DOMAIN,
        pbft_classic::NewView::DOMAIN,
        Header::DOMAIN,
        Command::DOMAIN,
    ];
    assert_eq!(domains.iter().collect::<BTreeSet<_>>().len(), domains.len());
    assert!(domains.iter().all(|domain| domain.starts_with("byzlab/")));
}
