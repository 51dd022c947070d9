//! Bonds: units of a token on hold that elect the validators of a network, and of which a validator that contradicts itself
//! loses a part. Specification: `specs/staking.md`.
//!
//! **Place in the way of a payment.** Beside it: units on hold cannot be spent. Execution calls [`elect`] before the first
//! transaction of every block; in one block an epoch it elects.
//!
//! **State.** One slot of terms, a record a bond, the last election. The list of validators itself is governance's
//! ([`crate::governance::committee`]), and so are convictions. See [`layout`].
//!
//! **Invariants.** What is bonded, unbonding and due for a node is on hold in its institution's balance, and no two bonds
//! share a hold. An elected list has nobody who is convicted, and passes the arithmetic that governance's lists pass.
//!
//! **Failures.** Typed reverts of [`IStaking`], and the token's where units move. An election never fails: where no list can
//! be made, the old one stays, and [`layout::Election`] says why.
//!
//! **Limits.** [`BONDS_MAX`] bonds, [`PARTS_MAX`] parts of each that are unbonding. Only elections loop over bonds.

mod abi;
mod bond;
mod choice;
mod dispatch;
mod election;
pub mod invariants;
pub mod layout;
mod ops;
mod views;

pub use abi::IStaking;
pub use choice::Reason;
pub use election::{elect, last_election, would_elect};
pub use ops::{bond, collect, name_institution, unbond, withdraw};
pub use views::{bond_at, bond_count, bond_of, institution_of, terms, unbonding_of};

pub(crate) use abi::SOURCE;
pub(crate) use dispatch::dispatch;
pub(crate) use ops::{initialise, punish};

use crate::context::{Context, Failure, ensure};
use layout::{Settings, layout as places};

/// Most bonds: as many as nodes in the registry.
pub const BONDS_MAX: u64 = crate::permission::NODES_MAX;
/// Most parts of a bond that are unbonding at once.
pub const PARTS_MAX: u8 = 8;

/// The terms; refuses where bonds elect nobody.
fn settings(context: &mut Context<'_>) -> Result<Settings, Failure> {
    let settings = places().settings.read(context)?;
    ensure(!settings.token.is_zero(), || IStaking::StakeAbsent {})?;
    Ok(settings)
}

#[cfg(test)]
mod tests;
