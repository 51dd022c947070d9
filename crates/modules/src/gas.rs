//! What typical calls cost, for `golden/gas.txt`: the module's part, without the 21,000 and the calldata of a
//! transaction.
//!
//! Every call is a transaction of its own, so that each slot is cold when it is first touched.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use florin_types::{Access, NodeRole, Rules};
use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    FACTORY_ADDRESS, PAYMENT_ADDRESS, PERMISSION_ADDRESS, POLICY_ADDRESS,
    context::{CallEnv, Context, Failure},
    dispatch, factory,
    factory::IFactory::createTokenCall,
    memory::MemoryStorage,
    payment::IPayment::{
        acceptCall, collectCall, createMandateCall, createStandingOrderCall, executeCall, expireCall, payBatchCall,
        payCall, paymentOfCall, postCall, releaseCall, requestPaymentCall, reserveCall, returnPaymentCall,
        voidPaymentCall,
    },
    permission,
    permission::IPermission::{addNodeCall, mayTransactCall, setListedCall},
    policy,
    policy::IPolicy::{addMembersCall, createCombinationCall, createListCall, isAllowedCall},
    token,
    token::IToken::{
        approveCall, balanceOfCall, burnCall, mintCall, permitCall, setAddressFrozenCall, transferCall,
        transferFromCall, transferWithMemoCall,
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
const TEN: U256 = U256::from_limbs([10, 0, 0, 0]);

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
    meter.payment();
    meter.tables
}

/// A payment of Alice to the admin.
fn order(token: Address, number: u8) -> payCall {
    payCall {
        token,
        payee: ADMIN,
        amount: TEN,
        uetr: B256::with_last_byte(number),
        debtorAgent: (*b"COBADEFFXXX").into(),
        creditorAgent: (*b"DEUTDEFFXXX").into(),
        endToEnd: B256::repeat_byte(1),
        purpose: (*b"SUPP").into(),
        remittance: B256::repeat_byte(2),
        priority: 0,
        parkUntilMs: 0,
    }
}

/// The same, pending for a second.
fn reservation(token: Address, number: u8) -> reserveCall {
    let payment = order(token, number);
    reserveCall {
        token,
        payee: payment.payee,
        amount: payment.amount,
        uetr: payment.uetr,
        debtorAgent: payment.debtorAgent,
        creditorAgent: payment.creditorAgent,
        endToEnd: payment.endToEnd,
        purpose: payment.purpose,
        remittance: payment.remittance,
        priority: payment.priority,
        expiryMs: 1_000,
        poster: Address::ZERO,
    }
}

struct Meter {
    storage: MemoryStorage,
    rules: Rules,
    timestamp_ms: u64,
    tables: BTreeMap<&'static str, String>,
}

impl Default for Meter {
    fn default() -> Self {
        let storage = MemoryStorage::new(|_, _, _, _| Some(ALICE));
        Self { storage, rules: Rules::default(), timestamp_ms: 0, tables: BTreeMap::new() }
    }
}

impl Meter {
    fn run<T>(
        &mut self,
        caller: Address,
        operation: impl FnOnce(&mut Context<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.storage.begin(u64::MAX);
        let timestamp_ms = self.timestamp_ms;
        let env = CallEnv { caller, origin: caller, timestamp_ms, is_static: false, ..CallEnv::reader(&self.rules) };
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

    /// Alice pays the admin, who holds units and governs list 2 of the dollar.
    fn payment(&mut self) {
        let usd = token_address(2);
        let uetr = B256::with_last_byte;
        self.note("payment", "at once, policy of 1 list", ALICE, PAYMENT_ADDRESS, order(usd, 1));
        let back = returnPaymentCall { payer: ALICE, uetr: uetr(1), number: 1, amount: TEN, reason: (*b"CUST").into() };
        self.note("payment", "first", ADMIN, PAYMENT_ADDRESS, back);
        for number in 2..5 {
            self.note("payment", "no poster, policy of 1 list", ALICE, PAYMENT_ADDRESS, reservation(usd, number));
        }
        let post = |number, amount| postCall { payer: ALICE, uetr: uetr(number), amount };
        self.note("payment", "in full", ADMIN, PAYMENT_ADDRESS, post(2, U256::MAX));
        self.note("payment", "in part", ADMIN, PAYMENT_ADDRESS, post(3, U256::ONE));
        self.note("payment", "pending", ADMIN, PAYMENT_ADDRESS, voidPaymentCall { payer: ALICE, uetr: uetr(4) });
        self.parked(usd);
        self.note("payment", "settled", BOB, PAYMENT_ADDRESS, paymentOfCall { payer: ALICE, uetr: uetr(1) });
        self.batches();
        self.agreements(usd);
    }

    /// Two payments that the policy refuses at first; one is released, the other runs out of time.
    fn parked(&mut self, usd: Address) {
        let members = || vec![ADMIN];
        let change = |meter: &mut Self, admitted: bool| {
            let changed = meter.run(ADMIN, |context| match admitted {
                true => policy::add_members(context, LIST, &members()),
                false => policy::remove_members(context, LIST, &members()),
            });
            changed.is_ok()
        };
        if !change(self, false) {
            return;
        }
        for number in 5..7 {
            let call = payCall { parkUntilMs: 1_000, ..order(usd, number) };
            self.note("payment", "parked", ALICE, PAYMENT_ADDRESS, call);
        }
        if !change(self, true) {
            return;
        }
        let uetr = B256::with_last_byte;
        self.note("payment", "parked", BOB, PAYMENT_ADDRESS, releaseCall { payer: ALICE, uetr: uetr(5) });
        self.timestamp_ms = 1_000;
        self.note("payment", "parked", BOB, PAYMENT_ADDRESS, expireCall { payer: ALICE, uetr: uetr(6) });
        self.timestamp_ms = 0;
    }

    /// Batches of the euro, which has no policy, and of the dollar, whose policy is a list of some of the payees.
    fn batches(&mut self) {
        let batch = |token, number, count: usize| {
            let payees = (0x1_0000_u32..).take(count).map(|index| Address::left_padding_from(&index.to_be_bytes()));
            let items = payees.filter_map(|to| token::BatchItem { to, amount: 1, reference: *b"salary01" }.encode());
            let items: Vec<u8> = items.flatten().collect();
            payBatchCall { token, uetr: B256::with_last_byte(number), mode: 1, items: items.into() }
        };
        let (eur, usd) = (token_address(1), token_address(2));
        self.note("payment", "1 item, new holder", ALICE, PAYMENT_ADDRESS, batch(eur, 10, 1));
        self.note("payment", "1,000 items, new holders", ALICE, PAYMENT_ADDRESS, batch(eur, 11, 1_000));
        self.note("payment", "1,000 items, holders", ALICE, PAYMENT_ADDRESS, batch(eur, 12, 1_000));
        self.note("payment", "1,000 items, refused by a list", ALICE, PAYMENT_ADDRESS, batch(usd, 13, 1_000));
    }

    fn agreements(&mut self, usd: Address) {
        let to = PAYMENT_ADDRESS;
        let limit = U256::from(1_000);
        let mandate = createMandateCall {
            token: usd,
            creditor: ADMIN,
            collectionMax: limit,
            periodMax: limit,
            totalMax: limit,
            countMax: 12,
            everyDays: 0,
            everyMonths: 1,
            validFromMs: 0,
            validUntilMs: u64::from(u32::MAX),
            mandateReference: B256::ZERO,
        };
        let standing = createStandingOrderCall {
            token: usd,
            payee: ADMIN,
            amount: TEN,
            countMax: 12,
            everyDays: 1,
            everyMonths: 0,
            firstDueMs: 0,
            validUntilMs: u64::from(u32::MAX),
            mandateReference: B256::ZERO,
        };
        self.note("payment", "any", ALICE, to, mandate);
        self.note("payment", "any", ALICE, to, standing);
        let (end_to_end, remittance) = (B256::ZERO, B256::ZERO);
        let collect = collectCall { mandateId: 1, dueMs: 0, amount: TEN, endToEnd: end_to_end, remittance };
        self.note("payment", "first", ADMIN, to, collect);
        self.note("payment", "first", BOB, to, executeCall { mandateId: 2 });
        let request = requestPaymentCall {
            token: usd,
            debtor: ALICE,
            amount: TEN,
            expiryMs: 1_000,
            creditorAgent: Default::default(),
            endToEnd: end_to_end,
            purpose: Default::default(),
            remittance,
        };
        self.note("payment", "any", ADMIN, to, request);
        let accept = acceptCall { requestId: 1, uetr: B256::with_last_byte(20), debtorAgent: Default::default() };
        self.note("payment", "any", ALICE, to, accept);
    }
}
