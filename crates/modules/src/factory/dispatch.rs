//! From selector to operation. No logic.

use alloy_primitives::Bytes;

use super::{IFactory::*, NewToken, ops};
use crate::{
    Module,
    calls::{decode, mutate, view},
    context::{Context, Failure},
    token,
};

/// Answers a call to the factory.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    use IFactoryCalls as Call;
    match decode::<Call>(context, input)? {
        Call::createToken(c) => mutate::<createTokenCall, _>(context, |x| {
            ops::create_token(
                x,
                &NewToken {
                    name: &c.name,
                    symbol: &c.symbol,
                    decimals: c.decimals,
                    admin: c.admin,
                    policy: c.policyId,
                    supply_cap: c.supplyCap,
                },
            )
        }),
        Call::tokenCount(_) => view::<tokenCountCall>(ops::token_count(context)?),
        Call::tokenAt(c) => view::<tokenAtCall>(ops::token_at(context, c.index)?),
        Call::addressOf(c) => view::<addressOfCall>(ops::address_of(context, &c.symbol)?),
        Call::isToken(c) => match Module::at(c.account) {
            Some(Module::Token(token)) => view::<isTokenCall>(token::is_created(context, token)?),
            _ => view::<isTokenCall>(false),
        },
    }
}
