//! Governance inside the machine: the code that executes proposals, what contracts can do to it, and pauses.

use super::*;
use crate::{CallStatus, TransactionRequest, decode_revert};
use florin_modules::{
    Context, GOVERNANCE_ADDRESS, PERMISSION_ADDRESS, TOKENS_ADDRESS,
    governance::IGovernance::{self, Action},
    permission::IPermission,
    query,
};
use florin_types::{GenesisGovernance, GenesisSeat, GovernanceParameters};

const GOV: Address = GOVERNANCE_ADDRESS;
/// Notes who called it how often and with how many bytes, in slots 0, 1 and 2.
const RECORDER: Address = Address::repeat_byte(0xe1);
/// Always reverts with its input.
const REFUSER: Address = Address::repeat_byte(0xe2);
/// Calls whom it is told to, and succeeds whatever comes of it; answers what came back.
const MEDDLER: Address = Address::repeat_byte(0xe3);
/// The same, and ends as the call that it made.
const FORWARDER: Address = Address::repeat_byte(0xe4);
/// Delegates to the address that it is told.
const BORROWER: Address = Address::repeat_byte(0xe5);

/// CALLER at 0, a count at 1, CALLDATASIZE at 2.
const RECORD: &[u8] = &[0x33, 0x5f, 0x55, 0x60, 1, 0x54, 0x60, 1, 0x01, 0x60, 1, 0x55, 0x36, 0x60, 2, 0x55, 0x00];
/// REVERT(0, CALLDATASIZE) with the input.
const REFUSE: &[u8] = &[0x36, 0x5f, 0x5f, 0x37, 0x36, 0x5f, 0xfd];

/// Signers 1 to 3 vote; 1 weighs enough alone. Signer 4 is the guardian.
fn governed(rules: Rules) -> Chain {
    let mut file = genesis(rules);
    let contracts = [
        (RECORDER, RECORD.to_vec()),
        (REFUSER, REFUSE.to_vec()),
        (MEDDLER, forwarder(CALL, End::Success)),
        (FORWARDER, forwarder(CALL, End::Alike)),
        (BORROWER, forwarder(DELEGATECALL, End::Alike)),
    ];
    for (address, code) in contracts {
        file = with_contract(file, address, code);
    }
    let seat =
        |number: u8, weight| GenesisSeat { account: signer(number).address(), name: format!("Bank {number}"), weight };
    file.permission_admin = GOV;
    file.governance = Some(GenesisGovernance {
        seats: vec![seat(1, 70), seat(2, 20), seat(3, 10)],
        guardians: [signer(4).address()].into(),
        parameters: GovernanceParameters {
            guardian_quorum: 1,
            voting_period_ms: 60_000,
            delay_ms: 0,
            execution_window_ms: 60_000,
            emergency_pause_ms: 60_000,
            ..GovernanceParameters::default()
        },
        ..GenesisGovernance::default()
    });
    Chain::of(file)
}

impl Chain {
    /// A transaction of a signer to any address, with plenty of gas.
    fn act(&mut self, by: u8, to: Address, input: Vec<u8>) -> Executed {
        self.act_with(by, to, input, 12_000_000)
    }

    fn act_with(&mut self, by: u8, to: Address, input: Vec<u8>, gas_limit: u64) -> Executed {
        let nonce = self.nonce(signer(by).address());
        let tx = TxEip1559 { to: TxKind::Call(to), input: input.into(), ..free(nonce, gas_limit) };
        self.block(&[signer(by).sign(tx)])
    }

    /// Proposes and accepts; answers the number.
    fn accept(&mut self, actions: Vec<Action>) -> u64 {
        let call = IGovernance::proposeCall { actions, descriptionHash: B256::ZERO };
        assert_eq!(statuses(&self.act(2, GOV, call.abi_encode())), [true]);
        let proposal = self.slot(GOV, 3).to::<u64>();
        let call = IGovernance::castVoteCall { proposalId: proposal, support: 1 };
        assert_eq!(statuses(&self.act(1, GOV, call.abi_encode())), [true]);
        proposal
    }

    /// The state of a proposal.
    fn state_of(&self, proposal: u64) -> u8 {
        let call = IGovernance::proposalOfCall { proposalId: proposal };
        match ask(self, GOV, call.abi_encode()) {
            CallStatus::Success(output) => {
                IGovernance::proposalOfCall::abi_decode_returns_validate(&output).unwrap().state
            }
            other => panic!("{other:?}"),
        }
    }

    /// Governance's invariants hold.
    fn sound(&self) {
        let env = florin_modules::CallEnv {
            timestamp_ms: self.head.timestamp_ms(),
            ..florin_modules::CallEnv::reader(self.rules())
        };
        let check = |context: &mut Context<'_>| florin_modules::governance::invariants::check(context);
        let violations = query(&self.state, env, check).unwrap();
        assert!(violations.is_empty(), "{violations:?}");
    }
}

fn execution(proposal: u64) -> Vec<u8> {
    IGovernance::executeCall { proposalId: proposal }.abi_encode()
}

fn action(target: Address, data: impl Into<Bytes>) -> Action {
    Action { target, data: data.into() }
}

fn listing(who: Address) -> Action {
    let call = IPermission::setListedCall { capability: 1, accounts: vec![who], listed: true };
    action(PERMISSION_ADDRESS, call.abi_encode())
}

fn pausing(module: Address, duration_ms: u64) -> Action {
    action(GOV, IGovernance::pauseModuleCall { module, durationMs: duration_ms }.abi_encode())
}

fn may_deploy(chain: &Chain, account: Address) -> bool {
    match ask(chain, PERMISSION_ADDRESS, IPermission::mayDeployCall { account }.abi_encode()) {
        CallStatus::Success(output) => U256::from_be_slice(&output) == U256::ONE,
        other => panic!("{other:?}"),
    }
}

/// What a call gives that changes nothing.
fn ask(chain: &Chain, to: Address, input: Vec<u8>) -> CallStatus {
    let request = TransactionRequest::default().from(signer(3).address()).to(to).input(Bytes::from(input).into());
    put(chain, request)
}

fn put(chain: &Chain, request: TransactionRequest) -> CallStatus {
    let (env, none) = (chain.env(), Default::default());
    crate::call(&chain.state, CHAIN_ID, chain.rules(), &env, &request, &none, &Default::default()).unwrap().status
}

fn refusal(status: CallStatus) -> String {
    let CallStatus::Revert(data) = status else { panic!("{status:?}") };
    decode_revert(&data).unwrap_or_else(|| panic!("{data}")).message
}

#[test]
fn governance_acts_on_modules_and_contracts_in_its_own_name() {
    let mut chain = governed(Rules::default());
    let newcomer = signer(4).address();
    let longest = action(RECORDER, vec![0x5a; 7_000]);
    let proposal = chain.accept(vec![listing(newcomer), action(RECORDER, vec![1, 2, 3]), longest]);
    assert!(!may_deploy(&chain, newcomer));
    // Anybody executes, here somebody without a seat.
    let executed = chain.act(4, GOV, execution(proposal));
    assert_eq!(statuses(&executed), [true]);
    assert!(may_deploy(&chain, newcomer));
    assert_eq!(chain.slot(RECORDER, 0), U256::from_be_slice(GOV.as_slice()), "who called");
    assert_eq!((chain.slot(RECORDER, 1), chain.slot(RECORDER, 2)), (U256::from(2), U256::from(7_000)));
    let emitters: Vec<Address> = executed.receipts[0].logs().iter().map(|log| log.address).collect();
    assert_eq!(emitters, [PERMISSION_ADDRESS, GOV]);
    assert_eq!(chain.state_of(proposal), 6);
    assert!(refusal(ask(&chain, GOV, execution(proposal))).starts_with("ProposalNotAccepted("));
    assert_eq!(statuses(&chain.act(4, GOV, execution(proposal))), [false]);
    assert_eq!(chain.slot(RECORDER, 1), U256::from(2), "once");
    chain.sound();
}

#[test]
fn an_action_that_fails_undoes_all_and_tells_its_own_error() {
    let mut chain = governed(Rules::default());
    let newcomer = signer(4).address();
    let reason = IToken::EnforcedPause {};
    let failing = action(REFUSER, alloy_sol_types::SolError::abi_encode(&reason));
    let proposal = chain.accept(vec![listing(newcomer), action(RECORDER, vec![]), failing]);
    assert!(refusal(ask(&chain, GOV, execution(proposal))).starts_with("EnforcedPause("));
    let executed = chain.act(4, GOV, execution(proposal));
    assert_eq!(statuses(&executed), [false]);
    assert!(executed.receipts[0].logs().is_empty());
    assert!(!may_deploy(&chain, newcomer) && chain.slot(RECORDER, 1).is_zero());
    assert_eq!(chain.state_of(proposal), 4, "still ripe");
    chain.sound();
}

#[test]
fn nobody_is_at_the_target() {
    let mut chain = governed(Rules::default());
    for target in [Address::repeat_byte(0x99), florin_modules::token_address(77)] {
        let proposal = chain.accept(vec![action(RECORDER, vec![]), action(target, vec![1, 2, 3, 4])]);
        let message = refusal(ask(&chain, GOV, execution(proposal)));
        assert!(message.starts_with(&format!("TargetWithoutCode(target: {target:?})")), "{message}");
        assert_eq!(statuses(&chain.act(4, GOV, execution(proposal))), [false]);
    }
    assert!(chain.slot(RECORDER, 1).is_zero());
}

/// A contract that an action calls comes back: it executes neither the same proposal again, nor goes on with it, nor another.
#[test]
fn an_execution_is_not_entered_again() {
    let mut chain = governed(Rules::default());
    let victim = chain.accept(vec![action(RECORDER, vec![])]);
    let own = victim + 1;
    let next = IGovernance::nextActionCall {}.abi_encode();
    let back = [execution(own), execution(victim), next.clone()];
    let mut actions: Vec<Action> = back.iter().map(|input| action(MEDDLER, forward(GOV, input))).collect();
    actions.push(action(RECORDER, vec![]));
    assert_eq!(chain.accept(actions), own);
    assert_eq!(statuses(&chain.act(4, GOV, execution(own))), [true], "the meddler swallows what it is told");
    assert_eq!(chain.slot(RECORDER, 1), U256::ONE, "each action once, and only its own");
    assert_eq!((chain.state_of(own), chain.state_of(victim)), (6, 4));
    // What it is told, where it does not swallow it.
    for (input, error) in [
        (execution(own + 1), "ExecutionInProgress("),
        (execution(victim), "ExecutionInProgress("),
        (next, "GovernanceRequired("),
    ] {
        let proposal = chain.accept(vec![action(FORWARDER, forward(GOV, &input))]);
        let message = refusal(ask(&chain, GOV, execution(proposal)));
        assert!(message.starts_with(error), "{message}");
    }
    assert_eq!(statuses(&chain.act(4, GOV, execution(victim))), [true]);
    assert_eq!(chain.slot(RECORDER, 1), U256::from(2));
    chain.sound();
}

/// Through a contract anybody may execute; in another's name, in a static call or with value nobody.
#[test]
fn execute_is_a_plain_call() {
    let mut chain = governed(Rules::default());
    let proposal = chain.accept(vec![action(RECORDER, vec![])]);
    let input = execution(proposal);
    let message = refusal(ask(&chain, BORROWER, forward(GOV, &input)));
    assert!(message.starts_with("DelegateCallForbidden("), "{message}");
    let mut file = chain.genesis.clone();
    file = with_contract(file, Address::repeat_byte(0xe6), forwarder(STATICCALL, End::Alike));
    file = with_contract(file, Address::repeat_byte(0xe7), forwarder(CALLCODE, End::Alike));
    let other = Chain::of(file);
    let message = refusal(ask(&other, Address::repeat_byte(0xe6), forward(GOV, &input)));
    assert!(message.starts_with("StaticCallForbidden("), "{message}");
    let message = refusal(ask(&other, Address::repeat_byte(0xe7), forward(GOV, &input)));
    assert!(message.starts_with("DelegateCallForbidden("), "{message}");
    let request = TransactionRequest::default().from(signer(3).address()).to(GOV).value(U256::from(5));
    let message = refusal(put(&chain, request.input(Bytes::from(input.clone()).into())));
    assert!(message.starts_with("ValueForbidden("), "{message}");
    let message = refusal(ask(&chain, GOV, input[..35].to_vec()));
    assert!(message.starts_with("ArgumentsMalformed("), "{message}");
    let message = refusal(ask(&chain, GOV, execution(99)));
    assert!(message.starts_with("ProposalUnknown("), "{message}");
    assert!(chain.slot(RECORDER, 1).is_zero());
    // What wallets append is ignored.
    assert_eq!(statuses(&chain.act(3, FORWARDER, forward(GOV, &[&input[..], b"attribution"].concat()))), [true]);
    assert_eq!(chain.slot(RECORDER, 1), U256::ONE);
}

/// An account that delegates to governance's code runs it in its own name, which governance does not take for its own.
#[test]
fn a_delegation_to_governance_gives_no_right() {
    let mut chain = governed(Rules::default());
    let proposal = chain.accept(vec![action(RECORDER, vec![])]);
    let authorization = alloy_eips::eip7702::Authorization {
        chain_id: U256::from(CHAIN_ID),
        address: GOV,
        nonce: chain.nonce(signer(3).address()),
    };
    let signature = signer(3).sign_hash(authorization.signature_hash());
    let tx = alloy_consensus::TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: chain.nonce(signer(4).address()),
        gas_limit: 2_000_000,
        to: signer(3).address(),
        input: execution(proposal).into(),
        authorization_list: vec![authorization.into_signed(signature)],
        ..Default::default()
    };
    let executed = chain.block(&[signer(4).sign(tx)]);
    assert_eq!(statuses(&executed), [false]);
    assert!(chain.slot(RECORDER, 1).is_zero());
    assert_eq!(chain.state_of(proposal), 4);
}

#[test]
fn too_little_gas_leaves_the_proposal_ripe() {
    let mut chain = governed(Rules::default());
    let proposal = chain.accept(vec![listing(signer(4).address()), action(RECORDER, vec![])]);
    for gas_limit in [30_000, 50_000, 80_000, 110_000] {
        assert_eq!(statuses(&chain.act_with(4, GOV, execution(proposal), gas_limit)), [false], "{gas_limit}");
        assert_eq!(chain.state_of(proposal), 4);
        assert!(chain.slot(RECORDER, 1).is_zero() && !may_deploy(&chain, signer(4).address()));
    }
    assert_eq!(statuses(&chain.act(4, GOV, execution(proposal))), [true]);
}

#[test]
fn a_network_without_governance_has_no_code_there() {
    let chain = Chain::new();
    assert!(chain.state.account(GOV).unwrap().is_none());
    for input in [execution(1), IGovernance::seatCountCall {}.abi_encode()] {
        let message = refusal(ask(&chain, GOV, input));
        assert!(message.starts_with("GovernanceAbsent("), "{message}");
    }
}

/// In force from the next transaction, in the same block; over by itself with the time of a block.
#[test]
fn a_pause_is_in_force_for_the_next_transaction() {
    let mut chain = governed(quota(20_000_000));
    let proposal = chain.accept(vec![pausing(TOKENS_ADDRESS, 2_000)]);
    let nonce = |chain: &Chain, number| chain.nonce(signer(number).address());
    let (payee, units) = (signer(4).address(), chain.units(signer(4).address()));
    let pause =
        TxEip1559 { to: TxKind::Call(GOV), input: execution(proposal).into(), ..free(nonce(&chain, 3), 1_000_000) };
    let first = nonce(&chain, 2);
    let txs = [
        signer(2).pay(first, payee, 1),
        signer(3).sign(pause),
        signer(2).pay(first + 1, payee, 10),
        signer(2).send(first + 2, payee, 1),
        signer(2).call(first + 3, FORWARDER, forward(token(), &transfer(payee, 100))),
    ];
    // Neither native units nor the count of gas for quotas are a module's.
    let executed = chain.block(&txs);
    assert_eq!(statuses(&executed), [true, true, false, true, false]);
    assert_eq!(chain.units(payee), units + U256::ONE, "reads go on");
    let message = refusal(ask(&chain, token(), transfer(payee, 1)));
    assert!(message.starts_with(&format!("ModulePaused(module: {TOKENS_ADDRESS}")), "{message}");
    assert!(message.contains(&format!("proposalId: {proposal}")), "{message}");
    chain.sound();
    let next = nonce(&chain, 2);
    assert_eq!(statuses(&chain.block(&[signer(2).pay(next, payee, 1)])), [false], "one second later");
    assert_eq!(statuses(&chain.block(&[signer(2).pay(next + 1, payee, 1)])), [true], "and two");
    chain.sound();
}

/// A pause that is undone with its transaction was never there.
#[test]
fn a_pause_reverts_with_its_transaction() {
    let mut chain = governed(Rules::default());
    let proposal = chain.accept(vec![pausing(TOKENS_ADDRESS, 2_000), action(REFUSER, vec![])]);
    let tx = TxEip1559 {
        to: TxKind::Call(GOV),
        input: execution(proposal).into(),
        ..free(chain.nonce(signer(3).address()), 1_000_000)
    };
    let pay = signer(2).pay(chain.nonce(signer(2).address()), signer(4).address(), 1);
    let executed = chain.block(&[signer(3).sign(tx), pay]);
    assert_eq!(statuses(&executed), [false, true]);
    chain.sound();
}

#[test]
fn a_guardian_pauses_in_one_transaction_and_a_vote_ends_it() {
    let mut chain = governed(quota(20_000_000));
    for module in [TOKENS_ADDRESS, PERMISSION_ADDRESS] {
        let pause = IGovernance::emergencyPauseCall { module, descriptionHash: B256::ZERO };
        assert_eq!(statuses(&chain.act(4, GOV, pause.abi_encode())), [true]);
    }
    assert_eq!(statuses(&chain.act(2, token(), transfer(signer(3).address(), 1))), [false]);
    // Governance itself passes: it repairs the paused registry and ends both pauses.
    let unpause = |module| action(GOV, IGovernance::unpauseModuleCall { module }.abi_encode());
    let newcomer = signer(4).address();
    let proposal = chain.accept(vec![listing(newcomer), unpause(TOKENS_ADDRESS), unpause(PERMISSION_ADDRESS)]);
    assert_eq!(statuses(&chain.act(3, GOV, execution(proposal))), [true]);
    assert!(may_deploy(&chain, newcomer));
    assert_eq!(statuses(&chain.act(2, token(), transfer(signer(3).address(), 1))), [true]);
    chain.sound();
}

/// Who is not listed and has a seat is let in; who has neither is not.
#[test]
fn seats_transact_on_a_closed_network() {
    let mut file = governed(Rules::default()).genesis;
    file.transact = Access::Listed;
    file.transactors.clear();
    let mut chain = Chain::of(file);
    let stranger = signer(9);
    assert!(matches!(chain.rejection(stranger.pay(0, signer(1).address(), 0)), Rejection::SenderNotPermitted { .. }));
    assert_eq!(statuses(&chain.block(&[signer(3).pay(0, signer(1).address(), 1)])), [true]);
}

/// A proposal that is made amid an execution would keep seats that no execution has left.
#[test]
fn nobody_proposes_amid_an_execution() {
    let mut chain = governed(Rules::default());
    let seat = IGovernance::setSeatCall { account: FORWARDER, weight: 1, name: "Contract".into() };
    let guardian = IGovernance::setGuardianCall { account: FORWARDER, guardian: true };
    let admitted = chain.accept(vec![action(GOV, seat.abi_encode()), action(GOV, guardian.abi_encode())]);
    assert_eq!(statuses(&chain.act(4, GOV, execution(admitted))), [true]);
    let propose = IGovernance::proposeCall { actions: vec![action(RECORDER, vec![])], descriptionHash: B256::ZERO };
    let pause = IGovernance::emergencyPauseCall { module: PERMISSION_ADDRESS, descriptionHash: B256::ZERO };
    let mut made = Vec::new();
    for input in [propose.abi_encode(), pause.abi_encode()] {
        let amid = chain.accept(vec![action(FORWARDER, forward(GOV, &input))]);
        let message = refusal(ask(&chain, GOV, execution(amid)));
        assert!(message.starts_with(&format!("ExecutionInProgress(proposalId: {amid})")), "{message}");
        assert_eq!(statuses(&chain.act(4, GOV, execution(amid))), [false]);
        assert_eq!(statuses(&chain.act(3, FORWARDER, forward(GOV, &input))), [true], "before and after it may");
        made.push(chain.slot(GOV, 3).to::<u64>());
    }
    // Votes count at any time.
    let other = made[0];
    assert_eq!(chain.state_of(other), 1);
    let vote = IGovernance::castVoteCall { proposalId: other, support: 1 }.abi_encode();
    let amid = chain.accept(vec![action(FORWARDER, forward(GOV, &vote))]);
    assert_eq!(statuses(&chain.act(4, GOV, execution(amid))), [true]);
    chain.sound();
}

/// Its address is an account where there is governance. Elsewhere nobody could ever move what it holds.
#[test]
fn governance_holds_units_and_roles_only_where_there_is_governance() {
    let (to, account, amount) = (GOV, GOV, U256::from(5));
    let role = florin_modules::token::PAUSER_ROLE;
    let item = florin_modules::token::BatchItem { to, amount: 5, reference: [0; 8] };
    let calls = [
        (IToken::transferCall { to, amount }.abi_encode(), "ERC20InvalidReceiver("),
        (IToken::mintCall { to, amount }.abi_encode(), "ERC20InvalidReceiver("),
        (IToken::grantRoleCall { role, account }.abi_encode(), "RoleHolderInvalid("),
    ];
    let asked = |chain: &Chain, input: &[u8]| {
        let request = TransactionRequest::default().from(signer(1).address()).to(token());
        put(chain, request.input(Bytes::copy_from_slice(input).into()))
    };
    let (mut without, mut with) = (Chain::new(), governed(Rules::default()));
    for (input, error) in calls {
        let message = refusal(asked(&without, &input));
        assert!(message.starts_with(error), "{message}");
        assert_eq!(statuses(&without.act(1, token(), input.clone())), [false]);
        assert_eq!(statuses(&with.act(1, token(), input)), [true]);
    }
    assert!(without.units(GOV).is_zero());
    assert_eq!(with.units(GOV), U256::from(10));
    let items: Bytes = item.encode().unwrap().to_vec().into();
    let batch =
        florin_modules::payment::IPayment::payBatchCall { token: token(), uetr: B256::repeat_byte(7), mode: 1, items };
    without.act(1, florin_modules::PAYMENT_ADDRESS, batch.abi_encode());
    with.act(1, florin_modules::PAYMENT_ADDRESS, batch.abi_encode());
    assert_eq!((without.units(GOV), with.units(GOV)), (U256::ZERO, U256::from(15)));
}
