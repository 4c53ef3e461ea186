//! What the parties know whose messages, records and journals the seeds are.

use std::sync::Arc;

use byzlab::{
    crypto::{Committee, Digest, KeyRing, Scheme, Signer},
    protocols::{Context, Leaders, Protocol, Span},
};

/// Four parties and one client, and the keys of both.
pub(crate) fn context<P: Protocol>() -> (Arc<Context>, Vec<Signer>, Signer) {
    let instance = Digest::of("byzlab/test/1", b"bytes");
    let ring = |purpose, count| {
        KeyRing::insecure_from_seed(Scheme::Ideal, instance, purpose, count, &[7; 32])
            .expect("so many keys are possible")
    };
    let ((parties, signers), (clients, mut client)) = (ring("party", 4), ring("client", 1));
    let context = Context {
        committee: Committee::new(parties, 1).expect("f is below n"),
        clients,
        leaders: Leaders::RoundRobin(P::ABOUT.first_leader),
        delta: Span::millis(10),
    };
    (Arc::new(context), signers, client.remove(0))
}
