//! Many payments of one payer in one call: the payer is read and written once, each payee once an item, and one event
//! tells of all. Decision 0061 says why, and what an item costs.
//!
//! The encoding is strict: a length that is not a whole number of items, none at all, or more than
//! [`BATCH_ITEMS_MAX`] is no batch. There is one encoding of each list of items.

use alloy_primitives::{Address, Bytes, U256};

use super::{
    IToken,
    gate::{ensure_unfrozen, movement},
    layout::{Terms, layout},
    ops::{Holder, moving_terms},
};
use crate::{
    context::{Context, Failure, Tariff, ensure},
    policy::{self, Asked, Movement, Outcome, Purpose},
};

/// Bytes of an item: payee 20, amount 12, reference 8, all big-endian.
pub const BATCH_ITEM_BYTES: usize = 40;
/// Most items of a batch: what a transaction of 128 KiB carries beside its own fields.
pub const BATCH_ITEMS_MAX: usize = 3_000;

/// One payment of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchItem {
    /// To whom.
    pub to: Address,
    /// Minor units, below 2^96.
    pub amount: u128,
    /// The payer's own reference, which only readers of the event use.
    pub reference: [u8; 8],
}

impl BatchItem {
    fn read(bytes: &[u8; BATCH_ITEM_BYTES]) -> Self {
        let (mut to, mut amount, mut reference) = ([0u8; 20], [0u8; 16], [0u8; 8]);
        to.copy_from_slice(&bytes[..20]);
        amount[4..].copy_from_slice(&bytes[20..32]);
        reference.copy_from_slice(&bytes[32..]);
        Self { to: to.into(), amount: u128::from_be_bytes(amount), reference }
    }

    /// The item as it stands in a batch; absent if its amount has more than 96 bits.
    pub fn encode(&self) -> Option<[u8; BATCH_ITEM_BYTES]> {
        let amount = self.amount.to_be_bytes();
        let mut bytes = [0u8; BATCH_ITEM_BYTES];
        bytes[..20].copy_from_slice(self.to.as_slice());
        bytes[20..32].copy_from_slice(&amount[4..]);
        bytes[32..].copy_from_slice(&self.reference);
        (amount[..4] == [0; 4]).then_some(bytes)
    }
}

/// The items of a batch; absent if the bytes are none.
pub fn batch_items(bytes: &[u8]) -> Option<impl ExactSizeIterator<Item = BatchItem>> {
    let (items, rest) = bytes.as_chunks::<BATCH_ITEM_BYTES>();
    let well_formed = rest.is_empty() && !items.is_empty() && items.len() <= BATCH_ITEMS_MAX;
    well_formed.then(|| items.iter().map(BatchItem::read))
}

/// What became of an item. Names state the rule, numbers are permanent, and the first rule that is broken, in their
/// order, answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemResult {
    /// The units moved.
    Settled = 0,
    /// Neither the zero address nor a module can hold units.
    PayeeMustBeAbleToHold = 1,
    /// An item moves something.
    AmountMustNotBeZero = 2,
    /// Nobody pays itself in a batch.
    PayeeMustNotBePayer = 3,
    /// A frozen address receives nothing.
    PayeeMustNotBeFrozen = 4,
    /// The token's policy admits the payment as it is: what it would park or sweep is no item of a batch.
    PolicyMustAdmitPayment = 5,
    /// Units that are neither frozen nor on hold, after the items before.
    PayerMustHaveUnits = 6,
}

impl ItemResult {
    /// Its permanent number.
    pub fn number(self) -> u8 {
        match self {
            Self::Settled => 0,
            Self::PayeeMustBeAbleToHold => 1,
            Self::AmountMustNotBeZero => 2,
            Self::PayeeMustNotBePayer => 3,
            Self::PayeeMustNotBeFrozen => 4,
            Self::PolicyMustAdmitPayment => 5,
            Self::PayerMustHaveUnits => 6,
        }
    }
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BatchOutcome {
    /// Numbers of [`ItemResult`], one an item.
    pub(crate) results: Bytes,
    /// Units that moved.
    pub(crate) total: u128,
}

/// Pays the items out of the units of `from`, who consented; `bytes` are items. Rules of the payer revert, those of an
/// item give its result. Whether failing items undo the others is for the caller to say, by reverting.
pub(crate) fn post_batch(
    context: &mut Context<'_>,
    token: Address,
    from: Address,
    bytes: &Bytes,
) -> Result<BatchOutcome, Failure> {
    ensure(context.can_hold(from), || IToken::ERC20InvalidSender { sender: from })?;
    let terms = moving_terms(context, token)?;
    let mut payer = Holder::read(context, token, from)?;
    ensure_unfrozen([Some(&payer), None, None])?;
    let asked = Asked::of(context, terms.policy)?;
    ensure(asked.admits(context, from)?, || IToken::PolicyForbids { policyId: terms.policy, account: from })?;
    prefetch_payees(context, token, (from, asked), bytes);
    let before = payer.holding.balance;
    let results = context.at_tariff(Tariff::Batch, |context| {
        batch_items(bytes)
            .into_iter()
            .flatten()
            .map(|item| pay_item(context, (token, terms), &mut payer, item).map(ItemResult::number))
            .collect::<Result<Vec<u8>, Failure>>()
    })?;
    let total = before.checked_sub(payer.holding.balance).ok_or_else(|| payer.unbalanced())?;
    payer.write(context)?;
    let results = Bytes::from(results);
    context.emit(token, &IToken::BatchTransfer { from, items: bytes.clone(), results: results.clone() })?;
    Ok(BatchOutcome { results, total })
}

/// Fetches what the items will read of their payees, thousands of slots together instead of one after the other. Only for
/// items that will read it, so that it is paid for; of a frozen payee the policy's slot is fetched in vain.
fn prefetch_payees(context: &mut Context<'_>, token: Address, (from, asked): (Address, Asked), bytes: &Bytes) {
    let holdings = layout(token).holdings;
    let reader = *context.env();
    let reading = batch_items(bytes).into_iter().flatten();
    let reading = reading.filter(|item| reader.can_hold(item.to) && item.amount > 0 && item.to != from);
    let places = reading.flat_map(|item| [Some(holdings.of(&item.to).place()), asked.place_of(item.to)]).flatten();
    context.prefetch(places);
}

/// Moves one item's units, or says which rule forbids it.
fn pay_item(
    context: &mut Context<'_>,
    (token, terms): (Address, Terms),
    payer: &mut Holder,
    item: BatchItem,
) -> Result<ItemResult, Failure> {
    if !context.can_hold(item.to) {
        return Ok(ItemResult::PayeeMustBeAbleToHold);
    }
    if item.amount == 0 {
        return Ok(ItemResult::AmountMustNotBeZero);
    }
    if item.to == payer.account {
        return Ok(ItemResult::PayeeMustNotBePayer);
    }
    let mut payee = Holder::read(context, token, item.to)?;
    if payee.blocked() {
        return Ok(ItemResult::PayeeMustNotBeFrozen);
    }
    let paying = movement(token, Purpose::Transfer, U256::from(item.amount));
    let paying = Movement { payer: Some(payer.account), payee: Some(item.to), ..paying };
    let decision = policy::decide(context, terms.policy, &paying)?;
    if decision.outcome != Outcome::Admitted {
        return Ok(ItemResult::PolicyMustAdmitPayment);
    }
    if item.amount > payer.free() {
        return Ok(ItemResult::PayerMustHaveUnits);
    }
    payer.debit(item.amount)?;
    payee.credit(item.amount)?;
    payee.write(context)?;
    policy::record(context, decision)?;
    Ok(ItemResult::Settled)
}
