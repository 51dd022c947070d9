//! Contracts that mean harm: they call modules again and again, in other names, with value, with too little gas, and go on
//! after what they caught. Whatever they do, the state of modules is that of the calls that succeeded.

use super::*;
use florin_modules::{
    CHANNEL_ADDRESS, CallEnv, Context, ESCROW_ADDRESS, EXCHANGE_ADDRESS, Failure, MemoryStorage, PAYMENT_ADDRESS,
    PERMISSION_ADDRESS, POLICY_ADDRESS, SETTLEMENT_ADDRESS, Storage, Tariff,
    channel::IChannel,
    escrow::IEscrow,
    fx::IExchange,
    invariants::Books,
    is_module,
    payment::IPayment::{self, payBatchCall},
    settlement::ISettlement,
    token::BatchItem,
};

/// Contracts of these tests: one that is called, one that it calls, and one that is only paid.
const OUTER: Address = Address::repeat_byte(0xd1);
const INNER: Address = Address::repeat_byte(0xd2);
const PAYEE: Address = Address::repeat_byte(0xd3);
/// Units that each contract has to begin with.
const STAKE: u128 = 10_000;

const SELFDESTRUCT: u8 = 0xff;

/// One call of a program.
#[derive(Clone)]
struct Step {
    instruction: u8,
    to: Address,
    value: u64,
    /// All that is left, if absent.
    gas: Option<u64>,
    input: Vec<u8>,
}

fn step(to: Address, input: Vec<u8>) -> Step {
    Step { instruction: CALL, to, value: 0, gas: None, input }
}

/// A contract that makes these calls in order, notes at slot n whether the n-th succeeded, and ends like `end` says.
fn program(steps: &[Step], end: &[u8]) -> Vec<u8> {
    let (mut code, mut places) = (Vec::new(), Vec::new());
    for (step, slot) in steps.iter().zip(0u8..) {
        let length = u16::try_from(step.input.len()).unwrap().to_be_bytes();
        // CODECOPY(0, place of the input, its length)
        code.extend([0x61, length[0], length[1], 0x61]);
        places.push(code.len());
        code.extend([0, 0, 0x5f, 0x39]);
        // return 0 0, arguments 0 length
        code.extend([0x5f, 0x5f, 0x61, length[0], length[1], 0x5f]);
        if matches!(step.instruction, CALL | CALLCODE) {
            code.push(0x67);
            code.extend(step.value.to_be_bytes());
        }
        code.push(0x73);
        code.extend(step.to.as_slice());
        match step.gas {
            None => code.push(0x5a),
            Some(gas) => {
                code.push(0x67);
                code.extend(gas.to_be_bytes());
            }
        }
        // The call, and SSTORE(slot, success)
        code.extend([step.instruction, 0x60, slot, 0x55]);
    }
    code.extend(end);
    code.push(0x00);
    for (step, place) in steps.iter().zip(places) {
        let offset = u16::try_from(code.len()).unwrap().to_be_bytes();
        code[place..place + 2].copy_from_slice(&offset);
        code.extend(&step.input);
    }
    code
}

/// REVERT(0, 0)
const REVERT: &[u8] = &[0x5f, 0x5f, 0xfd];

/// A chain with these programs at [`OUTER`] and [`INNER`], each with units and native units, and a payee whose code would
/// note at slot 0 that it was called.
fn chain_with(outer: Vec<u8>, inner: Vec<u8>) -> Chain {
    let mut file = genesis(Rules::default());
    for (address, code) in [(OUTER, outer), (INNER, inner), (PAYEE, vec![0x60, 1, 0x5f, 0x55, 0x00])] {
        let account = GenesisAccount { code: code.into(), balance: U256::from(100), ..GenesisAccount::default() };
        file.accounts.insert(address, account);
    }
    let mut chain = Chain::of(file);
    chain.block(&[signer(1).pay(0, OUTER, STAKE), signer(1).pay(1, INNER, STAKE)]);
    chain
}

/// Calls [`OUTER`] with much gas; whether the transaction succeeded.
fn strike(chain: &mut Chain) -> Executed {
    strike_with(chain, 14_000_000)
}

fn strike_with(chain: &mut Chain, gas_limit: u64) -> Executed {
    let nonce = chain.nonce(signer(2).address());
    let tx = TxEip1559 { to: TxKind::Call(OUTER), ..free(nonce, gas_limit) };
    chain.block(&[signer(2).sign(tx)])
}

/// What modules keep, but for the sender's count of gas: slots that are not zero.
fn kept(chain: &Chain) -> BTreeMap<(Address, U256), U256> {
    let [.., count] = florin_modules::touched_slots(signer(2).address(), None, &[])[..] else { panic!("no account") };
    let slots = chain.state.slots.iter().map(|(place, value)| (*place, *value));
    slots.filter(|(place, value)| is_module(place.0) && !value.is_zero() && *place != count).collect()
}

/// Modules keep the same.
fn same(one: &BTreeMap<(Address, U256), U256>, other: &BTreeMap<(Address, U256), U256>) {
    let places = one.keys().chain(other.keys()).filter(|place| one.get(place) != other.get(place));
    assert_eq!(places.collect::<Vec<_>>(), Vec::<&(Address, U256)>::new());
}

/// Events alone give every balance, and every invariant of every module holds.
fn sound(chain: &Chain, executed: &[&Executed]) {
    let mut books = Books::default();
    (1..=4).for_each(|number| books.balances.credit_genesis(token(), signer(number).address(), UNITS));
    for (payee, amount) in [(OUTER, STAKE), (INNER, STAKE)] {
        let event = IToken::Transfer { from: signer(1).address(), to: payee, value: U256::from(amount) };
        let log = alloy_primitives::Log { address: token(), data: alloy_sol_types::SolEvent::encode_log_data(&event) };
        books.apply(&log).unwrap();
    }
    for log in executed.iter().flat_map(|executed| &executed.receipts).flat_map(|receipt| receipt.logs()) {
        books.apply(log).unwrap();
    }
    let env = CallEnv::reader(chain.rules());
    let violations = florin_modules::query(&chain.state, env, |context| books.check(context));
    assert_eq!(violations, Ok(Vec::new()));
}

fn uetr(number: u8) -> B256 {
    B256::with_last_byte(number)
}

fn pay(amount: u64, number: u8) -> Vec<u8> {
    IPayment::payCall {
        token: token(),
        payee: PAYEE,
        amount: U256::from(amount),
        uetr: uetr(number),
        debtorAgent: Default::default(),
        creditorAgent: Default::default(),
        endToEnd: B256::ZERO,
        purpose: Default::default(),
        remittance: B256::ZERO,
        priority: 0,
        parkUntilMs: 0,
    }
    .abi_encode()
}

fn reserve(amount: u64, number: u8, poster: Address) -> Vec<u8> {
    IPayment::reserveCall {
        token: token(),
        payee: PAYEE,
        amount: U256::from(amount),
        uetr: uetr(number),
        debtorAgent: Default::default(),
        creditorAgent: Default::default(),
        endToEnd: B256::ZERO,
        purpose: Default::default(),
        remittance: B256::ZERO,
        priority: 0,
        expiryMs: GENESIS_MS + 3_600_000,
        poster,
    }
    .abi_encode()
}

fn batch(amounts: &[u128], number: u8) -> Vec<u8> {
    let item = |amount: &u128| BatchItem { to: PAYEE, amount: *amount, reference: [7; 8] }.encode().unwrap();
    let items: Vec<u8> = amounts.iter().flat_map(item).collect();
    payBatchCall { token: token(), uetr: uetr(number), mode: 1, items: items.into() }.abi_encode()
}

fn escrow(amount: u64, approver: Address) -> Vec<u8> {
    let terms = IEscrow::Terms {
        token: token(),
        payee: PAYEE,
        amount: U256::from(amount),
        deadlineMs: GENESIS_MS + 3_600_000,
        deadlineOutcome: 1,
        hashLock: B256::ZERO,
        approvers: vec![approver],
        approvalsNeeded: 1,
        parts: Vec::new(),
        arbiter: Address::ZERO,
        rulingMs: 0,
        silenceOutcome: 0,
        agreementHash: B256::repeat_byte(1),
    };
    IEscrow::openCall { terms }.abi_encode()
}

fn channel(amount: u64) -> Vec<u8> {
    let amount = U256::from(amount);
    IChannel::openCall { token: token(), payee: PAYEE, amount, challengeMs: 60_000 }.abi_encode()
}

fn approve(spender: Address) -> Vec<u8> {
    IToken::approveCall { spender, amount: U256::from(5_000) }.abi_encode()
}

fn scheme() -> Vec<u8> {
    ISettlement::createSchemeCall { token: token(), bypassFifo: false, defaultRule: 0 }.abi_encode()
}

/// An operation of every module that a contract can begin by itself.
fn operations() -> Vec<(Address, Vec<u8>)> {
    vec![
        (token(), transfer(PAYEE, 1)),
        (token(), approve(PAYEE)),
        (PAYMENT_ADDRESS, pay(10, 1)),
        (PAYMENT_ADDRESS, reserve(20, 2, Address::ZERO)),
        (PAYMENT_ADDRESS, batch(&[1, 2, 0, 3], 3)),
        (ESCROW_ADDRESS, escrow(30, OUTER)),
        (CHANNEL_ADDRESS, channel(40)),
        (EXCHANGE_ADDRESS, IExchange::registerProviderCall {}.abi_encode()),
        (SETTLEMENT_ADDRESS, scheme()),
        (
            POLICY_ADDRESS,
            florin_modules::policy::IPolicy::createListCall { kind: 1, admin: OUTER, members: vec![PAYEE] }
                .abi_encode(),
        ),
    ]
}

/// A contract does every operation in a contract that then reverts, catches that, and goes on: nothing is left of what
/// was caught: no hold, number, UETR, counter, tariff or record, and what comes after costs and does what it does without.
#[test]
fn what_was_caught_leaves_nothing() {
    let attempts: Vec<Step> = operations().into_iter().map(|(to, input)| step(to, input)).collect();
    let after = || operations().into_iter().map(|(to, input)| step(to, input));
    let caught: Vec<Step> = [step(INNER, Vec::new())].into_iter().chain(after()).collect();
    let mut with = chain_with(program(&caught, &[]), program(&attempts, REVERT));
    let mut without = chain_with(program(&caught, &[]), REVERT.to_vec());
    let (one, two) = (strike(&mut with), strike(&mut without));
    assert_eq!((statuses(&one), statuses(&two)), (vec![true], vec![true]));
    assert_eq!(with.slot(OUTER, 0), U256::ZERO, "it reverted");
    let done: Vec<U256> = (1..=operations().len() as u64).map(|slot| with.slot(OUTER, slot)).collect();
    assert_eq!(done, vec![U256::ONE; operations().len()], "what came after succeeded");
    same(&kept(&with), &kept(&without));
    assert_eq!(one.receipts[0].logs(), two.receipts[0].logs());
    sound(&with, &[&one]);
    assert_eq!(with.slot(PAYEE, 0), U256::ZERO, "nobody calls a payee");
}

/// The same without catching: a transaction that reverts changes nothing of any module.
#[test]
fn what_reverts_as_a_whole_leaves_nothing() {
    let attempts: Vec<Step> = operations().into_iter().map(|(to, input)| step(to, input)).collect();
    for end in [REVERT, &[0xfe]] {
        let mut chain = chain_with(program(&attempts, end), Vec::new());
        let before = kept(&chain);
        let executed = strike(&mut chain);
        assert_eq!(statuses(&executed), [false]);
        assert!(executed.receipts[0].logs().is_empty());
        same(&kept(&chain), &before);
        sound(&chain, &[]);
    }
}

/// In another's name, within a static call or with value, no operation of any module does anything; the caller goes on.
#[test]
fn no_way_of_calling_but_the_plain_one_changes_a_module() {
    let plain = operations().into_iter().map(|(to, input)| step(to, input));
    let mut steps: Vec<Step> = Vec::new();
    for each in plain {
        for instruction in [DELEGATECALL, CALLCODE, STATICCALL] {
            steps.push(Step { instruction, ..each.clone() });
        }
        steps.push(Step { value: 1, ..each.clone() });
        // With the stipend that comes with value alone.
        steps.push(Step { value: 1, gas: Some(0), ..each });
    }
    let mut chain = chain_with(program(&steps, &[]), Vec::new());
    let before = kept(&chain);
    let executed = strike(&mut chain);
    assert_eq!(statuses(&executed), [true]);
    assert!((0..steps.len() as u64).all(|slot| chain.slot(OUTER, slot).is_zero()), "one succeeded");
    assert!(executed.receipts[0].logs().is_empty());
    same(&kept(&chain), &before);
    let modules = [token(), PAYMENT_ADDRESS, ESCROW_ADDRESS, CHANNEL_ADDRESS, POLICY_ADDRESS, PERMISSION_ADDRESS];
    assert!(modules.iter().all(|module| chain.balance(*module).is_zero()));
}

/// Storage that notes how much gas is gone after each thing that is asked of it.
struct Recorder {
    memory: MemoryStorage,
    marks: Vec<u64>,
}

impl Recorder {
    fn mark<T>(&mut self, answer: T) -> T {
        self.marks.push(self.memory.gas_used);
        answer
    }
}

impl Storage for Recorder {
    fn load(&mut self, address: Address, slot: U256) -> Result<U256, Failure> {
        let answer = self.memory.load(address, slot);
        self.mark(answer)
    }

    fn store(&mut self, address: Address, slot: U256, value: U256) -> Result<(), Failure> {
        let answer = self.memory.store(address, slot, value);
        self.mark(answer)
    }

    fn set_tariff(&mut self, tariff: Tariff) {
        self.memory.set_tariff(tariff);
    }

    fn log(&mut self, address: Address, topics: Vec<B256>, data: Bytes) -> Result<(), Failure> {
        let answer = self.memory.log(address, topics, data);
        self.mark(answer)
    }

    fn charge(&mut self, gas: u64) -> Result<(), Failure> {
        let answer = self.memory.charge(gas);
        self.mark(answer)
    }

    fn set_code(&mut self, address: Address, code: Bytes) -> Result<(), Failure> {
        let answer = self.memory.set_code(address, code);
        self.mark(answer)
    }

    fn keccak(&mut self, data: &[u8]) -> Result<B256, Failure> {
        let answer = self.memory.keccak(data);
        self.mark(answer)
    }

    fn recover(&mut self, digest: B256, v: u8, r: B256, s: B256) -> Result<Option<Address>, Failure> {
        let answer = self.memory.recover(digest, v, r, s);
        self.mark(answer)
    }
}

/// Gas at which the operation, called by [`OUTER`], asks for each of its slots, logs and hashes.
fn marks(chain: &Chain, to: Address, input: &[u8]) -> Vec<u64> {
    let mut memory = MemoryStorage::default();
    memory.slots = chain.state.slots.clone();
    memory.begin(u64::MAX);
    let mut recorder = Recorder { memory, marks: Vec::new() };
    let timestamp_ms = chain.env().timestamp_ms;
    let env = CallEnv { caller: OUTER, is_static: false, timestamp_ms, ..CallEnv::reader(chain.rules()) };
    florin_modules::dispatch(&mut Context::new(env, &mut recorder), to, input).unwrap();
    recorder.marks.dedup();
    recorder.marks
}

/// Every operation is given just too little gas for each thing that it asks for, one after the other in one transaction of
/// a contract that goes on: nothing of it remains. With what it needs, and room for the stipend, it then succeeds.
#[test]
fn out_of_gas_at_every_point_changes_nothing() {
    let fresh = chain_with(vec![0x00], Vec::new());
    let mut points = 0;
    for (to, input) in operations() {
        let marks = marks(&fresh, to, &input);
        let last = *marks.last().unwrap();
        points += marks.len();
        // A mark that failed leaves its slots warm no more than its units: each attempt is as cold as the first.
        let starved = marks.iter().map(|mark| Step { gas: Some(mark - 1), ..step(to, input.clone()) });
        let starved: Vec<Step> = starved.collect();
        for part in starved.chunks(120) {
            let mut chain = chain_with(program(part, &[]), Vec::new());
            let before = kept(&chain);
            let executed = strike_with(&mut chain, 16_000_000);
            assert_eq!(statuses(&executed), [true]);
            let succeeded = (0..part.len() as u64).find(|slot| !chain.slot(OUTER, *slot).is_zero());
            assert_eq!(succeeded, None, "{to} succeeded with less gas than it takes: {marks:?}");
            assert!(executed.receipts[0].logs().is_empty());
            same(&kept(&chain), &before);
        }
        let enough = Step { gas: Some(last + 2_300), ..step(to, input.clone()) };
        let mut chain = chain_with(program(&[enough], &[]), Vec::new());
        let executed = strike(&mut chain);
        assert_eq!((statuses(&executed), chain.slot(OUTER, 0)), (vec![true], U256::ONE), "{to}");
        sound(&chain, &[&executed]);
    }
    assert!(points > 150, "{points} points");
}

/// The same for whole transactions: each limit below what is needed takes all gas and nothing else.
#[test]
fn a_transaction_out_of_gas_changes_nothing_but_gas() {
    let steps: Vec<Step> = operations().into_iter().map(|(to, input)| step(to, input)).collect();
    let mut chain = chain_with(program(&steps, &[]), Vec::new());
    let (untouched, before) = (chain.state.clone(), kept(&chain));
    let head = chain.head.clone();
    let needed = strike(&mut chain).gas_used;
    let mut limit = 30_000;
    let mut failures = 0;
    while limit < needed {
        let mut chain = Chain { genesis: chain.genesis.clone(), state: untouched.clone(), head: head.clone() };
        let executed = strike_with(&mut chain, limit);
        if statuses(&executed) == [false] {
            assert_eq!(executed.gas_used, limit, "all gas is gone");
            assert!(executed.receipts[0].logs().is_empty());
            same(&kept(&chain), &before);
            failures += 1;
        }
        sound(&chain, &[&executed]);
        limit += 9_973;
    }
    assert!(failures > 10, "{failures} of {needed}");
}

/// A contract that pays itself, others and through allowances again and again, and calls itself in between.
#[test]
fn loops_and_nested_calls_keep_books() {
    let pull = IToken::transferFromCall { from: OUTER, to: INNER, amount: U256::from(7) }.abi_encode();
    let inner: Vec<Step> =
        (0..20).flat_map(|number| [step(token(), pull.clone()), step(PAYMENT_ADDRESS, pay(3, number + 1))]).collect();
    let mut outer = vec![step(token(), approve(INNER)), step(token(), transfer(OUTER, 5))];
    for number in 0..5 {
        outer.push(step(INNER, Vec::new()));
        outer.push(step(PAYMENT_ADDRESS, batch(&[1, 1, 1], 100 + number)));
        // The same UETR again, and more than there is.
        outer.push(step(PAYMENT_ADDRESS, batch(&[1], 100 + number)));
        outer.push(step(token(), transfer(PAYEE, STAKE)));
    }
    let mut chain = chain_with(program(&outer, &[]), program(&inner, &[]));
    let executed = strike(&mut chain);
    assert_eq!(statuses(&executed), [true]);
    // Five times 20 pulls of 7; the 20 payments of 3 happen once, because each UETR is used once; five batches of 3.
    assert_eq!(chain.units(OUTER), U256::from(STAKE - 5 * 20 * 7 - 5 * 3));
    assert_eq!(chain.units(INNER), U256::from(STAKE + 5 * 20 * 7 - 20 * 3));
    assert_eq!(chain.units(PAYEE), U256::from(20 * 3 + 5 * 3));
    assert_eq!(chain.slot(PAYEE, 0), U256::ZERO, "nobody calls a payee");
    sound(&chain, &[&executed]);
}

/// A contract may be payer, poster and approver; what it reserved is posted by it and by nobody else.
#[test]
fn contracts_are_parties_like_any_other() {
    let post = |payer| IPayment::postCall { payer, uetr: uetr(1), amount: U256::MAX }.abi_encode();
    let approval = IEscrow::approveCall { escrowId: 1, part: 0, evidenceHash: B256::ZERO, payNow: true }.abi_encode();
    let inner = [
        step(PAYMENT_ADDRESS, post(OUTER)),
        step(PAYMENT_ADDRESS, post(OUTER)),
        step(ESCROW_ADDRESS, approval.clone()),
        step(ESCROW_ADDRESS, approval.clone()),
    ];
    let outer = [
        step(PAYMENT_ADDRESS, reserve(100, 1, INNER)),
        step(ESCROW_ADDRESS, escrow(200, INNER)),
        // Neither the payer nor its code under another name posts or approves.
        step(PAYMENT_ADDRESS, post(OUTER)),
        step(ESCROW_ADDRESS, approval),
        Step { instruction: DELEGATECALL, ..step(INNER, Vec::new()) },
    ];
    let mut chain = chain_with(program(&outer, &[]), program(&inner, &[]));
    let first = strike(&mut chain);
    assert_eq!(statuses(&first), [true]);
    // INNER's code in OUTER's name: nothing was posted, although the flags that it wrote stand at OUTER.
    assert_eq!(chain.units(PAYEE), U256::ZERO);
    let tx = TxEip1559 { to: TxKind::Call(INNER), ..free(chain.nonce(signer(2).address()), 2_000_000) };
    let second = chain.block(&[signer(2).sign(tx)]);
    assert_eq!(statuses(&second), [true]);
    let flags: Vec<U256> = (0..4).map(|slot| chain.slot(INNER, slot)).collect();
    assert_eq!(flags, [1, 0, 1, 0].map(U256::from), "each once");
    assert_eq!(chain.units(PAYEE), U256::from(300));
    assert_eq!(chain.slot(PAYEE, 0), U256::ZERO, "nobody calls a payee");
    sound(&chain, &[&first, &second]);
}

/// A contract that destroys itself in favour of a module forces native units on it: they lie there, and the module's code,
/// slots and answers are what they were. Its own units stay where they are.
#[test]
fn self_destruction_harms_no_module() {
    for module in [token(), PAYMENT_ADDRESS, ESCROW_ADDRESS, POLICY_ADDRESS] {
        let end = [&[0x73][..], module.as_slice(), &[SELFDESTRUCT]].concat();
        let steps = [step(PAYMENT_ADDRESS, reserve(100, 1, PAYEE)), step(token(), transfer(PAYEE, 50))];
        let mut chain = chain_with(program(&steps, &end), Vec::new());
        let executed = strike(&mut chain);
        assert_eq!(statuses(&executed), [true]);
        assert_eq!(chain.balance(module), U256::from(100));
        assert_eq!((chain.code(module).as_ref(), chain.nonce(module)), (&[0xfe][..], 1));
        assert_eq!((chain.units(OUTER), chain.units(PAYEE)), (U256::from(STAKE - 50), U256::from(50)));
        let later = chain.block(&[signer(3).pay(0, PAYEE, 1)]);
        assert_eq!(statuses(&later), [true]);
        sound(&chain, &[&executed, &later]);
    }
}

/// A contract that lives for one transaction only: it is paid, reserves, and is gone (EIP-6780). Its units and its hold
/// are kept under its address, which nobody can call from again but by creating the same code.
#[test]
fn units_of_a_contract_that_is_gone_are_kept() {
    let runtime = program(
        &[step(PAYMENT_ADDRESS, reserve(60, 1, Address::ZERO)), step(token(), transfer(PAYEE, 10))],
        &[0x33, SELFDESTRUCT],
    );
    let init = deploys(&runtime);
    // OUTER copies its input, creates it with salt 0, pays it 100 and calls it.
    let child = OUTER.create2_from_code(B256::ZERO, &init);
    let calls = program(&[step(token(), transfer(child, 100)), step(child, Vec::new())], &[]);
    let create = [0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x36, 0x5f, 0x5f, 0xf5, 0x50];
    // The inputs of the calls lie further back by the length of the creation.
    let mut code = create.to_vec();
    code.extend(relocated(&calls, create.len(), 2));
    let mut chain = chain_with(code, Vec::new());
    let executed = chain.block(&[signer(2).sign(TxEip1559 {
        to: TxKind::Call(OUTER),
        input: init.clone(),
        ..free(0, 5_000_000)
    })]);
    assert_eq!(statuses(&executed), [true]);
    assert_eq!((chain.slot(OUTER, 0), chain.slot(OUTER, 1)), (U256::ONE, U256::ONE));
    assert!(chain.state.account(child).unwrap().is_none(), "it is gone");
    assert_eq!((chain.units(child), chain.units(PAYEE)), (U256::from(90), U256::from(10)));
    sound(&chain, &[&executed]);
    // The payee alone could take what is reserved; it is a contract that does not. The hold is what it was.
    let hold = IToken::holdOfCall { holdId: 1 }.abi_encode();
    let request = crate::TransactionRequest::default().to(token()).input(Bytes::from(hold).into());
    let (env, none) = (chain.env(), Default::default());
    let found = crate::call(&chain.state, CHAIN_ID, chain.rules(), &env, &request, &none, &Default::default());
    let crate::CallStatus::Success(data) = found.unwrap().status else { panic!() };
    let found = IToken::holdOfCall::abi_decode_returns(&data).unwrap();
    assert_eq!((found.owner, found.amount), (child, U256::from(60)));
}

/// A program that stands `by` bytes later than it was made for.
fn relocated(code: &[u8], by: usize, calls: usize) -> Vec<u8> {
    let mut code = code.to_vec();
    // PUSH2 length, PUSH2 place, PUSH0, CODECOPY begins each call; between them lie 9 + 9 + 21 + 1 + 4 bytes.
    let mut at = 4;
    for _ in 0..calls {
        let place = usize::from(u16::from_be_bytes([code[at], code[at + 1]])) + by;
        code[at..at + 2].copy_from_slice(&u16::try_from(place).unwrap().to_be_bytes());
        at += 4 + 6 + 9 + 21 + 1 + 4 + 4;
    }
    code
}

/// Addresses of modules cannot be created at: neither by genesis nor, with any salt that anyone could find, by CREATE2.
/// What stands there is the marker, and calling it runs the module, not the marker.
#[test]
fn nobody_gets_code_at_a_module() {
    let modules = [&[token(), florin_modules::token_address(2)], florin_modules::singleton_addresses()].concat();
    for module in modules {
        let file = with_contract(genesis(Rules::default()), module, [0x00]);
        assert!(genesis_state(&file).is_err(), "{module}");
    }
    // A token that does not exist yet has no code, no answer, and no way to be something else before it exists.
    let absent = florin_modules::token_address(2);
    let steps = [
        step(absent, transfer(PAYEE, 1)),
        step(absent, Vec::new()),
        Step { value: 5, ..step(absent, Vec::new()) },
        Step { instruction: DELEGATECALL, ..step(absent, Vec::new()) },
    ];
    let mut chain = chain_with(program(&steps, &[]), Vec::new());
    assert_eq!(statuses(&strike(&mut chain)), [true]);
    assert!((0..4).all(|slot| chain.slot(OUTER, slot).is_zero()), "nobody answers there");
    assert!(chain.state.account(absent).unwrap().is_none());
}
