//! Where a run has been: which line of the pseudo-code fired last, in which state.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
};

use byzlab_crypto::PartyId;
use byzlab_protocols::{Time, View};
use byzlab_trace::{Detail, Event, EventId, Observer, What};

/// Collects pairs of (last line noted, state shown), each as a number, and when messages arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    last: u8,
    /// How much each party decided, and which view it is in.
    parties: BTreeMap<PartyId, (u8, u8)>,
    keys: BTreeSet<u64>,
    /// The arrivals of messages of other parties.
    arrivals: Vec<(EventId, Time)>,
}

impl Coverage {
    /// Who is how far, whoever it is: that one is ahead is a state of them all.
    fn spread(&mut self) {
        let mut spread: Vec<_> = self.parties.values().copied().collect();
        spread.sort_unstable();
        let hash =
            spread.iter().fold(OFFSET, |hash, (height, view)| mix(mix(hash, *height), *view));
        self.keys.insert(hash);
    }

    /// The pairs that were seen, and the arrivals.
    pub(crate) fn seen(self) -> (Vec<u64>, Vec<(EventId, Time)>) {
        (self.keys.into_iter().collect(), self.arrivals)
    }
}

impl Observer for Coverage {
    fn see(&mut self, event: &Event, detail: Detail<'_>) {
        match (event.what, detail) {
            (What::Delivered { from, .. }, _) if from != event.party => {
                self.arrivals.push((event.id, event.at));
            }
            (What::Noted(line), _) => self.last = line,
            (What::Decided { slot, .. }, _) => {
                self.parties.entry(event.party).or_default().0 = slot.min(3) as u8;
                self.spread();
            }
            (What::Entered(View(view)), _) => {
                self.parties.entry(event.party).or_default().1 = view.min(5) as u8;
                self.spread();
            }
            (What::Shown, Detail::State(state)) => {
                let mut hash = mix(OFFSET, self.last);
                for (_, value) in state {
                    hash = mix(text(hash, value), b';');
                }
                self.keys.insert(hash);
            }
            _ => {}
        }
    }

    fn boxed(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// FNV-1a: the same numbers on every machine, and nobody has a reason to make two of them meet.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn mix(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
}

/// Words of a state. Digests differ between any two seeds, and all later views are alike.
fn text(hash: u64, value: &str) -> u64 {
    let words = value.split(|char: char| !char.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).fold(hash, |hash, word| {
        let digest = word.len() >= 6 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        match word.parse::<u64>() {
            Ok(number) if !digest => mix(hash, number.min(9) as u8),
            _ if digest => mix(hash, b'#'),
            _ => word.bytes().fold(hash, mix),
        }
    })
}
