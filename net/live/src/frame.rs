//! What a node puts around a message: which of its sends this is, so that a delivery names its
//! send when a run is judged.

use bytes::{BufMut, Bytes, BytesMut};
use byzlab_protocols::{Body, Packet, Protocol, decode};
use std::sync::Arc;

/// The life of a party and the send within it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SendId {
    /// How often the party had started before.
    pub incarnation: u32,
    /// The number of the send in that life, from 0 on. A broadcast is one send.
    pub number: u64,
}

const HEADER: usize = 12;

/// The bytes of a packet, as they travel.
pub(crate) fn packet_bytes<P: Protocol>(packet: &Packet<P>) -> Bytes {
    match packet.body() {
        Body::Typed(wire) => {
            let mut bytes = Vec::with_capacity(packet.bytes() as usize);
            borsh::to_writer(&mut bytes, wire).expect("a message is written to memory");
            bytes.into()
        }
        Body::Raw(raw) => Bytes::copy_from_slice(raw),
    }
}

/// A packet of bytes that came in. What decodes to no message is a packet all the same.
pub(crate) fn packet_of<P: Protocol>(bytes: &[u8]) -> Arc<Packet<P>> {
    match decode::<P>(bytes) {
        Ok(wire) => Packet::new(wire),
        Err(_) => Packet::raw(bytes.to_vec()),
    }
}

/// A frame.
pub(crate) fn frame(id: SendId, packet: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER + packet.len());
    frame.put_u32_le(id.incarnation);
    frame.put_u64_le(id.number);
    frame.put_slice(packet);
    frame.freeze()
}

/// What is in a frame; nothing if it is too short to be one.
pub(crate) fn open(mut frame: Bytes) -> Option<(SendId, Bytes)> {
    if frame.len() < HEADER {
        return None;
    }
    let header = frame.split_to(HEADER);
    let (incarnation, number) = header.split_at(4);
    let incarnation = u32::from_le_bytes(incarnation.try_into().ok()?);
    let number = u64::from_le_bytes(number.try_into().ok()?);
    Some((SendId { incarnation, number }, frame))
}
