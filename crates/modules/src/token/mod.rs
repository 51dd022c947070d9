//! Tokens: every currency is an ERC-20 at its own address, with payment references, roles, a cap on its supply, pause,
//! freezing and a policy on every movement. Specification: `specs/token.md`.
//!
//! **Place in the way of a payment.** The payment itself: [`transfer`] and its siblings end in one function that holds
//! every rule a movement must satisfy.
//!
//! **State.** Name, symbol, terms, supply, one slot a holder, allowances, permits used, roles, holds, pending credits,
//! linked accounts; backing, issuers, redemptions, changes under notice, orders. See [`layout`].
//!
//! **Invariants.** The balances add up to the supply; the supply is at most the cap; nobody's frozen units exceed the
//! balance, nor do those on hold; there is an admin; the events since genesis give every balance.
//!
//! **Failures.** Typed reverts of [`IToken`]. A movement is refused for the first of these that applies, in this order:
//! the caller's role; the call's own values (reference, sender, receiver); pause; a frozen party; the policy and its
//! rules; the allowance; the balance; the units not frozen; the units not on hold; the cap.
//!
//! **Limits.** Supply below 2^128 (an [`florin_types::Amount`]), references of [`PAYMENT_REFERENCE_BYTES_MAX`] bytes.

mod abi;
mod authorization;
mod batch;
mod controls;
mod dispatch;
mod gate;
mod holds;
pub mod invariants;
mod issuance;
pub mod layout;
mod metadata;
mod notice;
mod ops;
mod orders;
mod parking;
mod permit;
mod preview;
mod redemption;
mod roles;

pub use abi::IToken;
pub use authorization::{
    Authorization, Bringer, authorization_digest, authorization_used, cancel_authorization, cancellation_digest,
    pay_by_authorization,
};
pub use batch::{BATCH_ITEM_BYTES, BATCH_ITEMS_MAX, BatchItem, ItemResult, batch_items};
pub use controls::{
    freeze_units, frozen_units, is_frozen, pause, paused, policy, set_frozen, set_policy, set_supply_cap, supply_cap,
    unfreeze_units, unpause,
};
pub use holds::{Hold, Keeper, NetChange, held_by, held_units, hold_of, pending_credit, spendable_units};
pub use issuance::{
    ATTESTATION_MS_MAX, Backing, ISSUERS_MAX, Issuer, attest_reserve, backing, issuer_of, issuers, pledge_reserve,
    release_reserve, set_backing, set_issuer_quota,
};
pub use metadata::{contract_uri, set_contract_uri};
pub use notice::{NOTICE_MS_MAX, Rule, notice_time, pending_change, set_notice_time, withdraw_change};
pub use ops::{
    PAYMENT_REFERENCE_BYTES_MAX, allowance, approve, balance_of, burn, burn_from, currency, is_created, mint, name,
    symbol, total_supply, transfer, transfer_from, transfer_from_with_memo, transfer_with_memo,
};
pub use orders::{
    Frozen, ORDER_AHEAD_MS_MAX, Order, OrderTerms, SEIZED_HOLDS_MAX, Seizure, end_order, issue_order, order_count,
    order_of, orders_of, prune_orders, seize, seize_hold,
};
pub use parking::{claim_parked, linked_account, release_parked, set_linked_account};
pub use permit::{Permit, Signature, domain_separator, nonce, permit, permit_digest};
pub use preview::{Preview, Remedy, check_transfer};
pub use redemption::{
    REDEMPTION_MS_MAX, Redemption, RedemptionStatus, expire_redemption, fulfil_redemption, redemption_count,
    redemption_of, refuse_redemption, request_redemption, withdraw_redemption,
};
pub use roles::{
    ADMIN_ROLE, ATTESTOR_ROLE, FREEZER_ROLE, ISSUER_ROLE, PAUSER_ROLE, SEIZER_ROLE, admin_count, grant_role, has_role,
    renounce_role, revoke_role, role_separation, set_role_separation,
};

pub(crate) use abi::SOURCE;
pub(crate) use batch::post_batch;
pub(crate) use dispatch::dispatch;
pub(crate) use gate::ensure_party;
pub(crate) use holds::{
    admits_net, carry_over, frozen_on_hold, hold, hold_for, hold_unadmitted, post_hold, post_hold_if_admitted,
    release_hold, settle_net, sum_kept,
};
pub(crate) use ops::{admits_pay, collect, ensure_token, initialise, issue, pay, pay_for, policy_refusal};
pub(crate) use roles::give;

#[cfg(test)]
mod tests;
