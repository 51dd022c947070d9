//! A working day of the demo: the modules of money and compliance, told in the terminal.
//!
//! **What happens.** Opening (a second currency, a clearing scheme), customers of three banks pay in two currencies, a
//! gridlock that resolves, a payment across currencies, a payment that waits for the payee's KYC, a net window, the
//! cut-off, and what it came to. Every step is a signed transaction at a real node; the hash that is printed can be
//! looked up. Nothing is taken for granted: receipts are proven, and events and balances are held against the story.
//!
//! **Goes on.** The day of a kept demo begins where the last one ended: the currency is found again, the scheme is new.
#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are in cents, which stand apart: 1_250_00 is 1,250.00")]

mod clearing;
mod close;
mod customers;
mod desk;
mod exchange;
mod opening;
mod story;

pub(crate) use opening::DOLLAR;

use super::{Network, gateway, progress::Progress};
use crate::{failure::Failure, output::Output};
use alloy_primitives::{Address, B256, FixedBytes};
use close::Summary;
use desk::{Actor, Desk, Money};
use florin_client::Signer;
use serde_json::json;
use story::{Entry, Story};

/// Everyone who acts.
struct Cast {
    central_bank: Actor,
    bank_a: Actor,
    bank_b: Actor,
    bank_c: Actor,
    alma: Actor,
    bruno: Actor,
    chiara: Actor,
    /// New in every day: nobody knows her yet.
    dara: Actor,
    /// Accounts from which banks pay at the gateway.
    gateway_b: Address,
    gateway_c: Address,
}

impl Cast {
    /// The demo's people, each at the node of its bank.
    fn of(network: &Network) -> Self {
        let (banks, customers) = (network.people.banks(), network.people.customers());
        let dara = Actor { name: "dara".into(), key: Signer::random(), node: 3 };
        Self {
            central_bank: Actor::of(network.people.central_bank(), 0),
            bank_a: Actor::of(&banks[0], 1),
            bank_b: Actor::of(&banks[1], 2),
            bank_c: Actor::of(&banks[2], 3),
            alma: Actor::of(&customers[0], 1),
            bruno: Actor::of(&customers[1], 2),
            chiara: Actor::of(&customers[2], 3),
            dara,
            gateway_b: gateway::account_of(&network.people, "bank-b").unwrap_or_default(),
            gateway_c: gateway::account_of(&network.people, "bank-c").unwrap_or_default(),
        }
    }

    fn banks(&self) -> [&Actor; 3] {
        [&self.bank_a, &self.bank_b, &self.bank_c]
    }
}

/// What the opening made, and the rest of the day works with.
struct Day {
    deur: Money,
    dusd: Money,
    scheme: u64,
}

/// The day, for scripts.
pub(crate) struct DayReport {
    entries: Vec<Entry>,
    summary: Summary,
}

impl DayReport {
    /// One line of JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({ "day": { "steps": self.entries, "summary": self.summary } })
    }
}

/// Runs the day, and fails at the first step that does not do what the story says.
pub(crate) async fn run(network: &Network, progress: &Progress, output: Output) -> Result<DayReport, Failure> {
    let cast = Cast::of(network);
    let mut desk = Desk::open(network, Story::new(progress, output))?;
    let begin = crate::node::monitoring::now_ms();
    desk.story.say(
        "\nA working day. Each line is time (UTC) and what the ledger did; below it, the transactions to look up.",
    )?;
    let day = opening::run(&mut desk, &cast, network.token).await?;
    customers::pay(&mut desk, &cast, &day).await?;
    clearing::gridlock(&mut desk, &cast, &day).await?;
    exchange::run(&mut desk, &cast, &day).await?;
    customers::park(&mut desk, &cast, &day).await?;
    clearing::window(&mut desk, &cast, &day).await?;
    clearing::cut_off(&mut desk, &cast, &day).await?;
    let summary = close::run(&mut desk, &day, begin).await?;
    Ok(DayReport { entries: desk.story.entries().to_vec(), summary })
}

/// A name that is used once, such as a UETR: a random UUID in the first 16 bytes.
fn unique() -> B256 {
    let mut name = B256::ZERO;
    name[..16].copy_from_slice(&rand::random::<[u8; 16]>());
    name[6] = name[6] & 0x0f | 0x40;
    name[8] = name[8] & 0x3f | 0x80;
    name
}

/// The BIC of a bank of the demo; no such bank exists.
fn bic(bank: &Actor) -> FixedBytes<11> {
    let letter = bank.name.bytes().last().unwrap_or(b'x').to_ascii_uppercase();
    let mut bic = *b"DEM?XX2LXXX";
    bic[3] = letter;
    FixedBytes(bic)
}
