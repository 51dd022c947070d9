//! Classic cases of payment systems, told step by step: who did what, what was answered, which events told of it, and who had
//! how much afterwards.
//!
//! Each story is held against a text of its own in `scenarios/golden`. Those texts say what the rules demand; they are
//! written by people, from `specs/`, and no command writes them anew. Every movement of a story must also follow from
//! its events alone.

mod clearing;
mod compliance;
mod orders;
mod payments;

use alloy_primitives::{Address, B256};
use alloy_sol_types::{SolCall, SolEventInterface};
use std::{
    collections::BTreeMap,
    fmt::{Debug, Write as _},
    path::Path,
};

use crate::{
    Failure,
    channel::IChannel::IChannelEvents,
    escrow::IEscrow::IEscrowEvents,
    explain,
    fx::IExchange::IExchangeEvents,
    identity::IIdentity::IIdentityEvents,
    payment::IPayment::IPaymentEvents,
    policy::IPolicy::IPolicyEvents,
    settlement::ISettlement::ISettlementEvents,
    testing::{ISSUER, Ledger, account, units, world},
    token::{
        IToken::{ITokenEvents, balanceOfCall, mintCall, spendableBalanceOfCall, transferCall},
        invariants::EventBook,
    },
    token_address,
};

fn eur() -> Address {
    token_address(1)
}

/// A story in the making.
struct Story {
    ledger: Ledger,
    text: String,
    /// People, and what else has a name, by how `Debug` shows them.
    names: BTreeMap<String, String>,
    /// Whose balances are told, in order.
    people: Vec<Address>,
    tokens: Vec<(Address, &'static str)>,
    told: usize,
    zero_ms: u64,
}

impl Story {
    /// Begins with people who have so many units of the euro, and nobody else has any.
    fn begin(title: &str, people: &[(Address, &str, u128)]) -> Self {
        let mut ledger = world();
        for (holder, amount) in [(account(1), 1_000), (account(2), 500)] {
            let call = transferCall { to: Address::repeat_byte(0xee), amount: units(amount) };
            ledger.ok(holder, eur(), call);
        }
        let zero_ms = ledger.timestamp_ms;
        let mut story = Self {
            ledger,
            text: format!("{title}\n"),
            names: BTreeMap::new(),
            people: Vec::new(),
            tokens: vec![(eur(), "EUR")],
            told: 0,
            zero_ms,
        };
        story.name(Address::ZERO, "nobody");
        story.name(eur(), "EUR");
        for (who, name, amount) in people {
            story.person(*who, name);
            if *amount > 0 {
                story.ledger.ok(ISSUER, eur(), mintCall { to: *who, amount: units(*amount) });
            }
        }
        story.hush();
        story.balances();
        story
    }

    fn name(&mut self, what: impl Debug, name: &str) {
        self.names.insert(format!("{what:?}").to_lowercase(), name.into());
    }

    fn person(&mut self, who: Address, name: &str) {
        self.name(who, name);
        self.people.push(who);
    }

    /// What happened so far is the setting and is not told.
    fn hush(&mut self) {
        self.told = self.ledger.storage.logs.len();
    }

    /// A line in the author's words.
    fn say(&mut self, text: &str) {
        let _ = writeln!(self.text, "\n{text}");
    }

    /// The time since the beginning.
    fn at(&mut self, elapsed_ms: u64) {
        self.ledger.timestamp_ms = self.zero_ms + elapsed_ms;
        let _ = writeln!(self.text, "\nat {elapsed_ms} ms");
    }

    /// Somebody calls a module; the answer, or the error, and the events are told.
    fn step<C: SolCall<Return: Debug>>(&mut self, who: Address, what: &str, to: Address, call: C) -> Option<C::Return> {
        let name = self.plain(&format!("{who:?}"));
        let _ = writeln!(self.text, "\n{name}: {what}");
        let (line, answer) = match self.ledger.call(who, to, call) {
            Ok(answer) => (format!("answer  {}", bare(&format!("{answer:?}"))), Some(answer)),
            Err(failure) => (format!("refused {}", refusal(&failure)), None),
        };
        let line = self.plain(&line);
        let _ = writeln!(self.text, "  {line}");
        let logs = self.ledger.storage.logs.split_off(self.told);
        for log in &logs {
            let line = self.plain(&format!("event   {}", event(log)));
            let _ = writeln!(self.text, "  {line}");
        }
        self.ledger.storage.logs.extend(logs);
        self.hush();
        answer
    }

    /// Everybody's balance, and what of it may be spent if that is less.
    fn balances(&mut self) {
        let mut line = String::from("has    ");
        for (token, symbol) in self.tokens.clone() {
            for who in self.people.clone() {
                let balance: u128 = self.ledger.ok(who, token, balanceOfCall { account: who }).to();
                let free: u128 = self.ledger.ok(who, token, spendableBalanceOfCall { account: who }).to();
                let name = self.plain(&format!("{who:?}"));
                let _ = write!(line, " {name} {balance}");
                if free < balance {
                    let _ = write!(line, " (free {free})");
                }
                line.push(',');
            }
            line.pop();
            let _ = write!(line, " {symbol};");
        }
        line.pop();
        let _ = writeln!(self.text, "\n{line}");
    }

    /// Names for addresses and references, times since the beginning, a word for other hashes.
    fn plain(&self, text: &str) -> String {
        let mut plain = String::new();
        for word in text.split_inclusive(|character: char| !character.is_ascii_alphanumeric()) {
            let bare = word.trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
            let mark = word.strip_prefix(bare).unwrap_or_default();
            let known = self.names.get(&bare.to_lowercase()).cloned();
            let shown = known.unwrap_or_else(|| match bare.parse::<u64>() {
                Ok(time) if time >= self.zero_ms && time < self.zero_ms + 1_000_000_000_000 => {
                    format!("{}ms", time - self.zero_ms)
                }
                _ if bare.len() == 66 && bare.starts_with("0x") => "hash".into(),
                _ => bare.into(),
            });
            plain.push_str(&shown);
            plain.push_str(mark);
        }
        plain
    }

    /// Ends the story and holds it against its text.
    fn end(mut self, name: &str) {
        self.balances();
        let mut book = EventBook::default();
        book.credit_genesis(eur(), account(1), 1_000);
        book.credit_genesis(eur(), account(2), 500);
        self.ledger.storage.logs.iter().for_each(|log| book.apply(log).unwrap());
        let found = self.ledger.run(account(9), |context| book.check(context)).unwrap();
        assert_eq!(found, [], "{name}: events alone give every balance");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/scenarios/golden").join(format!("{name}.txt"));
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            self.text == expected,
            "{name} was told otherwise:\n{}\n{}",
            difference(&expected, &self.text),
            self.text
        );
    }
}

/// The first line that differs.
fn difference(expected: &str, found: &str) -> String {
    let mut pairs = expected.lines().chain([""]).zip(found.lines().chain([""])).zip(1..);
    let Some(((expected, found), number)) = pairs.find(|((expected, found), _)| expected != found) else {
        return "one is longer".into();
    };
    format!("line {number}: expected {expected:?}, found {found:?}")
}

/// A struct's values without its name.
fn bare(debug: &str) -> String {
    match debug.split_once(" { ") {
        Some((_, values)) => values.trim_end_matches(" }").into(),
        None if debug.ends_with("Return") => "done".into(),
        None => debug.into(),
    }
}

fn refusal(failure: &Failure) -> String {
    let Failure::Revert(data) = failure else { return failure.to_string() };
    explain(data).map_or_else(|| data.to_string(), |error| format!("{} {}", error.code, error.values).trim().into())
}

/// An event by its name, with its values.
fn event(log: &alloy_primitives::Log) -> String {
    let shown = ITokenEvents::decode_log(log)
        .map(|event| format!("{:?}", event.data))
        .or_else(|_| ISettlementEvents::decode_log(log).map(|event| format!("{:?}", event.data)))
        .or_else(|_| IPaymentEvents::decode_log(log).map(|event| format!("{:?}", event.data)))
        .or_else(|_| IExchangeEvents::decode_log(log).map(|event| format!("{:?}", event.data)))
        .or_else(|_| IChannelEvents::decode_log(log).map(|event| format!("{:?}", event.data)))
        .or_else(|_| IEscrowEvents::decode_log(log).map(|event| format!("{:?}", event.data)))
        .or_else(|_| IPolicyEvents::decode_log(log).map(|event| format!("{:?}", event.data)))
        .or_else(|_| IIdentityEvents::decode_log(log).map(|event| format!("{:?}", event.data)))
        .expect("an event of a module");
    let (name, rest) = shown.split_once('(').expect("a variant");
    format!("{name} {}", bare(rest.trim_end_matches(')')))
}

/// A reference that a story names.
fn reference(number: u8) -> B256 {
    B256::with_last_byte(number)
}
