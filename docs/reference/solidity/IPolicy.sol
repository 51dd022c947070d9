// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity >=0.8.4;

/// Shared lists of addresses, conditions on persons, limits, and combinations of them. Whoever references a policy
/// by its number follows each of its changes at once. Policy 0 admits everyone, policy 1 no one; created ones are
/// numbered from 2. Amounts are minor units of the token that references the policy.
interface IPolicy {
    /// Makes a list: kind 1 admits its members only, kind 2 everyone but its members.
    function createList(uint8 kind, address admin, address[] calldata members) external returns (uint64 policyId);
    /// Makes a combination of existing policies: kind 3 admits whom all of them admit, kind 4 whom any of them
    /// admits. A combination has no admin and never changes; the lists beneath it do.
    function createCombination(uint8 kind, uint64[] calldata operands) external returns (uint64 policyId);
    /// Makes a condition on the person of an address: kind 5 a known person (value 0), kind 6 KYC of at least tier
    /// value, kind 9 accreditation for class value. A condition has no admin and never changes.
    function createCondition(uint8 kind, uint16 value) external returns (uint64 policyId);
    /// Makes a condition on jurisdiction (ISO 3166 alpha-2): kind 7 among the codes, kind 8 known and outside of them.
    function createJurisdictionCondition(uint8 kind, bytes2[] calldata codes) external returns (uint64 policyId);
    /// Makes a limit on what a payer's person pays in one movement, a day and a month (UTC); 2^128 - 1 or more is
    /// no limit. It does not bind whom the exempt policy admits: 1 exempts nobody.
    function createPaymentLimit(address admin, uint64 exemptPolicyId, uint256 perTransaction, uint256 perDay, uint256 perMonth) external returns (uint64 policyId);
    /// Makes a limit on what a payee's person holds; outcome beyond it: 1 reject, 2 park, 3 sweep to the linked account.
    function createHoldingLimit(address admin, uint64 exemptPolicyId, uint256 limit, uint8 outcome) external returns (uint64 policyId);
    /// Makes a rule that movements at or above a threshold, linked ones added up, need an acknowledged exchange of data.
    function createTravelRule(address admin, uint64 exemptPolicyId, uint256 threshold) external returns (uint64 policyId);
    /// Changes a payment limit. Its admin.
    function setPaymentLimit(uint64 policyId, uint256 perTransaction, uint256 perDay, uint256 perMonth) external;
    /// Changes a holding limit; lowering it blocks credits only. Its admin.
    function setHoldingLimit(uint64 policyId, uint256 limit, uint8 outcome) external;
    /// Changes the threshold of a travel rule. Its admin.
    function setTravelRule(uint64 policyId, uint256 threshold) external;
    /// Puts accounts on a list; those already there stay. The list's admin; at most 256 accounts a call.
    function addMembers(uint64 policyId, address[] calldata accounts) external;
    /// Takes accounts off a list; those not there are passed over. The list's admin; at most 256 accounts a call.
    function removeMembers(uint64 policyId, address[] calldata accounts) external;
    /// Records that the payer's institution sent its data: what it covers, until when, and the data's salted hash. The registrar of the payer's person.
    function openExchange(uint64 policyId, address token, uint64 payerPersonId, uint64 payeePersonId, uint256 amount, uint64 expiresMs, bytes32 commitment) external;
    /// Records that the payee's institution received and accepted the data; it repeats what it accepts. The registrar of the payee's person.
    function acknowledgeExchange(uint64 policyId, address token, uint64 payerPersonId, uint64 payeePersonId, uint256 amount, uint64 expiresMs, bytes32 commitment) external;
    /// Offers a list or rule to a new admin, who becomes it by accepting; zero withdraws the offer. The list's admin.
    function proposeAdmin(uint64 policyId, address newAdmin) external;
    /// Takes an offered list or rule over. The proposed admin.
    function acceptAdmin(uint64 policyId) external;

    /// Whether the policy admits the account. Rules bind movements and admit every account.
    function isAllowed(uint64 policyId, address account) external view returns (bool);
    /// Whether the policy admits sender, receiver and operator of a movement; a zero operator is not asked.
    function isTransferAllowed(uint64 policyId, address from, address to, address operator) external view returns (bool);
    /// Whether the account is on the list.
    function isMember(uint64 policyId, address account) external view returns (bool);
    /// Whether the policy exists; 0 and 1 do.
    function policyExists(uint64 policyId) external view returns (bool);
    /// Number of policies, the two built-in ones included: the number that the next one gets.
    function policyCount() external view returns (uint64);
    /// What the policy is. Lists have an admin and members, rules an admin, others neither; the built-in ones have kind 0.
    function getPolicy(uint64 policyId) external view returns (uint8 kind, address admin, address pendingAdmin, uint64 memberCount);
    /// What a combination combines; empty for any other policy.
    function operandsOf(uint64 policyId) external view returns (uint64[] memory);
    /// Tier or class that a condition asks for; 0 where it asks for none.
    function conditionOf(uint64 policyId) external view returns (uint16 value);
    /// Jurisdictions of a condition, in alphabetical order; empty for any other policy.
    function jurisdictionsOf(uint64 policyId) external view returns (bytes2[] memory);
    /// Terms of a payment limit.
    function paymentLimitOf(uint64 policyId) external view returns (uint64 exemptPolicyId, uint256 perTransaction, uint256 perDay, uint256 perMonth);
    /// Terms of a holding limit.
    function holdingLimitOf(uint64 policyId) external view returns (uint64 exemptPolicyId, uint256 limit, uint8 outcome);
    /// Terms of a travel rule.
    function travelRuleOf(uint64 policyId) external view returns (uint64 exemptPolicyId, uint256 threshold);
    /// What the person of an account, or the account of nobody, has paid or reserved for payments this day and this month under a payment limit.
    function spentOf(uint64 policyId, address token, address account) external view returns (uint256 today, uint256 thisMonth);
    /// The exchange between two persons: what may still be paid on it, until when, whether it is acknowledged; and what was paid this day.
    function exchangeOf(uint64 policyId, address token, uint64 payerPersonId, uint64 payeePersonId) external view returns (uint256 left, uint64 expiresMs, bool acknowledged, bytes32 commitment, uint256 today);
    /// Changes of everything that the policy references, added up.
    function versionOf(uint64 policyId) external view returns (uint32);
    /// Decides again from the inputs of a decision; outcome 1 admitted, 2 refused, 3 parked, 4 swept. Equal version and hash mean the same question to the same policy.
    function replayDecision(uint64 policyId, address token, address payer, address payee, address operator, uint256 amount, uint8 purpose, uint64 timestampMs, uint256[] calldata figures) external view returns (uint32 version, uint64 rule, bytes32 inputsHash, uint8 outcome);

    /// A list was made.
    event ListCreated(uint64 indexed policyId, uint8 kind, address indexed admin, address indexed creator);
    /// A combination was made.
    event CombinationCreated(uint64 indexed policyId, uint8 kind, uint64[] operands, address indexed creator);
    /// An account was put on a list.
    event MemberAdded(uint64 indexed policyId, address indexed account);
    /// An account was taken off a list.
    event MemberRemoved(uint64 indexed policyId, address indexed account);
    /// A condition was made; codes are jurisdictions.
    event ConditionCreated(uint64 indexed policyId, uint8 kind, uint16 value, bytes2[] codes, address indexed creator);
    /// A rule was made. Amounts are per transaction, day and month; or the limit; or the threshold; 0 where there is none.
    event RuleCreated(uint64 indexed policyId, uint8 kind, address indexed admin, uint64 exemptPolicyId, uint256[3] amounts, uint8 outcome, address indexed creator);
    /// A rule changed.
    event RuleChanged(uint64 indexed policyId, uint32 version, uint256[3] amounts, uint8 outcome);
    /// The payer's institution recorded that it sent its data.
    event ExchangeOpened(uint64 indexed policyId, address indexed token, uint64 indexed payerPersonId, uint64 payeePersonId, uint256 amount, uint64 expiresMs, bytes32 commitment);
    /// The payee's institution accepted the data.
    event ExchangeAcknowledged(uint64 indexed policyId, address indexed token, uint64 indexed payerPersonId, uint64 payeePersonId, bytes32 commitment);
    /// A movement was decided by a policy that has more than lists: outcome 1 admitted, 3 parked, 4 swept; rule is the policy that diverted it, else 0.
    event Decision(uint64 indexed policyId, address indexed token, uint32 version, uint64 rule, bytes32 inputsHash, uint8 outcome, uint256[] figures);
    /// A list or rule was offered to a new admin, or the offer withdrawn.
    event AdminProposed(uint64 indexed policyId, address indexed admin, address indexed pendingAdmin);
    /// A list or rule has a new admin.
    event AdminChanged(uint64 indexed policyId, address indexed previousAdmin, address indexed newAdmin);

    /// No policy has this number. Numbers run from 0 to policyCount - 1.
    error PolicyUnknown(uint64 policyId);
    /// The kind is not one of those that the function makes. Use 1 or 2 for lists, 3 or 4 for combinations, 5 to 9 for conditions.
    error PolicyKindInvalid(uint8 kind);
    /// The policy is no list. Change the lists beneath it.
    error PolicyNotList(uint64 policyId);
    /// The caller does not govern the policy. Ask its admin.
    error PolicyAdminRequired(uint64 policyId, address caller, address admin);
    /// The caller was not offered the policy. Ask its admin to propose it.
    error PolicyAdminNotProposed(uint64 policyId, address caller, address pendingAdmin);
    /// A list or rule needs an admin who is neither the zero address nor a module. Name an account or a contract.
    error PolicyAdminInvalid(address admin);
    /// Too many accounts in one call. Split the batch.
    error BatchTooLarge(uint256 length, uint256 lengthMax);
    /// A combination needs at least two operands. Reference the one policy itself.
    error CombinationTooSmall(uint256 length);
    /// The combination would ask too many lists for one account. Merge lists.
    error CombinationTooWide(uint256 lists, uint256 listsMax);
    /// The combination would be nested too deeply. Combine lists directly.
    error CombinationTooDeep(uint256 depth, uint256 depthMax);
    /// Any of its operands would have to hold, and one of them has a rule. Use all of, and give the rule an exempt policy.
    error CombinationOfRules(uint64 policyId);
    /// The combination would have too many rules. Merge rules.
    error TooManyRules(uint256 rules, uint256 rulesMax);
    /// The value is none of this kind of condition. Use 0 for a known person, a tier from 1 to 255, a class from 1.
    error ConditionValueInvalid(uint8 kind, uint16 value);
    /// The condition names no jurisdiction. Name one.
    error JurisdictionsMissing();
    /// The code is not two capital letters. Use ISO 3166 alpha-2.
    error JurisdictionInvalid(bytes2 code);
    /// The policy is no rule of this kind. Take its number from RuleCreated.
    error PolicyNotRule(uint64 policyId, uint8 kind);
    /// The exempt policy has rules of its own. Name one of accounts, or 1 for nobody.
    error ExemptionInvalid(uint64 exemptPolicyId);
    /// There is no such outcome beyond a holding limit. Use 1 reject, 2 park, 3 sweep.
    error HoldingOutcomeInvalid(uint8 outcome);
    /// There is no such purpose of a movement. Use 1 to 12.
    error PurposeUnknown(uint8 purpose);
    /// The decision read more figures than were given. Take them from its Decision event.
    error FiguresMissing(uint256 length);
    /// More than the payer may pay in a movement (period 0), a day (1) or a month (2). Pay less, or wait for the next period.
    error PaymentLimitExceeded(uint64 policyId, uint8 period, uint256 limit, uint256 used, uint256 amount);
    /// More than the payee may hold over all its addresses. Pay less, or let the payee spend or link an account first.
    error HoldingLimitExceeded(uint64 policyId, uint256 limit, uint256 held, uint256 amount);
    /// Payments of this day reach the threshold without persons (missing 1), exchange that covers it (2), acknowledgement (3) or, in a net settlement, known counterparty (4). Let both institutions exchange their data first; who settles net must be exempt.
    error TravelRuleUnmet(uint64 policyId, uint8 missing, uint256 threshold, uint256 total, uint256 amount);
    /// The caller is not the institution of the person: its registrar, in office. Ask that registrar.
    error InstitutionRequired(uint64 personId, address caller, address registrar);
    /// The exchange's time is over before it begins. Choose a later expiry.
    error ExchangeExpiryInvalid(uint64 expiresMs, uint64 nowMs);
    /// The commitment to the data is zero. Hash the data with a random salt.
    error ExchangeCommitmentMissing();
    /// No exchange is open between these persons. Let the payer's institution open it.
    error ExchangeUnknown(uint64 policyId, uint64 payerPersonId, uint64 payeePersonId);
    /// The open exchange covers another amount or time, or commits to other data. Compare it with the payer's institution.
    error ExchangeDiffers(uint256 openAmount, uint64 openExpiresMs, bytes32 openCommitment);
    /// No more policies can be made. Use an existing one.
    error PoliciesExhausted();
}
