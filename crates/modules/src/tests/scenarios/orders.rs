//! Orders of courts over units in suspense.

use super::*;
use crate::{
    ESCROW_ADDRESS,
    escrow::IEscrow::{Terms, approveCall, concludeCall, escrowOfCall, openCall, payOutCall, releaseCall},
    testing::{ADMIN, FREEZER, SEIZER},
    token::{
        IToken::{grantRoleCall, issueOrderCall, seizeCall, seizeHoldCall},
        SEIZER_ROLE,
    },
};
use alloy_primitives::U256;

const PAYER: Address = Address::repeat_byte(1);
const PAYEE: Address = Address::repeat_byte(2);
const COURT: Address = Address::repeat_byte(5);
const APPROVER: Address = Address::repeat_byte(6);
const ANYONE: Address = Address::repeat_byte(9);
const ALL: U256 = U256::MAX;

/// Payer, payee and court; a seizer beside the freezer.
fn setting(title: &str) -> Story {
    let mut story = Story::begin(title, &[(PAYER, "Payer", 1_000), (PAYEE, "Payee", 0), (COURT, "Court", 0)]);
    for (who, name) in [(APPROVER, "Approver"), (FREEZER, "Freezer"), (SEIZER, "Seizer"), (ANYONE, "Anyone")] {
        story.name(who, name);
    }
    story.name(ESCROW_ADDRESS, "escrow");
    story.name(B256::ZERO, "none");
    story.name(reference(1), "R1");
    story.name(reference(2), "R2");
    story.ledger.ok(ADMIN, eur(), grantRoleCall { role: SEIZER_ROLE, account: SEIZER });
    story.hush();
    story
}

fn approve(part: u8) -> approveCall {
    approveCall { escrowId: 1, part, evidenceHash: B256::ZERO, payNow: false }
}

#[test]
fn seizure_of_escrowed_funds() {
    let mut story = setting(
        "A court takes units that are in escrow. Free units go first; of the escrow, what is undecided goes first.",
    );
    let terms = Terms {
        token: eur(),
        payee: PAYEE,
        amount: units(600),
        deadlineMs: story.zero_ms + 10_000,
        deadlineOutcome: 1,
        hashLock: B256::ZERO,
        approvers: vec![APPROVER],
        approvalsNeeded: 1,
        parts: vec![units(200), units(400)],
        arbiter: Address::ZERO,
        rulingMs: 0,
        silenceOutcome: 0,
        agreementHash: B256::ZERO,
    };
    let look = || escrowOfCall { escrowId: 1 };
    let pay_out = || payOutCall { escrowId: 1 };
    story.step(PAYER, "puts 600 in escrow, in parts of 200 and 400", ESCROW_ADDRESS, openCall { terms });
    story.step(APPROVER, "approves the first part, to be paid later", ESCROW_ADDRESS, approve(0));
    story.balances();
    let order = issueOrderCall {
        account: PAYER,
        payee: COURT,
        cap: units(950),
        expiryMs: story.zero_ms + 20_000,
        legalReference: reference(1),
    };
    story.step(FREEZER, "freezes 950 of the payer for the court", eur(), order);
    story.balances();
    let release = releaseCall { escrowId: 1, amount: units(100) };
    story.step(PAYER, "releases 100 around the order, with the 200 that are due", ESCROW_ADDRESS, release);
    story.step(ANYONE, "asks for the 200 that are due", ESCROW_ADDRESS, pay_out());

    let seize = |amount, holds| seizeCall { orderId: 1, amount, holdIds: holds, legalReference: reference(2) };
    story.step(SEIZER, "takes 450, of the escrow what the free units do not give", eur(), seize(units(450), vec![1]));
    story.step(ANYONE, "looks at the escrow", ESCROW_ADDRESS, look());
    story.balances();
    let from_hold =
        |amount| seizeHoldCall { orderId: 1, holdId: 1, amount: units(amount), legalReference: reference(2) };
    story.step(SEIZER, "takes 501 of the escrow, one more than the order leaves", eur(), from_hold(501));
    story.step(SEIZER, "takes 450 of the escrow", eur(), from_hold(450));
    story.step(ANYONE, "looks at the escrow", ESCROW_ADDRESS, look());
    story.step(APPROVER, "approves the second part, of which nothing is left", ESCROW_ADDRESS, approve(1));
    story.step(ANYONE, "asks for what is due, which the order still freezes", ESCROW_ADDRESS, pay_out());
    story.balances();
    story.step(SEIZER, "takes all that the order leaves", eur(), seize(ALL, vec![1]));
    story.step(SEIZER, "takes one more", eur(), seize(units(1), vec![1]));
    story.step(ANYONE, "asks for what is due", ESCROW_ADDRESS, pay_out());
    story.at(10_000);
    story.step(ANYONE, "carries out the deadline", ESCROW_ADDRESS, concludeCall { escrowId: 1, payNow: true });
    story.step(ANYONE, "looks at the escrow", ESCROW_ADDRESS, look());
    story.end("seizure-of-escrowed-funds");
}
