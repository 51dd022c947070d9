//! Operations of the token factory: checks, then effects, then the event.

use alloy_primitives::{Address, U256};
use florin_types::{CURRENCY_DIGITS_MAX, Currency, MoneyError, StateFault};

use super::{IFactory, layout::layout};
use crate::{
    FACTORY_ADDRESS,
    context::{Context, Failure, ensure, revert},
    permission, token, token_address,
};

/// Most bytes of a token's name.
pub const NAME_BYTES_MAX: usize = 64;

/// A token to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewToken<'a> {
    /// Name for people.
    pub name: &'a str,
    /// Symbol, unique on the ledger.
    pub symbol: &'a str,
    /// Decimal digits of the minor unit.
    pub decimals: u8,
    /// Who gets the admin role.
    pub admin: Address,
    /// Policy of every movement.
    pub policy: u64,
    /// Most units that may exist at once.
    pub supply_cap: U256,
}

/// Number of tokens.
pub fn token_count(context: &mut Context<'_>) -> Result<u64, Failure> {
    layout().token_count.read(context)
}

/// Token number `index`, counted from 1.
pub fn token_at(context: &mut Context<'_>, index: u64) -> Result<Address, Failure> {
    let count = token_count(context)?;
    ensure((1..=count).contains(&index), || IFactory::TokenIndexUnknown { index, tokenCount: count })?;
    Ok(token_address(index))
}

/// Addresses of all tokens, in order.
pub fn tokens(context: &mut Context<'_>) -> Result<Vec<Address>, Failure> {
    Ok((1..=token_count(context)?).map(token_address).collect())
}

/// The token with this symbol; zero if there is none.
pub fn address_of(context: &mut Context<'_>, symbol: &str) -> Result<Address, Failure> {
    layout().tokens_by_symbol.at(context, symbol)?.read(context)
}

/// Makes a token, if the caller may deploy contracts.
pub fn create_token(context: &mut Context<'_>, new: &NewToken<'_>) -> Result<Address, Failure> {
    let caller = context.caller();
    let permitted = permission::may_deploy(context, caller)?;
    ensure(permitted, || IFactory::CreatorNotPermitted { caller })?;
    create(context, new)
}

/// Makes a token without asking who calls: genesis does.
pub(crate) fn create(context: &mut Context<'_>, new: &NewToken<'_>) -> Result<Address, Failure> {
    let currency = check(context, new)?;
    let index = token_count(context)?
        .checked_add(1)
        .ok_or_else(|| Failure::from(StateFault("the number of tokens exceeds 64 bits".into())))?;
    let address = token_address(index);
    layout().token_count.write(context, index)?;
    layout().tokens_by_symbol.at(context, new.symbol)?.write(context, address)?;
    context.mark(address)?;
    token::initialise(context, address, new.name, currency, (new.policy, new.supply_cap))?;
    let creator = context.caller();
    context.emit(
        FACTORY_ADDRESS,
        &IFactory::TokenCreated {
            token: address,
            index,
            creator,
            name: new.name.into(),
            symbol: new.symbol.into(),
            decimals: new.decimals,
            admin: new.admin,
            policyId: new.policy,
            supplyCap: new.supply_cap,
        },
    )?;
    token::give(context, address, token::ADMIN_ROLE, new.admin)?;
    Ok(address)
}

/// Checks everything that is the factory's to check; cap and policy are the token's.
fn check(context: &mut Context<'_>, new: &NewToken<'_>) -> Result<Currency, Failure> {
    ensure((1..=NAME_BYTES_MAX).contains(&new.name.len()), || IFactory::NameInvalid {
        length: U256::from(new.name.len()),
        lengthMax: U256::from(NAME_BYTES_MAX),
    })?;
    let currency = Currency::new(new.symbol, new.decimals).map_err(|error| match error {
        MoneyError::Digits { digits } => {
            revert(IFactory::DecimalsInvalid { decimals: digits, decimalsMax: CURRENCY_DIGITS_MAX })
        }
        _ => revert(IFactory::SymbolInvalid { symbol: new.symbol.chars().take(64).collect() }),
    })?;
    ensure(context.can_hold(new.admin), || IFactory::AdminInvalid { admin: new.admin })?;
    let taken = address_of(context, new.symbol)?;
    ensure(taken.is_zero(), || IFactory::SymbolTaken { symbol: new.symbol.into(), token: taken })?;
    Ok(currency)
}
