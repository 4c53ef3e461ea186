//! Frames that wait for a stream: bounded, the oldest go first when there is no room.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

/// The most frames that one batch takes out.
const BATCH_FRAMES: usize = 256;
/// And about the most bytes.
const BATCH_BYTES: usize = 256 * 1024;

/// A queue of one receiver's frames. Anybody puts, one task takes.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    max_frames: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct Waiting {
    frames: VecDeque<Bytes>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(max_frames: usize, max_bytes: usize) -> Self {
        let waiting = Mutex::default();
        Queue { waiting, changed: Notify::new(), max_frames, max_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a frame at the end and says how many were dropped for it: the oldest first, since
    /// whoever was away has more use for what is new. A frame that no queue could hold, or that
    /// comes after the end, is dropped itself.
    pub(super) fn put(&self, frame: Bytes) -> usize {
        let mut waiting = self.lock();
        if waiting.closed || frame.len() > self.max_bytes {
            return 1;
        }
        let mut dropped = 0;
        while waiting.frames.len() >= self.max_frames
            || waiting.bytes + frame.len() > self.max_bytes
        {
            let Some(oldest) = waiting.frames.pop_front() else { return 1 };
            waiting.bytes -= oldest.len();
            dropped += 1;
        }
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
        drop(waiting);
        self.changed.notify_one();
        dropped
    }

    /// Waits for frames and takes a batch of them; nothing once the queue is closed and empty.
    /// Nothing is lost if it is not awaited to its end.
    pub(super) async fn take(&self, batch: &mut Vec<Bytes>) -> bool {
        loop {
            {
                let mut waiting = self.lock();
                let mut bytes = 0;
                while batch.len() < BATCH_FRAMES && bytes < BATCH_BYTES {
                    let Some(frame) = waiting.frames.pop_front() else { break };
                    waiting.bytes -= frame.len();
                    bytes += frame.len();
                    batch.push(frame);
                }
                if !batch.is_empty() {
                    return true;
                }
                if waiting.closed {
                    return false;
                }
            }
            self.changed.notified().await;
        }
    }

    /// No more frames come; those that wait can still be taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits until the queue is closed.
    pub(super) async fn closed(&self) {
        while !self.lock().closed {
            self.changed.notified().await;
        }
        // Whoever waits for frames next must hear of it too.
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(byte: u8, length: usize) -> Bytes {
        vec![byte; length].into()
    }

    #[tokio::test]
    async fn the_oldest_make_room() {
        let queue = Queue::new(3, 10);
        assert_eq!((1..=3).map(|byte| queue.put(frame(byte, 1))).sum::<usize>(), 0);
        assert_eq!(queue.put(frame(4, 1)), 1, "three frames at most");
        assert_eq!(queue.put(frame(5, 9)), 2, "ten bytes at most");
        assert_eq!(queue.put(frame(6, 11)), 1, "it fits no queue, and pushes nobody out");
        let mut batch = Vec::new();
        assert!(queue.take(&mut batch).await);
        assert_eq!(batch, [frame(4, 1), frame(5, 9)]);
        assert_eq!(queue.put(frame(7, 10)), 0, "what was taken counts no more");
    }

    #[tokio::test]
    async fn a_closed_queue_gives_what_it_has_and_ends() {
        let queue = Queue::new(3, 10);
        queue.put(frame(1, 1));
        queue.close();
        queue.closed().await;
        assert_eq!(queue.put(frame(2, 1)), 1);
        let mut batch = Vec::new();
        assert!(queue.take(&mut batch).await);
        assert_eq!(batch.split_off(0), [frame(1, 1)]);
        assert!(!queue.take(&mut batch).await);
    }
}
