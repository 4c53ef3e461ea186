//! The replicated application: a key-value store.

use std::collections::BTreeMap;

use byzlab_crypto::Digest;

/// A key-value store. `put KEY VALUE` stores and answers `ok`, `get KEY` answers the value or
/// nothing; every other payload is answered with `error`, at all replicas alike.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct KeyValue {
    values: BTreeMap<String, String>,
}

impl KeyValue {
    /// Executes one command.
    pub fn apply(&mut self, payload: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(payload) else { return b"error".to_vec() };
        match text.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
            ["put", key, value] => {
                self.values.insert((*key).to_owned(), (*value).to_owned());
                b"ok".to_vec()
            }
            ["get", key] => self.values.get(*key).cloned().unwrap_or_default().into(),
            _ => b"error".to_vec(),
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
        assert_eq!(store.apply(b"put k some words"), b"ok");
        assert_eq!(store.apply(b"get k"), b"some words");
        assert_eq!(store.apply(b"get other"), b"");
        assert_eq!(store.apply(b"\xff"), b"error");
        assert_eq!(store.apply(b"drop k"), b"error");
    }
}
