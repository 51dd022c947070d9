//! Solidity interface of escrows. The text of this file is the reference: `golden/abi.json` is made from it.

use alloy_sol_types::sol;

/// Source of [`IEscrow`], from which the references are generated.
pub(crate) const SOURCE: &str = include_str!("abi.rs");

sol! {
    /// Conditional payments: units on hold in the payer's balance, granted to the payee by consent, by approvers, part by
    /// part against evidence, by the preimage of a hash, by an arbiter or by time.
    #[derive(Debug, PartialEq, Eq)]
    interface IEscrow {
        /// What an escrow is opened with; what is not agreed is zero or empty.
        struct Terms {
            address token;
            address payee;
            uint256 amount;
            uint64 deadlineMs;
            uint8 deadlineOutcome;
            bytes32 hashLock;
            address[] approvers;
            uint8 approvalsNeeded;
            uint256[] parts;
            address arbiter;
            uint64 rulingMs;
            uint8 silenceOutcome;
            bytes32 agreementHash;
        }

        /// Puts the caller's units on hold under these terms. Times are in milliseconds, outcomes 1 refund or 2 release.
        function open(Terms calldata terms) external returns (uint64 escrowId);
        /// Grants and pays undecided units; the maximum means all. Payer.
        function release(uint64 escrowId, uint256 amount) external;
        /// Gives units back to the payer; the maximum means all. Payee.
        function refund(uint64 escrowId, uint256 amount) external;
        /// Names the evidence for a part and clears the approvals that the part had. Payee.
        function submitEvidence(uint64 escrowId, uint8 part, bytes32 evidenceHash) external;
        /// Approves a part against the evidence that the approver saw, zero for none. Approver.
        function approve(uint64 escrowId, uint8 part, bytes32 evidenceHash, bool payNow) external;
        /// Shows the 32 bytes whose sha256 is the hash lock; grants everything. Anyone.
        function reveal(uint64 escrowId, bytes32 preimage, bool payNow) external;
        /// Calls the arbiter, who has the agreed time from now. Payer or payee.
        function dispute(uint64 escrowId, bytes32 reasonHash) external;
        /// Grants so much to the payee and gives the rest back; the maximum means all. Arbiter, in a dispute.
        function rule(uint64 escrowId, uint256 toPayee, bool payNow) external;
        /// Carries out the outcome once the deadline has come. Anyone.
        function conclude(uint64 escrowId, bool payNow) external;
        /// Pays what is granted. Anyone.
        function payOut(uint64 escrowId) external;

        /// Number of escrows; they are numbered from 1.
        function escrowCount() external view returns (uint64);
        /// Where an escrow stands: status is 1 open, 2 disputed, 3 decided; due and undecided units are on hold now.
        function escrowOf(uint64 escrowId) external view returns (address payer, address payee, address token, uint64 holdId, uint8 status, uint64 deadlineMs, uint256 amount, uint256 paid, uint256 refunded, uint256 due, uint256 undecided, uint256 seized);
        /// What was agreed; a dispute moves the deadline.
        function termsOf(uint64 escrowId) external view returns (Terms memory terms);
        /// A part: its amount, its evidence, how many approved it, whether it is granted.
        function partOf(uint64 escrowId, uint8 part) external view returns (uint256 amount, bytes32 evidenceHash, uint8 approvals, bool granted);
        /// Whether the account approved the part as its evidence stands.
        function hasApproved(uint64 escrowId, uint8 part, address approver) external view returns (bool);

        /// Units were put on hold under terms.
        event EscrowOpened(uint64 indexed escrowId, address indexed payer, address indexed payee, address token, uint256 amount, uint64 deadlineMs, bytes32 agreementHash);
        /// The payee named the evidence for a part.
        event EvidenceSubmitted(uint64 indexed escrowId, uint8 indexed part, bytes32 evidenceHash);
        /// An approver approved a part; so many have now.
        event PartApproved(uint64 indexed escrowId, uint8 indexed part, address indexed approver, bytes32 evidenceHash, uint8 approvals);
        /// The preimage of the hash lock is known.
        event PreimageRevealed(uint64 indexed escrowId, bytes32 preimage);
        /// Units were decided for the payee. Causes: 1 consent, 2 approvals, 3 preimage, 4 ruling, 5 deadline.
        event EscrowGranted(uint64 indexed escrowId, uint256 amount, uint8 cause);
        /// Granted units were paid; follows the token's events of the same movement.
        event EscrowPaid(uint64 indexed escrowId, address indexed payee, uint256 amount);
        /// Units are free again for the payer; fromDue of them had been granted. Causes as for grants.
        event EscrowRefunded(uint64 indexed escrowId, address indexed payer, uint256 amount, uint256 fromDue, uint8 cause);
        /// The arbiter was called and has until the deadline.
        event DisputeRaised(uint64 indexed escrowId, address indexed by, address indexed arbiter, bytes32 reasonHash, uint64 deadlineMs);
        /// Nothing is undecided any more.
        event EscrowDecided(uint64 indexed escrowId);

        /// No escrow has this number. Take it from the EscrowOpened event.
        error EscrowUnknown(uint64 escrowId);
        /// The caller has no such right in this escrow. Call from the party that the terms name for it.
        error EscrowCallerNotAllowed(uint64 escrowId, address caller);
        /// Everything is decided. Pay out what is due, or open another escrow.
        error EscrowNotOpen(uint64 escrowId, uint8 status);
        /// A dispute stops conditions. Wait for the arbiter, or settle by release or refund.
        error EscrowInDispute(uint64 escrowId);
        /// An arbiter rules in a dispute only. Let payer or payee raise one.
        error EscrowNotInDispute(uint64 escrowId);
        /// The deadline has come. Conclude the escrow: its outcome is written in its terms.
        error EscrowExpired(uint64 escrowId, uint64 deadlineMs, uint64 nowMs);
        /// The deadline has not come. Wait for it, or settle by a condition.
        error EscrowNotDue(uint64 escrowId, uint64 deadlineMs, uint64 nowMs);
        /// An amount is above zero and below 2^128. Name such a one, or the maximum for all.
        error EscrowAmountInvalid(uint256 amount);
        /// More units than are left to decide; a seizure may have shortened the hold. Name at most what is left.
        error EscrowExceeded(uint64 escrowId, uint256 left, uint256 amount);
        /// Payer, payee and arbiter differ, and the payee can hold units. Name other parties.
        error EscrowPartiesInvalid(address payer, address payee, address arbiter);
        /// The deadline lies after now and within the longest term. Choose another.
        error EscrowDeadlineInvalid(uint64 deadlineMs, uint64 nowMs, uint64 deadlineMsMax);
        /// An outcome is 1 for refund or 2 for release. Use one of them.
        error EscrowOutcomeInvalid(uint8 outcome);
        /// A hash lock runs alone and refunds at its deadline. Leave approvers, parts and arbiter out.
        error HashLockTermsInvalid();
        /// Approvers are distinct accounts, at most approversMax, and at least as many as are needed. Mend the list.
        error EscrowApproversInvalid(uint256 approvers, uint8 approvalsNeeded, uint256 approversMax);
        /// Parts are above zero, at most partsMax, need approvers and add up to the amount. Mend the list.
        error EscrowPartsInvalid(uint256 parts, uint256 partsMax);
        /// An arbiter has between one millisecond and the longest time to rule, and an outcome if silent; without one both are zero. Mend the terms.
        error ArbiterTermsInvalid(address arbiter, uint64 rulingMs, uint64 rulingMsMax, uint8 silenceOutcome);
        /// The escrow names no arbiter. Settle by release, refund, its condition or its deadline.
        error ArbiterAbsent(uint64 escrowId);
        /// The escrow has no hash lock. Fulfil the condition that it has.
        error HashLockAbsent(uint64 escrowId);
        /// The preimage does not give the hash lock. Send the 32 bytes whose sha256 it is.
        error PreimageWrong(uint64 escrowId, bytes32 hashLock, bytes32 hash);
        /// The escrow has no such part. Parts are numbered from 0.
        error EscrowPartUnknown(uint64 escrowId, uint8 part, uint8 parts);
        /// The part is granted already. Pay out what is due.
        error EscrowPartGranted(uint64 escrowId, uint8 part);
        /// The evidence's hash is zero. Name the hash of what was delivered.
        error EvidenceMissing(uint64 escrowId, uint8 part);
        /// The evidence is not the one that was named. Look at the current one and approve that.
        error EvidenceDiffers(uint64 escrowId, uint8 part, bytes32 current, bytes32 named);
        /// The caller approved this part already. Let another approver do so.
        error ApprovalRepeated(uint64 escrowId, uint8 part, address approver);
        /// Nothing is granted and unpaid. Wait for a condition or the deadline.
        error EscrowNothingDue(uint64 escrowId);
    }
}
