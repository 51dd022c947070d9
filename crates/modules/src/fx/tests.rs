//! Scenarios of foreign exchange: PvP, sides and roundings, two hops, cross-border payments, hostile quotes, precedence
//! of errors.

use super::{IExchange::*, invariants::TradeBook, *};
use crate::{
    CHANNEL_ADDRESS, CallEnv, Context, EXCHANGE_ADDRESS, FACTORY_ADDRESS, Failure, MemoryStorage, POLICY_ADDRESS,
    calls::IModule,
    dispatch,
    factory::IFactory::createTokenCall,
    policy::IPolicy::addMembersCall,
    testing::{ADMIN, COMPLIANCE, FREEZER, ISSUER, Ledger, PAUSER, account, key, model_cases, sign, units, world},
    token::{
        self,
        IToken::{self, grantRoleCall, mintCall, pauseCall, setAddressFrozenCall, unpauseCall},
    },
    token_address, typed_data,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolError, SolEvent, SolInterface, SolValue};
use secp256k1::SecretKey;

mod cross_border;
mod hostile;
mod model;

const TO: Address = EXCHANGE_ADDRESS;
const ALL: U256 = U256::MAX;
const TAKER: Address = Address::repeat_byte(1);
const PAYEE: Address = Address::repeat_byte(3);
const ANYONE: Address = Address::repeat_byte(9);

fn eur() -> Address {
    token_address(1)
}

fn usd() -> Address {
    token_address(2)
}

fn chf() -> Address {
    token_address(3)
}

/// Gives USD for EUR.
fn provider() -> (SecretKey, Address) {
    key(21)
}

/// Gives CHF for USD.
fn second_provider() -> (SecretKey, Address) {
    key(22)
}

/// Three currencies: the taker has 1,000 EUR, the first provider 100,000 USD, the second one 100,000 CHF.
fn set_up() -> Ledger {
    let mut ledger = world();
    for (symbol, token, holder) in [("USD", usd(), provider().1), ("CHF", chf(), second_provider().1)] {
        let call = createTokenCall {
            name: symbol.into(),
            symbol: symbol.into(),
            decimals: 2,
            admin: ADMIN,
            policyId: 2,
            supplyCap: units(1_000_000),
        };
        assert_eq!(ledger.ok(ADMIN, FACTORY_ADDRESS, call), token);
        for (role, clerk) in
            [(token::ISSUER_ROLE, ISSUER), (token::FREEZER_ROLE, FREEZER), (token::PAUSER_ROLE, PAUSER)]
        {
            ledger.ok(ADMIN, token, grantRoleCall { role, account: clerk });
        }
        ledger.ok(ISSUER, token, mintCall { to: holder, amount: units(100_000) });
        ledger.ok(holder, TO, registerProviderCall {});
    }
    ledger
}

/// 400 EUR for 435 USD and a fee of 3 EUR, for anyone, for ten seconds; the sold amount is fixed.
fn quote(ledger: &Ledger) -> Quote {
    Quote {
        provider: provider().1,
        epoch: 0,
        nonce: B256::repeat_byte(1),
        taker: Address::ZERO,
        sellToken: eur(),
        buyToken: usd(),
        sellAmount: units(400),
        buyAmount: units(435),
        leastAmount: units(10),
        side: 1,
        rounding: 1,
        fee: units(3),
        expiresAtMs: ledger.timestamp_ms + 10_000,
    }
}

/// 1,000 USD for 800 CHF and a fee of 5 USD.
fn second_quote(ledger: &Ledger) -> Quote {
    Quote {
        provider: second_provider().1,
        sellToken: usd(),
        buyToken: chf(),
        sellAmount: units(1_000),
        buyAmount: units(800),
        fee: units(5),
        ..quote(ledger)
    }
}

fn order(amount: U256) -> Order {
    Order {
        amount,
        maxSent: ALL,
        minReceived: U256::ZERO,
        payee: PAYEE,
        uetr: B256::ZERO,
        debtorAgent: B256::ZERO,
        creditorAgent: B256::ZERO,
        remittanceHash: B256::ZERO,
    }
}

fn secret_of(provider_address: Address) -> SecretKey {
    [provider(), second_provider()].into_iter().find(|(_, address)| *address == provider_address).unwrap().0
}

fn signed(ledger: &mut Ledger, quote: &Quote) -> Bytes {
    let digest = ledger.ok(ANYONE, TO, quoteDigestCall { quote: quote.clone() });
    packed(&secret_of(quote.provider), digest)
}

fn packed(secret: &SecretKey, digest: B256) -> Bytes {
    let (v, r, s) = sign(secret, digest);
    [r.as_slice(), s.as_slice(), &[v]].concat().into()
}

fn executing(ledger: &mut Ledger, quote: Quote, order: Order) -> executeCall {
    let signature = signed(ledger, &quote);
    executeCall { quote, signature, order }
}

fn executing_via(ledger: &mut Ledger, first: Quote, second: Quote, order: Order) -> executeViaCall {
    let (one, two) = (signed(ledger, &first), signed(ledger, &second));
    executeViaCall { first, firstSignature: one, second, secondSignature: two, order }
}

fn balance(ledger: &mut Ledger, token: Address, who: Address) -> u64 {
    ledger.ok(who, token, IToken::balanceOfCall { account: who }).to()
}

fn sound(ledger: &mut Ledger) {
    let mut book = TradeBook::default();
    ledger.storage.logs.iter().for_each(|log| book.apply(log).unwrap());
    assert_eq!(ledger.run(ANYONE, |x| book.check(x)).unwrap(), []);
}

// ----- one hop -------------------------------------------------------------------------------------------------------

#[test]
fn both_currencies_move_or_none() {
    let mut ledger = set_up();
    let full = quote(&ledger);
    let call = executing(&mut ledger, full.clone(), order(ALL));
    let done = ledger.ok(TAKER, TO, call);
    assert_eq!((done.tradeId, done.sent, done.received), (1, units(403), units(435)));
    let expected = Exchanged {
        tradeId: 1,
        taker: TAKER,
        provider: full.provider,
        nonce: full.nonce,
        sellToken: eur(),
        buyToken: usd(),
        sent: units(403),
        received: units(435),
        fee: units(3),
        payee: PAYEE,
    };
    assert_eq!(ledger.last_event::<Exchanged>(), (TO, expected));
    let found = [(eur(), TAKER), (eur(), full.provider), (usd(), full.provider), (usd(), PAYEE), (usd(), TAKER)];
    assert_eq!(found.map(|(token, who)| balance(&mut ledger, token, who)), [597, 403, 99_565, 435, 0]);
    assert_eq!((balance(&mut ledger, eur(), TO), balance(&mut ledger, usd(), TO)), (0, 0), "nothing stays here");

    // The second leg fails: nothing is left of the first.
    let broke = Quote { nonce: B256::repeat_byte(2), buyAmount: units(100_000), ..full };
    let call = executing(&mut ledger, broke.clone(), order(ALL));
    let short =
        IToken::ERC20InsufficientBalance { sender: broke.provider, balance: units(99_565), needed: units(100_000) };
    ledger.reverts(TAKER, TO, call, short);
    assert_eq!(balance(&mut ledger, eur(), TAKER), 597);
    assert!(!ledger.ok(ANYONE, TO, isNonceUsedCall { provider: broke.provider, nonce: broke.nonce }));
    assert_eq!(ledger.ok(ANYONE, TO, tradeCountCall {}), 1);
    sound(&mut ledger);
}

/// Side, rounding, amount of the fixed side; expected sent (with the fee of 3) and received.
#[test]
fn the_side_fixes_one_amount_and_the_other_is_rounded_as_named() {
    let table = [
        (1, 1, 400, 403, 435),
        (1, 2, 400, 403, 435),
        (1, 1, 100, 103, 108), // 108.75
        (1, 2, 100, 103, 109),
        (1, 1, 10, 13, 10), // 10.875
        (2, 1, 435, 403, 435),
        (2, 2, 435, 403, 435),
        (2, 1, 100, 94, 100), // 91.954
        (2, 2, 100, 95, 100),
        (2, 2, 10, 13, 10), // 9.195
    ];
    for (side, rounding, amount, sent, received) in table {
        let mut ledger = set_up();
        let quote = Quote { side, rounding, ..quote(&ledger) };
        let cost = ledger.ok(ANYONE, TO, costOfCall { quote: quote.clone(), amount: units(amount) });
        assert_eq!((cost.sent, cost.received, cost.fee), (units(sent), units(received), units(3)), "{amount}");
        let call = executing(&mut ledger, quote, order(units(amount)));
        let done = ledger.ok(TAKER, TO, call);
        assert_eq!((done.sent, done.received), (units(sent), units(received)), "{side} {rounding} {amount}");
        assert_eq!(u128::from(balance(&mut ledger, eur(), TAKER)), 1_000 - sent);
        assert_eq!(u128::from(balance(&mut ledger, usd(), PAYEE)), received);
    }
}

#[test]
fn the_largest_amounts_are_computed_without_loss() {
    let mut ledger = set_up();
    let huge = Quote {
        sellAmount: units(u128::MAX),
        buyAmount: units(u128::MAX - 1),
        leastAmount: units(1),
        fee: U256::ZERO,
        ..quote(&ledger)
    };
    let mut cost = |side, rounding, amount: u128| {
        let quote = Quote { side, rounding, ..huge.clone() };
        let cost = ledger.ok(ANYONE, TO, costOfCall { quote, amount: units(amount) });
        (cost.sent.to::<u128>(), cost.received.to::<u128>())
    };
    assert_eq!(cost(1, 1, u128::MAX), (u128::MAX, u128::MAX - 1));
    assert_eq!(cost(1, 1, u128::MAX - 1), (u128::MAX - 1, u128::MAX - 2));
    assert_eq!(cost(1, 2, u128::MAX - 1), (u128::MAX - 1, u128::MAX - 1));
    assert_eq!(cost(2, 2, u128::MAX - 2), (u128::MAX - 1, u128::MAX - 2));
    assert_eq!(cost(2, 1, 1), (1, 1));
    let zero = costOfCall { quote: huge, amount: units(1) };
    ledger.reverts(ANYONE, TO, zero, ComputedAmountZero { amount: units(1) });
}

#[test]
fn a_quote_is_executed_once_and_late_in_the_very_instant() {
    let mut ledger = set_up();
    let quote = quote(&ledger);
    let call = executing(&mut ledger, quote.clone(), order(units(100)));
    let status = |ledger: &mut Ledger, quote: &Quote| ledger.ok(ANYONE, TO, quoteStatusCall { quote: quote.clone() });
    ledger.timestamp_ms = quote.expiresAtMs;
    assert_eq!(status(&mut ledger, &quote), 3);
    let late = QuoteExpired { expiresAtMs: quote.expiresAtMs, nowMs: quote.expiresAtMs };
    ledger.reverts(TAKER, TO, call.clone(), late);
    ledger.timestamp_ms = quote.expiresAtMs - 1;
    assert_eq!(status(&mut ledger, &quote), 0);
    ledger.ok(TAKER, TO, call.clone());
    assert_eq!(status(&mut ledger, &quote), 4);
    let used = || QuoteUsed { provider: quote.provider, nonce: quote.nonce };
    ledger.reverts(TAKER, TO, call, used());
    let twin = Quote { buyAmount: units(436), ..quote.clone() };
    let call = executing(&mut ledger, twin, order(ALL));
    ledger.reverts(TAKER, TO, call, used());
    sound(&mut ledger);
}

// ----- providers -----------------------------------------------------------------------------------------------------

#[test]
fn providers_come_go_revoke_and_cancel() {
    let mut ledger = set_up();
    let quote = quote(&ledger);
    let provider = quote.provider;
    let call = executing(&mut ledger, quote.clone(), order(units(100)));
    let known = |ledger: &mut Ledger| {
        let found = ledger.ok(ANYONE, TO, providerOfCall { account: provider });
        (found.active, found.epoch)
    };
    for stranger_call in [retireProviderCall {}.abi_encode(), revokeQuotesCall {}.abi_encode()] {
        let error = ProviderNotActive { provider: ANYONE }.abi_encode();
        assert_eq!(ledger.send(ANYONE, TO, &stranger_call), Err(Failure::Revert(error.into())));
    }
    let events = ledger.storage.logs.len();
    ledger.ok(provider, TO, registerProviderCall {});
    assert_eq!((known(&mut ledger), ledger.storage.logs.len()), ((true, 0), events), "what is so already stays");

    assert_eq!(ledger.ok(provider, TO, revokeQuotesCall {}), 1);
    assert_eq!(ledger.last_event::<QuotesRevoked>().1, QuotesRevoked { provider, epoch: 1 });
    let revoked = |current| QuoteRevoked { provider, epoch: 0, currentEpoch: current };
    ledger.reverts(TAKER, TO, call.clone(), revoked(1));
    ledger.ok(provider, TO, retireProviderCall {});
    ledger.reverts(TAKER, TO, call.clone(), ProviderNotActive { provider });
    ledger.ok(provider, TO, registerProviderCall {});
    ledger.reverts(TAKER, TO, call, revoked(2));
    assert_eq!(known(&mut ledger), (true, 2));

    let fresh = Quote { epoch: 2, ..quote };
    ledger.ok(provider, TO, cancelQuoteCall { nonce: fresh.nonce });
    let used = || QuoteUsed { provider, nonce: fresh.nonce };
    ledger.reverts(provider, TO, cancelQuoteCall { nonce: fresh.nonce }, used());
    let call = executing(&mut ledger, fresh.clone(), order(units(100)));
    ledger.reverts(TAKER, TO, call, used());
    // One provider's nonce is not another's.
    ledger.ok(ANYONE, TO, cancelQuoteCall { nonce: B256::repeat_byte(7) });
    let other = Quote { nonce: B256::repeat_byte(7), ..fresh };
    let call = executing(&mut ledger, other, order(units(100)));
    ledger.ok(TAKER, TO, call);
    sound(&mut ledger);
}

#[test]
fn a_request_is_answered_on_the_ledger_by_a_posted_quote() {
    let mut ledger = set_up();
    let answer_by = ledger.timestamp_ms + 500;
    let request =
        |side, sell, buy, amount, by| requestQuoteCall { sellToken: sell, buyToken: buy, amount, side, answerByMs: by };
    ledger.reverts(TAKER, TO, request(3, eur(), eur(), U256::ZERO, 0), QuoteSideInvalid { side: 3 });
    let same = QuoteTokensInvalid { sellToken: eur(), buyToken: eur() };
    ledger.reverts(TAKER, TO, request(1, eur(), eur(), U256::ZERO, 0), same);
    let unknown = IToken::TokenUnknown { token: account(50) };
    ledger.reverts(TAKER, TO, request(1, eur(), account(50), U256::ZERO, 0), unknown);
    for amount in [U256::ZERO, U256::MAX] {
        let error = OrderAmountInvalid { amount, least: units(1), most: units(u128::MAX) };
        ledger.reverts(TAKER, TO, request(1, eur(), usd(), amount, 0), error);
    }
    let now = ledger.timestamp_ms;
    let late = QuoteExpired { expiresAtMs: now, nowMs: now };
    ledger.reverts(TAKER, TO, request(1, eur(), usd(), units(400), now), late);
    assert_eq!(ledger.ok(TAKER, TO, request(1, eur(), usd(), units(400), answer_by)), 1);
    let (_, event) = ledger.last_event::<QuoteRequested>();
    assert_eq!((event.requestId, event.taker, event.amount), (1, TAKER, units(400)));

    let quote = Quote { taker: TAKER, ..quote(&ledger) };
    let post = |quote: &Quote, request| postQuoteCall { quote: quote.clone(), requestId: request };
    let own = QuoteNotOwn { provider: quote.provider, caller: ANYONE };
    ledger.reverts(ANYONE, TO, post(&quote, 9), own);
    ledger.reverts(quote.provider, TO, post(&quote, 2), QuoteRequestUnknown { requestId: 2 });
    let bad = Quote { side: 0, ..quote.clone() };
    ledger.reverts(quote.provider, TO, post(&bad, 1), QuoteSideInvalid { side: 0 });
    let stale = Quote { epoch: 4, ..quote.clone() };
    let error = QuoteRevoked { provider: quote.provider, epoch: 4, currentEpoch: 0 };
    ledger.reverts(quote.provider, TO, post(&stale, 1), error);
    let digest = ledger.ok(quote.provider, TO, post(&quote, 1));
    let expected = QuotePosted { requestId: 1, provider: quote.provider, digest, quote: quote.clone() };
    assert_eq!(ledger.last_event::<QuotePosted>().1, expected);
    assert!(ledger.ok(ANYONE, TO, isPostedCall { digest }));

    // Only exactly this quote is firm, and an empty signature stands for nothing else.
    let unsigned = |quote: Quote| executeCall { quote, signature: Bytes::new(), order: order(ALL) };
    let unfirm = QuoteSignatureInvalid { provider: quote.provider, signer: Address::ZERO };
    ledger.reverts(TAKER, TO, unsigned(Quote { buyAmount: units(436), ..quote.clone() }), unfirm.clone());
    let garbage = executeCall { signature: vec![0; 65].into(), ..unsigned(quote.clone()) };
    ledger.reverts(TAKER, TO, garbage, unfirm);
    assert_eq!(ledger.ok(TAKER, TO, unsigned(quote.clone())).received, units(435));
    let used = QuoteUsed { provider: quote.provider, nonce: quote.nonce };
    ledger.reverts(TAKER, TO, unsigned(quote.clone()), used.clone());
    ledger.reverts(quote.provider, TO, post(&quote, 0), used);
    sound(&mut ledger);
}

// ----- precedence ----------------------------------------------------------------------------------------------------

/// Everything is wrong with this execution; each error is healed before the next is seen.
#[test]
fn errors_of_an_execution_come_in_the_promised_order() {
    let mut ledger = set_up();
    let provider = provider().1;
    let now = ledger.timestamp_ms;
    ledger.ok(provider, TO, revokeQuotesCall {});
    ledger.ok(provider, TO, retireProviderCall {});
    ledger.ok(provider, TO, cancelQuoteCall { nonce: B256::repeat_byte(1) });
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.ok(PAUSER, usd(), pauseCall {});
    let mut quote = Quote {
        taker: ANYONE,
        sellToken: account(50),
        buyToken: account(50),
        sellAmount: units(40),
        buyAmount: units(4),
        leastAmount: U256::ZERO,
        side: 0,
        rounding: 0,
        expiresAtMs: now,
        ..quote(&ledger)
    };
    let mut wanted = Order { payee: provider, uetr: B256::repeat_byte(1), minReceived: units(5), ..order(U256::ZERO) };
    wanted.maxSent = units(4);
    let check =
        |ledger: &mut Ledger, caller, quote: &Quote, order: &Order, signature: &Bytes, error: IExchangeErrors| {
            let call = executeCall { quote: quote.clone(), signature: signature.clone(), order: order.clone() };
            let failure = ledger.call(caller, TO, call).unwrap_err();
            assert_eq!(failure, Failure::Revert(error.abi_encode().into()), "{failure}");
        };
    let none = Bytes::new();
    use IExchangeErrors as E;
    check(&mut ledger, provider, &quote, &wanted, &none, E::QuoteSideInvalid(QuoteSideInvalid { side: 0 }));
    quote.side = 1;
    let error = E::QuoteRoundingInvalid(QuoteRoundingInvalid { rounding: 0 });
    check(&mut ledger, provider, &quote, &wanted, &none, error);
    quote.rounding = 1;
    let error = QuoteTokensInvalid { sellToken: account(50), buyToken: account(50) };
    check(&mut ledger, provider, &quote, &wanted, &none, E::QuoteTokensInvalid(error));
    for (sell, buy) in [(account(50), usd()), (eur(), account(50)), (eur(), token_address(9)), (eur(), CHANNEL_ADDRESS)]
    {
        (quote.sellToken, quote.buyToken) = (sell, buy);
        let token = if sell == eur() { buy } else { sell };
        let call = executeCall { quote: quote.clone(), signature: none.clone(), order: wanted.clone() };
        ledger.reverts(provider, TO, call, IToken::TokenUnknown { token });
    }
    (quote.sellToken, quote.buyToken) = (eur(), usd());
    let top = units(u128::MAX);
    for (sell, buy, least, fee) in [
        (units(0), units(4), units(1), units(0)),
        (units(40), units(0), units(1), units(0)),
        (units(40), units(4), units(0), units(0)),
        (units(40), units(4), units(41), units(0)),
        (top + U256::ONE, units(4), units(1), units(0)),
        (units(40), ALL, units(1), units(0)),
        (units(40), units(4), ALL, units(0)),
        (units(40), units(4), units(1), ALL),
        (units(40), units(4), units(1), top),
    ] {
        (quote.sellAmount, quote.buyAmount, quote.leastAmount, quote.fee) = (sell, buy, least, fee);
        let error = QuoteAmountsInvalid { sellAmount: sell, buyAmount: buy, leastAmount: least, fee };
        check(&mut ledger, provider, &quote, &wanted, &none, E::QuoteAmountsInvalid(error));
    }
    (quote.leastAmount, quote.fee) = (units(1), units(2));

    check(&mut ledger, provider, &quote, &wanted, &none, E::ProviderNotActive(ProviderNotActive { provider }));
    ledger.ok(provider, TO, registerProviderCall {});
    let error = QuoteRevoked { provider, epoch: 0, currentEpoch: 2 };
    check(&mut ledger, provider, &quote, &wanted, &none, E::QuoteRevoked(error));
    quote.epoch = 2;
    let error = QuoteExpired { expiresAtMs: now, nowMs: now };
    check(&mut ledger, provider, &quote, &wanted, &none, E::QuoteExpired(error));
    quote.expiresAtMs = now + 1;
    let error = QuoteUsed { provider, nonce: quote.nonce };
    check(&mut ledger, provider, &quote, &wanted, &none, E::QuoteUsed(error));
    quote.nonce = B256::repeat_byte(2);
    let error = QuoteTakerDiffers { taker: ANYONE, caller: provider };
    check(&mut ledger, provider, &quote, &wanted, &none, E::QuoteTakerDiffers(error));
    quote.taker = Address::ZERO;
    check(&mut ledger, provider, &quote, &wanted, &none, E::QuoteSelfTrade(QuoteSelfTrade { provider }));
    let error = QuoteSignatureInvalid { provider, signer: Address::ZERO };
    check(&mut ledger, TAKER, &quote, &wanted, &none, E::QuoteSignatureInvalid(error));
    let good = signed(&mut ledger, &quote);

    let error = OrderPayeeInvalid { payee: provider };
    check(&mut ledger, TAKER, &quote, &wanted, &good, E::OrderPayeeInvalid(error));
    wanted.payee = Address::ZERO;
    let agent = B256::repeat_byte(0xaa);
    for (uetr, debtor, creditor, remittance) in [
        (B256::repeat_byte(1), B256::ZERO, B256::ZERO, B256::ZERO),
        (B256::repeat_byte(1), agent, B256::ZERO, B256::ZERO),
        (B256::repeat_byte(1), B256::ZERO, agent, B256::ZERO),
        (B256::ZERO, agent, B256::ZERO, B256::ZERO),
        (B256::ZERO, B256::ZERO, agent, B256::ZERO),
        (B256::ZERO, B256::ZERO, B256::ZERO, agent),
    ] {
        (wanted.uetr, wanted.debtorAgent, wanted.creditorAgent, wanted.remittanceHash) =
            (uetr, debtor, creditor, remittance);
        let error = OrderDetailsInvalid { uetr, debtorAgent: debtor, creditorAgent: creditor };
        check(&mut ledger, TAKER, &quote, &wanted, &good, E::OrderDetailsInvalid(error));
    }
    let uetr = B256::repeat_byte(1);
    (wanted.uetr, wanted.debtorAgent, wanted.creditorAgent, wanted.remittanceHash) = (uetr, agent, agent, agent);
    ledger.run(ANYONE, |x| layout::layout().payments.of(&TAKER).of(&uetr).write(x, 77)).unwrap();
    check(&mut ledger, TAKER, &quote, &wanted, &good, E::ExchangeUetrUsed(ExchangeUetrUsed { uetr, tradeId: 77 }));
    wanted.uetr = B256::repeat_byte(2);
    for amount in [units(0), units(41), top, ALL - U256::ONE] {
        wanted.amount = amount;
        let error = OrderAmountInvalid { amount, least: units(1), most: units(40) };
        check(&mut ledger, TAKER, &quote, &wanted, &good, E::OrderAmountInvalid(error));
    }
    wanted.amount = units(9);
    let error = ComputedAmountZero { amount: units(9) };
    check(&mut ledger, TAKER, &quote, &wanted, &good, E::ComputedAmountZero(error));
    wanted.amount = units(20);
    let error = SentAboveMax { sent: units(22), maxSent: units(4) };
    check(&mut ledger, TAKER, &quote, &wanted, &good, E::SentAboveMax(error));
    wanted.maxSent = units(22);
    let error = ReceivedBelowMin { received: units(2), minReceived: units(5) };
    check(&mut ledger, TAKER, &quote, &wanted, &good, E::ReceivedBelowMin(error));
    wanted.minReceived = units(2);
    // Both tokens are paused, and nobody can be paid at the zero address: the first leg answers first.
    let call = |order: &Order| executeCall { quote: quote.clone(), signature: good.clone(), order: order.clone() };
    ledger.reverts(TAKER, TO, call(&wanted), IToken::EnforcedPause {});
    ledger.ok(PAUSER, eur(), unpauseCall {});
    ledger.reverts(TAKER, TO, call(&wanted), IToken::ERC20InvalidReceiver { receiver: Address::ZERO });
    wanted.payee = PAYEE;
    ledger.reverts(TAKER, TO, call(&wanted), IToken::EnforcedPause {});
    ledger.ok(PAUSER, usd(), unpauseCall {});
    let done = ledger.ok(TAKER, TO, call(&wanted));
    assert_eq!((done.tradeId, done.sent, done.received), (1, units(22), units(2)));
    sound(&mut ledger);
}

/// A contract may lay out its storage as a token's; nothing there is ever read as one.
#[test]
fn a_contract_that_looks_like_a_token_is_none() {
    let mut ledger = set_up();
    let impostor = account(66);
    let copy: Vec<_> =
        ledger.storage.slots.iter().filter(|((at, _), _)| *at == usd()).map(|(k, v)| (k.1, *v)).collect();
    ledger.storage.slots.extend(copy.into_iter().map(|(slot, word)| ((impostor, slot), word)));
    let quote = Quote { buyToken: impostor, ..quote(&ledger) };
    let call = executing(&mut ledger, quote, order(ALL));
    ledger.reverts(TAKER, TO, call, IToken::TokenUnknown { token: impostor });
}

// ----- two hops ------------------------------------------------------------------------------------------------------

/// Side, amount; expected sent, vehicle, received.
#[test]
fn two_hops_leave_nothing_of_the_vehicle_currency() {
    // SEND 400 EUR: 435 USD, less 5 of fee are 430, for 344 CHF. RECEIVE 344 CHF: 430 USD and 5 of fee, for 400 EUR.
    for (side, rounding, amount, sent, vehicle, received) in
        [(1, 1, 400, 403, 435, 344), (1, 1, 100, 103, 108, 82), (2, 2, 344, 403, 435, 344), (2, 2, 80, 100, 105, 80)]
    {
        let mut ledger = set_up();
        let first = Quote { side, rounding, ..quote(&ledger) };
        let second = Quote { side, rounding, ..second_quote(&ledger) };
        let call = costViaCall { first: first.clone(), second: second.clone(), amount: units(amount) };
        let cost = ledger.ok(ANYONE, TO, call);
        assert_eq!((cost.sent, cost.vehicle, cost.received), (units(sent), units(vehicle), units(received)));
        assert_eq!((cost.firstFee, cost.secondFee), (units(3), units(5)));
        let call = executing_via(&mut ledger, first.clone(), second.clone(), order(units(amount)));
        let done = ledger.ok(TAKER, TO, call.clone());
        assert_eq!((done.tradeId, done.sent, done.received), (1, units(sent), units(received)));
        let mut at = |token, who| u128::from(balance(&mut ledger, token, who));
        assert_eq!((at(eur(), TAKER), at(eur(), first.provider)), (1_000 - sent, sent));
        assert_eq!((at(usd(), first.provider), at(usd(), second.provider)), (100_000 - vehicle, vehicle));
        assert_eq!((at(chf(), second.provider), at(chf(), PAYEE)), (100_000 - received, received));
        assert_eq!((at(usd(), TAKER), at(usd(), PAYEE)), (0, 0));
        let used = QuoteUsed { provider: first.provider, nonce: first.nonce };
        ledger.reverts(TAKER, TO, call, used);
        sound(&mut ledger);
    }
}

#[test]
fn errors_of_two_hops_come_in_the_promised_order() {
    let mut ledger = set_up();
    let (mut first, mut second) = (quote(&ledger), second_quote(&ledger));
    (first.rounding, second.rounding, second.side) = (0, 0, 2);
    (first.expiresAtMs, second.expiresAtMs) = (0, 0);
    (second.sellToken, second.buyToken) = (chf(), eur());
    second.sellAmount = units(401);
    let mut wanted = Order { payee: second.provider, ..order(ALL) };
    let now = ledger.timestamp_ms;
    let none = Bytes::new();
    let call = |first: &Quote, second: &Quote, order: &Order| executeViaCall {
        first: first.clone(),
        firstSignature: none.clone(),
        second: second.clone(),
        secondSignature: none.clone(),
        order: order.clone(),
    };
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), QuoteRoundingInvalid { rounding: 0 });
    first.rounding = 1;
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), QuoteRoundingInvalid { rounding: 0 });
    second.rounding = 1;
    let error = QuoteSidesDiffer { firstSide: 1, secondSide: 2 };
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), error);
    second.side = 1;
    let error = VehicleDiffers { firstBuyToken: usd(), secondSellToken: chf() };
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), error);
    second.sellToken = usd();
    let error = QuoteTokensInvalid { sellToken: eur(), buyToken: eur() };
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), error);
    second.buyToken = chf();
    let expired = QuoteExpired { expiresAtMs: 0, nowMs: now };
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), expired.clone());
    first.expiresAtMs = now + 1;
    let unfirm = QuoteSignatureInvalid { provider: first.provider, signer: Address::ZERO };
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), unfirm);
    ledger.ok(first.provider, TO, postQuoteCall { quote: first.clone(), requestId: 0 });
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), expired);
    second.expiresAtMs = now + 1;
    ledger.ok(second.provider, TO, postQuoteCall { quote: second.clone(), requestId: 0 });
    let error = OrderPayeeInvalid { payee: second.provider };
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), error);
    wanted.payee = PAYEE;
    // The first hop gives 435 USD; less the fee of 5 that is more than the second takes.
    let error = OrderAmountInvalid { amount: units(430), least: units(10), most: units(401) };
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), error);
    (wanted.amount, wanted.maxSent, wanted.minReceived) = (units(300), units(302), units(1_000));
    let error = SentAboveMax { sent: units(303), maxSent: units(302) };
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), error);
    wanted.maxSent = units(303);
    // 326 USD less 5 are 321, for 640 CHF.
    let error = ReceivedBelowMin { received: units(640), minReceived: units(1_000) };
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), error);
    wanted.minReceived = units(640);
    ledger.ok(FREEZER, usd(), setAddressFrozenCall { userAddress: second.provider, freeze: true });
    let frozen = IToken::AccountFrozen { account: second.provider };
    ledger.reverts(TAKER, TO, call(&first, &second, &wanted), frozen);
    assert_eq!(balance(&mut ledger, eur(), TAKER), 1_000, "nothing is left of the first leg");
    ledger.ok(FREEZER, usd(), setAddressFrozenCall { userAddress: second.provider, freeze: false });
    ledger.ok(TAKER, TO, call(&first, &second, &wanted));
    sound(&mut ledger);
}

#[test]
fn one_nonce_never_serves_both_hops() {
    let mut ledger = set_up();
    let first = quote(&ledger);
    let provider = first.provider;
    ledger.ok(ISSUER, chf(), mintCall { to: provider, amount: units(1_000) });
    let second = Quote { provider, ..second_quote(&ledger) };
    let call = executing_via(&mut ledger, first.clone(), second.clone(), order(units(400)));
    ledger.reverts(TAKER, TO, call, QuoteUsed { provider, nonce: first.nonce });
    // With two nonces one provider may serve both; the vehicle currency is its own before and after.
    let second = Quote { nonce: B256::repeat_byte(2), ..second };
    let call = executing_via(&mut ledger, first, second, order(units(400)));
    ledger.ok(TAKER, TO, call);
    assert_eq!((balance(&mut ledger, usd(), provider), balance(&mut ledger, chf(), PAYEE)), (100_000, 344));
    sound(&mut ledger);
}

// ----- cross-border --------------------------------------------------------------------------------------------------

#[test]
fn a_cross_border_payment_commits_whole_or_not_at_all() {
    let mut ledger = set_up();
    let (uetr, agent, invoice) = (B256::repeat_byte(0x11), B256::repeat_byte(0xaa), B256::repeat_byte(0x22));
    let payment = Order { uetr, debtorAgent: agent, creditorAgent: agent, remittanceHash: invoice, ..order(ALL) };
    let full = quote(&ledger);
    let call = executing(&mut ledger, full.clone(), payment.clone());

    // The payee falls out of the target currency's policy: no leg, no record, and the quote can still be used.
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: vec![PAYEE] });
    let forbidden = IToken::PolicyForbids { policyId: 2, account: PAYEE };
    ledger.reverts(TAKER, TO, call.clone(), forbidden);
    assert_eq!(ledger.ok(ANYONE, TO, tradeOfUetrCall { debtor: TAKER, uetr }), 0);
    assert_eq!(ledger.ok(ANYONE, TO, quoteStatusCall { quote: full.clone() }), 0);
    let call_out = crate::policy::IPolicy::removeMembersCall { policyId: 2, accounts: vec![PAYEE] };
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, call_out);

    ledger.ok(TAKER, TO, call);
    let expected = CrossBorderPaid {
        uetr,
        tradeId: 1,
        debtor: TAKER,
        creditor: PAYEE,
        debtorAgent: agent,
        creditorAgent: agent,
        remittanceHash: invoice,
    };
    assert_eq!(ledger.last_event::<CrossBorderPaid>().1, expected);
    assert_eq!(ledger.ok(ANYONE, TO, tradeOfUetrCall { debtor: TAKER, uetr }), 1);
    let again = Quote { nonce: B256::repeat_byte(5), ..full };
    let call = executing(&mut ledger, again, payment);
    ledger.reverts(TAKER, TO, call, ExchangeUetrUsed { uetr, tradeId: 1 });
    sound(&mut ledger);
}

/// A UETR can be seen before its payment is made. Somebody who is faster pays under it for itself alone.
#[test]
fn a_uetr_is_its_debtor_s() {
    let mut ledger = set_up();
    let (uetr, agent) = (B256::repeat_byte(0x11), B256::repeat_byte(0xaa));
    let payment = Order { uetr, debtorAgent: agent, creditorAgent: agent, ..order(units(10)) };
    ledger.ok(ISSUER, eur(), mintCall { to: ANYONE, amount: units(100) });
    let first = quote(&ledger);
    let second = Quote { nonce: B256::repeat_byte(2), ..quote(&ledger) };
    let call = executing(&mut ledger, first, payment.clone());
    ledger.ok(ANYONE, TO, call);
    assert_eq!(ledger.ok(ANYONE, TO, tradeOfUetrCall { debtor: TAKER, uetr }), 0, "it is not paid");
    let call = executing(&mut ledger, second, payment);
    ledger.ok(TAKER, TO, call);
    assert_eq!(ledger.ok(ANYONE, TO, tradeOfUetrCall { debtor: TAKER, uetr }), 2);
    assert_eq!(ledger.ok(ANYONE, TO, tradeOfUetrCall { debtor: ANYONE, uetr }), 1);
    sound(&mut ledger);
}

// ----- static calls and invariants -----------------------------------------------------------------------------------

#[test]
fn a_static_call_changes_nothing() {
    let mut ledger = set_up();
    let quote = quote(&ledger);
    let execute = executing(&mut ledger, quote, order(ALL)).abi_encode();
    let cancel = cancelQuoteCall { nonce: B256::ZERO }.abi_encode();
    let (rules, before) = (ledger.rules.clone(), ledger.storage.slots.clone());
    for input in [execute, cancel, registerProviderCall {}.abi_encode()] {
        let env = CallEnv { is_static: true, rules: &rules, ..ledger.env(TAKER) };
        let result = dispatch(&mut Context::new(env, &mut ledger.storage), TO, &input);
        assert_eq!(result, Err(Failure::Revert(IModule::StaticCallForbidden {}.abi_encode().into())));
    }
    assert_eq!(ledger.storage.slots, before);
}

#[test]
fn invariants_notice_what_they_name() {
    let agent = B256::repeat_byte(0xaa);
    let uetr = B256::repeat_byte(0x11);
    let mut ledger = set_up();
    let payment = Order { uetr, debtorAgent: agent, creditorAgent: agent, ..order(ALL) };
    let full = quote(&ledger);
    let call = executing(&mut ledger, full.clone(), payment);
    ledger.ok(TAKER, TO, call);
    let mut book = TradeBook::default();
    ledger.storage.logs.iter().for_each(|log| book.apply(log).unwrap());
    let found = |forge: &dyn Fn(&mut Context<'_>) -> Result<(), Failure>| {
        let mut ledger = Ledger { storage: ledger.storage.clone(), ..Ledger::bare() };
        ledger.run(ANYONE, |x| forge(x)).unwrap();
        let violations = ledger.run(ANYONE, |x| book.check(x)).unwrap();
        violations.iter().map(|violation| violation.invariant).collect::<Vec<_>>()
    };
    let layout = layout::layout();
    assert_eq!(found(&|_| Ok(())), Vec::<&str>::new());
    assert_eq!(found(&|x| layout.trades.write(x, 2)), ["fx.trades_are_counted"]);
    let nonce = layout.nonces.of(&full.provider).of(&full.nonce);
    assert_eq!(found(&|x| nonce.write(x, false)), ["fx.traded_nonce_is_used"]);
    assert_eq!(found(&|x| layout.payments.of(&TAKER).of(&uetr).write(x, 2)), ["fx.uetr_names_its_trade"]);

    // The same trade told again, and a gap.
    let logs = ledger.storage.logs.clone();
    let again = logs.iter().find_map(|log| book.clone().apply(log).err()).unwrap();
    assert_eq!(again.invariant, "fx.nonce_trades_once");
    let mut late = TradeBook::default();
    let mut forged = logs.iter().find(|log| Exchanged::decode_log(log).is_ok()).unwrap().clone();
    let mut topics = forged.topics().to_vec();
    topics[1] = B256::with_last_byte(2);
    forged.data = alloy_primitives::LogData::new_unchecked(topics, forged.data.data.clone());
    assert_eq!(late.apply(&forged).unwrap_err().invariant, "fx.trades_are_counted");
}
