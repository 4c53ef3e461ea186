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
    let mut paths = Vec::new();
    leaves(&value, &mut String::new(), &mut paths);
    let path = stream.pick(&paths)?.clone();
    let leaf = value.pointer_mut(&path)?;
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

/// The paths of all leaves that are not signatures, and of lists.
fn leaves(value: &Value, path: &mut String, paths: &mut Vec<String>) {
    let length = path.len();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter().filter(|(name, _)| *name != "signature") {
                path.push('/');
                path.push_str(name);
                leaves(field, path, paths);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            if items.first().is_some_and(|item| !item.is_number()) {
                paths.push(path.clone());
            }
            for (at, item) in items.iter().enumerate() {
                path.push_str(&format!("/{at}"));
                leaves(item, path, paths);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) => {}
        Value::Number(_) | Value::String(_) => paths.push(path.clone()),
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
            return Err(Misfit::NoField(path.clone(), paths(&value)));
        };
        *found = field.clone();
        if let Err(error) = serde_json::from_value::<P::Wire>(value.clone()) {
            return Err(Misfit::Value(path.clone(), error.to_string()));
        }
    }
    Ok(serde_json::from_value(value).expect("each value was tried"))
}

/// The paths of all fields that can be set, as files write them.
fn paths(value: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    leaves(value, &mut String::new(), &mut paths);
    paths.iter().map(|path| path.trim_start_matches('/').replace('/', ".")).collect()
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
