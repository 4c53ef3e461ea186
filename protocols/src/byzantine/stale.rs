//! Old words in new messages: what was said in an earlier view is said again as of this view.

use byzlab_crypto::PartyId;
use serde_json::{Map, Value};

use super::{Behaviour, Env, Sending, Trigger, through};
use crate::{Attack, Effect, Effects, Input, Packet};

/// How much of a message is old.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// All but the view and the author.
    All,
    /// What the author signs; what goes with it is of this view.
    Own,
    /// What the author signs, but for the views that it names.
    Claim,
    /// What a block carries: it stands where the new one would, with the old requests.
    Load,
}

/// In place of a message, sends one of the same kind from an earlier view, whoever sent it, under
/// its own name and the number of this view.
#[derive(Clone, Debug)]
pub(crate) struct Stale<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
    pub(crate) part: Part,
    pub(crate) bare: bool,
}

impl<P: Attack> Behaviour<P> for Stale<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let Stale { inner, trigger, part, bare } = self;
        through(&mut **inner, env, input, fx, |sending, fx| {
            let tag = *sending.packet.tag();
            let old = || {
                let earlier =
                    env.material.seen.iter().find(|packet| {
                        packet.tag().kind == tag.kind && packet.tag().view < tag.view
                    })?;
                let (old, new) = (json(earlier)?, json(&sending.packet)?);
                let mixed = mix(old, &new, *part, *bare, env.party)?;
                P::resign(&serde_json::from_value(mixed).ok()?, &env.material)
            };
            // Where there is no earlier word, the trigger is not used up.
            let Some(old) = old().filter(|_| trigger.hits(&tag, fx.now())) else {
                return sending.put(fx);
            };
            if env.reaches_honest(sending.to) {
                fx.push(Effect::Fired(trigger.number));
            }
            Sending { packet: Packet::new(old), ..sending }.put(fx);
        });
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        self.inner.machines(each);
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        Box::new(self.clone())
    }
}

fn json<P: Attack>(packet: &Packet<P>) -> Option<Value> {
    serde_json::to_value(packet.wire()?).ok()
}

/// The old message as if it were the new one.
fn mix(old: Value, new: &Value, part: Part, bare: bool, party: PartyId) -> Option<Value> {
    let path = signed(new, 0)?;
    let mut mixed = if part == Part::All { old } else { with_field(new, &old, &path)? };
    let body = |value: &Value| -> Option<Map<String, Value>> {
        value.pointer(&path)?.get("body")?.as_object().cloned()
    };
    let (now, mut then) = (body(new)?, body(&mixed)?);
    for (name, value) in &mut then {
        let view = name == "view" || (part == Part::Claim && name.ends_with("view"));
        let fits = name == "justification" && part != Part::All;
        let place = part == Part::Load && name != "payload";
        if view || fits || place || name == "proposer" {
            value.clone_from(now.get(name)?);
        }
    }
    let statement = mixed.pointer_mut(&path)?.as_object_mut()?;
    statement.insert("body".to_owned(), Value::Object(then));
    statement.insert("by".to_owned(), Value::from(party.0));
    if bare {
        strip(&mut mixed);
    }
    (mixed != *new).then_some(mixed)
}

/// The new message with one field of the old one: that in which the author's statement is.
fn with_field(new: &Value, old: &Value, path: &str) -> Option<Value> {
    // A path such as `/Propose/block/header`: the kind, then the field.
    let end = path.match_indices('/').nth(2).map_or(path.len(), |(at, _)| at);
    let field = &path[..end];
    let mut mixed = new.clone();
    mixed.pointer_mut(field)?.clone_from(old.pointer(field)?);
    Some(mixed)
}

/// The path of the outermost signed statement.
fn signed(value: &Value, depth: usize) -> Option<String> {
    let fields = value.as_object()?;
    if ["body", "by", "signature"].iter().all(|name| fields.contains_key(*name)) {
        return Some(String::new());
    }
    if depth == 4 {
        return None;
    }
    let inside = fields
        .iter()
        .filter_map(|(name, field)| Some(format!("/{name}{}", signed(field, depth + 1)?)));
    inside.min_by_key(|path| path.matches('/').count())
}

/// Leaves out all certificates.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for field in fields.values_mut() {
                if field.get("signatures").is_some() {
                    *field = Value::Null;
                }
                strip(field);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
