//! What travels: one packet for all receivers of a broadcast.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock},
};

use byzlab_crypto::{Digest, Reject};

use crate::{Context, Protocol, View};

/// The most bytes that a packet may have before anybody decodes it: 64 MiB.
pub const MAX_PACKET_BYTES: usize = 64 << 20;

/// What a runtime knows of a message: the same few fields for every protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tag {
    /// The kind of message, one of the protocol's `KINDS`.
    pub kind: &'static str,
    /// The view (round of attempts, broadcast) that it belongs to.
    pub view: View,
    /// The slot, height or round within it; 0 where there is none.
    pub slot: u64,
    /// What it is about: the hash of a block or value.
    pub digest: Digest,
    /// How many signatures a receiver has to check that never saw any of them before.
    pub signatures: u32,
}

impl Tag {
    /// The kind of packets that are no message at all.
    pub const RAW: &'static str = "raw";
}

/// What is inside a packet.
pub enum Body<P: Protocol> {
    /// A message, written by whoever sent it.
    Typed(P::Wire),
    /// Bytes below the codec, right or wrong.
    Raw(Vec<u8>),
}

/// One message as sent. Its check runs at most once, however many receive it.
pub struct Packet<P: Protocol> {
    body: Body<P>,
    tag: Tag,
    bytes: u32,
    copy: Option<u8>,
    verdict: OnceLock<Result<P::Message, Reject>>,
}

impl<P: Protocol> Packet<P> {
    /// A packet with a message.
    pub fn new(wire: P::Wire) -> Arc<Packet<P>> {
        let length = borsh::object_length(&wire).expect("a message has a length");
        let bytes = u32::try_from(length).unwrap_or(u32::MAX);
        let tag = P::tag(&wire);
        Packet::of(Body::Typed(wire), tag, bytes)
    }

    /// A packet of bytes that nobody vouches for.
    pub fn raw(raw: Vec<u8>) -> Arc<Packet<P>> {
        let tag = match decode::<P>(&raw) {
            Ok(wire) => P::tag(&wire),
            Err(_) => Tag {
                kind: Tag::RAW,
                view: View::GENESIS,
                slot: 0,
                digest: Digest::ZERO,
                signatures: 0,
            },
        };
        let bytes = u32::try_from(raw.len()).unwrap_or(u32::MAX);
        Packet::of(Body::Raw(raw), tag, bytes)
    }

    fn of(body: Body<P>, tag: Tag, bytes: u32) -> Arc<Packet<P>> {
        Arc::new(Packet { body, tag, bytes, copy: None, verdict: OnceLock::new() })
    }

    /// Which of two copies of a corrupted machine sent it: a mark for its accomplices.
    pub(crate) fn copy(&self) -> Option<u8> {
        self.copy
    }

    /// Marks a packet that nobody else has yet.
    pub(crate) fn mark(self: &mut Arc<Self>, copy: u8) {
        if let Some(packet) = Arc::get_mut(self) {
            packet.copy = Some(copy);
        }
    }

    /// What is inside.
    pub fn body(&self) -> &Body<P> {
        &self.body
    }

    /// The message as written, if it is one.
    pub fn wire(&self) -> Option<&P::Wire> {
        match &self.body {
            Body::Typed(wire) => Some(wire),
            Body::Raw(_) => None,
        }
    }

    /// What it is about.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    /// Its length in its canonical encoding, in bytes.
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Decodes and checks the packet, once.
    ///
    /// # Errors
    /// Why every correct receiver refuses it.
    pub fn verdict(&self, context: &Context) -> &Result<P::Message, Reject> {
        self.verdict.get_or_init(|| match &self.body {
            Body::Typed(wire) => P::check(context, wire),
            Body::Raw(raw) => P::check(context, &decode::<P>(raw)?),
        })
    }
}

/// Decodes a message from its canonical bytes.
///
/// # Errors
/// [`Reject::Oversize`] before anything is decoded, [`Reject::Undecodable`] for everything that
/// is not the one encoding of a message, trailing bytes included.
pub fn decode<P: Protocol>(raw: &[u8]) -> Result<P::Wire, Reject> {
    if raw.len() > MAX_PACKET_BYTES {
        return Err(Reject::Oversize);
    }
    borsh::from_slice(raw).map_err(|_| Reject::Undecodable)
}

impl<P: Protocol> PartialEq for Packet<P> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.body, &other.body) {
            (Body::Typed(one), Body::Typed(other)) => one == other,
            (Body::Raw(one), Body::Raw(other)) => one == other,
            _ => false,
        }
    }
}

impl<P: Protocol> Eq for Packet<P> {}

impl<P: Protocol> Hash for Packet<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.body {
            Body::Typed(wire) => wire.hash(state),
            Body::Raw(raw) => raw.hash(state),
        }
    }
}

impl<P: Protocol> fmt::Debug for Packet<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            Body::Typed(wire) => wire.fmt(f),
            Body::Raw(raw) => write!(f, "{} raw bytes", raw.len()),
        }
    }
}
