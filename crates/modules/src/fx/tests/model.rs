//! Foreign exchange against a plain model: the same random operations on both, balances compared after each.
//!
//! The model finds the computed amount by search instead of division and keeps books of three currencies; it knows no
//! digests, slots or tokens.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
struct Sketch {
    /// 0 and 1: the two providers.
    provider: u8,
    nonce: u8,
    epoch: u64,
    /// Taker named: 0 anyone, else the account.
    taker: u8,
    /// Currencies 0 to 2.
    sell: u8,
    buy: u8,
    sell_amount: u128,
    buy_amount: u128,
    least: u128,
    side: u8,
    up: bool,
    fee: u128,
    life: u64,
}

#[derive(Clone, Debug)]
struct Want {
    taker: u8,
    amount: u128,
    max_sent: u128,
    min_received: u128,
    payee: u8,
    uetr: u8,
}

#[derive(Clone, Debug)]
enum Operation {
    Execute { quote: Sketch, want: Want, forged: bool },
    Via { first: Sketch, second: Sketch, want: Want },
    Cancel { provider: u8, nonce: u8 },
    Revoke { provider: u8 },
    Retire { provider: u8 },
    Register { provider: u8 },
    Freeze { currency: u8, who: u8, on: bool },
    Wait { ms: u64 },
}

#[derive(Clone, Debug, Default)]
struct Model {
    now: u64,
    /// Units by currency and party; parties 0 and 1 are the providers, others accounts.
    units: BTreeMap<(u8, u8), u128>,
    frozen: BTreeSet<(u8, u8)>,
    used: BTreeSet<(u8, u8)>,
    epochs: [u64; 2],
    retired: [bool; 2],
    /// Trades by debtor and UETR.
    uetrs: BTreeMap<(u8, u8), u64>,
    trades: u64,
}

/// Least `x` with `x * most >= amount * other` when rounding up, greatest with `<=` when rounding down: by search.
fn other_amount(amount: u128, most: u128, other: u128, up: bool) -> u128 {
    let (mut low, mut high) = (0, other);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if middle * most <= amount * other {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    if up && low * most < amount * other { low + 1 } else { low }
}

impl Sketch {
    fn sound(&self) -> bool {
        let most = if self.side == 1 { self.sell_amount } else { self.buy_amount };
        self.sell != self.buy && self.sell_amount > 0 && self.buy_amount > 0 && (1..=most).contains(&self.least)
    }

    /// Sent and received for an amount of the fixed side; absent where the quote does not offer it.
    fn amounts(&self, amount: u128) -> Option<(u128, u128)> {
        let send = self.side == 1;
        let (most, other) =
            if send { (self.sell_amount, self.buy_amount) } else { (self.buy_amount, self.sell_amount) };
        if amount < self.least || amount > most {
            return None;
        }
        let computed = other_amount(amount, most, other, self.up);
        let (sold, bought) = if send { (amount, computed) } else { (computed, amount) };
        (computed > 0).then_some((sold + self.fee, bought))
    }
}

impl Model {
    fn apply(&mut self, operation: &Operation) -> bool {
        let mut next = self.clone();
        let done = next.attempt(operation);
        if done {
            *self = next;
        }
        done
    }

    fn consume(&mut self, quote: &Sketch, taker: u8, start: u64) -> bool {
        let place = usize::from(quote.provider);
        !self.retired[place]
            && quote.epoch == self.epochs[place]
            && self.now < start + quote.life
            && (quote.taker == 0 || quote.taker == taker)
            && self.used.insert((quote.provider, quote.nonce))
    }

    fn pay(&mut self, currency: u8, from: u8, to: u8, amount: u128) -> bool {
        if self.frozen.contains(&(currency, from)) || self.frozen.contains(&(currency, to)) {
            return false;
        }
        let balance = self.units.entry((currency, from)).or_default();
        if *balance < amount {
            return false;
        }
        *balance -= amount;
        *self.units.entry((currency, to)).or_default() += amount;
        true
    }

    fn admit(&mut self, want: &Want, sent: u128, received: u128) -> bool {
        self.trades += 1;
        let fresh = want.uetr == 0 || self.uetrs.insert((want.taker, want.uetr), self.trades).is_none();
        fresh && sent <= want.max_sent && received >= want.min_received
    }

    fn attempt(&mut self, operation: &Operation) -> bool {
        let start = self.now;
        match operation {
            Operation::Execute { quote, want, forged } => {
                if !quote.sound() || *forged || !self.consume(quote, want.taker, start) {
                    return false;
                }
                let Some((sent, received)) = quote.amounts(want.amount) else { return false };
                self.admit(want, sent, received)
                    && self.pay(quote.sell, want.taker, quote.provider, sent)
                    && self.pay(quote.buy, quote.provider, want.payee, received)
            }
            Operation::Via { first, second, want } => {
                let fits = first.sound() && second.sound() && first.side == second.side;
                if !fits || first.buy != second.sell || first.sell == second.buy {
                    return false;
                }
                if !self.consume(first, want.taker, start) || !self.consume(second, want.taker, start) {
                    return false;
                }
                let hops = if first.side == 1 {
                    first.amounts(want.amount).and_then(|one| {
                        let rest = one.1.checked_sub(second.fee)?;
                        Some((one, second.amounts(rest)?))
                    })
                } else {
                    second.amounts(want.amount).and_then(|two| Some((first.amounts(two.0)?, two)))
                };
                let Some((one, two)) = hops else { return false };
                self.admit(want, one.0, two.1)
                    && self.pay(first.sell, want.taker, first.provider, one.0)
                    && self.pay(first.buy, first.provider, second.provider, one.1)
                    && self.pay(second.buy, second.provider, want.payee, two.1)
            }
            Operation::Cancel { provider, nonce } => self.used.insert((*provider, *nonce)),
            Operation::Revoke { provider } => {
                self.epochs[usize::from(*provider)] += 1;
                !self.retired[usize::from(*provider)]
            }
            Operation::Retire { provider } => {
                let place = usize::from(*provider);
                self.epochs[place] += 1;
                !std::mem::replace(&mut self.retired[place], true)
            }
            Operation::Register { provider } => {
                self.retired[usize::from(*provider)] = false;
                true
            }
            Operation::Freeze { currency, who, on } => {
                if *on {
                    self.frozen.insert((*currency, *who))
                } else {
                    self.frozen.remove(&(*currency, *who))
                };
                true
            }
            Operation::Wait { ms } => {
                self.now += ms;
                true
            }
        }
    }
}

fn party(number: u8) -> Address {
    match number {
        0 => provider().1,
        1 => second_provider().1,
        other => account(other),
    }
}

fn currency(number: u8) -> Address {
    token_address(u64::from(number) + 1)
}

fn real(ledger: &Ledger, sketch: &Sketch) -> Quote {
    Quote {
        provider: party(sketch.provider),
        epoch: sketch.epoch,
        nonce: B256::with_last_byte(sketch.nonce),
        taker: if sketch.taker == 0 { Address::ZERO } else { account(sketch.taker) },
        sellToken: currency(sketch.sell),
        buyToken: currency(sketch.buy),
        sellAmount: units(sketch.sell_amount),
        buyAmount: units(sketch.buy_amount),
        leastAmount: units(sketch.least),
        side: sketch.side,
        rounding: 1 + u8::from(sketch.up),
        fee: units(sketch.fee),
        expiresAtMs: ledger.timestamp_ms + sketch.life,
    }
}

fn wanted(want: &Want) -> Order {
    let agent = if want.uetr == 0 { B256::ZERO } else { B256::repeat_byte(0xaa) };
    Order {
        amount: units(want.amount),
        maxSent: units(want.max_sent),
        minReceived: units(want.min_received),
        payee: account(want.payee),
        uetr: B256::with_last_byte(want.uetr),
        debtorAgent: agent,
        creditorAgent: agent,
        remittanceHash: B256::ZERO,
    }
}

/// Sends the same operation through the dispatcher; false where it reverts.
fn send(ledger: &mut Ledger, operation: &Operation) -> bool {
    match operation {
        Operation::Execute { quote, want, forged } => {
            let quote = real(ledger, quote);
            let mut call = executing(ledger, quote, wanted(want));
            if *forged {
                call.signature = signed(ledger, &Quote { fee: call.quote.fee + U256::ONE, ..call.quote.clone() });
            }
            let cost = ledger.call(ANYONE, TO, costOfCall { quote: call.quote.clone(), amount: call.order.amount });
            let done = settled(ledger.call(account(want.taker), TO, call));
            if let Some(done) = &done {
                let cost = cost.expect("an executed quote has a cost");
                assert_eq!((cost.sent, cost.received), (done.sent, done.received), "cost before consent");
            }
            done.is_some()
        }
        Operation::Via { first, second, want } => {
            let (first, second) = (real(ledger, first), real(ledger, second));
            let call = executing_via(ledger, first.clone(), second.clone(), wanted(want));
            let cost = ledger.call(ANYONE, TO, costViaCall { first, second, amount: call.order.amount });
            let done = settled(ledger.call(account(want.taker), TO, call));
            if let Some(done) = &done {
                let cost = cost.expect("executed quotes have a cost");
                assert_eq!((cost.sent, cost.received), (done.sent, done.received), "cost before consent");
            }
            done.is_some()
        }
        Operation::Cancel { provider, nonce } => {
            let nonce = B256::with_last_byte(*nonce);
            settled(ledger.call(party(*provider), TO, cancelQuoteCall { nonce })).is_some()
        }
        Operation::Revoke { provider } => settled(ledger.call(party(*provider), TO, revokeQuotesCall {})).is_some(),
        Operation::Retire { provider } => settled(ledger.call(party(*provider), TO, retireProviderCall {})).is_some(),
        Operation::Register { provider } => {
            settled(ledger.call(party(*provider), TO, registerProviderCall {})).is_some()
        }
        Operation::Freeze { currency: of, who, on } => {
            let call = setAddressFrozenCall { userAddress: party(*who), freeze: *on };
            settled(ledger.call(FREEZER, currency(*of), call)).is_some()
        }
        Operation::Wait { ms } => {
            ledger.timestamp_ms += ms;
            true
        }
    }
}

fn settled<T>(result: Result<T, Failure>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Failure::Revert(_)) => None,
        Err(other) => panic!("{other:?}"),
    }
}

/// Amounts of quotes: mostly more than orders want.
fn amount() -> impl Strategy<Value = u128> {
    prop_oneof![6 => 150u128..600, 1 => 0u128..150]
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let parties =
        (0u8..2, 0u8..200, prop_oneof![4 => Just(0u64), 1 => 0u64..3], prop_oneof![4 => Just(0u8), 1 => 5u8..7]);
    let pair = (0u8..3, prop_oneof![1 => Just(0u8), 6 => 1u8..3]);
    let amounts = (amount(), amount(), prop_oneof![4 => Just(1u128), 1 => 0u128..300], 0u128..9);
    (parties, pair, amounts, 1u8..=2, any::<bool>(), prop_oneof![1 => Just(0u64), 8 => Just(50u64)]).prop_map(
        |((provider, nonce, epoch, taker), (sell, step), (sell_amount, buy_amount, least, fee), side, up, life)| {
            let buy = (sell + step) % 3;
            let nonce = nonce.saturating_add(1);
            Sketch { provider, nonce, epoch, taker, sell, buy, sell_amount, buy_amount, least, side, up, fee, life }
        },
    )
}

fn want() -> impl Strategy<Value = Want> {
    let limits = (prop_oneof![6 => Just(u128::MAX), 1 => 0u128..600], prop_oneof![6 => Just(0u128), 1 => 0u128..600]);
    (5u8..7, 0u128..220, limits, 5u8..8, prop_oneof![3 => Just(0u8), 1 => 1u8..20]).prop_map(
        |(taker, amount, (max_sent, min_received), payee, uetr)| Want {
            taker,
            amount,
            max_sent,
            min_received,
            payee,
            uetr,
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    let forged = || prop::bool::weighted(0.05);
    // Two hops that meet: the second sells what the first buys, and goes on to the third currency.
    let meeting = (sketch(), sketch(), want(), prop::bool::weighted(0.9)).prop_map(|(first, second, want, meet)| {
        let meets = meet && first.sell != first.buy;
        let third =
            Sketch { sell: first.buy, buy: (6 - first.sell - first.buy) % 3, side: first.side, ..second.clone() };
        Operation::Via { second: if meets { third } else { second }, first, want }
    });
    prop_oneof![
        40 => (sketch(), want(), forged()).prop_map(|(quote, want, forged)| Operation::Execute { quote, want, forged }),
        30 => meeting,
        1 => (0u8..2, 1u8..200).prop_map(|(provider, nonce)| Operation::Cancel { provider, nonce }),
        1 => (0u8..2).prop_map(|provider| Operation::Revoke { provider }),
        1 => (0u8..2).prop_map(|provider| Operation::Retire { provider }),
        6 => (0u8..2).prop_map(|provider| Operation::Register { provider }),
        2 => (0u8..3, prop_oneof![0u8..2, 5u8..8], prop::bool::weighted(0.3))
            .prop_map(|(currency, who, on)| Operation::Freeze { currency, who, on }),
        4 => (0u64..60).prop_map(|ms| Operation::Wait { ms }),
    ]
}

proptest! {
    #![proptest_config(model_cases(48, 40))]

    #[test]
    fn exchange_does_what_the_model_does(operations in prop::collection::vec(operation(), 1..40)) {
        let mut ledger = set_up();
        let mut model = Model { now: ledger.timestamp_ms, ..Model::default() };
        model.units = BTreeMap::from([((1, 0), 100_000), ((2, 1), 100_000)]);
        for currency_number in 0..3u8 {
            for who in [0u8, 1, 5, 6] {
                let call = mintCall { to: party(who), amount: units(5_000) };
                ledger.ok(ISSUER, currency(currency_number), call);
                *model.units.entry((currency_number, who)).or_default() += 5_000;
            }
        }
        for operation in &operations {
            let expected = model.apply(operation);
            prop_assert_eq!(send(&mut ledger, operation), expected, "{:?} on {:?}", operation, model);
            for currency_number in 0..3u8 {
                for who in [0u8, 1, 5, 6, 7] {
                    let found = u128::from(balance(&mut ledger, currency(currency_number), party(who)));
                    let expected = model.units.get(&(currency_number, who)).copied().unwrap_or_default();
                    prop_assert_eq!(found, expected, "{} of {}", currency_number, who);
                }
            }
        }
        prop_assert_eq!(ledger.ok(ANYONE, TO, tradeCountCall {}), model.trades);
        for ((taker, uetr), trade) in &model.uetrs {
            let call = tradeOfUetrCall { debtor: party(*taker), uetr: B256::with_last_byte(*uetr) };
            prop_assert_eq!(ledger.ok(ANYONE, TO, call), *trade);
        }
        let mut book = TradeBook::default();
        for log in &ledger.storage.logs {
            prop_assert!(book.apply(log).is_ok());
        }
        let violations = ledger.run(ANYONE, |x| book.check(x)).unwrap();
        prop_assert!(violations.is_empty(), "{:?}", violations);
    }
}
