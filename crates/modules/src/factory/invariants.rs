//! Named predicates over the factory and the tokens that it made.

use super::{address_of, tokens};
use crate::{
    context::{Context, Failure},
    invariants::{Violation, hold},
    token,
};

/// Checks every invariant of the factory; empty where all hold.
pub fn check(context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    for address in tokens(context)? {
        let created = token::is_created(context, address)?;
        hold(&mut violations, "factory.counted_tokens_exist", created, || format!("{address} was never created"));
        let symbol = token::symbol(context, address)?;
        let found = address_of(context, &symbol)?;
        hold(&mut violations, "factory.symbols_are_unique", found == address, || {
            format!("token {address} has symbol {symbol}, which leads to {found}")
        });
    }
    Ok(violations)
}
