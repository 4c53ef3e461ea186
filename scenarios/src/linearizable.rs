//! Whether what clients saw of a key-value store could have come from one that does one thing at a
//! time: linearizability, as Wing and Gong check it, with the memo of Lowe.
//!
//! A history is linearizable if each operation can be given a moment between its call and its
//! return so that every `get` answers what the last `put` before it stored. Keys do not touch each
//! other, so each is checked alone. An operation without a return may have happened at any time
//! after its call, or never.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What a client did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Stored a value.
    Put(String),
    /// Asked for the value and was told this; empty if there was none.
    Get(String),
}

/// One operation of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// On which key.
    pub key: String,
    /// What.
    pub action: Action,
    /// When it was called.
    pub called: u64,
    /// When it returned; nothing if the client gave up before.
    pub returned: Option<u64>,
}

/// What a history turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Linearizable {
    /// An order was found.
    Yes,
    /// There is none for the operations on this key.
    No {
        /// The key.
        key: String,
        /// Operations that cannot all be explained: those at which the longest order ends.
        stuck: Vec<Operation>,
    },
    /// The search became too long for this key.
    Unknown {
        /// The key.
        key: String,
    },
}

impl fmt::Display for Linearizable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Linearizable::Yes => write!(f, "linearizable"),
            Linearizable::Unknown { key } => write!(f, "key {key:?}: not decided, too many orders"),
            Linearizable::No { key, stuck } => {
                write!(f, "key {key:?}: not linearizable: no order explains")?;
                for (at, operation) in stuck.iter().enumerate() {
                    write!(f, "{} {operation}", if at == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Put(value) => write!(f, "put {value:?}")?,
            Action::Get(value) => write!(f, "get = {value:?}")?,
        }
        match self.returned {
            Some(returned) => write!(f, " in {}..{returned}", self.called),
            None => write!(f, " from {} on", self.called),
        }
    }
}

/// The most situations that are remembered for one key.
const SITUATIONS: usize = 1_000_000;

/// Checks a history.
pub fn check(history: &[Operation]) -> Linearizable {
    let mut keys: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in history {
        keys.entry(&operation.key).or_default().push(operation);
    }
    let checked = keys.into_values().map(|operations| Register::new(operations).check());
    let mut worst = Linearizable::Yes;
    for result in checked {
        match result {
            Linearizable::Yes => {}
            Linearizable::Unknown { .. } => worst = result,
            Linearizable::No { .. } => return result,
        }
    }
    worst
}

/// The operations on one key. Values are numbers; 0 is that of a key that was never put.
struct Register<'a> {
    key: &'a str,
    /// Those that returned, by call.
    done: Vec<Step<'a>>,
    /// The puts that may have happened, by call. A get without return tells nothing.
    open: Vec<Step<'a>>,
}

struct Step<'a> {
    put: bool,
    value: usize,
    called: u64,
    returned: u64,
    whole: &'a Operation,
}

/// How far an order has come.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
struct Situation {
    /// All of `done` before this one are in the order.
    base: usize,
    /// Those of `done` above `base` that are in it too, ascending.
    above: Vec<usize>,
    /// Those of `open` that are in it, ascending.
    open: Vec<usize>,
    /// The value now.
    value: usize,
}

#[derive(Clone, Copy)]
enum Next {
    Done(usize),
    Open(usize),
}

impl<'a> Register<'a> {
    fn new(mut operations: Vec<&'a Operation>) -> Register<'a> {
        operations.sort_by_key(|operation| operation.called);
        let key = operations.first().map_or("", |operation| operation.key.as_str());
        let mut values = BTreeMap::from([("", 0)]);
        let (mut done, mut open) = (Vec::new(), Vec::new());
        for whole in operations {
            let (put, text) = match &whole.action {
                Action::Put(value) => (true, value.as_str()),
                Action::Get(value) => (false, value.as_str()),
            };
            let next = values.len();
            let value = *values.entry(text).or_insert(next);
            let called = whole.called;
            match whole.returned {
                Some(returned) => done.push(Step { put, value, called, returned, whole }),
                None if put => open.push(Step { put, value, called, returned: u64::MAX, whole }),
                None => {}
            }
        }
        Register { key, done, open }
    }

    fn check(&self) -> Linearizable {
        let key = || self.key.to_owned();
        let mut seen = BTreeSet::new();
        let mut furthest = Situation::default();
        let mut stack = vec![Situation::default()];
        while let Some(mut situation) = stack.pop() {
            // A get that fits now may as well be now: it changes nothing.
            while let Some(at) = self.fitting_get(&situation) {
                self.include(&mut situation, Next::Done(at));
            }
            if situation.base == self.done.len() {
                return Linearizable::Yes;
            }
            if seen.contains(&situation) {
                continue;
            }
            if seen.len() >= SITUATIONS {
                return Linearizable::Unknown { key: key() };
            }
            let puts = self.next(&situation).into_iter().filter(|next| self.step(*next).put);
            for next in puts.rev() {
                let mut after = situation.clone();
                self.include(&mut after, next);
                stack.push(after);
            }
            if situation.base + situation.above.len() >= furthest.base + furthest.above.len() {
                furthest = situation.clone();
            }
            seen.insert(situation);
        }
        let stuck = self.next(&furthest).into_iter().map(|next| self.step(next).whole.clone());
        Linearizable::No { key: key(), stuck: stuck.collect() }
    }

    fn step(&self, next: Next) -> &Step<'a> {
        match next {
            Next::Done(at) => &self.done[at],
            Next::Open(at) => &self.open[at],
        }
    }

    /// What may come next: whatever was called before the first of those that are left returned.
    fn next(&self, situation: &Situation) -> Vec<Next> {
        let (mut next, mut first_return) = (Vec::new(), u64::MAX);
        for (at, step) in self.done.iter().enumerate().skip(situation.base) {
            if step.called > first_return {
                break;
            }
            if situation.above.binary_search(&at).is_err() {
                first_return = first_return.min(step.returned);
                next.push(Next::Done(at));
            }
        }
        let open = self.open.iter().enumerate().take_while(|(_, step)| step.called <= first_return);
        let left = open.filter(|(at, _)| situation.open.binary_search(at).is_err());
        next.extend(left.map(|(at, _)| Next::Open(at)));
        next
    }

    fn fitting_get(&self, situation: &Situation) -> Option<usize> {
        self.next(situation).into_iter().find_map(|next| match next {
            Next::Done(at) => {
                let step = &self.done[at];
                (!step.put && step.value == situation.value).then_some(at)
            }
            Next::Open(_) => None,
        })
    }

    fn include(&self, situation: &mut Situation, next: Next) {
        let step = self.step(next);
        if step.put {
            situation.value = step.value;
        }
        let (list, at) = match next {
            Next::Done(at) => (&mut situation.above, at),
            Next::Open(at) => (&mut situation.open, at),
        };
        let place = list.partition_point(|other| *other < at);
        list.insert(place, at);
        while situation.above.first() == Some(&situation.base) {
            situation.above.remove(0);
            situation.base += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(value: &str, called: u64, returned: u64) -> Operation {
        let (key, action) = ("k".to_owned(), Action::Put(value.to_owned()));
        Operation { key, action, called, returned: (returned > 0).then_some(returned) }
    }

    fn get(value: &str, called: u64, returned: u64) -> Operation {
        Operation { action: Action::Get(value.to_owned()), ..put("", called, returned) }
    }

    fn holds(history: &[Operation]) -> bool {
        match check(history) {
            Linearizable::Yes => true,
            Linearizable::No { .. } => false,
            Linearizable::Unknown { .. } => panic!("so few are decided"),
        }
    }

    #[test]
    fn one_thing_after_the_other() {
        assert!(holds(&[]));
        assert!(holds(&[get("", 1, 2), put("a", 3, 4), get("a", 5, 6)]));
        assert!(!holds(&[put("a", 1, 2), get("", 3, 4)]));
        assert!(!holds(&[put("a", 1, 2), put("b", 3, 4), get("a", 5, 6)]));
        assert!(!holds(&[get("a", 1, 2), put("a", 3, 4)]));
        assert!(!holds(&[get("a", 1, 2)]));
    }

    #[test]
    fn what_overlaps_may_take_effect_in_either_order_but_in_one() {
        let both = [put("a", 1, 10), put("b", 1, 10)];
        let then = |values: &[&str]| {
            let gets = (20..).step_by(10).zip(values).map(|(at, value)| get(value, at, at + 5));
            both.iter().cloned().chain(gets).collect::<Vec<_>>()
        };
        assert!(holds(&then(&["a", "a"])));
        assert!(holds(&then(&["b", "b"])));
        assert!(!holds(&then(&["a", "b"])));
        assert!(holds(&[put("a", 1, 10), get("", 1, 3), get("a", 4, 6)]));
        assert!(!holds(&[put("a", 1, 10), get("a", 1, 3), get("", 4, 6)]));
    }

    #[test]
    fn who_returns_in_the_instant_of_a_call_overlaps_it() {
        assert!(holds(&[put("a", 1, 5), get("", 5, 6)]));
        assert!(!holds(&[put("a", 1, 5), get("", 6, 7)]));
    }

    #[test]
    fn what_was_given_up_may_have_happened_later_or_never_but_not_before_its_call() {
        let maybe = put("a", 5, 0);
        assert!(holds(&[maybe.clone(), get("", 10, 11)]));
        assert!(holds(&[maybe.clone(), get("", 10, 11), get("a", 12, 13)]));
        assert!(!holds(&[maybe.clone(), get("a", 10, 11), get("", 12, 13)]));
        assert!(!holds(&[get("a", 1, 4), maybe.clone()]));
        assert!(holds(&[get("a", 1, 0), get("", 5, 6)]));
        // It happens once.
        let again = [maybe.clone(), get("a", 10, 11), put("b", 12, 13), get("a", 14, 15)];
        assert!(!holds(&again));
        assert!(holds(&[&again[..], &[maybe]].concat()));
    }

    #[test]
    fn keys_do_not_touch_each_other_and_the_guilty_one_is_named() {
        let mut history = vec![put("a", 1, 2), get("a", 3, 4)];
        history.push(Operation { key: "l".to_owned(), ..get("", 3, 4) });
        assert!(holds(&history));
        history.push(Operation { key: "l".to_owned(), ..get("x", 5, 6) });
        let words = "key \"l\": not linearizable: no order explains get = \"x\" in 5..6";
        assert_eq!(check(&history).to_string(), words);
    }

    #[test]
    fn long_histories_with_many_at_once_are_decided() {
        let mut history = Vec::new();
        for at in 0..5_000 {
            history.push(put(&format!("v{at}"), at * 10, at * 10 + 35));
            history.push(get(&format!("v{at}"), at * 10 + 1, at * 10 + 36));
        }
        assert!(holds(&history));
        history.push(get("v17", 100_000, 100_001));
        assert!(!holds(&history));
    }

    /// All orders of all subsets that hold what returned.
    fn brute(history: &[Operation], order: &mut Vec<usize>, value: &str) -> bool {
        let left = |at: &usize| !order.contains(at);
        let rest: Vec<_> = (0..history.len()).filter(left).collect();
        if rest.iter().all(|at| history[*at].returned.is_none()) {
            return true;
        }
        let may = |at: usize| {
            let before = |other: &usize| {
                history[*other].returned.is_some_and(|returned| returned < history[at].called)
            };
            !rest.iter().any(before)
        };
        rest.iter().filter(|at| may(**at)).any(|at| {
            let value = match &history[*at].action {
                Action::Put(put) => put.clone(),
                Action::Get(got) if got == value || history[*at].returned.is_none() => {
                    value.to_owned()
                }
                Action::Get(_) => return false,
            };
            order.push(*at);
            let found = brute(history, order, &value);
            order.pop();
            found
        })
    }

    #[test]
    fn small_histories_are_judged_as_by_trying_all_orders() {
        let mut state = 1_u64;
        let mut draw = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut found = [0; 2];
        for _ in 0..4_000 {
            let history: Vec<_> = (0..=draw(5))
                .map(|_| {
                    let called = draw(8) + 1;
                    let returned = if draw(6) == 0 { 0 } else { called + draw(5) };
                    let value = ["", "a", "b"][draw(3) as usize];
                    match draw(2) {
                        0 => put(if value.is_empty() { "c" } else { value }, called, returned),
                        _ => get(value, called, returned),
                    }
                })
                .collect();
            let expected = brute(&history, &mut Vec::new(), "");
            assert_eq!(holds(&history), expected, "{history:#?}");
            found[usize::from(expected)] += 1;
        }
        assert!(found.iter().all(|count| *count > 500), "{found:?}");
    }
}
