//! What typical calls cost, for `golden/gas.txt`: the module's part, without the 21,000 and the calldata of a
//! transaction.
//!
//! Every call is a transaction of its own, so that each slot is cold when it is first touched.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use florin_types::{Access, NodeRole, Rules};
use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    FACTORY_ADDRESS, IDENTITY_ADDRESS, PERMISSION_ADDRESS, POLICY_ADDRESS,
    context::{CallEnv, Context, Failure},
    dispatch, factory,
    factory::IFactory::createTokenCall,
    identity::{
        self,
        IIdentity::{
            acceptLinkCall, credentialOfCall, giveCredentialCall, linkBySignatureCall, personOfCall, proposeLinkCall,
            registerPersonCall, renewCredentialCall, revokeCredentialCall, unlinkCall,
        },
    },
    memory::MemoryStorage,
    permission,
    permission::IPermission::{addNodeCall, mayTransactCall, setListedCall},
    policy,
    policy::IPolicy::{
        acknowledgeExchangeCall, addMembersCall, createCombinationCall, createConditionCall, createHoldingLimitCall,
        createListCall, createPaymentLimitCall, createTravelRuleCall, isAllowedCall, openExchangeCall,
    },
    token,
    token::IToken::{
        approveCall, balanceOfCall, burnCall, checkTransferCall, claimParkedCall, mintCall, permitCall,
        setAddressFrozenCall, transferCall, transferFromCall, transferWithMemoCall,
    },
    token_address,
};

const ADMIN: Address = Address::repeat_byte(0xaa);
const ALICE: Address = Address::repeat_byte(0x01);
const BOB: Address = Address::repeat_byte(0x02);
const CAROL: Address = Address::repeat_byte(0x03);
/// List of everyone, and a combination of four lists.
const LIST: u64 = policy::FIRST_CREATED;
const COMBINATION: u64 = LIST + 4;

/// Tables by module folder.
pub(crate) fn tables() -> BTreeMap<&'static str, String> {
    let mut meter = Meter::default();
    if let Err(failure) = meter.prepare() {
        return BTreeMap::from([("token", format!("the scenario failed: {failure:?}\n"))]);
    }
    meter.permission();
    meter.policy();
    meter.factory();
    meter.token();
    meter.identity();
    meter.rules();
    meter.tables
}

struct Meter {
    storage: MemoryStorage,
    rules: Rules,
    tables: BTreeMap<&'static str, String>,
}

impl Default for Meter {
    fn default() -> Self {
        let storage = MemoryStorage::new(|_, _, _, _| Some(ALICE));
        Self { storage, rules: Rules::default(), tables: BTreeMap::new() }
    }
}

impl Meter {
    fn run<T>(
        &mut self,
        caller: Address,
        operation: impl FnOnce(&mut Context<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.storage.begin(u64::MAX);
        let env = CallEnv { caller, origin: caller, is_static: false, ..CallEnv::reader(&self.rules) };
        operation(&mut Context::new(env, &mut self.storage))
    }

    /// Runs a call and notes its gas.
    fn note<C: SolCall>(&mut self, folder: &'static str, what: &str, caller: Address, to: Address, call: C) {
        let result = self.run(caller, |context| dispatch(context, to, &call.abi_encode()));
        let gas = match result {
            Ok(_) => self.storage.gas_used.to_string(),
            Err(failure) => format!("{failure:?}"),
        };
        let name = C::SIGNATURE.split('(').next().unwrap_or_default();
        let _ = writeln!(self.tables.entry(folder).or_default(), "{gas:>8}  {name}: {what}");
    }

    fn prepare(&mut self) -> Result<(), Failure> {
        let everyone = [ADMIN, ALICE, BOB, CAROL];
        self.run(ADMIN, |context| {
            permission::initialise(context, ADMIN, Access::Listed, Access::Listed, Access::Listed)?;
            identity::initialise(context, ADMIN)?;
            identity::set_registrar(context, ADMIN, true)?;
            identity::set_accreditor(context, ADMIN, true)?;
            identity::set_verifier(context, ADMIN, 1, 1)?;
            permission::enrol(context, ADMIN, permission::Capability::Deploy, false)?;
            permission::enrol(context, ALICE, permission::Capability::Transact, false)?;
            permission::register(context, B256::repeat_byte(1), "Bank A", "a.example:9000", NodeRole::Validator)?;
            for _ in 0..4 {
                policy::found(context, policy::Kind::Allow, ADMIN, &everyone)?;
            }
            let lists = [LIST, LIST + 1, LIST + 2, LIST + 3];
            policy::create_combination(context, 3, &lists)?;
            for (symbol, policy) in [("EUR", policy::OPEN), ("USD", LIST), ("CHF", COMBINATION)] {
                let new = factory::NewToken {
                    name: "Currency of the ledger",
                    symbol,
                    decimals: 2,
                    admin: ADMIN,
                    policy,
                    supply_cap: U256::from(u128::MAX),
                };
                let token = factory::create(context, &new)?;
                for role in [token::ISSUER_ROLE, token::PAUSER_ROLE, token::FREEZER_ROLE] {
                    token::give(context, token, role, ADMIN)?;
                }
                token::issue(context, token, ALICE, U256::from(1_000_000))?;
                token::issue(context, token, ADMIN, U256::from(1_000_000))?;
            }
            Ok(())
        })
    }

    fn permission(&mut self) {
        let to = PERMISSION_ADDRESS;
        let mut note = |what: &str, call: setListedCall| self.note("permission", what, ADMIN, to, call);
        note("1 account", setListedCall { capability: 0, accounts: vec![BOB], listed: true });
        let accounts: Vec<Address> = (0x10..0x74).map(Address::repeat_byte).collect();
        note("100 accounts", setListedCall { capability: 0, accounts, listed: true });
        self.note("permission", "a listed account", ALICE, to, mayTransactCall { account: ALICE });
        let (name, endpoint) = ("Bank B".into(), "b.example:9000".into());
        let call = addNodeCall { publicKey: B256::repeat_byte(2), name, endpoint };
        self.note("permission", "short name and endpoint", ADMIN, to, call);
    }

    fn policy(&mut self) {
        let to = POLICY_ADDRESS;
        let list = |members| createListCall { kind: 1, admin: ADMIN, members };
        self.note("policy", "empty", ADMIN, to, list(Vec::new()));
        let accounts: Vec<Address> = (0x10..0x74).map(Address::repeat_byte).collect();
        self.note("policy", "100 accounts", ADMIN, to, addMembersCall { policyId: LIST, accounts });
        let operands = vec![LIST, LIST + 1];
        self.note("policy", "2 lists", ADMIN, to, createCombinationCall { kind: 3, operands });
        self.note("policy", "a list", ADMIN, to, isAllowedCall { policyId: LIST, account: ALICE });
        self.note("policy", "all of 4 lists", ADMIN, to, isAllowedCall { policyId: COMBINATION, account: ALICE });
    }

    fn factory(&mut self) {
        let call = createTokenCall {
            name: "Sterling".into(),
            symbol: "GBP".into(),
            decimals: 2,
            admin: ADMIN,
            policyId: 0,
            supplyCap: U256::from(u128::MAX),
        };
        self.note("factory", "short name", ADMIN, FACTORY_ADDRESS, call);
    }

    fn token(&mut self) {
        let (eur, usd, chf) = (token_address(1), token_address(2), token_address(3));
        let ten = U256::from(10);
        let pay = |to| transferCall { to, amount: ten };
        self.note("token", "to a new holder", ALICE, eur, pay(BOB));
        self.note("token", "to a holder", ALICE, eur, pay(BOB));
        self.note("token", "to a holder, policy of 1 list", ALICE, usd, pay(ADMIN));
        self.note("token", "to a holder, policy of all of 4 lists", ALICE, chf, pay(ADMIN));
        let reference = "4c9b63f2-1d1c-4b54-9f0e-6d3e2f6f1f10".into();
        let call = transferWithMemoCall { to: BOB, amount: ten, memo: B256::ZERO, paymentReference: reference };
        self.note("token", "to a holder, UETR as reference", ALICE, eur, call);
        self.note("token", "first", ALICE, eur, approveCall { spender: CAROL, amount: U256::from(100) });
        let call = transferFromCall { from: ALICE, to: BOB, amount: ten };
        self.note("token", "to a holder, finite allowance", CAROL, eur, call);
        let permit = permitCall {
            owner: ALICE,
            spender: BOB,
            value: ten,
            deadline: U256::MAX,
            v: 27,
            r: B256::ZERO,
            s: B256::ZERO,
        };
        self.note("token", "first", BOB, eur, permit);
        self.note("token", "to a holder", ADMIN, eur, mintCall { to: ALICE, amount: ten });
        self.note("token", "own units", ADMIN, eur, burnCall { amount: ten });
        let call = setAddressFrozenCall { userAddress: BOB, freeze: true };
        self.note("token", "freeze", ADMIN, eur, call);
        self.note("token", "any", BOB, eur, balanceOfCall { account: ALICE });
    }

    fn identity(&mut self) {
        let (to, commitment) = (IDENTITY_ADDRESS, B256::repeat_byte(1));
        let register = |kind, lei: &str| registerPersonCall { kind, lei: lei.into() };
        self.note("identity", "natural", ADMIN, to, register(1, ""));
        self.note("identity", "legal", ADMIN, to, register(2, "5493001KJTIIGC8Y1R12"));
        self.note("identity", "first", ADMIN, to, proposeLinkCall { personId: 1, account: BOB });
        self.note("identity", "first", BOB, to, acceptLinkCall { personId: 1 });
        let (v, r, s) = (27, B256::ZERO, B256::ZERO);
        let call = linkBySignatureCall { personId: 1, account: ALICE, expiresMs: u64::MAX, v, r, s };
        self.note("identity", "second", ADMIN, to, call);
        self.note("identity", "one of two", BOB, to, unlinkCall { account: BOB });
        self.note("identity", "any", BOB, to, personOfCall { account: ALICE });
        let (expires_ms, kind) = (u64::MAX, 1);
        let call = giveCredentialCall { personId: 1, kind, value: 2, expiresMs: expires_ms, commitment };
        self.note("identity", "first", ADMIN, to, call);
        let call = renewCredentialCall { personId: 1, kind, expiresMs: expires_ms, commitment };
        self.note("identity", "first", ADMIN, to, call);
        self.note("identity", "in force", BOB, to, credentialOfCall { personId: 1, kind });
        self.note("identity", "by its verifier", ADMIN, to, revokeCredentialCall { personId: 1, kind });
    }

    /// Conditions and rules: what making them costs, and what a payment costs under each.
    fn rules(&mut self) {
        let Ok(()) = self.run(ADMIN, |context| {
            let person = identity::register_person(context, 1, "")?;
            identity::propose_link(context, person, ADMIN)?;
            identity::accept_link(context, person)?;
            for person in [1, person] {
                identity::give_credential(context, person, 1, 2, u64::MAX, B256::repeat_byte(1))?;
            }
            Ok(())
        }) else {
            return;
        };
        let (to, admin, none) = (POLICY_ADDRESS, ADMIN, U256::MAX);
        // Numbers follow those that `policy` made.
        let (tier, limit, holding, travel) = (COMBINATION + 3, COMBINATION + 4, COMBINATION + 5, COMBINATION + 6);
        self.note("policy", "KYC of a tier", ADMIN, to, createConditionCall { kind: 6, value: 2 });
        let call = createPaymentLimitCall {
            admin,
            exemptPolicyId: 1,
            perTransaction: none,
            perDay: U256::from(10_000),
            perMonth: U256::from(100_000),
        };
        self.note("policy", "day and month", ADMIN, to, call);
        let limited = U256::from(2_000_000);
        let call = createHoldingLimitCall { admin, exemptPolicyId: 1, limit: limited, outcome: 2 };
        self.note("policy", "parking", ADMIN, to, call);
        let call = createTravelRuleCall { admin, exemptPolicyId: 1, threshold: U256::from(1_000) };
        self.note("policy", "one threshold", ADMIN, to, call);
        let operands = vec![tier, limit, holding, travel];
        self.note("policy", "a condition and three rules", ADMIN, to, createCombinationCall { kind: 3, operands });
        let eur = token_address(1);
        for (policy, what) in [
            (tier, "condition on KYC"),
            (limit, "limits of day and month, not the first of the day"),
            (holding, "holding limit, one wallet"),
            (travel, "below the travel rule's threshold, not the first of the day"),
            (travel + 1, "a condition and three rules, not the first of the day"),
        ] {
            let pay = || transferCall { to: ADMIN, amount: U256::from(10) };
            let _ = self.run(ADMIN, |context| token::set_policy(context, eur, policy));
            let _ = self.run(ALICE, |context| dispatch(context, eur, &pay().abi_encode()));
            self.note("token", &format!("to a holder, {what}"), ALICE, eur, pay());
        }
        let call = checkTransferCall { from: ALICE, to: ADMIN, operator: Address::ZERO, amount: U256::from(10) };
        self.note("token", "a condition and three rules", BOB, eur, call);
        self.exchange_and_park(travel, holding);
    }

    /// What it costs to meet the travel rule, and to wait for room under a holding limit.
    fn exchange_and_park(&mut self, travel: u64, holding: u64) {
        let (eur, commitment, expires_ms) = (token_address(1), B256::repeat_byte(1), u64::MAX);
        let (payer, payee, amount) = (1, 3, U256::from(5_000));
        let call = openExchangeCall {
            policyId: travel,
            token: eur,
            payerPersonId: payer,
            payeePersonId: payee,
            amount,
            expiresMs: expires_ms,
            commitment,
        };
        self.note("policy", "first between two persons", ADMIN, POLICY_ADDRESS, call);
        let call = acknowledgeExchangeCall {
            policyId: travel,
            token: eur,
            payerPersonId: payer,
            payeePersonId: payee,
            amount,
            expiresMs: expires_ms,
            commitment,
        };
        self.note("policy", "first between two persons", ADMIN, POLICY_ADDRESS, call);
        let _ = self.run(ADMIN, |context| token::set_policy(context, eur, holding));
        let pay = |amount: u64| transferCall { to: ADMIN, amount: U256::from(amount) };
        let _ = self.run(ADMIN, |context| {
            token::mint(context, eur, ADMIN, U256::from(990_000))?;
            token::mint(context, eur, ALICE, U256::from(990_000))
        });
        self.note("token", "parked by a holding limit", ALICE, eur, pay(50_000));
        let _ = self.run(ADMIN, |context| token::burn(context, eur, U256::from(900_000)));
        let call = claimParkedCall { holdId: 1, amount: U256::MAX };
        self.note("token", "all of it", BOB, eur, call);
    }
}
