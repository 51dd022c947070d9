//! Which error a call gets that has several faults: each row mends the fault of the row before.

use super::*;
use crate::{calls::IModule, testing::world};
use alloy_sol_types::SolError;

fn revert_of(ledger: &mut Ledger, caller: Address, call: impl SolCall) -> Bytes {
    match ledger.send(caller, GOV, &call.abi_encode()) {
        Err(Failure::Revert(data)) => data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_network_without_governance_answers_that_there_is_none() {
    let mut ledger = world();
    let absent: Bytes = GovernanceAbsent {}.abi_encode().into();
    let calls: Vec<Vec<u8>> = vec![
        proposeCall { actions: vec![], descriptionHash: WHY }.abi_encode(),
        castVoteCall { proposalId: 1, support: FOR }.abi_encode(),
        cancelCall { proposalId: 1 }.abi_encode(),
        vetoCall { proposalId: 1 }.abi_encode(),
        executeCall { proposalId: 1 }.abi_encode(),
        emergencyPauseCall { module: PERMISSION_ADDRESS, descriptionHash: WHY }.abi_encode(),
        beginExecutionCall { proposalId: 1 }.abi_encode(),
        nextActionCall {}.abi_encode(),
        setSeatCall { account: A, weight: 1, name: "A".into() }.abi_encode(),
        removeSeatCall { account: A }.abi_encode(),
        setGuardianCall { account: A, guardian: true }.abi_encode(),
        pauseModuleCall { module: PERMISSION_ADDRESS, durationMs: 1 }.abi_encode(),
        unpauseModuleCall { module: PERMISSION_ADDRESS }.abi_encode(),
        parametersCall {}.abi_encode(),
        seatCountCall {}.abi_encode(),
        seatAtCall { index: 0 }.abi_encode(),
        seatOfCall { account: A }.abi_encode(),
        weightAtCall { account: A, proposalId: 1 }.abi_encode(),
        guardianCountCall {}.abi_encode(),
        guardianAtCall { index: 0 }.abi_encode(),
        isGuardianCall { account: A }.abi_encode(),
        proposalCountCall {}.abi_encode(),
        proposalOfCall { proposalId: 1 }.abi_encode(),
        actionOfCall { proposalId: 1, index: 0 }.abi_encode(),
        ballotOfCall { proposalId: 1, account: A }.abi_encode(),
        pauseOfCall { module: PERMISSION_ADDRESS }.abi_encode(),
    ];
    // Also governance's own address, which nobody controls here.
    for (caller, input) in calls.iter().flat_map(|input| [(A, input), (GOV, input)]) {
        let result = ledger.send(caller, GOV, input);
        assert_eq!(result, Err(Failure::Revert(absent.clone())), "{}", Bytes::from(input.clone()));
    }
    sound(&mut ledger);
    let stands = standing(&mut crate::Context::new(ledger.env(A), &mut ledger.storage.clone())).unwrap();
    assert_eq!(stands, Standing::default());
}

#[test]
fn of_several_faults_the_first_is_told() {
    let mut ledger = governed();
    let now = ledger.timestamp_ms;
    let proposal = propose(&mut ledger, A, vec![listing(STRANGER)]);
    let wrong = || castVoteCall { proposalId: proposal, support: 3 };
    let error = ProposalUnknown { proposalId: 7 }.abi_encode();
    assert_eq!(revert_of(&mut ledger, STRANGER, castVoteCall { proposalId: 7, support: 3 }), error);
    let error = ProposalUnknown { proposalId: 0 }.abi_encode();
    assert_eq!(revert_of(&mut ledger, STRANGER, castVoteCall { proposalId: 0, support: 3 }), error);
    let absent = WeightAbsent { proposalId: proposal, account: STRANGER }.abi_encode();
    assert_eq!(revert_of(&mut ledger, STRANGER, wrong()), absent);
    assert_eq!(revert_of(&mut ledger, A, wrong()), SupportUnknown { support: 3 }.abi_encode());
    vote(&mut ledger, A, proposal, ABSTAIN);
    let repeated = VoteRepeated { proposalId: proposal, account: A, support: ABSTAIN }.abi_encode();
    assert_eq!(revert_of(&mut ledger, A, wrong()), repeated, "a repetition before the value");
    ledger.timestamp_ms = now + VOTING_MS;
    let late = ProposalNotVoting { proposalId: proposal, state: 2, nowMs: now + VOTING_MS, closesMs: now + VOTING_MS };
    assert_eq!(revert_of(&mut ledger, A, wrong()), late.abi_encode());
    assert_eq!(revert_of(&mut ledger, STRANGER, wrong()), late.abi_encode(), "the state before the weight");

    let many = vec![action(GOV, nextActionCall {}); 9];
    let propose = |actions: &[Action]| proposeCall { actions: actions.to_vec(), descriptionHash: WHY };
    let error = SeatRequired { caller: STRANGER }.abi_encode();
    assert_eq!(revert_of(&mut ledger, STRANGER, propose(&many)), error);
    let (count, max) = (U256::from(9), U256::from(8));
    assert_eq!(revert_of(&mut ledger, A, propose(&many)), ActionCountInvalid { count, countMax: max }.abi_encode());
    let long = [Action { target: GOV, data: vec![0; 8_193].into() }];
    let (length, max) = (U256::from(8_193), U256::from(8_192));
    assert_eq!(revert_of(&mut ledger, A, propose(&long)), ActionsTooLong { length, lengthMax: max }.abi_encode());
    let error = ActionForbidden { index: U256::ZERO, target: GOV, selector: nextActionCall::SELECTOR.into() };
    assert_eq!(revert_of(&mut ledger, A, propose(&many[..1])), error.abi_encode());

    let cancel = |proposal| cancelCall { proposalId: proposal };
    let error = ProposerRequired { caller: B, proposer: A }.abi_encode();
    assert_eq!(revert_of(&mut ledger, B, cancel(proposal)), error, "who calls before the state");
    assert_eq!(revert_of(&mut ledger, A, cancel(proposal)), late.abi_encode());
    let veto = vetoCall { proposalId: proposal };
    let error = ProposalNotAccepted { proposalId: proposal, state: 2 }.abi_encode();
    assert_eq!(revert_of(&mut ledger, STRANGER, veto), error);
}

#[test]
fn guardians_faults_in_order() {
    let mut ledger = governed();
    let pause = |module| emergencyPauseCall { module, descriptionHash: WHY };
    assert_eq!(revert_of(&mut ledger, A, pause(GOV)), GuardianRequired { caller: A }.abi_encode());
    for module in [GOV, STRANGER, Address::ZERO, token_address(1)] {
        let error = ModuleNotPausable { module }.abi_encode();
        assert_eq!(revert_of(&mut ledger, GUARDIANS[0], pause(module)), error, "{module}");
    }
}

/// The guards of every module come before governance's own.
#[test]
fn static_calls_read_only() {
    let mut ledger = governed();
    let input = castVoteCall { proposalId: 9, support: 9 }.abi_encode();
    let env = crate::CallEnv { is_static: true, ..ledger.env(A) };
    let mut storage = ledger.storage.clone();
    let result = dispatch(&mut crate::Context::new(env, &mut storage), GOV, &input);
    assert_eq!(result, Err(Failure::Revert(IModule::StaticCallForbidden {}.abi_encode().into())));
    assert_eq!(ledger.ok(A, GOV, proposalCountCall {}), 0);
}
