//! Attacks on certificates: one test for each row of the catalogue of attacks (section 2.2) that
//! is about certificates. The rows about keys and single signatures are in `keys.rs`.

mod common;

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{
    Certificate, Claim, Committee, Digest, PartyId, PartySet, Reject, Signed, Statement,
    StatementSet, Tally,
};
use common::{
    Phase, SCHEMES, Status, Vote, claim, committee, committees, signature, signed_claim, vote,
};

fn refusal<T: Statement>(committee: &Committee, claim: &Claim<T>) -> Option<Reject> {
    Certificate::check(committee, claim).err()
}

/// monad-bft#2086: counted before de-duplication.
#[test]
fn c01_padding_with_one_signature_is_refused() {
    for (committee, signers) in committees() {
        let (statement, quorum) = (vote(1, "v"), committee.quorum());
        let own = signature(&signers[2], &statement);
        let repeated = Some(Reject::Signers(PartyId(2)));
        let all_one = claim(&statement, std::iter::repeat_n(own, quorum));
        assert_eq!(refusal(&committee, &all_one), repeated);

        // One signer too few, the gap filled with a second copy: beside the first, and far off.
        let short: Vec<_> =
            signers[..quorum - 1].iter().map(|by| signature(by, &statement)).collect();
        let beside = short[..=2.min(quorum - 2)].iter().chain(&short[2.min(quorum - 2)..]);
        assert!(refusal(&committee, &claim(&statement, beside.copied())).is_some());
        for last in &short {
            let far = short.iter().chain([last]).copied();
            assert_eq!(refusal(&committee, &claim(&statement, far)), Some(Reject::Signers(last.0)));
        }
    }
}

/// nethermind#11027: de-duplicated by the bytes of the signatures.
#[test]
fn c02_padding_with_two_signatures_of_one_signer_is_refused() {
    for (committee, signers) in committees() {
        let (statement, quorum) = (vote(1, "v"), committee.quorum());
        let variants: Vec<_> = (0..quorum as u32)
            .map(|variant| signers[1].sign_variant(statement.clone(), variant).into_signed())
            .collect();
        for signed in &variants {
            assert!(committee.check(signed).is_ok(), "each of them verifies alone");
        }
        let padded = variants.iter().map(|signed| (signed.by, signed.signature));
        let repeated = Some(Reject::Signers(PartyId(1)));
        assert_eq!(refusal(&committee, &claim(&statement, padded)), repeated);

        let mut almost: Vec<_> =
            signers[..quorum - 1].iter().map(|by| signature(by, &statement)).collect();
        almost.insert(2, (PartyId(1), variants[1].signature));
        assert_eq!(refusal(&committee, &claim(&statement, almost)), repeated);
    }
}

#[test]
fn c02_statements_of_one_signer_twice_are_no_set() {
    for (committee, signers) in committees() {
        let one = signers[0].sign(vote(1, "v")).into_signed();
        let other = signers[0].sign_variant(vote(1, "v"), 1).into_signed();
        let third = signers[0].sign(vote(1, "w")).into_signed();
        for pair in [[one.clone(), one.clone()], [one.clone(), other], [one, third]] {
            let refused = StatementSet::check(&committee, &pair).err();
            assert_eq!(refused, Some(Reject::Signers(PartyId(0))));
        }
    }
}

#[test]
fn c03_one_signer_less_than_a_quorum_is_refused_and_a_quorum_is_not() {
    for (committee, signers) in committees() {
        let (statement, quorum) = (vote(1, "v"), committee.quorum());
        for have in 0..=committee.n() {
            let claimed = signed_claim(&statement, &signers[..have]);
            let short = (have < quorum).then_some(Reject::Short { have, need: quorum });
            assert_eq!(refusal(&committee, &claimed), short);
        }
        let last = signed_claim(&statement, &signers[committee.n() - quorum..]);
        let certificate = Certificate::check(&committee, &last).unwrap();
        assert_eq!((certificate.statement(), certificate.claim()), (&statement, &last));
        let who: PartySet = signers[committee.n() - quorum..].iter().map(|by| by.party()).collect();
        assert_eq!(certificate.signers(), who);
    }
}

/// commonware#2131: an index that nobody has.
#[test]
fn c04_outsiders_are_refused_and_panic_nobody() {
    for scheme in SCHEMES {
        let (four, _) = committee(scheme, 4, 1, "this one", 7);
        // The same keys and three more: their signatures are real, their seats are not.
        let (_, seven) = committee(scheme, 7, 2, "this one", 7);
        let statement = vote(1, "v");
        let outside = signature(&seven[4], &statement);
        let mut with_outsider: Vec<_> =
            seven[..2].iter().map(|by| signature(by, &statement)).collect();
        with_outsider.push(outside);
        let no_seat = Some(Reject::Outsider(PartyId(4)));
        assert_eq!(refusal(&four, &claim(&statement, with_outsider.clone())), no_seat);
        assert_eq!(four.check(&seven[4].sign(statement.clone()).into_signed()).err(), no_seat);

        for index in [4, 5, 1023, 1024, u16::MAX] {
            let by = PartyId(index);
            with_outsider[2] = (by, outside.1);
            let claimed = claim(&statement, with_outsider.clone());
            assert_eq!(refusal(&four, &claimed), Some(Reject::Outsider(by)));
            let signed = Signed { body: statement.clone(), by, signature: outside.1 };
            assert_eq!(four.check(&signed).err(), Some(Reject::Outsider(by)));
            let set = StatementSet::check(&four, &[signed]);
            assert_eq!(set.err(), Some(Reject::Outsider(by)));
            // Whoever lists the signers of a claim before it is checked must not fall over it.
            assert!(claimed.signers().len() >= 2);
        }
    }
}

/// An insider's real signature under the number of somebody else.
#[test]
fn c04_a_signature_under_another_seat_is_refused() {
    for (committee, signers) in committees() {
        let statement = vote(1, "v");
        let mut claimed: Vec<_> = signers.iter().map(|by| signature(by, &statement)).collect();
        claimed[1].1 = claimed[0].1;
        let wrong = Some(Reject::Signature(PartyId(1)));
        assert_eq!(refusal(&committee, &claim(&statement, claimed)), wrong);
    }
}

#[test]
fn c05_a_quorum_of_another_instance_or_of_other_keys_is_refused() {
    for scheme in SCHEMES {
        let (here, ours) = committee(scheme, 4, 1, "this one", 7);
        let statement = vote(1, "v");
        for (name, seed) in [("another one", 7), ("this one", 8)] {
            let (there, theirs) = committee(scheme, 4, 1, name, seed);
            let foreign = signed_claim(&statement, &theirs);
            assert!(Certificate::check(&there, &foreign).is_ok());
            let wrong = Some(Reject::Signature(PartyId(0)));
            assert_eq!(refusal(&here, &foreign), wrong);
            // What was checked there is not known here.
            assert_eq!(refusal(&here, &foreign), wrong);

            let mut mixed: Vec<_> = ours.iter().map(|by| signature(by, &statement)).collect();
            mixed[3] = signature(&theirs[3], &statement);
            let wrong = Some(Reject::Signature(PartyId(3)));
            assert_eq!(refusal(&here, &claim(&statement, mixed)), wrong);
        }
    }
}

/// Votes that were rightly checked by another ring are verified, but not for this committee.
#[test]
fn c05_verified_votes_of_another_instance_make_no_certificate_here() {
    for scheme in SCHEMES {
        let (here, _) = committee(scheme, 4, 1, "this one", 7);
        for (name, seed, n) in [("another one", 7, 4), ("this one", 8, 4), ("this one", 7, 7)] {
            let (_, theirs) = committee(scheme, n, 1, name, seed);
            let mut tally = Tally::default();
            for signer in theirs.iter().rev().take(4) {
                tally.add(&signer.sign(vote(1, "v")));
            }
            assert_eq!(tally.certificate(&here, &vote(1, "v")), None, "{name} {seed} {n}");
            assert_eq!(tally.any_certificate(&here), None);
        }
    }
}

#[test]
fn c06_votes_of_different_views_values_or_phases_do_not_pool() {
    for (committee, signers) in committees() {
        let statement = vote(1, "v");
        let others =
            [vote(2, "v"), vote(1, "w"), Vote { phase: Phase::Commit, ..statement.clone() }];
        for other in others {
            let at = committee.quorum() - 1;
            let mut pooled: Vec<_> =
                signers[..at].iter().map(|by| signature(by, &statement)).collect();
            pooled.push(signature(&signers[at], &other));
            let odd = Some(Reject::Signature(PartyId(at as u16)));
            assert_eq!(refusal(&committee, &claim(&statement, pooled.clone())), odd);
            let first = Some(Reject::Signature(PartyId(0)));
            assert_eq!(refusal(&committee, &claim(&other, pooled)), first);

            // A tally keeps them apart too.
            let mut tally = Tally::default();
            for signer in &signers[..at] {
                tally.add(&signer.sign(statement.clone()));
            }
            tally.add(&signers[at].sign(other.clone()));
            assert_eq!(tally.any_certificate(&committee), None);
        }
    }
}

#[test]
fn c07_true_signatures_do_not_certify_another_view() {
    for (committee, signers) in committees() {
        let statement = vote(3, "v");
        let claimed = signed_claim(&statement, &signers);
        assert!(Certificate::check(&committee, &claimed).is_ok());
        let relabelled = |statement| Claim::new(statement, claimed.signatures.clone());
        let wrong = Some(Reject::Signature(PartyId(0)));
        for view in [0, 2, 4, u64::MAX] {
            let claimed = relabelled(Vote { view, ..statement.clone() });
            assert_eq!(refusal(&committee, &claimed), wrong);
        }
        let claimed = relabelled(Vote { value: Digest::ZERO, ..statement.clone() });
        assert_eq!(refusal(&committee, &claimed), wrong);
        assert!(Certificate::check(&committee, &relabelled(statement)).is_ok());
    }
}

/// Genesis has no certificate, so that a claim without signatures proves nothing at any view.
#[test]
fn c08_an_empty_certificate_is_refused_at_every_view() {
    for (committee, _) in committees() {
        let need = committee.quorum();
        for view in [0, 1, 7, u64::MAX] {
            let empty = claim(&Vote { value: Digest::ZERO, ..vote(view, "genesis") }, []);
            assert_eq!(refusal(&committee, &empty), Some(Reject::Short { have: 0, need }));
        }
    }
}

#[test]
fn c09_prepare_votes_are_no_commit_votes() {
    for (committee, signers) in committees() {
        let prepare = vote(1, "v");
        let claimed = signed_claim(&prepare, &signers);
        assert!(Certificate::check(&committee, &claimed).is_ok());
        let commit = Vote { phase: Phase::Commit, ..prepare };
        let claimed = Claim::new(commit, claimed.signatures.clone());
        let wrong = Some(Reject::Signature(PartyId(0)));
        assert_eq!(refusal(&committee, &claimed), wrong);
    }
}

/// A statement of another type with the very same bytes: only the domain tells them apart.
#[test]
fn c09_a_vote_is_no_status_though_its_bytes_are_the_same() {
    for (committee, signers) in committees() {
        let Vote { phase, view, value } = vote(1, "v");
        let status = Status { phase, view, value };
        assert_eq!(borsh::to_vec(&vote(1, "v")).unwrap(), borsh::to_vec(&status).unwrap());
        let votes = signed_claim(&vote(1, "v"), &signers);
        assert!(Certificate::check(&committee, &votes).is_ok());
        let claimed = Claim::new(status, votes.signatures.clone());
        assert_eq!(refusal(&committee, &claimed), Some(Reject::Signature(PartyId(0))));
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize)]
struct Fields {
    first: String,
    second: String,
    list: Vec<Vec<u8>>,
}

impl Statement for Fields {
    const DOMAIN: &'static str = "byzlab/test/fields/1";
}

/// Its domain and bytes together read like those of [`Fields`] with a shorter domain.
#[derive(Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize)]
struct Longer(u8);

impl Statement for Longer {
    const DOMAIN: &'static str = "byzlab/test/a";
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize)]
struct Shorter(u8, u8);

impl Statement for Shorter {
    const DOMAIN: &'static str = "byzlab/test/";
}

#[test]
fn c13_fields_that_concatenate_equally_have_different_digests() {
    let fields = |first: &str, second: &str, list: &[&[u8]]| {
        let list = list.iter().map(|bytes| bytes.to_vec()).collect();
        Fields { first: first.to_owned(), second: second.to_owned(), list }
    };
    let all = [
        fields("ab", "c", &[]),
        fields("a", "bc", &[]),
        fields("abc", "", &[]),
        fields("", "abc", &[]),
        fields("", "", &[b"abc"]),
        fields("", "", &[b"ab", b"c"]),
        fields("", "", &[b"a", b"bc"]),
        fields("", "", &[b"abc", b""]),
        fields("", "", &[b"", b"abc"]),
    ];
    let here = common::instance("this one");
    for (at, one) in all.iter().enumerate() {
        for other in &all[at + 1..] {
            assert_ne!(one.digest(&here), other.digest(&here), "{one:?} and {other:?}");
        }
    }
    let domains = (Longer(1).digest(&here), Shorter(b'a', 1).digest(&here));
    assert_ne!(domains.0, domains.1, "a domain is bound with its length");
    assert_ne!(Digest::of("ab", b"c"), Digest::of("a", b"bc"));
    assert_ne!(all[0].digest(&here), all[0].digest(&common::instance("another one")));
}

#[test]
fn c16_empty_and_huge_lists_are_refused_before_a_signature_is_looked_at() {
    for (committee, signers) in committees() {
        let statement = vote(1, "v");
        let n = committee.n();
        // Real and different signatures of one signer: nothing but the count is wrong at first.
        let many = (0..=n as u32).map(|variant| {
            let signed = signers[0].sign_variant(statement.clone(), variant).into_signed();
            (signed.by, signed.signature)
        });
        let many = claim(&statement, many);
        assert_eq!(refusal(&committee, &many), Some(Reject::TooMany(n + 1)));

        let own = signature(&signers[0], &statement);
        let huge = claim(&statement, std::iter::repeat_n(own, 1_000_000));
        assert_eq!(refusal(&committee, &huge), Some(Reject::TooMany(1_000_000)));
        assert!(refusal(&committee, &claim(&statement, [])).is_some());

        let signed = signers[0].sign(statement.clone()).into_signed();
        let set = StatementSet::check(&committee, &vec![signed; n + 1]);
        assert_eq!(set.err(), Some(Reject::TooMany(n + 1)));
        assert_eq!(committee.ring().checked(), 0, "a signature was looked at");
    }
}

/// What is refused for its signers costs no look at a signature either.
#[test]
fn c16_wrong_signers_are_refused_before_a_signature_is_looked_at() {
    for (committee, signers) in committees() {
        let statement = vote(1, "v");
        let short = signed_claim(&statement, &signers[..committee.quorum() - 1]);
        assert!(refusal(&committee, &short).is_some());
        let mut descending: Vec<_> = signers.iter().map(|by| signature(by, &statement)).collect();
        descending.reverse();
        assert!(refusal(&committee, &claim(&statement, descending)).is_some());
        assert_eq!(committee.ring().checked(), 0);
    }
}

#[test]
fn a_certificate_gives_back_the_votes_of_which_it_consists() {
    for (committee, signers) in committees() {
        let statement = vote(1, "v");
        let claimed = signed_claim(&statement, &signers[..committee.quorum()]);
        let certificate = Certificate::check(&committee, &claimed).unwrap();
        for by in committee.parties() {
            let vote = certificate.vote(by);
            assert_eq!(vote.is_some(), by.index() < committee.quorum());
            if let Some(vote) = vote {
                assert!(committee.check(vote.signed()).is_ok());
            }
        }
    }
}

#[test]
fn a_set_holds_each_signer_once_in_order_and_only_what_verifies() {
    for (committee, signers) in committees() {
        let views = [9, 5, 7];
        let mut statements: Vec<_> = signers
            .iter()
            .zip(views)
            .map(|(by, view)| by.sign(vote(view, "v")).into_signed())
            .collect();
        let set = StatementSet::check(&committee, &statements).unwrap();
        assert_eq!((set.len(), set.is_empty(), set.signed()), (3, false, statements.clone()));
        assert!(StatementSet::<Vote>::check(&committee, &[]).unwrap().is_empty());

        let mut again: Vec<_> = set.iter().cloned().collect();
        again.reverse();
        again.push(signers[0].sign(vote(1, "another")));
        let gathered = StatementSet::gather(&committee, again.clone());
        assert_eq!(gathered.as_ref(), Ok(&set), "in the order of the signers, each once");
        let (elsewhere, _) = common::committee(SCHEMES[0], 4, 1, "elsewhere", 7);
        assert!(StatementSet::gather(&elsewhere, again).is_err(), "checked with other keys");

        statements[1].body.view += 1;
        let wrong = Some(Reject::Signature(PartyId(1)));
        assert_eq!(StatementSet::check(&committee, &statements).err(), wrong);
        statements.swap(0, 1);
        let order = Some(Reject::Signers(PartyId(0)));
        assert_eq!(StatementSet::check(&committee, &statements).err(), order);
    }
}
