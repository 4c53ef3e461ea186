//! What a party keeps on disk comes back as it was, or is refused.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{
    Certificate, Claim, Committee, Digest, KeyRing, PartyId, Reject, Scheme, Signer, StatementSet,
};
use byzlab_protocols::{
    Block, Context, Durable, Leaders, Protocol, Span, View,
    dolev_strong::{self, DolevStrong},
    durable::{seal, unseal},
    hotstuff::{self, HotStuff, Phase, Qc},
    hotstuff_chained::{self, ChainedHotStuff, Decided},
    pbft::{self, Pbft},
    pbft_classic::{self, PbftClassic},
    smr::{Batch, Commits, Header},
};

const ME: PartyId = PartyId(2);

fn context(instance: &[u8]) -> (Context, Vec<Signer>) {
    let instance = Digest::of("byzlab/test/1", instance);
    let ring = |purpose| {
        KeyRing::insecure_from_seed(Scheme::Ed25519, instance, purpose, 4, &[7; 32])
            .expect("four keys are possible")
    };
    let (parties, signers) = ring("party");
    let context = Context {
        committee: Committee::new(parties, 1).expect("f is below n"),
        clients: ring("client").0,
        leaders: Leaders::RoundRobin(PartyId(1)),
        delta: Span::millis(100),
    };
    (context, signers)
}

/// A certificate of three votes.
fn certificate<T: byzlab_crypto::Statement>(
    context: &Context,
    signers: &[Signer],
    vote: &T,
) -> Certificate<T> {
    let signatures = signers.iter().take(3).map(|signer| {
        let signed = signer.sign(vote.clone()).into_signed();
        (signed.by, signed.signature)
    });
    let claim = Claim::new(vote.clone(), signatures.collect());
    Certificate::check(&context.committee, &claim).expect("three are a quorum")
}

fn qc(context: &Context, signers: &[Signer], phase: Phase, view: u64) -> Qc {
    let hash = Digest::of("byzlab/test/1", b"block");
    let (view, justify_view) = (View(view), View(view - 1));
    certificate(context, signers, &hotstuff::Vote { phase, view, hash, justify_view })
}

fn pbft_record(context: &Context, signers: &[Signer]) -> pbft::Record {
    let hash = Digest::of("byzlab/test/1", b"block");
    let vote = pbft::Vote { view: View(5), hash, justify_view: View(3) };
    pbft::Record {
        status: View(6),
        lock: Some(certificate(context, signers, &vote)),
        proposed: Some((View(2), hash)),
        voted: Some((View(5), hash)),
        voted2: View(5),
        commits: Commits {
            decided: Some(certificate(context, signers, &pbft::Vote2 { view: View(4), hash })),
            pending: None,
        },
    }
}

fn hotstuff_record(context: &Context, signers: &[Signer]) -> hotstuff::Record {
    let hash = Digest::of("byzlab/test/1", b"block");
    hotstuff::Record {
        view: View(7),
        entry: Some(hotstuff::Entry::Decided(qc(context, signers, Phase::Commit, 6))),
        voted: [Some((View(7), hash)), None, Some((View(6), hash))],
        timed_out: View(4),
        proposed: None,
        high: Some(qc(context, signers, Phase::Prepare, 6)),
        locked: Some(qc(context, signers, Phase::PreCommit, 6)),
        commits: Commits {
            decided: Some(qc(context, signers, Phase::Commit, 5)),
            pending: Some(qc(context, signers, Phase::Commit, 6)),
        },
        restarts: 2,
    }
}

/// The record comes back; no other byte does, nor anybody else's record; and with the seal made
/// anew, what is signed must still verify.
fn holds<P: Protocol>(record: &P::Record, context: &Context, signed: fn(&P::Record) -> Vec<u8>) {
    let sealed = seal::<P>(context, ME, record);
    assert_eq!(unseal::<P>(context, ME, &sealed).as_ref(), Ok(record));
    assert!(unseal::<P>(context, PartyId(1), &sealed).is_err(), "another party's");
    let (other, _) = self::context(b"another");
    assert!(unseal::<P>(&other, ME, &sealed).is_err(), "another instance's");
    for at in 0..sealed.len() {
        assert!(unseal::<P>(context, ME, &sealed[..at]).is_err(), "cut at {at}");
        for bit in [1, 0x80] {
            let mut bytes = sealed.clone();
            bytes[at] ^= bit;
            assert!(unseal::<P>(context, ME, &bytes).is_err(), "byte {at}");
            let mut body = &bytes[32..];
            let Ok(loaded) = P::Record::load(context, &mut body) else { continue };
            if at >= 32 && body.is_empty() {
                assert_ne!(&loaded, record, "byte {at} has no meaning");
                assert_eq!(signed(&loaded), signed(record), "byte {at} is signed");
                let mut again = Vec::new();
                loaded.save(&mut again);
                assert_eq!(again, bytes[32..], "byte {at}: two forms of one record");
            }
        }
    }
}

#[test]
fn the_record_of_pbft_comes_back_or_is_refused() {
    let (context, signers) = context(b"mine");
    holds::<Pbft>(&pbft_record(&context, &signers), &context, |record| {
        let mut bytes = Vec::new();
        record.lock.save(&mut bytes);
        record.commits.save(&mut bytes);
        bytes
    });
}

#[test]
fn the_record_of_hotstuff_comes_back_or_is_refused() {
    let (context, signers) = context(b"mine");
    holds::<HotStuff>(&hotstuff_record(&context, &signers), &context, |record| {
        let mut bytes = Vec::new();
        record.entry.save(&mut bytes);
        record.high.save(&mut bytes);
        record.locked.save(&mut bytes);
        record.commits.save(&mut bytes);
        bytes
    });
}

/// A block of view 7 on one of view 6, which stands on a certificate of view 5.
fn chained_record(context: &Context, signers: &[Signer]) -> hotstuff_chained::Record {
    let header = |view: u64, parent| Header {
        instance: context.committee.instance(),
        height: view,
        parent,
        view: View(view),
        proposer: PartyId(1),
        justify_view: View(view - 1),
        justification: Digest::ZERO,
        payload: Digest::ZERO,
    };
    let middle = header(6, Digest::of("byzlab/test/1", b"block"));
    let top = header(7, middle.hash());
    let vote = hotstuff_chained::Vote {
        view: View(7),
        hash: top.hash(),
        justify_view: View(6),
        locks: View(5),
    };
    let high = certificate(context, signers, &vote);
    let timeouts = signers.iter().take(3).map(|signer| {
        let timeout = hotstuff_chained::Timeout { view: View(8), high_view: View(7) };
        signer.sign(timeout)
    });
    let timeouts = StatementSet::gather(&context.committee, timeouts).expect("their own keys");
    hotstuff_chained::Record {
        view: View(9),
        entry: Some(hotstuff_chained::TimeoutCertificate {
            timeouts,
            view: View(8),
            high: Some(high.clone()),
        }),
        voted: Some(vote),
        timed_out: View(8),
        proposed: Some((View(5), top.hash())),
        high: Some(high.clone()),
        locked: Some((View(6), middle.hash())),
        commits: Commits {
            decided: None,
            pending: Some(Decided { certificate: high, above: vec![top, middle] }),
        },
        restarts: 2,
    }
}

fn classic_record(context: &Context, signers: &[Signer]) -> pbft_classic::Record {
    let digest = Digest::of("byzlab/test/1", b"batch");
    let (view, slot) = (View(2), 5);
    let prepare = pbft_classic::Prepare { view, slot, digest };
    let commit = pbft_classic::Commit { view, slot, digest };
    let checkpoint = pbft_classic::Checkpoint { slot: 4, state: digest };
    let entry = pbft_classic::Entry {
        accepted: Some((view, digest)),
        prepared: Some(certificate(context, signers, &prepare)),
        committed: Some(certificate(context, signers, &commit)),
    };
    let stable: pbft_classic::Stable = certificate(context, signers, &checkpoint);
    let listed = vec![prepare];
    let change = pbft_classic::Change {
        change: signers[2].sign(pbft_classic::ViewChange {
            view: View(3),
            stable: 4,
            prepared: listed,
        }),
        checkpoint: Some(stable.clone()),
        prepared: entry.prepared.clone().into_iter().collect(),
    };
    pbft_classic::Record {
        view: View(3),
        opened: view,
        opening: None,
        change: Some(Arc::new(change)),
        proposed: None,
        assigned: 5,
        stable: Some(stable),
        slots: [(5, entry)].into(),
    }
}

#[test]
fn the_record_of_chained_hotstuff_comes_back_or_is_refused() {
    let (context, signers) = context(b"mine");
    holds::<ChainedHotStuff>(&chained_record(&context, &signers), &context, |record| {
        let mut bytes = Vec::new();
        record.entry.save(&mut bytes);
        record.high.save(&mut bytes);
        record.commits.save(&mut bytes);
        bytes
    });
}

#[test]
fn the_record_of_classic_pbft_comes_back_or_is_refused() {
    let (context, signers) = context(b"mine");
    holds::<PbftClassic>(&classic_record(&context, &signers), &context, |record| {
        let mut bytes = Vec::new();
        record.change.save(&mut bytes);
        record.stable.save(&mut bytes);
        for entry in record.slots.values() {
            entry.prepared.save(&mut bytes);
            entry.committed.save(&mut bytes);
        }
        bytes
    });
}

#[test]
fn a_decision_over_a_gap_is_not_taken_back() {
    let (context, signers) = context(b"mine");
    let mut record = chained_record(&context, &signers);
    let pending = record.commits.pending.as_mut().expect("one waits");
    pending.above[1].justify_view = View(4);
    pending.above[0].parent = pending.above[1].hash();
    let vote = hotstuff_chained::Vote {
        hash: pending.above[0].hash(),
        ..pending.certificate.statement().clone()
    };
    pending.certificate = certificate(&context, &signers, &vote);
    let sealed = seal::<ChainedHotStuff>(&context, ME, &record);
    let refused = Err(Reject::Malformed("not three blocks of consecutive views"));
    assert_eq!(unseal::<ChainedHotStuff>(&context, ME, &sealed), refused);
}

#[test]
fn the_record_of_dolev_strong_comes_back_or_is_refused() {
    let (context, _) = context(b"mine");
    let extracted = vec![Digest::of("byzlab/test/1", b"value"), Digest::ZERO];
    let record = dolev_strong::Record { broadcast: View(3), extracted };
    holds::<DolevStrong>(&record, &context, |_| Vec::new());
}

#[test]
fn a_certificate_of_another_phase_is_not_taken_back() {
    let (context, signers) = context(b"mine");
    let good = hotstuff_record(&context, &signers);
    let wrong = |change: fn(&mut hotstuff::Record, Qc), phase| {
        let mut record = good.clone();
        change(&mut record, qc(&context, &signers, phase, 6));
        unseal::<HotStuff>(&context, ME, &seal::<HotStuff>(&context, ME, &record))
    };
    let refused = Err(Reject::Malformed("votes of another phase"));
    assert_eq!(wrong(|record, qc| record.high = Some(qc), Phase::PreCommit), refused);
    assert_eq!(wrong(|record, qc| record.locked = Some(qc), Phase::Prepare), refused);
    assert_eq!(wrong(|record, qc| record.commits.decided = Some(qc), Phase::Prepare), refused);
    assert!(
        wrong(|record, qc| record.entry = Some(hotstuff::Entry::Decided(qc)), Phase::Prepare)
            .is_err()
    );
}

#[test]
fn a_record_of_one_protocol_is_none_of_another() {
    let (context, signers) = context(b"mine");
    let sealed = seal::<Pbft>(&context, ME, &pbft_record(&context, &signers));
    assert!(unseal::<HotStuff>(&context, ME, &sealed).is_err());
    assert!(unseal::<ChainedHotStuff>(&context, ME, &sealed).is_err());
    assert!(unseal::<DolevStrong>(&context, ME, &sealed).is_err());
}

#[test]
fn a_block_comes_back_or_is_refused() {
    let (context, signers) = context(b"mine");
    let genesis = Block::genesis(context.committee.instance());
    let (_, clients) = KeyRing::insecure_from_seed(
        Scheme::Ed25519,
        context.committee.instance(),
        "client",
        4,
        &[7; 32],
    )
    .expect("four keys are possible");
    let request = byzlab_protocols::Command { seq: 1, payload: b"get k".to_vec() };
    let requests = [Arc::new(clients[0].sign(request))];
    let justify = (View::GENESIS, Digest::ZERO);
    let block = Block::propose(
        &signers[1],
        &genesis,
        View(1),
        justify,
        Batch::of(&context.clients, &requests),
    );
    for block in [&genesis, &block] {
        let mut bytes = Vec::new();
        block.save(&mut bytes);
        let mut from = &bytes[..];
        let loaded = Block::load(&context, &mut from).expect("it is well formed");
        assert_eq!((&loaded, loaded.wire(), from.len()), (block, block.wire(), 0));
        for at in 1..bytes.len() {
            bytes[at] ^= 1;
            assert!(Block::load(&context, &mut &bytes[..]).is_err(), "byte {at}");
            bytes[at] ^= 1;
        }
    }
}

#[test]
fn a_map_out_of_order_is_no_map() {
    let (context, _) = context(b"mine");
    let map: BTreeMap<u8, u64> = [(1, 10), (2, 20)].into();
    let mut bytes = Vec::new();
    map.save(&mut bytes);
    assert_eq!(BTreeMap::load(&context, &mut &bytes[..]), Ok(map));
    bytes[4] = 2;
    assert_eq!(BTreeMap::<u8, u64>::load(&context, &mut &bytes[..]), Err(Reject::Undecodable));
}
