//! Holds frames until they are due.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use byzlab_crypto::PartyId;
use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{Instant, sleep_until},
};

/// Holds frames until they are due, then hands them on: those of one moment in the order in which
/// they came. Dropping it drops what it holds.
pub struct Line {
    held: Arc<Held>,
    task: AbortHandle,
}

struct Held {
    frames: Mutex<Frames>,
    changed: Notify,
    max_bytes: usize,
}

#[derive(Default)]
struct Frames {
    by_due: BTreeMap<(Instant, u64), (PartyId, Bytes)>,
    /// The bytes of each receiver for which any are held.
    bytes: BTreeMap<PartyId, usize>,
    count: u64,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out what is due, and says when the next is.
    fn due(&self) -> (Vec<(PartyId, Bytes)>, Option<Instant>) {
        let mut frames = self.lock();
        let now = Instant::now();
        let mut due = Vec::new();
        while let Some(first) = frames.by_due.first_entry() {
            if first.key().0 > now {
                break;
            }
            let (to, frame) = first.remove();
            if let Some(bytes) = frames.bytes.get_mut(&to) {
                *bytes -= frame.len();
            }
            due.push((to, frame));
        }
        let next = frames.by_due.first_key_value().map(|((due, _), _)| *due);
        (due, next)
    }
}

impl Line {
    /// A line that holds `max_bytes` at most for each receiver and hands on by `deliver`, on a task of
    /// its own.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(max_bytes: usize, deliver: impl Fn(PartyId, Bytes) + Send + 'static) -> Line {
        let (frames, changed) = (Mutex::default(), Notify::new());
        let held = Arc::new(Held { frames, changed, max_bytes });
        let here = held.clone();
        let task = tokio::spawn(async move {
            loop {
                let (due, next) = here.due();
                due.into_iter().for_each(|(to, frame)| deliver(to, frame));
                let wait = async {
                    match next {
                        Some(next) => sleep_until(next).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = wait => {}
                    () = here.changed.notified() => {}
                }
            }
        });
        Line { held, task: task.abort_handle() }
    }

    /// Holds a frame until it is due; says whether there is room for it. Never waits.
    pub fn hold(&self, due: impl Into<Instant>, to: PartyId, frame: Bytes) -> bool {
        let due = due.into();
        let mut frames = self.held.lock();
        let bytes = frames.bytes.entry(to).or_default();
        if *bytes + frame.len() > self.held.max_bytes {
            return false;
        }
        *bytes += frame.len();
        frames.count += 1;
        let key = (due, frames.count);
        let first = frames.by_due.first_key_value().is_none_or(|(first, _)| key < *first);
        frames.by_due.insert(key, (to, frame));
        drop(frames);
        if first {
            self.held.changed.notify_one();
        }
        true
    }

    /// How many frames it holds.
    pub fn len(&self) -> usize {
        self.held.lock().by_due.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn frames_come_when_they_are_due_and_in_their_order() {
        let (sender, mut came) = mpsc::unbounded_channel();
        let start = Instant::now();
        let line = Line::start(100, move |to, frame| {
            sender.send((start.elapsed(), to, frame)).unwrap();
        });
        let ms = Duration::from_millis;
        let frame = |byte| Bytes::from(vec![byte; 10]);
        for (due, byte) in [(20, 1), (10, 2), (20, 3), (0, 4), (30, 5)] {
            assert!(line.hold(start + ms(due), PartyId(byte.into()), frame(byte)));
        }
        for (due, byte) in [(0, 4), (10, 2), (20, 1), (20, 3)] {
            let (at, to, got) = came.recv().await.unwrap();
            assert_eq!((to, got), (PartyId(byte.into()), frame(byte)));
            // A timer of the runtime counts whole milliseconds.
            assert!(at >= ms(due) && at <= ms(due + 1), "{at:?}");
        }
        // What comes later may be due earlier.
        assert!(line.hold(start + ms(25), PartyId(6), frame(6)));
        assert_eq!(came.recv().await.unwrap().1, PartyId(6));
        assert_eq!(came.recv().await.unwrap().1, PartyId(5));
        assert!(line.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_is_bounded() {
        let (sender, mut came) = mpsc::unbounded_channel();
        let line = Line::start(100, move |to, _| sender.send(to).unwrap());
        let due = Instant::now() + Duration::from_secs(1);
        let held = (0..12).filter(|_| line.hold(due, PartyId(1), vec![0; 10].into()));
        assert_eq!(held.count(), 10);
        assert!(line.hold(due, PartyId(0), vec![0; 100].into()), "that of another is free");
        for _ in 0..10 {
            assert_eq!(came.recv().await, Some(PartyId(1)));
        }
        assert_eq!(came.recv().await, Some(PartyId(0)));
        assert!(line.hold(due, PartyId(0), vec![0; 100].into()), "there is room again");
    }
}
