//! What is read from a stream, for those who look for bytes that break it.

use bytes::Bytes;
use byzlab_crypto::{Digest, PartyId};

use super::{
    Limits,
    frames::{End, Frames},
    greeting::{self, Answer, Greeting, Hello},
};
use crate::fuzzing::PATIENCE;

/// The frames in these bytes, if they are whole frames to the end.
pub(crate) async fn frames(bytes: &[u8]) -> Option<Vec<Bytes>> {
    let mut frames = Frames::new(bytes, Limits::default().frame, PATIENCE);
    let (mut all, mut length) = (Vec::new(), 0);
    loop {
        match frames.next().await {
            Ok(frame) => {
                length += super::frames::PREFIX + frame.len();
                all.push(frame);
            }
            // In the middle of a frame, or after one.
            Err(End::Stream(None)) => return (length == bytes.len()).then_some(all),
            Err(End::Stream(Some(_)) | End::Refused(_)) => return None,
        }
    }
}

/// Whether these bytes are the first words on a stream.
pub(crate) async fn greeting(bytes: &[u8]) -> bool {
    let (mut one, mut other) = (bytes, bytes);
    let mut again = Vec::new();
    if let Ok(hello) = greeting::read::<Hello>(&mut one).await {
        greeting::write(&mut again, &hello).await.expect("writing to a vector cannot fail");
        assert_eq!(again, bytes[..bytes.len() - one.len()], "two encodings");
        assert!(hello.mismatch(&hello).is_none());
        return true;
    }
    if let Ok(answer) = greeting::read::<Answer>(&mut other).await {
        greeting::write(&mut again, &answer).await.expect("writing to a vector cannot fail");
        assert_eq!(again, bytes[..bytes.len() - other.len()], "two encodings");
        return true;
    }
    false
}

/// First words.
pub(crate) fn seeds() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let greeting = Greeting {
        instance: Digest([1; 32]),
        protocol: "pbft".to_owned(),
        version: "1".to_owned(),
        scenario: Digest([2; 32]),
    };
    let hello = Hello { from: PartyId(1), to: PartyId(2), greeting };
    let words = [
        ("hello", borsh::to_vec(&hello)),
        ("welcome", borsh::to_vec(&Answer::Welcome)),
        ("refused", borsh::to_vec(&Answer::Refused(hello))),
    ];
    words.into_iter().map(|(name, body)| {
        let body = body.expect("writing to a vector cannot fail");
        let length = u16::try_from(body.len()).expect("it is short");
        (name, [&length.to_le_bytes()[..], &body].concat())
    })
}
