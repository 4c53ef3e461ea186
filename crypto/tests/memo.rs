//! What is remembered of earlier checks spares work and changes no verdict.

mod common;

use byzlab_crypto::{Certificate, Claim, PartyId, Reject, Scheme, Signed, Signer, Statement};
use common::{SCHEMES, committee, committees, signature, signed_claim, vote};

#[test]
fn a_signature_costs_one_check() {
    for (committee, signers) in committees() {
        let signed = signers[1].sign(vote(1, "v")).into_signed();
        for _ in 0..5 {
            assert!(committee.check(&signed).is_ok());
        }
        assert_eq!(committee.ring().checked(), 1);
        let claimed = signed_claim(&vote(1, "v"), &signers);
        assert!(Certificate::check(&committee, &claimed).is_ok());
        assert_eq!(committee.ring().checked(), committee.n() as u64, "one was known");
    }
}

#[test]
fn a_known_signature_is_not_good_for_anything_else() {
    for (committee, signers) in committees() {
        let signed = signers[1].sign(vote(1, "v")).into_signed();
        assert!(committee.check(&signed).is_ok());
        for body in [vote(2, "v"), vote(1, "w")] {
            let other = Signed { body, ..signed.clone() };
            assert_eq!(committee.check(&other).err(), Some(Reject::Signature(PartyId(1))));
        }
        for by in committee.parties().filter(|by| *by != PartyId(1)) {
            let other = Signed { by, ..signed.clone() };
            assert_eq!(committee.check(&other).err(), Some(Reject::Signature(by)));
        }
        assert!(committee.check(&signed).is_ok(), "and is still good for what it was");
    }
}

#[test]
fn a_bad_signature_stays_bad() {
    for (committee, signers) in committees() {
        let mut signed = signers[1].sign(vote(1, "v")).into_signed();
        signed.signature.0[63] ^= 1;
        for _ in 0..3 {
            assert_eq!(committee.check(&signed).err(), Some(Reject::Signature(PartyId(1))));
        }
        signed.signature.0[63] ^= 1;
        assert!(committee.check(&signed).is_ok());
    }
}

/// The table is of fixed size: what was checked long ago is checked again.
#[test]
fn the_memory_is_bounded() {
    let (committee, signers) = committee(Scheme::Ideal, 4, 1, "memo", 7);
    let many: Vec<_> =
        (0..5000).map(|view| signers[0].sign(vote(view, "v")).into_signed()).collect();
    for _ in 0..2 {
        assert!(many.iter().all(|signed| committee.check(signed).is_ok()));
    }
    let checked = committee.ring().checked();
    assert!(checked >= 2 * 5000 - 1000, "{checked} checks: nearly everything is remembered");
}

/// Whoever serves many clients makes room for what they have in flight.
#[test]
fn there_is_room_for_many_if_it_is_asked_for() {
    let (committee, signers) = committee(Scheme::Ideal, 4, 1, "memo", 7);
    committee.ring().remember(1 << 16);
    let many: Vec<_> =
        (0..5000).map(|view| signers[0].sign(vote(view, "v")).into_signed()).collect();
    for _ in 0..2 {
        assert!(many.iter().all(|signed| committee.check(signed).is_ok()));
    }
    let checked = committee.ring().checked();
    assert!((5000..5100).contains(&checked), "{checked} checks: nearly nothing is forgotten");
    committee.ring().remember(usize::MAX);
    committee.ring().remember(0);
    assert!(many.iter().all(|signed| committee.check(signed).is_ok()));
}

/// What is known of one certificate is not good for another one with the same signatures, or
/// the same statement.
#[test]
fn a_known_certificate_is_not_good_for_anything_else() {
    for (committee, signers) in committees() {
        let claimed = signed_claim(&vote(1, "v"), &signers);
        for _ in 0..3 {
            assert!(Certificate::check(&committee, &claimed).is_ok());
            assert!(Certificate::check(&committee, &claimed.clone()).is_ok());
        }
        let relabelled = Claim::new(vote(2, "v"), claimed.signatures.clone());
        let refused = Certificate::check(&committee, &relabelled).err();
        assert_eq!(refused, Some(Reject::Signature(PartyId(0))));

        let mut signatures = claimed.signatures.clone();
        signatures[2].1 = signature(&signers[2], &vote(2, "v")).1;
        let patched = Claim::new(vote(1, "v"), signatures);
        let refused = Certificate::check(&committee, &patched).err();
        assert_eq!(refused, Some(Reject::Signature(PartyId(2))));
    }
}

/// Certificates that come and go at the same place in memory are not taken for each other.
#[test]
fn a_certificate_is_not_known_by_a_place_that_was_freed() {
    let (committee, signers) = committee(Scheme::Ideal, 4, 1, "memo", 7);
    for view in 0..5000 {
        let good = signed_claim(&vote(view, "v"), &signers);
        assert!(Certificate::check(&committee, &good).is_ok());
        let (statement, mut signatures) = (vote(view, "v"), good.signatures.clone());
        signatures[3].1.0[20] ^= 1;
        // What is made next gets the place of what was freed last.
        drop(good);
        let bad = Claim::new(statement, signatures);
        let refused = Certificate::check(&committee, &bad).err();
        assert_eq!(refused, Some(Reject::Signature(PartyId(3))));
    }
}

/// What is known to one committee is not known to another one.
#[test]
fn every_committee_has_a_memory_of_its_own() {
    for (committee, signers) in committees() {
        let claimed = signed_claim(&vote(1, "v"), &signers);
        assert!(Certificate::check(&committee, &claimed).is_ok());
        let (n, f) = (committee.n(), committee.f());
        for scheme in SCHEMES {
            let (other, _) = common::committee(scheme, n, f, "another one", 7);
            let refused = Certificate::check(&other, &claimed).err();
            assert_eq!(refused, Some(Reject::Signature(PartyId(0))));
        }
    }
}

/// As many signatures as a committee of 128 makes in a few views, asked for again and again: hardly
/// any drives another one out.
#[test]
fn what_is_in_use_is_looked_at_once() {
    let (committee, signers) = committee(Scheme::Ideal, 128, 42, "memo", 7);
    let views = 0..8;
    let signed = views.flat_map(|view| signers.iter().map(move |by| by.sign(vote(view, "v"))));
    let signed: Vec<_> = signed.map(|vote| vote.into_signed()).collect();
    for _ in 0..50 {
        assert!(signed.iter().all(|signed| committee.check(signed).is_ok()));
    }
    let again = committee.ring().checked() - signed.len() as u64;
    assert!(again <= 8, "{again} of {} were looked at again", signed.len());
}

#[test]
fn what_a_party_signs_is_known_to_it_and_to_nobody_else() {
    let (committee, signers) = committee(Scheme::Ed25519, 4, 1, "this one", 7);
    let own = committee.ring().knows(&signers[1]);
    let signed = own.sign(vote(1, "v")).into_signed();
    assert!(committee.check(&signed).is_ok());
    assert_eq!(committee.ring().checked(), 0, "it was made here");
    let other = Signed { body: vote(2, "v"), ..signed.clone() };
    assert_eq!(committee.check(&other).err(), Some(Reject::Signature(PartyId(1))));
    assert!(committee.fresh().check(&signed).is_ok(), "it stands by itself");
    // A signer of other keys is believed nothing.
    let strange = Signer::from_secret_key(PartyId(1), committee.instance(), &[9; 32]);
    let forged = committee.ring().knows(&strange).sign(vote(1, "v")).into_signed();
    assert_eq!(committee.check(&forged).err(), Some(Reject::Signature(PartyId(1))));
}

#[test]
fn what_somebody_holds_is_known_by_what_it_says() {
    for (committee, signers) in committees() {
        let ring = committee.ring();
        let signed = signers[1].sign(vote(1, "v")).into_signed();
        let digest = signed.body.digest(&committee.instance());
        let held = ring.hold(signed.clone()).expect("it is theirs");
        assert_eq!((ring.checked(), ring.look(&signed)), (1, Ok(digest)));
        assert_eq!((ring.digest(&signed), ring.digest(held.signed())), (digest, digest));
        // Not another statement, another signer, or another signature.
        let body = Signed { body: vote(2, "v"), ..signed.clone() };
        let by = Signed { by: PartyId(2), ..signed.clone() };
        let mut bits = signed.clone();
        bits.signature.0[63] ^= 1;
        for (wrong, by) in [(body, 1), (by, 2), (bits, 1)] {
            assert_eq!(ring.look(&wrong), Err(Reject::Signature(PartyId(by))));
            assert_eq!(ring.digest(&wrong), wrong.body.digest(&committee.instance()));
            assert_eq!(ring.hold(wrong).err(), Some(Reject::Signature(PartyId(by))));
        }
        drop(held);
        assert_eq!(ring.look(&signed), Ok(digest), "the signature is known for longer");
    }
}
