//! Pauses: what they stop and what not, who may, and their edges.

use super::*;
use crate::{
    FACTORY_ADDRESS, PAYMENT_ADDRESS, POLICY_ADDRESS, TOKENS_ADDRESS, VOUCHER_ADDRESS, calls::IModule::ModulePaused,
    payment::IPayment, policy::IPolicy,
};

const EUR: Address = token_address_of_first();

const fn token_address_of_first() -> Address {
    let mut bytes = TOKENS_ADDRESS.0.0;
    bytes[19] = 1;
    Address::new(bytes)
}

fn pay(ledger: &mut Ledger) -> Result<bool, Failure> {
    ledger.call(account(1), EUR, IToken::transferCall { to: account(2), amount: U256::ONE })
}

fn pausing(module: Address, duration_ms: u64) -> Vec<Action> {
    vec![action(GOV, pauseModuleCall { module, durationMs: duration_ms })]
}

fn order(number: u8) -> IPayment::payCall {
    IPayment::payCall {
        token: EUR,
        payee: account(2),
        amount: U256::ONE,
        uetr: B256::with_last_byte(number),
        debtorAgent: (*b"COBADEFFXXX").into(),
        creditorAgent: (*b"DEUTDEFFXXX").into(),
        endToEnd: B256::ZERO,
        purpose: (*b"SUPP").into(),
        remittance: B256::ZERO,
        priority: 0,
        parkUntilMs: 0,
    }
}

fn emergency(ledger: &mut Ledger, by: Address, module: Address) -> Result<u64, Failure> {
    ledger.call(by, GOV, emergencyPauseCall { module, descriptionHash: WHY })
}

#[test]
fn a_paused_module_is_read_and_not_changed() {
    let mut ledger = governed();
    pay(&mut ledger).unwrap();
    let proposal = pass(&mut ledger, pausing(TOKENS_ADDRESS, HOUR_MS)).unwrap();
    let since = ledger.timestamp_ms;
    let error =
        || ModulePaused { module: TOKENS_ADDRESS, sinceMs: since, untilMs: since + HOUR_MS, proposalId: proposal };
    reverted(pay(&mut ledger), error());
    // Before its own rules, so that who waits is not told something else first; but not before the form of the call.
    let mut unsound = IToken::transferCall { to: account(2), amount: U256::MAX }.abi_encode();
    reverted(ledger.send(STRANGER, EUR, &unsound), error());
    unsound.truncate(30);
    let malformed = crate::calls::IModule::ArgumentsMalformed { selector: IToken::transferCall::SELECTOR.into() };
    reverted(ledger.send(STRANGER, EUR, &unsound), malformed);
    // Through another module, which is not paused, too.
    reverted(ledger.call(account(1), PAYMENT_ADDRESS, order(1)), error());
    assert_eq!(ledger.ok(STRANGER, EUR, IToken::balanceOfCall { account: account(2) }), U256::from(501));
    let told = ledger.ok(STRANGER, GOV, pauseOfCall { module: TOKENS_ADDRESS });
    assert_eq!((told.paused, told.sinceMs, told.untilMs, told.proposalId), (true, since, since + HOUR_MS, proposal));
    // What the paused module is not asked for goes on.
    let list = IPolicy::createListCall { kind: 1, admin: account(1), members: vec![] };
    ledger.ok(account(1), POLICY_ADDRESS, list);
    sound(&mut ledger);
    ledger.timestamp_ms = since + HOUR_MS - 1;
    reverted(pay(&mut ledger), error());
    ledger.timestamp_ms = since + HOUR_MS - 1_000;
    reverted(pay(&mut ledger), error());
    ledger.timestamp_ms = since + HOUR_MS;
    pay(&mut ledger).unwrap();
    ledger.ok(account(1), PAYMENT_ADDRESS, order(1));
    assert!(!ledger.ok(STRANGER, GOV, pauseOfCall { module: TOKENS_ADDRESS }).paused);
    sound(&mut ledger);
}

#[test]
fn one_module_is_paused_and_no_other() {
    let mut ledger = governed();
    let proposal = pass(&mut ledger, pausing(PAYMENT_ADDRESS, HOUR_MS)).unwrap();
    let since = ledger.timestamp_ms;
    let error =
        ModulePaused { module: PAYMENT_ADDRESS, sinceMs: since, untilMs: since + HOUR_MS, proposalId: proposal };
    reverted(ledger.call(account(1), PAYMENT_ADDRESS, order(1)), error);
    pay(&mut ledger).unwrap();
    let views = [VOUCHER_ADDRESS, POLICY_ADDRESS, FACTORY_ADDRESS, PERMISSION_ADDRESS];
    for module in views {
        assert!(!ledger.ok(STRANGER, GOV, pauseOfCall { module }).paused, "{module}");
    }
}

#[test]
fn a_pause_is_prolonged_and_ended_by_proposal() {
    let mut ledger = governed();
    let first = pass(&mut ledger, pausing(TOKENS_ADDRESS, 100 * HOUR_MS)).unwrap();
    let since = ledger.timestamp_ms;
    let second = pass(&mut ledger, pausing(TOKENS_ADDRESS, 200 * HOUR_MS)).unwrap();
    assert_ne!(first, second);
    let until = ledger.timestamp_ms + 200 * HOUR_MS;
    let told = ledger.ok(STRANGER, GOV, pauseOfCall { module: TOKENS_ADDRESS });
    assert_eq!((told.sinceMs, told.untilMs, told.proposalId), (since, until, second));
    pass(&mut ledger, vec![action(GOV, unpauseModuleCall { module: TOKENS_ADDRESS })]).unwrap();
    assert_eq!(ledger.last_event::<ProposalExecuted>().1.proposalId, 3);
    pay(&mut ledger).unwrap();
    let unpause = vec![action(GOV, unpauseModuleCall { module: TOKENS_ADDRESS })];
    reverted(pass(&mut ledger, unpause), ModuleNotPaused { module: TOKENS_ADDRESS });
    // What ended by itself is not paused either.
    pass(&mut ledger, pausing(POLICY_ADDRESS, 1)).unwrap();
    ledger.timestamp_ms += 1;
    let unpause = vec![action(GOV, unpauseModuleCall { module: POLICY_ADDRESS })];
    reverted(pass(&mut ledger, unpause), ModuleNotPaused { module: POLICY_ADDRESS });
    sound(&mut ledger);
}

#[test]
fn what_cannot_be_paused_and_for_how_long() {
    let mut ledger = governed();
    for module in [GOV, STRANGER, Address::ZERO, EUR] {
        reverted(pass(&mut ledger, pausing(module, HOUR_MS)), ModuleNotPausable { module });
    }
    for duration in [0, PAUSE_MS_MAX + 1, u64::MAX] {
        let error = PauseOutOfRange { durationMs: duration, durationMsMax: PAUSE_MS_MAX };
        reverted(pass(&mut ledger, pausing(POLICY_ADDRESS, duration)), error);
    }
    pass(&mut ledger, pausing(POLICY_ADDRESS, PAUSE_MS_MAX)).unwrap();
    sound(&mut ledger);
}

/// Every module is paused at once, and the network governs itself all the same.
#[test]
fn nobody_is_locked_out() {
    let mut ledger = governed();
    let all = crate::singleton_addresses().iter().copied().filter(|address| *address != GOV).chain([TOKENS_ADDRESS]);
    let all: Vec<Action> = all.flat_map(|module| pausing(module, PAUSE_MS_MAX)).collect();
    for chunk in all.chunks(8) {
        pass(&mut ledger, chunk.to_vec()).unwrap();
    }
    assert!(pay(&mut ledger).is_err());
    let refused = ledger.call(account(1), PERMISSION_ADDRESS, IPermission::acceptAdminCall {});
    assert!(
        matches!(refused, Err(Failure::Revert(data)) if data.starts_with(&<ModulePaused as alloy_sol_types::SolError>::SELECTOR))
    );
    // Governance repairs what is paused, and ends the pause.
    pass(&mut ledger, vec![listing(STRANGER), action(EUR, IToken::pauseCall {})]).unwrap();
    assert!(is_listed(&mut ledger, STRANGER));
    let unpause = |module| action(GOV, unpauseModuleCall { module });
    pass(&mut ledger, vec![unpause(TOKENS_ADDRESS), action(EUR, IToken::unpauseCall {})]).unwrap();
    pay(&mut ledger).unwrap();
    sound(&mut ledger);
}

#[test]
fn guardians_pause_together_and_at_once() {
    let mut ledger = governed();
    let start = ledger.timestamp_ms;
    let proposal = emergency(&mut ledger, GUARDIANS[0], TOKENS_ADDRESS).unwrap();
    pay(&mut ledger).unwrap();
    let told = ledger.ok(STRANGER, GOV, proposalOfCall { proposalId: proposal });
    assert_eq!((told.kind, told.state, told.forWeight, told.quorumWeight, told.weightTotal), (1, 1, 1, 2, 3));
    let confirm = || castVoteCall { proposalId: proposal, support: FOR };
    ledger.reverts(A, GOV, confirm(), WeightAbsent { proposalId: proposal, account: A });
    let repeated = VoteRepeated { proposalId: proposal, account: GUARDIANS[0], support: FOR };
    ledger.reverts(GUARDIANS[0], GOV, confirm(), repeated);
    ledger.ok(GUARDIANS[1], GOV, confirm());
    assert_eq!(ledger.last_event::<ProposalExecuted>().1.proposalId, proposal);
    assert_eq!(state(&mut ledger, proposal), 6);
    let until = start + EMERGENCY_MS;
    let error = ModulePaused { module: TOKENS_ADDRESS, sinceMs: start, untilMs: until, proposalId: proposal };
    reverted(pay(&mut ledger), error);
    sound(&mut ledger);
    // They neither prolong it nor begin another right after it.
    ledger.timestamp_ms = until - 1;
    let error = ModuleAlreadyPaused { module: TOKENS_ADDRESS, untilMs: until, proposalId: proposal };
    reverted(emergency(&mut ledger, GUARDIANS[2], TOKENS_ADDRESS), error);
    let again = until + EMERGENCY_MS;
    for now in [until, again - 1_000, again - 1] {
        ledger.timestamp_ms = now;
        pay(&mut ledger).unwrap();
        let error = PauseTooSoon { module: TOKENS_ADDRESS, nowMs: now, againMs: again };
        reverted(emergency(&mut ledger, GUARDIANS[2], TOKENS_ADDRESS), error);
    }
    emergency(&mut ledger, GUARDIANS[2], POLICY_ADDRESS).unwrap();
    ledger.timestamp_ms = again;
    emergency(&mut ledger, GUARDIANS[2], TOKENS_ADDRESS).unwrap();
    sound(&mut ledger);
}

#[test]
fn seats_end_and_prolong_what_guardians_began() {
    let mut ledger = governed();
    let proposal = emergency(&mut ledger, GUARDIANS[0], TOKENS_ADDRESS).unwrap();
    vote(&mut ledger, GUARDIANS[2], proposal, FOR);
    // It is long enough to be prolonged before it ends.
    pass(&mut ledger, pausing(TOKENS_ADDRESS, 90 * HOUR_MS)).unwrap();
    assert!(pay(&mut ledger).is_err());
    pass(&mut ledger, vec![action(GOV, unpauseModuleCall { module: TOKENS_ADDRESS })]).unwrap();
    pay(&mut ledger).unwrap();
    let result = emergency(&mut ledger, GUARDIANS[1], TOKENS_ADDRESS);
    assert!(matches!(result, Err(Failure::Revert(_))), "against the will of the seats: {result:?}");
    pass(&mut ledger, pausing(TOKENS_ADDRESS, HOUR_MS)).unwrap();
    sound(&mut ledger);
}

#[test]
fn an_emergency_lapses_or_is_refused() {
    let mut ledger = governed();
    let lapsed = emergency(&mut ledger, GUARDIANS[0], TOKENS_ADDRESS).unwrap();
    ledger.timestamp_ms += EMERGENCY_VOTING_MS;
    assert_eq!(state(&mut ledger, lapsed), 2);
    let late = castVoteCall { proposalId: lapsed, support: FOR };
    assert!(ledger.call(GUARDIANS[1], GOV, late).is_err());
    let refused = emergency(&mut ledger, GUARDIANS[0], TOKENS_ADDRESS).unwrap();
    vote(&mut ledger, GUARDIANS[1], refused, AGAINST);
    assert_eq!(state(&mut ledger, refused), 1);
    vote(&mut ledger, GUARDIANS[2], refused, ABSTAIN);
    assert_eq!(state(&mut ledger, refused), 2, "nobody is left to confirm it");
    pay(&mut ledger).unwrap();
    // Two are made at the same time: the second finds the module paused already.
    let first = emergency(&mut ledger, GUARDIANS[0], TOKENS_ADDRESS).unwrap();
    let second = emergency(&mut ledger, GUARDIANS[1], TOKENS_ADDRESS).unwrap();
    vote(&mut ledger, GUARDIANS[1], first, FOR);
    let until = ledger.timestamp_ms + EMERGENCY_MS;
    let error = ModuleAlreadyPaused { module: TOKENS_ADDRESS, untilMs: until, proposalId: first };
    ledger.reverts(GUARDIANS[0], GOV, castVoteCall { proposalId: second, support: FOR }, error);
    sound(&mut ledger);
}

/// A guardian that was removed has confirmed for those who were guardians then, and nothing more.
#[test]
fn guardians_are_counted_as_they_were() {
    let mut ledger = governed();
    let remove = vec![action(GOV, setGuardianCall { account: GUARDIANS[1], guardian: false })];
    let removal = accept(&mut ledger, remove);
    ledger.timestamp_ms += DELAY_MS;
    let old = emergency(&mut ledger, GUARDIANS[0], TOKENS_ADDRESS).unwrap();
    execute(&mut ledger, removal).unwrap();
    let new = emergency(&mut ledger, GUARDIANS[0], POLICY_ADDRESS).unwrap();
    let confirm = castVoteCall { proposalId: new, support: FOR };
    ledger.reverts(GUARDIANS[1], GOV, confirm, WeightAbsent { proposalId: new, account: GUARDIANS[1] });
    vote(&mut ledger, GUARDIANS[1], old, FOR);
    assert!(pay(&mut ledger).is_err());
    let result = emergency(&mut ledger, GUARDIANS[1], FACTORY_ADDRESS);
    reverted(result, GuardianRequired { caller: GUARDIANS[1] });
    sound(&mut ledger);
}
