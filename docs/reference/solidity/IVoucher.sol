// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity >=0.8.4;

/// Purpose-bound and expiring money: units on hold in a sponsor's balance that a beneficiary spends at the payees whom a
/// policy admits, until they expire.
interface IVoucher {
    /// What vouchers are made with. Times are block time in milliseconds; what is not agreed is zero.
    struct VoucherTerms {
        address token;
        uint64 payeePolicyId;
        uint64 spendFromMs;
        uint64 spendUntilMs;
        uint64 expiresMs;
        bool transferable;
        bytes32 purposeHash;
    }

    /// Puts the caller's units on hold for a beneficiary under these terms.
    function create(VoucherTerms calldata terms, address beneficiary, uint256 amount) external returns (uint64 voucherId);
    /// The same for at most 100 beneficiaries, all or nothing; the vouchers are numbered from the first on.
    function createMany(VoucherTerms calldata terms, address[] calldata beneficiaries, uint256[] calldata amounts) external returns (uint64 firstVoucherId);
    /// Pays a payee whom the policy admits; the maximum means all that is left. Beneficiary.
    function spend(uint64 voucherId, address payee, uint256 amount, bytes32 paymentReference) external;
    /// Hands units on: all that are left under the same number, a part as a voucher of its own. Beneficiary.
    function hand(uint64 voucherId, address to, uint256 amount) external returns (uint64 newVoucherId);
    /// Frees units for the sponsor; the maximum means all that is left. Beneficiary.
    function giveBack(uint64 voucherId, uint256 amount) external;
    /// Frees what is left for the sponsor once the voucher has expired. Anyone.
    function expire(uint64 voucherId) external;

    /// Number of vouchers; they are numbered from 1.
    function voucherCount() external view returns (uint64);
    /// Where a voucher stands: status is 1 active, 2 used up, 3 expired; left are units on hold now.
    function voucherOf(uint64 voucherId) external view returns (address sponsor, address beneficiary, address token, uint64 holdId, uint8 status, uint256 amount, uint256 spent, uint256 handed, uint256 returned, uint256 seized, uint256 left);
    /// What was agreed.
    function termsOf(uint64 voucherId) external view returns (VoucherTerms memory terms);
    /// Whether the voucher may be spent at this payee, as its policy stands now.
    function admits(uint64 voucherId, address payee) external view returns (bool);

    /// Units were put on hold for a beneficiary.
    event VoucherCreated(uint64 indexed voucherId, address indexed sponsor, address indexed beneficiary, address token, uint256 amount, uint64 expiresMs, bytes32 purposeHash);
    /// A payee was paid; follows the token's events of the same movement.
    event VoucherSpent(uint64 indexed voucherId, address indexed payee, uint256 amount, bytes32 indexed paymentReference);
    /// Units have another beneficiary, under another number if they were a part.
    event VoucherHanded(uint64 indexed voucherId, uint64 indexed newVoucherId, address indexed to, address by, uint256 amount);
    /// The beneficiary gave units back.
    event VoucherReturned(uint64 indexed voucherId, uint256 amount);
    /// A voucher has come to its end; status as in voucherOf. The units released went back to the sponsor.
    event VoucherEnded(uint64 indexed voucherId, uint8 status, uint256 released);

    /// No voucher has this number. Take it from the VoucherCreated event.
    error VoucherUnknown(uint64 voucherId);
    /// The caller is not the voucher's beneficiary. Call from that account, or have the voucher handed on.
    error VoucherPartyRequired(uint64 voucherId, address caller, address beneficiary);
    /// The voucher has ended. Use another one.
    error VoucherNotActive(uint64 voucherId, uint8 status);
    /// The voucher has expired. Ask the sponsor for another one.
    error VoucherExpired(uint64 voucherId, uint64 expiresMs, uint64 nowMs);
    /// The voucher has not expired. Wait, or let the beneficiary give back what it does not need.
    error VoucherNotDue(uint64 voucherId, uint64 expiresMs, uint64 nowMs);
    /// The voucher cannot be spent yet. Wait until its window begins.
    error VoucherNotOpen(uint64 voucherId, uint64 spendFromMs, uint64 nowMs);
    /// The voucher can be spent no more. Give it back, or hand it on if its terms allow that.
    error VoucherClosed(uint64 voucherId, uint64 spendUntilMs, uint64 nowMs);
    /// An amount is above zero and below 2^128. Name such a one, or the maximum for all that is left.
    error VoucherAmountInvalid(uint256 amount);
    /// More units than are left; a seizure may have taken some. Name at most what is left.
    error VoucherExceeded(uint64 voucherId, uint256 left, uint256 amount);
    /// Nobody spends a voucher at itself. Name another payee.
    error VoucherPayeeInvalid(uint64 voucherId, address payee);
    /// The voucher's policy does not admit the payee. Spend it where the policy admits, or ask the policy's admin.
    error VoucherPayeeNotAdmitted(uint64 voucherId, uint64 payeePolicyId, address payee);
    /// A beneficiary can act and is neither the sponsor nor the present beneficiary. Name another account.
    error VoucherBeneficiaryInvalid(address beneficiary);
    /// The window lies within the voucher's life, which ends after now and within the longest life. Choose other times.
    error VoucherTimesInvalid(uint64 spendFromMs, uint64 spendUntilMs, uint64 expiresMs, uint64 nowMs, uint64 expiresMsMax);
    /// The terms do not allow to hand the voucher on. Spend it, or give it back.
    error VoucherNotTransferable(uint64 voucherId);
    /// One amount for each of 1 to vouchersMax beneficiaries. Split or mend the lists.
    error VouchersInvalid(uint256 beneficiaries, uint256 amounts, uint256 vouchersMax);
}
