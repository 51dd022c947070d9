//! Hints: slots that a transaction certainly reads, so that they can be fetched together before it runs.
//!
//! A hint is never a promise: execution reads whatever it needs, and a wrong hint costs time only.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolInterface;

use crate::{
    address::token_index,
    permission,
    token::{self, IToken::ITokenCalls},
};

/// Slots that a transaction of `sender` reads whatever the state is: permissions, quota, and those of a token.
pub fn touched_slots(sender: Address, to: Option<Address>, input: &[u8]) -> Vec<(Address, U256)> {
    let registry = permission::layout::layout();
    let mut slots =
        vec![registry.settings.place(), registry.sufficient_roles.place(), registry.accounts.of(&sender).place()];
    if let Some(token) = to.filter(|to| token_index(*to).is_some()) {
        token_slots(sender, token, input, &mut slots);
    }
    slots
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
