//! What a bank has for clearing and what waits in its queue, proven from the ledger's state.

use super::{
    Answered, Api,
    document::{Read, Unknown},
    parts::Named,
    problem::Problem,
};
use crate::{
    GatewayError,
    access::Caller,
    book::{Book, TokenEntry},
    identity::time_text,
};
use alloy_primitives::{Address, I256, U256};
use axum::{Json, extract::State, response::IntoResponse};
use florin_modules::settlement::{
    ISettlement, credit_of, day_of, instruction_of, is_participant, liquidity_of, participant_of, queue_of, scheme_of,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Instructions of a queue that are told: each is proven with who is to get it, within the bound of one proof.
const QUEUE_SHOWN: usize = 16;

/// A business day of a scheme.
#[derive(Serialize, ToSchema)]
struct DayTold {
    /// Such as 20261123.
    value_date: u32,
    /// `closed`, `open` or `closing`.
    phase: &'static str,
    /// From then on nothing is taken.
    cut_off: String,
}

/// Intraday credit.
#[derive(Serialize, ToSchema)]
struct CreditTold {
    outstanding: Option<String>,
    available: Option<String>,
    /// By how much the pledges fall short.
    shortfall: Option<String>,
    overdue: bool,
}

/// A payment that was handed in and is not settled.
#[derive(Serialize, ToSchema)]
struct InstructionTold {
    /// Number on the ledger.
    instruction: u64,
    /// Account on the ledger that is to get it.
    #[schema(value_type = String)]
    creditor: Address,
    /// BIC of its bank, where it is known here.
    creditor_bic: Option<String>,
    amount: Option<String>,
    /// `urgent`, `high` or `normal`.
    priority: &'static str,
    /// `queued` or `held`; `settled` while a run that settled it is being finished.
    state: &'static str,
    submitted: String,
}

/// An account in a settlement scheme.
#[derive(Serialize, ToSchema)]
struct SchemeTold {
    /// Number of the scheme on the ledger.
    scheme: u64,
    currency: String,
    day: DayTold,
    /// `invited`, `active`, `suspended` or `left`.
    status: &'static str,
    /// Everything, decimal.
    balance: Option<String>,
    /// What it may spend.
    free: Option<String>,
    /// What only urgent instructions may use.
    reserve: Option<String>,
    /// Most that may flow out today, net; nothing where there is no limit.
    limit: Option<String>,
    /// What flowed in today less what flowed out.
    net: Option<String>,
    /// Queued to be paid, and by others to it.
    queued_out: Option<String>,
    queued_in: Option<String>,
    /// Instructions in the queue, those on hold not included.
    queued: u32,
    credit: CreditTold,
    /// The first 16 in the order of the queue, then those on hold.
    queue: Vec<InstructionTold>,
    /// Height of the final block of which it is proven. The queue is of this block or a later one.
    block: u64,
    /// Time of that block.
    at: String,
}

/// Queue and liquidity of an account.
#[derive(Serialize, ToSchema)]
pub(super) struct LiquidityTold {
    /// One for each currency that has a scheme in which the account takes part.
    schemes: Vec<SchemeTold>,
}

/// Queue and liquidity of an account in settlement, proven in the latest final state
#[utoipa::path(
    get, path = "/v1/accounts/{number}/liquidity", tag = "accounts", operation_id = "liquidity", security(("key" = [])),
    params(("number" = String, Path, description = "Number or BIC of an account of the tenant")),
    responses((status = 200, description = "By scheme; nothing where it takes part in none", body = LiquidityTold), Read, Unknown)
)]
pub(super) async fn account_liquidity(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(number): Named,
) -> Answered {
    let book = &api.shared.book;
    let holder = book.of(&caller.tenant, &number).ok_or_else(|| Problem::unknown("account", &number))?;
    let mut schemes = Vec::new();
    for token in book.tokens() {
        let Some(scheme) = token.scheme else { continue };
        schemes.extend(of_scheme(&api, token, scheme, holder.address).await?);
    }
    Ok(Json(LiquidityTold { schemes }).into_response())
}

/// What is read of a scheme in one proof.
struct Reading {
    token: Address,
    day: ISettlement::dayOfReturn,
    participant: ISettlement::participantOfReturn,
    liquidity: ISettlement::liquidityOfReturn,
    credit: ISettlement::creditOfReturn,
}

async fn of_scheme(
    api: &Api,
    token: &TokenEntry,
    scheme: u64,
    account: Address,
) -> Result<Option<SchemeTold>, Problem> {
    let chain = &api.shared.chain;
    let read = chain.verifier.query(&chain.rpc, move |context| {
        if !is_participant(context, scheme, account)? {
            return Ok(None);
        }
        Ok(Some(Reading {
            token: scheme_of(context, scheme)?.token,
            day: day_of(context, scheme)?,
            participant: participant_of(context, scheme, account)?,
            liquidity: liquidity_of(context, scheme, account)?,
            credit: credit_of(context, scheme, account)?,
        }))
    });
    let (head, read) = read.await.map_err(GatewayError::from)?;
    let Some(Reading { token: cleared, day, participant, liquidity, credit }) = read else { return Ok(None) };
    if cleared != token.address {
        tracing::error!(scheme, currency = token.currency, %cleared, "the configured scheme clears another token");
        return Err(Problem::fault());
    }
    let book = &api.shared.book;
    let told = |units| decimal(book, &token.currency, units);
    Ok(Some(SchemeTold {
        scheme,
        currency: token.currency.clone(),
        day: DayTold {
            value_date: day.valueDate,
            phase: name(day.phase, &["closed", "open", "closing"]),
            cut_off: time_text(day.cutOffMs),
        },
        status: name(participant.status, &["none", "invited", "active", "suspended", "left"]),
        balance: told(liquidity.balance),
        free: told(liquidity.spendable),
        reserve: told(liquidity.reserve),
        limit: Some(participant.multilateralLimit).filter(|limit| *limit != U256::MAX).and_then(told),
        net: signed(book, &token.currency, liquidity.netPosition),
        queued_out: told(liquidity.queuedOut),
        queued_in: told(liquidity.queuedIn),
        queued: liquidity.queued,
        credit: CreditTold {
            outstanding: told(credit.outstanding),
            available: told(credit.available),
            shortfall: told(credit.shortfall),
            overdue: credit.overdue,
        },
        queue: queue(api, token, scheme, account).await?,
        block: head.height(),
        at: time_text(head.extension().timestamp_ms),
    }))
}

/// The beginning of the queue, in a proof of its own.
async fn queue(api: &Api, token: &TokenEntry, scheme: u64, account: Address) -> Result<Vec<InstructionTold>, Problem> {
    let (chain, book) = (&api.shared.chain, &api.shared.book);
    let read = chain.verifier.query(&chain.rpc, move |context| {
        let numbers = queue_of(context, scheme, account, QUEUE_SHOWN)?;
        // Each is asked for before one that is not proven yet ends the reading.
        let read: Vec<_> = numbers.into_iter().map(|number| (number, instruction_of(context, number))).collect();
        read.into_iter().map(|(number, instruction)| Ok((number, instruction?))).collect::<Result<Vec<_>, _>>()
    });
    let (_, instructions) = read.await.map_err(GatewayError::from)?;
    let told = instructions.into_iter().map(|(number, instruction)| InstructionTold {
        instruction: number,
        creditor: instruction.creditor,
        creditor_bic: book.at(instruction.creditor).and_then(|holder| holder.bic.clone()),
        amount: decimal(book, &token.currency, instruction.amount),
        priority: name(instruction.priority, &["urgent", "high", "normal"]),
        state: name(instruction.status, &["none", "queued", "held", "settled"]),
        submitted: time_text(instruction.submittedMs),
    });
    Ok(told.collect())
}

/// The word for a number of the ledger's.
fn name(number: u8, names: &[&'static str]) -> &'static str {
    names.get(usize::from(number)).copied().unwrap_or("unknown")
}

fn decimal(book: &Book, currency: &str, units: U256) -> Option<String> {
    book.decimal(currency, units.try_into().ok()?)
}

fn signed(book: &Book, currency: &str, units: I256) -> Option<String> {
    let text = decimal(book, currency, units.unsigned_abs())?;
    Some(if units.is_negative() { format!("-{text}") } else { text })
}
