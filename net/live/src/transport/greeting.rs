//! What two ends tell each other before the first frame.
//!
//! Whoever opens a stream says [`Hello`]; the other end compares it with its own and answers. A
//! refusal carries the other's hello, so that both ends can say what differs.

use std::{fmt, io};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{Digest, PartyId};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Refused;

/// The longest name of a protocol or version.
pub const MAX_NAME: usize = 64;

/// The longest encoded greeting, either way.
const MAX_BYTES: usize = 512;

/// What two parties must agree on before they exchange frames.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Greeting {
    /// The instance that every signature is bound to.
    pub instance: Digest,
    /// The protocol, [`MAX_NAME`] bytes at most.
    pub protocol: String,
    /// The version of the messages, [`MAX_NAME`] bytes at most.
    pub version: String,
    /// The digest of the scenario.
    pub scenario: Digest,
}

impl Greeting {
    /// Whether its names are short enough to be said.
    pub(super) fn is_short(&self) -> bool {
        self.protocol.len() <= MAX_NAME && self.version.len() <= MAX_NAME
    }
}

/// The first words on a stream.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Hello {
    /// As whom the opener speaks.
    pub(super) from: PartyId,
    /// For whom it takes the other end.
    pub(super) to: PartyId,
    /// What they must agree on.
    pub(super) greeting: Greeting,
}

/// The answer to a hello.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(super) enum Answer {
    /// Frames may follow.
    Welcome,
    /// None may; and what would have been said in place of the hello.
    Refused(Hello),
}

/// The first difference between what was said and what was expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mismatch {
    pub(super) reason: Refused,
    pub(super) expected: String,
    pub(super) got: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { reason, expected, got } = self;
        write!(f, "another {}: {got} there, {expected} here", reason.name())
    }
}

impl Hello {
    /// The first thing that differs from what was expected.
    pub(super) fn mismatch(&self, expected: &Hello) -> Option<Mismatch> {
        let (ours, theirs) = (&expected.greeting, &self.greeting);
        let seats = |hello: &Hello| format!("{} to {}", hello.from, hello.to);
        // Names come from the peer: escaped, so that they cannot forge a line of a log.
        let name = |name: &str| format!("{name:?}");
        let digest = |digest: &Digest| digest.to_string();
        let (reason, expected, got) = if ours.instance != theirs.instance {
            (Refused::Instance, digest(&ours.instance), digest(&theirs.instance))
        } else if ours.protocol != theirs.protocol {
            (Refused::Protocol, name(&ours.protocol), name(&theirs.protocol))
        } else if ours.version != theirs.version {
            (Refused::Version, name(&ours.version), name(&theirs.version))
        } else if ours.scenario != theirs.scenario {
            (Refused::Scenario, digest(&ours.scenario), digest(&theirs.scenario))
        } else if (self.from, self.to) != (expected.from, expected.to) {
            (Refused::Seat, seats(expected), seats(self))
        } else {
            return None;
        };
        Some(Mismatch { reason, expected, got })
    }
}

/// Writes a greeting: its length in two bytes, then its canonical bytes.
pub(super) async fn write<T: BorshSerialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    greeting: &T,
) -> io::Result<()> {
    let body = borsh::to_vec(greeting)?;
    let length = u16::try_from(body.len()).map_err(io::Error::other)?;
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(body);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// Reads a greeting. What is too long, or not canonical, is an error of kind
/// [`io::ErrorKind::InvalidData`], without reading on.
pub(super) async fn read<T: BorshDeserialize>(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<T> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let length = usize::from(u16::from_le_bytes(length));
    if length > MAX_BYTES {
        let text = format!("a greeting of {length} bytes; at most {MAX_BYTES} are read");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    decode(&bytes)
}

/// Decodes a greeting.
///
/// # Errors
/// What is no greeting, or has bytes after it.
pub(super) fn decode<T: BorshDeserialize>(bytes: &[u8]) -> io::Result<T> {
    borsh::from_slice(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        let greeting = Greeting {
            instance: Digest::of("test", b"instance"),
            protocol: "pbft".to_owned(),
            version: "1".to_owned(),
            scenario: Digest::of("test", b"scenario"),
        };
        Hello { from: PartyId(1), to: PartyId(2), greeting }
    }

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(hello().mismatch(&hello()), None);
        type Change = fn(&mut Hello);
        let changes: [(Refused, Change); 6] = [
            (Refused::Seat, |hello| hello.from = PartyId(7)),
            (Refused::Seat, |hello| hello.to = PartyId(7)),
            (Refused::Scenario, |hello| hello.greeting.scenario = Digest::ZERO),
            (Refused::Version, |hello| hello.greeting.version.push('1')),
            (Refused::Protocol, |hello| hello.greeting.protocol.push('\n')),
            (Refused::Instance, |hello| hello.greeting.instance = Digest::ZERO),
        ];
        let mut worse = hello();
        for (reason, change) in changes {
            let mut other = hello();
            change(&mut other);
            change(&mut worse);
            assert_eq!(other.mismatch(&hello()).unwrap().reason, reason);
            assert_eq!(worse.mismatch(&hello()).unwrap().reason, reason);
            assert!(!other.mismatch(&hello()).unwrap().to_string().contains('\n'));
        }
    }

    #[tokio::test]
    async fn greetings_are_bounded_and_canonical() {
        let mut bytes = Vec::new();
        write(&mut bytes, &hello()).await.unwrap();
        assert_eq!(read::<Hello>(&mut &*bytes).await.unwrap(), hello());
        let length = |bytes: &mut Vec<u8>, length: usize| {
            bytes[..2].copy_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
        };
        let mut longer = bytes.clone();
        longer.push(0);
        length(&mut longer, bytes.len() - 2 + 1);
        let error = read::<Hello>(&mut &*longer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        length(&mut longer, MAX_BYTES + 1);
        let error = read::<Hello>(&mut &longer[..2]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        for cut in 0..bytes.len() {
            let error = read::<Hello>(&mut &bytes[..cut]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
