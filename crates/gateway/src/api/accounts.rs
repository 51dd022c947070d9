//! Accounts with what is proven of them, and who is known on the ledger.

use super::{
    Answered, Api,
    document::{Read, Unknown},
    parts::{Asked, Named},
    problem::Problem,
    versioned,
};
use crate::{
    GatewayError,
    access::Caller,
    book::{Holder, TokenEntry},
    identity::time_text,
};
use alloy_primitives::Address;
use axum::{Json, extract::State, http::HeaderMap, response::IntoResponse};
use florin_modules::token::{balance_of, spendable_units};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Accounts and participants of one answer.
const PAGE_MAX: usize = 200;
/// Largest place at which a page begins; a gateway has fewer accounts.
const AFTER_MAX: u32 = 1_000_000;

/// An account of the tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountTold {
    /// IBAN or another number; the BIC where there is none.
    number: String,
    bic: Option<String>,
    name: Option<String>,
    /// Account on the ledger.
    #[schema(value_type = String)]
    address: Address,
    /// Whether payments can be ordered from it here.
    pays: bool,
}

impl AccountTold {
    fn new(holder: &Holder) -> Self {
        let Holder { number, bic, name, address, pays, .. } = holder.clone();
        Self { number, bic, name, address, pays }
    }
}

/// Accounts of the tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountsTold {
    accounts: Vec<AccountTold>,
    /// `after` of the next page; nothing on the last one.
    next: Option<u64>,
}

/// What an account has of one currency, proven at one height.
#[derive(Serialize, ToSchema)]
pub(super) struct BalanceTold {
    currency: String,
    /// Everything, decimal.
    balance: Option<String>,
    /// What it may spend: neither frozen nor on hold.
    free: Option<String>,
    /// Height of the final block of which it is proven.
    block: u64,
    /// Time of that block.
    at: String,
}

/// An account with its balances.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountWithBalancesTold {
    #[serde(flatten)]
    account: AccountTold,
    balances: Vec<BalanceTold>,
}

/// Somebody who can be paid.
#[derive(Serialize, ToSchema)]
pub(super) struct ParticipantTold {
    /// BIC of a bank.
    bic: Option<String>,
    name: Option<String>,
    /// Number, of the tenant's own accounts alone.
    number: Option<String>,
    /// Whether it is the tenant's own.
    own: bool,
}

/// Who can be paid.
#[derive(Serialize, ToSchema)]
pub(super) struct ParticipantsTold {
    participants: Vec<ParticipantTold>,
    /// Currencies that can be paid in.
    currencies: Vec<String>,
    /// `after` of the next page; nothing on the last one.
    next: Option<u64>,
}

/// Where a page begins.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Begins {
    after: u32,
}

impl Begins {
    fn checked(&self) -> Result<u32, Problem> {
        let after = Some(self.after).filter(|after| *after <= AFTER_MAX);
        after.ok_or_else(|| Problem::parameter("after", "`next` of the page before"))
    }
}

/// A page of what there is.
fn page<T>(all: impl Iterator<Item = T>, after: u32) -> (Vec<T>, Option<u64>) {
    let skipped = usize::try_from(after).unwrap_or(usize::MAX);
    let mut found: Vec<T> = all.skip(skipped).take(PAGE_MAX.saturating_add(1)).collect();
    let has_more = found.len() > PAGE_MAX;
    found.truncate(PAGE_MAX);
    (found, has_more.then(|| u64::from(after).saturating_add(PAGE_MAX as u64)))
}

/// Accounts of the tenant, in the order of the configuration
#[utoipa::path(
    get, path = "/v1/accounts", tag = "accounts", operation_id = "accounts", security(("key" = [])),
    params(("after" = Option<u32>, Query, description = "`next` of the page before", maximum = 1_000_000)),
    responses((status = 200, description = "At most 200", body = AccountsTold), Read)
)]
pub(super) async fn accounts(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Asked(begins): Asked<Begins>,
) -> Answered {
    let after = begins.checked()?;
    let own = api.shared.book.served().filter(|holder| holder.tenant.as_deref() == Some(&caller.tenant));
    let (accounts, next) = page(own.map(AccountTold::new), after);
    Ok(Json(AccountsTold { accounts, next }).into_response())
}

/// An account with its balances, proven in the latest final state
#[utoipa::path(
    get, path = "/v1/accounts/{number}", tag = "accounts", operation_id = "account", security(("key" = [])),
    params(("number" = String, Path, description = "Number or BIC of an account of the tenant")),
    responses((status = 200, description = "The account", body = AccountWithBalancesTold), (status = 304, description = "Nothing changed"), Read, Unknown)
)]
pub(super) async fn account(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Named(number): Named,
    headers: HeaderMap,
) -> Answered {
    let book = &api.shared.book;
    let holder = book.of(&caller.tenant, &number).ok_or_else(|| Problem::unknown("account", &number))?;
    let mut balances = Vec::new();
    for token in book.tokens() {
        balances.push(balance(&api, holder.address, token).await?);
    }
    versioned(&headers, &AccountWithBalancesTold { account: AccountTold::new(holder), balances })
}

async fn balance(api: &Api, holder: Address, token: &TokenEntry) -> Result<BalanceTold, Problem> {
    let (chain, address) = (&api.shared.chain, token.address);
    let proven = chain.verifier.query(&chain.rpc, move |context| {
        Ok((balance_of(context, address, holder)?, spendable_units(context, address, holder)?))
    });
    let (head, (balance, free)) = proven.await.map_err(GatewayError::from)?;
    let told = |minor| api.shared.book.decimal(&token.currency, minor);
    Ok(BalanceTold {
        currency: token.currency.clone(),
        balance: told(balance),
        free: told(free),
        block: head.height(),
        at: time_text(head.extension().timestamp_ms),
    })
}

/// Banks that can be paid, and the tenant's own accounts
///
/// Accounts of other tenants' customers are not told: whoever pays one knows its number.
#[utoipa::path(
    get, path = "/v1/participants", tag = "accounts", operation_id = "participants", security(("key" = [])),
    params(("after" = Option<u32>, Query, description = "`next` of the page before", maximum = 1_000_000)),
    responses((status = 200, description = "At most 200", body = ParticipantsTold), Read)
)]
pub(super) async fn participants(
    State(api): State<Api>,
    axum::Extension(caller): axum::Extension<Caller>,
    Asked(begins): Asked<Begins>,
) -> Answered {
    let after = begins.checked()?;
    let book = &api.shared.book;
    let is_own = |holder: &Holder| holder.tenant.as_deref() == Some(&caller.tenant);
    let told = book.holders().filter(|holder| holder.bic.is_some() || is_own(holder)).map(|holder| ParticipantTold {
        bic: holder.bic.clone(),
        name: holder.name.clone(),
        number: is_own(holder).then(|| holder.number.clone()),
        own: is_own(holder),
    });
    let (participants, next) = page(told, after);
    let currencies = book.tokens().map(|token| token.currency.clone()).collect();
    Ok(Json(ParticipantsTold { participants, currencies, next }).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_and_none_begins_beyond_all() {
        assert_eq!(page(0..450, 0).1, Some(200));
        assert_eq!(page(0..450, 400), ((400..450).collect(), None));
        assert_eq!(page(0..400, 200), ((200..400).collect(), None));
        assert_eq!(page(0..450, u32::MAX), (Vec::new(), None));
    }
}
