//! Where the modules live: a reserved range of addresses that no key and no contract can ever get.
//!
//! Two shapes are reserved. A *singleton* is `0xf100…` followed by its small number; a *token* is `0xf101`, ten zero
//! bytes and its index as 64 bits, big-endian, counted from 1. A key or a CREATE that hits one of them would be a
//! preimage of at least 80 chosen bits of keccak256; genesis refuses accounts there.

use alloy_primitives::{Address, Bytes, U256, address};

/// Shared lists of addresses and their combinations.
pub const POLICY_ADDRESS: Address = address!("f100000000000000000000000000000000000001");
/// Who may transact, deploy contracts and connect nodes; quotas of gas.
pub const PERMISSION_ADDRESS: Address = address!("f100000000000000000000000000000000000002");
/// Makes tokens.
pub const FACTORY_ADDRESS: Address = address!("f100000000000000000000000000000000000003");
/// Persons, their addresses and credentials.
pub const IDENTITY_ADDRESS: Address = address!("f100000000000000000000000000000000000004");
/// Payments with a life of their own: pending, scheduled, requested, in batches.
pub const PAYMENT_ADDRESS: Address = address!("f100000000000000000000000000000000000005");
/// Gross and net settlement among participants.
pub const SETTLEMENT_ADDRESS: Address = address!("f100000000000000000000000000000000000006");
/// Foreign exchange.
pub const EXCHANGE_ADDRESS: Address = address!("f100000000000000000000000000000000000007");
/// Conditional payment.
pub const ESCROW_ADDRESS: Address = address!("f100000000000000000000000000000000000008");
/// Payment channels.
pub const CHANNEL_ADDRESS: Address = address!("f100000000000000000000000000000000000009");

/// Purpose-bound and expiring money.
pub const VOUCHER_ADDRESS: Address = address!("f10000000000000000000000000000000000000a");

const SINGLETONS: [Address; 10] = [
    POLICY_ADDRESS,
    PERMISSION_ADDRESS,
    FACTORY_ADDRESS,
    IDENTITY_ADDRESS,
    PAYMENT_ADDRESS,
    SETTLEMENT_ADDRESS,
    EXCHANGE_ADDRESS,
    ESCROW_ADDRESS,
    CHANNEL_ADDRESS,
    VOUCHER_ADDRESS,
];
const SINGLETON_PREFIX: [u8; 12] = [0xf1, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const TOKEN_PREFIX: [u8; 12] = [0xf1, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Code of every module's account, the EVM's INVALID instruction: it makes `EXTCODESIZE` positive, as contracts expect
/// of what they call, and would fail if it were ever run.
pub const MARKER_CODE: Bytes = Bytes::from_static(&[0xfe]);

/// What answers at a module's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// The policy registry.
    Policy,
    /// The permission registry.
    Permission,
    /// The token factory.
    Factory,
    /// Foreign exchange.
    Exchange,
    /// Escrows.
    Escrow,
    /// Payment channels.
    Channel,
    /// Settlement.
    Settlement,
    /// The identity registry.
    Identity,
    /// Payments.
    Payment,
    /// Vouchers.
    Voucher,
    /// The token at this address, whether or not it was created yet.
    Token(Address),
}

impl Module {
    /// The module at `address`, if the address is one of the reserved shapes.
    pub fn at(address: Address) -> Option<Self> {
        match address {
            POLICY_ADDRESS => Some(Self::Policy),
            PERMISSION_ADDRESS => Some(Self::Permission),
            FACTORY_ADDRESS => Some(Self::Factory),
            EXCHANGE_ADDRESS => Some(Self::Exchange),
            ESCROW_ADDRESS => Some(Self::Escrow),
            CHANNEL_ADDRESS => Some(Self::Channel),
            SETTLEMENT_ADDRESS => Some(Self::Settlement),
            IDENTITY_ADDRESS => Some(Self::Identity),
            PAYMENT_ADDRESS => Some(Self::Payment),
            VOUCHER_ADDRESS => Some(Self::Voucher),
            _ => token_index(address).map(|_| Self::Token(address)),
        }
    }
}

/// Whether calls to `address` are answered by a module instead of by code.
pub fn is_module(address: Address) -> bool {
    Module::at(address).is_some()
}

/// Whether an address can hold a balance or a role: someone may act for it, which is never so for the zero address, for
/// modules, and for addresses kept for modules to come.
pub(crate) fn can_hold(address: Address) -> bool {
    !address.is_zero() && !address.starts_with(&SINGLETON_PREFIX) && !is_module(address)
}

/// Modules that exist from genesis, one of each.
pub fn singleton_addresses() -> &'static [Address] {
    &SINGLETONS
}

/// Address of the token with this index; the first has index 1.
pub fn token_address(index: u64) -> Address {
    let mut bytes = [0u8; 20];
    bytes[..12].copy_from_slice(&TOKEN_PREFIX);
    bytes[12..].copy_from_slice(&index.to_be_bytes());
    Address::from(bytes)
}

/// Index of the token at `address`; absent where no token can be.
pub fn token_index(address: Address) -> Option<u64> {
    let (prefix, index) = address.as_slice().split_at(12);
    let index = U256::from_be_slice(index);
    u64::try_from(index).ok().filter(|index| prefix == TOKEN_PREFIX && *index > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    #[test]
    fn token_addresses_and_indices_are_inverse() {
        for index in [1, 2, 255, 256, u64::MAX] {
            assert_eq!(token_index(token_address(index)), Some(index));
        }
        assert_eq!(token_address(258), address!("f101000000000000000000000000000000000102"));
    }

    #[test]
    fn only_reserved_shapes_are_modules() {
        let foreign = [
            Address::ZERO,
            token_address(0),
            address!("f100000000000000000000000000000000000000"),
            address!("f1000000000000000000000000000000000000ff"),
            address!("f101000000000000000000010000000000000001"),
            address!("f102000000000000000000000000000000000001"),
        ];
        for address in foreign {
            assert!(!is_module(address), "{address}");
        }
        for address in singleton_addresses().iter().copied().chain([token_address(1)]) {
            assert!(is_module(address), "{address}");
        }
    }
}
