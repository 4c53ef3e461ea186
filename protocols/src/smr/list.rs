//! Many commands in one request, and their results in one reply: what a signature costs is shared.
//!
//! A list is a byte that begins no text, and each item after its length of four bytes, lowest
//! first. To consensus it is a payload like any other.

use super::MAX_PAYLOAD;

/// The first byte of a list: no text begins with it.
const LIST: u8 = 0xff;
/// The bytes before each item.
const PREFIX: usize = 4;

/// The most items of a list.
pub const MAX_ITEMS: usize = 1024;

/// The bytes that an item takes in a list.
pub fn room(item: &[u8]) -> usize {
    PREFIX + item.len()
}

/// Whether an item fits into a list that has so many items of so many bytes: a payload of
/// [`MAX_PAYLOAD`] bytes, with [`MAX_ITEMS`] at the most.
pub fn fits(items: usize, bytes: usize, item: &[u8]) -> bool {
    items < MAX_ITEMS && 1 + bytes + room(item) <= MAX_PAYLOAD
}

/// A list.
///
/// # Panics
/// If an item has more than 4 GiB.
pub fn list(items: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
    let mut list = vec![LIST];
    for item in items {
        let item = item.as_ref();
        let length = u32::try_from(item.len()).expect("an item is short");
        list.extend_from_slice(&length.to_le_bytes());
        list.extend_from_slice(item);
    }
    list
}

/// The items of a list; nothing if the bytes are no list, or one of none or of too many.
pub fn items(list: &[u8]) -> Option<Vec<&[u8]>> {
    let (&LIST, mut rest) = list.split_first()? else { return None };
    let mut items = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<PREFIX>() {
        let (item, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        if items.len() == MAX_ITEMS {
            return None;
        }
        items.push(item);
        rest = after;
    }
    (rest.is_empty() && !items.is_empty()).then_some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_listed_is_read_and_nothing_else_is_a_list() {
        let some = [&b"put k v"[..], b"", b"get k"];
        let bytes = list(some);
        assert_eq!(items(&bytes), Some(some.to_vec()));
        assert_eq!(bytes.len(), 1 + some.iter().map(|item| room(item)).sum::<usize>());
        // Cut between two items it is a shorter list.
        let whole = [1 + room(some[0]), 1 + room(some[0]) + room(some[1])];
        for cut in (0..bytes.len()).filter(|cut| !whole.contains(cut)) {
            assert_eq!(items(&bytes[..cut]), None, "{cut}");
        }
        assert_eq!(items(b"put k v"), None);
        assert_eq!(items(&[LIST, 0xff, 0xff, 0xff, 0xff, 1]), None);
    }

    #[test]
    fn a_list_that_is_filled_as_far_as_it_goes_is_a_payload() {
        for item in [&[7; 500][..], &[]] {
            let (mut count, mut bytes) = (0, 0);
            while fits(count, bytes, item) {
                (count, bytes) = (count + 1, bytes + room(item));
            }
            let full = list(std::iter::repeat_n(item, count));
            assert!(
                full.len() <= MAX_PAYLOAD && items(&full).is_some_and(|all| all.len() == count)
            );
            assert!(full.len() + room(item) > MAX_PAYLOAD || count == MAX_ITEMS);
        }
        assert_eq!(items(&list(vec![[]; MAX_ITEMS + 1])), None);
    }
}
