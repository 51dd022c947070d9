//! A dry run: what would become of a payment that were ordered now. Nothing is stored.

use super::{
    Api,
    problem::Problem,
    told::{OrderTold, ReasonTold},
};
use crate::{
    GatewayError, access::Caller, chain::Key, desk::claim_orders, exceptions::as_they_are, order::State, plan,
    reason::Reason, store::NewOrder,
};
use alloy_primitives::U256;
use florin_client::ClientError;
use florin_iso20022::Accepted;
use florin_modules::{PAYMENT_ADDRESS, token::spendable_units};
use serde::Serialize;
use utoipa::ToSchema;

/// What the ledger takes for it.
#[derive(Serialize, ToSchema)]
pub(super) struct FeeTold {
    /// Gas that the transaction needs.
    gas: u64,
    /// Price of gas now, in wei of the ledger's native unit. Zero unless the genesis file says otherwise.
    gas_price_wei: String,
    /// Both multiplied.
    total_wei: String,
}

/// Whether a payment would be taken, and what is known about it.
#[derive(Serialize, ToSchema)]
pub(super) struct PreviewTold {
    /// Always `true`: nothing was stored.
    dry_run: bool,
    would_be_taken: bool,
    /// The payment is known already, here or on the ledger: ordering it again would be the same payment, and what became of it stays so.
    is_known: bool,
    /// Why not, by the gateway's rules or the ledger's.
    reason: Option<ReasonTold>,
    /// Units that the payer may spend now, proven. Nothing where the payer is not known.
    free: Option<String>,
    /// Nothing where the ledger would refuse it.
    fee: Option<FeeTold>,
    /// Who is meant, and how it would begin.
    order: OrderTold,
}

pub(super) async fn preview(
    api: &Api,
    caller: &Caller,
    accepted: &Accepted,
    now_ms: u64,
) -> Result<PreviewTold, Problem> {
    let shared = &api.shared;
    let context = plan::Context { book: &shared.book, tenant: &caller.tenant, message: 0, now_ms };
    let order = plan::orders(accepted, &context).and_then(|mut orders| orders.pop());
    let mut order = order.ok_or_else(Problem::fault)?;
    if order.state != State::Refused {
        let mut work = shared.store.read().await?;
        claim_orders(&shared.store, &mut work, std::slice::from_mut(&mut order)).await?;
    }
    let free = free(api, &order).await?;
    let (mut fee, mut is_known) = (None, order.state == State::Same);
    if is_known {
        let mut work = shared.store.read().await?;
        order = as_they_are(&shared.store, &mut work, vec![order]).await?.pop().ok_or_else(Problem::fault)?;
    } else if matches!(order.state, State::Checked | State::Held) {
        match on_ledger(api, &order).await? {
            Foreseen::Paid(told) => fee = Some(told),
            Foreseen::Known => is_known = true,
            Foreseen::Refused(reason) => order.refuse(reason),
        }
    }
    if !is_known {
        shared.office.enter(std::slice::from_mut(&mut order));
    }
    let told = OrderTold::new(&shared.book, &order);
    Ok(PreviewTold {
        dry_run: true,
        would_be_taken: !matches!(order.state, State::Refused | State::Cancelled),
        is_known,
        reason: told.reason.clone(),
        free,
        fee,
        order: told,
    })
}

/// What the payer may spend, proven.
async fn free(api: &Api, order: &NewOrder) -> Result<Option<String>, Problem> {
    let Some(((payer, token), currency)) = order.payer.zip(order.token).zip(order.currency.as_deref()) else {
        return Ok(None);
    };
    let chain = &api.shared.chain;
    let query = chain.verifier.query(&chain.rpc, move |context| spendable_units(context, token, payer)).await;
    let (_, free) = query.map_err(GatewayError::from)?;
    Ok(api.shared.book.decimal(currency, free))
}

/// What would become of a payment on the ledger.
enum Foreseen {
    /// It would be paid, for this.
    Paid(FeeTold),
    /// It was paid before.
    Known,
    /// A rule is against it.
    Refused(Reason),
}

/// What the ledger would say: the node's word, as everything is that was not signed.
async fn on_ledger(api: &Api, order: &NewOrder) -> Result<Foreseen, Problem> {
    let chain = &api.shared.chain;
    let Some((key, signer)) = Key::of(order).zip(order.signer) else { return Err(Problem::fault()) };
    let payments = chain.payments(std::iter::once(&key)).await.map_err(GatewayError::from)?;
    if let Some(payment) = payments.first().filter(|payment| payment.state != 0) {
        if (Some(payment.token), Some(payment.payee)) == (order.token, order.payee)
            && Some(payment.received) == order.amount.map(U256::from)
        {
            return Ok(Foreseen::Known);
        }
        let words = "the ledger has another payment under this UETR: other payee, amount or token, or not at its end";
        return Ok(Foreseen::Refused(Reason::new("DUPL", words)));
    }
    let input = chain.input(&key, std::slice::from_ref(order))?;
    let gas = match chain.rpc.estimate_gas(signer, PAYMENT_ADDRESS, &input).await {
        Ok(gas) => gas,
        Err(error) => {
            return match Reason::of_failure(&error) {
                Some(reason) => Ok(Foreseen::Refused(reason)),
                None if matches!(error, ClientError::Refused { .. }) => {
                    let words = "the node does not say what it would cost; the payment would wait";
                    Ok(Foreseen::Refused(Reason::new("NARR", words)))
                }
                None => Err(GatewayError::from(error).into()),
            };
        }
    };
    let price = chain.rpc.gas_price().await.map_err(GatewayError::from)?;
    let total = u128::from(gas).saturating_mul(price);
    Ok(Foreseen::Paid(FeeTold { gas, gas_price_wei: price.to_string(), total_wei: total.to_string() }))
}
