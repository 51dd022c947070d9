//! Escrows of a payer under an order of a court.

use super::*;

/// A freezing order stops an escrow from paying as far as it reaches, and lets it pay again by itself.
#[test]
fn an_order_over_the_payer_stops_paying_until_its_expiry() {
    let mut ledger = world();
    let terms = plain(&ledger);
    let id = open(&mut ledger, terms);
    let expiry = ledger.timestamp_ms + 5;
    let order = IToken::issueOrderCall {
        account: PAYER,
        payee: Address::ZERO,
        cap: units(700),
        expiryMs: expiry,
        legalReference: B256::repeat_byte(1),
    };
    ledger.ok(FREEZER, eur(), order);
    let error = IToken::InsufficientUnfrozenBalance {
        sender: PAYER,
        balance: units(1_000),
        frozen: units(700),
        needed: units(301),
    };
    ledger.timestamp_ms = expiry - 1;
    ledger.reverts(PAYER, TO, releaseCall { escrowId: id, amount: units(301) }, error);
    ledger.ok(PAYER, TO, releaseCall { escrowId: id, amount: units(300) });
    ledger.timestamp_ms = expiry;
    ledger.ok(PAYER, TO, releaseCall { escrowId: id, amount: units(300) });
    assert_eq!(stand(&mut ledger, id), (3, 600, 0, 0, 0, 0));
    sound(&mut ledger);
}
