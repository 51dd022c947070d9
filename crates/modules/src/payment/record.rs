//! A payment as it is stored: found by payer and UETR, in one of five states.

use alloy_primitives::{Address, B256};
use florin_types::StateFault;

use super::{
    IPayment,
    layout::{Amounts, Head, PaymentRecord, Pending, layout},
};
use crate::{
    context::{Context, Failure, ensure, revert},
    token::{self, IToken},
    token_address, token_index,
};

/// What became of a payment. The numbers are part of the ABI and of storage; the last three are for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Reserved; may be posted.
    Pending = 1,
    /// The policy refuses it today; waits.
    Parked = 2,
    /// Paid, in full or in part.
    Settled = 3,
    /// Given up; nothing was paid.
    Voided = 4,
    /// Its time ran out; nothing was paid.
    Expired = 5,
}

impl State {
    /// Its permanent number.
    pub fn number(self) -> u8 {
        match self {
            Self::Pending => 1,
            Self::Parked => 2,
            Self::Settled => 3,
            Self::Voided => 4,
            Self::Expired => 5,
        }
    }

    /// The state of this number; absent for 0, the UETR that was never used.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Pending, Self::Parked, Self::Settled, Self::Voided, Self::Expired]
            .into_iter()
            .find(|state| state.number() == number)
    }

    /// Whether the payment still waits with units on hold.
    pub fn waits(self) -> bool {
        matches!(self, Self::Pending | Self::Parked)
    }
}

/// A payment during one operation.
pub(super) struct Payment {
    pub(super) payer: Address,
    pub(super) uetr: B256,
    pub(super) head: Head,
    pub(super) state: State,
    pub(super) place: PaymentRecord,
}

impl Payment {
    /// The payment, if its UETR was used.
    pub(super) fn find(context: &mut Context<'_>, payer: Address, uetr: B256) -> Result<Option<Self>, Failure> {
        let place = layout().payments.at(context, &payer)?.at(context, &uetr)?;
        let head = place.head.read(context)?;
        if head.state == 0 {
            return Ok(None);
        }
        let state = State::from_number(head.state)
            .ok_or_else(|| StateFault(format!("payment {uetr} of {payer} has state {}", head.state)))?;
        Ok(Some(Self { payer, uetr, head, state, place }))
    }

    /// The payment; reverts where the UETR was never used.
    pub(super) fn read(context: &mut Context<'_>, payer: Address, uetr: B256) -> Result<Self, Failure> {
        Self::find(context, payer, uetr)?.ok_or_else(|| revert(IPayment::PaymentUnknown { payer, uetr }))
    }

    pub(super) fn token(&self) -> Address {
        token_address(self.head.token)
    }

    /// Reverts unless the state is one that the operation works on.
    pub(super) fn ensure_state(&self, works: bool) -> Result<(), Failure> {
        let Self { payer, uetr, state, .. } = *self;
        ensure(works, || IPayment::PaymentStateForbids { payer, uetr, state: state.number() })
    }

    /// What a waiting payment waits with, if its expiry has not come: at the very instant it is late.
    pub(super) fn in_time(&self, context: &mut Context<'_>) -> Result<Pending, Failure> {
        let pending = self.place.pending.read(context)?;
        let (payer, uetr, expiry_ms, now_ms) = (self.payer, self.uetr, pending.expiry_ms, context.env().timestamp_ms);
        let late = || IPayment::PaymentLate { payer, uetr, expiryMs: expiry_ms, nowMs: now_ms };
        ensure(now_ms < expiry_ms, late)?;
        Ok(pending)
    }

    /// Resolves a waiting payment, for ever.
    pub(super) fn resolve(&mut self, context: &mut Context<'_>, state: State) -> Result<(), Failure> {
        self.state = state;
        self.head.state = state.number();
        self.place.head.write(context, self.head)
    }
}

/// Where the payment with this UETR will lie; reverts where the payer has used it.
pub(super) fn unused(context: &mut Context<'_>, payer: Address, uetr: B256) -> Result<PaymentRecord, Failure> {
    ensure(!uetr.is_zero(), || IPayment::UetrInvalid {})?;
    let place = layout().payments.at(context, &payer)?.at(context, &uetr)?;
    let state = place.head.read(context)?.state;
    ensure(state == 0, || IPayment::UetrUsed { payer, uetr, state })?;
    Ok(place)
}

/// Writes a payment that is settled from its beginning.
pub(super) fn write_settled(
    context: &mut Context<'_>,
    place: PaymentRecord,
    (token, payee): (u64, Address),
    received: u128,
) -> Result<(), Failure> {
    place.head.write(context, Head { payee, token, returns: 0, state: State::Settled.number() })?;
    place.amounts.write(context, Amounts { received, returned: 0 })
}

/// Index of a token that exists; reverts where none was created.
pub(super) fn existing_token(context: &mut Context<'_>, token: Address) -> Result<u64, Failure> {
    token::ensure_token(context, token)?;
    token_index(token).ok_or_else(|| revert(IToken::TokenUnknown { token }))
}

/// Reverts unless the caller is the one whose operation this is.
pub(super) fn ensure_caller(context: &Context<'_>, expected: Address) -> Result<(), Failure> {
    let caller = context.caller();
    ensure(caller == expected, || IPayment::CallerForbidden { caller, expected })
}
