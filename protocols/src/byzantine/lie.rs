//! A steady lie: one field of its messages changed, the same one in the same way each time.

use std::collections::BTreeSet;

use byzlab_crypto::{Digest, PartyId};
use serde_json::Value;

use super::{Behaviour, Env, Sending, Trigger, through};
use crate::{Attack, Effect, Effects, Input, Packet, Time};

/// So far ahead of the truth is a number that is far ahead.
const FAR: u64 = 1000;

/// So many lies it tells in one instant at the most: what it says to itself it hears at once, and may
/// answer by the next lie.
const MOST: u32 = 4;

/// In so many ways a field can be changed.
const WAYS: u64 = 4;

/// In place of a message sends one with a field changed, signed again, to everybody and to itself:
/// it believes its own lies.
#[derive(Clone, Debug)]
pub(crate) struct Lie<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
    /// Which field in which way, by number.
    pub(crate) number: u64,
    /// When it lied last, and how often just then.
    pub(crate) last: (Time, u32),
}

impl<P: Attack> Behaviour<P> for Lie<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let Lie { inner, trigger, number, last } = self;
        if last.0 != fx.now() {
            *last = (fx.now(), 0);
        }
        through(&mut **inner, env, input, fx, |sending, fx| {
            let lie = || {
                let wire = sending.packet.wire()?;
                let lie = changed::<P>(wire, *number, env)?;
                let lie = P::resign(&P::seal(&lie, &env.material), &env.material)?;
                (lie != *wire).then_some(lie)
            };
            // Where there is nothing to lie about, the trigger is not used up.
            let lie = if last.1 < MOST { lie() } else { None };
            let Some(lie) = lie.filter(|_| trigger.hits(sending.packet.tag(), fx.now())) else {
                return sending.put(fx);
            };
            last.1 += 1;
            if env.reaches_honest(sending.to) {
                fx.push(Effect::Fired(trigger.number));
            }
            Sending { packet: Packet::new(lie), ..sending }.put(fx);
        });
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        self.inner.machines(each);
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        Box::new(self.clone())
    }
}

/// The message with all fields of one name changed, not signed again.
fn changed<P: Attack>(wire: &P::Wire, number: u64, env: &Env<'_, P>) -> Option<P::Wire> {
    let mut value = serde_json::to_value(wire).ok()?;
    let mut names = BTreeSet::new();
    visit(&mut value, "", env.party, &mut |name, _| {
        names.insert(name.to_owned());
    });
    let at = (number / WAYS).checked_rem(names.len() as u64)?;
    let name = names.into_iter().nth(at as usize)?;
    let digests = env.material.seen.iter().map(|packet| packet.tag().digest);
    let digests: Vec<Digest> = digests.filter(|digest| *digest != Digest::ZERO).collect();
    visit(&mut value, "", env.party, &mut |other, field| {
        if other == name {
            change(field, number % WAYS, &digests);
        }
    });
    serde_json::from_value(value).ok()
}

/// Calls for every field that a party can change in what it sends, with its path but for places in
/// lists; what others signed it can only leave out.
fn visit(value: &mut Value, path: &str, party: PartyId, each: &mut dyn FnMut(&str, &mut Value)) {
    let certificate = value.get("statement").is_some();
    let signed = value.get("signature").is_some();
    let foreign = signed && value.get("by") != Some(&Value::from(party.0));
    match value {
        _ if foreign => {}
        Value::Object(_) if certificate => each(path, value),
        Value::Object(fields) => {
            for (name, field) in fields {
                if !["signature", "by"].contains(&name.as_str()) {
                    visit(field, &format!("{path}.{name}"), party, each);
                }
            }
        }
        Value::Array(items) if items.first().is_some_and(|item| !item.is_number()) => {
            for item in items {
                visit(item, path, party, each);
            }
            each(&format!("{path}[]"), value);
        }
        Value::Number(_) | Value::String(_) => each(path, value),
        _ => {}
    }
}

/// A field changed in one of the ways.
fn change(field: &mut Value, way: u64, digests: &[Digest]) {
    match field {
        Value::Number(number) => {
            let number = number.as_u64().unwrap_or_default();
            let other = match way {
                0 => 0,
                1 => number.saturating_add(1),
                2 => number.saturating_sub(1),
                _ => number.saturating_add(FAR),
            };
            *field = Value::from(other);
        }
        Value::String(text) => {
            let differs = |digest: &&Digest| format!("{digest:#}") != *text;
            let other = match way {
                0 => digests.iter().find(differs).copied(),
                1 => digests.iter().rfind(differs).copied(),
                2 => Some(Digest::ZERO),
                _ => Some(Digest::of("byzlab/invented/1", text.as_bytes())),
            };
            if let Some(other) = other {
                *field = Value::from(format!("{other:#}"));
            }
        }
        Value::Array(items) => match way {
            0 => items.clear(),
            1 => drop(items.pop()),
            2 => items.extend(items.last().cloned()),
            _ => items.reverse(),
        },
        Value::Object(_) => *field = Value::Null,
        _ => {}
    }
}
