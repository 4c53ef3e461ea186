//! Small-scope changes (ByzzFuzz): one field of a message changed, the message signed again.

use serde_json::Value;

use super::{Behaviour, Env, Sending, Trigger, through};
use crate::{Attack, Effect, Effects, Input, Material, Packet, Stream, Target};

/// To some receivers, sends a message with one field changed and signed again in place of the
/// true one.
#[derive(Clone, Debug)]
pub(crate) struct Mutate<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
}

impl<P: Attack> Behaviour<P> for Mutate<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let Mutate { inner, trigger } = self;
        through(&mut **inner, env, input, fx, |sending, fx| {
            if !trigger.hits(sending.packet.tag(), fx.now()) {
                return sending.put(fx);
            }
            let wire = sending.packet.wire();
            let changed = wire.and_then(|wire| change(wire, trigger.stream(), &env.material));
            let Some(changed) = changed.map(Packet::new) else { return sending.put(fx) };
            let mut fired = false;
            for receiver in env.receivers(sending.to) {
                let to = Target::One(receiver);
                let lie = receiver != env.party && trigger.stream().below(2) == 0;
                fired |= lie && env.reaches_honest(to);
                let packet = if lie { changed.clone() } else { sending.packet.clone() };
                Sending { to, packet, hold: sending.hold }.put(fx);
            }
            if fired {
                fx.push(Effect::Fired(trigger.number));
            }
        });
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        self.inner.machines(each);
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        Box::new(self.clone())
    }
}

/// The message with one random leaf or list changed, signed again.
fn change<P: Attack>(
    wire: &P::Wire,
    stream: &mut Stream,
    material: &Material<'_, P>,
) -> Option<P::Wire> {
    let mut value = serde_json::to_value(wire).ok()?;
    let mut place = stream.below(places(&value));
    let leaf = place_at(&mut value, &mut place)?;
    *leaf = match &*leaf {
        Value::Number(number) => {
            let number = number.as_u64().unwrap_or_default();
            let near = [number.saturating_add(1), number.saturating_sub(1), 0, number ^ 1];
            Value::from(*stream.pick(&near)?)
        }
        Value::String(_) => {
            // A digest: that of another message which was seen.
            let seen = material.seen.len() as u64;
            let other = &material.seen.get(stream.below(seen) as usize)?.tag().digest;
            Value::from(format!("{other:#}"))
        }
        // A list: its last item twice, or the list without it.
        Value::Array(items) => {
            let (mut items, last) = (items.clone(), items.last()?.clone());
            match stream.below(2) {
                0 => items.push(last),
                _ => drop(items.pop()),
            }
            Value::from(items)
        }
        _ => Value::Null,
    };
    P::resign(&serde_json::from_value(value).ok()?, material)
}

/// Whether a value may be changed as a whole: a leaf, or a list of more than numbers.
fn is_place(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.first().is_some_and(|item| !item.is_number()),
        Value::Number(_) | Value::String(_) => true,
        Value::Object(_) | Value::Null | Value::Bool(_) => false,
    }
}

/// How many places of a value may be changed. Signatures may not.
fn places(value: &Value) -> u64 {
    let inside: u64 = match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| *name != "signature");
            fields.map(|(_, field)| places(field)).sum()
        }
        Value::Array(items) => items.iter().map(places).sum(),
        _ => 0,
    };
    u64::from(is_place(value)) + inside
}

/// The place with so many before it, which are counted down.
fn place_at<'a>(value: &'a mut Value, before: &mut u64) -> Option<&'a mut Value> {
    if is_place(value) {
        match before.checked_sub(1) {
            None => return Some(value),
            Some(fewer) => *before = fewer,
        }
    }
    match value {
        Value::Object(fields) => {
            let mut fields = fields.iter_mut().filter(|(name, _)| *name != "signature");
            fields.find_map(|(_, field)| place_at(field, before))
        }
        Value::Array(items) => items.iter_mut().find_map(|item| place_at(item, before)),
        _ => None,
    }
}

/// Why fields of a message cannot be set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Misfit {
    /// It has no such field; those that it has.
    NoField(String, Vec<String>),
    /// The value does not fit; why.
    Value(String, String),
    /// Nobody who is corrupted can sign it again.
    Unsigned,
}

/// The message with fields set by their paths in its serde form, such as `Vote.body.view`; not
/// signed again.
///
/// # Errors
/// Which path the message does not have, or which value does not fit it.
fn changed<P: Attack>(wire: &P::Wire, fields: &[(String, Value)]) -> Result<P::Wire, Misfit> {
    let mut value = serde_json::to_value(wire).expect("a message has a serde form");
    for (path, field) in fields {
        let found = value.pointer_mut(&format!("/{}", path.replace('.', "/")));
        let Some(found) = found else {
            return Err(Misfit::NoField(path.clone(), paths(&value, "")));
        };
        *found = field.clone();
        if let Err(error) = serde_json::from_value::<P::Wire>(value.clone()) {
            return Err(Misfit::Value(path.clone(), error.to_string()));
        }
    }
    Ok(serde_json::from_value(value).expect("each value was tried"))
}

/// The paths of all fields that may be changed, as files write them.
fn paths(value: &Value, path: &str) -> Vec<String> {
    let own = is_place(value) && !path.is_empty();
    let inside = |name: &str, field: &Value| match path {
        "" => paths(field, name),
        path => paths(field, &format!("{path}.{name}")),
    };
    let inside: Vec<_> = match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| *name != "signature");
            fields.flat_map(|(name, field)| inside(name, field)).collect()
        }
        Value::Array(items) if own => {
            items.iter().enumerate().flat_map(|(at, item)| inside(&at.to_string(), item)).collect()
        }
        _ => Vec::new(),
    };
    own.then(|| path.to_owned()).into_iter().chain(inside).collect()
}

/// Sets fields of a message by their paths in its serde form, such as `Vote.body.view`, and
/// signs it again if its author is corrupted.
///
/// # Errors
/// Which path the message does not have, which value does not fit it, or that nobody can sign it.
pub fn set_field<P: Attack>(
    wire: &P::Wire,
    fields: &[(String, Value)],
    material: &Material<'_, P>,
) -> Result<P::Wire, Misfit> {
    P::resign(&changed::<P>(wire, fields)?, material).ok_or(Misfit::Unsigned)
}
