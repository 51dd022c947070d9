//! Hints: slots that a transaction certainly reads, so that they can be fetched together before it runs.
//!
//! A hint is never a promise: execution reads whatever it needs, and a wrong hint costs time only.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, SolInterface};

use crate::{
    EXCHANGE_ADDRESS, PAYMENT_ADDRESS, SETTLEMENT_ADDRESS,
    address::token_index,
    fx::{
        self,
        IExchange::{IExchangeCalls, Order, Quote},
    },
    lane::EXCHANGE_INPUT_BYTES_MAX,
    payment::{
        self, BATCH_INPUT_BYTES_MAX,
        IPayment::{IPaymentCalls, payBatchCall},
    },
    permission,
    settlement::{self, ISettlement::ISettlementCalls},
    token::{self, IToken::ITokenCalls},
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
        Some(SETTLEMENT_ADDRESS) => settlement_slots(sender, input, &mut slots),
        Some(EXCHANGE_ADDRESS) => exchange_slots(sender, input, &mut slots),
        _ => {}
    }
    slots
}

/// What a call of the payment module reads: its own record; for an order the token's terms and, if it moves units, the holders.
fn payment_slots(sender: Address, input: &[u8], slots: &mut Vec<(Address, U256)>) {
    if input.len() > crate::PAYMENT_INPUT_BYTES_MAX {
        return;
    }
    let layout = payment::layout::layout();
    let record = |payer, uetr| layout.payments.of(&payer).of(&uetr).head.place();
    let (token, payee, uetr) = match IPaymentCalls::abi_decode(input) {
        Ok(IPaymentCalls::pay(c)) => (c.token, Some(c.payee), c.uetr),
        Ok(IPaymentCalls::reserve(c)) => (c.token, None, c.uetr),
        Ok(IPaymentCalls::post(c)) => return slots.push(record(c.payer, c.uetr)),
        Ok(IPaymentCalls::release(c)) => return slots.push(record(c.payer, c.uetr)),
        Ok(IPaymentCalls::voidPayment(c)) => return slots.push(record(c.payer, c.uetr)),
        Ok(IPaymentCalls::expire(c)) => return slots.push(record(c.payer, c.uetr)),
        Ok(IPaymentCalls::returnPayment(c)) => {
            let returned = layout.payments.of(&c.payer).of(&c.uetr);
            return slots.extend([
                returned.head.place(),
                returned.amounts.place(),
                returned.returns.of(&c.returnReference).place(),
            ]);
        }
        Ok(IPaymentCalls::collect(c)) => return slots.push(layout.mandates.of(&c.mandateId).terms.place()),
        Ok(IPaymentCalls::execute(c)) => return slots.push(layout.mandates.of(&c.mandateId).terms.place()),
        Ok(IPaymentCalls::accept(c)) => return slots.push(layout.requests.of(&c.requestId).asker.place()),
        _ => return,
    };
    let own = layout.payments.of(&sender).of(&uetr);
    slots.push(own.head.place());
    // Of an order that is paid at once, what was received is written down.
    slots.extend(payee.map(|_| own.amounts.place()));
    if token_index(token).is_some() {
        let layout = token::layout::layout(token);
        slots.push(layout.terms.place());
        slots.extend([Some(sender), payee].into_iter().flatten().map(|party| layout.holdings.of(&party).place()));
    }
}

/// What an instruction reads: its scheme or window, the seats of both, its reference, and the count of instructions.
fn settlement_slots(sender: Address, input: &[u8], slots: &mut Vec<(Address, U256)>) {
    if input.len() > crate::PAYMENT_INPUT_BYTES_MAX {
        return;
    }
    let layout = settlement::layout::layout();
    let reference = match ISettlementCalls::abi_decode(input) {
        Ok(ISettlementCalls::submit(c)) => {
            let scheme = layout.schemes.of(&c.schemeId);
            slots.extend([scheme.terms.place(), scheme.day.place()]);
            slots.extend([sender, c.creditor].map(|party| scheme.seats.of(&party).place()));
            c.instructionReference
        }
        Ok(ISettlementCalls::assign(c)) => {
            slots.push(layout.windows.of(&c.windowId).place());
            c.instructionReference
        }
        _ => return,
    };
    slots.extend([layout.references.of(&sender).of(&reference).place(), layout.instructions_made.place()]);
}

/// What an exchange reads: providers and their nonces, the UETR, and what it moves of each currency.
fn exchange_slots(sender: Address, input: &[u8], slots: &mut Vec<(Address, U256)>) {
    if input.len() > EXCHANGE_INPUT_BYTES_MAX {
        return;
    }
    match IExchangeCalls::abi_decode(input) {
        Ok(IExchangeCalls::execute(c)) => {
            quote_slots(&c.quote, sender, c.order.payee, slots);
            order_slots(&c.order, sender, slots);
        }
        Ok(IExchangeCalls::executeVia(c)) => {
            quote_slots(&c.first, sender, c.second.provider, slots);
            quote_slots(&c.second, c.first.provider, c.order.payee, slots);
            order_slots(&c.order, sender, slots);
        }
        _ => {}
    }
}

/// The provider, its nonce, and terms and holders of both tokens: `payer` pays the provider, which pays `payee`.
fn quote_slots(quote: &Quote, payer: Address, payee: Address, slots: &mut Vec<(Address, U256)>) {
    let layout = fx::layout::layout();
    slots.push(layout.providers.of(&quote.provider).place());
    slots.push(layout.nonces.of(&quote.provider).of(&quote.nonce).place());
    for (token, party) in [(quote.sellToken, payer), (quote.buyToken, payee)] {
        if token_index(token).is_some() {
            let layout = token::layout::layout(token);
            slots.push(layout.terms.place());
            slots.extend([party, quote.provider].map(|holder| layout.holdings.of(&holder).place()));
        }
    }
}

/// A cross-border payment is recorded in both modules, by its debtor.
fn order_slots(order: &Order, debtor: Address, slots: &mut Vec<(Address, U256)>) {
    if !order.uetr.is_zero() {
        slots.push(fx::layout::layout().payments.of(&debtor).of(&order.uetr).place());
        slots.push(payment::layout::layout().payments.of(&debtor).of(&order.uetr).head.place());
    }
}

/// What a batch reads: its own record, and the payer's units of the token. Its payees are fetched when it runs.
fn batch_slots(sender: Address, input: &[u8], slots: &mut Vec<(Address, U256)>) {
    if input.len() > BATCH_INPUT_BYTES_MAX {
        return;
    }
    let Ok(batch) = payBatchCall::abi_decode(input) else { return };
    if token_index(batch.token).is_none() {
        return;
    }
    let module = payment::layout::layout();
    let record = module.payments.of(&sender).of(&batch.uetr);
    slots.extend([record.head.place(), record.amounts.place(), module.batches_made.place()]);
    let layout = token::layout::layout(batch.token);
    slots.extend([layout.terms.place(), layout.holdings.of(&sender).place()]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, is_payment};
    use alloy_primitives::B256;
    use std::collections::BTreeSet;

    /// Storage that notes what is read, be it for what a write costs.
    struct Reads {
        memory: crate::MemoryStorage,
        places: BTreeSet<(Address, U256)>,
    }

    impl crate::Storage for Reads {
        fn load(&mut self, address: Address, slot: U256) -> Result<U256, Failure> {
            self.places.insert((address, slot));
            self.memory.load(address, slot)
        }
        fn store(&mut self, address: Address, slot: U256, value: U256) -> Result<(), Failure> {
            self.places.insert((address, slot));
            self.memory.store(address, slot, value)
        }
        fn set_tariff(&mut self, tariff: crate::Tariff) {
            self.memory.set_tariff(tariff);
        }
        fn log(&mut self, address: Address, topics: Vec<B256>, data: alloy_primitives::Bytes) -> Result<(), Failure> {
            self.memory.log(address, topics, data)
        }
        fn charge(&mut self, gas: u64) -> Result<(), Failure> {
            self.memory.charge(gas)
        }
        fn set_code(&mut self, address: Address, code: alloy_primitives::Bytes) -> Result<(), Failure> {
            self.memory.set_code(address, code)
        }
        fn keccak(&mut self, data: &[u8]) -> Result<B256, Failure> {
            self.memory.keccak(data)
        }
        fn recover(&mut self, digest: B256, v: u8, r: B256, s: B256) -> Result<Option<Address>, Failure> {
            self.memory.recover(digest, v, r, s)
        }
    }

    /// Every hint of every call of the gas references is a slot that the call reads, and every payment among them has
    /// hints of its own module.
    #[test]
    fn hints_are_slots_that_calls_read() {
        let (none, rules) = (touched_slots(Address::ZERO, None, &[]).len(), florin_types::Rules::default());
        let (mut payments, mut hints) = (0, 0);
        for case in crate::cost_cases() {
            let mut reads = Reads { memory: case.storage(), places: BTreeSet::new() };
            case.run(&rules, &mut reads).unwrap();
            let told = touched_slots(case.call.caller, Some(case.call.to), &case.call.input);
            // A payment that the policy parks has received nothing yet.
            let parked = case.name().contains("parked");
            for hint in told[none..].iter().filter(|_| !parked) {
                assert!(reads.places.contains(hint), "{}: {hint:?} is not read", case.name());
            }
            hints += told.len() - none;
            if is_payment(case.call.to, &case.call.input) {
                payments += 1;
                assert!(told.len() > none, "{} has no hint", case.name());
            }
        }
        assert!(payments > 30 && hints > 150, "{payments} payments, {hints} hints");
    }
}
