//! Solidity interface of settlement. The text of this file is the reference: `golden/abi.json` is made from it.

use alloy_sol_types::sol;

/// Source of [`ISettlement`], from which the references are generated.
pub(crate) const SOURCE: &str = include_str!("abi.rs");

sol! {
    /// Clearing among the participants of a scheme in one token: gross settlement with a queue, a multilateral run that
    /// resolves gridlock, and net settlement in windows. Amounts are minor units below 2^94; times are milliseconds.
    #[derive(Debug, PartialEq, Eq)]
    interface ISettlement {
        // ----- schemes and participants ------------------------------------------------------------------------------

        /// Makes a scheme that the caller operates. In a bypass scheme a covered instruction may settle before a blocked
        /// one of the same debtor. Default rule of windows: 0 abort, 1 prefunded.
        function createScheme(address token, bool bypassFifo, uint8 defaultRule) external returns (uint64 schemeId);
        /// Offers the scheme to a new operator, who becomes it by accepting; zero withdraws the offer. Operator.
        function proposeOperator(uint64 schemeId, address newOperator) external;
        /// Takes an offered scheme over. The proposed operator.
        function acceptOperator(uint64 schemeId) external;
        /// Lets an account join. Operator.
        function admitParticipant(uint64 schemeId, address account) external;
        /// Joins: consents to the movements that follow from one's own instructions. An admitted account.
        function join(uint64 schemeId) external;
        /// Takes the consent back while the day is closed. Active participant.
        function leave(uint64 schemeId) external;
        /// Keeps a participant from submitting, paying and being paid. Operator.
        function suspend(uint64 schemeId, address account) external;
        /// Makes a suspended participant active again. Operator.
        function resume(uint64 schemeId, address account) external;

        /// A scheme was made.
        event SchemeCreated(uint64 indexed schemeId, address indexed token, address indexed operator, bool bypassFifo, uint8 defaultRule);
        /// A scheme was offered to a new operator, or the offer withdrawn.
        event OperatorProposed(uint64 indexed schemeId, address indexed operator, address indexed pendingOperator);
        /// A scheme has a new operator.
        event OperatorChanged(uint64 indexed schemeId, address indexed previousOperator, address indexed newOperator);
        /// A participant's status changed: 1 admitted, 2 active, 3 suspended, 4 left.
        event ParticipantStatusChanged(uint64 indexed schemeId, address indexed account, uint8 status, uint32 seat);

        // ----- limits ------------------------------------------------------------------------------------------------

        /// Units that only urgent instructions of the caller may use, each by itself. Active participant.
        function setReserve(uint64 schemeId, uint256 amount) external;
        /// Most that may flow out to all others in a day, net; the largest number removes the limit. Active participant.
        function setMultilateralLimit(uint64 schemeId, uint256 amount) external;
        /// Most that may flow out to one participant in a day, net; the largest number lifts it. A first limit is set
        /// while the day is closed. Active participant; at most 16 counterparties.
        function setBilateralLimit(uint64 schemeId, address counterparty, uint256 amount) external;

        /// A reserve was set.
        event ReserveSet(uint64 indexed schemeId, address indexed account, uint256 amount);
        /// A multilateral limit was set; the largest number means none.
        event MultilateralLimitSet(uint64 indexed schemeId, address indexed account, uint256 amount);
        /// A bilateral limit was set; the largest number means none.
        event BilateralLimitSet(uint64 indexed schemeId, address indexed account, address indexed counterparty, uint256 amount);

        // ----- day ---------------------------------------------------------------------------------------------------

        /// Opens a business day; the value date is written YYYYMMDD. Operator.
        function openDay(uint64 schemeId, uint32 valueDate, uint64 cutOffMs) external;
        /// Rejects what is unsettled, at most so many steps a call, and closes the day when nothing is left. Operator, and
        /// anyone from the cut-off on.
        function closeDay(uint64 schemeId, uint32 steps) external returns (bool closed);

        /// A business day began.
        event DayOpened(uint64 indexed schemeId, uint32 indexed day, uint32 valueDate, uint64 cutOffMs);
        /// The cut-off began: what is unsettled is being rejected.
        event DayClosing(uint64 indexed schemeId, uint32 indexed day);
        /// Nothing is unsettled; the day is over.
        event DayClosed(uint64 indexed schemeId, uint32 indexed day);

        // ----- instructions ------------------------------------------------------------------------------------------

        /// Hands in a payment of the caller to another participant. It settles at once, or queues, or waits for the end of
        /// a run. Priority 0 urgent, 1 high, 2 normal. The reference is used once by each debtor. Active participant.
        function submit(uint64 schemeId, address creditor, uint256 amount, uint8 priority, bytes32 instructionReference) external returns (uint64 instructionId, uint8 status);
        /// Hands in a payment of the caller for a later value date, not to settle before a time of that day; 0 if at any.
        /// Active participant.
        function submitLater(uint64 schemeId, address creditor, uint256 amount, uint8 priority, bytes32 instructionReference, uint32 valueDate, uint64 notBeforeMs) external returns (uint64 instructionId);
        /// Submits such a payment on its day, or records that the day went by; answers its status. Anyone.
        function present(uint64 instructionId) external returns (uint8 status);
        /// Takes an instruction out for good. Its debtor.
        function cancel(uint64 instructionId) external;
        /// Takes an instruction out of the queue until it is put back. Its debtor.
        function holdInstruction(uint64 instructionId) external;
        /// Puts an instruction back, last of its priority. Its debtor.
        function unholdInstruction(uint64 instructionId) external;
        /// Gives an instruction another priority, last of it. Its debtor.
        function reprioritise(uint64 instructionId, uint8 priority) external;
        /// Swaps the places, and so the priorities, of two queued instructions. Their debtor.
        function swap(uint64 instructionId, uint64 otherId) external;
        /// Settles what is covered of a participant's queue, one by one in order, looking at no more than so many places.
        function release(uint64 schemeId, address debtor, uint32 steps) external returns (uint32 settled);
        /// Settles leading instructions of two participants towards each other on their net, at most 16 a side.
        function offset(uint64 schemeId, address first, address second) external returns (uint32 settled);

        /// A payment was handed in.
        event InstructionSubmitted(uint64 indexed instructionId, uint64 indexed schemeId, bytes32 indexed instructionReference, address debtor, address creditor, uint256 amount, uint8 priority);
        /// An instruction has this place in its debtor's queue.
        event InstructionQueued(uint64 indexed instructionId, uint8 priority, uint32 position);
        /// An instruction waits for the end of a run.
        event InstructionWaiting(uint64 indexed instructionId, uint32 run);
        /// An instruction waits for its value date, and for a time of that day.
        event InstructionForLater(uint64 indexed instructionId, uint32 valueDate, uint64 notBeforeMs);
        /// An instruction settled, by itself or in a bilateral offset.
        event InstructionSettled(uint64 indexed instructionId, uint64 indexed schemeId);
        /// An instruction was cancelled by its debtor.
        event InstructionCancelled(uint64 indexed instructionId);
        /// An instruction is on hold.
        event InstructionHeld(uint64 indexed instructionId);
        /// An instruction will not settle. Reason 1: cut-off, 2: its value date went by.
        event InstructionRejected(uint64 indexed instructionId, uint8 reason);

        // ----- multilateral run --------------------------------------------------------------------------------------

        /// Begins a run over the whole queue. Operator, or before the cut-off active participant ten seconds after the last one began.
        function startRun(uint64 schemeId) external returns (uint32 run);
        /// Does the next steps of a run and answers its phase, 0 when it has ended. Anyone.
        function advanceRun(uint64 schemeId, uint32 steps) external returns (uint8 phase);
        /// Gives up a run in which nothing has settled. Operator, and anyone after ten minutes.
        function abandonRun(uint64 schemeId) external;

        /// A run began.
        event RunStarted(uint64 indexed schemeId, uint32 indexed run, uint32 queued);
        /// The largest set that can settle together has settled. The proof commits to what went in and what was dropped.
        event RunSettled(uint64 indexed schemeId, uint32 indexed run, bytes32 proof, uint64 count, uint256 value, uint256 netDebits, uint64 dropped);
        /// No set can settle: a deadlock, which only liquidity resolves.
        event RunDeadlocked(uint64 indexed schemeId, uint32 indexed run, bytes32 proof, uint64 dropped);
        /// Nothing was queued.
        event RunEmpty(uint64 indexed schemeId, uint32 indexed run);
        /// A run was given up; nothing settled in it.
        event RunAbandoned(uint64 indexed schemeId, uint32 indexed run);
        /// A debtor's instructions of one priority from one position up to before another settled in a run.
        event QueueSettled(uint64 indexed schemeId, uint32 indexed run, address indexed debtor, uint8 priority, uint32 fromPosition, uint32 toPosition);

        // ----- windows -----------------------------------------------------------------------------------------------

        /// Opens a window of net settlement. Operator.
        function openWindow(uint64 schemeId) external returns (uint64 windowId);
        /// Puts a payment of the caller into an open window, for good. Active participant.
        function assign(uint64 windowId, address creditor, uint256 amount, bytes32 instructionReference) external returns (uint64 instructionId);
        /// Ends the taking in of payments. Operator.
        function closeWindow(uint64 windowId) external;
        /// Announces the net positions and until when debits are to be funded. Operator.
        function startWindowSettlement(uint64 windowId, uint64 fundBeforeMs) external;
        /// Settles the window as a whole; from the deadline on it is aborted instead if a debit is unfunded. Anyone.
        function settleWindow(uint64 windowId) external returns (bool settled);
        /// Aborts a window without outcome, an hour after its deadline or, if it got none, after the cut-off. Anyone.
        function abortWindow(uint64 windowId) external;
        /// Reserves units of the caller for its net debits. Active participant of a prefunded scheme.
        function prefund(uint64 schemeId, uint256 amount) external;
        /// Frees what the caller reserved, while no window is without outcome. Participant.
        function withdrawPrefund(uint64 schemeId) external;

        /// A window opened.
        event WindowOpened(uint64 indexed windowId, uint64 indexed schemeId);
        /// A payment was put into a window.
        event InstructionAssigned(uint64 indexed instructionId, uint64 indexed windowId);
        /// A window takes nothing in any more.
        event WindowClosed(uint64 indexed windowId, uint32 count, uint256 value);
        /// A window waits for its debits to be funded.
        event WindowSettlementStarted(uint64 indexed windowId, uint64 fundBeforeMs);
        /// Everything in the window settled.
        event WindowSettled(uint64 indexed windowId, uint256 value, uint256 netDebits);
        /// Nothing in the window settles: this participant could not take part as it should, or, if zero, nobody brought it to an outcome.
        event WindowAborted(uint64 indexed windowId, address indexed defaulter, uint256 needed, uint256 available);
        /// Units were reserved for net debits.
        event Prefunded(uint64 indexed schemeId, address indexed account, uint64 holdId, uint256 amount);
        /// What was reserved is free.
        event PrefundWithdrawn(uint64 indexed schemeId, address indexed account, uint64 holdId, uint256 amount);

        // ----- intraday credit ---------------------------------------------------------------------------------------

        /// Makes the caller the lender of intraday credit, with so many of its own units lent at once at most. Operator.
        function setCreditLine(uint64 schemeId, uint256 amount) external;
        /// Says what a token is worth as collateral: billionths of a minor unit of the scheme's token for one minor unit, less
        /// the haircut in basis points, until the expiry. A price of zero ends it. Operator.
        function setCollateral(uint64 schemeId, address token, uint256 price, uint32 haircut, uint64 expiresMs) external;
        /// Puts units of the caller on hold as collateral. Active participant; at most 16 pledges with units.
        function pledge(uint64 schemeId, address token, uint256 amount) external returns (uint8 pledgeId);
        /// Frees units of a pledge that the credit does not need. Whoever pledged.
        function withdrawCollateral(uint64 schemeId, uint8 pledgeId, uint256 amount) external;
        /// Borrows units until the day closes, within the value of the pledges. Active participant.
        function drawCredit(uint64 schemeId, uint256 amount) external;
        /// Pays part of what the caller owes, or all with the largest number; answers what was paid. The borrower.
        function repayCredit(uint64 schemeId, uint256 amount) external returns (uint256 repaid);
        /// Takes of an overdue borrower's pledge what is owed, at the price in force; answers units taken and debt paid. The
        /// lender.
        function realiseCollateral(uint64 schemeId, address account, uint8 pledgeId) external returns (uint256 units, uint256 amount);
        /// Records that a borrower owes more than its pledges are worth. Anyone.
        function callMargin(uint64 schemeId, address account) external;

        /// So many of the lender's units may be lent at once.
        event CreditLineSet(uint64 indexed schemeId, address indexed lender, uint256 amount);
        /// What a token is worth as collateral.
        event CollateralSet(uint64 indexed schemeId, address indexed token, uint256 price, uint32 haircut, uint64 expiresMs);
        /// Units were pledged.
        event CollateralPledged(uint64 indexed schemeId, address indexed account, address indexed token, uint8 pledgeId, uint64 holdId, uint256 amount);
        /// Units of a pledge are free.
        event CollateralWithdrawn(uint64 indexed schemeId, address indexed account, uint8 pledgeId, uint256 amount);
        /// Units were lent; the borrower now owes so many.
        event CreditDrawn(uint64 indexed schemeId, address indexed account, uint256 amount, uint256 outstanding);
        /// Units were paid back, by the borrower or at the close of the day; the borrower still owes so many.
        event CreditRepaid(uint64 indexed schemeId, address indexed account, uint256 amount, uint256 outstanding);
        /// The day closed and credit is not paid back: it is overdue.
        event CreditFellDue(uint64 indexed schemeId, address indexed account, uint32 indexed day, uint256 outstanding);
        /// Collateral went to the lender, and the debt fell.
        event CollateralRealised(uint64 indexed schemeId, address indexed account, address indexed token, uint8 pledgeId, uint256 units, uint256 amount, uint256 outstanding);
        /// A borrower owes more than its pledges are worth.
        event MarginCalled(uint64 indexed schemeId, address indexed account, uint256 outstanding, uint256 value);

        // ----- views -------------------------------------------------------------------------------------------------

        /// A scheme's terms.
        function schemeOf(uint64 schemeId) external view returns (address token, address operator, address pendingOperator, bool bypassFifo, uint8 defaultRule, uint32 participants);
        /// A scheme's day: phase 0 closed, 1 open, 2 closing.
        function dayOf(uint64 schemeId) external view returns (uint32 day, uint32 valueDate, uint8 phase, uint64 cutOffMs, uint32 queued, uint32 windows);
        /// A participant's seat, status and limits; the largest number means no limit.
        function participantOf(uint64 schemeId, address account) external view returns (uint32 seat, uint8 status, uint256 reserve, uint256 multilateralLimit, uint256 prefunded);
        /// The account that has a seat.
        function participantAt(uint64 schemeId, uint32 seat) external view returns (address account);
        /// A bilateral limit and today's net outflow under it; the largest number means no limit.
        function bilateralLimitOf(uint64 schemeId, address account, address counterparty) external view returns (uint256 amount, int256 netOutflow);
        /// A participant's liquidity: what it has, what is queued out and in, what flowed today, in less out.
        function liquidityOf(uint64 schemeId, address account) external view returns (uint256 balance, uint256 spendable, uint256 reserve, uint256 queuedOut, uint256 queuedIn, uint32 queued, int256 netPosition);
        /// Where a participant's units are: spendable, frozen in part, parked, and on hold for pending payments, settlement, quotes,
        /// escrows, channels, vouchers, reserves of tokens that they back, redemptions and bonds. The address as a whole may be frozen besides.
        function fundsOf(uint64 schemeId, address account) external view returns (uint256 balance, uint256 spendable, uint256 frozen, uint256 parked, uint256 payments, uint256 settlement, uint256 quotes, uint256 escrows, uint256 channels, uint256 vouchers, uint256 reserves, uint256 redemptions, uint256 bonds);
        /// An instruction. Status 1 queued, 2 on hold, 3 settled, 4 cancelled, 5 rejected, 6 in a window, 7 waiting for the
        /// end of a run, 8 for its value date. The position is the window's number for what was assigned to one; for status 8
        /// it is the value date, and submittedMs the time before which it does not settle.
        function instructionOf(uint64 instructionId) external view returns (uint64 schemeId, address debtor, address creditor, uint256 amount, uint8 priority, uint8 status, uint32 position, uint64 submittedMs);
        /// The number of the instruction with which a debtor used a reference; 0 if it did not.
        function instructionByReference(address debtor, bytes32 instructionReference) external view returns (uint64 instructionId);
        /// The latest run: phase 0 ended, 1 prepare, 2 scan, 3 drop, 4 settle, 5 seal, 6 admit; outcome 0 open, 1 settled, 2 deadlock,
        /// 3 nothing queued, 4 abandoned. Count and value are those of its set, which settles only with outcome 1.
        function runOf(uint64 schemeId) external view returns (uint32 run, uint8 phase, uint8 outcome, bytes32 proof, uint64 count, uint256 value, uint256 netDebits, uint64 dropped);
        /// What would settle if a participant had more units. State 0 empty, 1 flowing (some instruction is covered by itself),
        /// 2 gridlock, 3 deadlock. For queues of at most 2048 instructions.
        function forecast(uint64 schemeId, address account, uint256 injected) external view returns (uint8 state, uint64 count, uint256 value);
        /// Number and value settled, liquidity used for it, and milliseconds that instructions spent in the queue.
        function figuresOf(uint64 schemeId) external view returns (uint64 count, uint256 value, uint256 liquidityUsed, uint256 delayMs);
        /// What the figures say: value less liquidity used; value over liquidity used in basis points (the largest number if nothing
        /// moved); mean milliseconds in the queue.
        function ratiosOf(uint64 schemeId) external view returns (uint256 liquiditySaved, uint256 turnover, uint256 meanDelayMs);
        /// A window: state 0 open, 1 closed, 2 pending settlement, 3 settled, 4 aborted.
        function windowOf(uint64 windowId) external view returns (uint64 schemeId, uint8 state, uint32 count, uint256 value, uint64 fundBeforeMs);
        /// What a participant gives and gets in a window.
        function positionOf(uint64 windowId, address account) external view returns (uint256 gives, uint256 gets);

        /// Who lends intraday credit, how much at once, what is lent now, and to how many.
        function creditLineOf(uint64 schemeId) external view returns (address lender, uint256 line, uint256 lent, uint32 borrowers);
        /// What a token is worth as collateral; from the expiry on nothing.
        function collateralOf(uint64 schemeId, address token) external view returns (uint256 price, uint32 haircut, uint64 expiresMs);
        /// A pledge: its token, the token's hold, the units that the hold has, and what they are worth now.
        function pledgeOf(uint64 schemeId, address account, uint8 pledgeId) external view returns (address token, uint64 holdId, uint256 amount, uint256 value);
        /// A participant's credit: what it owes, whether that is overdue, what its pledges are worth now, what it may draw, and
        /// by how much the pledges fall short.
        function creditOf(uint64 schemeId, address account) external view returns (uint256 outstanding, bool overdue, uint256 value, uint256 available, uint256 shortfall, uint8 pledges);

        // ----- errors ------------------------------------------------------------------------------------------------

        /// No scheme has this number. Take it from the SchemeCreated event.
        error SchemeUnknown(uint64 schemeId);
        /// The caller does not operate the scheme. Ask its operator.
        error SchemeOperatorRequired(uint64 schemeId, address caller, address operator);
        /// An operator is neither the zero address nor a module. Name an account or a contract.
        error SchemeOperatorInvalid(address operator);
        /// The caller was not offered the scheme. Ask its operator to propose it.
        error SchemeOperatorNotProposed(uint64 schemeId, address caller, address pendingOperator);
        /// There is no such default rule. Use 0 to abort or 1 for prefunded windows.
        error DefaultRuleUnknown(uint8 rule);
        /// No more schemes can be made. Use an existing one.
        error SchemesExhausted();
        /// A participant is neither the zero address nor a module. Name an account or a contract.
        error ParticipantInvalid(address account);
        /// The account was admitted before. Nothing is to be done, or it joins.
        error ParticipantKnown(uint64 schemeId, address account, uint8 status);
        /// All seats of the scheme are taken. Make another scheme.
        error ParticipantsExhausted(uint64 schemeId, uint256 participantsMax);
        /// The account was not admitted to the scheme, or has joined already. Ask the operator to admit it.
        error ParticipantNotAdmitted(uint64 schemeId, address account, uint8 status);
        /// The account is no active participant of the scheme. It joins when admitted, or asks the operator to resume it.
        error ParticipantRequired(uint64 schemeId, address account, uint8 status);
        /// The participant's status does not allow this. Suspend active ones, resume suspended ones.
        error ParticipantStatusInvalid(uint64 schemeId, address account, uint8 status);
        /// The participant is suspended, frozen, or refused by the token's policy or a limit of it. Wait until it may take part, or for the deadline.
        error ParticipantBarred(uint64 schemeId, address account);
        /// Debtor and creditor are the same. Name another participant.
        error SelfSettlement(address account);
        /// The amount is zero, or above what an instruction or a limit may be. Choose one between.
        error InstructedAmountInvalid(uint256 amount, uint256 amountMax);
        /// There is no such priority. Use 0 for urgent, 1 for high, 2 for normal.
        error SettlementPriorityUnknown(uint8 priority);
        /// An instruction needs a reference. Give one that is not zero.
        error InstructionReferenceMissing();
        /// The debtor has used the reference. Ask what became of that instruction before sending another.
        error InstructionReferenceUsed(bytes32 instructionReference, uint64 instructionId);
        /// No instruction has this number. Take it from the InstructionSubmitted event.
        error InstructionUnknown(uint64 instructionId);
        /// The caller is not the debtor of the instruction. Ask the debtor.
        error DebtorRequired(uint64 instructionId, address caller, address debtor);
        /// The instruction's status does not allow this. Read it with instructionOf.
        error InstructionStatusInvalid(uint64 instructionId, uint8 status);
        /// Only two different queued instructions of one debtor and scheme swap their places. Choose such a pair.
        error InstructionsNotSwappable(uint64 instructionId, uint64 otherId);
        /// The queue is full. Wait for a run, or cancel.
        error QueueFull(uint64 schemeId, uint256 queued, uint256 queuedMax);
        /// The queue is too long to forecast in one call. Start a run instead.
        error QueueTooLong(uint64 schemeId, uint256 queued, uint256 queuedMax);
        /// The business day is not open. Wait until the operator opens it.
        error DayNotOpen(uint64 schemeId, uint8 phase);
        /// The business day is not closed. Wait until it is.
        error DayNotClosed(uint64 schemeId, uint8 phase);
        /// The value date does not follow the one before, or is not written YYYYMMDD. Choose a later one.
        error ValueDateInvalid(uint32 valueDate, uint32 previousValueDate);
        /// The time before which an instruction is not to settle does not fit, or is past the open day's cut-off. Choose an earlier one.
        error NotBeforeInvalid(uint64 notBeforeMs, uint64 notBeforeMsMax);
        /// The day of the instruction's value date is not open. Present it on that day.
        error ValueDateNotCome(uint64 instructionId, uint32 valueDate, uint32 currentValueDate);
        /// The instruction is not to settle before a time that has not come. Present it then.
        error InstructionTooEarly(uint64 instructionId, uint64 notBeforeMs, uint64 nowMs);
        /// The cut-off is not in the future, or more than a week ahead. Choose another one.
        error CutOffInvalid(uint64 cutOffMs, uint64 nowMs);
        /// The cut-off of the day has come. Submit on the next business day.
        error CutOffPassed(uint64 schemeId, uint64 cutOffMs, uint64 nowMs);
        /// Before the cut-off only the operator closes the day. Wait for the cut-off.
        error CutOffNotReached(uint64 schemeId, uint64 cutOffMs, uint64 nowMs);
        /// Windows of the day have no outcome yet. Settle them first.
        error WindowsUnresolved(uint64 schemeId, uint32 windows);
        /// The number of steps is zero or above the bound of one call. Choose one between.
        error StepsInvalid(uint32 steps, uint32 stepsMax);
        /// A run is in progress. Advance it to its end, then try again.
        error RunInProgress(uint64 schemeId, uint32 run);
        /// A participant starts a run ten seconds after the beginning of the last one. Wait, or ask the operator.
        error RunTooSoon(uint64 schemeId, uint64 earliestMs);
        /// No run is in progress. Start one.
        error RunMissing(uint64 schemeId);
        /// The run has settled, or is younger than ten minutes and the caller not the operator. Advance it.
        error RunNotAbandonable(uint64 schemeId, uint32 run, uint8 phase);
        /// The participant has as many bilateral limits as it may. Lift one and use a multilateral limit.
        error BilateralLimitsExhausted(uint64 schemeId, uint256 limitsMax);
        /// No more windows can be opened. Use another ledger.
        error WindowsExhausted();
        /// No window has this number. Take it from the WindowOpened event.
        error WindowUnknown(uint64 windowId);
        /// The window's state does not allow this. Read it with windowOf.
        error WindowStatusInvalid(uint64 windowId, uint8 state);
        /// The deadline for funding is not in the future, or more than a week ahead. Choose another one.
        error FundingDeadlineInvalid(uint64 fundBeforeMs, uint64 nowMs);
        /// A window is aborted only when it is an hour late. Wait until then, or settle it.
        error WindowNotAbortable(uint64 windowId, uint64 fromMs, uint64 nowMs);
        /// A net debit is not funded. Pay in before the deadline.
        error UnfundedDebit(uint64 windowId, address account, uint256 needed, uint256 available);
        /// The net debit would exceed what the participant reserved. Prefund more before the window opens.
        error PrefundExceeded(uint64 windowId, address account, uint256 netDebit, uint256 prefunded);
        /// Units are reserved for net debits already. Withdraw them first.
        error PrefundInUse(uint64 schemeId, address account, uint64 holdId);
        /// Nothing is reserved, or the scheme's windows are not prefunded. Prefund in a prefunded scheme.
        error PrefundMissing(uint64 schemeId, address account);
        /// Units are lent by another lender than the scheme's operator. Wait until they are paid back, then set a new line.
        error CreditLenderDiffers(uint64 schemeId, address lender, address operator);
        /// The caller does not lend in the scheme. Ask its lender.
        error LenderRequired(uint64 schemeId, address caller, address lender);
        /// A scheme's own token is no collateral in it. Choose another token.
        error CollateralInvalid(uint64 schemeId, address token);
        /// A price is below 2^94, a haircut at most 10000 basis points, an expiry in the future. Correct them.
        error CollateralTermsInvalid(uint256 price, uint32 haircut, uint64 expiresMs, uint64 nowMs);
        /// The token has no price in force, or what is pledged is worth less than a minor unit. Ask the operator for a price.
        error CollateralPriceMissing(uint64 schemeId, address token);
        /// The participant has as many pledges as it may. Withdraw one first.
        error PledgesExhausted(uint64 schemeId, address account, uint256 pledgesMax);
        /// The participant has no such pledge. Take it from the CollateralPledged event.
        error PledgeUnknown(uint64 schemeId, address account, uint8 pledgeId);
        /// The pledges are worth less than what would be owed. Pledge more, draw less, or repay.
        error CollateralInsufficient(uint64 schemeId, address account, uint256 value, uint256 needed);
        /// The scheme would lend more than its line. Draw less, or wait for repayments.
        error CreditLineExceeded(uint64 schemeId, uint256 line, uint256 lent, uint256 amount);
        /// Credit fell due and is not paid back. Repay it first.
        error CreditIsOverdue(uint64 schemeId, address account, uint256 outstanding);
        /// Nothing of the participant is overdue. Wait for the close of the day.
        error CreditNotOverdue(uint64 schemeId, address account);
        /// The participant owes credit. Repay it first.
        error CreditOutstanding(uint64 schemeId, address account, uint256 outstanding);
        /// A repayment is above zero and no more than what is owed. Choose one between, or the largest number for all.
        error RepaymentInvalid(uint256 amount, uint256 outstanding);
        /// The pledges are worth what is owed. Nothing is to be called.
        error MarginSuffices(uint64 schemeId, address account, uint256 outstanding, uint256 value);
    }
}
