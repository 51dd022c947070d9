//! What a simulation's clients send: accounts with keys, two currencies, and a stream of signed calls of all modules.

use crate::{Scenario, calls::Caller};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall as _;
use florin_client::{Signer, TxEip1559, transfer_input};
use florin_modules::{
    GOVERNANCE_ADDRESS, PERMISSION_ADDRESS, STAKING_ADDRESS,
    governance::IGovernance::{Action, Candidate, castVoteCall, changeValidatorsCall, executeCall, proposeCall},
    is_payment,
    permission::IPermission::declareNodeReadyCall,
    staking::IStaking::bondCall,
    token_address,
};
use florin_state::FinalizedBlock;
use florin_types::{
    Access, Currency, Election, Genesis, GenesisAccount, GenesisGovernance, GenesisSeat, GenesisStake, GenesisToken,
    GenesisTokenRoles, GovernanceParameters, Rules, RulesSchedule, VerifiedTx,
};
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};
use std::{collections::BTreeMap, sync::Arc};
use zeroize::Zeroizing;

/// Chain id of simulated networks.
pub(crate) const CHAIN_ID: u64 = 7_357;
/// Units of the currency, and wei, that each account starts with.
pub(crate) const START_BALANCE: u128 = 1_000_000_000;
/// Gas that a call may use: enough for a step of a multilateral run.
const GAS_LIMIT: u64 = 2_000_000;
/// Address of the first token of a network.
pub(crate) const TOKEN: Address = alloy_primitives::address!("f101000000000000000000000000000000000001");

/// Least bond that elects: a part of what every account has.
const BOND_MIN: u128 = START_BALANCE / 100;
/// Seats of governance: the first accounts.
const SEATS: usize = 4;

/// Accounts that pay one another.
pub(crate) struct Workload {
    signers: Vec<Signer>,
    nonces: Vec<u64>,
    /// Decides who does what.
    dice: ChaCha8Rng,
    every_module: bool,
    /// Transactions made so far.
    made: u64,
    /// Proposals made so far.
    proposals: u64,
    /// Accepted transactions that are not known to be final: their senders would send them again.
    kept: BTreeMap<B256, VerifiedTx>,
}

impl Workload {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let Scenario { seed, accounts, every_module, .. } = *scenario;
        let signer = |index: usize| {
            let mut secret = Zeroizing::new([7u8; 32]);
            secret[24..].copy_from_slice(&(index as u64 + 1).to_be_bytes());
            Signer::from_bytes(secret).expect("a small number is a key")
        };
        Self {
            signers: (0..accounts).map(signer).collect(),
            nonces: vec![0; accounts],
            dice: ChaCha8Rng::seed_from_u64(seed),
            every_module,
            made: 0,
            proposals: 0,
            kept: BTreeMap::new(),
        }
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = Address> {
        self.signers.iter().map(Signer::address)
    }

    /// The genesis file of a network in which these accounts hold a currency and leaders wait so long for work.
    pub(crate) fn genesis(&self, heartbeat_ms: u64) -> Genesis {
        let admin = self.signers.first().map(Signer::address).unwrap_or_default();
        let accounts: BTreeMap<Address, GenesisAccount> = self
            .addresses()
            .map(|address| {
                (address, GenesisAccount { balance: U256::from(START_BALANCE), ..GenesisAccount::default() })
            })
            .collect();
        let roles =
            GenesisTokenRoles { admin: vec![admin], issuer: vec![admin], pauser: vec![admin], freezer: vec![admin] };
        let token = |name: &str, code: &str| GenesisToken {
            name: name.into(),
            currency: Currency::new(code, 2).expect("a well-formed currency"),
            supply_cap_minor: None,
            policy: None,
            roles: roles.clone(),
            balances: self.addresses().map(|address| (address, START_BALANCE)).collect(),
        };
        let tokens = vec![token("Simulated Euro", "EURS"), token("Simulated Dollar", "USDS")];
        Genesis {
            chain_id: CHAIN_ID,
            network: "simulation".into(),
            timestamp_ms: 0,
            rules: RulesSchedule::constant(Rules { heartbeat_ms, ..Rules::default() }).expect("the rules are valid"),
            threshold_public: Default::default(),
            dealt_for_development: true,
            nodes: Vec::new(),
            permission_admin: admin,
            transact: Access::Open,
            deploy: Access::Open,
            connect: Access::Open,
            transactors: Default::default(),
            deployers: Default::default(),
            accounts,
            policies: Vec::new(),
            tokens,
            governance: Some(self.governance()),
            epoch_blocks: None,
        }
    }

    /// Four seats that decide at once, and a guardian.
    fn governance(&self) -> GenesisGovernance {
        let seat = |account| GenesisSeat { account, name: format!("seat of {account}"), weight: 1 };
        GenesisGovernance {
            seats: self.addresses().take(SEATS).map(seat).collect(),
            guardians: self.addresses().take(1).collect(),
            parameters: GovernanceParameters {
                guardian_quorum: 1,
                delay_ms: 0,
                voting_period_ms: 600_000,
                emergency_pause_ms: 600_000,
                ..GovernanceParameters::default()
            },
            ..GenesisGovernance::default()
        }
    }

    /// A node took it.
    pub(crate) fn keep(&mut self, tx: VerifiedTx) {
        self.kept.insert(tx.hash(), tx);
    }

    /// No node took it: its sender will use the nonce for the next one.
    pub(crate) fn take_back(&mut self, tx: &VerifiedTx) {
        if let Some(index) = self.signers.iter().position(|signer| signer.address() == tx.sender()) {
            self.nonces[index] -= 1;
        }
    }

    /// What may have to be sent again.
    pub(crate) fn kept(&self) -> Vec<VerifiedTx> {
        self.kept.values().cloned().collect()
    }

    /// What is final needs no sender any more.
    pub(crate) fn forget_final(&mut self, chain: &[Arc<FinalizedBlock>]) {
        for tx in chain.iter().flat_map(|block| block.block.transactions()) {
            self.kept.remove(tx.tx_hash());
        }
    }

    /// The next transaction.
    pub(crate) fn next(&mut self, now_ms: u64) -> VerifiedTx {
        let (from, to, value, input) = if self.every_module { self.any_call(now_ms) } else { self.payment() };
        self.made += 1;
        self.sign(from, to, value, input)
    }

    /// A seat declares these nodes ready and proposes that they join, each for an institution of its own, and that the
    /// others leave.
    pub(crate) fn proposal(&mut self, joining: &[B256], leaving: &[B256]) -> Vec<VerifiedTx> {
        let mut txs: Vec<VerifiedTx> = joining.iter().map(|node| self.declare_ready(*node)).collect();
        let candidate = |node: &B256| Candidate { node: *node, seat: Address::from_word(*node) };
        let change =
            changeValidatorsCall { joining: joining.iter().map(candidate).collect(), leaving: leaving.to_vec() };
        let action = Action { target: GOVERNANCE_ADDRESS, data: change.abi_encode().into() };
        let propose = proposeCall { actions: vec![action], descriptionHash: B256::repeat_byte(1) };
        self.proposals += 1;
        txs.push(self.sign(0, GOVERNANCE_ADDRESS, U256::ZERO, propose.abi_encode().into()));
        txs
    }

    /// Makes bonds in the first currency elect the validators, five at most. Each account bonds for the node of its number.
    pub(crate) fn elect_by_bonds(&self, genesis: &mut Genesis, nodes: impl Iterator<Item = B256>) {
        let Some(governance) = &mut genesis.governance else { return };
        governance.election = Election::Stake;
        governance.stake = Some(GenesisStake {
            token: 0,
            validators_max: 5,
            bond_min_minor: BOND_MIN,
            unbonding_epochs: 6,
            slash_basis_points: 1_000,
            slashed_to: self.addresses().last().unwrap_or_default(),
            institutions: nodes.zip(self.addresses()).collect(),
        });
    }

    /// A seat declares these machines ready, and the account of each machine's number bonds for it.
    pub(crate) fn bonds(&mut self, nodes: &[(usize, B256)]) -> Vec<VerifiedTx> {
        let mut txs: Vec<VerifiedTx> = Vec::new();
        for (index, node) in nodes.iter().copied() {
            txs.push(self.declare_ready(node));
            let amount = U256::from(BOND_MIN).saturating_add(U256::from(index));
            let bond = bondCall { node, amount }.abi_encode();
            txs.push(self.sign(index, STAKING_ADDRESS, U256::ZERO, bond.into()));
        }
        txs
    }

    /// A seat says that a node is ready.
    fn declare_ready(&mut self, node: B256) -> VerifiedTx {
        let ready = declareNodeReadyCall { publicKey: node }.abi_encode();
        self.sign(0, PERMISSION_ADDRESS, U256::ZERO, ready.into())
    }

    /// Votes of all seats for the last proposal.
    pub(crate) fn votes(&mut self) -> Vec<VerifiedTx> {
        let vote = castVoteCall { proposalId: self.proposals, support: 1 }.abi_encode();
        // The last seat's vote would come after the decision.
        (0..SEATS - 1).map(|seat| self.sign(seat, GOVERNANCE_ADDRESS, U256::ZERO, vote.clone().into())).collect()
    }

    /// Executes the last proposal.
    pub(crate) fn execution(&mut self) -> Vec<VerifiedTx> {
        let execute = executeCall { proposalId: self.proposals }.abi_encode();
        vec![self.sign(0, GOVERNANCE_ADDRESS, U256::ZERO, execute.into())]
    }

    fn sign(&mut self, from: usize, to: Address, value: U256, input: Bytes) -> VerifiedTx {
        // Payments ask for no more than their lane allows.
        let payment = is_payment(to, &input) && value.is_zero();
        let gas_limit = if payment { Rules::default().payment_gas_max } else { GAS_LIMIT };
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonces[from],
            gas_limit,
            max_fee_per_gas: 0,
            max_priority_fee_per_gas: 0,
            to: TxKind::Call(to),
            value,
            access_list: Default::default(),
            input,
        };
        self.nonces[from] += 1;
        let signed = self.signers[from].sign(tx).expect("a complete transaction can be signed");
        VerifiedTx::from_bytes(&signed.bytes, CHAIN_ID).expect("what was just signed is valid")
    }

    /// Nine payments in the currency for each transfer of the native unit, everyone in turn.
    fn payment(&self) -> (usize, Address, U256, Bytes) {
        let count = self.signers.len();
        let from = (self.made as usize * 7 + 3) % count;
        let to = (from + 1 + (self.made as usize / count) % (count - 1)) % count;
        let receiver = self.signers[to].address();
        let amount = U256::from(1 + self.made % 997);
        match self.made % 10 {
            9 => (from, receiver, amount, Bytes::new()),
            _ => (from, TOKEN, U256::ZERO, transfer_input(receiver, amount)),
        }
    }

    /// Mostly a call of some module, now and then a transfer of the native unit.
    fn any_call(&mut self, now_ms: u64) -> (usize, Address, U256, Bytes) {
        let accounts: Vec<Address> = self.addresses().collect();
        let from = self.dice.random_range(0..accounts.len());
        if self.dice.random_bool(0.05) {
            let to = accounts[self.dice.random_range(0..accounts.len())];
            return (from, to, U256::from(self.dice.random_range(0..1_000u64)), Bytes::new());
        }
        let tokens = [TOKEN, token_address(2)];
        let (dice, made) = (&mut self.dice, self.made);
        let (to, input) = Caller { dice, accounts: &accounts, from, now_ms, tokens, made }.call();
        (from, to, U256::ZERO, input)
    }
}
