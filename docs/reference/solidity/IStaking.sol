// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity >=0.8.4;

/// Bonds that elect the validators of a network: an institution puts units of one token on hold for a node that is in the
/// registry, and once an epoch the highest bonds are elected. Who contradicts itself loses a part. Amounts are in minor
/// units; the maximum means all.
interface IStaking {
    /// What an election and a bond need; fixed at genesis. Slashes are in basis points, 10,000 for the whole.
    struct StakeTerms {
        address token;
        uint64 validatorsMax;
        uint256 bondMin;
        uint64 unbondingEpochs;
        uint64 slashBasisPoints;
        address slashedTo;
    }
    /// Where a bond stands: what elects the node, what goes back later, what a conviction took and is not paid yet.
    struct Bond {
        address institution;
        uint256 bonded;
        uint256 unbonding;
        uint256 due;
        uint64 holdId;
    }

    /// Puts units of the caller on hold for a node. The node's institution.
    function bond(bytes32 node, uint256 amount) external;
    /// Takes units out of the next election; they go back later and can be slashed until then. The node's institution.
    function unbond(bytes32 node, uint256 amount) external returns (uint64 untilEpoch);
    /// Frees what is unbonded long enough. The node's institution.
    function withdraw(bytes32 node) external returns (uint256 amount);
    /// Pays what a conviction took, where the token did not let it be paid at once. Anybody.
    function collect(bytes32 node) external returns (uint256 amount);
    /// Says which account bonds for a node; zero for the one that registered it. The admin of permissions.
    function nameInstitution(bytes32 node, address account) external;

    /// What an election and a bond need.
    function stakeTerms() external view returns (StakeTerms memory terms);
    /// The account that bonds for a node, or has bonded; zero if nobody may.
    function institutionOf(bytes32 node) external view returns (address);
    /// Where the bond for a node stands.
    function bondOf(bytes32 node) external view returns (Bond memory bond);
    /// What is unbonding for a node, and from which epoch on each part may be withdrawn.
    function unbondingOf(bytes32 node) external view returns (uint256[] memory amounts, uint64[] memory untilEpochs);
    /// Number of nodes for which units are on hold.
    function bondCount() external view returns (uint64);
    /// Node number index for which units are on hold, counted from 0; the order changes when bonds end.
    function bondAt(uint64 index) external view returns (bytes32 node);
    /// The last election: for which epoch, its result, how many nodes could be elected, how many of them were there, the
    /// fewest that make a list, and the newest version of the list. Results: 0 none yet, 1 a new list, 2 the list as it
    /// was; and why the old list stays: 3 too few nodes, 4 too few institutions, 5 too few that are there.
    function lastElection() external view returns (uint64 epoch, uint8 result, uint64 candidates, uint64 present, uint64 countMin, uint64 version);
    /// The list that would be elected if the election were now, and its result.
    function wouldElect() external view returns (uint8 result, bytes32[] memory nodes, address[] memory institutions);

    /// Units were put on hold for a node; so many elect it now.
    event Bonded(bytes32 indexed node, address indexed institution, uint256 amount, uint256 bonded);
    /// Units elect no more, and go back from that epoch on.
    event Unbonding(bytes32 indexed node, address indexed institution, uint256 amount, uint256 bonded, uint64 untilEpoch);
    /// Unbonded units are free.
    event Withdrawn(bytes32 indexed node, address indexed institution, uint256 amount);
    /// A conviction took units; so many are due now in all.
    event Slashed(bytes32 indexed node, address indexed institution, uint256 amount, uint256 due);
    /// Units that were due were paid.
    event SlashPaid(bytes32 indexed node, address indexed to, uint256 amount);
    /// Another account bonds for a node.
    event InstitutionNamed(bytes32 indexed node, address indexed account);

    /// Bonds elect nobody on this network: its genesis file has no section governance.stake. Ask governance for a place.
    error StakeAbsent();
    /// The caller does not govern permissions. Ask the admin.
    error StakeAdminRequired(address caller, address admin);
    /// No node is registered under the key. Have it added to the registry first.
    error NodeUnregistered(bytes32 node);
    /// The node is another's to bond for. Call from its institution, or have the admin of permissions name yours.
    error InstitutionRequired(bytes32 node, address caller, address institution);
    /// The account cannot bond: it is a module, or gets what is slashed. Name another.
    error InstitutionInvalid(address account);
    /// Units of the institution are on hold for the node. Let them be withdrawn first.
    error InstitutionBound(bytes32 node, address institution);
    /// An amount is above zero and below 2^128. Name such a one, or the maximum for all.
    error BondAmountInvalid(uint256 amount);
    /// A bond is nothing or at least bondMin. Bond more, or unbond all.
    error BondTooSmall(bytes32 node, uint256 bonded, uint256 bondMin);
    /// There is room for no other bond. Wait until one ends.
    error BondsFull(uint64 bondsMax);
    /// Nothing of the institution is on hold for the node. Bond first.
    error BondAbsent(bytes32 node);
    /// More than is bonded. Name at most what is bonded.
    error BondExceeded(bytes32 node, uint256 bonded, uint256 amount);
    /// Too many parts are unbonding. Withdraw what is free, or wait.
    error UnbondingFull(bytes32 node, uint64 partsMax);
    /// No part has been unbonding long enough. Wait for the epoch that is named, or unbond first where it is zero.
    error NothingToWithdraw(bytes32 node, uint64 epoch, uint64 nextEpoch);
    /// The node signs, or may still have to: bondMin stays on hold until it does not. Wait until others are elected.
    error NodeServes(bytes32 node, uint256 kept, uint256 bondMin);
    /// No conviction took anything that is not paid. Nothing is left to do.
    error NothingDue(bytes32 node);
    /// There is no such bond. Use an index below the count.
    error BondUnknown(uint64 index, uint64 count);
}
