//! Payments, quotes and channels.

use super::*;
use crate::{
    CHANNEL_ADDRESS, EXCHANGE_ADDRESS, FACTORY_ADDRESS, PAYMENT_ADDRESS,
    channel::IChannel::{
        channelOfCall, closeByPayeeCall, finishCloseCall, openCall, startCloseCall, stateDigestCall, submitStateCall,
    },
    factory::IFactory::createTokenCall,
    fx::IExchange::{Order, Quote, executeCall, postQuoteCall, quoteStatusCall, registerProviderCall},
    payment::IPayment::*,
    testing::{ADMIN, FREEZER, key, sign},
    token::{
        BatchItem, ISSUER_ROLE,
        IToken::{grantRoleCall, setAddressFrozenCall},
    },
};
use alloy_primitives::{Bytes, U256};

const ALICE: Address = Address::repeat_byte(1);
const BOB: Address = Address::repeat_byte(3);
const CAROL: Address = Address::repeat_byte(4);

fn order(amount: u128, number: u8) -> payCall {
    payCall {
        token: eur(),
        payee: BOB,
        amount: units(amount),
        uetr: reference(number),
        debtorAgent: (*b"COBADEFFXXX").into(),
        creditorAgent: (*b"DEUTDEFFXXX").into(),
        endToEnd: B256::ZERO,
        purpose: (*b"SUPP").into(),
        remittance: B256::ZERO,
        priority: 0,
        parkUntilMs: 0,
    }
}

fn begin(title: &str, people: &[(Address, &str, u128)]) -> Story {
    let mut story = Story::begin(title, people);
    story.name(PAYMENT_ADDRESS, "payment");
    story.name(reference(1), "U1");
    story.name(reference(2), "U2");
    story.name(B256::ZERO, "none");
    story.name(CAROL, "Carol");
    for (code, name) in [(&b"COBADEFFXXX"[..], "COBADEFFXXX"), (b"DEUTDEFFXXX", "DEUTDEFFXXX"), (b"SUPP", "SUPP")] {
        story.name(Bytes::copy_from_slice(code), name);
    }
    story
}

#[test]
fn post_at_expiry() {
    let mut story = begin(
        "A pending payment is posted in time and in the very instant of its expiry.",
        &[(ALICE, "Alice", 100), (BOB, "Bob", 0)],
    );
    for (number, amount) in [(1, 30), (2, 50)] {
        let order = order(amount, number);
        let expiry = story.zero_ms + 1_000;
        let call = reserveCall {
            token: order.token,
            payee: order.payee,
            amount: order.amount,
            uetr: order.uetr,
            debtorAgent: order.debtorAgent,
            creditorAgent: order.creditorAgent,
            endToEnd: order.endToEnd,
            purpose: order.purpose,
            remittance: order.remittance,
            priority: order.priority,
            expiryMs: expiry,
            poster: Address::ZERO,
        };
        story.step(ALICE, &format!("reserves {amount} for Bob until 1000 ms"), PAYMENT_ADDRESS, call);
    }
    story.balances();
    let post = |number, amount| postCall { payer: ALICE, uetr: reference(number), amount };
    story.at(999);
    story.step(BOB, "posts 20 of the first, which frees the rest", PAYMENT_ADDRESS, post(1, units(20)));
    story.step(BOB, "posts the first again", PAYMENT_ADDRESS, post(1, units(1)));
    story.balances();
    story.at(1_000);
    story.step(BOB, "posts all of the second", PAYMENT_ADDRESS, post(2, U256::MAX));
    story.balances();
    let expire = || expireCall { payer: ALICE, uetr: reference(2) };
    story.step(CAROL, "expires the second", PAYMENT_ADDRESS, expire());
    story.step(CAROL, "expires it again", PAYMENT_ADDRESS, expire());
    story.end("post-at-expiry");
}

#[test]
fn double_uetr() {
    let mut story = begin(
        "One UETR is one payment, whatever else the second order says; each payer has its own.",
        &[(ALICE, "Alice", 100), (BOB, "Bob", 0), (CAROL, "Carol", 100)],
    );
    story.step(ALICE, "pays Bob 30 under U1", PAYMENT_ADDRESS, order(30, 1));
    story.step(ALICE, "sends the same order again", PAYMENT_ADDRESS, order(30, 1));
    let other = payCall { payee: CAROL, ..order(5, 1) };
    story.step(ALICE, "pays Carol 5 under U1", PAYMENT_ADDRESS, other);
    let items = BatchItem { to: BOB, amount: 1, reference: [0; 8] }.encode().unwrap().into();
    let batch = payBatchCall { token: eur(), uetr: reference(1), mode: 0, items };
    story.step(ALICE, "sends a batch under U1", PAYMENT_ADDRESS, batch);
    story.step(CAROL, "pays Bob 7 under U1", PAYMENT_ADDRESS, order(7, 1));
    story.end("double-uetr");
}

#[test]
fn batch_in_both_modes() {
    let mut story = begin(
        "A batch with failing items: all or nothing, then item by item.",
        &[(ALICE, "Alice", 100), (BOB, "Bob", 0), (CAROL, "Carol", 0)],
    );
    story.name(FREEZER, "freezer");
    story.step(FREEZER, "freezes Carol", eur(), setAddressFrozenCall { userAddress: CAROL, freeze: true });
    // Items: Bob 60; Carol, who is frozen; nothing to Bob; Alice herself; Bob more than is left; Bob all that is left.
    let items = [(BOB, 60), (CAROL, 10), (BOB, 0), (ALICE, 5), (BOB, 41), (BOB, 40)];
    let items: Vec<u8> = items
        .iter()
        .flat_map(|(to, amount)| BatchItem { to: *to, amount: *amount, reference: [0; 8] }.encode().unwrap())
        .collect();
    story.name(Bytes::from(items.clone()), "items");
    let batch = |mode| payBatchCall { token: eur(), uetr: reference(1), mode, items: items.clone().into() };
    story.say("items: Bob 60, Carol 10, Bob 0, Alice 5, Bob 41, Bob 40");
    story.step(ALICE, "pays the batch, all or nothing", PAYMENT_ADDRESS, batch(0));
    story.balances();
    story.step(ALICE, "pays the batch, item by item", PAYMENT_ADDRESS, batch(1));
    story.end("batch-in-both-modes");
}

#[test]
fn quote_at_expiry() {
    let mut story = begin(
        "A quote is executed in time, and in the very block of its expiry it is late.",
        &[(ALICE, "Alice", 1_000), (BOB, "Bank", 0)],
    );
    let usd = token_address(2);
    let create = createTokenCall {
        name: "USD".into(),
        symbol: "USD".into(),
        decimals: 2,
        admin: ADMIN,
        policyId: 0,
        supplyCap: units(1_000_000),
    };
    assert_eq!(story.ledger.ok(ADMIN, FACTORY_ADDRESS, create), usd);
    story.ledger.ok(ADMIN, usd, grantRoleCall { role: ISSUER_ROLE, account: ISSUER });
    story.ledger.ok(ISSUER, usd, mintCall { to: BOB, amount: units(1_000) });
    story.ledger.ok(BOB, EXCHANGE_ADDRESS, registerProviderCall {});
    story.tokens.push((usd, "USD"));
    story.name(usd, "USD");
    story.hush();
    story.balances();
    let quote = |story: &Story, number| Quote {
        provider: BOB,
        epoch: 0,
        nonce: reference(number),
        taker: Address::ZERO,
        sellToken: eur(),
        buyToken: usd,
        sellAmount: units(400),
        buyAmount: units(435),
        leastAmount: units(10),
        side: 1,
        rounding: 1,
        fee: units(3),
        expiresAtMs: story.zero_ms + 1_000,
    };
    let order = |amount: u128| Order {
        amount: units(amount),
        maxSent: U256::MAX,
        minReceived: U256::ZERO,
        payee: ALICE,
        uetr: B256::ZERO,
        debtorAgent: B256::ZERO,
        creditorAgent: B256::ZERO,
        remittanceHash: B256::ZERO,
    };
    for number in [1, 2] {
        let quote = quote(&story, number);
        story.ledger.ok(BOB, EXCHANGE_ADDRESS, postQuoteCall { quote, requestId: 0 });
    }
    story.hush();
    story.say("The bank posted U1 and U2: 400 EUR buy 435 USD, rounded down, with a fee of 3 EUR, until 1000 ms.");
    let execute = |story: &Story, number, amount| executeCall {
        quote: quote(story, number),
        signature: Bytes::new(),
        order: order(amount),
    };
    story.at(999);
    let call = execute(&story, 1, 101);
    story.step(ALICE, "sells 101 EUR under U1", EXCHANGE_ADDRESS, call);
    let call = execute(&story, 1, 101);
    story.step(ALICE, "sells 101 EUR under U1 again", EXCHANGE_ADDRESS, call);
    story.at(1_000);
    let call = execute(&story, 2, 400);
    story.step(ALICE, "sells 400 EUR under U2", EXCHANGE_ADDRESS, call);
    let call = quoteStatusCall { quote: quote(&story, 2) };
    story.step(ALICE, "asks whether U2 can be executed (3: expired)", EXCHANGE_ADDRESS, call);
    story.end("quote-at-expiry");
}

#[test]
fn channel_closed_with_an_old_state() {
    let (secret, payer) = key(11);
    let mut story = Story::begin(
        "The payer closes with an old state; the payee shows the newer one in time.",
        &[(payer, "Payer", 500), (BOB, "Payee", 0)],
    );
    story.name(CHANNEL_ADDRESS, "channel");
    story.name(ANYONE, "anyone");
    let day = 86_400_000;
    let open = openCall { token: eur(), payee: BOB, amount: units(300), challengeMs: day };
    story.step(payer, "opens a channel of 300 for the payee", CHANNEL_ADDRESS, open);
    let signed = |story: &mut Story, cumulative: u128| {
        let cumulative = units(cumulative);
        let digest = story.ledger.ok(BOB, CHANNEL_ADDRESS, stateDigestCall { channelId: 1, cumulative });
        let (v, r, s) = sign(&secret, digest);
        let signature = [r.as_slice(), s.as_slice(), &[v]].concat().into();
        submitStateCall { channelId: 1, cumulative, signature, payNow: true }
    };
    story.say("Off the ledger the payer signs 80, then 200.");
    let (older, newer) = (signed(&mut story, 80), signed(&mut story, 200));
    let close = startCloseCall { channelId: 1, cumulative: units(80) };
    story.step(payer, "begins to close with 80", CHANNEL_ADDRESS, close);
    story.at(day - 1);
    let finish = || finishCloseCall { channelId: 1, payNow: true };
    story.step(payer, "wants to finish before the challenge is over", CHANNEL_ADDRESS, finish());
    story.step(BOB, "shows the state of 200", CHANNEL_ADDRESS, newer.clone());
    story.step(payer, "shows the state of 80 again", CHANNEL_ADDRESS, older);
    story.at(day);
    story.step(BOB, "shows a state of 200 when the challenge is over", CHANNEL_ADDRESS, newer);
    story.step(ANYONE, "finishes the closing", CHANNEL_ADDRESS, finish());
    let close = closeByPayeeCall { channelId: 1, payNow: true };
    story.step(BOB, "closes it once more", CHANNEL_ADDRESS, close);
    story.step(BOB, "looks at it", CHANNEL_ADDRESS, channelOfCall { channelId: 1 });
    story.end("channel-closed-with-an-old-state");
}

/// Anyone may finish a closing.
const ANYONE: Address = Address::repeat_byte(9);
