//! Scenarios of escrows: every condition, every outcome, the very instants, freezes and seizures, precedence of errors.

use super::{IEscrow::*, *};
use crate::{
    CallEnv, Context, ESCROW_ADDRESS, Failure,
    calls::IModule,
    dispatch,
    policy::IPolicy::addMembersCall,
    testing::{COMPLIANCE, COURT, FREEZER, Ledger, PAUSER, account, model_cases, seize_from_hold, units, world},
    token::IToken::{self, freezePartialTokensCall, pauseCall, setAddressFrozenCall, unpauseCall},
    token_address,
};
use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::{SolCall, SolEvent};

mod limits;
mod model;
mod orders;

const TO: Address = ESCROW_ADDRESS;
const ALL: U256 = U256::MAX;
const PAYER: Address = Address::repeat_byte(1);
const PAYEE: Address = Address::repeat_byte(2);
const ARBITER: Address = Address::repeat_byte(7);
const ANYONE: Address = Address::repeat_byte(9);

fn eur() -> Address {
    token_address(1)
}

/// Terms of an escrow of 600 units for ten seconds that nobody but the parties can end, and that then refunds.
fn plain(ledger: &Ledger) -> Terms {
    Terms {
        token: eur(),
        payee: PAYEE,
        amount: units(600),
        deadlineMs: ledger.timestamp_ms + 10_000,
        deadlineOutcome: 1,
        hashLock: B256::ZERO,
        approvers: Vec::new(),
        approvalsNeeded: 0,
        parts: Vec::new(),
        arbiter: Address::ZERO,
        rulingMs: 0,
        silenceOutcome: 0,
        agreementHash: B256::ZERO,
    }
}

fn with_arbiter(ledger: &Ledger, silence: u8) -> Terms {
    Terms { arbiter: ARBITER, rulingMs: 5_000, silenceOutcome: silence, ..plain(ledger) }
}

/// Two of three approvers (3, 4, 5), parts of 100, 200 and 300.
fn with_milestones(ledger: &Ledger) -> Terms {
    Terms {
        approvers: vec![account(3), account(4), account(5)],
        approvalsNeeded: 2,
        parts: vec![units(100), units(200), units(300)],
        ..plain(ledger)
    }
}

fn open(ledger: &mut Ledger, terms: Terms) -> u64 {
    ledger.ok(PAYER, TO, openCall { terms })
}

fn get(ledger: &mut Ledger, id: u64) -> escrowOfReturn {
    ledger.ok(ANYONE, TO, escrowOfCall { escrowId: id })
}

/// Status, paid, refunded, due, undecided, seized.
fn stand(ledger: &mut Ledger, id: u64) -> (u8, u64, u64, u64, u64, u64) {
    let e = get(ledger, id);
    (e.status, e.paid.to(), e.refunded.to(), e.due.to(), e.undecided.to(), e.seized.to())
}

fn balance(ledger: &mut Ledger, who: Address) -> u128 {
    ledger.ok(who, eur(), IToken::balanceOfCall { account: who }).to()
}

fn spendable(ledger: &mut Ledger, who: Address) -> u128 {
    ledger.ok(who, eur(), IToken::spendableBalanceOfCall { account: who }).to()
}

fn freeze(ledger: &mut Ledger, who: Address, freeze: bool) {
    ledger.ok(FREEZER, eur(), setAddressFrozenCall { userAddress: who, freeze });
}

/// Seizes by order out of the escrow's hold: the module is not told.
fn seize(ledger: &mut Ledger, id: u64, amount: u128) {
    let hold = get(ledger, id).holdId;
    assert_eq!(seize_from_hold(ledger, eur(), hold, amount), Ok(units(amount)));
}

fn sound(ledger: &mut Ledger) {
    assert_eq!(ledger.run(ANYONE, invariants::check).unwrap(), []);
}

fn approve(id: u64, part: u8, evidence: B256) -> approveCall {
    approveCall { escrowId: id, part, evidenceHash: evidence, payNow: true }
}

// ----- opening -------------------------------------------------------------------------------------------------------

#[test]
fn opening_puts_units_on_hold_and_shows_the_terms() {
    let mut ledger = world();
    let terms = Terms { agreementHash: B256::repeat_byte(8), ..with_milestones(&ledger) };
    let terms = Terms { arbiter: ARBITER, rulingMs: 5_000, silenceOutcome: 2, ..terms };
    assert_eq!(open(&mut ledger, terms.clone()), 1);
    let (address, event) = ledger.last_event::<EscrowOpened>();
    let expected = EscrowOpened {
        escrowId: 1,
        payer: PAYER,
        payee: PAYEE,
        token: eur(),
        amount: units(600),
        deadlineMs: terms.deadlineMs,
        agreementHash: terms.agreementHash,
    };
    assert_eq!((address, event), (TO, expected));
    assert_eq!(ledger.ok(ANYONE, TO, termsOfCall { escrowId: 1 }), terms);
    assert_eq!((balance(&mut ledger, PAYER), spendable(&mut ledger, PAYER)), (1_000, 400));
    assert_eq!(stand(&mut ledger, 1), (1, 0, 0, 0, 600, 0));
    assert_eq!(ledger.ok(ANYONE, TO, escrowCountCall {}), 1);
    let plain_terms = plain(&ledger);
    assert_eq!(open(&mut ledger, Terms { amount: units(400), ..plain_terms }), 2, "numbers follow each other");
    sound(&mut ledger);
}

/// Everything is wrong with these terms; each error is healed before the next is seen.
#[test]
fn errors_of_opening_come_in_the_promised_order() {
    let mut ledger = world();
    let now = ledger.timestamp_ms;
    let mut terms = Terms {
        token: account(50),
        payee: PAYER,
        amount: U256::ZERO,
        deadlineMs: now,
        deadlineOutcome: 2,
        hashLock: B256::repeat_byte(1),
        approvers: vec![account(3), account(3)],
        approvalsNeeded: 3,
        parts: vec![units(1)],
        arbiter: PAYER,
        rulingMs: 0,
        silenceOutcome: 3,
        agreementHash: B256::ZERO,
    };
    let mut check = |terms: &Terms, error: IEscrowErrors| {
        let failure = ledger.call(PAYER, TO, openCall { terms: terms.clone() }).unwrap_err();
        let expected = alloy_sol_types::SolInterface::abi_encode(&error);
        assert_eq!(failure, Failure::Revert(expected.into()), "{failure}");
    };
    for amount in [U256::ZERO, U256::from(1u8) << 128, U256::MAX] {
        terms.amount = amount;
        check(&terms, IEscrowErrors::EscrowAmountInvalid(EscrowAmountInvalid { amount }));
    }
    terms.amount = units(5_000);
    let parties =
        |payee, arbiter| IEscrowErrors::EscrowPartiesInvalid(EscrowPartiesInvalid { payer: PAYER, payee, arbiter });
    for (payee, arbiter) in
        [(PAYER, ARBITER), (PAYEE, PAYER), (PAYEE, PAYEE), (Address::ZERO, ARBITER), (TO, ARBITER), (PAYEE, eur())]
    {
        (terms.payee, terms.arbiter) = (payee, arbiter);
        check(&terms, parties(payee, arbiter));
    }
    (terms.payee, terms.arbiter) = (PAYEE, ARBITER);
    for deadline in [0, now, now + TERM_MS_MAX + 1, u64::MAX] {
        terms.deadlineMs = deadline;
        let error = EscrowDeadlineInvalid { deadlineMs: deadline, nowMs: now, deadlineMsMax: now + TERM_MS_MAX };
        check(&terms, IEscrowErrors::EscrowDeadlineInvalid(error));
    }
    terms.deadlineMs = now + TERM_MS_MAX;
    for outcome in [0, 3, 255] {
        terms.deadlineOutcome = outcome;
        check(&terms, IEscrowErrors::EscrowOutcomeInvalid(EscrowOutcomeInvalid { outcome }));
    }
    terms.deadlineOutcome = 1;
    check(&terms, IEscrowErrors::HashLockTermsInvalid(HashLockTermsInvalid {}));
    terms.hashLock = B256::ZERO;
    let many: Vec<Address> = (20..37).map(account).collect();
    for (approvers, needed) in [
        (vec![account(3), account(3)], 1),
        (vec![account(3), account(4)], 0),
        (vec![account(3), account(4)], 3),
        (vec![account(3), Address::ZERO], 1),
        (vec![], 1),
        (many, 1),
    ] {
        (terms.approvers, terms.approvalsNeeded) = (approvers.clone(), needed);
        let error = EscrowApproversInvalid {
            approvers: units(approvers.len() as u128),
            approvalsNeeded: needed,
            approversMax: units(16),
        };
        check(&terms, IEscrowErrors::EscrowApproversInvalid(error));
    }
    (terms.approvers, terms.approvalsNeeded) = (vec![account(3), account(4)], 2);
    for parts in [
        vec![units(4_999)],
        vec![units(5_000), U256::ZERO],
        vec![U256::MAX, units(5_001)],
        vec![units(u128::MAX), units(5_001)],
        vec![units(1); 33],
    ] {
        terms.parts = parts.clone();
        let error = EscrowPartsInvalid { parts: units(parts.len() as u128), partsMax: units(32) };
        check(&terms, IEscrowErrors::EscrowPartsInvalid(error));
    }
    terms.parts = vec![units(1), units(4_999)];
    for (arbiter, ruling, outcome) in [
        (ARBITER, 0, 1),
        (ARBITER, RULING_MS_MAX + 1, 1),
        (ARBITER, 1, 0),
        (Address::ZERO, 1, 0),
        (Address::ZERO, 0, 1),
    ] {
        (terms.arbiter, terms.rulingMs, terms.silenceOutcome) = (arbiter, ruling, outcome);
        let error =
            ArbiterTermsInvalid { arbiter, rulingMs: ruling, rulingMsMax: RULING_MS_MAX, silenceOutcome: outcome };
        check(&terms, IEscrowErrors::ArbiterTermsInvalid(error));
    }
    (terms.arbiter, terms.rulingMs, terms.silenceOutcome) = (ARBITER, RULING_MS_MAX, 2);
    for token in [account(50), Address::ZERO, token_address(2), ESCROW_ADDRESS] {
        terms.token = token;
        ledger.reverts(PAYER, TO, openCall { terms: terms.clone() }, IToken::TokenUnknown { token });
    }
    terms.token = eur();
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.reverts(PAYER, TO, openCall { terms: terms.clone() }, IToken::EnforcedPause {});
    ledger.ok(PAUSER, eur(), unpauseCall {});
    let short = IToken::ERC20InsufficientBalance { sender: PAYER, balance: units(1_000), needed: units(5_000) };
    ledger.reverts(PAYER, TO, openCall { terms: terms.clone() }, short);
    (terms.amount, terms.parts) = (units(1_000), vec![units(1), units(999)]);
    ledger.ok(PAYER, TO, openCall { terms });
    sound(&mut ledger);
}

/// A contract may lay out its storage as a token's; nothing there is ever read as one.
#[test]
fn a_contract_that_looks_like_a_token_is_none() {
    let mut ledger = world();
    let (impostor, real) = (account(66), eur());
    let copy: Vec<_> = ledger.storage.slots.iter().filter(|((at, _), _)| *at == real).map(|(k, v)| (k.1, *v)).collect();
    ledger.storage.slots.extend(copy.into_iter().map(|(slot, word)| ((impostor, slot), word)));
    let terms = Terms { token: impostor, ..plain(&ledger) };
    ledger.reverts(PAYER, TO, openCall { terms }, IToken::TokenUnknown { token: impostor });
}

#[test]
fn a_hash_lock_takes_no_company() {
    let mut ledger = world();
    let locked = Terms { hashLock: B256::repeat_byte(1), ..plain(&ledger) };
    let spoiled = [
        Terms { deadlineOutcome: 2, ..locked.clone() },
        Terms { arbiter: ARBITER, rulingMs: 1, silenceOutcome: 1, ..locked.clone() },
        Terms { approvers: vec![account(3)], approvalsNeeded: 1, ..locked.clone() },
        Terms { parts: vec![units(600)], ..locked.clone() },
    ];
    for terms in spoiled {
        ledger.reverts(PAYER, TO, openCall { terms }, HashLockTermsInvalid {});
    }
    assert_eq!(open(&mut ledger, locked), 1);
}

// ----- consent -------------------------------------------------------------------------------------------------------

#[test]
fn partial_releases_and_refunds_conserve() {
    let mut ledger = world();
    let terms = plain(&ledger);
    let id = open(&mut ledger, terms);
    ledger.ok(PAYER, TO, releaseCall { escrowId: id, amount: units(250) });
    assert_eq!(ledger.last_event::<EscrowPaid>().1, EscrowPaid { escrowId: id, payee: PAYEE, amount: units(250) });
    assert_eq!(stand(&mut ledger, id), (1, 250, 0, 0, 350, 0));
    ledger.ok(PAYEE, TO, refundCall { escrowId: id, amount: units(100) });
    assert_eq!(stand(&mut ledger, id), (1, 250, 100, 0, 250, 0));
    let exceeded = EscrowExceeded { escrowId: id, left: units(250), amount: units(251) };
    ledger.reverts(PAYER, TO, releaseCall { escrowId: id, amount: units(251) }, exceeded.clone());
    ledger.reverts(PAYEE, TO, refundCall { escrowId: id, amount: units(251) }, exceeded);
    ledger.ok(PAYER, TO, releaseCall { escrowId: id, amount: ALL });
    assert_eq!(ledger.last_event::<EscrowDecided>().1, EscrowDecided { escrowId: id });
    assert_eq!(stand(&mut ledger, id), (3, 500, 100, 0, 0, 0));
    assert_eq!((balance(&mut ledger, PAYER), spendable(&mut ledger, PAYER)), (500, 500));
    assert_eq!(balance(&mut ledger, PAYEE), 1_000);
    let over = || EscrowNotOpen { escrowId: id, status: 3 };
    ledger.reverts(PAYER, TO, releaseCall { escrowId: id, amount: ALL }, over());
    ledger.reverts(PAYEE, TO, refundCall { escrowId: id, amount: ALL }, over());
    sound(&mut ledger);
}

#[test]
fn only_the_one_who_loses_by_it_can_consent() {
    let mut ledger = world();
    let terms = with_arbiter(&ledger, 1);
    let id = open(&mut ledger, terms);
    for caller in [PAYEE, ARBITER, ANYONE, Address::ZERO] {
        let error = || EscrowCallerNotAllowed { escrowId: id, caller };
        ledger.reverts(caller, TO, releaseCall { escrowId: id, amount: U256::ZERO }, error());
    }
    for caller in [PAYER, ARBITER, ANYONE, Address::ZERO] {
        let error = || EscrowCallerNotAllowed { escrowId: id, caller };
        ledger.reverts(caller, TO, refundCall { escrowId: id, amount: U256::ZERO }, error());
    }
    for caller in [PAYER, PAYEE, ANYONE] {
        let error = || EscrowCallerNotAllowed { escrowId: id, caller };
        ledger.reverts(caller, TO, ruleCall { escrowId: id, toPayee: ALL, payNow: true }, error());
        ledger.reverts(caller, TO, approve(id, 0, B256::ZERO), error());
    }
    for caller in [ARBITER, ANYONE] {
        let error = || EscrowCallerNotAllowed { escrowId: id, caller };
        ledger.reverts(caller, TO, disputeCall { escrowId: id, reasonHash: B256::ZERO }, error());
    }
    // Without an arbiter the zero address stands in its place, and is nobody.
    let terms = Terms { amount: units(1), ..plain(&ledger) };
    let id = open(&mut ledger, terms);
    let error = EscrowCallerNotAllowed { escrowId: id, caller: Address::ZERO };
    ledger.reverts(Address::ZERO, TO, ruleCall { escrowId: id, toPayee: ALL, payNow: true }, error);
}

// ----- deadline ------------------------------------------------------------------------------------------------------

#[test]
fn the_very_instant_of_the_deadline_is_late() {
    for outcome in [1, 2] {
        let mut ledger = world();
        let terms = Terms { deadlineOutcome: outcome, ..plain(&ledger) };
        let deadline = terms.deadlineMs;
        let id = open(&mut ledger, terms);
        ledger.timestamp_ms = deadline - 1;
        let early = EscrowNotDue { escrowId: id, deadlineMs: deadline, nowMs: deadline - 1 };
        ledger.reverts(ANYONE, TO, concludeCall { escrowId: id, payNow: true }, early);
        ledger.ok(PAYER, TO, releaseCall { escrowId: id, amount: units(1) });
        ledger.ok(PAYEE, TO, refundCall { escrowId: id, amount: units(2) });
        ledger.timestamp_ms = deadline;
        let late = || EscrowExpired { escrowId: id, deadlineMs: deadline, nowMs: deadline };
        ledger.reverts(PAYER, TO, releaseCall { escrowId: id, amount: units(1) }, late());
        ledger.reverts(PAYEE, TO, refundCall { escrowId: id, amount: units(1) }, late());
        ledger.ok(ANYONE, TO, concludeCall { escrowId: id, payNow: true });
        let expected = if outcome == 1 { (3, 1, 599, 0, 0, 0) } else { (3, 598, 2, 0, 0, 0) };
        assert_eq!(stand(&mut ledger, id), expected);
        let over = EscrowNotOpen { escrowId: id, status: 3 };
        ledger.reverts(ANYONE, TO, concludeCall { escrowId: id, payNow: true }, over);
        ledger.reverts(ANYONE, TO, payOutCall { escrowId: id }, EscrowNothingDue { escrowId: id });
        sound(&mut ledger);
    }
}

#[test]
fn an_escrow_that_nobody_opened_answers_nothing() {
    let mut ledger = world();
    for id in [0, 1, u64::MAX] {
        let error = || EscrowUnknown { escrowId: id };
        ledger.reverts(PAYER, TO, releaseCall { escrowId: id, amount: ALL }, error());
        ledger.reverts(ANYONE, TO, escrowOfCall { escrowId: id }, error());
        ledger.reverts(ANYONE, TO, concludeCall { escrowId: id, payNow: true }, error());
        ledger.reverts(ANYONE, TO, revealCall { escrowId: id, preimage: B256::ZERO, payNow: true }, error());
    }
}

// ----- approvals and milestones --------------------------------------------------------------------------------------

#[test]
fn m_of_n_approvals_grant_the_whole() {
    let mut ledger = world();
    let terms = Terms { parts: Vec::new(), ..with_milestones(&ledger) };
    let id = open(&mut ledger, terms);
    ledger.ok(account(5), TO, approve(id, 0, B256::ZERO));
    assert_eq!(stand(&mut ledger, id), (1, 0, 0, 0, 600, 0));
    let repeated = ApprovalRepeated { escrowId: id, part: 0, approver: account(5) };
    ledger.reverts(account(5), TO, approve(id, 0, B256::ZERO), repeated);
    assert!(ledger.ok(ANYONE, TO, hasApprovedCall { escrowId: id, part: 0, approver: account(5) }));
    assert!(!ledger.ok(ANYONE, TO, hasApprovedCall { escrowId: id, part: 0, approver: account(3) }));
    assert!(!ledger.ok(ANYONE, TO, hasApprovedCall { escrowId: id, part: 0, approver: ANYONE }));
    ledger.ok(account(3), TO, approve(id, 0, B256::ZERO));
    assert_eq!(stand(&mut ledger, id), (3, 600, 0, 0, 0, 0));
    let over = EscrowNotOpen { escrowId: id, status: 3 };
    ledger.reverts(account(4), TO, approve(id, 0, B256::ZERO), over);
    sound(&mut ledger);
}

#[test]
fn milestones_are_granted_part_by_part_against_evidence() {
    let mut ledger = world();
    let terms = with_milestones(&ledger);
    let id = open(&mut ledger, terms);
    let (bill, photo) = (B256::repeat_byte(0xb1), B256::repeat_byte(0xb2));
    let submit = |part, evidence| submitEvidenceCall { escrowId: id, part, evidenceHash: evidence };
    ledger.ok(PAYEE, TO, submit(1, bill));
    let differs = EvidenceDiffers { escrowId: id, part: 1, current: bill, named: photo };
    ledger.reverts(account(3), TO, approve(id, 1, photo), differs);
    ledger.ok(account(3), TO, approve(id, 1, bill));
    // Swapped evidence loses the approvals that the first one had.
    ledger.ok(PAYEE, TO, submit(1, photo));
    assert_eq!(ledger.ok(ANYONE, TO, partOfCall { escrowId: id, part: 1 }).approvals, 0);
    ledger.ok(account(4), TO, approve(id, 1, photo));
    assert_eq!(stand(&mut ledger, id), (1, 0, 0, 0, 600, 0));
    ledger.ok(account(3), TO, approve(id, 1, photo));
    assert_eq!(stand(&mut ledger, id), (1, 200, 0, 0, 400, 0));
    let part = ledger.ok(ANYONE, TO, partOfCall { escrowId: id, part: 1 });
    assert_eq!((part.amount, part.evidenceHash, part.approvals, part.granted), (units(200), photo, 2, true));
    let granted = || EscrowPartGranted { escrowId: id, part: 1 };
    ledger.reverts(account(5), TO, approve(id, 1, photo), granted());
    ledger.reverts(PAYEE, TO, submit(1, bill), granted());

    // What the payer releases on its own is missing from the last parts.
    ledger.ok(PAYER, TO, releaseCall { escrowId: id, amount: units(150) });
    for approver in [3, 4] {
        ledger.ok(account(approver), TO, approve(id, 2, B256::ZERO));
    }
    assert_eq!(stand(&mut ledger, id), (3, 200 + 150 + 250, 0, 0, 0, 0));
    sound(&mut ledger);
}

#[test]
fn errors_of_parts_come_in_the_promised_order() {
    let mut ledger = world();
    let terms = Terms { arbiter: ARBITER, rulingMs: 5_000, silenceOutcome: 1, ..with_milestones(&ledger) };
    let deadline = terms.deadlineMs;
    let id = open(&mut ledger, terms);
    let stranger = EscrowCallerNotAllowed { escrowId: id, caller: ANYONE };
    ledger.reverts(ANYONE, TO, approve(id, 9, B256::ZERO), stranger.clone());
    ledger.reverts(ANYONE, TO, submitEvidenceCall { escrowId: id, part: 9, evidenceHash: B256::ZERO }, stranger);
    let unknown = EscrowPartUnknown { escrowId: id, part: 3, parts: 3 };
    ledger.reverts(account(3), TO, approve(id, 3, B256::ZERO), unknown.clone());
    ledger.reverts(PAYEE, TO, submitEvidenceCall { escrowId: id, part: 3, evidenceHash: B256::ZERO }, unknown.clone());
    ledger.reverts(ANYONE, TO, partOfCall { escrowId: id, part: 3 }, unknown);
    let missing = EvidenceMissing { escrowId: id, part: 0 };
    ledger.reverts(PAYEE, TO, submitEvidenceCall { escrowId: id, part: 0, evidenceHash: B256::ZERO }, missing);

    ledger.timestamp_ms = deadline;
    let late = EscrowExpired { escrowId: id, deadlineMs: deadline, nowMs: deadline };
    ledger.reverts(account(3), TO, approve(id, 3, B256::ZERO), late.clone());
    ledger.reverts(PAYEE, TO, submitEvidenceCall { escrowId: id, part: 3, evidenceHash: B256::ZERO }, late);
    ledger.timestamp_ms = deadline - 1;
    ledger.ok(PAYER, TO, disputeCall { escrowId: id, reasonHash: B256::ZERO });
    ledger.timestamp_ms = deadline + 5_000;
    let disputed = EscrowInDispute { escrowId: id };
    ledger.reverts(account(3), TO, approve(id, 3, B256::ZERO), disputed.clone());
    ledger.reverts(PAYEE, TO, submitEvidenceCall { escrowId: id, part: 3, evidenceHash: B256::ZERO }, disputed);
}

// ----- hash lock -----------------------------------------------------------------------------------------------------

/// sha256 of 32 zero bytes, as any other ledger computes it.
const LOCK: B256 = b256!("66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");

#[test]
fn a_preimage_pays_the_payee_whoever_shows_it() {
    let mut ledger = world();
    let terms = Terms { hashLock: LOCK, ..plain(&ledger) };
    let deadline = terms.deadlineMs;
    let id = open(&mut ledger, terms);
    let wrong = B256::repeat_byte(1);
    let reveal = |preimage| revealCall { escrowId: id, preimage, payNow: true };
    let hash = b256!("72cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363793");
    ledger.reverts(ANYONE, TO, reveal(wrong), PreimageWrong { escrowId: id, hashLock: LOCK, hash });
    ledger.timestamp_ms = deadline;
    let late = EscrowExpired { escrowId: id, deadlineMs: deadline, nowMs: deadline };
    ledger.reverts(ANYONE, TO, reveal(B256::ZERO), late);
    ledger.timestamp_ms = deadline - 1;
    ledger.ok(ANYONE, TO, reveal(B256::ZERO));
    assert_eq!(stand(&mut ledger, id), (3, 600, 0, 0, 0, 0));
    let found = ledger.storage.logs.iter().rev().find_map(|log| PreimageRevealed::decode_log(log).ok()).unwrap();
    assert_eq!(found.data, PreimageRevealed { escrowId: id, preimage: B256::ZERO });
    ledger.reverts(ANYONE, TO, reveal(B256::ZERO), EscrowNotOpen { escrowId: id, status: 3 });

    let terms = Terms { amount: units(1), deadlineMs: deadline + 9, ..plain(&ledger) };
    let id = open(&mut ledger, terms);
    let call = revealCall { escrowId: id, preimage: B256::ZERO, payNow: true };
    ledger.reverts(ANYONE, TO, call, HashLockAbsent { escrowId: id });
    sound(&mut ledger);
}

#[test]
fn sha256_costs_what_the_precompile_does() {
    let mut ledger = world();
    for (length, gas) in [(0usize, 60), (1, 72), (32, 72), (33, 84)] {
        ledger.run(ANYONE, |x| x.sha256(&vec![0; length])).unwrap();
        assert_eq!(ledger.storage.gas_used, gas, "{length} bytes");
    }
}

// ----- arbiter -------------------------------------------------------------------------------------------------------

#[test]
fn an_arbiter_splits_what_is_undecided() {
    for (to_payee, paid, refunded) in
        [(units(0), 100, 500), (units(350), 450, 150), (units(500), 600, 0), (ALL, 600, 0)]
    {
        let mut ledger = world();
        let terms = with_arbiter(&ledger, 1);
        let id = open(&mut ledger, terms);
        ledger.ok(PAYER, TO, releaseCall { escrowId: id, amount: units(100) });
        let call = ruleCall { escrowId: id, toPayee: to_payee, payNow: true };
        ledger.reverts(ARBITER, TO, call.clone(), EscrowNotInDispute { escrowId: id });
        ledger.ok(PAYEE, TO, disputeCall { escrowId: id, reasonHash: B256::repeat_byte(4) });
        let exceeded = EscrowExceeded { escrowId: id, left: units(500), amount: units(501) };
        ledger.reverts(ARBITER, TO, ruleCall { escrowId: id, toPayee: units(501), payNow: true }, exceeded);
        let before = ledger.storage.logs.len();
        ledger.ok(ARBITER, TO, call.clone());
        assert_eq!(stand(&mut ledger, id), (3, paid, refunded, 0, 0, 0));
        let is_refund = |log: &&alloy_primitives::Log| EscrowRefunded::decode_log(log).is_ok();
        let refunds = ledger.storage.logs[before..].iter().filter(is_refund).count();
        assert_eq!(refunds, usize::from(refunded > 0), "no event tells of nothing");
        ledger.reverts(ARBITER, TO, call, EscrowNotOpen { escrowId: id, status: 3 });
        sound(&mut ledger);
    }
}

#[test]
fn a_dispute_moves_the_deadline_to_the_arbiter_and_silence_has_an_outcome() {
    for silence in [1, 2] {
        let mut ledger = world();
        let terms = with_arbiter(&ledger, silence);
        let deadline = terms.deadlineMs;
        let id = open(&mut ledger, terms);
        ledger.timestamp_ms = deadline;
        let raise = || disputeCall { escrowId: id, reasonHash: B256::ZERO };
        let late = EscrowExpired { escrowId: id, deadlineMs: deadline, nowMs: deadline };
        ledger.reverts(PAYER, TO, raise(), late);
        ledger.timestamp_ms = deadline - 1;
        ledger.ok(PAYER, TO, raise());
        let ruling = deadline - 1 + 5_000;
        let expected =
            DisputeRaised { escrowId: id, by: PAYER, arbiter: ARBITER, reasonHash: B256::ZERO, deadlineMs: ruling };
        assert_eq!(ledger.last_event::<DisputeRaised>().1, expected);
        ledger.reverts(PAYEE, TO, raise(), EscrowInDispute { escrowId: id });
        ledger.timestamp_ms = ruling - 1;
        let early = EscrowNotDue { escrowId: id, deadlineMs: ruling, nowMs: ruling - 1 };
        ledger.reverts(ANYONE, TO, concludeCall { escrowId: id, payNow: true }, early);
        ledger.ok(PAYEE, TO, refundCall { escrowId: id, amount: units(50) });
        ledger.timestamp_ms = ruling;
        let late = EscrowExpired { escrowId: id, deadlineMs: ruling, nowMs: ruling };
        ledger.reverts(ARBITER, TO, ruleCall { escrowId: id, toPayee: ALL, payNow: true }, late);
        ledger.ok(ANYONE, TO, concludeCall { escrowId: id, payNow: true });
        let expected = if silence == 1 { (3, 0, 600, 0, 0, 0) } else { (3, 550, 50, 0, 0, 0) };
        assert_eq!(stand(&mut ledger, id), expected);
        sound(&mut ledger);
    }
}

#[test]
fn without_an_arbiter_there_is_no_dispute() {
    let mut ledger = world();
    let terms = plain(&ledger);
    let id = open(&mut ledger, terms);
    let call = disputeCall { escrowId: id, reasonHash: B256::ZERO };
    ledger.reverts(PAYER, TO, call, ArbiterAbsent { escrowId: id });
}

// ----- freeze and seizure --------------------------------------------------------------------------------------------

#[test]
fn a_freeze_delays_payment_and_never_undoes_a_condition() {
    let mut ledger = world();
    let terms = Terms { hashLock: LOCK, ..plain(&ledger) };
    let deadline = terms.deadlineMs;
    let id = open(&mut ledger, terms);
    freeze(&mut ledger, PAYEE, true);
    let reveal = |pay_now| revealCall { escrowId: id, preimage: B256::ZERO, payNow: pay_now };
    ledger.reverts(PAYEE, TO, reveal(true), IToken::AccountFrozen { account: PAYEE });
    assert_eq!(stand(&mut ledger, id), (1, 0, 0, 0, 600, 0), "nothing is left of a grant that could not be paid");
    ledger.ok(PAYEE, TO, reveal(false));
    assert_eq!(stand(&mut ledger, id), (3, 0, 0, 600, 0, 0));
    // Long after the deadline it is still the payee's.
    ledger.timestamp_ms = deadline * 2;
    ledger.reverts(ANYONE, TO, payOutCall { escrowId: id }, IToken::AccountFrozen { account: PAYEE });
    let over = EscrowNotOpen { escrowId: id, status: 3 };
    ledger.reverts(PAYER, TO, concludeCall { escrowId: id, payNow: false }, over);
    freeze(&mut ledger, PAYEE, false);
    ledger.ok(ANYONE, TO, payOutCall { escrowId: id });
    assert_eq!(stand(&mut ledger, id), (3, 600, 0, 0, 0, 0));
    sound(&mut ledger);
}

#[test]
fn what_the_payee_cannot_take_it_can_give_back() {
    let mut ledger = world();
    let terms = Terms { deadlineOutcome: 2, ..plain(&ledger) };
    let deadline = terms.deadlineMs;
    let id = open(&mut ledger, terms);
    ledger.ok(COMPLIANCE, crate::POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: vec![PAYEE] });
    ledger.timestamp_ms = deadline;
    let forbidden = IToken::PolicyForbids { policyId: 2, account: PAYEE };
    ledger.reverts(ANYONE, TO, concludeCall { escrowId: id, payNow: true }, forbidden);
    ledger.ok(ANYONE, TO, concludeCall { escrowId: id, payNow: false });
    let exceeded = EscrowExceeded { escrowId: id, left: units(600), amount: units(601) };
    ledger.reverts(PAYEE, TO, refundCall { escrowId: id, amount: units(601) }, exceeded);
    ledger.reverts(PAYEE, TO, refundCall { escrowId: id, amount: units(0) }, EscrowAmountInvalid { amount: units(0) });
    ledger.ok(PAYEE, TO, refundCall { escrowId: id, amount: units(100) });
    let expected = EscrowRefunded { escrowId: id, payer: PAYER, amount: units(100), fromDue: units(100), cause: 1 };
    assert_eq!(ledger.last_event::<EscrowRefunded>().1, expected);
    assert_eq!(stand(&mut ledger, id), (3, 0, 100, 500, 0, 0));
    ledger.ok(PAYEE, TO, refundCall { escrowId: id, amount: ALL });
    assert_eq!(stand(&mut ledger, id), (3, 0, 600, 0, 0, 0));
    assert_eq!(spendable(&mut ledger, PAYER), 1_000);
    sound(&mut ledger);
}

/// After the deadline only what was granted may be given back, and what is undecided keeps waiting for its outcome.
#[test]
fn a_late_refund_takes_from_what_is_due_alone() {
    let mut ledger = world();
    let terms = with_milestones(&ledger);
    let deadline = terms.deadlineMs;
    let id = open(&mut ledger, terms);
    for approver in [3, 4] {
        ledger.ok(account(approver), TO, approveCall { payNow: false, ..approve(id, 1, B256::ZERO) });
    }
    ledger.timestamp_ms = deadline;
    let exceeded = EscrowExceeded { escrowId: id, left: units(200), amount: units(201) };
    ledger.reverts(PAYEE, TO, refundCall { escrowId: id, amount: units(201) }, exceeded);
    ledger.ok(PAYEE, TO, refundCall { escrowId: id, amount: units(50) });
    assert_eq!(stand(&mut ledger, id), (1, 0, 50, 150, 400, 0));
    ledger.ok(ANYONE, TO, concludeCall { escrowId: id, payNow: true });
    assert_eq!(stand(&mut ledger, id), (3, 150, 450, 0, 0, 0));
    sound(&mut ledger);
}

#[test]
fn refunds_pass_a_pause_and_a_frozen_payer() {
    let mut ledger = world();
    let terms = plain(&ledger);
    let deadline = terms.deadlineMs;
    let id = open(&mut ledger, terms);
    freeze(&mut ledger, PAYER, true);
    let frozen = IToken::AccountFrozen { account: PAYER };
    ledger.reverts(PAYER, TO, releaseCall { escrowId: id, amount: ALL }, frozen);
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.reverts(PAYER, TO, releaseCall { escrowId: id, amount: ALL }, IToken::EnforcedPause {});
    ledger.ok(PAYEE, TO, refundCall { escrowId: id, amount: units(10) });
    ledger.timestamp_ms = deadline;
    ledger.ok(ANYONE, TO, concludeCall { escrowId: id, payNow: true });
    assert_eq!(stand(&mut ledger, id), (3, 0, 600, 0, 0, 0));
}

#[test]
fn a_partial_freeze_of_the_payer_stops_paying_as_far_as_it_reaches() {
    let mut ledger = world();
    let terms = plain(&ledger);
    let id = open(&mut ledger, terms);
    ledger.ok(FREEZER, eur(), freezePartialTokensCall { userAddress: PAYER, amount: units(700) });
    ledger.ok(PAYER, TO, releaseCall { escrowId: id, amount: units(300) });
    let error = IToken::InsufficientUnfrozenBalance {
        sender: PAYER,
        balance: units(700),
        frozen: units(700),
        needed: units(1),
    };
    ledger.reverts(PAYER, TO, releaseCall { escrowId: id, amount: units(1) }, error);
}

#[test]
fn a_seizure_takes_undecided_units_first_and_the_rest_goes_on() {
    let mut ledger = world();
    let terms = with_milestones(&ledger);
    let deadline = terms.deadlineMs;
    let id = open(&mut ledger, terms);
    for approver in [3, 4] {
        let call = approveCall { payNow: false, ..approve(id, 0, B256::ZERO) };
        ledger.ok(account(approver), TO, call);
    }
    assert_eq!(stand(&mut ledger, id), (1, 0, 0, 100, 500, 0));
    seize(&mut ledger, id, 450);
    assert_eq!(stand(&mut ledger, id), (1, 0, 0, 100, 50, 450));
    let exceeded = EscrowExceeded { escrowId: id, left: units(50), amount: units(51) };
    ledger.reverts(PAYER, TO, releaseCall { escrowId: id, amount: units(51) }, exceeded);
    sound(&mut ledger);
    // A condition grants what is left, and a second seizure reaches what is due.
    for approver in [3, 4] {
        ledger.ok(account(approver), TO, approveCall { payNow: false, ..approve(id, 2, B256::ZERO) });
    }
    assert_eq!(stand(&mut ledger, id), (3, 0, 0, 150, 0, 450));
    seize(&mut ledger, id, 30);
    assert_eq!(stand(&mut ledger, id), (3, 0, 0, 120, 0, 480));
    sound(&mut ledger);
    ledger.timestamp_ms = deadline;
    ledger.ok(ANYONE, TO, payOutCall { escrowId: id });
    assert_eq!(stand(&mut ledger, id), (3, 120, 0, 0, 0, 480));
    ledger.reverts(ANYONE, TO, payOutCall { escrowId: id }, EscrowNothingDue { escrowId: id });
    let balances = [PAYER, PAYEE, COURT].map(|who| balance(&mut ledger, who));
    assert_eq!(balances, [400, 620, 480], "the court and the payee, each once");
    sound(&mut ledger);
}

#[test]
fn an_escrow_seized_whole_ends_without_a_unit() {
    for outcome in [1, 2] {
        let mut ledger = world();
        let terms = Terms { deadlineOutcome: outcome, ..plain(&ledger) };
        let deadline = terms.deadlineMs;
        let id = open(&mut ledger, terms);
        seize(&mut ledger, id, 600);
        ledger.reverts(
            PAYER,
            TO,
            releaseCall { escrowId: id, amount: units(1) },
            EscrowExceeded { escrowId: id, left: units(0), amount: units(1) },
        );
        ledger.timestamp_ms = deadline;
        ledger.ok(ANYONE, TO, concludeCall { escrowId: id, payNow: true });
        assert_eq!(stand(&mut ledger, id), (3, 0, 0, 0, 0, 600));
        sound(&mut ledger);
    }
}

// ----- hostile callers -----------------------------------------------------------------------------------------------

#[test]
fn a_static_call_changes_nothing_and_views_answer_in_one() {
    let mut ledger = world();
    let terms = plain(&ledger);
    let id = open(&mut ledger, terms.clone());
    let rules = ledger.rules.clone();
    let before = ledger.storage.slots.clone();
    let inputs = [
        openCall { terms }.abi_encode(),
        releaseCall { escrowId: id, amount: ALL }.abi_encode(),
        concludeCall { escrowId: id, payNow: true }.abi_encode(),
        payOutCall { escrowId: id }.abi_encode(),
    ];
    for input in inputs {
        let env = CallEnv { is_static: true, rules: &rules, ..ledger.env(PAYER) };
        let result = dispatch(&mut Context::new(env, &mut ledger.storage), TO, &input);
        let expected = alloy_sol_types::SolError::abi_encode(&IModule::StaticCallForbidden {});
        assert_eq!(result, Err(Failure::Revert(expected.into())));
    }
    let env = CallEnv { is_static: true, rules: &rules, ..ledger.env(PAYER) };
    let input = escrowOfCall { escrowId: id }.abi_encode();
    assert!(dispatch(&mut Context::new(env, &mut ledger.storage), TO, &input).is_ok());
    assert_eq!(ledger.storage.slots, before);
}

#[test]
fn invariants_notice_what_they_name() {
    let found = |forge: fn(&mut Ledger)| {
        let mut ledger = world();
        let (milestones, simple) = (with_milestones(&ledger), Terms { amount: units(9), ..plain(&ledger) });
        open(&mut ledger, milestones);
        open(&mut ledger, simple);
        forge(&mut ledger);
        let violations = ledger.run(ANYONE, invariants::check).unwrap();
        violations.iter().map(|violation| violation.invariant).collect::<Vec<_>>()
    };
    fn record(number: u64) -> layout::Record {
        layout::layout().escrows.of(&number)
    }
    assert_eq!(found(|_| ()), Vec::<&str>::new());
    assert_eq!(
        found(|ledger| {
            let moved = layout::Moved { paid: 1, refunded: 0 };
            ledger.run(ANYONE, |x| record(1).moved.write(x, moved)).unwrap();
        }),
        ["escrow.conserved"]
    );
    assert_eq!(
        found(|ledger| {
            ledger
                .run(ANYONE, |x| {
                    let head = record(1).head.read(x)?;
                    record(1).head.write(x, layout::Head { status: 3, ..head })
                })
                .unwrap();
        }),
        ["escrow.decided_leaves_nothing_undecided"]
    );
    assert_eq!(
        found(|ledger| {
            let funds = layout::Funds { token: eur(), hold: 1 };
            ledger.run(ANYONE, |x| record(2).funds.write(x, funds)).unwrap();
        }),
        ["escrow.conserved", "escrow.hold_is_the_payers"]
    );
    assert_eq!(
        found(|ledger| {
            let milestone = layout::Milestone { amount: 1, approvals: 0, granted: false };
            ledger.run(ANYONE, |x| record(1).parts.of(&1).milestone.write(x, milestone)).unwrap();
        }),
        ["escrow.parts_are_the_whole"]
    );
    assert_eq!(
        found(|ledger| {
            ledger
                .run(ANYONE, |x| {
                    let head = record(2).head.read(x)?;
                    record(2).head.write(x, layout::Head { status: 9, ..head })
                })
                .unwrap();
        }),
        ["escrow.status_is_known"]
    );
}
