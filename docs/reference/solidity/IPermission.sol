// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity >=0.8.4;

/// Who may transact (capability 0), deploy contracts and make tokens (1), and which nodes may connect (2). Each is
/// open to all (access 0), to those listed (1) or to those who hold one of a set of roles (2). Nodes are always
/// registered; where connecting is open, every account that may transact registers one of its own. Roles are 64 bits:
/// bit 0 participant, bit 1 developer, the others as the network names them.
interface IPermission {
    /// Who governs permissions.
    function admin() external view returns (address);
    /// To whom the government was offered; zero if to nobody.
    function pendingAdmin() external view returns (address);
    /// Offers the government to a new admin, who becomes it by accepting; zero withdraws the offer. Admin.
    function proposeAdmin(address newAdmin) external;
    /// Takes the government over. The proposed admin.
    function acceptAdmin() external;

    /// How a capability is given, and the roles that suffice when by role.
    function accessOf(uint8 capability) external view returns (uint8 access, uint64 roles);
    /// Sets how a capability is given. For capability 2 the roles are node roles: bit 0 validator, bit 1 follower. Admin.
    function setAccess(uint8 capability, uint8 access, uint64 roles) external;
    /// Whether the account is listed for capability 0 or 1.
    function isListed(uint8 capability, address account) external view returns (bool);
    /// Lists accounts for capability 0 or 1, or strikes them off; at most 256 a call. Admin.
    function setListed(uint8 capability, address[] calldata accounts, bool listed) external;
    /// Roles of the account.
    function rolesOf(address account) external view returns (uint64);
    /// Sets the roles of the account. Admin.
    function setRoles(address account, uint64 roles) external;
    /// Whether the account may send transactions. The admin always may.
    function mayTransact(address account) external view returns (bool);
    /// Whether the account may deploy contracts and make tokens.
    function mayDeploy(address account) external view returns (bool);
    /// Gas that the account may use in a period, gas that it has used in the present one, and the block time in
    /// milliseconds at which the next begins. All zero where no quota is in force.
    function quotaOf(address account) external view returns (uint64 gasMax, uint64 gasUsed, uint64 periodEndMs);

    /// Whether a node may connect: it is registered, and its role suffices where that is asked. Validators always may.
    function mayConnect(bytes32 publicKey) external view returns (bool);
    /// Number of registered nodes.
    function nodeCount() external view returns (uint64);
    /// Registered node number index, counted from 0; the order changes when nodes are removed.
    function nodeAt(uint64 index) external view returns (bytes32 publicKey, string memory name, string memory endpoint, uint8 role);
    /// The registered node with this key: role 1 validator, 2 follower, 0 if there is none.
    function getNode(bytes32 publicKey) external view returns (string memory name, string memory endpoint, uint8 role);
    /// Registers a follower. Admin; where connecting is open also whoever may transact, one each.
    function addNode(bytes32 publicKey, string calldata name, string calldata endpoint) external;
    /// Changes name and endpoint of a node. Admin.
    function updateNode(bytes32 publicKey, string calldata name, string calldata endpoint) external;
    /// Removes a follower. Admin, and whoever registered it.
    function removeNode(bytes32 publicKey) external;
    /// Says that a node is there, follows the ledger and can be dealt a share of the network's key; believed until the
    /// end of the epoch that is answered. The admin, who registered it, or a seat or guardian of governance.
    function declareNodeReady(bytes32 publicKey) external returns (uint64 untilEpoch);

    /// The government was offered, or the offer withdrawn.
    event AdminProposed(address indexed admin, address indexed pendingAdmin);
    /// Permissions have a new admin.
    event AdminChanged(address indexed previousAdmin, address indexed newAdmin);
    /// A capability is given in another way.
    event AccessChanged(uint8 indexed capability, uint8 access, uint64 roles);
    /// An account was listed or struck off.
    event ListingChanged(uint8 indexed capability, address indexed account, bool listed);
    /// The roles of an account changed.
    event RolesChanged(address indexed account, uint64 previousRoles, uint64 newRoles);
    /// A node was registered.
    event NodeAdded(bytes32 indexed publicKey, string name, string endpoint, uint8 role);
    /// Name or endpoint of a node changed.
    event NodeUpdated(bytes32 indexed publicKey, string name, string endpoint);
    /// A node was removed.
    event NodeRemoved(bytes32 indexed publicKey);

    /// The caller does not govern permissions. Ask the admin.
    error AdminRequired(address caller, address admin);
    /// The caller was not offered the government. Ask the admin to propose it.
    error AdminNotProposed(address caller, address pendingAdmin);
    /// The admin cannot be the zero address or a module. Name an account or a contract.
    error AdminInvalid(address admin);
    /// There is no such capability here. Use 0 to transact, 1 to deploy, 2 to connect.
    error CapabilityUnknown(uint8 capability);
    /// There is no such access. Use 0 open, 1 listed, 2 by role.
    error AccessUnknown(uint8 access);
    /// Too many accounts in one call. Split the batch.
    error BatchTooLarge(uint256 length, uint256 lengthMax);
    /// No node is registered under the key. Add it first.
    error NodeUnknown(bytes32 publicKey);
    /// A node is registered under the key. Update it.
    error NodeExists(bytes32 publicKey);
    /// The key is zero, or name or endpoint is empty or too long. Use 1 to lengthMax bytes each.
    error NodeInvalid(bytes32 publicKey, uint256 nameLength, uint256 endpointLength, uint256 lengthMax);
    /// The key is not a point of ed25519, so that no node can have it. Use the one that `florin keys` printed.
    error NodeKeyInvalid(bytes32 publicKey);
    /// The caller has registered a node of its own. Remove it first, or ask the admin to register another.
    error NodeOwned(address owner);
    /// The endpoint has not the form host:port. Write a host name or an IP address (IPv6 in brackets), a colon, a port.
    error EndpointInvalid(bytes32 publicKey, string endpoint);
    /// The registry is full. Remove a node first.
    error NodesFull(uint256 nodesMax);
    /// A validator's place follows from the committee's key, not from this list. Change the committee.
    error NodeIsValidator(bytes32 publicKey);
}
