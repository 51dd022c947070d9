//! Hints: slots that a transaction certainly reads, so that they can be fetched together before it runs.
//!
//! A hint is never a promise: execution reads whatever it needs, and a wrong hint costs time only.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, SolInterface};

use crate::{
    PAYMENT_ADDRESS,
    address::token_index,
    payment::{
        self, BATCH_INPUT_BYTES_MAX,
        IPayment::{IPaymentCalls, payBatchCall},
    },
    permission,
    token::{self, IToken::ITokenCalls, batch_items},
};

/// Slots that a transaction of `sender` reads whatever the state is: permissions, quota, and those of a token.
pub fn touched_slots(sender: Address, to: Option<Address>, input: &[u8]) -> Vec<(Address, U256)> {
    let registry = permission::layout::layout();
    let mut slots =
        vec![registry.settings.place(), registry.sufficient_roles.place(), registry.accounts.of(&sender).place()];
    match to {
        Some(token) if token_index(token).is_some() => token_slots(sender, token, input, &mut slots),
        Some(PAYMENT_ADDRESS) if input.starts_with(&payBatchCall::SELECTOR) => batch_slots(sender, input, &mut slots),
        Some(PAYMENT_ADDRESS) => payment_slots(sender, input, &mut slots),
        _ => {}
    }
    slots
}

/// What a payment at once or a reservation reads: its own record, the token's terms and, if it moves units, the holders.
fn payment_slots(sender: Address, input: &[u8], slots: &mut Vec<(Address, U256)>) {
    if input.len() > crate::PAYMENT_INPUT_BYTES_MAX {
        return;
    }
    let (token, payee, uetr) = match IPaymentCalls::abi_decode(input) {
        Ok(IPaymentCalls::pay(c)) => (c.token, Some(c.payee), c.uetr),
        Ok(IPaymentCalls::reserve(c)) => (c.token, None, c.uetr),
        _ => return,
    };
    slots.push(payment::layout::layout().payments.of(&sender).of(&uetr).head.place());
    if token_index(token).is_some() {
        let layout = token::layout::layout(token);
        slots.push(layout.terms.place());
        slots.extend([Some(sender), payee].into_iter().flatten().map(|party| layout.holdings.of(&party).place()));
    }
}

/// What a batch reads: its own record, and payer and payees of the token. Here hints matter most: thousands of slots are
/// fetched together instead of one after the other.
fn batch_slots(sender: Address, input: &[u8], slots: &mut Vec<(Address, U256)>) {
    if input.len() > BATCH_INPUT_BYTES_MAX {
        return;
    }
    let Ok(batch) = payBatchCall::abi_decode(input) else { return };
    let Some(items) = batch_items(&batch.items).filter(|_| token_index(batch.token).is_some()) else { return };
    slots.push(payment::layout::layout().payments.of(&sender).of(&batch.uetr).head.place());
    let layout = token::layout::layout(batch.token);
    slots.extend([layout.terms.place(), layout.holdings.of(&sender).place()]);
    slots.extend(items.map(|item| layout.holdings.of(&item.to).place()));
}

fn token_slots(sender: Address, token: Address, input: &[u8], slots: &mut Vec<(Address, U256)>) {
    use ITokenCalls as Call;
    if input.len() > crate::PAYMENT_INPUT_BYTES_MAX {
        return;
    }
    let layout = token::layout::layout(token);
    let (parties, owner) = match ITokenCalls::abi_decode(input) {
        Ok(Call::transfer(c)) => (vec![sender, c.to], None),
        Ok(Call::transferWithMemo(c)) => (vec![sender, c.to], None),
        Ok(Call::transferFrom(c)) => (vec![c.from, c.to, sender], Some(c.from)),
        Ok(Call::transferFromWithMemo(c)) => (vec![c.from, c.to, sender], Some(c.from)),
        _ => (Vec::new(), None),
    };
    slots.push(layout.terms.place());
    slots.extend(parties.iter().map(|party| layout.holdings.of(party).place()));
    slots.extend(owner.map(|owner| layout.allowances.of(&owner).of(&sender).place()));
}
