// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity >=0.8.4;

/// Clearing among the participants of a scheme in one token: gross settlement with a queue, a multilateral run that
/// resolves gridlock, and net settlement in windows. Amounts are minor units below 2^94; times are milliseconds.
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
    /// An instruction settled, by itself or in a bilateral offset.
    event InstructionSettled(uint64 indexed instructionId, uint64 indexed schemeId);
    /// An instruction was cancelled by its debtor.
    event InstructionCancelled(uint64 indexed instructionId);
    /// An instruction is on hold.
    event InstructionHeld(uint64 indexed instructionId);
    /// An instruction will not settle. Reason 1: cut-off.
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
    /// An instruction. Status 1 queued, 2 on hold, 3 settled, 4 cancelled, 5 rejected, 6 in a window, 7 waiting for the
    /// end of a run. The position is the window's number for what was assigned to one.
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
    /// A window: state 0 open, 1 closed, 2 pending settlement, 3 settled, 4 aborted.
    function windowOf(uint64 windowId) external view returns (uint64 schemeId, uint8 state, uint32 count, uint256 value, uint64 fundBeforeMs);
    /// What a participant gives and gets in a window.
    function positionOf(uint64 windowId, address account) external view returns (uint256 gives, uint256 gets);

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
}
