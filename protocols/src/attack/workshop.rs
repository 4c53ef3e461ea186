//! The certificate workshop: what corrupted parties can put together from their own keys and from
//! honest signatures that they have seen.

use byzlab_crypto::{Claim, PartyId, Signature, Signed, Statement};

use super::{Forgery, Material};
use crate::{
    Protocol, Request,
    smr::{Batch, Command, Header, WireBlock},
};

/// A certificate of honest signatures that were seen and of all corrupted parties' own, if they
/// are a quorum.
pub fn assemble<P: Protocol, T: Statement>(
    statement: &T,
    seen: impl Iterator<Item = Signed<T>>,
    material: &Material<'_, P>,
) -> Option<Claim<T>> {
    let mut signatures: Vec<(PartyId, Signature)> = seen
        .filter(|signed| signed.body == *statement)
        .map(|signed| (signed.by, signed.signature))
        .collect();
    for (party, signer) in material.signers {
        signatures.push((*party, signer.sign(statement.clone()).signed().signature));
    }
    signatures.sort_unstable();
    signatures.dedup_by_key(|(by, _)| *by);
    (signatures.len() >= material.context.committee.quorum())
        .then(|| Claim::new(statement.clone(), signatures))
}

/// A forged certificate for a statement; `seen` are honest signatures on whatever.
pub fn forge<P: Protocol, T: Statement>(
    statement: T,
    forgery: Forgery,
    seen: impl Iterator<Item = Signed<T>>,
    material: &Material<'_, P>,
) -> Option<Claim<T>> {
    let committee = &material.context.committee;
    let (n, quorum) = (committee.n() as u16, committee.quorum());
    let (party, signer) = material.signers.first_key_value()?;
    let own = |variant| signer.sign_variant(statement.clone(), variant).signed().signature;
    let signatures: Vec<(PartyId, Signature)> = match forgery {
        Forgery::Padded => vec![(*party, own(0)); quorum],
        Forgery::TwoSignatures => {
            (0..quorum as u32).map(|variant| (*party, own(variant))).collect()
        }
        Forgery::Short => {
            let signers = material.signers.iter();
            let all = signers.map(|(by, signer)| (*by, signer.sign(statement.clone())));
            all.map(|(by, signed)| (by, signed.signed().signature)).take(quorum - 1).collect()
        }
        Forgery::Outsiders => {
            (0..quorum as u16).map(|number| (PartyId(n + number), own(0))).collect()
        }
        Forgery::Mixed | Forgery::Relabelled => {
            let mut mixed: Vec<_> = seen.map(|signed| (signed.by, signed.signature)).collect();
            mixed.sort_unstable();
            mixed.dedup_by_key(|(by, _)| *by);
            mixed.truncate(quorum);
            mixed
        }
        Forgery::FakeGenesis => Vec::new(),
    };
    Some(Claim::new(statement, signatures))
}

/// A block of a corrupted proposer in the place of its own: other requests under the same header.
pub fn other_block<P: Protocol>(
    block: &WireBlock,
    variant: u32,
    material: &Material<'_, P>,
) -> Option<WireBlock> {
    let requests = other_requests(block, variant, material.requests)?;
    let header = block.header.body.clone();
    sign_block(header, &requests, material)
}

/// Signs a header over requests, if its proposer is corrupted.
pub fn sign_block<P: Protocol>(
    mut header: Header,
    requests: &[Signed<Command>],
    material: &Material<'_, P>,
) -> Option<WireBlock> {
    let signer = material.signers.get(&header.proposer)?;
    header.payload = Batch::of_signed(&material.context.clients, requests).digest();
    let requests = requests.to_vec();
    Some(WireBlock { header: signer.sign(header).into_signed(), requests })
}

/// Other requests than those of the block: none, if it has some; else a late one.
fn other_requests(
    block: &WireBlock,
    variant: u32,
    known: &[Request],
) -> Option<Vec<Signed<Command>>> {
    let mut choices: Vec<Vec<Signed<Command>>> = vec![Vec::new()];
    choices.extend(known.iter().rev().map(|request| vec![request.signed().clone()]));
    choices.retain(|choice| *choice != block.requests);
    let at = variant.checked_sub(1)? as usize;
    choices.into_iter().nth(at)
}
