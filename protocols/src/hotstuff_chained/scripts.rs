//! What the scripts of the catalogue send against chained HotStuff.

use byzlab_crypto::{Claim, Digest, Signed};

use super::{
    ChainedHotStuff, Timeout, Vote, Wire, WireTimeout,
    attack::{certificate, sign},
};
use crate::{
    Attack, Target, View,
    attack::workshop::sign_block,
    byzantine::Env,
    smr::{Command, Header},
};

type Said = Option<Vec<(Target, Wire)>>;

/// HS2: both versions, and both votes, to everybody.
pub(super) fn two_to_everybody(env: &Env<'_, ChainedHotStuff>, to: Target, wire: &Wire) -> Said {
    let other = ChainedHotStuff::conflicting(wire, 1, &env.material)?;
    Some(vec![(to, wire.clone()), (to, other)])
}

/// Where a block may be put: certificate, block and height.
struct Place {
    justify: Option<Claim<Vote>>,
    parent: Digest,
    height: u64,
}

impl Place {
    fn genesis(env: &Env<'_, ChainedHotStuff>) -> Place {
        Place { justify: None, parent: genesis(env), height: 0 }
    }

    /// On the block of a certificate, if its proposal was seen.
    fn on(justify: Claim<Vote>, env: &Env<'_, ChainedHotStuff>) -> Option<Place> {
        let parent = justify.statement.hash;
        let (header, _) = proposal(env, parent)?;
        Some(Place { justify: Some(justify), parent, height: header.height })
    }

    fn view(&self) -> View {
        self.justify.as_ref().map_or(View::GENESIS, |justify| justify.statement.view)
    }
}

pub(super) fn genesis(env: &Env<'_, ChainedHotStuff>) -> Digest {
    crate::Block::genesis(env.material.context.committee.instance()).hash()
}

/// The header of a block whose proposal was seen, and the certificate that came with it.
fn proposal(env: &Env<'_, ChainedHotStuff>, hash: Digest) -> Option<(Header, Option<Claim<Vote>>)> {
    env.material.wires().find_map(|seen| match seen {
        Wire::Propose { block, justify } if block.header.body.hash() == hash => {
            Some((block.header.body.clone(), justify.clone()))
        }
        _ => None,
    })
}

/// The proposal put somewhere else, with no requests, so that it is valid there.
fn moved(header: &Header, place: &Place, env: &Env<'_, ChainedHotStuff>) -> Option<Wire> {
    let header = Header {
        height: place.height + 1,
        parent: place.parent,
        justify_view: place.view(),
        ..header.clone()
    };
    let block = sign_block(header, &[], &env.material)?;
    Some(Wire::Propose { block: block.into(), justify: place.justify.clone() })
}

/// HS3.
pub(super) fn on_genesis(env: &Env<'_, ChainedHotStuff>, to: Target, wire: &Wire) -> Said {
    let Wire::Propose { block, .. } = wire else { return None };
    Some(vec![(to, moved(&block.header.body, &Place::genesis(env), env)?)])
}

/// HS6, HS7: the proposal so many certificates further back.
pub(super) fn on_older(
    back: usize,
    env: &Env<'_, ChainedHotStuff>,
    to: Target,
    wire: &Wire,
) -> Said {
    let Wire::Propose { block, .. } = wire else { return None };
    let header = &block.header.body;
    let mut place = Place { justify: None, parent: header.parent, height: header.height - 1 };
    for _ in 0..back {
        // The proposal of the parent shows the certificate that it was on itself.
        let (below, justify) = proposal(env, place.parent)?;
        place = Place { justify, parent: below.parent, height: below.height - 1 };
    }
    Some(vec![(to, moved(header, &place, env)?)])
}

/// HS9: the newest certificate over a block on genesis.
pub(super) fn mismatched_parent(env: &Env<'_, ChainedHotStuff>, to: Target, wire: &Wire) -> Said {
    let Wire::Propose { block, justify } = wire else { return None };
    justify.as_ref()?;
    let place = Place { justify: justify.clone(), ..Place::genesis(env) };
    Some(vec![(to, moved(&block.header.body, &place, env)?)])
}

/// HS10: a chain with a hole between views 1 and 3, and in the hole a certificate of view 2 that
/// is shown when it is too late.
pub(super) fn around_a_gap(env: &Env<'_, ChainedHotStuff>, to: Target, wire: &Wire) -> Said {
    let Wire::Propose { block, .. } = wire else { return None };
    let header = &block.header.body;
    let first = certificate(env, View(1))?;
    let (place, opens) = match header.view.0 {
        2 => (Place::genesis(env), Some(first)),
        3 => (Place::on(first, env)?, None),
        6 => (Place::on(certificate(env, View(2))?, env)?, None),
        _ => return None,
    };
    let opens =
        opens.map(|qc| Wire::Help { answers: 0, high: Some(qc), entry: None, commit: None });
    let mut said: Vec<_> = opens.map(|help| (to, help)).into_iter().collect();
    said.push((to, moved(header, &place, env)?));
    Some(said)
}

/// HS27: a lock that followed the last certificate seen would be lowered.
pub(super) fn after_an_old_certificate(
    env: &Env<'_, ChainedHotStuff>,
    to: Target,
    wire: &Wire,
) -> Said {
    let Wire::Propose { .. } = wire else { return None };
    let shown = env.material.wires().find_map(|seen| match seen {
        Wire::Propose { justify: Some(qc), .. } if qc.statement.view == View(1) => Some(qc.clone()),
        _ => None,
    });
    let help = Wire::Help { answers: 0, high: Some(shown?), entry: None, commit: None };
    let mut said = vec![(to, help)];
    said.extend(on_genesis(env, to, wire)?);
    Some(said)
}

/// HS12: the vote, and a timeout for each view that is a power of two ahead.
pub(super) fn far_timeouts(env: &Env<'_, ChainedHotStuff>, to: Target, wire: &Wire) -> Said {
    let Wire::Vote(vote) = wire else { return None };
    let view = vote.body.view;
    let mut sent = vec![(to, wire.clone())];
    for power in 0..u64::BITS {
        let far = View(view.0.saturating_add(1 << power));
        let body = Timeout { view: far, high_view: View::GENESIS };
        let timeout = WireTimeout {
            timeout: sign(body, env.party, &env.material)?,
            high: None,
            entry: None,
            vote: None,
            committed: view,
            asks: 0,
            request: None,
        };
        sent.push((Target::All, Wire::Timeout(timeout.into())));
    }
    Some(sent)
}

/// HS20: as soon as a view is opened, an empty block of its own for the next one, before its leader
/// can have a quorum.
pub(super) fn usurp(env: &Env<'_, ChainedHotStuff>, wire: &Wire) -> Vec<(Target, Wire)> {
    let Wire::Propose { block, justify } = wire else { return Vec::new() };
    let header = &block.header.body;
    let view = header.view.next();
    if env.material.context.leader(view) == env.party {
        return Vec::new();
    }
    let place =
        Place { justify: justify.clone(), parent: header.parent, height: header.height - 1 };
    let header = Header { view, proposer: env.party, ..header.clone() };
    moved(&header, &place, env).map(|proposal| (Target::All, proposal)).into_iter().collect()
}

/// HS23: the first request that was ever seen in a block, once more.
pub(super) fn old_request(env: &Env<'_, ChainedHotStuff>, to: Target, wire: &Wire) -> Said {
    let Wire::Propose { block, justify } = wire else { return None };
    let mut packets = env.material.seen.iter().filter_map(|packet| packet.wire());
    let old: Signed<Command> = packets.find_map(|seen| match seen {
        Wire::Propose { block, .. } => block.requests.first().cloned(),
        _ => None,
    })?;
    let block = sign_block(block.header.body.clone(), &[old], &env.material)?;
    Some(vec![(to, Wire::Propose { block: block.into(), justify: justify.clone() })])
}
