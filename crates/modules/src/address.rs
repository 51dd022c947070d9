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

/// How the network decides about itself. The only module that is an account too: it acts as it decides.
pub const GOVERNANCE_ADDRESS: Address = address!("f10000000000000000000000000000000000000b");
/// Bonds that elect validators.
pub const STAKING_ADDRESS: Address = address!("f10000000000000000000000000000000000000c");
/// All tokens together, for a pause: the place before the first token. No token is there.
pub const TOKENS_ADDRESS: Address = address!("f101000000000000000000000000000000000000");

const SINGLETONS: [Address; 12] = [
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
    GOVERNANCE_ADDRESS,
    STAKING_ADDRESS,
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
    /// Governance.
    Governance,
    /// Bonds.
    Staking,
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
            GOVERNANCE_ADDRESS => Some(Self::Governance),
            STAKING_ADDRESS => Some(Self::Staking),
            _ => token_index(address).map(|_| Self::Token(address)),
        }
    }
}

/// Whether calls to `address` are answered by a module instead of by code.
pub fn is_module(address: Address) -> bool {
    Module::at(address).is_some()
}

/// Whether an address can hold a balance or a role on a network with governance. Operations ask
/// [`Context::can_hold`](crate::Context), which knows whether there is one.
pub(crate) fn can_hold(address: Address) -> bool {
    let is_kept = address.starts_with(&SINGLETON_PREFIX) && address != GOVERNANCE_ADDRESS;
    !address.is_zero() && !is_kept && token_index(address).is_none()
}

/// Bit of a module that can be paused: 0 for all tokens, the number of its address for the others; never governance's.
pub(crate) fn pause_bit(module: Module) -> Option<u8> {
    match module {
        Module::Token(_) => Some(0),
        Module::Policy => Some(1),
        Module::Permission => Some(2),
        Module::Factory => Some(3),
        Module::Identity => Some(4),
        Module::Payment => Some(5),
        Module::Settlement => Some(6),
        Module::Exchange => Some(7),
        Module::Escrow => Some(8),
        Module::Channel => Some(9),
        Module::Voucher => Some(10),
        Module::Staking => Some(12),
        Module::Governance => None,
    }
}

/// Address under which a pause of the module with this bit is known.
pub(crate) fn pause_key(bit: u8) -> Option<Address> {
    let number = usize::from(bit);
    let address = number.checked_sub(1).map_or(Some(TOKENS_ADDRESS), |index| SINGLETONS.get(index).copied());
    address.filter(|address| *address != GOVERNANCE_ADDRESS)
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

    /// Bits are stored: a module's never changes, and leads back to its address.
    #[test]
    fn every_module_but_governance_has_a_bit_of_its_own() {
        assert_eq!(pause_bit(Module::Token(token_address(7))), Some(0));
        assert_eq!(pause_key(0), Some(TOKENS_ADDRESS));
        assert!(!is_module(TOKENS_ADDRESS));
        for (number, address) in (1u8..).zip(singleton_addresses()) {
            let bit = pause_bit(Module::at(*address).unwrap());
            let expected = (*address != GOVERNANCE_ADDRESS).then_some(number);
            assert_eq!((bit, address.as_slice()[19]), (expected, number), "{address}");
            assert_eq!(pause_key(number), expected.map(|_| *address));
        }
        assert!(pause_key(11).is_none() && (13..=64).all(|bit| pause_key(bit).is_none()));
    }

    #[test]
    fn governance_is_the_module_that_can_hold() {
        assert!(can_hold(GOVERNANCE_ADDRESS) && can_hold(Address::repeat_byte(1)));
        let others = singleton_addresses().iter().filter(|address| **address != GOVERNANCE_ADDRESS).copied();
        let reserved = address!("f10000000000000000000000000000000000000d");
        for address in others.chain([Address::ZERO, token_address(1), reserved]) {
            assert!(!can_hold(address), "{address}");
        }
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
