//! Cross-border payments: one key for two doors, all or nothing, found and returned as payments.

use super::*;
use crate::{
    PAYMENT_ADDRESS,
    payment::{
        IPayment::{
            CallerForbidden, PaymentOrdered, PaymentUnknown, ReturnExceeded, UetrUsed, payCall, paymentOfCall,
            reserveCall, returnPaymentCall,
        },
        invariants::PaymentBook,
    },
    policy::{
        self,
        IPolicy::{
            HoldingLimitExceeded, TravelRuleUnmet, createHoldingLimitCall, createTravelRuleCall, setHoldingLimitCall,
        },
    },
    token::IToken::setPolicyCall,
};

const UETR: B256 = B256::repeat_byte(0x11);

fn ascii(text: &str) -> B256 {
    B256::right_padding_from(text.as_bytes())
}

/// A payment between the customers of two banks, one named by its BIC, the other by its LEI.
fn payment(amount: U256) -> Order {
    let (debtor, creditor) = (ascii("COBADEFF"), ascii("529900T8BM49AURSDO55"));
    let invoice = B256::repeat_byte(0x22);
    Order { uetr: UETR, debtorAgent: debtor, creditorAgent: creditor, remittanceHash: invoice, ..order(amount) }
}

fn paid(ledger: &mut Ledger, payer: Address) -> (u8, Address, Address, U256, U256) {
    let found = ledger.ok(ANYONE, PAYMENT_ADDRESS, paymentOfCall { payer, uetr: UETR });
    (found.state, found.token, found.payee, found.received, found.returned)
}

/// Neither door knows the payment, no quote was used and nobody's units moved.
fn untouched(ledger: &mut Ledger, quote: &Quote) {
    assert_eq!(paid(ledger, TAKER).0, 0);
    assert_eq!(ledger.ok(ANYONE, TO, tradeOfUetrCall { debtor: TAKER, uetr: UETR }), 0);
    assert!(!ledger.ok(ANYONE, TO, isNonceUsedCall { provider: quote.provider, nonce: quote.nonce }));
    assert_eq!((balance(ledger, eur(), TAKER), balance(ledger, usd(), PAYEE)), (1_000, 0));
}

fn all_sound(ledger: &mut Ledger) {
    sound(ledger);
    let mut book = PaymentBook::default();
    ledger.storage.logs.iter().for_each(|log| book.apply(log).unwrap());
    assert_eq!(ledger.run(ANYONE, |x| book.check(x)).unwrap(), []);
}

fn paying(uetr: B256) -> payCall {
    payCall {
        token: eur(),
        payee: PAYEE,
        amount: units(1),
        uetr,
        debtorAgent: Default::default(),
        creditorAgent: Default::default(),
        endToEnd: B256::ZERO,
        purpose: Default::default(),
        remittance: B256::ZERO,
        priority: 0,
        parkUntilMs: 0,
    }
}

fn reserving(ledger: &Ledger, uetr: B256) -> reserveCall {
    reserveCall {
        token: eur(),
        payee: PAYEE,
        amount: units(1),
        uetr,
        debtorAgent: Default::default(),
        creditorAgent: Default::default(),
        endToEnd: B256::ZERO,
        purpose: Default::default(),
        remittance: B256::ZERO,
        priority: 0,
        expiryMs: ledger.timestamp_ms + 1_000,
        poster: Address::ZERO,
    }
}

#[test]
fn it_is_found_among_the_payments_in_what_the_payee_received() {
    let mut ledger = set_up();
    let full = quote(&ledger);
    let call = executing(&mut ledger, full, payment(units(100)));
    ledger.ok(TAKER, TO, call);
    assert_eq!(paid(&mut ledger, TAKER), (3, usd(), PAYEE, units(108), U256::ZERO));
    let ordered = |log: &_| PaymentOrdered::decode_log(log).ok();
    let told = ledger.storage.logs.iter().find_map(ordered).unwrap().data;
    assert_eq!((told.payer, told.uetr, told.payee, told.token), (TAKER, UETR, PAYEE, usd()));
    assert_eq!((told.amount, told.state, told.remittance), (units(108), 3, B256::repeat_byte(0x22)));
    let (debtor, creditor) = (told.debtorAgent, told.creditorAgent);
    assert_eq!((&debtor[..], creditor.is_zero()), (&b"COBADEFF\0\0\0"[..], true), "a LEI is no BIC");
    all_sound(&mut ledger);
}

#[test]
fn two_hops_are_one_payment_in_the_last_currency() {
    let mut ledger = set_up();
    let (first, second) = (quote(&ledger), second_quote(&ledger));
    let call = executing_via(&mut ledger, first, second, payment(units(400)));
    ledger.ok(TAKER, TO, call);
    assert_eq!(paid(&mut ledger, TAKER), (3, chf(), PAYEE, units(344), U256::ZERO));
    all_sound(&mut ledger);
}

/// Whichever door it came through first, the other one says what became of it.
#[test]
fn one_uetr_pays_once_through_both_doors() {
    let mut ledger = set_up();
    let full = quote(&ledger);
    let call = executing(&mut ledger, full.clone(), payment(units(100)));
    ledger.ok(TAKER, TO, call);
    let used = |state| UetrUsed { payer: TAKER, uetr: UETR, state };
    ledger.reverts(TAKER, PAYMENT_ADDRESS, paying(UETR), used(3));
    let reservation = reserving(&ledger, UETR);
    ledger.reverts(TAKER, PAYMENT_ADDRESS, reservation, used(3));
    let again = Quote { nonce: B256::repeat_byte(2), ..full };
    let call = executing(&mut ledger, again, payment(units(100)));
    ledger.reverts(TAKER, TO, call, ExchangeUetrUsed { uetr: UETR, tradeId: 1 });

    // Settled, and still pending.
    for state in [3, 1] {
        let mut ledger = set_up();
        let (full, second) = (quote(&ledger), second_quote(&ledger));
        match state {
            3 => drop(ledger.ok(TAKER, PAYMENT_ADDRESS, paying(UETR))),
            _ => {
                let reservation = reserving(&ledger, UETR);
                ledger.ok(TAKER, PAYMENT_ADDRESS, reservation);
            }
        }
        let call = executing(&mut ledger, full.clone(), payment(units(100)));
        ledger.reverts(TAKER, TO, call, used(state));
        let call = executing_via(&mut ledger, full, second, payment(units(400)));
        ledger.reverts(TAKER, TO, call, used(state));
        all_sound(&mut ledger);
    }
}

/// Legs of one end-to-end payment carry one UETR, and nobody uses up another's by being first.
#[test]
fn a_uetr_is_its_debtor_s() {
    let mut ledger = set_up();
    let thief = account(2);
    let theirs = quote(&ledger);
    let ours = Quote { nonce: B256::repeat_byte(2), ..theirs.clone() };
    let call = executing(&mut ledger, theirs, payment(units(100)));
    ledger.ok(thief, TO, call);
    let call = executing(&mut ledger, ours, payment(units(100)));
    ledger.ok(TAKER, TO, call);
    for (debtor, trade) in [(thief, 1), (TAKER, 2), (PAYEE, 0)] {
        assert_eq!(ledger.ok(ANYONE, TO, tradeOfUetrCall { debtor, uetr: UETR }), trade);
        assert_eq!(paid(&mut ledger, debtor).0, if trade == 0 { 0 } else { 3 });
    }
    all_sound(&mut ledger);
}

#[test]
fn an_exchange_without_a_uetr_is_no_payment() {
    let mut ledger = set_up();
    let full = quote(&ledger);
    let call = executing(&mut ledger, full, order(units(100)));
    ledger.ok(TAKER, TO, call);
    let unknown = PaymentUnknown { payer: TAKER, uetr: B256::ZERO };
    let back = returnPaymentCall {
        payer: TAKER,
        uetr: B256::ZERO,
        returnReference: B256::with_last_byte(1),
        amount: units(1),
        reason: (*b"CUST").into(),
    };
    ledger.reverts(PAYEE, PAYMENT_ADDRESS, back, unknown);
    assert!(!ledger.storage.logs.iter().any(|log| PaymentOrdered::decode_log(log).is_ok()));
}

#[test]
fn a_quote_that_expires_in_the_very_block_leaves_nothing() {
    let mut ledger = set_up();
    let full = quote(&ledger);
    let call = executing(&mut ledger, full.clone(), payment(units(100)));
    ledger.timestamp_ms = full.expiresAtMs;
    let late = QuoteExpired { expiresAtMs: full.expiresAtMs, nowMs: full.expiresAtMs };
    ledger.reverts(TAKER, TO, call.clone(), late);
    untouched(&mut ledger, &full);
    // The second hop's alone is enough.
    let first = Quote { expiresAtMs: full.expiresAtMs + 1, ..full.clone() };
    let second = Quote { expiresAtMs: full.expiresAtMs, ..second_quote(&ledger) };
    let via = executing_via(&mut ledger, first, second, payment(units(400)));
    let late = QuoteExpired { expiresAtMs: full.expiresAtMs, nowMs: full.expiresAtMs };
    ledger.reverts(TAKER, TO, via, late);
    untouched(&mut ledger, &full);
    ledger.timestamp_ms = full.expiresAtMs - 1;
    ledger.ok(TAKER, TO, call);
}

#[test]
fn slippage_leaves_nothing() {
    let mut ledger = set_up();
    let full = quote(&ledger);
    let wanted = payment(units(100));
    let (sent, received) = (units(103), units(108));
    let dear = Order { maxSent: units(102), ..wanted.clone() };
    let call = executing(&mut ledger, full.clone(), dear);
    ledger.reverts(TAKER, TO, call, SentAboveMax { sent, maxSent: units(102) });
    let little = Order { minReceived: units(109), ..wanted.clone() };
    let call = executing(&mut ledger, full.clone(), little);
    ledger.reverts(TAKER, TO, call, ReceivedBelowMin { received, minReceived: units(109) });
    untouched(&mut ledger, &full);
    let exact = Order { maxSent: sent, minReceived: received, ..wanted };
    let call = executing(&mut ledger, full, exact);
    ledger.ok(TAKER, TO, call);
    all_sound(&mut ledger);
}

/// The first leg falls under a travel rule, the second beyond a holding limit that parks: neither waits by halves.
#[test]
fn both_legs_and_the_record_commit_together() {
    let mut ledger = set_up();
    let full = quote(&ledger);
    let call = executing(&mut ledger, full.clone(), payment(ALL));
    let limit = createHoldingLimitCall {
        admin: COMPLIANCE,
        exemptPolicyId: policy::CLOSED,
        limit: units(434),
        outcome: policy::HoldingOutcome::Park as u8,
    };
    let limit = ledger.ok(ANYONE, POLICY_ADDRESS, limit);
    ledger.ok(ADMIN, usd(), setPolicyCall { newPolicyId: limit });
    let parked = HoldingLimitExceeded { policyId: limit, limit: units(434), held: U256::ZERO, amount: units(435) };
    ledger.reverts(TAKER, TO, call.clone(), parked);
    untouched(&mut ledger, &full);

    let rule = createTravelRuleCall { admin: COMPLIANCE, exemptPolicyId: policy::CLOSED, threshold: units(403) };
    let rule = ledger.ok(ANYONE, POLICY_ADDRESS, rule);
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: rule });
    let amount = units(403);
    let unmet = TravelRuleUnmet { policyId: rule, missing: 1, threshold: amount, total: U256::ZERO, amount };
    ledger.reverts(TAKER, TO, call.clone(), unmet);
    untouched(&mut ledger, &full);

    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: policy::OPEN });
    ledger.ok(
        COMPLIANCE,
        POLICY_ADDRESS,
        setHoldingLimitCall { policyId: limit, limit: units(435), outcome: policy::HoldingOutcome::Park as u8 },
    );
    ledger.ok(TAKER, TO, call);
    assert_eq!(paid(&mut ledger, TAKER), (3, usd(), PAYEE, units(435), U256::ZERO));
    all_sound(&mut ledger);
}

/// In the currency that was received, to the payer, and at most what was received; no quote is undone.
#[test]
fn a_return_goes_back_in_what_was_received() {
    let mut ledger = set_up();
    let full = quote(&ledger);
    let call = executing(&mut ledger, full.clone(), payment(units(100)));
    ledger.ok(TAKER, TO, call);
    let back = |number, amount| returnPaymentCall {
        payer: TAKER,
        uetr: UETR,
        returnReference: B256::with_last_byte(number),
        amount: units(amount),
        reason: (*b"AC04").into(),
    };
    let stranger = CallerForbidden { caller: full.provider, expected: PAYEE };
    ledger.reverts(full.provider, PAYMENT_ADDRESS, back(1, 1), stranger);
    let error = ReturnExceeded { received: units(108), returned: U256::ZERO, amount: units(109) };
    ledger.reverts(PAYEE, PAYMENT_ADDRESS, back(1, 109), error);
    ledger.ok(PAYEE, PAYMENT_ADDRESS, back(1, 100));
    ledger.ok(PAYEE, PAYMENT_ADDRESS, back(2, 8));
    assert_eq!(paid(&mut ledger, TAKER), (3, usd(), PAYEE, units(108), units(108)));
    let found = [(usd(), TAKER), (usd(), PAYEE), (eur(), TAKER), (eur(), full.provider)];
    assert_eq!(found.map(|(token, who)| balance(&mut ledger, token, who)), [108, 0, 897, 103]);
    assert!(ledger.ok(ANYONE, TO, isNonceUsedCall { provider: full.provider, nonce: full.nonce }));
    let error = ReturnExceeded { received: units(108), returned: units(108), amount: units(1) };
    ledger.reverts(PAYEE, PAYMENT_ADDRESS, back(3, 1), error);
    all_sound(&mut ledger);
}
