//! Limits over persons.

use super::*;
use crate::{
    IDENTITY_ADDRESS, PAYMENT_ADDRESS, POLICY_ADDRESS,
    identity::IIdentity::{acceptLinkCall, proposeLinkCall, registerPersonCall, setRegistrarCall},
    payment::IPayment::{postCall, reserveCall},
    policy::IPolicy::{createHoldingLimitCall, createListCall},
    testing::{ADMIN, COMPLIANCE, GOVERNOR},
    token::IToken::setPolicyCall,
};
use alloy_primitives::U256;

const BANK: Address = Address::repeat_byte(1);
const PHONE: Address = Address::repeat_byte(2);
const CARD: Address = Address::repeat_byte(3);
const REGISTRAR: Address = Address::repeat_byte(0xb1);

/// One limit over two wallets of one person; the bank is exempt.
fn setting(title: &str) -> Story {
    let mut story = Story::begin(title, &[(BANK, "Bank", 1_000), (PHONE, "Phone", 300), (CARD, "Card", 200)]);
    story.name(PAYMENT_ADDRESS, "payment");
    let ledger = &mut story.ledger;
    ledger.ok(GOVERNOR, IDENTITY_ADDRESS, setRegistrarCall { account: REGISTRAR, appointed: true });
    let person = registerPersonCall { kind: 1, lei: String::new() };
    let person = ledger.ok(REGISTRAR, IDENTITY_ADDRESS, person);
    for wallet in [PHONE, CARD] {
        ledger.ok(REGISTRAR, IDENTITY_ADDRESS, proposeLinkCall { personId: person, account: wallet });
        ledger.ok(wallet, IDENTITY_ADDRESS, acceptLinkCall { personId: person });
    }
    let exempt = createListCall { kind: 1, admin: COMPLIANCE, members: vec![BANK] };
    let exempt = ledger.ok(COMPLIANCE, POLICY_ADDRESS, exempt);
    let limit = createHoldingLimitCall { admin: COMPLIANCE, exemptPolicyId: exempt, limit: units(700), outcome: 1 };
    let policy = ledger.ok(COMPLIANCE, POLICY_ADDRESS, limit);
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: policy });
    story.hush();
    story
}

#[test]
fn holding_limit_over_two_wallets() {
    let mut story = setting("Phone and card are wallets of one person, who may hold 700. What is pending counts.");
    let pay = |to, amount| transferCall { to, amount: units(amount) };
    story.step(BANK, "pays the phone 201", eur(), pay(PHONE, 201));
    let expiry = story.zero_ms + 1_000;
    let reserve = reserveCall {
        token: eur(),
        payee: PHONE,
        amount: units(150),
        uetr: reference(1),
        debtorAgent: (*b"COBADEFFXXX").into(),
        creditorAgent: (*b"DEUTDEFFXXX").into(),
        endToEnd: B256::ZERO,
        purpose: (*b"SUPP").into(),
        remittance: B256::ZERO,
        priority: 0,
        expiryMs: expiry,
        poster: Address::ZERO,
    };
    story.name(reference(1), "U1");
    assert!(story.ledger.call(BANK, PAYMENT_ADDRESS, reserve).is_ok());
    story.hush();
    story.say("The bank reserves 150 for the phone under U1: pending.");
    story.balances();
    story.step(BANK, "pays the card 51", eur(), pay(CARD, 51));
    story.step(BANK, "pays the card 50", eur(), pay(CARD, 50));
    story.step(BANK, "pays the phone 1", eur(), pay(PHONE, 1));
    let post = postCall { payer: BANK, uetr: reference(1), amount: U256::MAX };
    assert!(story.ledger.call(PHONE, PAYMENT_ADDRESS, post).is_ok());
    story.hush();
    story.say("The phone posts the 150: they were tested when they became pending.");
    story.balances();
    story.step(PHONE, "pays the card 400: within one person nothing is added", eur(), pay(CARD, 400));
    story.step(BANK, "pays the card 1", eur(), pay(CARD, 1));
    story.end("holding-limit-over-two-wallets");
}
