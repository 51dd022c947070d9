//! Properties: whatever is sent, the machine neither panics nor disagrees with itself.

use super::*;
use crate::admit;
use florin_modules::{
    CHANNEL_ADDRESS, CallEnv, ESCROW_ADDRESS, EXCHANGE_ADDRESS, FACTORY_ADDRESS, IDENTITY_ADDRESS, PAYMENT_ADDRESS,
    PERMISSION_ADDRESS, POLICY_ADDRESS, SETTLEMENT_ADDRESS, VOUCHER_ADDRESS,
    channel::IChannel::{self, IChannelCalls},
    escrow::IEscrow::{self, IEscrowCalls},
    factory::IFactory::IFactoryCalls,
    fx::IExchange::IExchangeCalls,
    identity::IIdentity::IIdentityCalls,
    invariants::Books,
    payment::IPayment::{self, IPaymentCalls},
    permission::IPermission::IPermissionCalls,
    policy::IPolicy::IPolicyCalls,
    settlement::ISettlement::ISettlementCalls,
    token::{BatchItem, IToken::ITokenCalls},
    voucher::IVoucher::IVoucherCalls,
};
use proptest::prelude::*;

/// Instructions that do something, more often than chance gives them.
fn instruction() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        any::<u8>().prop_map(|byte| vec![0x60, byte]),
        prop_oneof![
            Just(0xf0u8),
            Just(0xf1),
            Just(0xf2),
            Just(0xf4),
            Just(0xf5),
            Just(0xfa),
            Just(0xff),
            Just(0x54),
            Just(0x55)
        ]
        .prop_map(|instruction| vec![0x5f, 0x5f, 0x5f, 0x5f, 0x60, 0x20, 0x30, 0x61, 0xff, 0xff, instruction]),
        (0u8..4).prop_map(|index| [&[0x73], florin_modules::token_address(u64::from(index)).as_slice()].concat()),
        creation(),
        Just([&[0x73], PERMISSION_ADDRESS.as_slice()].concat()),
    ]
}

/// Creates a contract from the init code `(SSTORE(1, 7); SELFDESTRUCT or nothing)` with CREATE2 and salt 0, and calls it.
fn creation() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), 0u8..2).prop_map(|(dies, salt)| {
        let init: [u8; 7] =
            if dies { [0x60, 7, 0x60, 1, 0x55, 0x30, 0xff] } else { [0x60, 7, 0x60, 1, 0x55, 0x5f, 0x00] };
        let mut code = vec![0x66];
        code.extend(init);
        // MSTORE(0), CREATE2(value 0 or 1, 25, 7, salt 0), CALL it with value
        code.extend([0x5f, 0x52, 0x60, salt, 0x60, 7, 0x60, 25, 0x60, salt, 0xf5]);
        code.extend([0x5f, 0x5f, 0x5f, 0x5f, 0x60, 1, 0x85, 0x61, 0xff, 0xff, 0xf1, 0x50, 0x50]);
        code
    })
}

fn code() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(instruction(), 0..40).prop_map(|parts| Bytes::from(parts.concat()))
}

/// A transaction that nobody signed yet, and who will.
fn unsigned() -> impl Strategy<Value = (u8, TxEip1559)> {
    let to = prop_oneof![
        1 => Just(TxKind::Create),
        9 => Just(TxKind::Call(Address::repeat_byte(0xab))),
        1 => Just(TxKind::Call(token())),
        1 => Just(TxKind::Call(FACTORY_ADDRESS)),
        2 => (0u8..20).prop_map(|low| TxKind::Call(Address::with_last_byte(low))),
    ];
    let fee = prop_oneof![40 => Just(0u128), 1 => any::<u128>()];
    let value = prop_oneof![
        40 => (0u64..4).prop_map(U256::from),
        1 => any::<[u8; 32]>().prop_map(U256::from_be_bytes),
    ];
    let gas_limit = prop_oneof![40 => 60_000u64..2_000_000, 1 => any::<u64>()];
    (1u8..6, 0u64..3, to, code(), fee.clone(), fee, value, gas_limit).prop_map(
        |(number, nonce, to, input, max_fee_per_gas, max_priority_fee_per_gas, value, gas_limit)| {
            let tx =
                TxEip1559 { to, input, max_fee_per_gas, max_priority_fee_per_gas, value, ..free(nonce, gas_limit) };
            (number, tx)
        },
    )
}

fn transaction() -> impl Strategy<Value = VerifiedTx> {
    unsigned().prop_map(|(number, tx)| signer(number).sign(tx))
}

/// Transactions whose nonces follow each other, but for the senders of those that are rejected.
fn transactions() -> impl Strategy<Value = Vec<VerifiedTx>> {
    prop::collection::vec(unsigned(), 0..12).prop_map(|list| {
        let mut nonces = [0u64; 6];
        let number_and_sign = |(number, mut tx): (u8, TxEip1559)| {
            let nonce = &mut nonces[usize::from(number)];
            tx.nonce = *nonce;
            *nonce += 1;
            signer(number).sign(tx)
        };
        list.into_iter().map(number_and_sign).collect()
    })
}

const FORWARDERS: [(Address, u8, End); 4] = [
    (Address::repeat_byte(0xe1), CALL, End::Alike),
    (Address::repeat_byte(0xe2), CALL, End::Success),
    (Address::repeat_byte(0xe3), CALL, End::Revert),
    (Address::repeat_byte(0xe4), STATICCALL, End::Success),
];

/// Words that mean something to modules.
fn module_word() -> impl Strategy<Value = B256> {
    prop_oneof![
        4 => (1u8..6).prop_map(|number| signer(number).address().into_word()),
        3 => (0usize..3).prop_map(|index| FORWARDERS[index].0.into_word()),
        6 => (0u64..4).prop_map(|number| B256::from(U256::from(number))),
        2 => any::<u16>().prop_map(|number| B256::from(U256::from(number))),
        1 => Just(B256::from(U256::from(UNITS))),
        1 => Just(token().into_word()),
        1 => Just(keccak256("ISSUER_ROLE")),
        1 => any::<[u8; 32]>().prop_map(B256::from),
        2 => Just(B256::from(U256::from(32 * 3))),
    ]
}

/// A well-formed movement of units, or what permits or forbids one.
fn movement() -> impl Strategy<Value = Vec<u8>> {
    let party = || {
        prop_oneof![
            3 => (1u8..6).prop_map(|number| signer(number).address()),
            1 => (0usize..3).prop_map(|index| FORWARDERS[index].0),
        ]
    };
    (0u8..7, party(), party(), (0u64..3_000).prop_map(U256::from)).prop_map(|(kind, from, to, amount)| match kind {
        0 | 1 => IToken::transferCall { to, amount }.abi_encode(),
        2 => IToken::transferFromCall { from, to, amount }.abi_encode(),
        3 => IToken::approveCall { spender: to, amount }.abi_encode(),
        4 => IToken::mintCall { to, amount }.abi_encode(),
        5 => IToken::burnCall { amount }.abi_encode(),
        _ => IToken::freezePartialTokensCall { userAddress: to, amount }.abi_encode(),
    })
}

/// A well-formed call that reserves units, pays or frees what is reserved, or pays many at once.
fn reserving() -> impl Strategy<Value = (Address, Vec<u8>)> {
    let account = |number: u8| signer(number).address();
    (0u8..10, 1u8..6, 1u8..6, 0u64..900, 1u8..4).prop_map(move |(kind, payer, payee, units, number)| {
        let (payer, payee, amount) = (account(payer), account(payee), U256::from(units));
        let (uetr, id) = (B256::with_last_byte(number), u64::from(number));
        // The first of them is over when the block begins.
        let expiry_ms = if number == 1 { 0 } else { 1_700_000_000_000 + 3_600_000 };
        match kind {
            0 => (PAYMENT_ADDRESS, order(payee, amount, uetr, expiry_ms * u64::from(number == 2)).abi_encode()),
            1 => (PAYMENT_ADDRESS, reservation(payee, amount, uetr, expiry_ms).abi_encode()),
            2 => (PAYMENT_ADDRESS, IPayment::postCall { payer, uetr, amount }.abi_encode()),
            3 => (PAYMENT_ADDRESS, IPayment::voidPaymentCall { payer, uetr }.abi_encode()),
            4 => (PAYMENT_ADDRESS, batch(payee, units, uetr, number % 2).abi_encode()),
            5 => (ESCROW_ADDRESS, IEscrow::openCall { terms: terms(payee, amount, expiry_ms) }.abi_encode()),
            6 => (ESCROW_ADDRESS, IEscrow::releaseCall { escrowId: id, amount }.abi_encode()),
            7 => (ESCROW_ADDRESS, IEscrow::concludeCall { escrowId: id, payNow: units % 2 == 0 }.abi_encode()),
            8 => {
                let open = IChannel::openCall { token: token(), payee, amount, challengeMs: 60_000 };
                (CHANNEL_ADDRESS, open.abi_encode())
            }
            _ => (CHANNEL_ADDRESS, IChannel::closeByPayeeCall { channelId: id, payNow: true }.abi_encode()),
        }
    })
}

fn order(payee: Address, amount: U256, uetr: B256, park_until_ms: u64) -> IPayment::payCall {
    IPayment::payCall {
        token: token(),
        payee,
        amount,
        uetr,
        debtorAgent: Default::default(),
        creditorAgent: Default::default(),
        endToEnd: B256::ZERO,
        purpose: Default::default(),
        remittance: B256::ZERO,
        priority: 0,
        parkUntilMs: park_until_ms,
    }
}

fn reservation(payee: Address, amount: U256, uetr: B256, expiry_ms: u64) -> IPayment::reserveCall {
    IPayment::reserveCall {
        token: token(),
        payee,
        amount,
        uetr,
        debtorAgent: Default::default(),
        creditorAgent: Default::default(),
        endToEnd: B256::ZERO,
        purpose: Default::default(),
        remittance: B256::ZERO,
        priority: 0,
        expiryMs: expiry_ms,
        poster: Address::ZERO,
    }
}

fn batch(payee: Address, units: u64, uetr: B256, mode: u8) -> IPayment::payBatchCall {
    let item = |to: Address| BatchItem { to, amount: u128::from(units), reference: [0; 8] }.encode().unwrap();
    let items = [payee, Address::repeat_byte(0x77), token()].map(item).concat();
    IPayment::payBatchCall { token: token(), uetr, mode, items: items.into() }
}

fn terms(payee: Address, amount: U256, deadline_ms: u64) -> IEscrow::Terms {
    IEscrow::Terms {
        token: token(),
        payee,
        amount,
        deadlineMs: deadline_ms,
        deadlineOutcome: 1,
        hashLock: B256::ZERO,
        approvers: Vec::new(),
        approvalsNeeded: 0,
        parts: Vec::new(),
        arbiter: Address::ZERO,
        rulingMs: 0,
        silenceOutcome: 0,
        agreementHash: B256::ZERO,
    }
}

/// A function of a module with arguments of about the right shape, sent by someone, directly or through a contract.
fn module_call() -> impl Strategy<Value = (u8, Address, Vec<u8>)> {
    let selectors = |address: Address, all: &[[u8; 4]]| -> Vec<(Address, [u8; 4])> {
        all.iter().map(|selector| (address, *selector)).collect()
    };
    let functions = [
        selectors(token(), ITokenCalls::SELECTORS),
        selectors(token(), ITokenCalls::SELECTORS),
        selectors(florin_modules::token_address(2), ITokenCalls::SELECTORS),
        selectors(POLICY_ADDRESS, IPolicyCalls::SELECTORS),
        selectors(PERMISSION_ADDRESS, IPermissionCalls::SELECTORS),
        selectors(FACTORY_ADDRESS, IFactoryCalls::SELECTORS),
        selectors(IDENTITY_ADDRESS, IIdentityCalls::SELECTORS),
        selectors(PAYMENT_ADDRESS, IPaymentCalls::SELECTORS),
        selectors(SETTLEMENT_ADDRESS, ISettlementCalls::SELECTORS),
        selectors(EXCHANGE_ADDRESS, IExchangeCalls::SELECTORS),
        selectors(ESCROW_ADDRESS, IEscrowCalls::SELECTORS),
        selectors(CHANNEL_ADDRESS, IChannelCalls::SELECTORS),
        selectors(VOUCHER_ADDRESS, IVoucherCalls::SELECTORS),
    ]
    .concat();
    let words = prop::collection::vec(module_word(), 0..8);
    let anything = (prop::sample::select(functions), words)
        .prop_map(|((module, selector), words)| (module, [&selector[..], &words.concat()].concat()));
    let call = prop_oneof![2 => anything, 2 => movement().prop_map(|input| (token(), input)), 2 => reserving()];
    (1u8..6, call, 0usize..8).prop_map(|(number, (module, input), way)| match FORWARDERS.get(way) {
        Some((forwarder, ..)) => (number, *forwarder, forward(module, &input)),
        None => (number, module, input),
    })
}

proptest! {
    #[test]
    fn random_blocks_never_panic_and_never_disagree(runtime in code(), txs in transactions()) {
        let chain = Chain::of(with_contract(genesis(Rules::default()), Address::repeat_byte(0xab), [&[0x5b][..], &runtime].concat()));
        let (taken, built) = build_on(&chain, &mut List::of(&txs));
        prop_assert_eq!(&chain.try_block(&taken).unwrap(), &built);
        let native = |view: &dyn Fn(Address) -> U256| {
            (1..=4).map(|number| view(signer(number).address())).fold(U256::ZERO, |sum, balance| sum.saturating_add(balance))
        };
        // Native units are never made: what the known accounts hold can only shrink or move.
        let before = native(&|address| chain.balance(address));
        let mut after = chain.state.clone();
        after.extend(built.changeset.clone());
        let total = after.accounts.values().flatten().fold(U256::ZERO, |sum, account| sum.saturating_add(account.balance));
        prop_assert!(total <= before, "{} > {}", total, before);
        for account in built.changeset.accounts.values().flatten() {
            prop_assert!(!account.is_empty());
        }
    }

    /// One long-lived journal gives what a fresh machine for every transaction gives.
    #[test]
    fn a_block_is_its_transactions_one_by_one(runtime in code(), txs in transactions()) {
        let contract = Address::repeat_byte(0xab);
        let mut genesis = with_contract(genesis(Rules::default()), contract, [&[0x5b][..], &runtime].concat());
        genesis.accounts.entry(contract).or_default().balance = U256::from(1_000);
        let chain = Chain::of(genesis);
        let (taken, whole) = build_on(&chain, &mut List::of(&txs));
        let mut state = chain.state.clone();
        state.extend(chain.try_block(&[]).unwrap().changeset);
        let mut gas_used = 0;
        for (tx, receipt) in taken.iter().zip(&whole.receipts) {
            let one = execute(&state, CHAIN_ID, chain.rules(), &chain.env(), std::slice::from_ref(tx)).unwrap();
            gas_used += one.gas_used;
            prop_assert_eq!(receipt.cumulative_gas_used(), gas_used);
            prop_assert_eq!(receipt.status(), one.receipts[0].status());
            prop_assert_eq!(receipt.logs(), one.receipts[0].logs());
            state.extend(one.changeset);
        }
        let mut expected = chain.state.clone();
        expected.extend(whole.changeset);
        // What is absent and what was removed are the same.
        for state in [&mut state, &mut expected] {
            state.accounts.retain(|_, account| account.is_some());
            state.slots.retain(|_, value| !value.is_zero());
            state.code.clear();
        }
        let strange: Vec<_> = state.slots.iter().filter(|(key, value)| expected.slots.get(key) != Some(value)).collect();
        prop_assert!(state == expected, "slots {:?}, accounts {:?} and {:?}", strange, state.accounts, expected.accounts);
    }

    #[test]
    fn whatever_enters_a_block_would_enter_the_pool(tx in transaction()) {
        let chain = Chain::new();
        let env = chain.env();
        let admitted = admit(&chain.state, CHAIN_ID, chain.rules(), env.timestamp_ms, env.height, &tx);
        match chain.try_block(std::slice::from_ref(&tx)) {
            Ok(_) => prop_assert!(admitted.is_ok(), "{:?}", admitted),
            Err(crate::ExecuteError::Invalid { rejection: Rejection::NonceTooHigh { .. }, .. }) => {}
            Err(crate::ExecuteError::Invalid { rejection, .. }) => {
                prop_assert_eq!(admitted, Err(crate::AdmitError::Rejected(rejection)));
            }
            Err(fault) => prop_assert!(false, "{}", fault),
        }
    }

    /// Random calls, direct and through contracts that succeed, revert or only read: every balance follows from the
    /// events of what was not undone, and no module's invariant breaks.
    #[test]
    fn modules_keep_their_invariants(calls in prop::collection::vec(module_call(), 0..40)) {
        let chain = Chain::of(FORWARDERS.into_iter().fold(genesis(Rules::default()), |genesis, (address, instruction, end)| {
            with_contract(genesis, address, forwarder(instruction, end))
        }));
        let mut nonces = [0u64; 6];
        let sign = |(number, to, input): (u8, Address, Vec<u8>)| {
            let nonce = &mut nonces[usize::from(number)];
            *nonce += 1;
            signer(number).call(*nonce - 1, to, input)
        };
        let txs: Vec<VerifiedTx> = calls.into_iter().map(sign).collect();
        let executed = chain.try_block(&txs).unwrap();
        let mut state = chain.state.clone();
        state.extend(executed.changeset);
        let mut books = Books::default();
        (1..=4).for_each(|number| books.balances.credit_genesis(token(), signer(number).address(), UNITS));
        for log in executed.receipts.iter().flat_map(|receipt| receipt.logs()) {
            prop_assert_eq!(books.apply(log), Ok(()));
        }
        let env = CallEnv::reader(chain.rules());
        let violations = florin_modules::query(&state, env, |context| books.check(context));
        prop_assert_eq!(violations, Ok(Vec::new()));
    }
}
