//! Tests of the whole: signed transactions on a genesis state, blocks one after another.

mod blocks;
mod committee;
mod governance;
mod hostile;
mod machine;
mod modules;
mod properties;
mod rules;
mod simulations;
mod traces;

use alloy_consensus::{SignableTransaction, Signed, TxEip1559, TxEnvelope, TxLegacy};
use alloy_primitives::{Signature, TxKind, keccak256};
use alloy_sol_types::SolCall;
use florin_modules::{token::IToken, token_address};
use florin_types::{
    Access, Address, B256, Block, Bytes, Changeset, ConsensusContext, Currency, Extension, GasQuota, Genesis,
    GenesisAccount, GenesisNode, GenesisToken, GenesisTokenRoles, NodeRole, Rules, RulesSchedule, StateTarget,
    StateView as _, U256, VerifiedTx,
};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use std::collections::BTreeMap;

use crate::{
    BlockEnv, Candidates, Executed, Rejection, assemble, build, check_header, check_outcome, execute, genesis_block,
    genesis_state,
};

pub(crate) const CHAIN_ID: u64 = 4242;
pub(crate) const GENESIS_MS: u64 = 1_700_000_000_000;
/// Native units of each known signer.
pub(crate) const WEALTH: u128 = 1_000_000_000_000_000_000_000;
/// Minor units of each known signer.
pub(crate) const UNITS: u128 = 1_000_000;

/// A key.
#[derive(Clone, Copy)]
pub(crate) struct Signer(SecretKey);

/// The signer with this number. 1 to 4 are known to the genesis, 1 is the developer and admin.
pub(crate) fn signer(number: u8) -> Signer {
    Signer(SecretKey::from_slice(&[number; 32]).unwrap())
}

impl Signer {
    pub(crate) fn address(&self) -> Address {
        let key = PublicKey::from_secret_key(SECP256K1, &self.0).serialize_uncompressed();
        Address::from_slice(&keccak256(&key[1..])[12..])
    }

    pub(crate) fn sign_hash(&self, hash: B256) -> Signature {
        let (recovery, bytes) =
            SECP256K1.sign_ecdsa_recoverable(&Message::from_digest(hash.0), &self.0).serialize_compact();
        Signature::from_scalars_and_parity(
            B256::from_slice(&bytes[..32]),
            B256::from_slice(&bytes[32..]),
            i32::from(recovery) == 1,
        )
    }

    pub(crate) fn sign<T>(&self, tx: T) -> VerifiedTx
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<Signed<T>>,
    {
        let signature = self.sign_hash(tx.signature_hash());
        VerifiedTx::verify(tx.into_signed(signature).into(), CHAIN_ID).unwrap()
    }

    /// An EIP-1559 call without a price.
    pub(crate) fn call(&self, nonce: u64, to: Address, input: impl Into<Bytes>) -> VerifiedTx {
        self.sign(TxEip1559 { to: TxKind::Call(to), input: input.into(), ..free(nonce, 400_000) })
    }

    /// A creation without a price.
    pub(crate) fn create(&self, nonce: u64, init_code: impl Into<Bytes>) -> VerifiedTx {
        self.sign(TxEip1559 { to: TxKind::Create, input: init_code.into(), ..free(nonce, 2_000_000) })
    }

    /// A payment in tokens.
    pub(crate) fn pay(&self, nonce: u64, to: Address, amount: u128) -> VerifiedTx {
        let input = IToken::transferCall { to, amount: U256::from(amount) }.abi_encode();
        self.sign(TxEip1559 { to: TxKind::Call(token()), input: input.into(), ..free(nonce, 120_000) })
    }

    /// A transfer of native units.
    pub(crate) fn send(&self, nonce: u64, to: Address, value: u128) -> VerifiedTx {
        self.sign(TxEip1559 { to: TxKind::Call(to), value: U256::from(value), ..free(nonce, 21_000) })
    }
}

/// A transaction that offers nothing for its gas.
pub(crate) fn free(nonce: u64, gas_limit: u64) -> TxEip1559 {
    TxEip1559 { chain_id: CHAIN_ID, nonce, gas_limit, ..TxEip1559::default() }
}

pub(crate) fn legacy(nonce: u64) -> TxLegacy {
    TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(9)),
        ..TxLegacy::default()
    }
}

pub(crate) fn token() -> Address {
    token_address(1)
}

/// A genesis that lets everyone transact and signers 1 and 2 deploy.
pub(crate) fn genesis(rules: Rules) -> Genesis {
    let known = || (1..=4).map(|number| signer(number).address());
    let wealthy = GenesisAccount { balance: U256::from(WEALTH), ..GenesisAccount::default() };
    Genesis {
        chain_id: CHAIN_ID,
        network: "test".into(),
        timestamp_ms: GENESIS_MS,
        rules: RulesSchedule::constant(rules).unwrap(),
        threshold_public: Bytes::from_static(&[1; 48]),
        dealt_for_development: true,
        nodes: vec![GenesisNode {
            name: "Bank".into(),
            public_key: B256::repeat_byte(1),
            address: "localhost:1".into(),
            role: NodeRole::Validator,
        }],
        permission_admin: signer(1).address(),
        transact: Access::Open,
        deploy: Access::Listed,
        connect: Access::Open,
        transactors: known().collect(),
        deployers: (1..=2).map(|number| signer(number).address()).collect(),
        accounts: known().map(|address| (address, wealthy.clone())).collect(),
        policies: Vec::new(),
        tokens: vec![GenesisToken {
            name: "Euro".into(),
            currency: Currency::new("EUR", 2).unwrap(),
            supply_cap_minor: None,
            policy: None,
            roles: GenesisTokenRoles {
                admin: vec![signer(1).address()],
                issuer: vec![signer(1).address()],
                pauser: vec![signer(1).address()],
                freezer: vec![signer(1).address()],
            },
            balances: known().map(|address| (address, UNITS)).collect(),
        }],
        governance: None,
        epoch_blocks: None,
    }
}

/// Adds a contract to a genesis.
pub(crate) fn with_contract(mut genesis: Genesis, address: Address, code: impl Into<Bytes>) -> Genesis {
    genesis.accounts.insert(address, GenesisAccount { code: code.into(), ..GenesisAccount::default() });
    genesis
}

/// A ledger of one.
pub(crate) struct Chain {
    pub(crate) genesis: Genesis,
    pub(crate) state: Changeset,
    pub(crate) head: Block,
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self::of(genesis(Rules::default()))
    }

    pub(crate) fn of(genesis: Genesis) -> Self {
        let state = genesis_state(&genesis).unwrap();
        let head = genesis_block(&genesis, B256::repeat_byte(7), StateTarget::default()).unwrap();
        Self { genesis, state, head }
    }

    pub(crate) fn rules(&self) -> &Rules {
        self.genesis.rules.at(0)
    }

    /// Environment of the next block, a second later.
    pub(crate) fn env(&self) -> BlockEnv {
        BlockEnv::child_of(&self.head, self.head.timestamp_ms() + 1_000)
    }

    /// Executes a block on top without moving there.
    pub(crate) fn try_block(&self, txs: &[VerifiedTx]) -> Result<Executed, crate::ExecuteError> {
        execute(&self.state, CHAIN_ID, self.rules(), &self.env(), txs)
    }

    /// Executes a block, checks it as a validator does, and moves there.
    pub(crate) fn block(&mut self, txs: &[VerifiedTx]) -> Executed {
        let executed = self.try_block(txs).unwrap();
        let env = self.env();
        let extension = Extension {
            timestamp_ms: env.timestamp_ms,
            context: ConsensusContext { view: env.height, ..ConsensusContext::default() },
            state: StateTarget::default(),
            payload_hash: None,
        };
        let state_root = B256::repeat_byte(8);
        let block = assemble(&self.head, &env, self.rules(), &executed, txs, state_root, extension, None).unwrap();
        check_header(&self.head, &block, self.rules()).unwrap();
        check_outcome(&block, &executed, state_root).unwrap();
        self.state.extend(executed.changeset.clone());
        self.head = block;
        executed
    }

    /// Why a transaction cannot be in the next block.
    pub(crate) fn rejection(&self, tx: VerifiedTx) -> Rejection {
        match self.try_block(&[tx]) {
            Err(crate::ExecuteError::Invalid { rejection, .. }) => rejection,
            other => panic!("not rejected: {other:?}"),
        }
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.state.account(address).unwrap().unwrap_or_default().balance
    }

    pub(crate) fn nonce(&self, address: Address) -> u64 {
        self.state.account(address).unwrap().unwrap_or_default().nonce
    }

    pub(crate) fn code(&self, address: Address) -> Bytes {
        let account = self.state.account(address).unwrap().unwrap_or_default();
        self.state.code(account.code_hash).unwrap()
    }

    pub(crate) fn slot(&self, address: Address, slot: u64) -> U256 {
        self.state.slot(address, U256::from(slot)).unwrap()
    }

    /// Units of the token.
    pub(crate) fn units(&self, account: Address) -> U256 {
        let input = IToken::balanceOfCall { account }.abi_encode();
        let request = crate::TransactionRequest::default().to(token()).input(Bytes::from(input).into());
        let outcome = crate::call(
            &self.state,
            CHAIN_ID,
            self.rules(),
            &self.env(),
            &request,
            &Default::default(),
            &Default::default(),
        );
        match outcome.unwrap().status {
            crate::CallStatus::Success(output) => U256::from_be_slice(&output),
            other => panic!("{other:?}"),
        }
    }
}

/// Whether each transaction of a block succeeded.
pub(crate) fn statuses(executed: &Executed) -> Vec<bool> {
    executed.receipts.iter().map(|receipt| receipt.status()).collect()
}

/// A list of candidates, and what became of them.
#[derive(Default)]
pub(crate) struct List {
    pub(crate) waiting: std::collections::VecDeque<VerifiedTx>,
    pub(crate) rejected: Vec<Rejection>,
    pub(crate) gas_used: Vec<u64>,
}

impl List {
    pub(crate) fn of(txs: &[VerifiedTx]) -> Self {
        Self { waiting: txs.iter().cloned().collect(), ..Self::default() }
    }
}

impl Candidates for List {
    fn next(&mut self) -> Option<VerifiedTx> {
        self.waiting.pop_front()
    }

    fn taken(&mut self, _: &VerifiedTx, gas_used: u64) {
        self.gas_used.push(gas_used);
    }

    fn rejected(&mut self, _: &VerifiedTx, rejection: &Rejection) {
        self.rejected.push(rejection.clone());
    }
}

/// Builds the next block from candidates.
pub(crate) fn build_on(chain: &Chain, list: &mut List) -> (Vec<VerifiedTx>, Executed) {
    build(&chain.state, CHAIN_ID, chain.rules(), &chain.env(), list).unwrap()
}

/// Init code that deploys `runtime`.
pub(crate) fn deploys(runtime: &[u8]) -> Bytes {
    let length = u16::try_from(runtime.len()).unwrap().to_be_bytes();
    // PUSH2 length, DUP1, PUSH1 11, PUSH0, CODECOPY, PUSH0, RETURN
    let mut code = vec![0x61, length[0], length[1], 0x80, 0x60, 11, 0x5f, 0x39, 0x5f, 0xf3, 0x00];
    code.extend_from_slice(runtime);
    code.into()
}

/// How a forwarder ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As the call that it made.
    Alike,
    /// With a revert, whatever came of the call.
    Revert,
    /// With success, whatever came of the call.
    Success,
}

pub(crate) const CALL: u8 = 0xf1;
pub(crate) const CALLCODE: u8 = 0xf2;
pub(crate) const DELEGATECALL: u8 = 0xf4;
pub(crate) const STATICCALL: u8 = 0xfa;

/// A contract that calls the address in its first word of input with the rest of the input, passing on its value where
/// the instruction has one, and returns or reverts with what came back.
pub(crate) fn forwarder(instruction: u8, end: End) -> Vec<u8> {
    let mut code = vec![
        0x60, 0x20, 0x36, 0x03, // size = CALLDATASIZE - 32
        0x80, 0x60, 0x20, 0x5f, 0x37, // CALLDATACOPY(0, 32, size)
        0x5f, 0x5f, 0x82, 0x5f, // return 0 0, arguments size 0
    ];
    if matches!(instruction, CALL | CALLCODE) {
        code.push(0x34); // CALLVALUE
    }
    code.extend([0x5f, 0x35, 0x5a, instruction]); // CALLDATALOAD(0), GAS, call
    code.extend([0x3d, 0x5f, 0x5f, 0x3e]); // RETURNDATACOPY(0, 0, RETURNDATASIZE)
    match end {
        End::Alike => {
            let target = u8::try_from(code.len() + 7).unwrap();
            code.extend([0x60, target, 0x57, 0x3d, 0x5f, 0xfd, 0x00, 0x5b, 0x3d, 0x5f, 0xf3]);
        }
        End::Revert => code.extend([0x3d, 0x5f, 0xfd]),
        End::Success => code.extend([0x3d, 0x5f, 0xf3]),
    }
    code
}

/// Input for a forwarder.
pub(crate) fn forward(to: Address, input: &[u8]) -> Vec<u8> {
    [to.into_word().as_slice(), input].concat()
}

pub(crate) fn transfer(to: Address, amount: u128) -> Vec<u8> {
    IToken::transferCall { to, amount: U256::from(amount) }.abi_encode()
}

pub(crate) fn quota(gas_per_period: u64) -> Rules {
    Rules { gas_quota: Some(GasQuota { gas_per_period, period_ms: 60_000 }), ..Rules::default() }
}

pub(crate) fn slots(pairs: &[(u64, u64)]) -> BTreeMap<U256, U256> {
    pairs.iter().map(|(slot, value)| (U256::from(*slot), U256::from(*value))).collect()
}
