//! Carries bytes between the parties of a committee over libp2p.
