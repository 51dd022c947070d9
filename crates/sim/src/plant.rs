//! Bugs planted on purpose, one of each class that loses or makes money: a simulation that does not find them finds nothing.

use crate::{Fault, Scenario};
use std::{str::FromStr, time::Duration};

/// A bug to plant into a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Disks say that they have written through, and lose it with the power.
    LostWrite,
    /// Votes of machines that are gone count as if they were there.
    WrongQuorum,
    /// Some transactions are executed twice.
    #[cfg(feature = "planted")]
    DoubleExecution,
    /// Some transactions do not use up their nonce.
    #[cfg(feature = "planted")]
    ForgottenNonce,
}

impl FromStr for Plant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "lost-write" => Ok(Self::LostWrite),
            "wrong-quorum" => Ok(Self::WrongQuorum),
            #[cfg(feature = "planted")]
            "double-execution" => Ok(Self::DoubleExecution),
            #[cfg(feature = "planted")]
            "forgotten-nonce" => Ok(Self::ForgottenNonce),
            other => Err(format!("no bug {other:?} can be planted into this program")),
        }
    }
}

impl Scenario {
    /// The same run with a bug in it. The bugs in execution stay for the rest of the process.
    pub fn planted(mut self, plant: Plant) -> Self {
        match plant {
            Plant::LostWrite => {
                let lies =
                    (0..self.validators + self.followers).map(|machine| (Duration::ZERO, Fault::LyingDisk(machine)));
                self.faults.splice(0..0, lies);
            }
            Plant::WrongQuorum => {
                self.faults.retain(|(_, fault)| !matches!(fault, Fault::Kill(_) | Fault::ReplaceDisk(_)));
            }
            #[cfg(feature = "planted")]
            Plant::DoubleExecution => florin_execution::planted::plant(florin_execution::planted::Bug::DoubleExecution),
            #[cfg(feature = "planted")]
            Plant::ForgottenNonce => florin_execution::planted::plant(florin_execution::planted::Bug::ForgottenNonce),
        }
        self
    }
}
