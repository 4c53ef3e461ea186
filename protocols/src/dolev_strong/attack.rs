//! Attacks on Dolev-Strong: chains that corrupted parties can make, and the scripts of the
//! catalogue.

use byzlab_crypto::{PartyId, Signature};

use super::{DolevStrong, Endorse, Wire};
use crate::{
    Attack, Context, Material, Target, Time, View,
    attack::Can,
    byzantine::{Cue, Env, Script},
    value_digest,
};

impl Attack for DolevStrong {
    const CAN: Can = Can {
        equivocate: true,
        double_vote: false,
        forget: false,
        impersonate: true,
        resign: true,
        forge: false,
    };

    fn conflicting(wire: &Wire, variant: u32, material: &Material<'_, Self>) -> Option<Wire> {
        let [(by, _)] = wire.signatures[..] else { return None };
        let value = [&wire.value[..], b" or not ", variant.to_string().as_bytes()].concat();
        let unsigned = Wire { value, signatures: vec![(by, NO_SIGNATURE)], ..wire.clone() };
        material.signers.contains_key(&by).then(|| signed(&unsigned, material))
    }

    fn impersonate(wire: &Wire, author: PartyId) -> Option<Wire> {
        let mut forged = wire.clone();
        forged.signatures.last_mut()?.0 = author;
        Some(forged)
    }

    fn resign(wire: &Wire, material: &Material<'_, Self>) -> Option<Wire> {
        let signers = wire.signatures.iter();
        let any = signers.clone().any(|(by, _)| material.signers.contains_key(by));
        any.then(|| signed(wire, material))
    }

    fn scripts() -> &'static [Script<Self>] {
        SCRIPTS
    }
}

const NO_SIGNATURE: Signature = Signature([0; 64]);

/// The chain with every signature of a corrupted party made anew.
fn signed(wire: &Wire, material: &Material<'_, DolevStrong>) -> Wire {
    signed_variant(wire, 0, material)
}

fn signed_variant(wire: &Wire, variant: u32, material: &Material<'_, DolevStrong>) -> Wire {
    let sender = material.context.leader(wire.broadcast);
    let body = Endorse { broadcast: wire.broadcast, sender, value: value_digest(&wire.value) };
    let mut signed = wire.clone();
    for (by, signature) in &mut signed.signatures {
        if let Some(signer) = material.signers.get(by) {
            *signature = signer.sign_variant(body.clone(), variant).signed().signature;
        }
    }
    signed
}

/// A chain of corrupted parties on a value, in the first broadcast.
fn chain(env: &Env<'_, DolevStrong>, value: &str, signers: &[u16]) -> Wire {
    let signatures = signers.iter().map(|by| (PartyId(*by), NO_SIGNATURE)).collect();
    let unsigned = Wire { broadcast: View(1), value: value.into(), signatures };
    signed(&unsigned, &env.material)
}

fn to(parties: &[u16], wire: &Wire) -> Vec<(Target, Wire)> {
    parties.iter().map(|party| (Target::One(PartyId(*party)), wire.clone())).collect()
}

/// The start of a round of the first broadcast.
fn round(context: &Context, round: u64) -> Time {
    Time::ZERO.after(context.delta * (round - 1))
}

const fn cue(
    party: u16,
    at: fn(&Context) -> Time,
    act: crate::byzantine::Act<DolevStrong>,
) -> Cue<DolevStrong> {
    Cue { party, at, act }
}

const V_TO_ALL: Cue<DolevStrong> =
    cue(0, |context| round(context, 1), |env| to(&[1, 2, 3], &chain(env, "v", &[0])));

static SCRIPTS: &[Script<DolevStrong>] = &[
    Script::of_cues(
        "DS4",
        "a chain of two is shown to party 1 in the last round",
        &[0, 3],
        &[V_TO_ALL, cue(3, |context| round(context, 3), |env| to(&[1], &chain(env, "w", &[0, 3])))],
    ),
    Script::of_cues(
        "DS5",
        "a second value is shown to party 1 just in time, by a chain of all traitors",
        &[0, 3],
        &[V_TO_ALL, cue(3, |context| round(context, 2), |env| to(&[1], &chain(env, "w", &[0, 3])))],
    ),
    Script::of_cues(
        "DS7",
        "one accomplice signs a chain twice",
        &[0, 3],
        &[
            V_TO_ALL,
            cue(3, |context| round(context, 3), |env| to(&[1], &chain(env, "w", &[0, 3, 3]))),
        ],
    ),
    Script {
        id: "DS8",
        title: "a chain without the sender's signature",
        cast: &[2, 3],
        honest_beside: true,
        instead: None,
        react: None,
        wrap: None,
        cues: &[cue(3, |context| round(context, 2), |env| to(&[1], &chain(env, "w", &[2, 3])))],
    },
    Script::of_cues(
        "DS9",
        "a chain with a signer who has no seat",
        &[0],
        &[
            V_TO_ALL,
            cue(0, |context| round(context, 2), |env| to(&[1], &chain(env, "w", &[0, 900]))),
        ],
    ),
    Script {
        id: "DS10",
        title: "a chain comes back to a party that signed it",
        cast: &[3],
        honest_beside: true,
        instead: None,
        react: None,
        wrap: None,
        cues: &[cue(3, |context| Time(round(context, 3).0 - 1), reflect)],
    },
    Script::of_cues(
        "DS11",
        "echoes use up the budget of the literal post",
        &[0, 3],
        &[
            cue(0, |context| round(context, 1), |env| to(&[2, 4, 5], &chain(env, "v", &[0]))),
            cue(3, |context| round(context, 2), |env| to(&[1], &chain(env, "w", &[0, 3]))),
        ],
    ),
    Script::of_cues(
        "DS12",
        "one value with two valid signatures uses up the budget of the literal post",
        &[0],
        &[cue(
            0,
            |context| round(context, 1),
            |env| {
                let v = chain(env, "v", &[0]);
                let mut sent = to(&[2, 3], &v);
                sent.extend(to(&[2, 3], &signed_variant(&v, 1, &env.material)));
                sent.extend(to(&[1], &chain(env, "w", &[0])));
                sent
            },
        )],
    ),
    Script::of_cues(
        "DS13",
        "two hundred values to everybody",
        &[0],
        &[cue(
            0,
            |context| round(context, 1),
            |env| {
                let values = (0..200).map(|number| chain(env, &format!("value {number}"), &[0]));
                values.flat_map(|wire| to(&[1, 2, 3], &wire)).collect()
            },
        )],
    ),
    Script::of_cues(
        "DS14",
        "three values, different pairs of them to different parties",
        &[0],
        &[cue(
            0,
            |context| round(context, 1),
            |env| {
                let mut sent = to(&[1], &chain(env, "v", &[0]));
                sent.extend(to(&[1, 2], &chain(env, "u", &[0])));
                sent.extend(to(&[2], &chain(env, "w", &[0])));
                sent
            },
        )],
    ),
    Script {
        id: "DS15",
        title: "the sender's chain of an earlier broadcast is shown again in a later one",
        cast: &[3],
        honest_beside: true,
        instead: None,
        react: None,
        wrap: None,
        cues: &[cue(3, fifth_broadcast, replay_first)],
    },
];

/// The start of the fifth broadcast: the first sender's turn again at n = 4.
fn fifth_broadcast(context: &Context) -> Time {
    let rounds = context.committee.f() as u64 + 1;
    Time::ZERO.after(context.delta * (4 * rounds))
}

fn replay_first(env: &Env<'_, DolevStrong>) -> Vec<(Target, Wire)> {
    let mut old = env.material.seen.iter().filter_map(|packet| packet.wire());
    let first = old.find(|wire| wire.broadcast == View(1) && wire.signatures.len() == 1);
    first.map(|wire| to(&[1], wire)).unwrap_or_default()
}

/// What party 1 relayed, with one signature more, back to it.
fn reflect(env: &Env<'_, DolevStrong>) -> Vec<(Target, Wire)> {
    let signed_by = |wire: &&Wire| wire.signatures.iter().any(|(by, _)| *by == PartyId(1));
    let relayed = env.material.wires().find(signed_by).cloned();
    let reflected = relayed.map(|mut wire| {
        wire.signatures.push((PartyId(3), NO_SIGNATURE));
        signed(&wire, &env.material)
    });
    reflected.map(|wire| to(&[1], &wire)).unwrap_or_default()
}
