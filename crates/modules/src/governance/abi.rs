//! Solidity interface of governance. The text of this file is the reference: `golden/abi.json` is made from it.

use alloy_sol_types::sol;

/// Source of [`IGovernance`], from which the references are generated.
pub(crate) const SOURCE: &str = include_str!("abi.rs");

sol! {
    /// How the network decides about itself: seats vote on proposals, whose actions are calls that governance makes as an
    /// account; guardians pause a module in an emergency. Shares are in basis points, 10,000 for the whole, rounded up.
    /// States of a proposal: 0 none, 1 voting, 2 defeated, 3 waiting, 4 ripe, 5 expired, 6 executed, 7 cancelled, 8
    /// vetoed. Kinds: 0 ordinary, 1 emergency.
    #[derive(Debug, PartialEq, Eq)]
    interface IGovernance {
        /// A call that governance makes in its own name and without value: whom, and with which input.
        struct Action {
            address target;
            bytes data;
        }
        /// What a decision needs, and how long it takes.
        struct Parameters {
            uint16 quorumBasisPoints;
            uint16 thresholdBasisPoints;
            uint16 vetoBasisPoints;
            uint8 guardianQuorum;
            uint64 votingPeriodMs;
            uint64 delayMs;
            uint64 executionWindowMs;
            uint64 emergencyPauseMs;
        }
        /// A proposal. The times of acceptance are zero while it is not accepted.
        struct Proposal {
            address proposer;
            uint8 kind;
            uint8 state;
            bytes32 descriptionHash;
            uint64 actionCount;
            uint64 createdMs;
            uint64 closesMs;
            uint64 ripeMs;
            uint64 expiresMs;
            uint64 weightTotal;
            uint64 quorumWeight;
            uint64 forWeight;
            uint64 againstWeight;
            uint64 abstainWeight;
            uint64 vetoWeight;
        }

        /// A node that is to be a validator, and the account of the institution that answers for it.
        struct Candidate {
            bytes32 node;
            address seat;
        }

        /// Proposes actions; the hash is that of a text which says why. Seats. Answers the number of the proposal.
        function propose(Action[] calldata actions, bytes32 descriptionHash) external returns (uint64 proposalId);
        /// Votes: 0 against, 1 for, 2 abstain. Final. Seats at the time of the proposal; for an emergency, guardians.
        function castVote(uint64 proposalId, uint8 support) external;
        /// Withdraws a proposal that is still voted on. Its proposer.
        function cancel(uint64 proposalId) external;
        /// Objects to an accepted proposal that was not executed. Seats at the time of the proposal.
        function veto(uint64 proposalId) external;
        /// Executes a ripe proposal: all of its actions or none. Anybody.
        function execute(uint64 proposalId) external;
        /// Makes an emergency proposal to pause a module, with the caller's vote for it. Guardians.
        function emergencyPause(address module, bytes32 descriptionHash) external returns (uint64 proposalId);

        /// Begins an execution and answers its first action. Governance's own code.
        function beginExecution(uint64 proposalId) external returns (address target, bytes memory data);
        /// Answers the next action, the zero address after the last, which ends the execution. Governance's own code.
        function nextAction() external returns (address target, bytes memory data);

        /// Adds a seat, or changes its weight and name. An action of a proposal.
        function setSeat(address account, uint64 weight, string calldata name) external;
        /// Removes a seat. An action of a proposal.
        function removeSeat(address account) external;
        /// Adds or removes a guardian. An action of a proposal.
        function setGuardian(address account, bool guardian) external;
        /// Changes the parameters, for proposals made after it. An action of a proposal.
        function setParameters(Parameters calldata parameters) external;
        /// Pauses a module from now on for so long, whether or not it is paused already. An action of a proposal.
        function pauseModule(address module, uint64 durationMs) external;
        /// Ends a pause. An action of a proposal.
        function unpauseModule(address module) external;

        /// Changes the validators: who joins and who leaves, together. An action of a proposal.
        function changeValidators(Candidate[] calldata joining, bytes32[] calldata leaving) external;
        /// Pardons a convicted node: it may be declared ready and join again. An action of a proposal.
        function pardonValidator(bytes32 node) external;

        /// Convicts a validator by two votes of its that contradict one another, as validators encode them. Until it is
        /// pardoned it may not be declared ready nor join a list; where governance lists the validators it is taken off the
        /// list, if the others suffice; where bonds elect them it loses a part of its bond. Anybody. Answers the node.
        function punish(bytes calldata evidence) external returns (bytes32 node);

        /// What a decision needs.
        function parameters() external view returns (Parameters memory values);
        /// Number of seats, and their whole weight.
        function seatCount() external view returns (uint64 count, uint64 weightTotal);
        /// Seat number index, counted from 0; the order changes when seats are removed.
        function seatAt(uint64 index) external view returns (address account, uint64 weight, string memory name);
        /// Weight and name of a seat; zero and empty if there is none.
        function seatOf(address account) external view returns (uint64 weight, string memory name);
        /// Weight with which the account votes on a proposal.
        function weightAt(address account, uint64 proposalId) external view returns (uint64);
        /// Number of guardians.
        function guardianCount() external view returns (uint64);
        /// Guardian number index, counted from 0; the order changes when guardians are removed.
        function guardianAt(uint64 index) external view returns (address);
        /// Whether the account is a guardian.
        function isGuardian(address account) external view returns (bool);
        /// Number of proposals ever made; they are numbered from 1.
        function proposalCount() external view returns (uint64);
        /// The proposal, with its state now.
        function proposalOf(uint64 proposalId) external view returns (Proposal memory proposal);
        /// Action number index of a proposal, counted from 0.
        function actionOf(uint64 proposalId, uint64 index) external view returns (address target, bytes memory data);
        /// How the account voted on a proposal, and whether it vetoed it.
        function ballotOf(uint64 proposalId, address account) external view returns (bool hasVoted, uint8 support, bool hasVetoed);
        /// Whether a module is paused now, since and until when, and by which proposal. The last pause where it is not.
        function pauseOf(address module) external view returns (bool paused, uint64 sinceMs, uint64 untilMs, uint64 proposalId);

        /// Blocks of an epoch, the epoch now, and the number of versions of the list of validators.
        function epochOf() external view returns (uint64 epochBlocks, uint64 epoch, uint64 versions);
        /// A version of the list of validators, counted from 0: the first epoch in which it is dealt to (it signs from the
        /// next), its nodes in order, and the accounts of their institutions.
        function validatorsAt(uint64 version) external view returns (uint64 fromEpoch, bytes32[] memory nodes, address[] memory seats);
        /// Last epoch for which a node was declared ready; zero if it never was.
        function readyUntil(bytes32 node) external view returns (uint64 epoch);
        /// What a node was last convicted of, whether that stands, and how often it was convicted. Kinds: 1 two proposals of
        /// one view, 2 two final votes, 3 a final vote and one to skip. Votes of earlier epochs than the last do not count.
        function convictionOf(bytes32 node) external view returns (bool stands, uint64 count, uint8 kind, uint64 epoch, uint64 viewNumber, bytes32 evidenceHash, uint64 countsFromEpoch);
        /// Hash of block 0, which every vote names; zero until block 1.
        function genesisHash() external view returns (bytes32);

        /// A proposal was made.
        event ProposalCreated(uint64 indexed proposalId, address indexed proposer, uint8 kind, bytes32 descriptionHash, uint64 closesMs, uint64 weightTotal, uint64 quorumWeight);
        /// Somebody voted.
        event VoteCast(address indexed voter, uint64 indexed proposalId, uint8 support, uint64 weight);
        /// No vote that is missing can change the outcome any more. Where it was accepted: when it may be executed.
        event ProposalDecided(uint64 indexed proposalId, bool accepted, uint64 ripeMs, uint64 expiresMs);
        /// The proposer withdrew it.
        event ProposalCancelled(uint64 indexed proposalId);
        /// Somebody objected.
        event VetoCast(address indexed voter, uint64 indexed proposalId, uint64 weight);
        /// Enough objected.
        event ProposalVetoed(uint64 indexed proposalId, uint64 vetoWeight);
        /// All of its actions happened.
        event ProposalExecuted(uint64 indexed proposalId);
        /// A seat was added, reweighed, renamed or, with weight 0, removed.
        event SeatChanged(address indexed account, uint64 previousWeight, uint64 newWeight, string name);
        /// A guardian was added or removed.
        event GuardianChanged(address indexed account, bool guardian);
        /// What a decision needs changed.
        event ParametersChanged(Parameters parameters);
        /// A module is paused, or its pause has another end.
        event PauseBegun(address indexed module, uint64 indexed proposalId, uint64 sinceMs, uint64 untilMs);
        /// A pause was ended before its time.
        event PauseEnded(address indexed module, uint64 indexed proposalId);

        /// The list of validators has a new version.
        event ValidatorsChanged(uint64 indexed version, uint64 fromEpoch, uint64 count, bytes32[] joining, bytes32[] leaving);
        /// Somebody says that a node is there and follows.
        event NodeReady(bytes32 indexed node, address indexed by, uint64 untilEpoch);
        /// A validator is convicted: it signed two votes that contradict one another.
        event ValidatorPunished(bytes32 indexed node, address indexed by, uint8 kind, uint64 epoch, uint64 viewNumber, bytes32 evidenceHash);
        /// A convicted validator stays on the list: without those who are convicted it would have so many, at least countMin
        /// are needed; so many of them must sign, and so many are known to be there.
        event ValidatorStays(bytes32 indexed node, uint64 count, uint64 countMin, uint64 quorum, uint64 present);
        /// A node was pardoned. Votes from this epoch on may convict it again.
        event ValidatorPardoned(bytes32 indexed node, uint64 countsFromEpoch);

        /// This network has no governance. Ask its administrators, who are named in the genesis file.
        error GovernanceAbsent();
        /// Only governance itself may do this. Propose it as an action.
        error GovernanceRequired(address caller);
        /// The caller has no seat. Ask one that has to propose it.
        error SeatRequired(address caller);
        /// The caller is no guardian. Ask a guardian, or propose a pause.
        error GuardianRequired(address caller);
        /// The proposal is another's. Vote against it, or ask its proposer to cancel.
        error ProposerRequired(address caller, address proposer);
        /// There is no such proposal. Use a number up to the count of proposals.
        error ProposalUnknown(uint64 proposalId);
        /// The proposal has no such action. Use an index below the count.
        error ActionUnknown(uint64 proposalId, uint64 index);
        /// The proposal is not voted on any more. Look at its state, and propose again if need be.
        error ProposalNotVoting(uint64 proposalId, uint8 state, uint64 nowMs, uint64 closesMs);
        /// The proposal was not accepted, or is done with. Look at its state, and propose again if need be.
        error ProposalNotAccepted(uint64 proposalId, uint8 state);
        /// The time lock has not passed. Try again when it is ripe.
        error ProposalNotRipe(uint64 proposalId, uint64 nowMs, uint64 ripeMs);
        /// The time in which it could be executed has passed. Propose again.
        error ProposalExpired(uint64 proposalId, uint64 nowMs, uint64 expiresMs);
        /// The account had no weight when the proposal was made. Vote on proposals made since.
        error WeightAbsent(uint64 proposalId, address account);
        /// The account has voted on the proposal, and votes are final. Propose the contrary if need be.
        error VoteRepeated(uint64 proposalId, address account, uint8 support);
        /// The account has vetoed the proposal. Wait for others.
        error VetoRepeated(uint64 proposalId, address account);
        /// There is no such vote. Use 0 against, 1 for, 2 abstain.
        error SupportUnknown(uint8 support);
        /// A proposal is being executed. Execute or make another after it, in a transaction of its own.
        error ExecutionInProgress(uint64 proposalId);
        /// No proposal is being executed. Call execute.
        error ExecutionAbsent();
        /// A proposal has one action at least, and not so many. Split it.
        error ActionCountInvalid(uint256 count, uint256 countMax);
        /// The actions' inputs are together too long. Split the proposal.
        error ActionsTooLong(uint256 length, uint256 lengthMax);
        /// Governance cannot call this: the zero address, or a function of its own that is no action. Choose another.
        error ActionForbidden(uint256 index, address target, bytes4 selector);
        /// Nothing answers at the address that an action calls. Deploy the contract first, or propose again.
        error TargetWithoutCode(address target);
        /// The account cannot act: it is the zero address, a module, or governance itself. Name a key or a contract.
        error MemberInvalid(address account);
        /// The account has no seat or is no guardian. Look at the lists.
        error MemberUnknown(address account);
        /// The account is a guardian already. Leave out the action.
        error GuardianExists(address account);
        /// There is no room for another. Remove one first.
        error MembersFull(uint64 countMax);
        /// A seat has a weight of 1 at least, and all weights together fit 64 bits. Use a smaller scale.
        error WeightOutOfRange(uint256 weight, uint256 weightTotal, uint256 weightTotalMax);
        /// A seat's name has 1 to lengthMax bytes. Choose another.
        error SeatNameInvalid(uint256 length, uint256 lengthMax);
        /// The parameter is outside of its bounds. Choose a value within.
        error ParameterOutOfRange(string parameter, uint256 value, uint256 valueMin, uint256 valueMax);
        /// All seats together would not be a quorum. Keep weight in the seats, or lower the quorum in the same proposal.
        error QuorumUnreachable(uint64 seats, uint64 weightTotal, uint16 quorumBasisPoints, uint256 quorumWeight);
        /// All guardians together could not pause, or none are needed to. Set a quorum from 1 to their number, 0 for none.
        error GuardianQuorumUnreachable(uint64 guardians, uint8 guardianQuorum);
        /// A pause by guardians would end before a proposal can prolong it. Lengthen it, or shorten the others.
        error EmergencyPauseTooShort(uint64 emergencyPauseMs, uint64 votingPeriodMs, uint64 delayMs);
        /// The module cannot be paused: it is none, governance, or a single token. Use its pauser for a token, and the address of all tokens for all.
        error ModuleNotPausable(address module);
        /// A pause lasts from a millisecond to a year. Choose a time within.
        error PauseOutOfRange(uint64 durationMs, uint64 durationMsMax);
        /// The module is paused already. Propose to prolong the pause.
        error ModuleAlreadyPaused(address module, uint64 untilMs, uint64 proposalId);
        /// Guardians have paused the module and cannot again before that time. Propose a pause.
        error PauseTooSoon(address module, uint64 nowMs, uint64 againMs);
        /// The module is not paused. Leave out the action.
        error ModuleNotPaused(address module);
        /// The committee of this network never changes: its genesis file names no epoch_blocks. Found a network with epochs.
        error CommitteeFixed();
        /// Nobody joins and nobody leaves. Name a node.
        error ValidatorChangeEmpty();
        /// There is no such version of the list. Use a number below the count of versions.
        error VersionUnknown(uint64 version, uint64 versions);
        /// A node key and an account are needed, and neither is zero. Name both.
        error CandidateInvalid(bytes32 node, address seat);
        /// The node was never declared ready. Register it, start it, and have it declared ready.
        error CandidateNeverReady(bytes32 node);
        /// The node is a validator already, or is named twice. Leave it out.
        error ValidatorExists(bytes32 node);
        /// The node is no validator, or is named twice. Look at the list.
        error ValidatorUnknown(bytes32 node);
        /// There would be too few or too many validators. Change others with them.
        error ValidatorCountOutOfRange(uint64 count, uint64 countMin, uint64 countMax);
        /// So many validators need longer epochs than this network has. Let fewer join.
        error EpochTooShort(uint64 count, uint64 epochBlocks, uint64 epochBlocksMin);
        /// One institution would have more nodes than may be faulty. Spread them.
        error InstitutionTooLarge(address seat, uint64 nodes, uint64 nodesMax);
        /// Of so many validators that many must sign, and fewer are known to be there: some that join were not declared ready, some have led no block for long. Start them, declare them ready, or name others.
        error ValidatorsAbsent(uint64 count, uint64 quorum, uint64 present, uint64 unready, uint64 silent);
        /// The last change does not sign yet. Execute this one from that epoch on.
        error ValidatorChangePending(uint64 version, uint64 epoch, uint64 signsFromEpoch);
        /// Bonds elect the validators of this network. Bond for a node instead, and have it declared ready.
        error ElectedByStake();
        /// The node is convicted of contradicting itself. Leave it out, or have governance pardon it.
        error ValidatorConvicted(bytes32 node);
        /// The bytes are no evidence. Faults: 1 length, 2 version, 3 kind of a vote, 4 a vote to skip names a block, 5 order of the votes, 6 the votes do not contradict one another. Send the bytes as the node that kept them wrote them.
        error EvidenceMalformed(uint8 fault, uint256 length, uint256 lengthExpected);
        /// The accused is no validator and was none lately. Check its key.
        error AccusedNotValidator(bytes32 node);
        /// The votes are of an epoch that has not begun. Wait for it.
        error EvidenceTooEarly(bytes32 node, uint64 epoch, uint64 epochNow);
        /// The votes are older than the node's pardon. Bring later ones.
        error EvidenceTooOld(bytes32 node, uint64 epoch, uint64 countsFromEpoch);
        /// The node is convicted already, by votes of that epoch and view. Nothing is left to do.
        error ConvictionStands(bytes32 node, uint64 epoch, uint64 viewNumber);
        /// The network has made no block, so no vote can be checked. Try again.
        error GenesisHashUnknown();
        /// The accused did not sign that vote (1 or 2) for this network. Check the network and the evidence.
        error EvidenceNotSigned(bytes32 node, uint8 vote);
        /// No conviction of the node stands. Leave out the action.
        error ConvictionAbsent(bytes32 node);
    }
}
