//! Solidity interface of the token factory. The text of this file is the reference: `golden/abi.json` is made from it.
// The event that tells everything about a new token has nine fields.
#![allow(clippy::too_many_arguments)]

use alloy_sol_types::sol;

/// Source of [`IFactory`], from which the references are generated.
pub(crate) const SOURCE: &str = include_str!("abi.rs");

sol! {
    /// Makes tokens and finds them by symbol.
    #[derive(Debug, PartialEq, Eq)]
    interface IFactory {
        /// Makes a token and returns its address. The caller must be permitted to deploy contracts. The cap is at most
        /// 2^128 - 1; the admin gets DEFAULT_ADMIN_ROLE and nothing else.
        function createToken(string calldata name, string calldata symbol, uint8 decimals, address admin, uint64 policyId, uint256 supplyCap) external returns (address token);
        /// Number of tokens.
        function tokenCount() external view returns (uint64);
        /// Token number index, counted from 1.
        function tokenAt(uint64 index) external view returns (address token);
        /// The token with this symbol; zero if there is none.
        function addressOf(string calldata symbol) external view returns (address token);
        /// Whether a token was created at the address.
        function isToken(address account) external view returns (bool);

        /// A token was made.
        event TokenCreated(address indexed token, uint64 indexed index, address indexed creator, string name, string symbol, uint8 decimals, address admin, uint64 policyId, uint256 supplyCap);

        /// The caller may not make tokens. Ask the permission admin for the right to deploy.
        error CreatorNotPermitted(address caller);
        /// The symbol is not 1 to 12 of A-Z, 0-9, '.', '-' starting with a letter. Choose another.
        error SymbolInvalid(string symbol);
        /// A token has the symbol. Choose another.
        error SymbolTaken(string symbol, address token);
        /// The name is empty or too long. Use 1 to lengthMax bytes.
        error NameInvalid(uint256 length, uint256 lengthMax);
        /// Too many decimal digits. Use at most decimalsMax.
        error DecimalsInvalid(uint8 decimals, uint8 decimalsMax);
        /// The admin cannot be the zero address or a module. Name an account or a contract.
        error AdminInvalid(address admin);
        /// No token has this index. Indices run from 1 to tokenCount.
        error TokenIndexUnknown(uint64 index, uint64 tokenCount);
        /// The cap is above 2^128 - 1. Choose a smaller one.
        error SupplyCapInvalid(uint256 supply, uint256 cap);
        /// No policy has this number. Ask the policy registry for policyCount.
        error PolicyUnknown(uint64 policyId);
    }
}
