//! Too many of everything (N7, N15).
