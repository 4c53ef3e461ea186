//! Blocks: a signed header and the requests that it commits to.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{
    Contradicts, Digest, KeyRing, PartyId, Reject, Signed, Signer, Statement, Verified,
};
use serde::{Deserialize, Serialize};

use super::{Command, MAX_PAYLOAD, Request, RequestId};
use crate::{Context, View};

/// The most requests in a block.
pub const MAX_BATCH: usize = 4096;

/// The most bytes of payload in a block.
pub const MAX_BLOCK_BYTES: usize = 4 << 20;

/// What the hash of a block covers.
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Header {
    /// The instance.
    pub instance: Digest,
    /// The distance from genesis.
    pub height: u64,
    /// The hash of the block before it.
    pub parent: Digest,
    /// The view in which it is proposed.
    pub view: View,
    /// Who proposes it.
    pub proposer: PartyId,
    /// The view of the certificate that justifies it.
    pub justify_view: View,
    /// The digest of all that justifies it: one hash, one justification.
    pub justification: Digest,
    /// The digest of its requests.
    pub payload: Digest,
}

impl Header {
    /// The hash of the block.
    pub fn hash(&self) -> Digest {
        let bytes = borsh::to_vec(self).expect("writing to a vector cannot fail");
        Digest::of("byzlab/smr/block-hash/1", &bytes)
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} of view {} at height {}", self.hash(), self.view, self.height)
    }
}

impl Statement for Header {
    const DOMAIN: &'static str = "byzlab/smr/block/1";
}

impl Contradicts<Header> for Header {
    /// A correct leader proposes one block in a view.
    fn contradicts(&self, other: &Header, by: PartyId) -> Option<&'static str> {
        let own = self.proposer == by && other.proposer == by;
        (own && self.view == other.view && self != other).then_some("equivocation")
    }
}

/// A block as it travels.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct WireBlock {
    /// The header under the proposer's signature.
    pub header: Signed<Header>,
    /// The requests that it commits to.
    pub requests: Vec<Signed<Command>>,
}

impl WireBlock {
    /// About how many bytes it takes: its payloads, and something for each request.
    pub fn bytes(&self) -> usize {
        let requests = self.requests.iter().map(|request| request.body.payload.len() + OVERHEAD);
        OVERHEAD * 4 + requests.sum::<usize>()
    }
}

/// What a request takes beside its payload.
pub(crate) const OVERHEAD: usize = 80;

/// A block whose hash, signature and requests were checked. Genesis is one by definition.
#[derive(Clone)]
pub struct Block {
    hash: Digest,
    inner: Arc<Inner>,
}

struct Inner {
    header: Header,
    /// The header under a signature that was checked, and the wire form; nothing only for genesis.
    signed: Option<(Verified<Header>, Arc<WireBlock>)>,
    requests: Arc<[RequestId]>,
}

impl Block {
    /// The first block of an instance, which nobody proposed.
    pub fn genesis(instance: Digest) -> Block {
        let header = Header {
            instance,
            height: 0,
            parent: Digest::ZERO,
            view: View::GENESIS,
            proposer: PartyId(0),
            justify_view: View::GENESIS,
            justification: Digest::ZERO,
            payload: payload_digest(&[]),
        };
        let inner = Inner { signed: None, requests: [].into(), header };
        Block { hash: inner.header.hash(), inner: Arc::new(inner) }
    }

    /// Builds and signs a block on `parent`.
    pub fn propose(
        signer: &Signer,
        parent: &Block,
        view: View,
        justify: (View, Digest),
        batch: Batch,
    ) -> Block {
        let header = Header {
            instance: signer.instance(),
            height: parent.height().saturating_add(1),
            parent: parent.hash(),
            view,
            proposer: signer.party(),
            justify_view: justify.0,
            justification: justify.1,
            payload: batch.digest,
        };
        Block::sign(signer, header, batch)
    }

    /// Builds and signs a block for a place in a log whose places are not linked.
    pub fn unlinked(signer: &Signer, height: u64, view: View, batch: Batch) -> Block {
        let header = Header {
            instance: signer.instance(),
            height,
            parent: Digest::ZERO,
            view,
            proposer: signer.party(),
            justify_view: View::GENESIS,
            justification: Digest::ZERO,
            payload: batch.digest,
        };
        Block::sign(signer, header, batch)
    }

    fn sign(signer: &Signer, header: Header, batch: Batch) -> Block {
        let header = signer.sign(header);
        let wire = WireBlock { header: header.signed().clone(), requests: batch.requests };
        Block::of(header, Arc::new(wire))
    }

    /// Whether it is for a log whose places are not linked.
    pub fn is_unlinked(&self) -> bool {
        let Header { parent, justify_view, justification, .. } = self.header();
        (*parent, *justify_view, *justification) == (Digest::ZERO, View::GENESIS, Digest::ZERO)
    }

    fn of(signed: Verified<Header>, wire: Arc<WireBlock>) -> Block {
        let header = signed.body().clone();
        let id =
            |request: &Signed<Command>| RequestId { client: request.by, seq: request.body.seq };
        let requests = wire.requests.iter().map(id).collect();
        let hash = header.hash();
        Block { hash, inner: Arc::new(Inner { header, signed: Some((signed, wire)), requests }) }
    }

    /// Checks a received block: signature, instance, every client's signature, payload.
    ///
    /// # Errors
    /// The first of these that fails.
    pub fn check(context: &Context, wire: &Arc<WireBlock>) -> Result<Block, Reject> {
        let header = &wire.header.body;
        if wire.requests.len() > MAX_BATCH {
            return Err(Reject::Oversize);
        }
        if wire.bytes() > MAX_BLOCK_BYTES {
            return Err(Reject::Oversize);
        }
        let signed = context.committee.check(&wire.header)?;
        if header.proposer != wire.header.by {
            return Err(Reject::Malformed("proposer and signer differ"));
        }
        if header.instance != context.committee.instance() {
            return Err(Reject::Malformed("block of another instance"));
        }
        if header.height == 0 || header.view == View::GENESIS {
            return Err(Reject::Malformed("only genesis has height or view 0"));
        }
        let look = |request: &Signed<Command>| {
            if request.body.payload.len() > MAX_PAYLOAD {
                return Err(Reject::Oversize);
            }
            Ok((request.by, context.clients.look(request)?))
        };
        let said = wire.requests.iter().map(look).collect::<Result<Vec<_>, _>>()?;
        if header.payload != payload_digest(&said) {
            return Err(Reject::Malformed("payload differs from its digest"));
        }
        Ok(Block::of(signed, wire.clone()))
    }

    /// Its hash.
    pub fn hash(&self) -> Digest {
        self.hash
    }

    /// What the hash covers.
    pub fn header(&self) -> &Header {
        &self.inner.header
    }

    /// The distance from genesis.
    pub fn height(&self) -> u64 {
        self.inner.header.height
    }

    /// Whether a block of this height may follow; nothing follows the highest that there can be.
    pub fn is_just_below(&self, height: u64) -> bool {
        self.height().checked_add(1) == Some(height)
    }

    /// The view in which it was proposed.
    pub fn view(&self) -> View {
        self.inner.header.view
    }

    /// The hash of the block before it.
    pub fn parent(&self) -> Digest {
        self.inner.header.parent
    }

    /// The header under its proposer's signature, which was checked; genesis has none.
    pub fn signed_header(&self) -> Option<&Verified<Header>> {
        self.inner.signed.as_ref().map(|(header, _)| header)
    }

    /// The wire form; genesis has none.
    pub fn wire(&self) -> Option<&Arc<WireBlock>> {
        self.inner.signed.as_ref().map(|(_, wire)| wire)
    }

    /// The names of its requests, in order.
    pub fn requests(&self) -> &Arc<[RequestId]> {
        &self.inner.requests
    }

    /// Its requests as signed by the clients.
    pub fn commands(&self) -> &[Signed<Command>] {
        self.wire().map_or(&[], |wire| &wire.requests)
    }
}

/// Requests, and the digest by which a header commits to them.
#[derive(Clone, Debug)]
pub struct Batch {
    requests: Vec<Signed<Command>>,
    digest: Digest,
}

impl Batch {
    /// No requests.
    pub fn empty() -> Batch {
        Batch { requests: Vec::new(), digest: payload_digest(&[]) }
    }

    /// These requests, in this order.
    pub fn of(clients: &KeyRing, requests: &[Request]) -> Batch {
        Batch::of_signed(clients, requests.iter().map(|request| request.signed()))
    }

    /// The same of what nobody has checked: what a traitor proposes.
    pub(crate) fn of_signed<'a>(
        clients: &KeyRing,
        requests: impl IntoIterator<Item = &'a Signed<Command>>,
    ) -> Batch {
        // Before a copy is made: what is held is known where it lies.
        let (said, requests): (Vec<_>, _) = requests
            .into_iter()
            .map(|request| ((request.by, clients.digest(request)), request.clone()))
            .unzip();
        Batch { requests, digest: payload_digest(&said) }
    }

    /// The digest, for a header.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }
}

/// Binds who asks for what, by the digest that each client signed, not the bytes of the signatures:
/// those are no identity.
fn payload_digest(said: &[(PartyId, Digest)]) -> Digest {
    let bytes = borsh::to_vec(said).expect("writing to a vector cannot fail");
    Digest::of("byzlab/smr/payload/2", &bytes)
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Block {}

impl Hash for Block {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = self.header();
        write!(f, "block {} (height {}, view {}", self.hash, header.height, header.view)?;
        write!(f, ", parent {}, {} requests)", header.parent, self.inner.requests.len())
    }
}

#[cfg(test)]
mod tests {
    use byzlab_crypto::{Committee, Scheme};

    use super::*;
    use crate::{Leaders, Span};

    /// A header commits to what each client asks for, to whose it is and to the order; not to the bytes
    /// of a signature, of which a client can make several.
    #[test]
    fn the_digest_of_a_batch_is_that_of_its_requests() {
        let instance = Digest::of("byzlab/test/1", b"batch");
        for scheme in [Scheme::Ed25519, Scheme::Ideal] {
            let (clients, signers) =
                KeyRing::insecure_from_seed(scheme, instance, "client", 2, &[7; 32])
                    .expect("two keys are possible");
            let command = |seq| Command { seq, payload: b"get k".to_vec() };
            let request = |client: usize, seq| Arc::new(signers[client].sign(command(seq)));
            let digest = |requests: &[Request]| Batch::of(&clients, requests).digest();
            let (one, other) = (request(0, 1), request(0, 2));
            let both = digest(&[one.clone(), other.clone()]);
            let others = [
                digest(&[]),
                digest(std::slice::from_ref(&one)),
                digest(&[one.clone(), one.clone()]),
                digest(&[other.clone(), one.clone()]),
                digest(&[request(1, 1), other.clone()]),
                digest(&[one.clone(), other.clone(), one.clone()]),
            ];
            assert!(others.iter().all(|digest| *digest != both));
            let again = Arc::new(signers[0].sign_variant(command(1), 1));
            assert_ne!(again.signed().signature, one.signed().signature);
            assert_eq!(digest(&[again, other.clone()]), both);
            // What is held is known without hashing: it is the same.
            let held = clients.hold(one.signed().clone()).expect("it is the client's");
            assert_eq!(digest(&[held, other]), both);
            assert_eq!(Batch::empty().digest(), digest(&[]));
        }
    }

    #[test]
    fn a_block_with_other_requests_than_its_header_says_is_refused() {
        let instance = Digest::of("byzlab/test/1", b"batch");
        let ring = |purpose| {
            KeyRing::insecure_from_seed(Scheme::Ed25519, instance, purpose, 4, &[7; 32])
                .expect("four keys are possible")
        };
        let ((parties, signers), (clients, client)) = (ring("party"), ring("client"));
        let context = Context {
            committee: Committee::new(parties, 1).expect("f is below n"),
            clients,
            leaders: Leaders::RoundRobin(PartyId(1)),
            delta: Span::millis(100),
        };
        let request = |seq| {
            let command = Command { seq, payload: b"get k".to_vec() };
            Arc::new(client[0].sign(command))
        };
        let batch = Batch::of(&context.clients, &[request(1), request(2)]);
        let justify = (View::GENESIS, Digest::ZERO);
        let block = Block::propose(&signers[1], &Block::genesis(instance), View(1), justify, batch);
        let wire = block.wire().expect("it was proposed");
        assert_eq!(Block::check(&context, wire), Ok(block.clone()));
        let change = |change: &dyn Fn(&mut Vec<Signed<Command>>)| {
            let mut changed = WireBlock::clone(wire);
            change(&mut changed.requests);
            Block::check(&context, &Arc::new(changed)).expect_err("it is refused")
        };
        let differs = Reject::Malformed("payload differs from its digest");
        assert_eq!(change(&|requests| requests.swap(0, 1)), differs);
        assert_eq!(change(&|requests| requests.truncate(1)), differs);
        assert_eq!(change(&|requests| requests[1] = request(3).signed().clone()), differs);
        let forged = change(&|requests| requests[1].body.seq = 3);
        assert_eq!(forged, Reject::Signature(PartyId(0)));
    }
}
