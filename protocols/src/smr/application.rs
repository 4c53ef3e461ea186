//! The replicated application: a key-value store.

use std::{borrow::Cow, collections::BTreeMap};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::Digest;

use super::{MAX_PAYLOAD, list};

/// A key-value store. `put KEY VALUE` stores and answers `ok`, `get KEY` answers the value or
/// nothing; a [`list`] of such commands is executed in order and answered with the list of their
/// results. Every other payload is answered with `error`, at all replicas alike, and so is a `get` in
/// a list whose value would bring the results above [`MAX_PAYLOAD`] bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct KeyValue {
    values: BTreeMap<String, String>,
}

const ERROR: Cow<'static, [u8]> = Cow::Borrowed(b"error");

impl KeyValue {
    /// Executes what a request asks for.
    pub fn apply(&mut self, payload: &[u8]) -> Cow<'static, [u8]> {
        let Some(commands) = list::items(payload) else { return self.one(payload, MAX_PAYLOAD) };
        let mut room = MAX_PAYLOAD;
        let results = commands.into_iter().map(|command| {
            let result = self.one(command, room);
            room = room.saturating_sub(result.len());
            result
        });
        Cow::Owned(list::list(results))
    }

    /// Executes a command; what a `get` finds is copied only if there is room for it.
    fn one(&mut self, command: &[u8], room: usize) -> Cow<'static, [u8]> {
        let Ok(text) = std::str::from_utf8(command) else { return ERROR };
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (verb, rest.split_once(' ')) {
            ("put", Some((key, value))) => {
                match self.values.get_mut(key) {
                    Some(before) => value.clone_into(before),
                    None => _ = self.values.insert(key.to_owned(), value.to_owned()),
                }
                Cow::Borrowed(b"ok")
            }
            ("get", None) => match self.values.get(rest) {
                // Nothing is gained by an error that is longer.
                Some(value) if value.len() > room.max(ERROR.len()) => ERROR,
                Some(value) => Cow::Owned(value.clone().into_bytes()),
                None => Cow::Borrowed(b""),
            },
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

    #[test]
    fn a_list_is_executed_in_order_and_answered_in_order() {
        let mut store = KeyValue::default();
        let commands = [&b"put k v"[..], b"get k", b"drop k", b"put k w", b"get k", b"get other"];
        let results = store.apply(&list::list(commands));
        let expected = [&b"ok"[..], b"v", b"error", b"ok", b"w", b""];
        assert_eq!(list::items(&results), Some(expected.to_vec()));
        let mut half = list::list([b"put k x"]);
        half.pop();
        assert_eq!(&*store.apply(&half), b"error");
        assert_eq!(&*store.apply(b"get k"), b"w", "nothing of what is no list is executed");
        let nested = list::list([list::list([b"get k"])]);
        assert_eq!(list::items(&store.apply(&nested)), Some(vec![&b"error"[..]]));
    }

    #[test]
    fn short_questions_get_no_endless_answer() {
        let mut store = KeyValue::default();
        let value = "v".repeat(MAX_PAYLOAD - 10);
        store.apply(format!("put k {value}").as_bytes());
        let mut commands = vec![&b"get k"[..]; list::MAX_ITEMS - 1];
        commands.push(b"put k v");
        let results = store.apply(&list::list(commands));
        let items = list::items(&results).unwrap();
        assert_eq!((items[0], items[1], items.len()), (value.as_bytes(), &b"error"[..], 1024));
        assert_eq!(items[1023], b"ok", "what is executed is not called an error");
        assert!(results.len() <= MAX_PAYLOAD + 10 * list::MAX_ITEMS);
    }
}
