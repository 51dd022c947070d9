//! Scenarios of channels: states, challenges, closings, hostile signatures, freezes and seizures, precedence of errors.

use super::{IChannel::*, *};
use crate::{
    CHANNEL_ADDRESS, CallEnv, Context, ESCROW_ADDRESS, Failure, MemoryStorage,
    calls::IModule,
    dispatch,
    testing::{COURT, FREEZER, Ledger, PAUSER, account, key, model_cases, seize_from_hold, sign, units, world},
    token::IToken::{self, pauseCall, setAddressFrozenCall, transferCall, unpauseCall},
    token_address, typed_data,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolError, SolEvent};
use secp256k1::SecretKey;

mod limits;
mod model;

const TO: Address = CHANNEL_ADDRESS;
const PAYEE: Address = Address::repeat_byte(2);
const ANYONE: Address = Address::repeat_byte(9);
const DAY: u64 = 24 * 3_600_000;

fn eur() -> Address {
    token_address(1)
}

/// A payer who can sign, with 900 units; the payee has 500.
fn payer() -> (SecretKey, Address) {
    key(11)
}

fn set_up() -> Ledger {
    let mut ledger = world();
    ledger.ok(account(1), eur(), transferCall { to: payer().1, amount: units(900) });
    ledger
}

fn open(ledger: &mut Ledger, amount: u128) -> u64 {
    let call = openCall { token: eur(), payee: PAYEE, amount: units(amount), challengeMs: DAY };
    ledger.ok(payer().1, TO, call)
}

fn get(ledger: &mut Ledger, id: u64) -> channelOfReturn {
    ledger.ok(ANYONE, TO, channelOfCall { channelId: id })
}

/// Status, deposit, owed, paid, due, undecided, seized.
fn stand(ledger: &mut Ledger, id: u64) -> (u8, [u64; 6]) {
    let c = get(ledger, id);
    (c.status, [c.deposit, c.owed, c.paid, c.due, c.undecided, c.seized].map(|word| word.to()))
}

fn balance(ledger: &mut Ledger, who: Address) -> u128 {
    ledger.ok(who, eur(), IToken::balanceOfCall { account: who }).to()
}

fn spendable(ledger: &mut Ledger, who: Address) -> u128 {
    ledger.ok(who, eur(), IToken::spendableBalanceOfCall { account: who }).to()
}

fn packed(secret: &SecretKey, digest: B256) -> Bytes {
    let (v, r, s) = sign(secret, digest);
    [r.as_slice(), s.as_slice(), &[v]].concat().into()
}

/// A state signed by the payer.
fn state(ledger: &mut Ledger, id: u64, cumulative: u128) -> submitStateCall {
    let cumulative = units(cumulative);
    let digest = ledger.ok(ANYONE, TO, stateDigestCall { channelId: id, cumulative });
    submitStateCall { channelId: id, cumulative, signature: packed(&payer().0, digest), payNow: true }
}

fn seize(ledger: &mut Ledger, id: u64, amount: u128) {
    let hold = get(ledger, id).holdId;
    assert_eq!(seize_from_hold(ledger, eur(), hold, amount), Ok(units(amount)));
}

fn freeze(ledger: &mut Ledger, who: Address, freeze: bool) {
    ledger.ok(FREEZER, eur(), setAddressFrozenCall { userAddress: who, freeze });
}

fn sound(ledger: &mut Ledger) {
    assert_eq!(ledger.run(ANYONE, invariants::check).unwrap(), []);
}

// ----- opening -------------------------------------------------------------------------------------------------------

#[test]
fn opening_and_topping_up_put_units_on_hold() {
    let mut ledger = set_up();
    let payer = payer().1;
    assert_eq!(open(&mut ledger, 300), 1);
    let expected =
        ChannelOpened { channelId: 1, payer, payee: PAYEE, token: eur(), amount: units(300), challengeMs: DAY };
    assert_eq!(ledger.last_event::<ChannelOpened>(), (TO, expected));
    assert_eq!((balance(&mut ledger, payer), spendable(&mut ledger, payer)), (900, 600));
    ledger.ok(payer, TO, topUpCall { channelId: 1, amount: units(200) });
    let hold = get(&mut ledger, 1).holdId;
    let expected = ChannelToppedUp { channelId: 1, amount: units(200), deposit: units(500), holdId: hold };
    assert_eq!(ledger.last_event::<ChannelToppedUp>().1, expected);
    assert_eq!((hold, spendable(&mut ledger, payer)), (2, 400));
    assert_eq!(stand(&mut ledger, 1), (1, [500, 0, 0, 0, 500, 0]));
    sound(&mut ledger);
}

#[test]
fn errors_of_opening_come_in_the_promised_order() {
    let mut ledger = set_up();
    let payer = payer().1;
    let mut call = openCall { token: account(50), payee: payer, amount: U256::ZERO, challengeMs: 0 };
    for amount in [U256::ZERO, U256::from(1u8) << 128, U256::MAX] {
        call.amount = amount;
        ledger.reverts(payer, TO, call.clone(), ChannelAmountInvalid { amount });
    }
    call.amount = units(901);
    for payee in [payer, Address::ZERO, TO, eur()] {
        call.payee = payee;
        ledger.reverts(payer, TO, call.clone(), ChannelPartiesInvalid { payer, payee });
    }
    call.payee = PAYEE;
    for challenge in [0, CHALLENGE_MS_MIN - 1, CHALLENGE_MS_MAX + 1, u64::MAX] {
        call.challengeMs = challenge;
        let error = ChallengePeriodInvalid {
            challengeMs: challenge,
            challengeMsMin: CHALLENGE_MS_MIN,
            challengeMsMax: CHALLENGE_MS_MAX,
        };
        ledger.reverts(payer, TO, call.clone(), error);
    }
    call.challengeMs = CHALLENGE_MS_MAX;
    for token in [account(50), token_address(2), ESCROW_ADDRESS] {
        call.token = token;
        ledger.reverts(payer, TO, call.clone(), IToken::TokenUnknown { token });
    }
    call.token = eur();
    let error = IToken::ERC20InsufficientBalance { sender: payer, balance: units(900), needed: units(901) };
    ledger.reverts(payer, TO, call.clone(), error);
    (call.amount, call.challengeMs) = (units(900), CHALLENGE_MS_MIN);
    assert_eq!(ledger.ok(payer, TO, call), 1);
}

#[test]
fn errors_of_topping_up_come_in_the_promised_order() {
    let mut ledger = set_up();
    let payer = payer().1;
    let top = |amount| topUpCall { channelId: 1, amount };
    ledger.reverts(payer, TO, top(U256::ZERO), ChannelUnknown { channelId: 1 });
    open(&mut ledger, 300);
    ledger.reverts(PAYEE, TO, top(U256::ZERO), ChannelCallerNotAllowed { channelId: 1, caller: PAYEE });
    for amount in [U256::ZERO, U256::MAX, units(u128::MAX)] {
        ledger.reverts(payer, TO, top(amount), ChannelAmountInvalid { amount });
    }
    // Of the 900 units 300 are on hold; the new hold takes them and what comes in.
    let error = IToken::ERC20InsufficientBalance { sender: payer, balance: units(900), needed: units(901) };
    ledger.reverts(payer, TO, top(units(601)), error);
    ledger.ok(payer, TO, startCloseCall { channelId: 1, cumulative: U256::ZERO });
    ledger.reverts(payer, TO, top(U256::ZERO), ChannelNotOpen { channelId: 1, status: 2 });
    assert_eq!(get(&mut ledger, 1).holdId, 1, "nothing is left of a top-up that failed");
    sound(&mut ledger);
}

// ----- states --------------------------------------------------------------------------------------------------------

#[test]
fn the_payee_captures_part_by_part_while_the_channel_is_open() {
    let mut ledger = set_up();
    let id = open(&mut ledger, 300);
    for (cumulative, expected) in [(40, [300, 40, 40, 0, 260, 0]), (300, [300, 300, 300, 0, 0, 0])] {
        let call = state(&mut ledger, id, cumulative);
        assert_eq!(
            ledger.ok(PAYEE, TO, payableAtCall { channelId: id, cumulative: units(cumulative) }).to::<u128>(),
            { if cumulative == 40 { 40 } else { 260 } }
        );
        ledger.ok(ANYONE, TO, call);
        assert_eq!(stand(&mut ledger, id), (1, expected));
    }
    assert_eq!(balance(&mut ledger, PAYEE), 800);
    ledger.ok(PAYEE, TO, closeByPayeeCall { channelId: id, payNow: true });
    let expected = ChannelClosed { channelId: id, owed: units(300), released: U256::ZERO };
    assert_eq!(ledger.last_event::<ChannelClosed>().1, expected);
    sound(&mut ledger);
}

#[test]
fn errors_of_states_come_in_the_promised_order() {
    let mut ledger = set_up();
    let id = open(&mut ledger, 300);
    let payer = payer().1;
    let call = state(&mut ledger, id, 100);
    ledger.ok(PAYEE, TO, call.clone());
    ledger.ok(payer, TO, startCloseCall { channelId: id, cumulative: units(100) });
    let closes_at = ledger.timestamp_ms + DAY;
    let unsigned = |cumulative| submitStateCall { channelId: id, cumulative, signature: Bytes::new(), payNow: true };
    let unknown = submitStateCall { channelId: 2, ..unsigned(U256::MAX) };
    ledger.reverts(PAYEE, TO, unknown, ChannelUnknown { channelId: 2 });

    ledger.timestamp_ms = closes_at;
    let over = ChallengeOver { channelId: id, closesAtMs: closes_at, nowMs: closes_at };
    ledger.reverts(PAYEE, TO, unsigned(U256::MAX), over);
    ledger.timestamp_ms = closes_at - 1;
    for cumulative in [units(301), units(1) << 128, U256::MAX] {
        let error = StateExceedsDeposit { channelId: id, deposit: units(300), cumulative };
        ledger.reverts(PAYEE, TO, unsigned(cumulative), error);
    }
    for cumulative in [units(0), units(99), units(100)] {
        let error = StateOutdated { channelId: id, known: units(100), cumulative };
        ledger.reverts(PAYEE, TO, unsigned(cumulative), error);
    }
    let error = ChannelSignatureInvalid { channelId: id, signer: Address::ZERO, expected: payer };
    ledger.reverts(PAYEE, TO, unsigned(units(101)), error);
    ledger.ok(PAUSER, eur(), pauseCall {});
    let call = state(&mut ledger, id, 101);
    ledger.reverts(PAYEE, TO, call.clone(), IToken::EnforcedPause {});
    ledger.ok(PAYEE, TO, submitStateCall { payNow: false, ..call });
    ledger.ok(PAYEE, TO, closeByPayeeCall { channelId: id, payNow: false });
    ledger.timestamp_ms = closes_at;
    ledger.reverts(PAYEE, TO, unsigned(U256::MAX), ChannelNotOpen { channelId: id, status: 3 });
    sound(&mut ledger);
}

#[test]
fn types_and_digests_are_those_of_eip_712() {
    assert_eq!(signing::STATE_TYPE, keccak256("ChannelState(uint64 channelId,uint256 cumulative)"));
    assert_eq!(signing::CLOSE_TYPE, keccak256("ChannelClose(uint64 channelId,uint256 cumulative,uint64 validUntilMs)"));
    let mut ledger = set_up();
    // Built here byte by byte, as a wallet would.
    let word = |number: u64| U256::from(number).to_be_bytes::<32>();
    let mut domain = typed_data::DOMAIN_TYPE.to_vec();
    domain.extend_from_slice(keccak256("Florin Channel").as_slice());
    domain.extend_from_slice(keccak256("1").as_slice());
    domain.extend_from_slice(&word(1337));
    domain.extend_from_slice(B256::left_padding_from(TO.as_slice()).as_slice());
    let mut message = signing::STATE_TYPE.to_vec();
    message.extend_from_slice(&word(7));
    message.extend_from_slice(&word(55));
    let bytes = [&[0x19, 0x01][..], keccak256(&domain).as_slice(), keccak256(&message).as_slice()].concat();
    let call = stateDigestCall { channelId: 7, cumulative: units(55) };
    assert_eq!(ledger.ok(ANYONE, TO, call), keccak256(&bytes));
    let domain = ledger.ok(ANYONE, TO, eip712DomainCall {});
    assert_eq!((domain.name.as_str(), domain.version.as_str()), ("Florin Channel", "1"));
    assert_eq!((domain.chainId, domain.verifyingContract, domain.fields.0), (units(1337), TO, [0x0f]));
}

/// A good signature over anything but this state, and a bad one over it, move nothing.
#[test]
fn hostile_signatures_are_refused() {
    let mut ledger = set_up();
    let id = open(&mut ledger, 300);
    let other = open(&mut ledger, 300);
    let (secret, payer) = payer();
    let good = state(&mut ledger, id, 100);
    let refused = |ledger: &mut Ledger, what: &str, call: submitStateCall| {
        let failure = ledger.call(PAYEE, TO, call).unwrap_err();
        let Failure::Revert(data) = &failure else { panic!("{what}: {failure}") };
        assert_eq!(data[..4], ChannelSignatureInvalid::SELECTOR, "{what}: {failure}");
    };
    let with = |signature: Vec<u8>| submitStateCall { signature: signature.into(), ..good.clone() };
    let bytes = good.signature.to_vec();

    // The mirrored twin of a signature: order of the curve less s, the other v.
    let order = U256::from_str_radix("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16).unwrap();
    let s = U256::from_be_slice(&bytes[32..64]);
    let mirrored = [&bytes[..32], &(order - s).to_be_bytes::<32>(), &[55 - bytes[64]]].concat();
    refused(&mut ledger, "mirrored", with(mirrored));
    refused(&mut ledger, "other v", with([&bytes[..64], &[55 - bytes[64]]].concat()));
    refused(&mut ledger, "v of 0 or 1", with([&bytes[..64], &[bytes[64] - 27]].concat()));
    refused(&mut ledger, "short", with(bytes[..64].to_vec()));
    refused(&mut ledger, "long", with([&bytes[..], &[0]].concat()));
    refused(&mut ledger, "empty", with(Vec::new()));
    refused(&mut ledger, "zeros", with(vec![0; 65]));
    refused(&mut ledger, "another amount", submitStateCall { cumulative: units(101), ..good.clone() });
    refused(&mut ledger, "another channel", submitStateCall { channelId: other, ..good.clone() });
    let close =
        ledger.ok(ANYONE, TO, closeDigestCall { channelId: id, cumulative: units(100), validUntilMs: u64::MAX });
    refused(&mut ledger, "another type", with(packed(&secret, close).to_vec()));
    let digest = ledger.ok(ANYONE, TO, stateDigestCall { channelId: id, cumulative: units(100) });
    refused(&mut ledger, "another key", with(packed(&key(12).0, digest).to_vec()));
    let foreign = ledger.run(ANYONE, |x| {
        let env = CallEnv { chain_id: 1338, ..*x.env() };
        state_digest(&mut Context::new(env, &mut MemoryStorage::default()), id, units(100))
    });
    refused(&mut ledger, "another chain", with(packed(&secret, foreign.unwrap()).to_vec()));
    let elsewhere = ledger.run(ANYONE, |x| {
        let domain = typed_data::domain_separator(x, "Florin Channel", ESCROW_ADDRESS)?;
        let message = (signing::STATE_TYPE, id, units(100));
        typed_data::digest(x, domain, &alloy_sol_types::SolValue::abi_encode(&message))
    });
    refused(&mut ledger, "another contract", with(packed(&secret, elsewhere.unwrap()).to_vec()));

    ledger.ok(PAYEE, TO, good.clone());
    let error = StateOutdated { channelId: id, known: units(100), cumulative: units(100) };
    ledger.reverts(PAYEE, TO, good, error);
    assert_eq!(balance(&mut ledger, payer), 800, "paid once");
    sound(&mut ledger);
}

// ----- closing -------------------------------------------------------------------------------------------------------

/// The classic case: the payer closes with a state that is long outdated.
#[test]
fn closing_with_an_old_state_is_overruled_by_a_newer_one() {
    let mut ledger = set_up();
    let id = open(&mut ledger, 300);
    let payer = payer().1;
    let (middle, newest) = (state(&mut ledger, id, 120), state(&mut ledger, id, 250));
    ledger.ok(payer, TO, startCloseCall { channelId: id, cumulative: units(10) });
    let closes_at = ledger.timestamp_ms + DAY;
    let expected = ChannelClosing { channelId: id, payer, payee: PAYEE, owed: units(10), closesAtMs: closes_at };
    assert_eq!(ledger.last_event::<ChannelClosing>().1, expected);

    ledger.timestamp_ms = closes_at - 1;
    let running = ChallengeRunning { channelId: id, closesAtMs: closes_at, nowMs: closes_at - 1 };
    ledger.reverts(payer, TO, finishCloseCall { channelId: id, payNow: true }, running);
    assert_eq!(ledger.ok(ANYONE, TO, payableAtCall { channelId: id, cumulative: units(250) }), units(250));
    ledger.ok(ANYONE, TO, submitStateCall { payNow: false, ..newest });
    let outdated = StateOutdated { channelId: id, known: units(250), cumulative: units(120) };
    ledger.reverts(payer, TO, middle, outdated);
    ledger.timestamp_ms = closes_at;
    ledger.ok(payer, TO, finishCloseCall { channelId: id, payNow: true });
    assert_eq!(stand(&mut ledger, id), (3, [300, 250, 250, 0, 0, 0]));
    assert_eq!((balance(&mut ledger, payer), spendable(&mut ledger, payer)), (650, 650));
    sound(&mut ledger);
}

#[test]
fn a_state_in_the_very_instant_of_the_end_is_late() {
    let mut ledger = set_up();
    let id = open(&mut ledger, 300);
    let payer = payer().1;
    let newest = state(&mut ledger, id, 250);
    ledger.ok(payer, TO, startCloseCall { channelId: id, cumulative: units(10) });
    let closes_at = ledger.timestamp_ms + DAY;
    ledger.timestamp_ms = closes_at;
    let over = ChallengeOver { channelId: id, closesAtMs: closes_at, nowMs: closes_at };
    ledger.reverts(PAYEE, TO, newest, over);
    assert_eq!(ledger.ok(ANYONE, TO, payableAtCall { channelId: id, cumulative: units(250) }), units(10));
    ledger.ok(ANYONE, TO, finishCloseCall { channelId: id, payNow: true });
    assert_eq!(stand(&mut ledger, id), (3, [300, 10, 10, 0, 0, 0]));
}

#[test]
fn errors_of_closing_come_in_the_promised_order() {
    let mut ledger = set_up();
    let id = open(&mut ledger, 300);
    let payer = payer().1;
    let call = state(&mut ledger, id, 100);
    ledger.ok(PAYEE, TO, call);
    let start = |cumulative| startCloseCall { channelId: id, cumulative };
    ledger.reverts(PAYEE, TO, start(U256::MAX), ChannelCallerNotAllowed { channelId: id, caller: PAYEE });
    let error = StateExceedsDeposit { channelId: id, deposit: units(300), cumulative: units(301) };
    ledger.reverts(payer, TO, start(units(301)), error);
    let error = StateOutdated { channelId: id, known: units(100), cumulative: units(99) };
    ledger.reverts(payer, TO, start(units(99)), error);
    let by_payee = closeByPayeeCall { channelId: id, payNow: true };
    ledger.reverts(payer, TO, by_payee.clone(), ChannelCallerNotAllowed { channelId: id, caller: payer });
    let finish = finishCloseCall { channelId: id, payNow: true };
    ledger.reverts(payer, TO, finish.clone(), ChannelNotClosing { channelId: id, status: 1 });
    ledger.ok(payer, TO, start(units(100)));
    ledger.reverts(payer, TO, start(U256::MAX), ChannelNotOpen { channelId: id, status: 2 });
    ledger.ok(PAYEE, TO, by_payee.clone());
    ledger.reverts(payer, TO, finish, ChannelNotClosing { channelId: id, status: 3 });
    ledger.reverts(PAYEE, TO, by_payee, ChannelNotOpen { channelId: id, status: 3 });
    ledger.reverts(ANYONE, TO, payOutCall { channelId: id }, ChannelNothingDue { channelId: id });
    ledger.reverts(ANYONE, TO, payOutCall { channelId: 5 }, ChannelUnknown { channelId: 5 });
    sound(&mut ledger);
}

#[test]
fn both_together_close_at_once_and_below_what_was_signed() {
    let (payee_secret, payee) = key(12);
    for by in [ANYONE, payer().1, payee] {
        let mut ledger = set_up();
        let (secret, payer) = payer();
        let call = openCall { token: eur(), payee, amount: units(300), challengeMs: DAY };
        let id = ledger.ok(payer, TO, call);
        let captured = state(&mut ledger, id, 50);
        ledger.ok(payee, TO, captured);
        let signed = state(&mut ledger, id, 200);
        ledger.ok(payee, TO, submitStateCall { payNow: false, ..signed });
        let valid_until = ledger.timestamp_ms + 1;
        let digest = |ledger: &mut Ledger, cumulative: u128| {
            let call = closeDigestCall { channelId: id, cumulative: units(cumulative), validUntilMs: valid_until };
            let digest = ledger.ok(ANYONE, TO, call);
            (packed(&secret, digest), packed(&payee_secret, digest))
        };
        let (by_payer, by_payee) = digest(&mut ledger, 80);
        let close = |cumulative: u128, payer_signature: &Bytes, payee_signature: &Bytes| closeTogetherCall {
            channelId: id,
            cumulative: units(cumulative),
            validUntilMs: valid_until,
            payerSignature: payer_signature.clone(),
            payeeSignature: payee_signature.clone(),
            payNow: true,
        };
        let none = Bytes::new();
        ledger.timestamp_ms = valid_until;
        let expired = CloseConsentExpired { channelId: id, validUntilMs: valid_until, nowMs: valid_until };
        ledger.reverts(by, TO, close(301, &by_payer, &by_payee), expired);
        ledger.timestamp_ms = valid_until - 1;
        let longer = closeTogetherCall { validUntilMs: valid_until + 1, ..close(80, &by_payer, &by_payee) };
        let failure = ledger.call(by, TO, longer).unwrap_err();
        assert!(failure.to_string().starts_with("ChannelSignatureInvalid("), "the time is signed: {failure}");
        let error = StateExceedsDeposit { channelId: id, deposit: units(300), cumulative: units(301) };
        ledger.reverts(by, TO, close(301, &none, &none), error);
        let error = StateOutdated { channelId: id, known: units(50), cumulative: units(49) };
        ledger.reverts(by, TO, close(49, &none, &none), error);
        let missing = |expected| ChannelSignatureInvalid { channelId: id, signer: Address::ZERO, expected };
        if by != payer {
            ledger.reverts(by, TO, close(80, &none, &by_payee), missing(payer));
        }
        if by != payee {
            ledger.reverts(by, TO, close(80, &by_payer, &none), missing(payee));
        }
        let swapped = ChannelSignatureInvalid { channelId: id, signer: payee, expected: payer };
        ledger.reverts(by, TO, close(80, &by_payee, &by_payer), swapped);
        let own = |party, signature: &Bytes| if by == party { none.clone() } else { signature.clone() };
        ledger.ok(by, TO, close(80, &own(payer, &by_payer), &own(payee, &by_payee)));
        assert_eq!(stand(&mut ledger, id), (3, [300, 80, 80, 0, 0, 0]));
        let again = close(80, &by_payer, &by_payee);
        ledger.reverts(by, TO, again, ChannelNotOpen { channelId: id, status: 3 });
        sound(&mut ledger);
    }
}

// ----- freeze and seizure --------------------------------------------------------------------------------------------

#[test]
fn a_freeze_delays_payment_and_loses_no_challenge() {
    let mut ledger = set_up();
    let id = open(&mut ledger, 300);
    let payer = payer().1;
    let newest = state(&mut ledger, id, 250);
    ledger.ok(payer, TO, startCloseCall { channelId: id, cumulative: U256::ZERO });
    freeze(&mut ledger, PAYEE, true);
    let frozen = || IToken::AccountFrozen { account: PAYEE };
    ledger.reverts(PAYEE, TO, newest.clone(), frozen());
    ledger.ok(PAYEE, TO, submitStateCall { payNow: false, ..newest });
    ledger.timestamp_ms += DAY;
    ledger.reverts(ANYONE, TO, finishCloseCall { channelId: id, payNow: true }, frozen());
    ledger.ok(ANYONE, TO, finishCloseCall { channelId: id, payNow: false });
    assert_eq!(stand(&mut ledger, id), (3, [300, 250, 0, 250, 0, 0]));
    assert_eq!(spendable(&mut ledger, payer), 650, "the rest is free, what is due is not");
    ledger.reverts(ANYONE, TO, payOutCall { channelId: id }, frozen());
    freeze(&mut ledger, PAYEE, false);
    ledger.ok(ANYONE, TO, payOutCall { channelId: id });
    assert_eq!(stand(&mut ledger, id), (3, [300, 250, 250, 0, 0, 0]));
    sound(&mut ledger);
}

#[test]
fn a_paused_token_lets_a_channel_close() {
    let mut ledger = set_up();
    let id = open(&mut ledger, 300);
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.reverts(payer().1, TO, topUpCall { channelId: id, amount: units(1) }, IToken::EnforcedPause {});
    ledger.ok(PAYEE, TO, closeByPayeeCall { channelId: id, payNow: true });
    assert_eq!(spendable(&mut ledger, payer().1), 900);
    ledger.ok(PAUSER, eur(), unpauseCall {});
}

#[test]
fn a_seizure_shortens_what_is_left_and_a_top_up_pays_what_is_owed() {
    let mut ledger = set_up();
    let id = open(&mut ledger, 300);
    seize(&mut ledger, id, 250);
    assert_eq!(stand(&mut ledger, id), (1, [300, 0, 0, 0, 50, 250]));
    assert_eq!(ledger.ok(ANYONE, TO, payableAtCall { channelId: id, cumulative: units(200) }), units(50));
    let call = state(&mut ledger, id, 200);
    ledger.ok(PAYEE, TO, call);
    assert_eq!(stand(&mut ledger, id), (1, [300, 200, 50, 0, 0, 250]));
    sound(&mut ledger);
    ledger.ok(payer().1, TO, topUpCall { channelId: id, amount: units(400) });
    assert_eq!(stand(&mut ledger, id), (1, [700, 200, 50, 150, 250, 250]));
    ledger.ok(PAYEE, TO, closeByPayeeCall { channelId: id, payNow: true });
    assert_eq!(stand(&mut ledger, id), (3, [700, 200, 200, 0, 0, 250]));
    let balances = [payer().1, PAYEE, COURT].map(|who| balance(&mut ledger, who));
    assert_eq!(balances, [450, 700, 250], "the court and the payee, each once");
    sound(&mut ledger);
}

/// A top-up makes a new hold: it must not lead around an order, nor around a seizure of the old one.
#[test]
fn a_top_up_does_not_lead_around_an_order() {
    let mut ledger = set_up();
    let (id, payer) = (open(&mut ledger, 300), payer().1);
    let expiry = ledger.timestamp_ms + 5;
    let order = IToken::issueOrderCall {
        account: payer,
        payee: COURT,
        cap: units(900),
        expiryMs: expiry,
        legalReference: B256::repeat_byte(1),
    };
    ledger.ok(FREEZER, eur(), order);
    let error = IToken::InsufficientUnfrozenBalance {
        sender: payer,
        balance: units(900),
        frozen: units(900),
        needed: units(301),
    };
    ledger.reverts(payer, TO, topUpCall { channelId: id, amount: units(1) }, error);
    ledger.ok(PAYEE, TO, closeByPayeeCall { channelId: id, payNow: true });
    assert_eq!((spendable(&mut ledger, payer), balance(&mut ledger, payer)), (0, 900), "what is freed is frozen");
    ledger.timestamp_ms = expiry;
    assert_eq!(spendable(&mut ledger, payer), 900);
    sound(&mut ledger);
}

#[test]
fn a_channel_seized_whole_still_closes() {
    let mut ledger = set_up();
    let id = open(&mut ledger, 300);
    seize(&mut ledger, id, 300);
    let call = state(&mut ledger, id, 200);
    ledger.ok(PAYEE, TO, call);
    ledger.ok(PAYEE, TO, closeByPayeeCall { channelId: id, payNow: true });
    assert_eq!(stand(&mut ledger, id), (3, [300, 200, 0, 0, 0, 300]));
    sound(&mut ledger);
}

// ----- liquidity -----------------------------------------------------------------------------------------------------

#[test]
fn a_bank_sees_what_it_has_in_channels() {
    let mut ledger = set_up();
    let (payer, stranger) = (payer().1, account(1));
    for amount in [10, 20, 30, 40] {
        open(&mut ledger, amount);
    }
    let call = openCall { token: eur(), payee: PAYEE, amount: units(5), challengeMs: DAY };
    ledger.ok(stranger, TO, call);
    let signed = state(&mut ledger, 3, 12);
    ledger.ok(PAYEE, TO, submitStateCall { payNow: false, ..signed });
    let see = |ledger: &mut Ledger, owner, start, count| {
        let found = ledger.ok(ANYONE, TO, liquidityOfCall { token: eur(), owner, start, count });
        (found.held.to::<u64>(), found.due.to::<u64>(), found.listed)
    };
    assert_eq!(see(&mut ledger, payer, 0, 100), (100, 12, 4));
    assert_eq!(see(&mut ledger, payer, 0, 2), (30, 0, 4));
    assert_eq!(see(&mut ledger, payer, 2, 2), (70, 12, 4));
    assert_eq!(see(&mut ledger, payer, 4, 100), (0, 0, 4));
    assert_eq!(see(&mut ledger, payer, u64::MAX, 100), (0, 0, 4));
    assert_eq!(see(&mut ledger, stranger, 0, 100), (5, 0, 1));
    for id in [1, 4, 3, 2] {
        ledger.ok(PAYEE, TO, closeByPayeeCall { channelId: id, payNow: false });
        sound(&mut ledger);
    }
    assert_eq!(see(&mut ledger, payer, 0, 100), (0, 0, 0));
    let call = liquidityOfCall { token: eur(), owner: payer, start: 0, count: 101 };
    ledger.reverts(ANYONE, TO, call, ChannelPageTooLarge { count: 101, countMax: 100 });
}

// ----- hostile callers -----------------------------------------------------------------------------------------------

#[test]
fn a_static_call_changes_nothing() {
    let mut ledger = set_up();
    let id = open(&mut ledger, 300);
    let submit = state(&mut ledger, id, 10).abi_encode();
    let close = closeByPayeeCall { channelId: id, payNow: true }.abi_encode();
    let (rules, before) = (ledger.rules.clone(), ledger.storage.slots.clone());
    for input in [submit, close] {
        let env = CallEnv { is_static: true, rules: &rules, ..ledger.env(PAYEE) };
        let result = dispatch(&mut Context::new(env, &mut ledger.storage), TO, &input);
        assert_eq!(result, Err(Failure::Revert(IModule::StaticCallForbidden {}.abi_encode().into())));
    }
    assert_eq!(ledger.storage.slots, before);
}

#[test]
fn invariants_notice_what_they_name() {
    fn record(number: u64) -> layout::Record {
        layout::layout().channels.of(&number)
    }
    fn found(forge: impl FnOnce(&mut Context<'_>) -> Result<(), Failure>) -> Vec<&'static str> {
        let mut ledger = set_up();
        open(&mut ledger, 300);
        open(&mut ledger, 200);
        ledger.run(ANYONE, forge).unwrap();
        let violations = ledger.run(ANYONE, invariants::check).unwrap();
        violations.iter().map(|violation| violation.invariant).collect()
    }
    assert_eq!(found(|_| Ok(())), Vec::<&str>::new());
    let amounts = |deposit, owed| layout::Amounts { deposit, owed };
    assert_eq!(found(|x| record(1).amounts.write(x, amounts(300, 301))), ["channel.owed_within_deposit"]);
    assert_eq!(found(|x| record(1).amounts.write(x, amounts(299, 0))), ["channel.conserved"]);
    let closed = found(|x| {
        let head = record(2).head.read(x)?;
        record(2).head.write(x, layout::Head { status: 3, ..head })
    });
    assert_eq!(closed, ["channel.closed_leaves_only_what_is_due", "channel.listed_while_not_closed"]);
    let funds = layout::Funds { token: eur(), hold: 2 };
    assert_eq!(found(|x| record(1).funds.write(x, funds)), ["channel.hold_is_the_payers"]);
    let progress = layout::Progress { paid: 0, place: 0 };
    assert_eq!(found(|x| record(2).progress.write(x, progress)), ["channel.listed_while_not_closed"]);
}

/// Whoever reads the logs alone knows deposit, owed, paid and released of every channel.
fn rebuild(ledger: &Ledger) -> std::collections::BTreeMap<u64, [U256; 4]> {
    let mut book = std::collections::BTreeMap::new();
    for log in ledger.storage.logs.iter().filter(|log| log.address == TO) {
        if let Ok(event) = ChannelOpened::decode_log(log) {
            book.insert(event.channelId, [event.amount, U256::ZERO, U256::ZERO, U256::ZERO]);
        } else if let Ok(event) = ChannelToppedUp::decode_log(log) {
            book.get_mut(&event.channelId).unwrap()[0] += event.amount;
        } else if let Ok(event) = StateSubmitted::decode_log(log) {
            book.get_mut(&event.channelId).unwrap()[1] = event.cumulative;
        } else if let Ok(event) = ChannelClosing::decode_log(log) {
            book.get_mut(&event.channelId).unwrap()[1] = event.owed;
        } else if let Ok(event) = ChannelPaid::decode_log(log) {
            book.get_mut(&event.channelId).unwrap()[2] += event.amount;
        } else if let Ok(event) = ChannelClosed::decode_log(log) {
            let entry = book.get_mut(&event.channelId).unwrap();
            (entry[1], entry[3]) = (event.owed, event.released);
        }
    }
    book
}
