//! SHA-256 digests.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest. Shown by its first four bytes, `{:#}` shows all of it.
#[derive(Clone, Copy, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Digest(pub [u8; 32]);

// Compared as two numbers: a digest is looked up for every message, and a call for 32 bytes costs
// more than that.

impl PartialEq for Digest {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.halves() == other.halves()
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Ord for Digest {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let ([first, second], [other_first, other_second]) = (self.halves(), other.halves());
        first.cmp(&other_first).then_with(|| second.cmp(&other_second))
    }
}

impl PartialOrd for Digest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Digest {
    /// The bytes as big-endian numbers, so that their order is that of the bytes.
    #[inline]
    fn halves(&self) -> [u128; 2] {
        std::array::from_fn(|at| {
            let mut half = [0; 16];
            half.copy_from_slice(&self.0[16 * at..16 * at + 16]);
            u128::from_be_bytes(half)
        })
    }

    /// The digest that stands for "nothing": no value hashes to it.
    pub const ZERO: Digest = Digest([0; 32]);

    /// The digest of `bytes` under a domain: the domain is bound with its length, so that no two
    /// domains share a digest.
    ///
    /// # Panics
    /// If the domain is longer than 255 bytes.
    pub fn of(domain: &str, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher256::new(domain);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The plain SHA-256 of `bytes`, for callers that bound the domain themselves.
    pub(crate) fn plain(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// The first eight bytes as a number, for seeding.
    pub fn to_u64(self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0[..8]);
        u64::from_le_bytes(first)
    }
}

/// Hashes under a domain what comes in pieces.
#[derive(Clone)]
pub struct Hasher256(Sha256);

impl Hasher256 {
    /// Nothing yet, under a domain.
    ///
    /// # Panics
    /// If the domain is longer than 255 bytes.
    pub fn new(domain: &str) -> Self {
        let length = u8::try_from(domain.len()).expect("a domain is a short constant");
        let mut hasher = Sha256::new();
        hasher.update([length]);
        hasher.update(domain.as_bytes());
        Hasher256(hasher)
    }

    /// Takes in the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all pieces: that of [`Digest::of`] of them together.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl std::io::Write for Hasher256 {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if f.alternate() { 32 } else { 4 };
        f.write_str(&encode_hex(&self.0[..shown]))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Reads 64 hexadecimal digits, the form of `{:#}`.
impl std::str::FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        decode_array(text).map(Digest)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:#}"))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decode_array(&<String as Deserialize>::deserialize(deserializer)?)
            .map(Digest)
            .map_err(D::Error::custom)
    }
}

/// Bytes as lower case hexadecimal digits.
pub(crate) fn encode_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Decodes exactly `2 * N` lower or upper case hexadecimal digits.
pub(crate) fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], String> {
    if text.len() != 2 * N {
        return Err(format!("expected {} hexadecimal digits, got {}", 2 * N, text.len()));
    }
    let bytes = decode_hex(text)?;
    Ok(bytes.try_into().expect("two digits are one byte"))
}

/// Decodes an even number of lower or upper case hexadecimal digits.
pub(crate) fn decode_hex(text: &str) -> Result<Vec<u8>, String> {
    if let Some(other) = text.chars().find(|digit| !digit.is_ascii_hexdigit()) {
        return Err(format!("`{other}` is not hexadecimal"));
    }
    if !text.len().is_multiple_of(2) {
        return Err(format!("{} hexadecimal digits are no whole bytes", text.len()));
    }
    let four = |digit: u8| match digit {
        b'0'..=b'9' => digit - b'0',
        letter => (letter | 0x20) - b'a' + 10,
    };
    Ok(text.as_bytes().chunks_exact(2).map(|pair| four(pair[0]) << 4 | four(pair[1])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_of_different_length_never_share_a_digest() {
        assert_ne!(Digest::of("ab", b"c"), Digest::of("a", b"bc"));
    }

    #[test]
    fn digests_are_ordered_like_their_bytes() {
        let digests: Vec<_> = (0..100u8).map(|byte| Digest::of("order", &[byte])).collect();
        for (a, b) in digests.iter().flat_map(|a| digests.iter().map(move |b| (a, b))) {
            assert_eq!((a.cmp(b), a == b), (a.0.cmp(&b.0), a.0 == b.0));
        }
    }

    #[test]
    fn hexadecimal_goes_there_and_back() {
        let digest = Digest::of("test", b"x");
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"zz\"").is_err());
        for wrong in ["+1", "-1", " 1", "0x", "\u{e9}", "zz"] {
            let text = format!("\"{wrong}{}\"", "0".repeat(64 - wrong.len()));
            assert!(serde_json::from_str::<Digest>(&text).is_err(), "{text}");
        }
    }
}
