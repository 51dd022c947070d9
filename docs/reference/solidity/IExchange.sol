// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity >=0.8.4;

/// Firm quotes of providers and their execution: two currencies change hands at once or not at all.
interface IExchange {
    /// A provider's promise, from the taker's view: it sells sellToken and buys buyToken. Side 1 fixes what is sold, 2 what
    /// is bought; rounding of the other amount is 1 down, 2 up.
    struct Quote {
        address provider;
        uint64 epoch;
        bytes32 nonce;
        address taker;
        address sellToken;
        address buyToken;
        uint256 sellAmount;
        uint256 buyAmount;
        uint256 leastAmount;
        uint8 side;
        uint8 rounding;
        uint256 fee;
        uint64 expiresAtMs;
    }

    /// What a taker wants: the amount of the fixed side, the worst amounts that it accepts, who is paid, and for a
    /// cross-border payment its details.
    struct Order {
        uint256 amount;
        uint256 maxSent;
        uint256 minReceived;
        address payee;
        bytes32 uetr;
        bytes32 debtorAgent;
        bytes32 creditorAgent;
        bytes32 remittanceHash;
    }

    /// Makes the caller a provider.
    function registerProvider() external;
    /// Ends the caller's being a provider: its quotes are not executed any more. Provider.
    function retireProvider() external;
    /// Revokes every quote that the caller signed or posted so far. Provider.
    function revokeQuotes() external returns (uint64 epoch);
    /// Uses up a nonce of the caller, so that no quote with it is executed. Provider.
    function cancelQuote(bytes32 nonce) external;
    /// Asks providers for quotes, to be answered before a time.
    function requestQuote(address sellToken, address buyToken, uint256 amount, uint8 side, uint64 answerByMs) external returns (uint64 requestId);
    /// Makes a quote firm without a signature, in answer to a request or to none (0). Provider.
    function postQuote(Quote calldata quote, uint64 requestId) external returns (bytes32 digest);
    /// Executes a quote: the caller pays the provider, the provider pays the payee. The signature of a posted quote is empty.
    function execute(Quote calldata quote, bytes calldata signature, Order calldata order) external returns (uint64 tradeId, uint256 sent, uint256 received);
    /// Executes two quotes through a vehicle currency, which the first provider pays to the second.
    function executeVia(Quote calldata first, bytes calldata firstSignature, Quote calldata second, bytes calldata secondSignature, Order calldata order) external returns (uint64 tradeId, uint256 sent, uint256 received);

    /// What an order of this amount costs: sent with the fee, received, and the fee of it.
    function costOf(Quote calldata quote, uint256 amount) external view returns (uint256 sent, uint256 received, uint256 fee);
    /// What an order of this amount costs through a vehicle currency: the second fee is in that currency.
    function costVia(Quote calldata first, Quote calldata second, uint256 amount) external view returns (uint256 sent, uint256 vehicle, uint256 received, uint256 firstFee, uint256 secondFee);
    /// Whether a quote can be executed now: 0 yes, 1 provider not active, 2 revoked, 3 expired, 4 used or cancelled.
    function quoteStatus(Quote calldata quote) external view returns (uint8);
    /// What the provider signs.
    function quoteDigest(Quote calldata quote) external view returns (bytes32);
    /// Whether the quote with this digest was posted.
    function isPosted(bytes32 digest) external view returns (bool);
    /// Whether the account is a provider, and its epoch.
    function providerOf(address account) external view returns (bool active, uint64 epoch);
    /// Whether a provider's nonce is used up.
    function isNonceUsed(address provider, bytes32 nonce) external view returns (bool);
    /// Trade of a debtor's UETR; 0 for none.
    function tradeOfUetr(address debtor, bytes32 uetr) external view returns (uint64);
    /// Number of trades; they are numbered from 1.
    function tradeCount() external view returns (uint64);
    /// The fields of the EIP-712 domain.
    function eip712Domain() external view returns (bytes1 fields, string memory name, string memory version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] memory extensions);

    /// An account is a provider.
    event ProviderRegistered(address indexed provider, uint64 epoch);
    /// An account is no provider any more.
    event ProviderRetired(address indexed provider);
    /// Quotes of earlier epochs are void.
    event QuotesRevoked(address indexed provider, uint64 epoch);
    /// No quote with this nonce is executed any more.
    event QuoteCancelled(address indexed provider, bytes32 indexed nonce);
    /// Somebody wants a quote.
    event QuoteRequested(uint64 indexed requestId, address indexed taker, address sellToken, address buyToken, uint256 amount, uint8 side, uint64 answerByMs);
    /// A provider made a quote firm by its own call.
    event QuotePosted(uint64 indexed requestId, address indexed provider, bytes32 indexed digest, Quote quote);
    /// A quote was executed; follows the tokens' events. A trade through a vehicle currency has two of them.
    event Exchanged(uint64 indexed tradeId, address indexed taker, address indexed provider, bytes32 nonce, address sellToken, address buyToken, uint256 sent, uint256 received, uint256 fee, address payee);
    /// The trade was a cross-border payment.
    event CrossBorderPaid(bytes32 indexed uetr, uint64 indexed tradeId, address indexed debtor, address creditor, bytes32 debtorAgent, bytes32 creditorAgent, bytes32 remittanceHash);

    /// The account is no provider. Let it register, or ask another one.
    error ProviderNotActive(address provider);
    /// A quote is posted by its own provider. Sign it instead, or post from the provider.
    error QuoteNotOwn(address provider, address caller);
    /// No request has this number. Take it from the QuoteRequested event, or use 0.
    error QuoteRequestUnknown(uint64 requestId);
    /// A side is 1 for SEND or 2 for RECEIVE. Use one of them.
    error QuoteSideInvalid(uint8 side);
    /// A rounding is 1 for down or 2 for up. Use one of them.
    error QuoteRoundingInvalid(uint8 rounding);
    /// An exchange is between two different tokens. Quote another pair.
    error QuoteTokensInvalid(address sellToken, address buyToken);
    /// Amounts of a quote are above zero and, with the fee, below 2^128; the least is no more than the fixed one. Quote again.
    error QuoteAmountsInvalid(uint256 sellAmount, uint256 buyAmount, uint256 leastAmount, uint256 fee);
    /// The provider revoked its quotes of that epoch. Ask for a new one.
    error QuoteRevoked(address provider, uint64 epoch, uint64 currentEpoch);
    /// The time for the quote or the answer is over. Ask for a new one.
    error QuoteExpired(uint64 expiresAtMs, uint64 nowMs);
    /// The quote was executed or cancelled. Ask for a new one.
    error QuoteUsed(address provider, bytes32 nonce);
    /// The quote was made for somebody else. Ask for one of your own.
    error QuoteTakerDiffers(address taker, address caller);
    /// A provider does not trade with itself. Call from another account.
    error QuoteSelfTrade(address provider);
    /// The provider neither signed nor posted this quote. Check every value, domain and signature.
    error QuoteSignatureInvalid(address provider, address signer);
    /// The two quotes fix different sides. Ask for quotes of one side.
    error QuoteSidesDiffer(uint8 firstSide, uint8 secondSide);
    /// The first quote does not buy what the second sells. Ask for quotes that meet in one currency.
    error VehicleDiffers(address firstBuyToken, address secondSellToken);
    /// The payee is the provider who would pay it. Name another payee.
    error OrderPayeeInvalid(address payee);
    /// A payment names a UETR and both agents; an exchange without a UETR names none of its details. Complete or clear them.
    error OrderDetailsInvalid(bytes32 uetr, bytes32 debtorAgent, bytes32 creditorAgent);
    /// The debtor used this UETR already. It is the same payment: look at its trade instead of paying twice.
    error ExchangeUetrUsed(bytes32 uetr, uint64 tradeId);
    /// The amount lies outside of what the quote offers. Order between these two, or the maximum for all.
    error OrderAmountInvalid(uint256 amount, uint256 least, uint256 most);
    /// The computed amount rounds to zero. Order more.
    error ComputedAmountZero(uint256 amount);
    /// More would be sent than the taker accepts. Accept more, or ask for another quote.
    error SentAboveMax(uint256 sent, uint256 maxSent);
    /// Less would be received than the taker accepts. Accept less, or ask for another quote.
    error ReceivedBelowMin(uint256 received, uint256 minReceived);
}
