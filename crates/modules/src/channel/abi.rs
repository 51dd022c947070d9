//! Solidity interface of payment channels. The text of this file is the reference: `golden/abi.json` is made from it.

use alloy_sol_types::sol;

/// Source of [`IChannel`], from which the references are generated.
pub(crate) const SOURCE: &str = include_str!("abi.rs");

sol! {
    /// Payment channels: units on hold in the payer's balance, of which the payee takes what the payer has signed, in
    /// total, off the ledger.
    #[derive(Debug, PartialEq, Eq)]
    interface IChannel {
        /// Puts the caller's units on hold for a payee; challengeMs is how long a closing by the payer may be contested.
        function open(address token, address payee, uint256 amount, uint64 challengeMs) external returns (uint64 channelId);
        /// Puts more units on hold; a new hold takes the old one's place. Payer.
        function topUp(uint64 channelId, uint256 amount) external;
        /// Shows a state that the payer signed: the payee may take so much in total. Anyone.
        function submitState(uint64 channelId, uint256 cumulative, bytes calldata signature, bool payNow) external;
        /// Closes with what is owed; the rest goes back. Payee.
        function closeByPayee(uint64 channelId, bool payNow) external;
        /// Says what is owed and begins to close; newer states are heard until the challenge is over. Payer.
        function startClose(uint64 channelId, uint256 cumulative) external;
        /// Closes after the challenge. Anyone.
        function finishClose(uint64 channelId, bool payNow) external;
        /// Closes with an amount that both parties signed, before validUntilMs; the caller's own signature may be empty. Anyone.
        function closeTogether(uint64 channelId, uint256 cumulative, uint64 validUntilMs, bytes calldata payerSignature, bytes calldata payeeSignature, bool payNow) external;
        /// Pays what is due. Anyone.
        function payOut(uint64 channelId) external;

        /// Number of channels; they are numbered from 1.
        function channelCount() external view returns (uint64);
        /// Where a channel stands: status is 1 open, 2 closing, 3 closed; due and undecided units are on hold now.
        function channelOf(uint64 channelId) external view returns (address payer, address payee, address token, uint64 holdId, uint8 status, uint64 challengeMs, uint64 closesAtMs, uint256 deposit, uint256 owed, uint256 paid, uint256 due, uint256 undecided, uint256 seized);
        /// What the payer signs for a state.
        function stateDigest(uint64 channelId, uint256 cumulative) external view returns (bytes32);
        /// What a party signs to close together.
        function closeDigest(uint64 channelId, uint256 cumulative, uint64 validUntilMs) external view returns (bytes32);
        /// Units that would be paid if this state were shown now; what is due anyhow if it would be refused.
        function payableAt(uint64 channelId, uint256 cumulative) external view returns (uint256);
        /// Units of the owner in its channels that are not closed, from the list's place start on: on hold, and due of them. At most 100 channels a call; listed is the length of the list.
        function liquidityOf(address token, address owner, uint64 start, uint64 count) external view returns (uint256 held, uint256 due, uint64 listed);
        /// The fields of the EIP-712 domain.
        function eip712Domain() external view returns (bytes1 fields, string memory name, string memory version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] memory extensions);

        /// A channel was opened.
        event ChannelOpened(uint64 indexed channelId, address indexed payer, address indexed payee, address token, uint256 amount, uint64 challengeMs);
        /// Units were added; the deposit is now so much, under a new hold.
        event ChannelToppedUp(uint64 indexed channelId, uint256 amount, uint256 deposit, uint64 holdId);
        /// A newer state is known.
        event StateSubmitted(uint64 indexed channelId, uint256 cumulative, address indexed by);
        /// The payer closes: newer states are heard before closesAtMs.
        event ChannelClosing(uint64 indexed channelId, address indexed payer, address indexed payee, uint256 owed, uint64 closesAtMs);
        /// Units were paid; follows the token's events of the same movement.
        event ChannelPaid(uint64 indexed channelId, address indexed payee, uint256 amount, uint256 paid);
        /// The channel is closed: so much was owed in total, so much went back to the payer.
        event ChannelClosed(uint64 indexed channelId, uint256 owed, uint256 released);

        /// No channel has this number. Take it from the ChannelOpened event.
        error ChannelUnknown(uint64 channelId);
        /// The caller has no such right in this channel. Call from the party that has it.
        error ChannelCallerNotAllowed(uint64 channelId, address caller);
        /// The channel is closing or closed. Open another one, or pay out what is due.
        error ChannelNotOpen(uint64 channelId, uint8 status);
        /// Nobody began to close the channel, or it is closed. Let the payer start, or look at its status.
        error ChannelNotClosing(uint64 channelId, uint8 status);
        /// The challenge is over: no state is heard any more. Finish the closing.
        error ChallengeOver(uint64 channelId, uint64 closesAtMs, uint64 nowMs);
        /// The challenge is not over. Wait for its end, or close together.
        error ChallengeRunning(uint64 channelId, uint64 closesAtMs, uint64 nowMs);
        /// An amount is above zero and no more than a deposit can be. Name another.
        error ChannelAmountInvalid(uint256 amount);
        /// Payer and payee differ and the payee can hold units. Name another payee.
        error ChannelPartiesInvalid(address payer, address payee);
        /// The challenge period is too short or too long. Choose one within the bounds.
        error ChallengePeriodInvalid(uint64 challengeMs, uint64 challengeMsMin, uint64 challengeMsMax);
        /// The state promises more than was deposited. Let the payer top up first.
        error StateExceedsDeposit(uint64 channelId, uint256 deposit, uint256 cumulative);
        /// A newer state is known, or more is paid already. Show one with a greater amount.
        error StateOutdated(uint64 channelId, uint256 known, uint256 cumulative);
        /// The time for closing together is over. Sign again with a later one.
        error CloseConsentExpired(uint64 channelId, uint64 validUntilMs, uint64 nowMs);
        /// The signature is not this party's over this message. Check domain, number and amount, and sign again.
        error ChannelSignatureInvalid(uint64 channelId, address signer, address expected);
        /// Nothing is owed and unpaid. Submit a state.
        error ChannelNothingDue(uint64 channelId);
        /// A page has at most so many entries. Ask for fewer.
        error ChannelPageTooLarge(uint64 count, uint64 countMax);
    }
}
