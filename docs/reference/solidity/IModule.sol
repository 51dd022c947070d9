// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity >=0.8.4;

/// Errors that any module may revert with before one of its operations begins, or at a storage bound.
interface IModule {
    /// No function of this module has the selector. Check the address and the ABI.
    error SelectorUnknown(bytes4 selector);
    /// The arguments are not a valid ABI encoding for this function. Encode them with the module's ABI.
    error ArgumentsMalformed(bytes4 selector);
    /// The input is longer than any function accepts. Split the batch.
    error InputTooLong(uint256 length, uint256 lengthMax);
    /// Modules hold no native units. Call without value.
    error ValueForbidden(uint256 value);
    /// Modules act in their own name only. Use CALL or STATICCALL.
    error DelegateCallForbidden();
    /// The function changes state and was reached through a static call. Use CALL.
    error StaticCallForbidden();
    /// The value does not fit its place in storage. Use a smaller one.
    error ValueTooLarge(uint256 slot);
    /// Governance has paused the module, so its state does not change. Wait until untilMs, or for a vote to end the pause.
    error ModulePaused(address module, uint64 sinceMs, uint64 untilMs, uint64 proposalId);
    /// The text is longer than this field accepts. Shorten it.
    error TextTooLong(uint256 length, uint256 lengthMax);
}
