//! Solidity interface of the identity registry. The text of this file is the reference: `golden/abi.json` is made from
//! it.
//!
//! Sources: ISO 17442 (LEI); ISO 3166-1 alpha-2 (jurisdictions); EIP-712 and ERC-5267 (domain).

use alloy_sol_types::sol;

/// Source of [`IIdentity`], from which the references are generated.
pub(crate) const SOURCE: &str = include_str!("abi.rs");

sol! {
    /// Persons, the addresses that act for them, and credentials that accredited verifiers gave them. A person is a
    /// number from 1 on; 0 is nobody. Kinds of credentials: 1 KYC (value: tier from 1), 2 jurisdiction (value: two
    /// capital letters, the first in the high byte), 3 accreditation (value: class from 1). Times are milliseconds since 1970.
    #[derive(Debug, PartialEq, Eq)]
    interface IIdentity {
        // ----- government --------------------------------------------------------------------------------------------

        /// Who appoints registrars and accreditors.
        function admin() external view returns (address);
        /// To whom the government was offered; zero if to nobody.
        function pendingAdmin() external view returns (address);
        /// Offers the government to a new admin, who becomes it by accepting; zero withdraws the offer. Admin.
        function proposeAdmin(address newAdmin) external;
        /// Takes the government over. The proposed admin.
        function acceptAdmin() external;
        /// Whether the account registers persons and links addresses.
        function isRegistrar(address account) external view returns (bool);
        /// Whether the account says who may verify what.
        function isAccreditor(address account) external view returns (bool);
        /// Status of a verifier for a kind of credential: 0 none, 1 accredited, 2 retired.
        function verifierStatus(address verifier, uint8 kind) external view returns (uint8);
        /// Appoints or dismisses a registrar. Admin.
        function setRegistrar(address account, bool appointed) external;
        /// Appoints or dismisses an accreditor. Admin.
        function setAccreditor(address account, bool appointed) external;
        /// Sets the status of a verifier for a kind: at 0 what it gave stops counting, at 2 it gives nothing more. Accreditor.
        function setVerifier(address verifier, uint8 kind, uint8 status) external;

        // ----- persons -----------------------------------------------------------------------------------------------

        /// Registers a natural (kind 1, no LEI) or legal (kind 2, with LEI) person in the caller's care. Registrar.
        function registerPerson(uint8 kind, string calldata lei) external returns (uint64 personId);
        /// Gives a person into another registrar's care. Its registrar or the admin.
        function assignRegistrar(uint64 personId, address registrar) external;
        /// Number of persons; they are numbered from 1.
        function personCount() external view returns (uint64);
        /// What is known of a person: kind, registrar, LEI (empty for a natural person), when it was registered, how many addresses it has.
        function getPerson(uint64 personId) external view returns (uint8 kind, address registrar, string memory lei, uint64 registeredMs, uint64 addressCount);
        /// The person with this LEI; 0 if none has it.
        function personOfLei(string calldata lei) external view returns (uint64);

        // ----- addresses ---------------------------------------------------------------------------------------------

        /// The person that the account belongs to; 0 if to nobody.
        function personOf(address account) external view returns (uint64);
        /// All addresses of a person, at most 32; the order changes when one is removed.
        function addressesOf(uint64 personId) external view returns (address[] memory);
        /// The person to which a registrar proposed to link the account; 0 if none did.
        function proposedLinkOf(address account) external view returns (uint64);
        /// Proposes that the account belongs to the person; it must accept. The person's registrar.
        function proposeLink(uint64 personId, address account) external;
        /// Takes a proposal back. The person's registrar.
        function withdrawLink(uint64 personId, address account) external;
        /// Accepts that the caller belongs to the person.
        function acceptLink(uint64 personId) external;
        /// Links an account that signed Link(uint64 personId,address account,uint64 nonce,uint64 expiresMs) by EIP-712. The person's registrar.
        function linkBySignature(uint64 personId, address account, uint64 expiresMs, uint8 v, bytes32 r, bytes32 s) external;
        /// Undoes the link of an account. The account itself or the person's registrar.
        function unlink(address account) external;
        /// Number of links that the account made; the next signature is over this number.
        function linkNonce(address account) external view returns (uint64);
        /// EIP-712 domain: name "Florin Identity", version "1", chain id, this address.
        function DOMAIN_SEPARATOR() external view returns (bytes32);
        /// The fields of the EIP-712 domain.
        function eip712Domain() external view returns (bytes1 fields, string memory name, string memory version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] memory extensions);

        // ----- credentials -------------------------------------------------------------------------------------------

        /// Gives a person a credential until expiresMs; the commitment is a salted hash of the evidence. A verifier of the kind.
        function giveCredential(uint64 personId, uint8 kind, uint16 value, uint64 expiresMs, bytes32 commitment) external;
        /// Prolongs a credential on new evidence. The verifier that gave it.
        function renewCredential(uint64 personId, uint8 kind, uint64 expiresMs, bytes32 commitment) external;
        /// Ends a credential for good. The verifier that gave it, an accreditor, or an address of the person.
        function revokeCredential(uint64 personId, uint8 kind) external;
        /// The person's latest credential of a kind and whether it is in force now; zeros if none was given. given counts those of this kind, renewals those of this credential.
        function credentialOf(uint64 personId, uint8 kind) external view returns (bool inForce, uint16 value, address verifier, bytes32 commitment, uint64 issuedMs, uint64 renewedMs, uint64 expiresMs, uint64 revokedMs, uint32 given, uint32 renewals);
        /// Who holds what about a person: one row a kind that was ever given.
        function credentialsOf(uint64 personId) external view returns (uint8[] memory kinds, uint16[] memory values, address[] memory verifiers, bytes32[] memory commitments, uint64[] memory issuedMs, uint64[] memory expiresMs, bool[] memory inForce);
        /// The person's jurisdiction in force, as two letters; zeros if none is.
        function jurisdictionOf(uint64 personId) external view returns (bytes2);

        // ----- events ------------------------------------------------------------------------------------------------

        /// The government was offered, or the offer withdrawn.
        event AdminProposed(address indexed admin, address indexed pendingAdmin);
        /// The registry has a new admin.
        event AdminChanged(address indexed previousAdmin, address indexed newAdmin);
        /// A registrar was appointed or dismissed.
        event RegistrarSet(address indexed account, bool appointed);
        /// An accreditor was appointed or dismissed.
        event AccreditorSet(address indexed account, bool appointed);
        /// The status of a verifier changed.
        event VerifierSet(address indexed verifier, uint8 indexed kind, uint8 status, address indexed accreditor);
        /// A person was registered.
        event PersonRegistered(uint64 indexed personId, uint8 kind, address indexed registrar, string lei);
        /// A person is in another registrar's care.
        event RegistrarAssigned(uint64 indexed personId, address indexed previousRegistrar, address indexed newRegistrar);
        /// A link was proposed to an account.
        event LinkProposed(uint64 indexed personId, address indexed account);
        /// A proposal was taken back.
        event LinkWithdrawn(uint64 indexed personId, address indexed account);
        /// An account belongs to a person.
        event AddressLinkedTo(uint64 indexed personId, address indexed account, bool bySignature);
        /// An account belongs to a person no more.
        event AddressUnlinked(uint64 indexed personId, address indexed account, address indexed by);
        /// A credential was given; number counts those of this kind that the person was given.
        event CredentialGiven(uint64 indexed personId, uint8 indexed kind, address indexed verifier, uint32 number, uint16 value, uint64 expiresMs, bytes32 commitment);
        /// A credential was prolonged.
        event CredentialRenewed(uint64 indexed personId, uint8 indexed kind, address indexed verifier, uint32 number, uint64 expiresMs, bytes32 commitment);
        /// A credential was ended.
        event CredentialRevokedBy(uint64 indexed personId, uint8 indexed kind, address indexed by, uint32 number);

        // ----- errors ------------------------------------------------------------------------------------------------

        /// The caller does not govern the identity registry. Ask its admin.
        error IdentityAdminRequired(address caller, address admin);
        /// The caller was not offered the identity registry. Ask its admin to propose it.
        error IdentityAdminNotProposed(address caller, address pendingAdmin);
        /// An office cannot be held by the zero address or by a module. Name an account or a contract.
        error OfficerInvalid(address account);
        /// The account is no registrar. Ask the admin of the identity registry to appoint it.
        error RegistrarRequired(address account);
        /// The caller is no accreditor. Ask the admin of the identity registry to appoint it.
        error AccreditorRequired(address caller);
        /// There is no such status. Use 0 none, 1 accredited, 2 retired.
        error VerifierStatusInvalid(uint8 status);
        /// The caller is not accredited to verify this kind. Ask an accreditor.
        error VerifierRequired(address caller, uint8 kind);

        /// There is no such kind of person. Use 1 natural, 2 legal.
        error PersonKindInvalid(uint8 kind);
        /// The LEI is not 18 capital letters and digits with two right check digits. Copy it from the LEI register.
        error LeiInvalid(string lei);
        /// A natural person has no LEI. Leave it empty, or register a legal person.
        error LeiNotApplicable(string lei);
        /// A person has this LEI already. Use that person.
        error LeiTaken(string lei, uint64 personId);
        /// No person has this number. Numbers run from 1 to personCount.
        error PersonUnknown(uint64 personId);
        /// The person is in the care of another registrar. Ask that registrar.
        error PersonRegistrarRequired(uint64 personId, address caller, address registrar);

        /// Neither the zero address nor a module can belong to a person. Name an account or a contract.
        error AddressInvalid(address account);
        /// The account belongs to a person already. Unlink it first.
        error AddressLinked(address account, uint64 personId);
        /// The account belongs to nobody. Link it first.
        error AddressNotLinked(address account);
        /// The person has as many addresses as it can have. Unlink one first.
        error AddressesFull(uint64 personId, uint64 addressesMax);
        /// This link was not proposed to the account. Ask the person's registrar to propose it.
        error LinkNotProposed(address account, uint64 personId, uint64 proposedPersonId);
        /// The signature's time is over. Let the account sign anew.
        error LinkExpired(uint64 expiresMs, uint64 nowMs);
        /// The link was not signed by the account over these values. Check nonce, domain and values, and let it sign again.
        error LinkSignerInvalid(address signer, address account);

        /// There is no such kind of credential. Use 1 KYC, 2 jurisdiction, 3 accreditation.
        error CredentialKindInvalid(uint8 kind);
        /// The value is none of its kind. Use a tier from 1 to 255, two capital letters, or a class from 1.
        error CredentialValueInvalid(uint8 kind, uint16 value);
        /// The expiry is not after the block's time, or before the one that it prolongs. Choose a later one.
        error CredentialExpiryInvalid(uint64 expiresMs, uint64 earliestMs);
        /// The commitment to the evidence is zero. Hash the evidence with a random salt.
        error CommitmentMissing();
        /// Another verifier's credential is in force. Wait for its expiry, or let the person give it up.
        error CredentialInForce(uint64 personId, uint8 kind, address verifier, uint64 expiresMs);
        /// The person was never given such a credential. Give it first.
        error CredentialUnknown(uint64 personId, uint8 kind);
        /// The caller has no say over this credential. Ask its verifier.
        error CredentialNotOwn(uint64 personId, uint8 kind, address caller, address verifier);
        /// The credential was revoked for good. Give a new one.
        error CredentialRevoked(uint64 personId, uint8 kind);
    }
}
