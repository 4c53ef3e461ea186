//! Attacks on PBFT.

use super::Pbft;
use crate::Attack;

impl Attack for Pbft {}
