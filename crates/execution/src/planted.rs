//! Bugs planted on purpose, to see that the simulation finds them. Only with the feature `planted`, which no program has.

use crate::machine::{Machine, transact, tx_env};
use florin_types::{StateFault, VerifiedTx};
use std::sync::atomic::{AtomicU8, Ordering};

/// A bug that can be planted into execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// Some transactions leave their sender's nonce as it was.
    ForgottenNonce = 1,
    /// Some transactions are executed twice, with one receipt.
    DoubleExecution = 2,
}

static PLANTED: AtomicU8 = AtomicU8::new(0);

/// From now on every execution of this process has this bug.
pub fn plant(bug: Bug) {
    PLANTED.store(bug as u8, Ordering::Relaxed);
}

/// What goes wrong after a transaction, on every node alike: one in eight, by its hash.
pub(crate) fn after(machine: &mut Machine<'_>, tx: &VerifiedTx) -> Result<(), StateFault> {
    let planted = PLANTED.load(Ordering::Relaxed);
    if planted == 0 || !tx.hash()[0].is_multiple_of(8) {
        return Ok(());
    }
    if planted == Bug::DoubleExecution as u8 {
        let mut again = tx_env(tx);
        again.nonce = again.nonce.saturating_add(1);
        let _ = transact(machine, again)?;
    }
    if let Some(account) = machine.ctx.journaled_state.state.get_mut(&tx.sender()) {
        account.info.nonce = account.info.nonce.saturating_sub(1);
    }
    Ok(())
}
