//! Attacks on HotStuff.

use super::HotStuff;
use crate::Attack;

impl Attack for HotStuff {}
