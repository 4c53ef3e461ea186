//! Evidence proves guilt, or nothing.

mod common;

use byzlab_crypto::{
    Committee, Contradicts, Evidence, EvidenceRule, PartyId, Reject, Scheme, Signer, Statement,
};
use common::{Phase, SCHEMES, Status, Vote, committee, committees, vote};

fn rule() -> EvidenceRule {
    EvidenceRule::of::<Vote, Vote>()
}

fn refusal(committee: &Committee, evidence: &Evidence) -> Option<Reject> {
    rule().check(committee.ring(), evidence).err()
}

/// Evidence with whatever statements, as somebody could write it down.
fn written<A, B>(by: &Signer, first: A, second: B) -> Evidence
where
    A: Statement,
    B: Statement,
{
    let real = Evidence::pair(&by.sign(vote(1, "v")), &by.sign(vote(1, "w")));
    let mut evidence = real.expect("two values in one place");
    let first = attested(by, first);
    let second = attested(by, second);
    evidence.statements = [first, second].into_iter().flatten().collect();
    evidence
}

/// A statement in the form in which evidence holds it: by way of a rule that always accuses.
fn attested<T: Statement>(by: &Signer, body: T) -> Vec<byzlab_crypto::Attested> {
    let wrapped = by.sign(Accused(vec![]));
    let pair = Evidence::pair(&wrapped, &by.sign(body)).expect("accuses everybody");
    pair.statements.into_iter().skip(1).collect()
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, borsh::BorshSerialize, borsh::BorshDeserialize)]
struct Accused(Vec<u8>);

impl Statement for Accused {
    const DOMAIN: &'static str = "byzlab/test/accused/1";
}

impl<T: Statement> Contradicts<T> for Accused {
    fn contradicts(&self, _other: &T, _by: PartyId) -> Option<&'static str> {
        Some("anything")
    }
}

#[test]
fn a_pair_of_contradicting_statements_proves_guilt_to_whoever_has_the_keys() {
    for (committee, signers) in committees() {
        let (one, other) = (signers[2].sign(vote(1, "v")), signers[2].sign(vote(1, "w")));
        let evidence = Evidence::pair(&one, &other).unwrap();
        assert_eq!((evidence.culprit, &*evidence.fault), (PartyId(2), "double-vote"));
        assert_eq!(refusal(&committee, &evidence), None);
        assert_eq!(refusal(&committee, &Evidence::pair(&other, &one).unwrap()), None);

        let text = serde_json::to_string(&evidence).unwrap();
        assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), evidence);
    }
}

#[test]
fn what_is_no_contradiction_makes_no_evidence() {
    for (_, signers) in committees() {
        let own = signers[2].sign(vote(1, "v"));
        let commit = Vote { phase: Phase::Commit, ..vote(1, "w") };
        for lawful in [vote(1, "v"), vote(2, "w"), commit] {
            assert_eq!(Evidence::pair(&own, &signers[2].sign(lawful)), None);
        }
        assert_eq!(Evidence::pair(&own, &signers[2].sign_variant(vote(1, "v"), 1)), None);
        let of_another = signers[1].sign(vote(1, "w"));
        assert_eq!(Evidence::pair(&own, &of_another), None, "two signers, nobody's contradiction");
    }
}

#[test]
fn a_rule_refuses_statements_that_do_not_contradict_each_other() {
    for (committee, signers) in committees() {
        let none = Some(Reject::Malformed("the statements do not contradict each other"));
        let commit = Vote { phase: Phase::Commit, ..vote(1, "w") };
        for lawful in [vote(1, "v"), vote(2, "w"), commit] {
            let evidence = written(&signers[2], vote(1, "v"), lawful);
            assert_eq!(refusal(&committee, &evidence), none);
        }
    }
}

/// K12: two votes of one key, each in its own instance, are no crime.
#[test]
fn k12_statements_of_two_instances_prove_nothing() {
    for scheme in SCHEMES {
        let (here, ours) = committee(scheme, 4, 1, "this one", 7);
        let (there, theirs) = committee(scheme, 4, 1, "another one", 7);
        let (one, other) = (ours[2].sign(vote(1, "v")), theirs[2].sign(vote(1, "w")));
        for (first, second) in [(&one, &other), (&other, &one)] {
            if let Some(evidence) = Evidence::pair(first, second) {
                for committee in [&here, &there] {
                    let refused = refusal(committee, &evidence);
                    assert_eq!(refused, Some(Reject::Signature(PartyId(2))));
                }
            }
        }
        // Real evidence of another instance proves nothing here.
        let theirs = Evidence::pair(&other, &theirs[2].sign(vote(1, "v"))).unwrap();
        assert_eq!(refusal(&there, &theirs), None);
        assert_eq!(refusal(&here, &theirs), Some(Reject::Signature(PartyId(2))));
    }
}

#[test]
fn nobody_else_is_guilty() {
    for (committee, signers) in committees() {
        let real =
            Evidence::pair(&signers[2].sign(vote(1, "v")), &signers[2].sign(vote(1, "w"))).unwrap();
        for culprit in committee.parties().filter(|party| *party != PartyId(2)) {
            let evidence = Evidence { culprit, ..real.clone() };
            assert_eq!(refusal(&committee, &evidence), Some(Reject::Signature(culprit)));
        }
        for culprit in [committee.n() as u16, u16::MAX].map(PartyId) {
            let evidence = Evidence { culprit, ..real.clone() };
            assert_eq!(refusal(&committee, &evidence), Some(Reject::Outsider(culprit)));
        }
        // The votes of two parties under the name of one of them.
        let mut mixed = real.clone();
        mixed.statements[1] = attested(&signers[1], vote(1, "w")).remove(0);
        assert_eq!(refusal(&committee, &mixed), Some(Reject::Signature(PartyId(2))));
    }
}

#[test]
fn evidence_is_a_pair_of_the_statements_of_its_rule() {
    for (committee, signers) in committees() {
        let real =
            Evidence::pair(&signers[2].sign(vote(1, "v")), &signers[2].sign(vote(1, "w"))).unwrap();
        for count in [0, 1, 3] {
            let mut evidence = real.clone();
            evidence.statements = real.statements.iter().cycle().take(count).cloned().collect();
            let refused = refusal(&committee, &evidence);
            assert_eq!(refused, Some(Reject::Malformed("evidence is a pair of statements")));
        }
        let evidence = Evidence { fault: "equivocation".to_owned(), ..real.clone() };
        let refused = refusal(&committee, &evidence);
        assert_eq!(refused, Some(Reject::Malformed("evidence of another fault")));

        // The same bytes as a status: another domain, another rule.
        let Vote { phase, view, value } = vote(1, "w");
        let status = Status { phase, view, value };
        let evidence = written(&signers[2], vote(1, "v"), status);
        assert_eq!(refusal(&committee, &evidence), Some(Reject::Undecodable));
        let other = EvidenceRule::of::<Vote, Status>();
        assert_eq!(other.check(committee.ring(), &real), Err(Reject::Undecodable));
    }
}

#[test]
fn a_rule_for_two_types_judges_them_in_its_order() {
    for (committee, signers) in committees() {
        let Vote { phase, view, value } = vote(2, "w");
        let status = signers[2].sign(Status { phase, view, value });
        let evidence = Evidence::pair(&signers[2].sign(vote(1, "v")), &status).unwrap();
        let rule = EvidenceRule::of::<Vote, Status>();
        assert_eq!(rule.check(committee.ring(), &evidence), Ok(()));
        let mut swapped = evidence;
        swapped.statements.swap(0, 1);
        assert_eq!(rule.check(committee.ring(), &swapped), Err(Reject::Undecodable));
    }
}

#[test]
fn every_changed_byte_makes_evidence_worthless() {
    let (committee, signers) = committee(Scheme::Ed25519, 4, 1, "this one", 7);
    let real =
        Evidence::pair(&signers[2].sign(vote(1, "v")), &signers[2].sign(vote(1, "w"))).unwrap();
    assert_eq!(refusal(&committee, &real), None);
    let text = serde_json::to_vec(&real).unwrap();
    let mut read = 0;
    for at in 0..text.len() {
        let mut changed = text.clone();
        for byte in (b' '..=b'~').filter(|byte| *byte != text[at]) {
            changed[at] = byte;
            let Ok(evidence) = serde_json::from_slice::<Evidence>(&changed) else { continue };
            if evidence != real {
                read += 1;
                let what = String::from_utf8_lossy(&changed);
                assert!(refusal(&committee, &evidence).is_some(), "taken: {what}");
            } else {
                // The same value, written otherwise: a hexadecimal digit in capitals, no more.
                assert_eq!(byte.to_ascii_lowercase(), text[at], "at {at}");
            }
        }
    }
    assert!(read > 1000, "{read} changes could be read: too few to mean anything");
}

#[test]
fn evidence_with_bytes_too_many_or_too_few_is_refused() {
    for (committee, signers) in committees() {
        let real =
            Evidence::pair(&signers[2].sign(vote(1, "v")), &signers[2].sign(vote(1, "w"))).unwrap();
        for at in [0, 1] {
            let mut longer = real.clone();
            longer.statements[at].bytes.push(0);
            assert_eq!(refusal(&committee, &longer), Some(Reject::Undecodable));
            for length in 0..real.statements[at].bytes.len() {
                let mut shorter = real.clone();
                shorter.statements[at].bytes.truncate(length);
                assert_eq!(refusal(&committee, &shorter), Some(Reject::Undecodable));
            }
            let mut garbage = real.clone();
            garbage.statements[at].bytes = vec![0xff; 41];
            assert_eq!(refusal(&committee, &garbage), Some(Reject::Undecodable));
        }
    }
}
