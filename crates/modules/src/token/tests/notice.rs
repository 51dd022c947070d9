//! Rules under notice: what is published, from when on it holds, and that nothing gets around it.

use super::*;

const NOTICE: u64 = 10_000;

/// The euro promises ten seconds.
fn promised() -> Ledger {
    let mut ledger = world();
    ledger.ok(ADMIN, eur(), setNoticeTimeCall { noticeMs: NOTICE });
    ledger
}

fn pending(ledger: &mut Ledger, rule: u8) -> (U256, u64) {
    let found = ledger.ok(account(9), eur(), pendingChangeCall { rule });
    (found.value, found.fromMs)
}

fn pay(ledger: &mut Ledger) -> bool {
    ledger.call(account(1), eur(), transferCall { to: account(2), amount: units(1) }).is_ok()
}

#[test]
fn a_policy_is_in_force_from_the_very_instant_and_without_a_call() {
    let mut ledger = promised();
    let from = ledger.timestamp_ms + NOTICE;
    // Policy 1 admits nobody.
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: 1 });
    let event = RuleChangePublished { rule: 1, previousValue: units(2), newValue: units(1), fromMs: from };
    assert_eq!(ledger.last_event::<RuleChangePublished>().1, event);
    assert_eq!((pending(&mut ledger, 1), ledger.ok(ADMIN, eur(), policyIdCall {})), ((units(1), from), 2));
    ledger.timestamp_ms = from - 1;
    assert!(pay(&mut ledger));
    let logs = ledger.storage.logs.len();
    ledger.timestamp_ms = from;
    assert!(!pay(&mut ledger));
    assert_eq!((pending(&mut ledger, 1), ledger.ok(ADMIN, eur(), policyIdCall {})), ((U256::ZERO, 0), 1));
    let preview = checkTransferCall { from: account(1), to: account(2), operator: Address::ZERO, amount: units(1) };
    assert!(!ledger.ok(account(1), eur(), preview).allowed);
    let forbidden = |result: Result<u64, Failure>| assert!(matches!(result, Err(Failure::Revert(_))));
    forbidden(ledger.run(account(1), |x| hold(x, eur(), Keeper::Escrow, account(1), 1)));
    assert!(ledger.call(ISSUER, eur(), mintCall { to: account(1), amount: units(1) }).is_err());
    assert_eq!(ledger.storage.logs.len(), logs);
    // The next change follows from the one in force.
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: 0 });
    assert!(!pay(&mut ledger));
    ledger.timestamp_ms += NOTICE;
    assert!(pay(&mut ledger));
}

/// Other writes of the terms neither bring a change forward nor lose it.
#[test]
fn a_change_survives_other_writes() {
    for early in [true, false] {
        let mut ledger = promised();
        let from = ledger.timestamp_ms + NOTICE;
        ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: 1 });
        ledger.timestamp_ms = if early { from - 1 } else { from };
        ledger.ok(PAUSER, eur(), pauseCall {});
        ledger.ok(ADMIN, eur(), grantRoleCall { role: ADMIN_ROLE, account: account(7) });
        ledger.ok(PAUSER, eur(), unpauseCall {});
        assert_eq!(pay(&mut ledger), early);
        ledger.timestamp_ms = from;
        assert!(!pay(&mut ledger));
    }
}

#[test]
fn one_change_of_a_rule_at_a_time_and_none_without_its_role() {
    let mut ledger = promised();
    let from = ledger.timestamp_ms + NOTICE;
    let set = |policy| setPolicyCall { newPolicyId: policy };
    ledger.ok(ADMIN, eur(), set(1));
    ledger.reverts(ADMIN, eur(), set(0), ChangePending { rule: 1, fromMs: from });
    ledger.reverts(ADMIN, eur(), set(9), crate::policy::IPolicy::PolicyUnknown { policyId: 9 });
    let need = || AccessControlUnauthorizedAccount { account: account(1), neededRole: ADMIN_ROLE };
    ledger.reverts(account(1), eur(), withdrawChangeCall { rule: 1 }, need());
    ledger.reverts(account(1), eur(), setNoticeTimeCall { noticeMs: 0 }, need());
    for rule in [0, 2, 3, 4, 255] {
        ledger.reverts(ADMIN, eur(), withdrawChangeCall { rule }, NoChangePending { rule });
    }
    ledger.ok(ADMIN, eur(), withdrawChangeCall { rule: 1 });
    assert_eq!(ledger.last_event::<RuleChangeWithdrawn>().1, RuleChangeWithdrawn { rule: 1, value: units(1) });
    ledger.timestamp_ms = from;
    assert!(pay(&mut ledger), "a change that was withdrawn never comes");
    ledger.ok(ADMIN, eur(), set(1));
    ledger.timestamp_ms += NOTICE;
    ledger.reverts(ADMIN, eur(), withdrawChangeCall { rule: 1 }, NoChangePending { rule: 1 });
    assert!(!pay(&mut ledger));
}

#[test]
fn a_lower_cap_binds_minting_at_once_and_a_higher_one_when_it_comes() {
    let mut ledger = promised();
    let from = ledger.timestamp_ms + NOTICE;
    let cap = |ledger: &mut Ledger| ledger.ok(account(9), eur(), supplyCapCall {});
    let mint = |amount: u128| mintCall { to: account(1), amount: units(amount) };
    ledger.reverts(
        ADMIN,
        eur(),
        setSupplyCapCall { newCap: units(1_499) },
        SupplyCapInvalid { supply: units(1_500), cap: units(1_499) },
    );
    ledger.ok(ADMIN, eur(), setSupplyCapCall { newCap: units(1_600) });
    assert_eq!((cap(&mut ledger), pending(&mut ledger, 2)), (units(1_000_000), (units(1_600), from)));
    let error = SupplyCapExceeded { supply: units(1_500), amount: units(101), cap: units(1_600) };
    ledger.reverts(ISSUER, eur(), mint(101), error);
    ledger.ok(ISSUER, eur(), mint(60));
    ledger.timestamp_ms = from;
    assert_eq!(cap(&mut ledger), units(1_600));

    ledger.ok(ADMIN, eur(), setSupplyCapCall { newCap: units(2_000) });
    let error = || SupplyCapExceeded { supply: units(1_560), amount: units(41), cap: units(1_600) };
    ledger.reverts(ISSUER, eur(), mint(41), error());
    ledger.timestamp_ms = from + NOTICE - 1;
    ledger.reverts(ISSUER, eur(), mint(41), error());
    ledger.timestamp_ms = from + NOTICE;
    ledger.ok(ISSUER, eur(), mint(41));
    assert_eq!(cap(&mut ledger), units(2_000));
    assert_eq!(super::issuance::sound(&mut ledger), []);
    ledger.ok(ADMIN, eur(), setSupplyCapCall { newCap: units(9_000) });
    ledger.ok(ADMIN, eur(), withdrawChangeCall { rule: 2 });
    ledger.timestamp_ms += NOTICE;
    assert_eq!(cap(&mut ledger), units(2_000));
}

#[test]
fn a_notice_is_lengthened_at_once_and_shortened_under_itself() {
    let mut ledger = promised();
    let from = ledger.timestamp_ms + NOTICE;
    let set = |ms| setNoticeTimeCall { noticeMs: ms };
    let notice = |ledger: &mut Ledger| ledger.ok(account(9), eur(), noticeTimeCall {});
    let error = NoticeTimeInvalid { noticeMs: NOTICE_MS_MAX + 1, noticeMsMax: NOTICE_MS_MAX };
    ledger.reverts(ADMIN, eur(), set(NOTICE_MS_MAX + 1), error);
    ledger.ok(ADMIN, eur(), set(0));
    assert_eq!((notice(&mut ledger), pending(&mut ledger, 3)), (NOTICE, (U256::ZERO, from)));
    ledger.reverts(ADMIN, eur(), set(2 * NOTICE), ChangePending { rule: 3, fromMs: from });
    // Under the old notice still, however little of it is left.
    ledger.timestamp_ms = from - 1;
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: 1 });
    ledger.timestamp_ms = from;
    assert_eq!(notice(&mut ledger), 0);
    ledger.reverts(
        ADMIN,
        eur(),
        setPolicyCall { newPolicyId: 0 },
        ChangePending { rule: 1, fromMs: from - 1 + NOTICE },
    );
    assert!(pay(&mut ledger));
    ledger.ok(ADMIN, eur(), withdrawChangeCall { rule: 1 });
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: 1 });
    assert_eq!(ledger.last_event::<PolicyChanged>().1, PolicyChanged { previousPolicyId: 2, newPolicyId: 1 });
    assert!(!pay(&mut ledger), "without notice a change is immediate");

    ledger.ok(ADMIN, eur(), set(NOTICE_MS_MAX));
    let event = NoticeTimeChanged { previousMs: 0, newMs: NOTICE_MS_MAX };
    assert_eq!(ledger.last_event::<NoticeTimeChanged>().1, event);
    ledger.ok(ADMIN, eur(), set(5));
    ledger.ok(ADMIN, eur(), withdrawChangeCall { rule: 3 });
    ledger.timestamp_ms += NOTICE_MS_MAX;
    assert_eq!(notice(&mut ledger), NOTICE_MS_MAX);
}

/// A change at once, after one under notice took force, is not undone by what was published before.
#[test]
fn an_old_change_never_comes_back() {
    let mut ledger = promised();
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: 1 });
    ledger.ok(ADMIN, eur(), setSupplyCapCall { newCap: units(1_600) });
    ledger.ok(ADMIN, eur(), setNoticeTimeCall { noticeMs: 0 });
    ledger.timestamp_ms += NOTICE;
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: 2 });
    ledger.ok(ADMIN, eur(), setSupplyCapCall { newCap: units(1_700) });
    assert_eq!(ledger.ok(ADMIN, eur(), supplyCapCall {}), units(1_700));
    let event = SupplyCapChanged { previousCap: units(1_600), newCap: units(1_700) };
    assert_eq!(ledger.last_event::<SupplyCapChanged>().1, event);
    assert!(pay(&mut ledger));
}
