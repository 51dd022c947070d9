//! What typical calls cost, for `golden/gas.txt`: the module's part, without the 21,000 and the calldata of a
//! transaction.
//!
//! Every call is a transaction of its own, so that each slot is cold when it is first touched.

pub(crate) mod committee;
mod governance;
mod payments;
mod rest;

use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::{SolCall, SolEvent};
use florin_types::{Access, NodeRole, Rules};
use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    CHANNEL_ADDRESS, ESCROW_ADDRESS, EXCHANGE_ADDRESS, FACTORY_ADDRESS, IDENTITY_ADDRESS, PAYMENT_ADDRESS,
    PERMISSION_ADDRESS, POLICY_ADDRESS, SETTLEMENT_ADDRESS, VOUCHER_ADDRESS,
    channel::IChannel::{
        channelOfCall, closeByPayeeCall, openCall as openChannelCall, startCloseCall, submitStateCall, topUpCall,
    },
    context::{CallEnv, Context, Failure},
    costs::{Call, CostCase},
    dispatch,
    escrow::IEscrow::{
        Terms, approveCall as approvePartCall, concludeCall, openCall, releaseCall as releasePartCall, revealCall,
    },
    factory,
    factory::IFactory::createTokenCall,
    fx::IExchange::{
        Order, Quote, cancelQuoteCall, costOfCall, executeCall, executeViaCall, postQuoteCall, registerProviderCall,
    },
    identity::{
        self,
        IIdentity::{
            acceptLinkCall, credentialOfCall, giveCredentialCall, linkBySignatureCall, personOfCall, proposeLinkCall,
            registerPersonCall, renewCredentialCall, revokeCredentialCall, unlinkCall,
        },
    },
    memory::MemoryStorage,
    payment::IPayment::{
        acceptCall, collectCall, createMandateCall, createStandingOrderCall, executeCall as executeStandingOrderCall,
        expireCall, payBatchCall, payCall, paymentOfCall, postCall, releaseCall as releaseParkedCall,
        requestPaymentCall, reserveCall, returnOfCall, returnPaymentCall, voidPaymentCall,
    },
    permission,
    permission::IPermission::{addNodeCall, mayTransactCall, setListedCall},
    policy,
    policy::IPolicy::{
        acknowledgeExchangeCall, addMembersCall, createCombinationCall, createConditionCall, createHoldingLimitCall,
        createListCall, createPaymentLimitCall, createTravelRuleCall, isAllowedCall, openExchangeCall,
    },
    settlement::ISettlement::{
        admitParticipantCall, advanceRunCall, assignCall, cancelCall, closeDayCall, closeWindowCall, createSchemeCall,
        drawCreditCall, joinCall, openDayCall, openWindowCall, pledgeCall, releaseCall, repayCreditCall,
        setCollateralCall, setCreditLineCall, settleWindowCall, startRunCall, startWindowSettlementCall, submitCall,
        withdrawCollateralCall,
    },
    token,
    token::IToken::{
        Parked, approveCall, balanceOfCall, burnCall, checkTransferCall, claimParkedCall, fulfilRedemptionCall,
        grantRoleCall, issueOrderCall, mintCall, permitCall, pledgeReserveCall, requestRedemptionCall, seizeCall,
        setAddressFrozenCall, setBackingCall, setIssuerQuotaCall, setNoticeTimeCall, setPolicyCall, transferCall,
        transferFromCall, transferWithAuthorization_0Call, transferWithMemoCall,
    },
    token_address,
    voucher::IVoucher::{
        VoucherTerms, createCall as createVoucherCall, createManyCall, expireCall as expireVoucherCall, giveBackCall,
        handCall, spendCall, voucherOfCall,
    },
};

const ADMIN: Address = Address::repeat_byte(0xaa);
const ALICE: Address = Address::repeat_byte(0x01);
const BOB: Address = Address::repeat_byte(0x02);
const CAROL: Address = Address::repeat_byte(0x03);
/// A key that a node can have: the base point of ed25519 (RFC 8032).
const NODE_KEY: B256 = b256!("5866666666666666666666666666666666666666666666666666666666666666");
/// List of everyone, and a combination of four lists.
const LIST: u64 = policy::FIRST_CREATED;
const COMBINATION: u64 = LIST + 4;
/// sha256 of 32 zero bytes.
const ZERO_LOCK: B256 = b256!("66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
const TEN: U256 = U256::from_limbs([10, 0, 0, 0]);

/// Tables by module folder.
pub(crate) fn tables() -> BTreeMap<&'static str, String> {
    let mut meter = Meter::default();
    if let Err(failure) = meter.prepare() {
        return BTreeMap::from([("token", format!("the scenario failed: {failure:?}\n"))]);
    }
    meter.everything();
    for scenario in [Meter::rest, Meter::committee] {
        let mut other = Meter::default();
        if other.prepare().is_ok() {
            scenario(&mut other);
        }
        for (folder, table) in other.tables {
            meter.tables.entry(folder).or_default().push_str(&table);
        }
    }
    meter.tables
}

/// The same calls, with what [`crate::cost_cases`] and the page of costs say of them.
pub(crate) fn measured() -> Vec<CostCase> {
    let mut cases = Vec::new();
    for scenario in [Meter::everything, Meter::rest, Meter::committee] {
        let mut meter = Meter { keeps_cases: true, ..Meter::default() };
        if meter.prepare().is_ok() {
            scenario(&mut meter);
        }
        cases.append(&mut meter.cases);
    }
    cases
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
    /// Whether calls are kept as cases, with the state before each.
    keeps_cases: bool,
    cases: Vec<CostCase>,
}

impl Default for Meter {
    fn default() -> Self {
        let storage = MemoryStorage::new(|_, _, _, _| Some(ALICE));
        Self {
            storage,
            rules: Rules::default(),
            timestamp_ms: 0,
            tables: BTreeMap::new(),
            keeps_cases: false,
            cases: Vec::new(),
        }
    }
}

impl Meter {
    fn everything(&mut self) {
        self.permission();
        self.policy();
        self.factory();
        self.token();
        self.payment();
        self.escrow();
        self.channel();
        self.voucher();
        self.fx();
        self.settlement();
        self.identity();
        self.rules();
        self.bank_money();
    }

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

    /// Makes a call that is not noted. Where it fails, what depends on it is noted as failing.
    fn quietly<C: SolCall>(&mut self, caller: Address, to: Address, call: C) {
        let _ = self.run(caller, |context| dispatch(context, to, &call.abi_encode()));
    }

    /// Runs a call and notes its gas.
    fn note<C: SolCall>(&mut self, folder: &'static str, what: &str, caller: Address, to: Address, call: C) {
        let input = call.abi_encode();
        let before = self.keeps_cases.then(|| self.storage.clone());
        let result = self.run(caller, |context| dispatch(context, to, &input));
        let gas = match result {
            Ok(_) => self.storage.gas_used.to_string(),
            Err(failure) => format!("{failure:?}"),
        };
        let name = C::SIGNATURE.split('(').next().unwrap_or_default();
        let _ = writeln!(self.tables.entry(folder).or_default(), "{gas:>8}  {name}: {what}");
        if let Some(before) = before {
            let (keys_touched, keys_written) = self.storage.keys();
            let call = Call { caller, to, input, timestamp_ms: self.timestamp_ms };
            let gas = self.storage.gas_used;
            let what = what.into();
            self.cases.push(CostCase {
                module: folder,
                function: name,
                what,
                gas,
                keys_touched,
                keys_written,
                before,
                call,
            });
        }
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
        let call = addNodeCall { publicKey: NODE_KEY, name, endpoint };
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
        self.orders(eur);
    }

    /// An order over Alice's units; nothing of it is left in the end.
    fn orders(&mut self, token: Address) {
        let role = grantRoleCall { role: token::SEIZER_ROLE, account: CAROL };
        self.note("token", "seizer", ADMIN, token, role);
        let reference = B256::repeat_byte(1);
        let cap = U256::from(20);
        let order = issueOrderCall { account: ALICE, payee: ADMIN, cap, expiryMs: 1, legalReference: reference };
        self.note("token", "first of an account", ADMIN, token, order);
        self.note("token", "to a holder, payer under 1 order", ALICE, token, transferCall { to: ADMIN, amount: TEN });
        let seize = seizeCall { orderId: 1, amount: TEN, holdIds: Vec::new(), legalReference: reference };
        self.note("token", "free units, some are left", CAROL, token, seize.clone());
        self.note("token", "free units, none is left", CAROL, token, seize);
    }

    fn escrow(&mut self) {
        let to = ESCROW_ADDRESS;
        let plain = Terms {
            token: token_address(1),
            payee: CAROL,
            amount: U256::from(100),
            deadlineMs: 1,
            deadlineOutcome: 1,
            hashLock: B256::ZERO,
            approvers: Vec::new(),
            approvalsNeeded: 0,
            parts: Vec::new(),
            arbiter: Address::ZERO,
            rulingMs: 0,
            silenceOutcome: 0,
            agreementHash: B256::ZERO,
        };
        self.note("escrow", "by consent", ALICE, to, openCall { terms: plain.clone() });
        self.note("escrow", "a part", ALICE, to, releasePartCall { escrowId: 1, amount: U256::ONE });
        let locked = Terms { hashLock: ZERO_LOCK, ..plain.clone() };
        self.note("escrow", "hash lock", ALICE, to, openCall { terms: locked });
        let reveal = revealCall { escrowId: 2, preimage: B256::ZERO, payNow: true };
        self.note("escrow", "and pay", ADMIN, to, reveal);
        let approvers: Vec<Address> = (0x20..0x30).map(Address::repeat_byte).collect();
        let parts = vec![U256::from(25); 4];
        let milestones = Terms { approvers: approvers.clone(), approvalsNeeded: 2, parts, ..plain };
        self.note("escrow", "2 of 16 approvers, 4 parts", ALICE, to, openCall { terms: milestones });
        let approve = approvePartCall { escrowId: 3, part: 0, evidenceHash: B256::ZERO, payNow: true };
        for (what, approver) in ["first of 2", "last of 2, and pay"].into_iter().zip(approvers) {
            self.note("escrow", what, approver, to, approve.clone());
        }
        self.timestamp_ms = 1;
        self.note("escrow", "refund", ADMIN, to, concludeCall { escrowId: 3, payNow: true });
    }

    /// A token that euros back: issuing, redeeming, paying by signature, a policy under notice.
    fn bank_money(&mut self) {
        let made = self.run(ADMIN, |context| {
            let new = factory::NewToken {
                name: "Bank money",
                symbol: "BANK",
                decimals: 2,
                admin: ADMIN,
                policy: policy::OPEN,
                supply_cap: U256::from(u128::MAX),
            };
            let bank = factory::create(context, &new)?;
            token::give(context, bank, token::ISSUER_ROLE, ALICE)?;
            token::set_policy(context, token_address(1), policy::OPEN)?;
            Ok(bank)
        });
        let Ok(to) = made else { return };
        let (hundred, end_to_end) = (U256::from(100), B256::repeat_byte(1));
        self.note("token", "once", ADMIN, to, setBackingCall { kind: 1, reserveToken: token_address(1) });
        self.note("token", "first", ADMIN, to, setIssuerQuotaCall { issuer: ALICE, quota: U256::from(u128::MAX) });
        self.note("token", "first", ALICE, to, pledgeReserveCall { amount: hundred });
        self.note("token", "a further one", ALICE, to, pledgeReserveCall { amount: hundred });
        self.note("token", "backed, to a new holder", ALICE, to, mintCall { to: CAROL, amount: hundred });
        let call = requestRedemptionCall { issuer: ALICE, amount: TEN, endToEnd: end_to_end, deadlineMs: 1_000 };
        self.note("token", "first", CAROL, to, call);
        let fulfil = |amount, pay_out| fulfilRedemptionCall { redemptionId: 1, amount, payOut: pay_out };
        self.note("token", "in part", ALICE, to, fulfil(U256::ONE, false));
        self.note("token", "the rest, out of the reserve", ALICE, to, fulfil(U256::MAX, true));
        self.timestamp_ms = 1_000;
        let call = transferWithAuthorization_0Call {
            from: ALICE,
            to: ADMIN,
            value: TEN,
            validAfter: U256::ZERO,
            validBefore: U256::MAX,
            nonce: end_to_end,
            v: 27,
            r: B256::ZERO,
            s: B256::ZERO,
        };
        self.note("token", "to a holder", ADMIN, token_address(1), call);
        self.note("token", "first", ADMIN, to, setNoticeTimeCall { noticeMs: 1_000 });
        self.note("token", "under notice", ADMIN, to, setPolicyCall { newPolicyId: LIST });
        let pay = || transferCall { to: ADMIN, amount: TEN };
        self.note("token", "to a new holder, a policy under notice", CAROL, to, pay());
        self.timestamp_ms = 0;
    }

    fn voucher(&mut self) {
        let (to, folder, other) = (VOUCHER_ADDRESS, "voucher", Address::repeat_byte(0x55));
        let before_ms = self.timestamp_ms;
        let terms = VoucherTerms {
            token: token_address(1),
            payeePolicyId: LIST,
            spendFromMs: 0,
            spendUntilMs: 0,
            expiresMs: 1_000,
            transferable: true,
            purposeHash: B256::repeat_byte(1),
        };
        let create = createVoucherCall { terms: terms.clone(), beneficiary: CAROL, amount: TEN };
        self.note(folder, "first", ALICE, to, create.clone());
        self.note(folder, "another", ALICE, to, create);
        let beneficiaries: Vec<Address> = (0x20..0x84).map(Address::repeat_byte).collect();
        let many = createManyCall { terms, beneficiaries, amounts: vec![TEN; 100] };
        self.note(folder, "100 beneficiaries", ALICE, to, many);
        let spend = |amount| spendCall { voucherId: 1, payee: ADMIN, amount, paymentReference: B256::ZERO };
        self.note(folder, "in part, policy of 1 list", CAROL, to, spend(U256::ONE));
        self.note(folder, "a part", CAROL, to, handCall { voucherId: 1, to: other, amount: U256::ONE });
        self.note(folder, "in full, policy of 1 list", CAROL, to, spend(U256::MAX));
        self.note(folder, "all", CAROL, to, handCall { voucherId: 2, to: other, amount: U256::MAX });
        self.note(folder, "in part", other, to, giveBackCall { voucherId: 2, amount: U256::ONE });
        self.note(folder, "a voucher", BOB, to, voucherOfCall { voucherId: 1 });
        self.timestamp_ms = 1_000;
        self.note(folder, "what is left", ADMIN, to, expireVoucherCall { voucherId: 2 });
        self.timestamp_ms = before_ms;
    }

    fn channel(&mut self) {
        let to = CHANNEL_ADDRESS;
        let (token, amount, challenge_ms) = (token_address(1), U256::from(100), 60_000);
        let open = openChannelCall { token, payee: CAROL, amount, challengeMs: challenge_ms };
        self.note("channel", "first", ALICE, to, open.clone());
        self.note("channel", "another", ALICE, to, open);
        self.note("channel", "once", ALICE, to, topUpCall { channelId: 1, amount });
        let state = |cumulative: u64, pay_now| submitStateCall {
            channelId: 1,
            cumulative: U256::from(cumulative),
            signature: [0u8; 65].into(),
            payNow: pay_now,
        };
        self.note("channel", "and pay", CAROL, to, state(10, true));
        self.note("channel", "without paying", CAROL, to, state(20, false));
        self.note("channel", "a channel", CAROL, to, channelOfCall { channelId: 1 });
        self.note("channel", "by the payer", ALICE, to, startCloseCall { channelId: 1, cumulative: U256::from(30) });
        self.note("channel", "and pay", CAROL, to, closeByPayeeCall { channelId: 1, payNow: true });
    }

    fn fx(&mut self) {
        let to = EXCHANGE_ADDRESS;
        // The meter's signatures are all of this provider, who sells two currencies.
        let quote = |nonce: u8, sell: u64, buy: u64| Quote {
            provider: ALICE,
            epoch: 0,
            nonce: B256::repeat_byte(nonce),
            taker: Address::ZERO,
            sellToken: token_address(sell),
            buyToken: token_address(buy),
            sellAmount: U256::from(100),
            buyAmount: U256::from(100),
            leastAmount: U256::ONE,
            side: 1,
            rounding: 1,
            fee: U256::ZERO,
            expiresAtMs: u64::MAX,
        };
        let order = |uetr: u8| {
            let agent = if uetr == 0 { B256::ZERO } else { B256::repeat_byte(0xaa) };
            Order {
                amount: U256::MAX,
                maxSent: U256::MAX,
                minReceived: U256::ZERO,
                payee: ADMIN,
                uetr: B256::repeat_byte(uetr),
                debtorAgent: agent,
                creditorAgent: agent,
                remittanceHash: agent,
            }
        };
        let signature = alloy_primitives::Bytes::from_static(&[0u8; 65]);
        self.note("fx", "first time", ALICE, to, registerProviderCall {});
        self.note("fx", "any", ADMIN, to, costOfCall { quote: quote(1, 1, 2), amount: U256::MAX });
        let execute =
            |nonce, uetr| executeCall { quote: quote(nonce, 1, 2), signature: signature.clone(), order: order(uetr) };
        self.note("fx", "signed quote", ADMIN, to, execute(1, 0));
        self.note("fx", "cross-border payment", ADMIN, to, execute(2, 1));
        let via = executeViaCall {
            first: quote(3, 1, 2),
            firstSignature: signature.clone(),
            second: quote(4, 2, 3),
            secondSignature: signature.clone(),
            order: order(2),
        };
        self.note("fx", "cross-border payment", ADMIN, to, via);
        self.note("fx", "without a request", ALICE, to, postQuoteCall { quote: quote(5, 1, 2), requestId: 0 });
        self.note("fx", "any", ALICE, to, cancelQuoteCall { nonce: B256::repeat_byte(5) });
    }

    fn settlement(&mut self) {
        // BOB is frozen by now.
        let (to, eur) = (SETTLEMENT_ADDRESS, token_address(1));
        let folder = "settlement";
        self.note(folder, "new", ADMIN, to, createSchemeCall { token: eur, bypassFifo: false, defaultRule: 0 });
        for account in [ALICE, ADMIN, CAROL] {
            self.note(folder, "new participant", ADMIN, to, admitParticipantCall { schemeId: 1, account });
            self.note(folder, "admitted", account, to, joinCall { schemeId: 1 });
        }
        self.note(folder, "first", ADMIN, to, openDayCall { schemeId: 1, valueDate: 20_231_114, cutOffMs: 1_000 });
        let submit = |creditor, amount: u64, number: u8| submitCall {
            schemeId: 1,
            creditor,
            amount: U256::from(amount),
            priority: 2,
            instructionReference: B256::repeat_byte(number),
        };
        self.note(folder, "covered, first", ALICE, to, submit(ADMIN, 10, 1));
        self.note(folder, "covered, later", ALICE, to, submit(ADMIN, 10, 2));
        self.note(folder, "queued, first", ADMIN, to, submit(CAROL, 5_000_000, 3));
        self.note(folder, "queued, later", ADMIN, to, submit(CAROL, 3_000_000, 4));
        self.note(folder, "queued, later", CAROL, to, submit(ALICE, 5_000_000, 5));
        self.note(folder, "offset with one of the other", ALICE, to, submit(CAROL, 5_500_000, 6));
        self.note(folder, "queued", ALICE, to, submit(ADMIN, 5_000_000, 7));
        self.note(folder, "queued", CAROL, to, submit(ALICE, 5_000_000, 8));
        self.note(folder, "nothing covered", CAROL, to, releaseCall { schemeId: 1, debtor: ADMIN, steps: 10 });
        self.note(folder, "3 participants", ALICE, to, startRunCall { schemeId: 1 });
        self.note(folder, "to the end, 3 of 4 settle", ALICE, to, advanceRunCall { schemeId: 1, steps: 100 });
        self.note(folder, "queued", ADMIN, to, cancelCall { instructionId: 4 });
        self.note(folder, "first", ADMIN, to, openWindowCall { schemeId: 1 });
        let assign = |creditor, amount: u64, number: u8| assignCall {
            windowId: 1,
            creditor,
            amount: U256::from(amount),
            instructionReference: B256::repeat_byte(number),
        };
        self.note(folder, "first", ALICE, to, assign(ADMIN, 50, 9));
        self.note(folder, "later", ALICE, to, assign(ADMIN, 50, 10));
        self.note(folder, "2 instructions", ADMIN, to, closeWindowCall { windowId: 1 });
        self.note(folder, "2 instructions", ADMIN, to, startWindowSettlementCall { windowId: 1, fundBeforeMs: 1_000 });
        self.note(folder, "2 of 3 participants", ADMIN, to, settleWindowCall { windowId: 1 });
        self.credit();
        self.note(folder, "empty queue, one borrower pays", ADMIN, to, closeDayCall { schemeId: 1, steps: 100 });
    }

    fn credit(&mut self) {
        let (to, folder, token) = (SETTLEMENT_ADDRESS, "settlement", token_address(2));
        self.note(folder, "first", ADMIN, to, setCreditLineCall { schemeId: 1, amount: U256::from(1_000) });
        let price = U256::from(crate::settlement::PRICE_SCALE);
        let terms = setCollateralCall { schemeId: 1, token, price, haircut: 1_000, expiresMs: 1_000 };
        self.note(folder, "first", ADMIN, to, terms);
        self.note(folder, "first", ALICE, to, pledgeCall { schemeId: 1, token, amount: U256::from(100) });
        self.note(folder, "one pledge, first", ALICE, to, drawCreditCall { schemeId: 1, amount: TEN });
        self.note(folder, "one pledge, later", ALICE, to, drawCreditCall { schemeId: 1, amount: TEN });
        self.note(folder, "in part", ALICE, to, repayCreditCall { schemeId: 1, amount: TEN });
        let call = withdrawCollateralCall { schemeId: 1, pledgeId: 0, amount: TEN };
        self.note(folder, "one pledge, in debt", ALICE, to, call);
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
            (travel.saturating_add(1), "a condition and three rules, not the first of the day"),
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
        let parked = self.storage.logs.iter().rev().find_map(|log| Parked::decode_log(log).ok());
        let hold_id = parked.map_or(0, |parked| parked.data.holdId);
        let _ = self.run(ADMIN, |context| token::burn(context, eur, U256::from(900_000)));
        let call = claimParkedCall { holdId: hold_id, amount: U256::MAX };
        self.note("token", "all of it", BOB, eur, call);
    }
}
