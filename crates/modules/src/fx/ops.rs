//! Execution of quotes: checks, then effects, then the events.

use alloy_primitives::{Address, B256, U256};
use florin_types::StateFault;

use super::{
    IExchange,
    IExchange::{Order, Quote},
    layout::layout,
    quote::{Cost, Offer, chain, consume, via},
};
use crate::{
    EXCHANGE_ADDRESS,
    context::{Context, Failure, ensure},
    payment::{self, Exchanged},
    token,
};

/// What was traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Its number.
    pub number: u64,
    /// What the taker sent, with the fee.
    pub sent: u128,
    /// What the payee received.
    pub received: u128,
}

/// Number of trades.
pub fn trade_count(context: &mut Context<'_>) -> Result<u64, Failure> {
    layout().trades.read(context)
}

/// Trade of a debtor's UETR; 0 for none.
pub fn trade_of_uetr(context: &mut Context<'_>, debtor: Address, uetr: B256) -> Result<u64, Failure> {
    layout().payments.at(context, &debtor)?.at(context, &uetr)?.read(context)
}

/// Executes a quote.
pub fn execute(context: &mut Context<'_>, quote: &Quote, signature: &[u8], order: &Order) -> Result<Trade, Failure> {
    let offer = Offer::parse(context, quote)?;
    consume(context, quote, signature)?;
    check_order(context, order, quote.provider)?;
    let cost = offer.cost(order.amount)?;
    check_limits(order, cost.sent, cost.received)?;

    let taker = context.caller();
    let number = next_trade(context)?;
    token::pay(context, quote.sellToken, taker, quote.provider, cost.sent)?;
    token::pay(context, quote.buyToken, quote.provider, order.payee, cost.received)?;
    emit_hop(context, number, quote, cost, order.payee)?;
    record_payment(context, number, order, (quote.buyToken, cost.received))?;
    Ok(Trade { number, sent: cost.sent, received: cost.received })
}

/// Executes two quotes through a vehicle currency, which the first provider pays to the second.
pub fn execute_via(
    context: &mut Context<'_>,
    (first, first_signature): (&Quote, &[u8]),
    (second, second_signature): (&Quote, &[u8]),
    order: &Order,
) -> Result<Trade, Failure> {
    let (one, two) = chain(context, first, second)?;
    consume(context, first, first_signature)?;
    consume(context, second, second_signature)?;
    check_order(context, order, second.provider)?;
    let cost = via(one, two, order.amount)?;
    let (sent, received) = (cost.first.sent, cost.second.received);
    check_limits(order, sent, received)?;

    let taker = context.caller();
    let number = next_trade(context)?;
    token::pay(context, first.sellToken, taker, first.provider, sent)?;
    token::pay(context, first.buyToken, first.provider, second.provider, cost.first.received)?;
    token::pay(context, second.buyToken, second.provider, order.payee, received)?;
    emit_hop(context, number, first, cost.first, second.provider)?;
    emit_hop(context, number, second, cost.second, order.payee)?;
    record_payment(context, number, order, (second.buyToken, received))?;
    Ok(Trade { number, sent, received })
}

/// What an order must say, whatever it costs.
fn check_order(context: &mut Context<'_>, order: &Order, payer: Address) -> Result<(), Failure> {
    let Order { payee, uetr, debtorAgent: debtor_agent, creditorAgent: creditor_agent, .. } = *order;
    ensure(payee != payer, || IExchange::OrderPayeeInvalid { payee })?;
    let whole = if uetr.is_zero() {
        debtor_agent.is_zero() && creditor_agent.is_zero() && order.remittanceHash.is_zero()
    } else {
        !debtor_agent.is_zero() && !creditor_agent.is_zero()
    };
    ensure(whole, || IExchange::OrderDetailsInvalid {
        uetr,
        debtorAgent: debtor_agent,
        creditorAgent: creditor_agent,
    })?;
    if uetr.is_zero() {
        return Ok(());
    }
    let debtor = context.caller();
    let trade = trade_of_uetr(context, debtor, uetr)?;
    ensure(trade == 0, || IExchange::ExchangeUetrUsed { uetr, tradeId: trade })?;
    payment::ensure_unused(context, debtor, uetr)
}

/// What the taker accepts at worst.
fn check_limits(order: &Order, sent: u128, received: u128) -> Result<(), Failure> {
    let (sent, received) = (U256::from(sent), U256::from(received));
    ensure(sent <= order.maxSent, || IExchange::SentAboveMax { sent, maxSent: order.maxSent })?;
    ensure(received >= order.minReceived, || IExchange::ReceivedBelowMin { received, minReceived: order.minReceived })
}

fn next_trade(context: &mut Context<'_>) -> Result<u64, Failure> {
    let place = layout().trades;
    let number = place.read(context)?.checked_add(1);
    let number = number.ok_or_else(|| Failure::from(StateFault("there are no more numbers for trades".into())))?;
    place.write(context, number)?;
    Ok(number)
}

fn emit_hop(context: &mut Context<'_>, number: u64, quote: &Quote, cost: Cost, payee: Address) -> Result<(), Failure> {
    let taker = context.caller();
    context.emit(
        EXCHANGE_ADDRESS,
        &IExchange::Exchanged {
            tradeId: number,
            taker,
            provider: quote.provider,
            nonce: quote.nonce,
            sellToken: quote.sellToken,
            buyToken: quote.buyToken,
            sent: U256::from(cost.sent),
            received: U256::from(cost.received),
            fee: U256::from(cost.fee),
            payee,
        },
    )
}

/// Notes a cross-border payment, here and among the payments; nothing for an exchange without a UETR.
fn record_payment(
    context: &mut Context<'_>,
    number: u64,
    order: &Order,
    (token, received): (Address, u128),
) -> Result<(), Failure> {
    if order.uetr.is_zero() {
        return Ok(());
    }
    let debtor = context.caller();
    layout().payments.at(context, &debtor)?.at(context, &order.uetr)?.write(context, number)?;
    let paid = Exchanged {
        payer: debtor,
        uetr: order.uetr,
        payee: order.payee,
        token,
        received,
        agents: (order.debtorAgent, order.creditorAgent),
        remittance: order.remittanceHash,
    };
    payment::record_exchanged(context, &paid)?;
    context.emit(
        EXCHANGE_ADDRESS,
        &IExchange::CrossBorderPaid {
            uetr: order.uetr,
            tradeId: number,
            debtor,
            creditor: order.payee,
            debtorAgent: order.debtorAgent,
            creditorAgent: order.creditorAgent,
            remittanceHash: order.remittanceHash,
        },
    )
}
