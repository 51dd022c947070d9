//! Scenarios of payments through the dispatcher, precedence of errors, and models.

use super::{IPayment::*, invariants::PaymentBook, *};
use crate::{
    Failure, PAYMENT_ADDRESS, POLICY_ADDRESS,
    policy::IPolicy::{addMembersCall, removeMembersCall},
    testing::{COMPLIANCE, FREEZER, Ledger, PAUSER, account, units, world},
    token::{
        IToken::{self, *},
        invariants::EventBook,
    },
    token_address,
};
use alloy_primitives::{Address, B256, U256};

mod batches;
mod mandates;
mod model;
mod pending;
mod precedence;
mod requests;
mod rules;

const TO: Address = PAYMENT_ADDRESS;
/// Payer, payee and poster of most scenarios. The payer has 1,000, the payee nothing.
const PAYER: Address = Address::repeat_byte(1);
const PAYEE: Address = Address::repeat_byte(3);
const POSTER: Address = Address::repeat_byte(4);
const STRANGER: Address = Address::repeat_byte(9);

fn eur() -> Address {
    token_address(1)
}

fn uetr(number: u8) -> B256 {
    B256::with_last_byte(number)
}

/// A payment at once of the payer to the payee.
fn order(amount: u128, number: u8) -> payCall {
    payCall {
        token: eur(),
        payee: PAYEE,
        amount: units(amount),
        uetr: uetr(number),
        debtorAgent: agent("COBADEFF"),
        creditorAgent: agent("DEUTDEFF500"),
        endToEnd: B256::repeat_byte(0xe2),
        purpose: code("SUPP"),
        remittance: B256::repeat_byte(0x4e),
        priority: 0,
        parkUntilMs: 0,
    }
}

/// A reservation of the payer for the payee, for ten seconds.
fn reservation(ledger: &Ledger, amount: u128, number: u8) -> reserveCall {
    let order = order(amount, number);
    reserveCall {
        token: order.token,
        payee: order.payee,
        amount: order.amount,
        uetr: order.uetr,
        debtorAgent: order.debtorAgent,
        creditorAgent: order.creditorAgent,
        endToEnd: order.endToEnd,
        purpose: order.purpose,
        remittance: order.remittance,
        priority: order.priority,
        expiryMs: ledger.timestamp_ms + 10_000,
        poster: Address::ZERO,
    }
}

fn agent(text: &str) -> codes::Agent {
    codes::Agent::right_padding_from(text.as_bytes())
}

fn code(text: &str) -> codes::Code {
    codes::Code::from_slice(text.as_bytes())
}

fn post_call(number: u8, amount: U256) -> postCall {
    postCall { payer: PAYER, uetr: uetr(number), amount }
}

fn void_call(number: u8) -> voidPaymentCall {
    voidPaymentCall { payer: PAYER, uetr: uetr(number) }
}

fn expire_call(number: u8) -> expireCall {
    expireCall { payer: PAYER, uetr: uetr(number) }
}

fn release_call(number: u8) -> releaseCall {
    releaseCall { payer: PAYER, uetr: uetr(number) }
}

/// A reference of a return; 0 is none.
fn reference(number: u32) -> B256 {
    B256::left_padding_from(&number.to_be_bytes())
}

fn return_call(number: u8, back: u32, amount: u128) -> returnPaymentCall {
    let (uetr, reference, amount) = (uetr(number), reference(back), units(amount));
    returnPaymentCall { payer: PAYER, uetr, returnReference: reference, amount, reason: code("CUST") }
}

fn return_of(ledger: &mut Ledger, number: u8, back: u32) -> (u32, U256) {
    let call = returnOfCall { payer: PAYER, uetr: uetr(number), returnReference: reference(back) };
    let found = ledger.ok(STRANGER, TO, call);
    (found.number, found.amount)
}

fn payment(ledger: &mut Ledger, number: u8) -> paymentOfReturn {
    ledger.ok(STRANGER, TO, paymentOfCall { payer: PAYER, uetr: uetr(number) })
}

fn state(ledger: &mut Ledger, number: u8) -> Option<State> {
    State::from_number(payment(ledger, number).state)
}

fn balance(ledger: &mut Ledger, who: Address) -> u128 {
    ledger.ok(who, eur(), balanceOfCall { account: who }).to()
}

fn spendable(ledger: &mut Ledger, who: Address) -> u128 {
    ledger.ok(who, eur(), spendableBalanceOfCall { account: who }).to()
}

fn freeze(ledger: &mut Ledger, who: Address, freeze: bool) {
    ledger.ok(FREEZER, eur(), setAddressFrozenCall { userAddress: who, freeze });
}

/// Puts an account on the token's deny list, or takes it off.
fn deny(ledger: &mut Ledger, who: Address, on: bool) {
    if on {
        ledger.ok(COMPLIANCE, POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: vec![who] });
    } else {
        ledger.ok(COMPLIANCE, POLICY_ADDRESS, removeMembersCall { policyId: 2, accounts: vec![who] });
    }
}

/// Events alone give every balance and every payment, and every invariant holds.
fn assert_sound(ledger: &mut Ledger) {
    let mut balances = EventBook::default();
    balances.credit_genesis(eur(), account(1), 1_000);
    balances.credit_genesis(eur(), account(2), 500);
    let mut payments = PaymentBook::default();
    for log in &ledger.storage.logs {
        balances.apply(log).unwrap();
        payments.apply(log).unwrap();
    }
    assert_eq!(ledger.run(STRANGER, |context| balances.check(context)).unwrap(), []);
    assert_eq!(ledger.run(STRANGER, |context| payments.check(context)).unwrap(), []);
}
