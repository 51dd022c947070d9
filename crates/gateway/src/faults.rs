//! Places at which the gateway can be stopped, so that a test sees what remains: before and after everything that is durable
//! or told to somebody else.

use crate::GatewayError;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How many such places are passed before it stops; never, outside of tests.
#[derive(Clone, Debug)]
pub struct Faults {
    passed: Arc<AtomicU64>,
    stop_at: u64,
}

impl Default for Faults {
    fn default() -> Self {
        Self::stop_at(u64::MAX)
    }
}

impl Faults {
    /// Stops at this place, counted from 0, and at every later one: nothing is done after the death.
    pub fn stop_at(place: u64) -> Self {
        Self { passed: Arc::default(), stop_at: place }
    }

    /// How many places were passed.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    pub(crate) fn pass(&self, place: &'static str) -> Result<(), GatewayError> {
        let number = self.passed.fetch_add(1, Ordering::Relaxed);
        if number >= self.stop_at { Err(GatewayError::Stopped(place)) } else { Ok(()) }
    }
}
