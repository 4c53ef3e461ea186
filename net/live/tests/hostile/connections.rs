//! Connections that are wrong (N6, N7, N8, N13, N14).
