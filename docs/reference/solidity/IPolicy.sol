// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity >=0.8.4;

/// Shared lists of addresses and combinations of them. Whoever references a policy by its number follows each of
/// its changes at once. Policy 0 admits everyone, policy 1 no one; created ones are numbered from 2.
interface IPolicy {
    /// Makes a list: kind 1 admits its members only, kind 2 everyone but its members.
    function createList(uint8 kind, address admin, address[] calldata members) external returns (uint64 policyId);
    /// Makes a combination of existing policies: kind 3 admits whom all of them admit, kind 4 whom any of them
    /// admits. A combination has no admin and never changes; the lists beneath it do.
    function createCombination(uint8 kind, uint64[] calldata operands) external returns (uint64 policyId);
    /// Puts accounts on a list; those already there stay. The list's admin; at most 256 accounts a call.
    function addMembers(uint64 policyId, address[] calldata accounts) external;
    /// Takes accounts off a list; those not there are passed over. The list's admin; at most 256 accounts a call.
    function removeMembers(uint64 policyId, address[] calldata accounts) external;
    /// Offers a list to a new admin, who becomes it by accepting; zero withdraws the offer. The list's admin.
    function proposeAdmin(uint64 policyId, address newAdmin) external;
    /// Takes an offered list over. The proposed admin.
    function acceptAdmin(uint64 policyId) external;

    /// Whether the policy admits the account.
    function isAllowed(uint64 policyId, address account) external view returns (bool);
    /// Whether the policy admits sender, receiver and operator of a movement; a zero operator is not asked.
    function isTransferAllowed(uint64 policyId, address from, address to, address operator) external view returns (bool);
    /// Whether the account is on the list.
    function isMember(uint64 policyId, address account) external view returns (bool);
    /// Whether the policy exists; 0 and 1 do.
    function policyExists(uint64 policyId) external view returns (bool);
    /// Number of policies, the two built-in ones included: the number that the next one gets.
    function policyCount() external view returns (uint64);
    /// What the policy is. Lists have an admin and members, combinations neither; the built-in ones have kind 0.
    function getPolicy(uint64 policyId) external view returns (uint8 kind, address admin, address pendingAdmin, uint64 memberCount);
    /// What a combination combines; empty for any other policy.
    function operandsOf(uint64 policyId) external view returns (uint64[] memory);

    /// A list was made.
    event ListCreated(uint64 indexed policyId, uint8 kind, address indexed admin, address indexed creator);
    /// A combination was made.
    event CombinationCreated(uint64 indexed policyId, uint8 kind, uint64[] operands, address indexed creator);
    /// An account was put on a list.
    event MemberAdded(uint64 indexed policyId, address indexed account);
    /// An account was taken off a list.
    event MemberRemoved(uint64 indexed policyId, address indexed account);
    /// A list was offered to a new admin, or the offer withdrawn.
    event AdminProposed(uint64 indexed policyId, address indexed admin, address indexed pendingAdmin);
    /// A list has a new admin.
    event AdminChanged(uint64 indexed policyId, address indexed previousAdmin, address indexed newAdmin);

    /// No policy has this number. Numbers run from 0 to policyCount - 1.
    error PolicyUnknown(uint64 policyId);
    /// The kind is not one of those that the function makes. Use 1 or 2 for lists, 3 or 4 for combinations.
    error PolicyKindInvalid(uint8 kind);
    /// The policy is no list. Change the lists beneath it.
    error PolicyNotList(uint64 policyId);
    /// The caller does not govern the list. Ask its admin.
    error PolicyAdminRequired(uint64 policyId, address caller, address admin);
    /// The caller was not offered the list. Ask its admin to propose it.
    error PolicyAdminNotProposed(uint64 policyId, address caller, address pendingAdmin);
    /// A list needs an admin who is neither the zero address nor a module. Name an account or a contract.
    error PolicyAdminInvalid(address admin);
    /// Too many accounts in one call. Split the batch.
    error BatchTooLarge(uint256 length, uint256 lengthMax);
    /// A combination needs at least two operands. Reference the one policy itself.
    error CombinationTooSmall(uint256 length);
    /// The combination would ask too many lists for one account. Merge lists.
    error CombinationTooWide(uint256 lists, uint256 listsMax);
    /// The combination would be nested too deeply. Combine lists directly.
    error CombinationTooDeep(uint256 depth, uint256 depthMax);
    /// No more policies can be made. Use an existing one.
    error PoliciesExhausted();
}
