//! A ledger of modules alone, for tests: calls go through the dispatcher as bytes, and a failed one leaves nothing.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolError, SolEvent};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use florin_types::{
    Access, Currency, Equivocation, Genesis, GenesisNode, GenesisPolicy, GenesisToken, GenesisTokenRoles, NodeRole,
    NodeVote, Rules, RulesSchedule, SignedVote, VoteKind,
};
use proptest::test_runner::Config as ProptestConfig;
use secp256k1::{Message, SECP256K1, SecretKey, ecdsa::RecoverableSignature, ecdsa::RecoveryId};

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    CallEnv, Context, Failure, MemoryStorage, POLICY_ADDRESS, dispatch,
    governance::Standing,
    policy::{self, IPolicy},
    token::{
        IToken::{self, endOrderCall, grantRoleCall, holdOfCall, issueOrderCall, seizeCall, seizeHoldCall},
        SEIZER_ROLE,
    },
};

/// Gas that no honest call of a test needs.
const GAS_MAX: u64 = 30_000_000;

pub(crate) struct Ledger {
    pub(crate) storage: MemoryStorage,
    pub(crate) rules: Rules,
    pub(crate) timestamp_ms: u64,
    pub(crate) height: u64,
}

/// An address for tests.
pub(crate) fn account(number: u8) -> Address {
    Address::repeat_byte(number)
}

impl Ledger {
    /// A ledger on which no module was set up.
    pub(crate) fn bare() -> Self {
        Self {
            storage: MemoryStorage::new(recover),
            rules: Rules::default(),
            timestamp_ms: 1_700_000_000_500,
            height: 7,
        }
    }

    pub(crate) fn env(&self, caller: Address) -> CallEnv<'_> {
        CallEnv {
            caller,
            origin: caller,
            height: self.height,
            timestamp_ms: self.timestamp_ms,
            chain_id: 1337,
            is_static: false,
            standing: self.standing(),
            ..CallEnv::reader(&self.rules)
        }
    }

    /// What governance says, as execution finds it before a transaction.
    fn standing(&self) -> Standing {
        let mut storage = self.storage.clone();
        let env = CallEnv { timestamp_ms: self.timestamp_ms, ..CallEnv::reader(&self.rules) };
        crate::governance::standing(&mut Context::new(env, &mut storage)).expect("a status that can be read")
    }

    /// Runs an operation as `caller` in a transaction of its own.
    pub(crate) fn run<T>(
        &mut self,
        caller: Address,
        operation: impl FnOnce(&mut Context<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut storage = self.storage.clone();
        storage.begin(GAS_MAX);
        let result = operation(&mut Context::new(self.env(caller), &mut storage));
        match &result {
            Ok(_) => self.storage = storage,
            Err(_) => self.storage.gas_used = storage.gas_used,
        }
        result
    }

    /// Sends raw input.
    pub(crate) fn send(&mut self, caller: Address, to: Address, input: &[u8]) -> Result<Bytes, Failure> {
        self.run(caller, |context| dispatch(context, to, input))
    }

    /// Calls a function and decodes its answer.
    pub(crate) fn call<C: SolCall>(&mut self, caller: Address, to: Address, call: C) -> Result<C::Return, Failure> {
        let output = self.send(caller, to, &call.abi_encode())?;
        Ok(C::abi_decode_returns_validate(&output).expect("an answer is the encoding of its type"))
    }

    /// Calls a function that must succeed.
    pub(crate) fn ok<C: SolCall>(&mut self, caller: Address, to: Address, call: C) -> C::Return {
        let result = self.call(caller, to, call);
        result.unwrap_or_else(|failure| panic!("{} failed: {}", C::SIGNATURE, failure))
    }

    /// Calls a function that must revert with exactly this error and leave nothing.
    pub(crate) fn reverts<C: SolCall>(&mut self, caller: Address, to: Address, call: C, error: impl SolError) {
        let failure = self.call(caller, to, call).err();
        let expected = Failure::Revert(error.abi_encode().into());
        let found = failure.as_ref().map_or("success".into(), Failure::to_string);
        assert_eq!(failure.as_ref(), Some(&expected), "expected {expected}, found {found}");
    }

    /// The last log, decoded.
    pub(crate) fn last_event<E: SolEvent>(&self) -> (Address, E) {
        let log = self.storage.logs.last().expect("a log");
        (log.address, E::decode_log(log).expect("the expected event").data)
    }
}

/// What ECRECOVER does, with EIP-2's bound on `s`.
fn recover(digest: B256, v: u8, r: B256, s: B256) -> Option<Address> {
    let id = RecoveryId::try_from(i32::from(v.checked_sub(27)?)).ok()?;
    let compact = [r.0, s.0].concat();
    let signature = RecoverableSignature::from_compact(&compact, id).ok()?;
    let mut normal = signature.to_standard();
    normal.normalize_s();
    if v > 28 || normal != signature.to_standard() {
        return None;
    }
    let key = SECP256K1.recover_ecdsa(&Message::from_digest(digest.0), &signature).ok()?;
    Some(address_of(&key))
}

fn address_of(key: &secp256k1::PublicKey) -> Address {
    Address::from_raw_public_key(&key.serialize_uncompressed()[1..])
}

/// A key for tests and its address.
pub(crate) fn key(number: u8) -> (SecretKey, Address) {
    let secret = SecretKey::from_slice(&[number; 32]).expect("a valid key");
    (secret, address_of(&secret.public_key(SECP256K1)))
}

/// Signs a digest as `(v, r, s)`.
pub(crate) fn sign(secret: &SecretKey, digest: B256) -> (u8, B256, B256) {
    let signature = SECP256K1.sign_ecdsa_recoverable(&Message::from_digest(digest.0), secret);
    let (id, compact) = signature.serialize_compact();
    let v = 27 + u8::try_from(i32::from(id)).expect("0 or 1");
    (v, B256::from_slice(&compact[..32]), B256::from_slice(&compact[32..]))
}

/// The key of a node.
pub(crate) fn node_key(number: u8) -> SigningKey {
    SigningKey::from([number; 32])
}

/// Its public part.
pub(crate) fn public_node_key(number: u8) -> B256 {
    B256::new(VerificationKeyBytes::from(&node_key(number)).into())
}

/// The key under which a node is registered. Those of genesis are short to read; later ones a node must be able to have.
pub(crate) fn registered_key(number: u8) -> B256 {
    if number <= 5 { B256::repeat_byte(number) } else { public_node_key(number) }
}

/// A vote for a block.
pub(crate) fn vote(kind: VoteKind, epoch: u64, view: u64, payload: u8) -> NodeVote {
    NodeVote { kind, epoch, view, parent_view: view - 1, payload: B256::repeat_byte(payload) }
}

pub(crate) fn sign_vote(key: &SigningKey, vote: NodeVote, chain_id: u64, genesis_hash: B256) -> SignedVote {
    SignedVote { vote, signature: key.sign(&vote.signed_bytes(chain_id, genesis_hash)).to_bytes() }
}

/// Proof that the node notarised two blocks in view 9 of the epoch.
pub(crate) fn accuse(number: u8, epoch: u64, chain_id: u64, genesis_hash: B256) -> Equivocation {
    let signed =
        |payload| sign_vote(&node_key(number), vote(VoteKind::Notarize, epoch, 9, payload), chain_id, genesis_hash);
    Equivocation::new(public_node_key(number), signed(1), signed(2)).expect("they contradict one another")
}

/// EUR may be paid up to so much a movement and a day; answers the limit's policy.
pub(crate) fn limit_payments(ledger: &mut Ledger, single: u128, day: u128) -> u64 {
    let call = IPolicy::createPaymentLimitCall {
        admin: COMPLIANCE,
        exemptPolicyId: policy::CLOSED,
        perTransaction: units(single),
        perDay: units(day),
        perMonth: U256::MAX,
    };
    let limit = ledger.ok(COMPLIANCE, POLICY_ADDRESS, call);
    ledger.ok(ADMIN, crate::token_address(1), IToken::setPolicyCall { newPolicyId: limit });
    limit
}

/// Lowers a payment limit to nothing, by transaction and by day.
pub(crate) fn lower_to_nothing(ledger: &mut Ledger, limit: u64) {
    let (zero, none) = (U256::ZERO, U256::MAX);
    let call = IPolicy::setPaymentLimitCall { policyId: limit, perTransaction: zero, perDay: zero, perMonth: none };
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, call);
}

/// What a payment limit counts for somebody's EUR today, in minor units.
pub(crate) fn used_today(ledger: &mut Ledger, limit: u64, who: Address) -> u128 {
    let call = IPolicy::spentOfCall { policyId: limit, token: crate::token_address(1), account: who };
    ledger.ok(ADMIN, POLICY_ADDRESS, call).today.to()
}

/// Cases of a property test: few in the gate, as many as `PROPTEST_CASES` says elsewhere.
pub(crate) fn cases(in_the_gate: u32) -> ProptestConfig {
    let wished = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(wished.unwrap_or(in_the_gate))
}

/// Cases of a model: lists of less than `operations_max` random operations, each length as likely as another. The nightly
/// run says in `FLORIN_MODEL_OPERATIONS` over how many operations a model is to go; a tenth is added, so that chance
/// does not fall short of it.
pub(crate) fn model_cases(in_the_gate: u32, operations_max: u32) -> ProptestConfig {
    let wished = std::env::var("FLORIN_MODEL_OPERATIONS").ok().and_then(|count| count.parse::<u32>().ok());
    match wished {
        Some(operations) => ProptestConfig::with_cases((operations / operations_max + 1) * 22 / 10),
        None => cases(in_the_gate),
    }
}

/// A number as the ABI has it.
pub(crate) fn units(number: u128) -> U256 {
    U256::from(number)
}

pub(crate) const ADMIN: Address = Address::repeat_byte(0xa0);
pub(crate) const ISSUER: Address = Address::repeat_byte(0xa1);
pub(crate) const PAUSER: Address = Address::repeat_byte(0xa2);
pub(crate) const FREEZER: Address = Address::repeat_byte(0xa3);
pub(crate) const COMPLIANCE: Address = Address::repeat_byte(0xa4);
pub(crate) const GOVERNOR: Address = Address::repeat_byte(0xa5);

/// Executes orders, once the admin gave it the role.
pub(crate) const SEIZER: Address = Address::repeat_byte(0xa6);
/// Gets what is seized.
pub(crate) const COURT: Address = Address::repeat_byte(0xa7);

/// Hash of every decision of the tests' court.
const DECISION: B256 = B256::repeat_byte(0x1e);

/// Seizes units of one hold, under an order of its own. Nothing remains of the order, also where it fails.
pub(crate) fn seize_from_hold(ledger: &mut Ledger, token: Address, hold: u64, amount: u128) -> Result<U256, Failure> {
    let owner = ledger.call(SEIZER, token, holdOfCall { holdId: hold })?.owner;
    let call = |order| seizeHoldCall { orderId: order, holdId: hold, amount: units(amount), legalReference: DECISION };
    under_an_order(ledger, token, (owner, amount), call)
}

/// Seizes units of an account that are not on hold, in the same way.
pub(crate) fn seize_unheld(ledger: &mut Ledger, token: Address, owner: Address, amount: u128) -> Result<U256, Failure> {
    let (amount_word, holds) = (units(amount), Vec::new());
    let call = |order| seizeCall { orderId: order, amount: amount_word, holdIds: holds, legalReference: DECISION };
    under_an_order(ledger, token, (owner, amount), call)
}

fn under_an_order<C: SolCall>(
    ledger: &mut Ledger,
    token: Address,
    (account, amount): (Address, u128),
    seizing: impl FnOnce(u64) -> C,
) -> Result<C::Return, Failure> {
    ledger.ok(ADMIN, token, grantRoleCall { role: SEIZER_ROLE, account: SEIZER });
    let (cap, expiry, reference) = (units(amount), ledger.timestamp_ms + 1, DECISION);
    let order = issueOrderCall { account, payee: COURT, cap, expiryMs: expiry, legalReference: reference };
    let order = ledger.call(FREEZER, token, order)?;
    let result = ledger.call(SEIZER, token, seizing(order));
    if result.is_err() {
        ledger.ok(FREEZER, token, endOrderCall { orderId: order, legalReference: reference });
    }
    result
}

/// A network of four validators with one currency, EUR, under deny list 2; policy 3 is an allow list.
pub(crate) fn genesis_file() -> Genesis {
    let node = |number: u8| GenesisNode {
        name: format!("Bank {number}"),
        public_key: B256::repeat_byte(number),
        address: format!("bank{number}.example:9000"),
        role: if number < 5 { NodeRole::Validator } else { NodeRole::Follower },
    };
    Genesis {
        chain_id: 1337,
        network: "test".into(),
        timestamp_ms: 1_700_000_000_000,
        rules: RulesSchedule::constant(Rules::default()).expect("valid rules"),
        threshold_public: Bytes::new(),
        dealt_for_development: true,
        nodes: (1..=5).map(node).collect(),
        permission_admin: GOVERNOR,
        transact: Access::Listed,
        deploy: Access::Listed,
        connect: Access::Listed,
        transactors: BTreeSet::from([account(1), account(2)]),
        deployers: BTreeSet::from([ADMIN]),
        accounts: BTreeMap::new(),
        policies: vec![
            GenesisPolicy::Deny { admin: COMPLIANCE, members: BTreeSet::new() },
            GenesisPolicy::Allow { admin: COMPLIANCE, members: BTreeSet::from([account(1), account(2)]) },
        ],
        tokens: vec![GenesisToken {
            name: "Euro".into(),
            currency: Currency::new("EUR", 2).expect("a valid currency"),
            supply_cap_minor: Some(1_000_000),
            policy: Some(0),
            roles: GenesisTokenRoles {
                admin: vec![ADMIN],
                issuer: vec![ISSUER],
                pauser: vec![PAUSER],
                freezer: vec![FREEZER],
            },
            balances: BTreeMap::from([(account(1), 1_000), (account(2), 500)]),
        }],
        governance: None,
        epoch_blocks: None,
    }
}

/// The ledger of [`genesis_file`].
pub(crate) fn world() -> Ledger {
    let mut ledger = Ledger::bare();
    let state = crate::genesis(&genesis_file()).expect("a valid genesis");
    ledger.storage.slots = state.slots;
    ledger
}
