//! Solidity interface of the payment module. The text of this file is the reference: `golden/abi.json` is made from it.
//!
//! Sources: ISO 20022 (UETR, end-to-end id, purpose and reason codes, agents); ISO 9362 (BIC); TigerBeetle's vocabulary of
//! two-phase transfers.

use alloy_sol_types::sol;

/// Source of [`IPayment`], from which the references are generated.
pub(crate) const SOURCE: &str = include_str!("abi.rs");

sol! {
    /// Payments with a life of their own: identified once for all by payer and UETR, pending, parked, returned, in batches,
    /// under mandates, on request. Amounts are minor units, times are block times in milliseconds.
    #[derive(Debug, PartialEq, Eq)]
    interface IPayment {
        // ----- orders ------------------------------------------------------------------------------------------------

        /// Pays at once. Parks instead, until parkUntilMs, if that is not zero and the policy refuses the movement today. Answers the state: 3 settled, 2 parked.
        function pay(address token, address payee, uint256 amount, bytes32 uetr, bytes11 debtorAgent, bytes11 creditorAgent, bytes32 endToEnd, bytes4 purpose, bytes32 remittance, uint8 priority, uint64 parkUntilMs) external returns (uint8 state);
        /// Puts the caller's units on hold for the payee until expiryMs. The poster may post them; zero leaves that to the payee.
        function reserve(address token, address payee, uint256 amount, bytes32 uetr, bytes11 debtorAgent, bytes11 creditorAgent, bytes32 endToEnd, bytes4 purpose, bytes32 remittance, uint8 priority, uint64 expiryMs, address poster) external returns (uint64 holdId);
        /// Pays what is on hold, in part or in full, and frees the rest; the largest number means all. The poster, or the payee where none is named.
        function post(address payer, bytes32 uetr, uint256 amount) external returns (uint256 posted);
        /// Gives a pending payment up (payee or poster), or a parked one (payer or payee), and frees its units.
        function voidPayment(address payer, bytes32 uetr) external;
        /// Pays a parked payment in full, once the policy admits it. Anyone.
        function release(address payer, bytes32 uetr) external;
        /// Frees the units of a pending or parked payment whose expiry has come. Anyone.
        function expire(address payer, bytes32 uetr) external;
        /// Expires what is due among at most 128 payments, each a payer and its UETR, and passes over the others. Anyone.
        function sweep(address[] calldata payers, bytes32[] calldata uetrs) external returns (uint256 expired);
        /// Pays back part or all of what was received, and answers the number of the return: 1 for the first of the payment. Each reference is used once for a payment. The payee.
        function returnPayment(address payer, bytes32 uetr, bytes32 returnReference, uint256 amount, bytes4 reason) external returns (uint32 number);

        /// A payment. State: 0 none, 1 pending, 2 parked, 3 settled, 4 voided, 5 expired. Reserved is what is on hold for it now; a batch has no payee.
        function paymentOf(address payer, bytes32 uetr) external view returns (uint8 state, address token, address payee, uint256 received, uint256 returned, uint32 returnCount, uint256 reserved, uint64 holdId, uint64 expiryMs, address poster);

        /// What was returned of a payment under a reference. The number is 0 where it was never used.
        function returnOf(address payer, bytes32 uetr, bytes32 returnReference) external view returns (uint32 number, uint256 amount);

        /// A payment was ordered and is now in this state. Zero stands for what the order does not name.
        event PaymentOrdered(address indexed payer, bytes32 indexed uetr, address indexed payee, address token, uint256 amount, uint8 state, bytes11 debtorAgent, bytes11 creditorAgent, bytes32 endToEnd, bytes4 purpose, bytes32 remittance, uint8 priority);
        /// The units of a payment were put on hold; follows its PaymentOrdered.
        event PaymentReserved(address indexed payer, bytes32 indexed uetr, uint64 holdId, uint64 expiryMs, address poster);
        /// A payment waits because the policy does not admit this account today, or a rule of it binds this account; follows its PaymentOrdered.
        event PaymentParked(address indexed payer, bytes32 indexed uetr, uint64 holdId, uint64 expiryMs, uint64 policyId, address account);
        /// A pending or parked payment was paid; the rest of its units is free.
        event PaymentPosted(address indexed payer, bytes32 indexed uetr, uint256 posted, uint256 freed);
        /// A pending or parked payment was given up.
        event PaymentVoided(address indexed payer, bytes32 indexed uetr, address indexed by, uint256 freed);
        /// A pending or parked payment ran out of time.
        event PaymentExpired(address indexed payer, bytes32 indexed uetr, uint256 freed);
        /// Units came back to the payer.
        event PaymentReturned(address indexed payer, bytes32 indexed uetr, bytes32 indexed returnReference, uint32 number, uint256 amount, bytes4 reason);

        // ----- batches -----------------------------------------------------------------------------------------------

        /// Pays up to 3000 items of one token: payee 20 bytes, amount 12, reference 8, big-endian. Mode 0 is all or nothing, 1 item by item. Answers one result an item: 0 settled, 1 payee_must_be_able_to_hold, 2 amount_must_not_be_zero, 3 payee_must_not_be_payer, 4 payee_must_not_be_frozen, 5 policy_must_admit_payee, 6 payer_must_have_units.
        function payBatch(address token, bytes32 uetr, uint8 mode, bytes calldata items) external returns (uint64 batchId, uint256 total, bytes memory results);

        /// A batch was paid: so many items, so many of them settled, with this total. The token's BatchTransfer has the items.
        event BatchPaid(uint64 indexed batchId, address indexed payer, bytes32 indexed uetr, address token, uint8 mode, uint32 items, uint32 settled, uint256 total, bytes results);

        // ----- mandates ----------------------------------------------------------------------------------------------

        /// Lets the creditor collect from the caller within limits: each collection, each period of days or months (one of them zero), number, total, validity. The largest value of a type means without limit. The payer uses each reference once.
        function createMandate(address token, address creditor, uint256 collectionMax, uint256 periodMax, uint256 totalMax, uint32 countMax, uint32 everyDays, uint32 everyMonths, uint64 validFromMs, uint64 validUntilMs, bytes32 mandateReference) external returns (uint64 mandateId);
        /// Orders the same amount for each due date: firstDueMs and then every so many days or months (one of them zero), countMax times at most. One due date is a scheduled payment. The payer uses each reference once.
        function createStandingOrder(address token, address payee, uint256 amount, uint32 countMax, uint32 everyDays, uint32 everyMonths, uint64 firstDueMs, uint64 validUntilMs, bytes32 mandateReference) external returns (uint64 mandateId);
        /// Ends a mandate or a standing order. Its payer or its creditor.
        function cancelMandate(uint64 mandateId) external;
        /// Collects for a due date, which is later than that of every earlier collection and has come. The creditor.
        function collect(uint64 mandateId, uint64 dueMs, uint256 amount, bytes32 endToEnd, bytes32 remittance) external returns (bytes32 uetr);
        /// Executes the next due date of a standing order, once it has come. Anyone.
        function execute(uint64 mandateId) external returns (bytes32 uetr);

        /// What was agreed. Kind: 1 mandate, 2 standing order, whose collectionMax is its amount.
        function mandateOf(uint64 mandateId) external view returns (uint8 kind, address payer, address creditor, address token, uint256 collectionMax, uint256 periodMax, uint256 totalMax, uint32 countMax, uint32 everyDays, uint32 everyMonths, uint64 validFromMs, uint64 validUntilMs, bool cancelled);
        /// What was used of it: number and sum of all, the last due date paid, and sum of the present period.
        function usageOf(uint64 mandateId) external view returns (uint32 count, uint256 total, uint64 lastDueMs, uint256 periodTotal);
        /// The UETR of the payment for a due date.
        function mandateUetr(uint64 mandateId, uint64 dueMs) external view returns (bytes32 uetr);

        /// A mandate (kind 1) or a standing order (kind 2) was created.
        event MandateCreated(uint64 indexed mandateId, address indexed payer, address indexed creditor, uint8 kind, address token, uint256 collectionMax, uint256 periodMax, uint256 totalMax, uint32 countMax, uint32 everyDays, uint32 everyMonths, uint64 validFromMs, uint64 validUntilMs, bytes32 mandateReference);
        /// A due date was paid; follows the PaymentOrdered of the same payment.
        event MandateCollected(uint64 indexed mandateId, bytes32 indexed uetr, uint64 dueMs, uint256 amount);
        /// A mandate or a standing order was cancelled.
        event MandateEnded(uint64 indexed mandateId, address indexed by);

        // ----- requests to pay ---------------------------------------------------------------------------------------

        /// Asks the debtor to pay the caller until expiryMs. The reference is the caller's own, used once: who asks again under it learns the number of the first.
        function requestPayment(address token, address debtor, uint256 amount, uint64 expiryMs, bytes11 creditorAgent, bytes32 endToEnd, bytes4 purpose, bytes32 remittance, bytes32 requestReference) external returns (uint64 requestId);
        /// Pays what was asked, under a UETR of the debtor. The debtor.
        function accept(uint64 requestId, bytes32 uetr, bytes11 debtorAgent) external;
        /// Refuses. The debtor.
        function refuse(uint64 requestId, bytes4 reason) external;
        /// Withdraws a request that was neither accepted nor refused. The creditor.
        function cancelRequest(uint64 requestId) external;

        /// A request. State: 1 open, 2 accepted, 3 refused, 4 withdrawn. An open one whose expiry has come is late.
        function requestOf(uint64 requestId) external view returns (uint8 state, address creditor, address debtor, address token, uint256 amount, uint64 expiryMs);
        /// The number of the creditor's request with this reference; 0 where it was never used.
        function requestUnder(address creditor, bytes32 requestReference) external view returns (uint64 requestId);

        /// A debtor was asked to pay.
        event RequestMade(uint64 indexed requestId, address indexed creditor, address indexed debtor, address token, uint256 amount, uint64 expiryMs, bytes11 creditorAgent, bytes32 endToEnd, bytes4 purpose, bytes32 remittance, bytes32 requestReference);
        /// A request was paid by this payment; follows its PaymentOrdered.
        event RequestAccepted(uint64 indexed requestId, address indexed creditor, address indexed debtor, bytes32 uetr);
        /// A request was refused.
        event RequestRefused(uint64 indexed requestId, address indexed creditor, address indexed debtor, bytes4 reason);
        /// A request was withdrawn.
        event RequestWithdrawn(uint64 indexed requestId, address indexed creditor, address indexed debtor);

        // ----- errors ------------------------------------------------------------------------------------------------

        /// A UETR is not zero. Give every payment one of its own and keep it when you try again.
        error UetrInvalid();
        /// The payer has used this UETR; the state is what became of that payment. Read it with paymentOf, and do not pay again.
        error UetrUsed(address payer, bytes32 uetr, uint8 state);
        /// An amount is between 1 and 2^128 - 1 minor units. Correct it.
        error AmountInvalid(uint256 amount);
        /// The other party is the caller, the zero address or a module. Name the account or contract that is meant.
        error PartyInvalid(address party);
        /// The poster is a module and could never post. Name an account or a contract, or nobody.
        error PosterInvalid(address poster);
        /// An agent is a BIC of 8 or 11 characters. Pad a short one with zero bytes, or leave the agent zero.
        error AgentInvalid(bytes11 agent);
        /// A purpose is four of A-Z and 0-9. Take it from ISO 20022's external code list, or leave it zero.
        error PurposeInvalid(bytes4 purpose);
        /// A reason is four of A-Z and 0-9. Take it from ISO 20022's external code list.
        error ReasonInvalid(bytes4 reason);
        /// Priorities are 0, 1 and 2. Choose one of them.
        error PriorityInvalid(uint8 priority, uint8 priorityMax);
        /// An expiry lies after the time of the block and at most 366 days ahead. Choose another.
        error ExpiryInvalid(uint64 expiryMs, uint64 nowMs, uint64 expiryMsMax);
        /// The payer has no payment with this UETR. Check both.
        error PaymentUnknown(address payer, bytes32 uetr);
        /// The operation is not the caller's. Ask the account that is expected to call.
        error CallerForbidden(address caller, address expected);
        /// The payment's state does not allow this. Read it with paymentOf; a state that is resolved is for ever.
        error PaymentStateForbids(address payer, bytes32 uetr, uint8 state);
        /// The payment's expiry has come. Only expire works now; order anew under another UETR.
        error PaymentLate(address payer, bytes32 uetr, uint64 expiryMs, uint64 nowMs);
        /// The payment's expiry has not come. Wait until then.
        error PaymentNotLate(address payer, bytes32 uetr, uint64 expiryMs, uint64 nowMs);
        /// A sweep names as many payers as UETRs, at most 128. Split it.
        error SweepInvalid(uint256 payers, uint256 uetrs, uint256 lengthMax);
        /// A return has a reference that is not zero. Give every return one of its own and keep it when you try again.
        error ReturnReferenceMissing();
        /// This reference was used for the return of this number, of so many units. Read it with returnOf, and do not return again.
        error ReturnReferenceUsed(address payer, bytes32 uetr, bytes32 returnReference, uint32 number, uint256 amount);
        /// A payment has at most this many returns. Pay back with a new payment.
        error ReturnsExhausted(uint32 returnsMax);
        /// All returns together would exceed what was received. Return at most the difference.
        error ReturnExceeded(uint256 received, uint256 returned, uint256 amount);
        /// Batch modes are 0, all or nothing, and 1, item by item. Choose one of them.
        error BatchModeInvalid(uint8 mode);
        /// A batch has from 1 to itemsMax items of itemBytes bytes each. Encode it again, or split it.
        error BatchMalformed(uint256 length, uint256 itemBytes, uint256 itemsMax);
        /// The batch is all or nothing, and some items cannot be paid; results has a code for each item. Correct them, or pay item by item.
        error BatchRefused(uint32 failed, uint32 firstIndex, uint8 firstResult, bytes results);
        /// A mandate has a reference that is not zero. Give every mandate one of its own and keep it when you try again.
        error MandateReferenceMissing();
        /// The payer has used this reference, for the mandate or standing order of this number. Read it with mandateOf, and do not create it again.
        error MandateReferenceUsed(address payer, bytes32 mandateReference, uint64 mandateId);
        /// A collection is at most the sum of a period, and that at most the total; a number is at least 1. Correct the limits.
        error LimitsInvalid(uint256 collectionMax, uint256 periodMax, uint256 totalMax, uint32 countMax);
        /// A period is from 1 to 3660 days or from 1 to 120 months, the other zero. Choose one of them.
        error CadenceInvalid(uint32 everyDays, uint32 everyMonths);
        /// A validity ends after it begins, after the time of the block, and before the year 10000. Correct the times.
        error ValidityInvalid(uint64 validFromMs, uint64 validUntilMs, uint64 nowMs);
        /// No mandate has this number. Take it from the MandateCreated event.
        error MandateUnknown(uint64 mandateId);
        /// Mandates are collected, standing orders are executed. Use the other function.
        error MandateKindForbids(uint64 mandateId, uint8 kind);
        /// The mandate was cancelled. Ask the payer for a new one.
        error MandateCancelled(uint64 mandateId);
        /// The time of the block is outside of the validity, whose end is late already. Wait for its beginning, or ask the payer for a new one.
        error MandateNotInForce(uint64 mandateId, uint64 validFromMs, uint64 validUntilMs, uint64 nowMs);
        /// This due date, or a later one, was paid already. Do not collect it again.
        error DueUsed(uint64 mandateId, uint64 dueMs, uint64 lastDueMs);
        /// The due date has not come, or is outside of the validity. Wait, or name one within it.
        error DueInvalid(uint64 mandateId, uint64 dueMs, uint64 nowMs);
        /// The collection is above what the mandate allows at once. Collect less.
        error CollectionLimitExceeded(uint256 amount, uint256 collectionMax);
        /// The mandate was used as often as it allows. Ask the payer for a new one.
        error CountLimitReached(uint32 countMax);
        /// The collections of this period would exceed what the mandate allows. Collect less, or wait for the next period.
        error PeriodLimitExceeded(uint256 used, uint256 amount, uint256 periodMax);
        /// All collections would exceed what the mandate allows. Collect less, or ask the payer for a new one.
        error TotalLimitExceeded(uint256 used, uint256 amount, uint256 totalMax);
        /// A request has a reference of the creditor's own, which is not zero. Give it one, and keep it when you try again.
        error RequestReferenceMissing();
        /// The creditor has used this reference, for the request of this number. Read it with requestOf, and do not ask again.
        error RequestReferenceUsed(address creditor, bytes32 requestReference, uint64 requestId);
        /// No request has this number. Take it from the RequestMade event.
        error RequestUnknown(uint64 requestId);
        /// The request was accepted, refused or withdrawn. Ask anew.
        error RequestStateForbids(uint64 requestId, uint8 state);
        /// The request's expiry has come. Ask the creditor for a new one.
        error RequestLate(uint64 requestId, uint64 expiryMs, uint64 nowMs);
    }
}
