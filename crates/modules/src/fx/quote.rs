//! What a quote says: its values, what an order of it costs, whether it can be used, who made it firm.

use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::SolValue;
use florin_types::StateFault;

use super::{IExchange, IExchange::Quote, layout::layout, providers};
use crate::{
    EXCHANGE_ADDRESS,
    context::{Context, Failure, ensure, revert},
    token, typed_data,
};

/// Name in the domain.
pub(super) const DOMAIN_NAME: &str = "Florin Exchange";
/// `keccak256` of the type of a quote, as the specification writes it, in one line.
pub(super) const QUOTE_TYPE: B256 = b256!("6e7180afd0d1b4a632f82bb29355624c424edfc149b9272122045799057f7788");

/// Which amount the taker fixes. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What it sells.
    Send = 1,
    /// What it buys.
    Receive = 2,
}

impl Side {
    pub(super) fn parse(number: u8) -> Result<Self, Failure> {
        match number {
            1 => Ok(Self::Send),
            2 => Ok(Self::Receive),
            side => Err(revert(IExchange::QuoteSideInvalid { side })),
        }
    }
}

/// Direction of the computed amount. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the lesser one.
    Down = 1,
    /// To the greater one.
    Up = 2,
}

impl Rounding {
    fn parse(number: u8) -> Result<Self, Failure> {
        match number {
            1 => Ok(Self::Down),
            2 => Ok(Self::Up),
            rounding => Err(revert(IExchange::QuoteRoundingInvalid { rounding })),
        }
    }
}

/// A quote whose values are in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What the taker sells at full size, without the fee.
    pub sell: u128,
    /// What it buys at full size.
    pub buy: u128,
    /// Least amount of the fixed side.
    pub least: u128,
    /// What comes on top of what is sold.
    pub fee: u128,
    /// Which side is fixed.
    pub side: Side,
    /// Direction of the other side.
    pub rounding: Rounding,
}

/// What an order moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// From the taker to the provider, with the fee.
    pub sent: u128,
    /// From the provider to the payee.
    pub received: u128,
    /// The fee of what is sent.
    pub fee: u128,
}

impl Offer {
    /// Checks the values of a quote in the order that the specification promises.
    pub fn parse(context: &mut Context<'_>, quote: &Quote) -> Result<Self, Failure> {
        let sides = (Side::parse(quote.side)?, Rounding::parse(quote.rounding)?);
        ensure_pair(context, quote.sellToken, quote.buyToken)?;
        Self::sized(quote, sides)
    }

    /// The same for whoever has no ledger at hand: whether the currencies are tokens, and different ones, is not asked.
    pub fn of(quote: &Quote) -> Result<Self, Failure> {
        Self::sized(quote, (Side::parse(quote.side)?, Rounding::parse(quote.rounding)?))
    }

    fn sized(quote: &Quote, (side, rounding): (Side, Rounding)) -> Result<Self, Failure> {
        let amounts = [quote.sellAmount, quote.buyAmount, quote.leastAmount, quote.fee].map(u128::try_from);
        let [Ok(sell), Ok(buy), Ok(least), Ok(fee)] = amounts else { return Err(amounts_invalid(quote)) };
        let most = if side == Side::Send { sell } else { buy };
        let sound = sell > 0 && buy > 0 && least > 0 && least <= most && sell.checked_add(fee).is_some();
        if !sound {
            return Err(amounts_invalid(quote));
        }
        Ok(Self { sell, buy, least, fee, side, rounding })
    }

    /// What an order of `amount` of the fixed side moves; the maximum means the full size.
    pub fn cost(&self, amount: U256) -> Result<Cost, Failure> {
        let (most, other) = match self.side {
            Side::Send => (self.sell, self.buy),
            Side::Receive => (self.buy, self.sell),
        };
        let wanted = if amount == U256::MAX { Some(most) } else { u128::try_from(amount).ok() };
        let fixed = wanted.filter(|units| (self.least..=most).contains(units)).ok_or_else(|| {
            revert(IExchange::OrderAmountInvalid { amount, least: U256::from(self.least), most: U256::from(most) })
        })?;
        let computed = convert(fixed, most, other, self.rounding)?;
        ensure(computed > 0, || IExchange::ComputedAmountZero { amount: U256::from(fixed) })?;
        let (sold, received) = match self.side {
            Side::Send => (fixed, computed),
            Side::Receive => (computed, fixed),
        };
        // No more than `sell`, whose sum with the fee was found to fit.
        Ok(Cost { sent: sold.saturating_add(self.fee), received, fee: self.fee })
    }
}

fn amounts_invalid(quote: &Quote) -> Failure {
    revert(IExchange::QuoteAmountsInvalid {
        sellAmount: quote.sellAmount,
        buyAmount: quote.buyAmount,
        leastAmount: quote.leastAmount,
        fee: quote.fee,
    })
}

/// Reverts unless both are tokens, and different ones.
pub(super) fn ensure_pair(context: &mut Context<'_>, sell: Address, buy: Address) -> Result<(), Failure> {
    ensure(sell != buy, || IExchange::QuoteTokensInvalid { sellToken: sell, buyToken: buy })?;
    token::ensure_token(context, sell)?;
    token::ensure_token(context, buy)
}

/// `amount * other / most`, rounded in the named direction: 256 bits hold the product, and as `amount` is at most
/// `most`, the result is at most `other`.
fn convert(amount: u128, most: u128, other: u128, rounding: Rounding) -> Result<u128, Failure> {
    let (product, divisor) = (U256::from(amount).checked_mul(U256::from(other)), U256::from(most));
    let quotient = product.and_then(|product| product.checked_div(divisor));
    let rest = product.and_then(|product| product.checked_rem(divisor));
    let up = U256::from(rounding == Rounding::Up && rest.is_some_and(|rest| !rest.is_zero()));
    let rounded = quotient.and_then(|quotient| u128::try_from(quotient.saturating_add(up)).ok());
    rounded.ok_or_else(|| StateFault(format!("{amount} of {most} for {other} is no amount")).into())
}

/// What an order through a vehicle currency moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViaCost {
    /// The first hop; what it receives is what the second one sends.
    pub first: Cost,
    /// The second hop; its fee is in the vehicle currency.
    pub second: Cost,
}

/// What an order through a vehicle currency moves, for quotes that fit together.
pub fn cost_via(context: &mut Context<'_>, first: &Quote, second: &Quote, amount: U256) -> Result<ViaCost, Failure> {
    let (one, two) = chain(context, first, second)?;
    via(one, two, amount)
}

/// The offers of two quotes that meet in a vehicle currency and fix the same side.
pub(super) fn chain(context: &mut Context<'_>, first: &Quote, second: &Quote) -> Result<(Offer, Offer), Failure> {
    let (one, two) = (Offer::parse(context, first)?, Offer::parse(context, second)?);
    ensure(one.side == two.side, || IExchange::QuoteSidesDiffer { firstSide: first.side, secondSide: second.side })?;
    ensure(first.buyToken == second.sellToken, || IExchange::VehicleDiffers {
        firstBuyToken: first.buyToken,
        secondSellToken: second.sellToken,
    })?;
    ensure(first.sellToken != second.buyToken, || IExchange::QuoteTokensInvalid {
        sellToken: first.sellToken,
        buyToken: second.buyToken,
    })?;
    Ok((one, two))
}

/// Nothing of the vehicle currency is left over: what the first hop gives is what the second takes, fee included.
pub(super) fn via(one: Offer, two: Offer, amount: U256) -> Result<ViaCost, Failure> {
    match one.side {
        Side::Send => {
            let first = one.cost(amount)?;
            let second = two.cost(U256::from(first.received.saturating_sub(two.fee)))?;
            Ok(ViaCost { first, second })
        }
        Side::Receive => {
            let second = two.cost(amount)?;
            let first = one.cost(U256::from(second.sent))?;
            Ok(ViaCost { first, second })
        }
    }
}

// ----- use -----------------------------------------------------------------------------------------------------------

/// Whether a quote can be used now. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usability {
    /// It can.
    Usable = 0,
    /// Its provider is none.
    NoProvider = 1,
    /// Its epoch is over.
    Revoked = 2,
    /// Its time is over.
    Expired = 3,
    /// Its nonce is used up.
    Used = 4,
}

impl Usability {
    /// Its number in the ABI.
    pub fn number(self) -> u8 {
        match self {
            Self::Usable => 0,
            Self::NoProvider => 1,
            Self::Revoked => 2,
            Self::Expired => 3,
            Self::Used => 4,
        }
    }
}

/// Whether a quote can be used now; the first reason that it cannot.
pub fn quote_usability(context: &mut Context<'_>, quote: &Quote) -> Result<Usability, Failure> {
    let provider = providers::provider_of(context, quote.provider)?;
    if !provider.active {
        return Ok(Usability::NoProvider);
    }
    if quote.epoch != provider.epoch {
        return Ok(Usability::Revoked);
    }
    if context.env().timestamp_ms >= quote.expiresAtMs {
        return Ok(Usability::Expired);
    }
    let used = providers::is_nonce_used(context, quote.provider, quote.nonce)?;
    Ok(if used { Usability::Used } else { Usability::Usable })
}

/// Reverts unless a quote can be used now.
pub(super) fn ensure_usable(context: &mut Context<'_>, quote: &Quote) -> Result<(), Failure> {
    let Quote { provider, epoch, nonce, expiresAtMs: expires_at_ms, .. } = *quote;
    match quote_usability(context, quote)? {
        Usability::Usable => Ok(()),
        Usability::NoProvider => Err(revert(IExchange::ProviderNotActive { provider })),
        Usability::Revoked => {
            let current = providers::provider_of(context, provider)?.epoch;
            Err(revert(IExchange::QuoteRevoked { provider, epoch, currentEpoch: current }))
        }
        Usability::Expired => {
            let now_ms = context.env().timestamp_ms;
            Err(revert(IExchange::QuoteExpired { expiresAtMs: expires_at_ms, nowMs: now_ms }))
        }
        Usability::Used => Err(revert(IExchange::QuoteUsed { provider, nonce })),
    }
}

/// What the provider signs.
pub fn quote_digest(context: &mut Context<'_>, quote: &Quote) -> Result<B256, Failure> {
    let domain = typed_data::domain_separator(context, DOMAIN_NAME, EXCHANGE_ADDRESS)?;
    // Every member fills one word, so the encoding of the struct is that of its members.
    typed_data::digest(context, domain, &[QUOTE_TYPE.as_slice(), &quote.abi_encode()].concat())
}

/// Reverts unless the caller may use the quote and its provider made it firm; then uses it up.
pub(super) fn consume(context: &mut Context<'_>, quote: &Quote, signature: &[u8]) -> Result<(), Failure> {
    ensure_usable(context, quote)?;
    let (caller, provider, taker) = (context.caller(), quote.provider, quote.taker);
    ensure(taker.is_zero() || taker == caller, || IExchange::QuoteTakerDiffers { taker, caller })?;
    ensure(caller != provider, || IExchange::QuoteSelfTrade { provider })?;
    let digest = quote_digest(context, quote)?;
    let signer = if signature.is_empty() && layout().posted.at(context, &digest)?.read(context)? {
        provider
    } else {
        typed_data::signer(context, digest, signature)?
    };
    // The zero address stands for "no signer" and is no provider.
    ensure(signer == provider && !provider.is_zero(), || IExchange::QuoteSignatureInvalid { provider, signer })?;
    layout().nonces.at(context, &provider)?.at(context, &quote.nonce)?.write(context, true)
}
