//! Messages that are wrong (N3, N4, N5, N10, N11, N12), against a receiver that decodes and checks.
