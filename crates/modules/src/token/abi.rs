//! Solidity interface of a token. The text of this file is the reference: `golden/abi.json` is made from it.
//!
//! Sources: ERC-20; ERC-2612 (permit); ERC-3009 (payments by signature); ERC-7572 (description); EIP-712 and ERC-5267 (domain); ERC-6093 (errors); OpenZeppelin's AccessControl,
//! Pausable and ERC20Permit (names of errors and events); ERC-3643 (names of freezing); ERC-165.

use alloy_sol_types::sol;

/// Source of [`IToken`], from which the references are generated.
pub(crate) const SOURCE: &str = include_str!("abi.rs");

sol! {
    /// A currency of the ledger: an ERC-20 token with payment references, roles, a cap on its supply, pause, freezing
    /// and a policy on every movement. Amounts are minor units.
    #[derive(Debug, PartialEq, Eq)]
    interface IToken {
        // ----- ERC-20 ------------------------------------------------------------------------------------------------

        /// Name for people.
        function name() external view returns (string memory);
        /// Symbol: 1 to 12 of A-Z, 0-9, '.', '-'; unique on the ledger.
        function symbol() external view returns (string memory);
        /// Decimal digits of the minor unit.
        function decimals() external view returns (uint8);
        /// Units in existence; never above supplyCap.
        function totalSupply() external view returns (uint256);
        /// Units that the account holds, frozen ones included.
        function balanceOf(address account) external view returns (uint256);
        /// Units that the spender may still move out of the owner's balance; the maximum is never used up.
        function allowance(address owner, address spender) external view returns (uint256);
        /// Moves the caller's units. False if a holding limit parked them instead: they are on hold for the payee.
        function transfer(address to, uint256 amount) external returns (bool);
        /// Moves units of another within the caller's allowance. False if a holding limit parked them instead.
        function transferFrom(address from, address to, uint256 amount) external returns (bool);
        /// Sets the spender's allowance over the caller's units.
        function approve(address spender, uint256 amount) external returns (bool);

        /// Units moved; from zero when minted, to zero when burned.
        event Transfer(address indexed from, address indexed to, uint256 value);
        /// An allowance was set.
        event Approval(address indexed owner, address indexed spender, uint256 value);

        // ----- payments ----------------------------------------------------------------------------------------------

        /// Moves the caller's units with a memo and a payment reference of at most 140 bytes of UTF-8.
        function transferWithMemo(address to, uint256 amount, bytes32 memo, string calldata paymentReference) external returns (bool);
        /// Moves units of another within the caller's allowance, with a memo and a payment reference.
        function transferFromWithMemo(address from, address to, uint256 amount, bytes32 memo, string calldata paymentReference) external returns (bool);

        /// What a payment is for; follows the Transfer or Parked event of the same movement.
        event TransferWithMemo(address indexed from, address indexed to, uint256 value, bytes32 indexed memo, string paymentReference);

        /// Units moved in a batch. Items of 40 bytes: payee 20, amount 12, reference 8. One result an item: those of 0 moved, and no Transfer event tells of them.
        event BatchTransfer(address indexed from, bytes items, bytes results);

        // ----- ERC-2612 and ERC-5267 ---------------------------------------------------------------------------------

        /// Sets an allowance by the owner's signature (EIP-712); the deadline is in seconds.
        function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;
        /// Number of permits that the owner has used.
        function nonces(address owner) external view returns (uint256);
        /// EIP-712 domain: name, version "1", chain id, this address.
        function DOMAIN_SEPARATOR() external view returns (bytes32);
        /// The fields of the EIP-712 domain.
        function eip712Domain() external view returns (bytes1 fields, string memory name, string memory version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] memory extensions);

        // ----- ERC-3009 and ERC-7572 ---------------------------------------------------------------------------------

        /// Whether the holder's nonce was used or cancelled.
        function authorizationState(address authorizer, bytes32 nonce) external view returns (bool);
        /// Pays by the holder's signature, within a window of block time in seconds. Anyone brings it.
        function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external;
        /// The same with the signature as 65 bytes: r, s, v.
        function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes calldata signature) external;
        /// Pays the caller by the holder's signature. The payee alone brings it.
        function receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external;
        /// The same with the signature as 65 bytes: r, s, v.
        function receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes calldata signature) external;
        /// Makes a nonce unusable by the holder's signature. Anyone brings it.
        function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external;
        /// The same with the signature as 65 bytes: r, s, v.
        function cancelAuthorization(address authorizer, bytes32 nonce, bytes calldata signature) external;
        /// Where the token is described; empty if nowhere.
        function contractURI() external view returns (string memory);
        /// Says where the token is described, in at most 256 bytes. Admin.
        function setContractURI(string calldata newURI) external;

        /// A payment by signature was made; precedes its Transfer event.
        event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);
        /// A nonce can be used no more.
        event AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce);
        /// The token is described elsewhere now.
        event ContractURIUpdated();

        // ----- roles -------------------------------------------------------------------------------------------------

        /// Grants and revokes roles, sets cap and policy. Equals bytes32(0).
        function DEFAULT_ADMIN_ROLE() external view returns (bytes32);
        /// Mints and burns. Equals keccak256("ISSUER_ROLE").
        function ISSUER_ROLE() external view returns (bytes32);
        /// Pauses and resumes the token. Equals keccak256("PAUSER_ROLE").
        function PAUSER_ROLE() external view returns (bytes32);
        /// Freezes and thaws holders. Equals keccak256("FREEZER_ROLE").
        function FREEZER_ROLE() external view returns (bytes32);
        /// Executes orders. Equals keccak256("SEIZER_ROLE").
        function SEIZER_ROLE() external view returns (bytes32);
        /// Whether the account holds the role.
        function hasRole(bytes32 role, address account) external view returns (bool);
        /// The role that grants this role: always DEFAULT_ADMIN_ROLE.
        function getRoleAdmin(bytes32 role) external view returns (bytes32);
        /// How many accounts hold DEFAULT_ADMIN_ROLE; never zero.
        function adminCount() external view returns (uint256);
        /// Gives a role. Admin.
        function grantRole(bytes32 role, address account) external;
        /// Takes a role away. Admin.
        function revokeRole(bytes32 role, address account) external;
        /// Gives up a role of one's own; the caller repeats its address.
        function renounceRole(bytes32 role, address callerConfirmation) external;
        /// ERC-165: true for ERC-165 itself, AccessControl, ERC-20 and its metadata, permit and the domain of ERC-5267.
        function supportsInterface(bytes4 interfaceId) external view returns (bool);

        /// A role was given.
        event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);
        /// A role was taken or given up.
        event RoleRevoked(bytes32 indexed role, address indexed account, address indexed sender);

        // ----- supply ------------------------------------------------------------------------------------------------

        /// Most units that may exist at once; at most 2^128 - 1.
        function supplyCap() external view returns (uint256);
        /// Sets the cap; not below the supply. Admin.
        function setSupplyCap(uint256 newCap) external;
        /// Brings units into existence. Issuer.
        function mint(address to, uint256 amount) external;
        /// Destroys units of the caller's own balance. Issuer.
        function burn(uint256 amount) external;
        /// Destroys units of another within the caller's allowance. Issuer.
        function burnFrom(address from, uint256 amount) external;

        /// The cap changed.
        event SupplyCapChanged(uint256 previousCap, uint256 newCap);

        // ----- pause -------------------------------------------------------------------------------------------------

        /// Whether movements are stopped.
        function paused() external view returns (bool);
        /// Stops every movement. Pauser.
        function pause() external;
        /// Lets movements go on. Pauser.
        function unpause() external;

        /// Movements stopped.
        event Paused(address account);
        /// Movements go on.
        event Unpaused(address account);

        // ----- freezing ----------------------------------------------------------------------------------------------

        /// Whether the address neither sends, receives nor spends for others.
        function isFrozen(address userAddress) external view returns (bool);
        /// Units of the address that it may not move, those that orders freeze included.
        function getFrozenTokens(address userAddress) external view returns (uint256);
        /// Freezes or thaws an address as a whole. Freezer.
        function setAddressFrozen(address userAddress, bool freeze) external;
        /// Freezes units that the address holds and that are not frozen yet. Freezer.
        function freezePartialTokens(address userAddress, uint256 amount) external;
        /// Thaws units. Freezer.
        function unfreezePartialTokens(address userAddress, uint256 amount) external;

        /// An address was frozen or thawed as a whole.
        event AddressFrozen(address indexed userAddress, bool indexed isFrozen, address indexed owner);
        /// Units were frozen.
        event TokensFrozen(address indexed userAddress, uint256 amount);
        /// Units were thawed.
        event TokensUnfrozen(address indexed userAddress, uint256 amount);

        // ----- holds -------------------------------------------------------------------------------------------------

        /// Units of the account that are on hold: still its own, reserved for a payment, an escrow, a channel or the like.
        function heldBalanceOf(address account) external view returns (uint256);
        /// Units of the account that one keeper has on hold: 1 parked, 2 reserves, 3 redemptions, 5 payments, 6 settlement, 7 exchange, 8 escrows, 9 channels, 10 vouchers, 12 bonds.
        function heldBalanceBy(address account, uint8 keeper) external view returns (uint256);
        /// Units that the account may move: its balance less what is frozen and what is on hold.
        function spendableBalanceOf(address account) external view returns (uint256);
        /// A hold: whose units, for which module (its address), how many are left.
        function holdOf(uint64 holdId) external view returns (address owner, address keeper, uint256 amount);

        /// Units were reserved for a module's purpose.
        event Held(uint64 indexed holdId, address indexed owner, address indexed keeper, uint256 amount);
        /// Units on hold were paid out; follows the Transfer event of the same movement.
        event HoldPosted(uint64 indexed holdId, address indexed to, uint256 amount);
        /// Units on hold became free again.
        event HoldReleased(uint64 indexed holdId, address indexed owner, uint256 amount);

        // ----- orders ------------------------------------------------------------------------------------------------

        /// Freezes up to cap units of the account until the expiry, what comes in later included; with a payee they may be seized. A cap of 2^256 - 1, without a payee, freezes the whole address. Freezer.
        function issueOrder(address account, address payee, uint256 cap, uint64 expiryMs, bytes32 legalReference) external returns (uint64 orderId);
        /// Ends an order at once; the reference is that of the decision to end it. Freezer.
        function endOrder(uint64 orderId, bytes32 legalReference) external;
        /// Moves units to the payee of an order: free ones first, then frozen ones, then those of the named holds, which are numbered in rising order, at most 32. The maximum stands for all in reach. Seizer.
        function seize(uint64 orderId, uint256 amount, uint64[] calldata holdIds, bytes32 legalReference) external returns (uint256 seized);
        /// Moves units of one hold to the payee of an order. The maximum stands for all in reach. Seizer.
        function seizeHold(uint64 orderId, uint64 holdId, uint256 amount, bytes32 legalReference) external returns (uint256 seized);
        /// Forgets orders of the account that are over, so that its payments cost what they did before. Anyone.
        function pruneOrders(address account) external;
        /// Says whether nobody may be freezer and seizer at once. Admin.
        function setRoleSeparation(bool required) external;
        /// Whether nobody may be freezer and seizer at once; true unless an admin said otherwise.
        function roleSeparation() external view returns (bool);
        /// Number of orders ever issued.
        function orderCount() external view returns (uint64);
        /// An order; cap and left are 2^256 - 1 where the whole address is frozen, the payee is zero where nothing may be seized.
        function orderOf(uint64 orderId) external view returns (address account, address payee, uint256 cap, uint256 left, uint64 expiryMs, bytes32 legalReference, bool inForce);
        /// Orders of the account that are in force, at most 8.
        function ordersOf(address account) external view returns (uint64[] memory orderIds);
        /// Units that orders freeze of the account, be it more than it has, and whether the whole address is frozen by one.
        function frozenByOrders(address account) external view returns (uint256 amount, bool whole);

        /// An order was issued. A zero payee: nothing may be seized.
        event OrderIssued(uint64 indexed orderId, address indexed account, address indexed payee, uint256 cap, uint64 expiryMs, bytes32 legalReference, address freezer);
        /// An order was ended before its expiry.
        event OrderEnded(uint64 indexed orderId, address indexed account, bytes32 legalReference, address freezer);
        /// A hold was shortened by a seizure; the Seized event of the same movement follows.
        event HoldSeized(uint64 indexed holdId, uint64 indexed orderId, address indexed owner, uint256 amount);
        /// Units were seized under an order; follows the Transfer event of the same movement.
        event Seized(uint64 indexed orderId, address indexed account, address indexed payee, uint256 amount, bytes32 legalReference, address seizer);
        /// Whether nobody may be freezer and seizer at once changed.
        event RoleSeparationSet(bool required, address admin);

        // ----- holding limits ----------------------------------------------------------------------------------------

        /// Units that are on hold for the account and count to its holding limit.
        function pendingCreditOf(address account) external view returns (uint256);
        /// Where units go that the account may not hold, under a limit that sweeps; zero if nowhere.
        function linkedAccountOf(address account) external view returns (address);
        /// Links the account that takes what the caller may not hold; zero undoes it.
        function setLinkedAccount(address linkedAccount) external;
        /// Pays parked units to their payee, as far as its limit has room; the maximum stands for all. Anyone.
        function claimParked(uint64 holdId, uint256 amount) external;
        /// Gives parked units back to their payer. The payer, or the payee who declines them.
        function releaseParked(uint64 holdId) external;

        /// The account that takes what the holder may not hold changed.
        event LinkedAccountSet(address indexed account, address indexed linkedAccount);
        /// A holding limit parked a payment: follows the Held event.
        event Parked(uint64 indexed holdId, address indexed from, address indexed to, uint256 value);

        // ----- policy ------------------------------------------------------------------------------------------------

        /// Dry run of a transfer: whether the units would reach the payee; else the policy that forbids it, a code, its values and the number of a remedy. A zero operator is none.
        function checkTransfer(address from, address to, address operator, uint256 amount) external view returns (bool allowed, uint64 policyId, uint8 code, uint256[] memory values, uint8 remedy);

        /// Policy that every movement must satisfy; 0 admits everyone.
        function policyId() external view returns (uint64);
        /// Sets the policy. Admin.
        function setPolicy(uint64 newPolicyId) external;

        /// The policy changed.
        event PolicyChanged(uint64 previousPolicyId, uint64 newPolicyId);

        // ----- backing and issuers -----------------------------------------------------------------------------------

        /// States the reserve of a token that is backed by attestation. Equals keccak256("ATTESTOR_ROLE").
        function ATTESTOR_ROLE() external view returns (bytes32);
        /// How units are backed: kind 0 not, 1 by units of the reserve token, 2 by attestation.
        function backing() external view returns (uint8 kind, address reserveToken);
        /// Sets the backing, once and before the first unit: kind 1 names the reserve token, kind 2 the zero address. Admin.
        function setBacking(uint8 kind, address reserveToken) external;
        /// Everyone who ever had a quota, at most 64.
        function issuers() external view returns (address[] memory);
        /// An issuer of a backed token: units of the reserve token on hold for it now, and the number of that hold.
        function issuerOf(address issuer) external view returns (uint256 quota, uint256 outstanding, uint256 reserve, uint64 holdId);
        /// Sets how many units an issuer may have outstanding. Admin.
        function setIssuerQuota(address issuer, uint256 quota) external;
        /// Puts units of the reserve token on hold as the caller's reserve. Issuer.
        function pledgeReserve(uint256 amount) external;
        /// Frees units of the caller's reserve that nothing outstanding needs. Whoever pledged.
        function releaseReserve(uint256 amount) external;
        /// The reserve as last attested; at expiresMs it counts no more.
        function attestation() external view returns (uint256 amount, uint64 attestedMs, uint64 expiresMs, bytes32 reportHash);
        /// States the reserve that is held elsewhere, until expiresMs, with the hash of the report. Attestor.
        function attestReserve(uint256 amount, uint64 expiresMs, bytes32 reportHash) external;

        /// The token is backed from now on.
        event BackingSet(uint8 kind, address indexed reserveToken);
        /// An issuer's quota changed.
        event IssuerQuotaSet(address indexed issuer, uint256 previousQuota, uint256 newQuota);
        /// Units of the reserve token were put on hold; the reserve is now so much under this number.
        event ReservePledged(address indexed issuer, uint256 amount, uint256 reserve, uint64 holdId);
        /// Units of the reserve token are free again.
        event ReserveReleased(address indexed issuer, uint256 amount, uint256 reserve);
        /// A reserve was stated.
        event ReserveAttested(address indexed attestor, uint256 amount, uint64 expiresMs, bytes32 reportHash);

        // ----- redemption --------------------------------------------------------------------------------------------

        /// Number of redemptions; they are numbered from 1.
        function redemptionCount() external view returns (uint64);
        /// A redemption: status is 1 pending, 2 fulfilled, 3 refused, 4 withdrawn, 5 expired; left are units on hold now.
        function redemptionOf(uint64 redemptionId) external view returns (address holder, address issuer, uint64 holdId, uint8 status, uint64 deadlineMs, uint256 amount, uint256 redeemed, uint256 left, bytes32 endToEnd, bytes4 reason);
        /// Puts the caller's units on hold for an issuer to redeem before the deadline.
        function requestRedemption(address issuer, uint256 amount, bytes32 endToEnd, uint64 deadlineMs) external returns (uint64 redemptionId);
        /// Burns units on hold, all for the maximum; with payOut the holder gets as many of the issuer's reserve. Its issuer.
        function fulfilRedemption(uint64 redemptionId, uint256 amount, bool payOut) external;
        /// Frees the units and says why in four characters. Its issuer.
        function refuseRedemption(uint64 redemptionId, bytes4 reason) external;
        /// Frees the units. Its holder.
        function withdrawRedemption(uint64 redemptionId) external;
        /// Frees the units once the deadline has come. Anyone.
        function expireRedemption(uint64 redemptionId) external;

        /// A holder asks for redemption; follows the Held event.
        event RedemptionRequested(uint64 indexed redemptionId, address indexed holder, address indexed issuer, uint256 amount, bytes32 endToEnd, uint64 deadlineMs, uint64 holdId);
        /// Units were burned, and paid out of the reserve if paidOut says so.
        event RedemptionFulfilled(uint64 indexed redemptionId, uint256 amount, bool paidOut);
        /// A redemption has come to its end; status as in redemptionOf.
        event RedemptionEnded(uint64 indexed redemptionId, uint8 status, bytes4 reason, uint256 released);

        // ----- rules under notice ------------------------------------------------------------------------------------

        /// How long a change of a rule is published before it is in force, in milliseconds; 0 for at once.
        function noticeTime() external view returns (uint64);
        /// Lengthens the notice time at once, or publishes a shorter one under the notice that holds. Admin.
        function setNoticeTime(uint64 noticeMs) external;
        /// The change of a rule (1 policy, 2 cap, 3 notice time) that is not in force yet; zeros where there is none.
        function pendingChange(uint8 rule) external view returns (uint256 value, uint64 fromMs);
        /// Takes back a change that is not in force yet. Admin.
        function withdrawChange(uint8 rule) external;

        /// The notice time changed at once.
        event NoticeTimeChanged(uint64 previousMs, uint64 newMs);
        /// A rule will have this value from that instant on.
        event RuleChangePublished(uint8 indexed rule, uint256 previousValue, uint256 newValue, uint64 fromMs);
        /// A change will not come.
        event RuleChangeWithdrawn(uint8 indexed rule, uint256 value);

        // ----- errors ------------------------------------------------------------------------------------------------

        /// No token was created at this address. Ask the factory for addressOf(symbol).
        error TokenUnknown(address token);
        /// The balance does not suffice. Pay in, or send less.
        error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
        /// The units not frozen do not suffice. Send less, or ask the freezer.
        error InsufficientUnfrozenBalance(address sender, uint256 balance, uint256 frozen, uint256 needed);
        /// The units neither frozen nor on hold do not suffice. Release a hold, or send less.
        error InsufficientUnheldBalance(address sender, uint256 balance, uint256 frozen, uint256 held, uint256 needed);
        /// More units than are on hold. Post or release at most what is left.
        error HoldExceeded(uint64 holdId, uint256 held, uint256 amount);
        /// No hold has this number. Take it from the Held event.
        error HoldUnknown(uint64 holdId);
        /// The allowance does not suffice. Ask the owner to approve more.
        error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
        /// The zero address cannot send. Name the holder.
        error ERC20InvalidSender(address sender);
        /// Neither the zero address nor a module can hold units. Name an account or a contract.
        error ERC20InvalidReceiver(address receiver);
        /// The zero address cannot approve. Name the owner.
        error ERC20InvalidApprover(address approver);
        /// The zero address cannot be approved. Name the spender.
        error ERC20InvalidSpender(address spender);
        /// The permit's deadline has passed. Sign a new one.
        error ERC2612ExpiredSignature(uint256 deadline);
        /// The permit was not signed by its owner over these values. Check nonce, domain and values, and sign again.
        error ERC2612InvalidSigner(address signer, address owner);
        /// The authorisation is not valid yet. Bring it after validAfter.
        error AuthorizationNotYetValid(uint256 validAfter, uint256 nowSeconds);
        /// The authorisation is valid no more. Ask the holder for a new one.
        error AuthorizationExpired(uint256 validBefore, uint256 nowSeconds);
        /// The holder's nonce was used or cancelled. Ask for an authorisation with another one.
        error AuthorizationSpent(address authorizer, bytes32 nonce);
        /// The authorisation was not signed by its holder over these values. Check domain and values, and sign again.
        error AuthorizationSignerInvalid(address signer, address authorizer);
        /// Only the payee brings this authorisation. Call from its account.
        error AuthorizationPayeeRequired(address caller, address payee);
        /// The payment reference is too long. Shorten it to lengthMax bytes, or put its hash into the memo.
        error PaymentReferenceTooLong(uint256 length, uint256 lengthMax);
        /// The caller lacks the role. Ask an admin of the token to grant it.
        error AccessControlUnauthorizedAccount(address account, bytes32 neededRole);
        /// The confirmation is not the caller. Renounce from the account that holds the role.
        error AccessControlBadConfirmation();
        /// The token has no such role. Use one that the token names.
        error RoleUnknown(bytes32 role);
        /// The role cannot be given to the zero address or to a module. Name an account or a contract.
        error RoleHolderInvalid(address account);
        /// Freezer and seizer are two keys, and the account holds the other role. Give the role to another account, or let an admin lift the separation.
        error RolesMustBeSeparate(address account, bytes32 role, bytes32 held);
        /// Orders concern accounts and contracts, and nobody pays itself. Name an account that can hold units and another one, or nobody, as the payee.
        error OrderPartiesInvalid(address account, address payee);
        /// A cap is from 1 to 2^128 - 1 units, or 2^256 - 1 for the whole address, of which nothing can be seized. Name such a cap.
        error OrderCapInvalid(uint256 cap);
        /// The expiry has come already or is too far away. Name a block time between.
        error OrderExpiryInvalid(uint64 expiryMs, uint64 nowMs, uint64 expiryMsMax);
        /// Each use names the decision that it rests on. Give a salted hash of it.
        error LegalReferenceMissing();
        /// The account has as many orders in force as it can have. End one first.
        error OrdersExhausted(address account, uint256 ordersMax);
        /// No order has this number. Take it from the OrderIssued event.
        error OrderUnknown(uint64 orderId);
        /// The order is over. Obtain a new one.
        error OrderExpired(uint64 orderId, uint64 expiryMs, uint64 nowMs);
        /// The order names no payee, so it only freezes. Let the freezer issue one that does.
        error OrderWithoutPayee(uint64 orderId);
        /// Holds are named once each, in rising order, and not more than countMax. Sort them, or seize in several calls.
        error SeizedHoldsInvalid(uint256 count, uint256 countMax);
        /// The hold is of another owner than the order's account. Name the account's holds, as Held events give them.
        error SeizedHoldForeign(uint64 holdId, address owner, address account);
        /// Nothing, or more than is left of the order's cap. Seize at most what is left.
        error SeizureExceedsOrder(uint64 orderId, uint256 left, uint256 amount);
        /// The units in reach do not suffice: those not on hold and those of the named holds. Seize what is available, or name more holds.
        error SeizureOutOfReach(address account, uint256 available, uint256 amount);
        /// The last admin cannot leave. Grant the role to another account first.
        error LastAdmin(address account);
        /// The supply would exceed its cap. Mint less, or ask an admin to raise the cap.
        error SupplyCapExceeded(uint256 supply, uint256 amount, uint256 cap);
        /// The cap is below the supply or above 2^128 - 1. Choose one between.
        error SupplyCapInvalid(uint256 supply, uint256 cap);
        /// The token is paused. Try again when it is resumed.
        error EnforcedPause();
        /// The token is not paused. Nothing is to be done.
        error ExpectedPause();
        /// The address is frozen. Ask the freezer.
        error AccountFrozen(address account);
        /// More units than are held and not frozen yet, or than can be frozen in part. Freeze fewer, or the whole address.
        error FreezeExceedsBalance(address account, uint256 available, uint256 amount);
        /// More units than are frozen. Thaw fewer.
        error UnfreezeExceedsFrozen(address account, uint256 frozen, uint256 amount);
        /// The token's policy does not admit the account. Ask the policy's admin.
        error PolicyForbids(uint64 policyId, address account);
        /// More than the payer may pay in a movement (period 0), a day (1) or a month (2). Pay less, or wait for the next period.
        error PaymentLimitExceeded(uint64 policyId, uint8 period, uint256 limit, uint256 used, uint256 amount);
        /// More than the payee may hold over all its addresses. Pay less, or let the payee spend or link an account first.
        error HoldingLimitExceeded(uint64 policyId, uint256 limit, uint256 held, uint256 amount);
        /// Payments of this day reach the threshold without persons (missing 1), exchange that covers it (2), acknowledgement (3) or, in a net settlement, known counterparty (4). Let both institutions exchange their data first; who settles net must be exempt.
        error TravelRuleUnmet(uint64 policyId, uint8 missing, uint256 threshold, uint256 total, uint256 amount);
        /// The linked account cannot hold units or is the holder itself. Name another account.
        error LinkedAccountInvalid(address account);
        /// The hold is no parked payment. Take the number from a Parked event.
        error HoldNotParked(uint64 holdId);
        /// The caller is neither payer nor payee of the parked units. Ask one of them.
        error ParkedPartyRequired(uint64 holdId, address caller);
        /// No policy has this number. Ask the policy registry for policyCount.
        error PolicyUnknown(uint64 policyId);
        /// The backing is set once. Make another token for another backing.
        error BackingAlreadySet(uint8 kind);
        /// Units exist that nothing would back. Set the backing before the first unit, or burn them all.
        error BackingTooLate(uint256 supply);
        /// Kind 1 names another token of this ledger with the same decimals, kind 2 the zero address. Name such a one.
        error BackingInvalid(uint8 kind, address reserveToken);
        /// The token is not backed. Set its backing first, or do without quotas.
        error TokenUnbacked();
        /// The token's backing is of another kind. Ask backing() and do what its kind provides for.
        error BackingKindRequired(uint8 needed, uint8 kind);
        /// A quota is below 2^128. Choose a smaller one.
        error QuotaInvalid(uint256 quota);
        /// The token has as many issuers as it can have. Use one of them.
        error IssuersTooMany(uint256 issuersMax);
        /// The issuer would have more outstanding than its quota. Mint less, redeem first, or ask an admin for more.
        error IssuerQuotaExceeded(address issuer, uint256 quota, uint256 outstanding, uint256 amount);
        /// The issuer has fewer units outstanding. Burn at most that, and pass on what others issued.
        error OutstandingExceeded(address issuer, uint256 outstanding, uint256 amount);
        /// The reserve would not cover what is issued. Pledge more or have more attested, or mint less.
        error ReserveExceeded(uint256 reserve, uint256 issued, uint256 amount);
        /// The attestation has expired or was never given. Ask an attestor for a new one.
        error AttestationExpired(uint64 expiresMs, uint64 nowMs);
        /// An attestation ends after now and within the longest term. Choose another end.
        error AttestationTermInvalid(uint64 expiresMs, uint64 nowMs, uint64 expiresMsMax);
        /// The hash of the report is zero. Name the report that the amount rests on.
        error ReportHashMissing();
        /// A reserve is below 2^128, and what is pledged or released above zero. Name such an amount.
        error ReserveAmountInvalid(uint256 amount);
        /// Units outstanding need the reserve. Release at most the rest, or redeem first.
        error ReserveInUse(address issuer, uint256 reserve, uint256 outstanding, uint256 amount);
        /// The account issues no units of this token. Ask one that does.
        error IssuerUnknown(address issuer);
        /// An amount is above zero and below 2^128. Name such a one, or the maximum for all that is left.
        error RedemptionAmountInvalid(uint256 amount);
        /// The deadline lies after now and within the longest term. Choose another.
        error RedemptionDeadlineInvalid(uint64 deadlineMs, uint64 nowMs, uint64 deadlineMsMax);
        /// No redemption has this number. Take it from the RedemptionRequested event.
        error RedemptionUnknown(uint64 redemptionId);
        /// The caller is not the party that may do this. Call from the holder or the issuer, as the function says.
        error RedemptionPartyRequired(uint64 redemptionId, address caller, address party);
        /// The redemption has ended. Request another one.
        error RedemptionNotPending(uint64 redemptionId, uint8 status);
        /// The deadline has come. Let it expire; the holder may request another one.
        error RedemptionLate(uint64 redemptionId, uint64 deadlineMs, uint64 nowMs);
        /// The deadline has not come. Wait for it, or let the holder withdraw.
        error RedemptionNotDue(uint64 redemptionId, uint64 deadlineMs, uint64 nowMs);
        /// A refusal says why. Give the four characters of a status reason code.
        error RedemptionReasonMissing(uint64 redemptionId);
        /// The notice time is longer than any token may have. Choose a shorter one.
        error NoticeTimeInvalid(uint64 noticeMs, uint64 noticeMsMax);
        /// A change of this rule is published and not in force yet. Wait for it, or withdraw it first.
        error ChangePending(uint8 rule, uint64 fromMs);
        /// No change of this rule is pending. Nothing is to be withdrawn.
        error NoChangePending(uint8 rule);
    }
}
