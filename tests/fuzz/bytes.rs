//! Bytes that are nearly right, and bytes that are not.

use byzlab::protocols::Stream;

/// Noise, or something true with a few changes.
pub(crate) fn draw(random: &mut Stream, corpus: &[Vec<u8>]) -> Vec<u8> {
    if random.below(8) == 0 {
        return (0..random.below(300)).map(|_| random.bits() as u8).collect();
    }
    let mut bytes = random.pick(corpus).expect("a corpus").clone();
    for _ in 0..=random.below(3) {
        change(random, &mut bytes, corpus);
    }
    bytes
}

fn change(random: &mut Stream, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let at = random.below(bytes.len() as u64 + 1) as usize;
    let end = at + random.below((bytes.len() - at).min(40) as u64 + 1) as usize;
    match random.below(8) {
        0 => bytes.truncate(at),
        1 => bytes.push(random.bits() as u8),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        4 => {
            let other = random.pick(corpus).expect("a corpus");
            let from = random.below(other.len() as u64 + 1) as usize;
            bytes.splice(at.., other[from..].iter().copied());
        }
        5 => {
            // Lengths and counts are four bytes, the least significant first.
            let number = [0, 1, 1 << 16, u32::MAX / 64, u32::MAX - 1, u32::MAX];
            let number = random.pick(&number).expect("a list").to_le_bytes();
            bytes.iter_mut().skip(at).zip(number).for_each(|(byte, new)| *byte = new);
        }
        6 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = *random.pick(&[0, 1, 0x7f, 0x80, 0xff]).expect("a list");
            }
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}
