//! What clients and nodes say to each other, and how it is framed.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{Digest, PartyId, Signed};
use byzlab_protocols::{Command, RequestId};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The version of this language; both ends must speak the same.
pub const VERSION: u16 = 1;

/// The longest frame in either direction, in bytes. A request has 64 KiB and a little.
pub const FRAME: usize = 1 << 20;

/// What a client says.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum ToNode {
    /// First of all: who it takes us for.
    Hello {
        /// The version that it speaks.
        version: u16,
        /// The instance whose requests it has.
        instance: Digest,
    },
    /// Asks for these, and to be told what comes of them.
    Submit(Vec<Signed<Command>>),
    /// Asks only to be told what comes of these, which it has sent to others.
    Watch(Vec<RequestId>),
}

/// What a node says.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum ToClient {
    /// The answer to a greeting that fits.
    Welcome(Welcome),
    /// Nothing will be done on this connection, and why. The end of it.
    Refused(String),
    /// What became of requests.
    Answers(Vec<Answer>),
}

/// Who a node is.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Welcome {
    /// Its party.
    pub party: PartyId,
    /// What it runs.
    pub protocol: String,
    /// The number of parties.
    pub n: u16,
    /// The faults that they tolerate.
    pub f: u16,
}

/// What became of a request at one party.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Answer {
    /// Which.
    pub request: RequestId,
    /// What.
    pub outcome: Outcome,
}

/// What became of a request at one party.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum Outcome {
    /// It was executed.
    Done {
        /// Where in the log.
        slot: u64,
        /// With what result.
        result: Vec<u8>,
    },
    /// There was no room for it: ask again later.
    Busy,
    /// It is none: its signature or its length is wrong.
    Invalid(String),
}

impl Answer {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        64 + match &self.outcome {
            Outcome::Done { result, .. } => result.len(),
            Outcome::Busy => 0,
            Outcome::Invalid(reason) => reason.len(),
        }
    }
}

/// A frame: its length in four bytes, the lowest first, and the value.
pub(crate) fn frame<T: BorshSerialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    value.serialize(&mut bytes).expect("writing to a vector cannot fail");
    let length = u32::try_from(bytes.len() - 4).expect("a frame is short");
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// The frame of [`ToNode::Submit`] or [`ToNode::Watch`] from items that are encoded already.
pub(crate) fn frame_of_items(variant: u8, items: &[bytes::Bytes]) -> Vec<u8> {
    let length = 1 + 4 + items.iter().map(|item| item.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(4 + length);
    bytes.extend_from_slice(&u32::try_from(length).expect("a frame is short").to_le_bytes());
    bytes.push(variant);
    bytes.extend_from_slice(&u32::try_from(items.len()).expect("few items").to_le_bytes());
    items.iter().for_each(|item| bytes.extend_from_slice(item));
    bytes
}

/// The place of [`ToNode::Submit`] in its enum.
pub(crate) const SUBMIT: u8 = 1;
/// The place of [`ToNode::Watch`] in its enum.
pub(crate) const WATCH: u8 = 2;

/// Reads a frame of at most `most` bytes; nothing at the end of the stream. Memory is taken as
/// bytes arrive, not as they are announced.
pub(crate) async fn read<T: BorshDeserialize>(
    stream: &mut (impl AsyncRead + Unpin),
    most: usize,
) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    let first = stream.read(&mut length).await?;
    if first == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[first..]).await?;
    let length = u32::from_le_bytes(length) as usize;
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    if length > most {
        return Err(wrong(format!("a frame of {length} bytes; at most {most} are taken")));
    }
    let mut bytes = Vec::with_capacity(length.min(16 << 10));
    (&mut *stream).take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let value = T::try_from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use byzlab_crypto::Signature;

    use super::*;

    #[test]
    fn items_that_are_encoded_before_make_the_same_frame() {
        let body = |seq| Command { seq, payload: vec![7; 30] };
        let by = PartyId(1);
        let signed = |seq| Signed { body: body(seq), by, signature: Signature([3; 64]) };
        let ids = vec![RequestId { client: by, seq: 9 }, RequestId { client: by, seq: 10 }];
        let encode = |value: &dyn Fn() -> Vec<u8>| Bytes::from(value());
        let requests = vec![signed(1), signed(2)];
        let items: Vec<_> = requests
            .iter()
            .map(|request| encode(&|| borsh::to_vec(request).expect("it encodes")))
            .collect();
        assert_eq!(frame_of_items(SUBMIT, &items), frame(&ToNode::Submit(requests)));
        let items: Vec<_> =
            ids.iter().map(|id| encode(&|| borsh::to_vec(id).expect("it encodes"))).collect();
        assert_eq!(frame_of_items(WATCH, &items), frame(&ToNode::Watch(ids)));
    }

    #[tokio::test]
    async fn a_frame_is_read_whole_or_refused() {
        let hello = ToNode::Hello { version: VERSION, instance: Digest([5; 32]) };
        let bytes = frame(&hello);
        let read = |bytes: &[u8], most| {
            let bytes = bytes.to_vec();
            async move { super::read::<ToNode>(&mut &bytes[..], most).await }
        };
        assert_eq!(read(&bytes, FRAME).await.expect("it is whole"), Some(hello));
        assert_eq!(read(&[], FRAME).await.expect("the end"), None);
        for cut in 1..bytes.len() {
            assert!(read(&bytes[..cut], FRAME).await.is_err(), "{cut} bytes");
        }
        let kind = |result: io::Result<Option<ToNode>>| result.expect_err("refused").kind();
        assert_eq!(kind(read(&bytes, bytes.len() - 5).await), io::ErrorKind::InvalidData);
        assert_eq!(kind(read(&[0xff; 9], FRAME).await), io::ErrorKind::InvalidData);
        // A list that claims more than the frame holds.
        let bomb = [9, 0, 0, 0, SUBMIT, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert_eq!(kind(read(&bomb, FRAME).await), io::ErrorKind::InvalidData);
        // Bytes after the value.
        let mut long = frame(&ToNode::Watch(vec![]));
        long.push(0);
        long[0] += 1;
        assert_eq!(kind(read(&long, FRAME).await), io::ErrorKind::InvalidData);
    }
}
