//! What the day came to: figures of the clearing, and the invariants of every module.

use super::{
    Day,
    clearing::{COUNT, USED, VALUE},
    desk::{Desk, differs, expect},
};
use crate::{failure::Failure, output, remote::client_failure};
use alloy_primitives::U256;
use florin_client::{Audit, audit};
use florin_modules::{SETTLEMENT_ADDRESS, settlement::ISettlement};
use serde::Serialize;
use std::collections::BTreeSet;

/// The day in figures. Amounts are minor units of the first currency.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    instructions_settled: u64,
    value_minor: String,
    liquidity_used_minor: String,
    liquidity_saved_minor: String,
    delay_ms_average: u64,
    transactions: usize,
    refused: usize,
    duration_ms: u64,
    invariants_height: u64,
    tokens: usize,
    holders: usize,
    violations: Vec<String>,
}

/// Sums the day up and checks the invariants.
pub(super) async fn run(desk: &mut Desk<'_>, day: &Day, begin_ms: u64) -> Result<Summary, Failure> {
    desk.story.heading("What the day came to")?;
    let call = ISettlement::figuresOfCall { schemeId: day.scheme };
    let figures = desk.ask(SETTLEMENT_ADDRESS, call).await?;
    let expected = (COUNT, U256::from(VALUE), U256::from(USED));
    expect("the day's figures", (figures.count, figures.value, figures.liquidityUsed), expected)?;
    let found = audit(desk.reader(), &desk.verifier, &desk.genesis, None).await.map_err(client_failure)?;
    if let Some(violation) = found.violations.first() {
        return Err(differs("the invariants", "that all of them hold", violation));
    }
    let delay_ms = u64::try_from(figures.delayMs).unwrap_or(u64::MAX) / COUNT;
    let transactions: BTreeSet<_> =
        desk.story.entries().iter().flat_map(|entry| &entry.transactions).map(|mention| mention.hash).collect();
    let summary = Summary {
        instructions_settled: figures.count,
        value_minor: VALUE.to_string(),
        liquidity_used_minor: USED.to_string(),
        liquidity_saved_minor: (VALUE - USED).to_string(),
        delay_ms_average: delay_ms,
        transactions: transactions.len(),
        refused: desk.refused_count(),
        duration_ms: crate::node::monitoring::now_ms().saturating_sub(begin_ms),
        invariants_height: found.height,
        tokens: found.tokens,
        holders: found.holders,
        violations: Vec::new(),
    };
    desk.story.say(&text(&summary, day, &found))?;
    Ok(summary)
}

fn text(summary: &Summary, day: &Day, found: &Audit) -> String {
    let saved_percent = (VALUE - USED) * 100 / VALUE;
    let turnover_tenths = VALUE * 10 / USED;
    let seconds = |ms: u64| format!("{}.{} s", ms / 1_000, ms % 1_000 / 100);
    output::fields(&[
        (
            "  turnover",
            format!("{} in {} instructions of the banks", day.deur.show(VALUE), summary.instructions_settled),
        ),
        (
            "  liquidity",
            format!(
                "{} used, {} saved ({saved_percent} %); each unit was used {}.{} times",
                day.deur.show(USED),
                day.deur.show(VALUE - USED),
                turnover_tenths / 10,
                turnover_tenths % 10
            ),
        ),
        ("  delay", format!("{} in the queue, on average of all instructions", seconds(summary.delay_ms_average))),
        ("  unsettled", "1 instruction, rejected at the cut-off".to_string()),
        (
            "  ledger",
            format!(
                "{} transactions final and proven, {} calls refused, in {}",
                summary.transactions,
                summary.refused,
                seconds(summary.duration_ms)
            ),
        ),
        (
            "  invariants",
            format!(
                "all modules' hold at height {}: {} currencies, {} balances, {} slots, {} events",
                found.height, found.tokens, found.holders, found.slots, found.events
            ),
        ),
    ])
}
