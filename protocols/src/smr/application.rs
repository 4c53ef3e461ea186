//! The replicated application: a key-value store.

use std::{borrow::Cow, collections::BTreeMap};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::Digest;

/// A key-value store. `put KEY VALUE` stores and answers `ok`, `get KEY` answers the value or
/// nothing; every other payload is answered with `error`, at all replicas alike.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct KeyValue {
    values: BTreeMap<String, String>,
}

impl KeyValue {
    /// Executes one command.
    pub fn apply(&mut self, payload: &[u8]) -> Cow<'static, [u8]> {
        const ERROR: Cow<'static, [u8]> = Cow::Borrowed(b"error");
        let Ok(text) = std::str::from_utf8(payload) else { return ERROR };
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (verb, rest.split_once(' ')) {
            ("put", Some((key, value))) => {
                self.values.insert(key.to_owned(), value.to_owned());
                Cow::Borrowed(b"ok")
            }
            ("get", None) => {
                Cow::Owned(self.values.get(rest).cloned().unwrap_or_default().into_bytes())
            }
            _ => ERROR,
        }
    }

    /// The digest of the whole state.
    pub fn digest(&self) -> Digest {
        let bytes = borsh::to_vec(&self.values).expect("writing to a vector cannot fail");
        Digest::of("byzlab/smr/state/1", &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_can_be_got() {
        let mut store = KeyValue::default();
        assert_eq!(&*store.apply(b"put k some words"), b"ok");
        assert_eq!(&*store.apply(b"get k"), b"some words");
        assert_eq!(&*store.apply(b"get other"), b"");
        for wrong in [&b"\xff"[..], b"drop k", b"put k", b"get a b", b""] {
            assert_eq!(&*store.apply(wrong), b"error");
        }
    }
}
