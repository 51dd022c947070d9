//! What a token says of itself to programs: its interfaces (ERC-165) and where it is described (ERC-7572).

use alloy_primitives::Address;

use super::{ADMIN_ROLE, IToken, layout::layout, roles::require_role};
use crate::context::{Context, Failure};

/// Interfaces that a token has: ERC-165 itself, AccessControl, ERC-20, its metadata, ERC-2612, ERC-5267.
pub(super) const INTERFACES: [[u8; 4]; 6] = [
    [0x01, 0xff, 0xc9, 0xa7],
    [0x79, 0x65, 0xdb, 0x0b],
    [0x36, 0x37, 0x2b, 0x07],
    [0xa2, 0x19, 0xa0, 0x25],
    [0x9d, 0x8f, 0xf7, 0xda],
    [0x84, 0xb0, 0x19, 0x6e],
];

/// Whether a token has this interface.
pub(super) fn supports(interface: [u8; 4]) -> bool {
    INTERFACES.contains(&interface)
}

/// Where the token is described; empty if nowhere.
pub fn contract_uri(context: &mut Context<'_>, token: Address) -> Result<String, Failure> {
    layout(token).contract_uri.read(context)
}

/// Says where the token is described.
pub fn set_contract_uri(context: &mut Context<'_>, token: Address, uri: &str) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    layout(token).contract_uri.write(context, uri)?;
    context.emit(token, &IToken::ContractURIUpdated {})
}
