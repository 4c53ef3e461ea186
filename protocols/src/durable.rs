//! What a party keeps on its disk, as bytes.
//!
//! Bytes on a disk are like bytes off the wire: anybody may have written them. What a signature
//! proves is checked again with the keys of the instance; what none proves (which view was voted
//! in) stands under a seal that binds protocol, instance and party, so that a damaged record, or
//! one of somebody else, is not taken for one's own.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
#[doc(hidden)]
pub use byzlab_crypto::Reject;
use byzlab_crypto::{
    Certificate, Claim, Digest, PartyId, Signed, Statement, StatementSet, Verified,
};

use crate::{
    Block, Context, Protocol, Time, View,
    smr::{Commit, Commits, WireBlock},
};

/// A value with a durable form. One value has one form, and what is loaded was checked.
pub trait Durable: Sized {
    /// Appends the durable form.
    fn save(&self, to: &mut Vec<u8>);

    /// Takes a value from the front of the bytes.
    ///
    /// # Errors
    /// The bytes are the form of no value, or what they claim does not verify.
    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject>;
}

/// The record of a party under its seal, as it stands on disk.
pub fn seal<P: Protocol>(context: &Context, party: PartyId, record: &P::Record) -> Vec<u8> {
    let mut bytes = vec![0; Digest::ZERO.0.len()];
    record.save(&mut bytes);
    let (_, body) = bytes.split_at(Digest::ZERO.0.len());
    let seal = seal_of::<P>(context, party, body);
    bytes[..seal.0.len()].copy_from_slice(&seal.0);
    bytes
}

/// Takes back what [`seal`] wrote.
///
/// # Errors
/// The seal is not that of this record of this party in this instance of this protocol, the bytes
/// are no record, or something in them does not verify.
pub fn unseal<P: Protocol>(
    context: &Context,
    party: PartyId,
    bytes: &[u8],
) -> Result<P::Record, Reject> {
    let (seal, mut body) =
        bytes.split_at_checked(Digest::ZERO.0.len()).ok_or(Reject::Undecodable)?;
    if seal != seal_of::<P>(context, party, body).0 {
        return Err(Reject::Malformed("the seal is of another record, party or instance"));
    }
    let record = P::Record::load(context, &mut body)?;
    if body.is_empty() { Ok(record) } else { Err(Reject::Undecodable) }
}

fn seal_of<P: Protocol>(context: &Context, party: PartyId, body: &[u8]) -> Digest {
    let mut bytes = Vec::with_capacity(body.len() + 64);
    put(&(P::ABOUT.name, context.committee.instance(), party), &mut bytes);
    bytes.extend_from_slice(body);
    Digest::of("byzlab/record/1", &bytes)
}

/// Appends the canonical encoding of a value.
pub(crate) fn put<T: BorshSerialize>(value: &T, to: &mut Vec<u8>) {
    value.serialize(to).expect("writing to a vector cannot fail");
}

/// Takes a value from its canonical encoding.
pub(crate) fn take<T: BorshDeserialize>(from: &mut &[u8]) -> Result<T, Reject> {
    T::deserialize(from).map_err(|_| Reject::Undecodable)
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Durable for $type {
            fn save(&self, to: &mut Vec<u8>) {
                put(self, to);
            }

            fn load(_context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
                take(from)
            }
        }
    )*};
}

plain!((), bool, u8, u16, u32, u64, Digest, PartyId, View, String);

/// The durable form of a struct: the sequence of its fields. The rule, if there is one, says what
/// else must hold.
#[macro_export]
macro_rules! durable {
    ($type:ty { $($field:ident),+ $(,)? } $(, $rule:expr)?) => {
        impl $crate::durable::Durable for $type {
            fn save(&self, to: &mut Vec<u8>) {
                $($crate::durable::Durable::save(&self.$field, to);)+
            }

            fn load(
                context: &$crate::Context,
                from: &mut &[u8],
            ) -> Result<Self, $crate::durable::Reject> {
                $(let $field = $crate::durable::Durable::load(context, from)?;)+
                let loaded = Self { $($field),+ };
                $(($rule)(&loaded)?;)?
                Ok(loaded)
            }
        }
    };
}
pub(crate) use durable;

impl Durable for Time {
    fn save(&self, to: &mut Vec<u8>) {
        self.0.save(to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        u64::load(context, from).map(Time)
    }
}

impl<T: Durable> Durable for Option<T> {
    fn save(&self, to: &mut Vec<u8>) {
        self.is_some().save(to);
        self.iter().for_each(|value| value.save(to));
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        bool::load(context, from)?.then(|| T::load(context, from)).transpose()
    }
}

impl<A: Durable, B: Durable> Durable for (A, B) {
    fn save(&self, to: &mut Vec<u8>) {
        self.0.save(to);
        self.1.save(to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        Ok((A::load(context, from)?, B::load(context, from)?))
    }
}

impl<T: Durable, const N: usize> Durable for [T; N] {
    fn save(&self, to: &mut Vec<u8>) {
        self.iter().for_each(|value| value.save(to));
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        let values = (0..N).map(|_| T::load(context, from)).collect::<Result<Vec<_>, _>>()?;
        values.try_into().map_err(|_| Reject::Undecodable)
    }
}

impl<T: Durable> Durable for Vec<T> {
    fn save(&self, to: &mut Vec<u8>) {
        u32::try_from(self.len()).expect("a record is small").save(to);
        self.iter().for_each(|value| value.save(to));
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        // Nothing is reserved: a length is only a claim until its values are there.
        (0..u32::load(context, from)?).map(|_| T::load(context, from)).collect()
    }
}

impl<K: Durable + Ord + Clone, V: Durable + Clone> Durable for std::collections::BTreeMap<K, V> {
    fn save(&self, to: &mut Vec<u8>) {
        u32::try_from(self.len()).expect("a record is small").save(to);
        for (key, value) in self {
            key.save(to);
            value.save(to);
        }
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        let pairs = Vec::<(K, V)>::load(context, from)?;
        if pairs.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(Reject::Undecodable);
        }
        Ok(pairs.into_iter().collect())
    }
}

impl<T: Durable> Durable for Arc<T> {
    fn save(&self, to: &mut Vec<u8>) {
        (**self).save(to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        T::load(context, from).map(Arc::new)
    }
}

impl<T: Statement> Durable for Certificate<T> {
    fn save(&self, to: &mut Vec<u8>) {
        put(self.claim(), to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        Certificate::check(&context.committee, &take::<Claim<T>>(from)?)
    }
}

impl<T: Statement> Durable for Verified<T> {
    fn save(&self, to: &mut Vec<u8>) {
        put(self.signed(), to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        context.committee.check(&take::<Signed<T>>(from)?)
    }
}

impl<T: Statement> Durable for StatementSet<T> {
    fn save(&self, to: &mut Vec<u8>) {
        put(&self.signed(), to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        StatementSet::check(&context.committee, &take::<Vec<Signed<T>>>(from)?)
    }
}

/// The wire form; none is genesis.
impl Durable for Block {
    fn save(&self, to: &mut Vec<u8>) {
        put(&self.wire(), to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        match take::<Option<Arc<WireBlock>>>(from)? {
            Some(wire) => Block::check(context, &wire),
            None => Ok(Block::genesis(context.committee.instance())),
        }
    }
}

impl<C: Commit + Durable> Durable for Commits<C> {
    fn save(&self, to: &mut Vec<u8>) {
        self.decided.save(to);
        self.pending.save(to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        let (decided, pending) = <(Option<C>, _)>::load(context, from)?;
        let commits = Commits { decided, pending };
        let mut all = commits.decided.iter().chain(&commits.pending);
        match all.all(Commit::decides) {
            true => Ok(commits),
            false => Err(Reject::Malformed("votes of another phase")),
        }
    }
}
