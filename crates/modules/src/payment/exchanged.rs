//! Payments that the exchange settled: recorded here by payer and UETR, so that each pays once through whichever door,
//! is found here, and can be returned.

use alloy_primitives::{Address, B256, U256};

use super::{
    State,
    codes::{Agent, is_agent},
    orders::{Order, emit_ordered},
    record::{Payment, existing_token, unused, write_settled},
};
use crate::context::{Context, Failure};

/// A cross-border payment whose units have moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exchanged {
    /// Who paid.
    pub(crate) payer: Address,
    /// The idempotency key.
    pub(crate) uetr: B256,
    /// Who received.
    pub(crate) payee: Address,
    /// The token that was received.
    pub(crate) token: Address,
    /// Minor units received.
    pub(crate) received: u128,
    /// Agents of payer and payee: BIC or LEI in ASCII, left-aligned.
    pub(crate) agents: (B256, B256),
    /// Hash of the remittance information.
    pub(crate) remittance: B256,
}

/// Reverts where the payer has used the UETR, with what became of that payment.
pub(crate) fn ensure_unused(context: &mut Context<'_>, payer: Address, uetr: B256) -> Result<(), Failure> {
    unused(context, payer, uetr).map(|_| ())
}

/// Whether the payer's payment with this UETR is settled.
pub(crate) fn is_settled(context: &mut Context<'_>, payer: Address, uetr: B256) -> Result<bool, Failure> {
    Ok(Payment::find(context, payer, uetr)?.is_some_and(|payment| payment.state == State::Settled))
}

/// Records a payment that the exchange settled in this very operation.
pub(crate) fn record_exchanged(context: &mut Context<'_>, paid: &Exchanged) -> Result<(), Failure> {
    let place = unused(context, paid.payer, paid.uetr)?;
    let index = existing_token(context, paid.token)?;
    write_settled(context, place, (index, paid.payee), paid.received)?;
    let order = Order {
        token: paid.token,
        payee: paid.payee,
        amount: U256::from(paid.received),
        uetr: paid.uetr,
        debtor_agent: bic(paid.agents.0),
        creditor_agent: bic(paid.agents.1),
        remittance: paid.remittance,
        ..Order::default()
    };
    emit_ordered(context, paid.payer, &order, State::Settled)
}

/// The BIC, if the agent is one; a LEI is told by the exchange's own event.
fn bic(agent: B256) -> Agent {
    let (name, rest) = agent.split_at(Agent::len_bytes());
    let named = Agent::from_slice(name);
    if rest.iter().all(|byte| *byte == 0) && is_agent(named) { named } else { Agent::ZERO }
}
