//! What only the author of a protocol can write about attacking it.

pub mod workshop;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use byzlab_crypto::{Digest, PartyId, PartySet, Signer};

use crate::{Context, Packet, Protocol, Request, byzantine::Script};

/// The most packets that the corrupted parties remember.
pub const MAX_SEEN: usize = 4096;

/// What the corrupted parties have in their hands, all of them together.
pub struct Material<'a, P: Protocol> {
    /// What everybody knows.
    pub context: &'a Context,
    /// Who is corrupted.
    pub corrupted: &'a PartySet,
    /// Their signers, and nobody else's.
    pub signers: &'a BTreeMap<PartyId, Signer>,
    /// Requests that they received.
    pub requests: &'a [Request],
    /// The last packets that they received or sent, the oldest first.
    pub seen: &'a VecDeque<Arc<Packet<P>>>,
}

impl<P: Protocol> Material<'_, P> {
    /// The messages that were seen, the newest first.
    pub fn wires(&self) -> impl Iterator<Item = &P::Wire> {
        self.seen.iter().rev().filter_map(|packet| packet.wire())
    }
}

/// Which attacks mean something against a protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Can {
    /// A proposal can be replaced by a conflicting one.
    pub equivocate: bool,
    /// A vote can be doubled by a conflicting one.
    pub double_vote: bool,
    /// A party can forget what binds it.
    pub forget: bool,
    /// A message names its author, so that another can be named.
    pub impersonate: bool,
    /// A changed message can be signed again.
    pub resign: bool,
    /// It has certificates that can be forged.
    pub forge: bool,
}

impl Can {
    /// No attack means anything.
    pub const NOTHING: Can = Can {
        equivocate: false,
        double_vote: false,
        forget: false,
        impersonate: false,
        resign: false,
        forge: false,
    };
}

/// How a certificate is forged; ids of the catalogue of attacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forgery {
    /// C1: one signer repeated up to a quorum.
    Padded,
    /// C2: one signer with several valid signatures.
    TwoSignatures,
    /// C3: one signature less than a quorum.
    Short,
    /// C4: signers that have no seat.
    Outsiders,
    /// C6: votes for different statements pooled.
    Mixed,
    /// C7: true signatures under another view.
    Relabelled,
    /// C8: no signatures, as if it were genesis.
    FakeGenesis,
}

impl Forgery {
    /// All of them, with their names in files.
    pub const ALL: [(&'static str, Forgery); 7] = [
        ("C1", Forgery::Padded),
        ("C2", Forgery::TwoSignatures),
        ("C3", Forgery::Short),
        ("C4", Forgery::Outsiders),
        ("C6", Forgery::Mixed),
        ("C7", Forgery::Relabelled),
        ("C8", Forgery::FakeGenesis),
    ];
}

/// The companion of a protocol for those who attack it: every method has a default that says
/// "cannot", so that `impl Attack for Mine {}` is enough to register a protocol.
pub trait Attack: Protocol {
    /// Which behaviours mean something.
    const CAN: Can = Can::NOTHING;

    /// Another message in the place of this one, signed again: what an equivocator sends to the
    /// others, and what a double voter votes for as well. `variant` asks for different ones.
    fn conflicting(
        _wire: &Self::Wire,
        _variant: u32,
        _material: &Material<'_, Self>,
    ) -> Option<Self::Wire> {
        None
    }

    /// The message with another author's name on it, the signature left as it is.
    fn impersonate(_wire: &Self::Wire, _author: PartyId) -> Option<Self::Wire> {
        None
    }

    /// The message signed again after its fields were changed, if its author is corrupted.
    fn resign(_wire: &Self::Wire, _material: &Material<'_, Self>) -> Option<Self::Wire> {
        None
    }

    /// The message with what follows from its other fields made to fit them: digests of what it
    /// holds, what it says of a certificate that it lacks. Not signed again.
    fn seal(wire: &Self::Wire, _material: &Material<'_, Self>) -> Self::Wire {
        wire.clone()
    }

    /// Forgets what binds the party: its lock, its last vote. Says whether there was any.
    fn forget(&mut self) -> bool {
        false
    }

    /// The message with its certificate, or the highest that it could carry, replaced by a
    /// forged one for `target`; signed again where needed.
    fn forge(
        _wire: &Self::Wire,
        _forgery: Forgery,
        _target: Digest,
        _material: &Material<'_, Self>,
    ) -> Option<Self::Wire> {
        None
    }

    /// Attacks on this protocol that are scripts: by id, each with its outcome.
    fn scripts() -> &'static [Script<Self>] {
        &[]
    }
}
