//! Attacks on keys and single signatures: rows C10, C11, C12, C14 and C15 of the catalogue of
//! attacks (section 2.2), with real points of the curve.

mod common;

use byzlab_crypto::{
    Certificate, Committee, Digest, KeyError, KeyRing, PartyId, Reject, Scheme, Signature, Signed,
    Signer, Statement, Verified,
};
use common::{SCHEMES, Vote, claim, committee, instance, vote};
use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    edwards::CompressedEdwardsY,
    traits::IsIdentity,
};
use sha2::{Digest as _, Sha512};

/// The prime of the field, little-endian: 2^255 - 19.
const P: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

/// The order of the group, little-endian: 2^252 + 27742317777372353535851937790883648493.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Three honest keys around the one in question, which gets seat 1.
fn ring_with(key: [u8; 32]) -> Result<KeyRing, KeyError> {
    let honest = [11, 12, 13].map(|number: u64| point(number).compress().to_bytes());
    KeyRing::from_public_keys(instance("keys"), &[honest[0], key, honest[1], honest[2]])
}

fn scalar(number: u64) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&Sha512::digest(number.to_le_bytes()).into())
}

fn point(number: u64) -> EdwardsPoint {
    scalar(number) * ED25519_BASEPOINT_POINT
}

/// The equation of Ed25519, signed by hand: any nonce, any point that is claimed for it.
struct Hand {
    secret: Scalar,
    key: [u8; 32],
}

impl Hand {
    fn challenge(&self, nonce_point: &[u8; 32], digest: &Digest) -> Scalar {
        let hash = Sha512::new().chain_update(nonce_point).chain_update(self.key);
        Scalar::from_bytes_mod_order_wide(&hash.chain_update(digest.0).finalize().into())
    }

    fn sign(&self, nonce: Scalar, nonce_point: EdwardsPoint, body: &Vote) -> Signed<Vote> {
        let shown = nonce_point.compress().to_bytes();
        let challenge = self.challenge(&shown, &body.digest(&instance("keys")));
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&shown);
        signature[32..].copy_from_slice((nonce + challenge * self.secret).as_bytes());
        Signed { body: body.clone(), by: PartyId(1), signature: Signature(signature) }
    }

    /// Whether the equation holds when both sides are multiplied by 8, as batches do it.
    fn holds_times_eight(&self, signed: &Signed<Vote>) -> bool {
        let bytes = |at: usize| {
            let mut half = [0; 32];
            half.copy_from_slice(&signed.signature.0[at..at + 32]);
            half
        };
        let (shown, s) = (bytes(0), Scalar::from_bytes_mod_order(bytes(32)));
        let unpack = |bytes| CompressedEdwardsY(bytes).decompress().expect("a point");
        let challenge = self.challenge(&shown, &signed.body.digest(&instance("keys")));
        let right = unpack(shown) + challenge * unpack(self.key);
        (s * ED25519_BASEPOINT_POINT - right).mul_by_cofactor().is_identity()
    }
}

#[test]
fn by_hand_signatures_are_like_those_of_the_library() {
    let hand = Hand { secret: scalar(1), key: point(1).compress().to_bytes() };
    let signed = hand.sign(scalar(2), point(2), &vote(1, "v"));
    assert!(ring_with(hand.key).unwrap().check(&signed).is_ok());
}

#[test]
fn c10_keys_of_small_order_are_refused_when_they_are_loaded() {
    for torsion in EIGHT_TORSION {
        let refused = ring_with(torsion.compress().to_bytes()).err();
        assert_eq!(refused, Some(KeyError::Weak(PartyId(1))));
    }
}

/// With such a nonce point the signature says nothing of the message's signer that anybody could
/// not undo: the lax check takes it.
#[test]
fn c10_a_nonce_point_of_small_order_is_refused() {
    let secret = scalar(1);
    for torsion in EIGHT_TORSION {
        // A key with the same torsion, so that the plain equation can hold for some messages.
        let key = (point(1) + torsion).compress().to_bytes();
        let ring = ring_with(key).unwrap();
        let hand = Hand { secret, key };
        for view in 0..32 {
            for shown in EIGHT_TORSION {
                let signed = hand.sign(Scalar::ZERO, shown, &vote(view, "v"));
                assert!(hand.holds_times_eight(&signed));
                assert_eq!(ring.check(&signed).err(), Some(Reject::Signature(PartyId(1))));
            }
        }
    }
}

/// y + p in place of y, and minus zero: one point, another encoding, a second seat.
#[test]
fn c11_keys_in_another_encoding_are_refused() {
    let mut not_weak = 0;
    for more in 0..19 {
        for sign in [0, 0x80] {
            let mut key = P;
            key[0] += more;
            key[31] |= sign;
            let Some(point) = CompressedEdwardsY(key).decompress() else { continue };
            let refused = ring_with(key).err();
            if point.is_small_order() {
                assert_eq!(refused, Some(KeyError::Weak(PartyId(1))));
            } else {
                not_weak += 1;
                assert_eq!(refused, Some(KeyError::Malformed(PartyId(1))), "p + {more}");
                assert!(ring_with(point.compress().to_bytes()).is_ok(), "its own encoding is fine");
            }
        }
    }
    assert!(not_weak > 0, "no encoding was refused for its form alone");
    let mut minus_zero = [0; 32];
    (minus_zero[0], minus_zero[31]) = (1, 0x80);
    assert!(ring_with(minus_zero).is_err());
    let no_point = (0..=u8::MAX).map(|byte| [byte; 32]);
    let mut no_point = no_point.filter(|bytes| CompressedEdwardsY(*bytes).decompress().is_none());
    let refused = ring_with(no_point.next().unwrap()).err();
    assert_eq!(refused, Some(KeyError::Malformed(PartyId(1))));
}

#[test]
fn c11_one_key_has_one_seat() {
    let keys = [11, 12, 13].map(|number| point(number).compress().to_bytes());
    for (first, second) in [(0, 1), (0, 2), (1, 2)] {
        let mut twice = keys;
        twice[second] = twice[first];
        let refused = KeyRing::from_public_keys(instance("keys"), &twice).err();
        let both = [first, second].map(|seat| PartyId(seat as u16));
        assert_eq!(refused, Some(KeyError::Duplicate(both[0], both[1])));
    }
    assert_eq!(KeyRing::from_public_keys(instance("keys"), &[]).err(), Some(KeyError::Count(0)));
}

#[test]
fn c12_a_signature_with_the_group_order_added_is_refused() {
    let (committee, signers) = committee(Scheme::Ed25519, 4, 1, "this one", 7);
    for view in 0..8 {
        let body = vote(view, "v");
        let mut signed = signers[1].sign(body.clone()).into_signed();
        let mut carry = 0;
        for (byte, more) in signed.signature.0[32..].iter_mut().zip(L) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert_eq!(carry, 0, "the sum fits");
        let wrong = Some(Reject::Signature(PartyId(1)));
        assert_eq!(committee.check(&signed).err(), wrong);
        let mut claimed: Vec<_> = signers.iter().map(|by| common::signature(by, &body)).collect();
        assert!(Certificate::check(&committee, &claim(&body, claimed.clone())).is_ok());
        claimed[1].1 = signed.signature;
        assert_eq!(Certificate::check(&committee, &claim(&body, claimed)).err(), wrong);
    }
}

/// Whoever holds no key can make no other signature out of one.
#[test]
fn c12_no_bit_of_a_signature_can_be_changed() {
    for scheme in SCHEMES {
        let (committee, signers) = committee(scheme, 4, 1, "this one", 7);
        let signed = signers[1].sign(vote(1, "v")).into_signed();
        assert!(committee.check(&signed).is_ok());
        for bit in 0..512 {
            let mut changed = signed.clone();
            changed.signature.0[bit / 8] ^= 1 << (bit % 8);
            let refused = committee.check(&changed).err();
            assert_eq!(refused, Some(Reject::Signature(PartyId(1))), "{scheme:?} bit {bit}");
        }
        for fill in [0, 0xff] {
            let filled = Signed { signature: Signature([fill; 64]), ..signed.clone() };
            assert!(committee.check(&filled).is_err());
        }
    }
}

/// A signature that holds in a batch and not alone is refused by everybody, alone, in a
/// certificate and a second time.
#[test]
fn c14_a_torsion_component_in_the_nonce_point_is_refused_by_all() {
    let hand = Hand { secret: scalar(1), key: point(1).compress().to_bytes() };
    for torsion in &EIGHT_TORSION[1..] {
        let signed = hand.sign(scalar(2), point(2) + torsion, &vote(1, "v"));
        assert!(hand.holds_times_eight(&signed), "a batch would take it");
        for committee in [0, 1].map(|f| Committee::new(ring_with(hand.key).unwrap(), f).unwrap()) {
            let wrong = Some(Reject::Signature(PartyId(1)));
            assert_eq!(committee.check(&signed).err(), wrong);
            assert_eq!(committee.check(&signed).err(), wrong, "asked again");
        }
        let alone = KeyRing::from_public_keys(instance("keys"), &[hand.key]).unwrap();
        let alone = Committee::new(alone, 0).unwrap();
        let claimed = claim(&signed.body, [(PartyId(0), signed.signature)]);
        let wrong = Some(Reject::Signature(PartyId(0)));
        assert_eq!(Certificate::check(&alone, &claimed).err(), wrong);
    }
}

/// Under a key with a torsion component some signatures hold and some do not. Which ones is the
/// same for everybody, whatever they checked before.
#[test]
fn c14_a_torsion_component_in_the_key_gives_everybody_the_same_verdict() {
    let key = (point(1) + EIGHT_TORSION[1]).compress().to_bytes();
    let hand = Hand { secret: scalar(1), key };
    let (one, other) = (ring_with(key).unwrap(), ring_with(key).unwrap());
    let signed: Vec<_> =
        (0..64).map(|view| hand.sign(scalar(2), point(2), &vote(view, "v"))).collect();
    let verdicts: Vec<_> = signed.iter().map(|signed| one.check(signed).is_ok()).collect();
    let mut again: Vec<_> = signed.iter().rev().map(|signed| other.check(signed).is_ok()).collect();
    again.reverse();
    assert_eq!(verdicts, again);
    let again: Vec<_> = signed.iter().map(|signed| one.check(signed).is_ok()).collect();
    assert_eq!(verdicts, again);
    let taken = verdicts.iter().filter(|taken| **taken).count();
    assert!((1..64).contains(&taken), "{taken} of 64 taken: the case is not reached");
}

/// RUSTSEC-2022-0093: a signing function that takes the public key can be made to sign twice
/// with one nonce under two keys, which gives away the secret. Here signing takes the signer and
/// the statement and nothing else: the types below are the proof, and they are checked when this
/// file is compiled.
#[test]
fn c15_signing_takes_no_key() {
    let _: fn(&Signer, Vote) -> Verified<Vote> = Signer::sign;
    let _: fn(&Signer, Vote, u32) -> Verified<Vote> = Signer::sign_variant;
    for scheme in SCHEMES {
        let (committee, signers) = committee(scheme, 4, 1, "this one", 7);
        for (party, signer) in committee.parties().zip(&signers) {
            let signed = signer.sign(vote(1, "v")).into_signed();
            assert_eq!((signer.party(), signed.by), (party, party));
            assert_eq!(signer.instance(), committee.instance());
            for by in committee.parties() {
                let claimed = Signed { by, ..signed.clone() };
                assert_eq!(committee.check(&claimed).is_ok(), by == party);
            }
        }
    }
}

/// Why nothing may be identified by the bytes of a signature.
#[test]
fn a_signer_can_make_many_valid_signatures_on_one_statement() {
    for scheme in SCHEMES {
        let (committee, signers) = committee(scheme, 4, 1, "this one", 7);
        let body = vote(1, "v");
        let variants = [0, 1, 2, 255, 256, u32::MAX];
        let made = variants.map(|variant| signers[3].sign_variant(body.clone(), variant));
        for (at, one) in made.iter().enumerate() {
            assert!(committee.check(one.signed()).is_ok());
            assert!(made[at + 1..].iter().all(|other| one.signed() != other.signed()));
        }
        assert_eq!(made[0], signers[3].sign(body.clone()), "variant 0 is the honest one");
        assert_eq!(signers[3].sign(body.clone()), signers[3].sign(body), "and repeatable");
    }
}

#[test]
fn keys_of_one_seed_differ_by_purpose_seat_and_seed() {
    for scheme in SCHEMES {
        let body = vote(1, "v");
        let ring = |purpose, seed| {
            KeyRing::insecure_from_seed(scheme, instance("keys"), purpose, 4, &[seed; 32]).unwrap()
        };
        let (parties, _) = ring("party", 1);
        let (_, clients) = ring("client", 1);
        let (_, others) = ring("party", 2);
        for signer in clients.iter().chain(&others) {
            assert!(parties.check(signer.sign(body.clone()).signed()).is_err());
        }
        for count in [0, 1025] {
            let made =
                KeyRing::insecure_from_seed(scheme, instance("keys"), "party", count, &[1; 32]);
            assert_eq!(made.err(), Some(KeyError::Count(count)));
        }
    }
}

#[test]
fn fresh_keys_sign_for_their_seats() {
    let mut random = Counter(1);
    let (ring, signers) = KeyRing::generate(instance("keys"), 4, &mut random).unwrap();
    for signer in &signers {
        assert!(ring.check(signer.sign(vote(1, "v")).signed()).is_ok());
    }
    assert_eq!(ring.len(), 4);
    let none = KeyRing::generate(instance("keys"), 0, &mut random);
    assert_eq!(none.err(), Some(KeyError::Count(0)));
}

/// No random source at all, but one that says it is.
struct Counter(u64);

impl rand_core::TryRng for Counter {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|number| number as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 += 1;
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for byte in bytes {
            *byte = self.try_next_u64()? as u8;
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counter {}
