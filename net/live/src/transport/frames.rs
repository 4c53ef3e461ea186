//! Frames on a stream: four bytes of length, little endian, and so many bytes.
//!
//! The length is checked before anything is allocated, and memory grows with what really came.

use std::{io, time::Duration};

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use super::Refused;

/// Bytes of a length.
pub(super) const PREFIX: usize = 4;

/// What is read at once. Shorter frames are copied out of it, longer ones read on their own.
const BUFFER: usize = 64 * 1024;

/// How reading ended.
#[derive(Debug)]
pub(super) enum End {
    /// The stream did.
    Stream(Option<io::Error>),
    /// The frame is refused, and with it the stream.
    Refused(Refused),
}

/// Reads frames.
pub(super) struct Frames<S> {
    stream: S,
    /// What was read and not given yet: `buffer[start..end]`.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// A frame longer than the buffer, as far as it came, and its length.
    long: Option<(Vec<u8>, usize)>,
    /// By when the frame that began has to end.
    due: Option<Instant>,
    max_frame: usize,
    patience: Duration,
}

impl<S: AsyncRead + Unpin> Frames<S> {
    /// Frames of `max_frame` bytes at most, each within `patience` of its first byte.
    pub(super) fn new(stream: S, max_frame: usize, patience: Duration) -> Self {
        let buffer = vec![0; BUFFER].into();
        Frames { stream, buffer, start: 0, end: 0, long: None, due: None, max_frame, patience }
    }

    /// The next frame. Nothing is lost if it is not awaited to its end.
    pub(super) async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            if let Some(frame) = self.whole().map_err(End::Refused)? {
                self.due = None;
                return Ok(frame);
            }
            if self.start < self.end || self.long.is_some() {
                self.due.get_or_insert_with(|| Instant::now() + self.patience);
            }
            self.fill().await?;
        }
    }

    /// A frame that came whole.
    fn whole(&mut self) -> Result<Option<Bytes>, Refused> {
        if let Some((frame, length)) = &mut self.long {
            if frame.len() < *length {
                return Ok(None);
            }
            let frame = std::mem::take(frame);
            self.long = None;
            return Ok(Some(frame.into()));
        }
        let here = &self.buffer[self.start..self.end];
        let Some((prefix, body)) = here.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let length = self.length(*prefix)?;
        if let Some(frame) = body.get(..length) {
            let frame = Bytes::copy_from_slice(frame);
            self.start += PREFIX + length;
            return Ok(Some(frame));
        }
        if PREFIX + length > BUFFER {
            self.long = Some((body.to_vec(), length));
            (self.start, self.end) = (0, 0);
        }
        Ok(None)
    }

    fn length(&self, prefix: [u8; PREFIX]) -> Result<usize, Refused> {
        match usize::try_from(u32::from_le_bytes(prefix)) {
            Ok(0) => Err(Refused::EmptyFrame),
            Ok(length) if length <= self.max_frame => Ok(length),
            _ => Err(Refused::LongFrame),
        }
    }

    /// Reads some more.
    async fn fill(&mut self) -> Result<(), End> {
        let Frames { stream, buffer, start, end, long, due, .. } = self;
        if *start > 0 {
            buffer.copy_within(*start..*end, 0);
            (*start, *end) = (0, *end - *start);
        }
        let Some((frame, length)) = long else {
            *end += timely(stream.read(&mut buffer[*end..]), *due).await?;
            return Ok(());
        };
        let wanted = (*length - frame.len()).min(BUFFER);
        let count = timely(stream.read(&mut buffer[..wanted]), *due).await?;
        if frame.capacity() < frame.len() + count {
            // At most doubled, and never beyond the frame: a claim alone takes no memory.
            frame.reserve_exact((*length - frame.len()).min(frame.len().max(BUFFER)));
        }
        frame.extend_from_slice(&buffer[..count]);
        Ok(())
    }
}

/// Bytes that came, if they came in time.
async fn timely(
    read: impl Future<Output = io::Result<usize>>,
    due: Option<Instant>,
) -> Result<usize, End> {
    let read = match due {
        Some(due) => timeout_at(due, read).await.map_err(|_| End::Refused(Refused::SlowFrame))?,
        None => read.await,
    };
    match read {
        Ok(0) => Err(End::Stream(None)),
        Ok(count) => Ok(count),
        Err(error) => Err(End::Stream(Some(error))),
    }
}

#[cfg(test)]
mod tests {
    use futures::{TryStreamExt, stream};

    use super::*;

    const MAX: usize = 300_000;

    fn framed(frame: &[u8]) -> Vec<u8> {
        let length = u32::try_from(frame.len()).unwrap();
        [&length.to_le_bytes(), frame].concat()
    }

    fn frames(bytes: &[u8]) -> Frames<&[u8]> {
        Frames::new(bytes, MAX, Duration::from_secs(1))
    }

    #[tokio::test]
    async fn frames_of_every_length_come_whole_and_in_order() {
        let lengths = [1, 2, 100, BUFFER - 5, BUFFER - 4, BUFFER - 3, BUFFER, MAX, 1, MAX, 7];
        let bodies = lengths.map(|length| (0..length).map(|at| (at % 251) as u8).collect());
        let bytes: Vec<u8> = bodies.iter().flat_map(|body: &Vec<u8>| framed(body)).collect();
        let mut frames = frames(&bytes);
        for body in &bodies {
            assert_eq!(frames.next().await.unwrap(), body);
        }
        assert!(matches!(frames.next().await, Err(End::Stream(None))));
    }

    #[tokio::test]
    async fn a_length_is_checked_before_anything_is_read_for_it() {
        for (length, refused) in [
            (0, Refused::EmptyFrame),
            (MAX as u32 + 1, Refused::LongFrame),
            (u32::MAX, Refused::LongFrame),
        ] {
            let bytes = length.to_le_bytes();
            let mut frames = frames(&bytes);
            let Err(End::Refused(reason)) = frames.next().await else { panic!("{length}") };
            assert_eq!(reason, refused);
            assert!(frames.long.is_none());
        }
    }

    #[tokio::test]
    async fn memory_grows_with_what_came_and_not_with_what_was_claimed() {
        let mut bytes = framed(&vec![7; MAX]);
        bytes.truncate(BUFFER + 100);
        let mut frames = frames(&bytes);
        assert!(matches!(frames.next().await, Err(End::Stream(None))));
        let (frame, length) = frames.long.as_ref().unwrap();
        assert_eq!(*length, MAX);
        assert!(frame.capacity() <= 2 * BUFFER, "{}", frame.capacity());
    }

    #[tokio::test(start_paused = true)]
    async fn who_trickles_is_refused() {
        let bytes = framed(&[1; 100]).into_iter();
        let trickle = stream::unfold(bytes, |mut bytes| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some((io::Result::Ok([bytes.next()?]), bytes))
        });
        let stream = Box::pin(trickle).into_async_read();
        let mut frames = Frames::new(stream, MAX, Duration::from_secs(1));
        assert!(matches!(frames.next().await, Err(End::Refused(Refused::SlowFrame))));
    }
}
