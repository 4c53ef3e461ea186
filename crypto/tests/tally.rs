//! Counting votes: what arrives twice, what contradicts itself, what floods.

mod common;

use byzlab_crypto::{Added, Certificate, EvidenceRule, PartyId, PartySet, Tally};
use common::{Vote, committees, vote};

/// relab/hotstuff#244: a repeated vote made building the certificate fail (M13).
#[test]
fn a_vote_that_comes_twice_does_not_block_the_certificate() {
    for (committee, signers) in committees() {
        let mut tally = Tally::default();
        for (at, signer) in signers[..committee.quorum()].iter().enumerate() {
            assert_eq!(tally.certificate(&committee, &vote(1, "v")), None, "{at} votes so far");
            assert_eq!(tally.add(&signer.sign(vote(1, "v"))), Added::Counted(at + 1));
            for variant in 0..3 {
                let again = signer.sign_variant(vote(1, "v"), variant);
                assert_eq!(tally.add(&again), Added::Repeated);
            }
        }
        let certificate = tally.certificate(&committee, &vote(1, "v")).unwrap();
        assert!(Certificate::check(&committee, certificate.claim()).is_ok());
        let voters: PartySet = signers[..committee.quorum()].iter().map(|by| by.party()).collect();
        assert_eq!(certificate.signers(), voters);
        assert_eq!(tally.any_certificate(&committee), Some(certificate));
    }
}

#[test]
fn one_signer_alone_never_makes_a_certificate() {
    for (committee, signers) in committees() {
        let mut tally = Tally::default();
        for variant in 0..2 * committee.n() as u32 {
            tally.add(&signers[0].sign_variant(vote(1, "v"), variant));
        }
        assert_eq!(tally.certificate(&committee, &vote(1, "v")), None);
    }
}

#[test]
fn votes_count_in_any_order_of_arrival() {
    for (committee, signers) in committees() {
        let mut tally = Tally::default();
        for signer in signers.iter().rev() {
            tally.add(&signer.sign(vote(1, "v")));
        }
        let certificate = tally.certificate(&committee, &vote(1, "v")).unwrap();
        assert_eq!(certificate.signers().len(), committee.n());
        let signers = certificate.claim().signatures.iter().map(|(by, _)| *by);
        assert!(signers.is_sorted(), "one set of signatures has one encoding");
    }
}

#[test]
fn a_second_statement_is_evidence_and_a_third_is_nothing() {
    for (committee, signers) in committees() {
        let mut tally = Tally::default();
        assert_eq!(tally.add(&signers[1].sign(vote(1, "v"))), Added::Counted(1));
        assert_eq!(tally.add(&signers[2].sign(vote(1, "w"))), Added::Counted(1));
        let Added::Conflicting(2, evidence) = tally.add(&signers[1].sign(vote(1, "w"))) else {
            panic!("the second vote counts and contradicts the first");
        };
        assert_eq!((evidence.culprit, &*evidence.fault), (PartyId(1), "double-vote"));
        let rule = EvidenceRule::of::<Vote, Vote>();
        assert_eq!(rule.check(committee.ring(), &evidence), Ok(()));

        assert_eq!(tally.add(&signers[1].sign(vote(1, "x"))), Added::Ignored);
        assert_eq!(tally.add(&signers[1].sign_variant(vote(1, "w"), 5)), Added::Repeated);
        assert_eq!(tally.add(&signers[1].sign(vote(1, "v"))), Added::Repeated);
        assert_eq!(tally.statements().cloned().collect::<Vec<_>>(), [vote(1, "v"), vote(1, "w")]);
        assert_eq!(tally.vote(PartyId(1)).unwrap().body(), &vote(1, "v"), "of two the first");
    }
}

#[test]
fn a_flood_of_statements_leaves_two_of_each_signer() {
    for (committee, signers) in committees() {
        let mut tally = Tally::default();
        for number in 0..100 {
            for signer in &signers {
                let statement = vote(1, &format!("{} {number}", signer.party()));
                let added = tally.add(&signer.sign(statement));
                assert_eq!(added == Added::Ignored, number >= 2);
            }
        }
        assert_eq!(tally.statements().count(), 2 * committee.n());
        // The flood keeps nobody else from a certificate.
        let (mut tally, flooder) = (Tally::default(), &signers[0]);
        for number in 0..10 {
            tally.add(&flooder.sign(vote(1, &number.to_string())));
        }
        for signer in &signers[committee.n() - committee.quorum()..] {
            tally.add(&signer.sign(vote(1, "v")));
        }
        assert!(tally.certificate(&committee, &vote(1, "v")).is_some());
    }
}

/// Votes that are no contradiction can stand beside each other, two of each signer.
#[test]
fn statements_that_do_not_contradict_each_other_are_counted_apart() {
    for (_, signers) in committees() {
        let mut tally = Tally::default();
        assert_eq!(tally.add(&signers[0].sign(vote(1, "v"))), Added::Counted(1));
        assert_eq!(tally.add(&signers[0].sign(vote(2, "w"))), Added::Counted(1));
        assert_eq!(tally.add(&signers[0].sign(vote(3, "w"))), Added::Ignored);
    }
}
