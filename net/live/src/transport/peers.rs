//! Who is who: the committee as ends of connections.

use std::collections::BTreeMap;

use byzlab_crypto::PartyId;
use libp2p::{
    Multiaddr, PeerId,
    identity::{Keypair, PublicKey, ed25519},
};

use super::TransportError;

/// The committee as one of its parties sees it: its own key, everybody's identity, and where they
/// can be reached. A validator's key is its identity: nobody else can be it.
#[derive(Clone)]
pub struct PeerTable {
    own: PartyId,
    keypair: Keypair,
    identities: Vec<PeerId>,
    addresses: BTreeMap<PartyId, Multiaddr>,
}

impl PeerTable {
    /// The table of the party `own` with this Ed25519 secret, in a committee of these Ed25519
    /// public keys. No address is known yet.
    ///
    /// # Errors
    /// A key that is none, two seats with one key, or a secret that is not that of the seat.
    pub fn new(
        own: PartyId,
        secret: [u8; 32],
        public: &[[u8; 32]],
    ) -> Result<PeerTable, TransportError> {
        let mut identities = Vec::with_capacity(public.len());
        let mut seats = BTreeMap::new();
        for (party, key) in PartyId::all(public.len()).zip(public) {
            let key = ed25519::PublicKey::try_from_bytes(key);
            let key = key.map_err(|_| TransportError::Key(party))?;
            let identity = PublicKey::from(key).to_peer_id();
            if let Some(first) = seats.insert(identity, party) {
                return Err(TransportError::OneKey(first, party));
            }
            identities.push(identity);
        }
        let keypair = Keypair::ed25519_from_bytes(secret).expect("32 bytes are an Ed25519 secret");
        if identities.get(own.index()) != Some(&keypair.public().to_peer_id()) {
            return Err(TransportError::NotOurKey(own));
        }
        Ok(PeerTable { own, keypair, identities, addresses: BTreeMap::new() })
    }

    /// The same table with these addresses.
    #[must_use]
    pub fn with_addresses(self, addresses: BTreeMap<PartyId, Multiaddr>) -> PeerTable {
        PeerTable { addresses, ..self }
    }

    /// Whose table it is.
    pub fn own(&self) -> PartyId {
        self.own
    }

    /// The number of parties.
    pub fn len(&self) -> usize {
        self.identities.len()
    }

    /// Whether nobody is in it; never true for a table that was made.
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }

    /// The identity of a party.
    pub fn identity(&self, party: PartyId) -> Option<PeerId> {
        self.identities.get(party.index()).copied()
    }

    /// Whether this party connects to that one, and not the other way round: of two, the one with
    /// the lower identity does.
    pub fn dials(&self, party: PartyId) -> bool {
        let own = self.identities[self.own.index()];
        self.identity(party).is_some_and(|identity| own < identity)
    }

    pub(super) fn keypair(&self) -> &Keypair {
        &self.keypair
    }

    pub(super) fn identities(&self) -> &[PeerId] {
        &self.identities
    }

    pub(super) fn addresses(&self) -> &BTreeMap<PartyId, Multiaddr> {
        &self.addresses
    }
}

#[cfg(test)]
mod tests {
    use byzlab_crypto::{Digest, KeyRing, Scheme};

    use super::*;

    #[test]
    fn the_key_of_a_validator_is_its_identity() {
        let instance = Digest::of("test", b"peers");
        let (ring, signers) =
            KeyRing::insecure_from_seed(Scheme::Ed25519, instance, "party", 4, &[7; 32]).unwrap();
        let public = ring.public_keys().unwrap();
        let tables: Vec<_> = signers
            .iter()
            .map(|signer| PeerTable::new(signer.party(), signer.secret_key().unwrap(), &public))
            .map(Result::unwrap)
            .collect();
        for (a, b) in tables.iter().flat_map(|a| tables.iter().map(move |b| (a, b))) {
            assert_eq!(a.identities(), b.identities());
            let both = usize::from(a.dials(b.own())) + usize::from(b.dials(a.own()));
            assert_eq!(both, usize::from(a.own() != b.own()), "exactly one of two dials");
        }
        let secret = signers[1].secret_key().unwrap();
        let wrong = |own, public: &[[u8; 32]]| PeerTable::new(own, secret, public).err().unwrap();
        assert_eq!(wrong(PartyId(0), &public), TransportError::NotOurKey(PartyId(0)));
        assert_eq!(wrong(PartyId(4), &public), TransportError::NotOurKey(PartyId(4)));
        let twice = [public[1], public[2], public[1]];
        let error = TransportError::OneKey(PartyId(0), PartyId(2));
        assert_eq!(wrong(PartyId(1), &twice), error);
        let none = [public[0], [2; 32]];
        assert_eq!(wrong(PartyId(1), &none), TransportError::Key(PartyId(1)));
    }
}
