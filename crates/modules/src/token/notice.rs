//! Rules that change under notice: what is published takes force by block time, without any call.
//!
//! Every reader of the policy comes through [`in_force`], every reader of the cap through [`caps`]. The terms say
//! whether a change was ever published, so that tokens without one pay nothing for it.

use alloy_primitives::{Address, U256};

use super::{
    ADMIN_ROLE, IToken,
    layout::{CapChange, NoticeTime, PolicyChange, Terms, layout},
    ops::terms,
    roles::require_role,
};
use crate::context::{Context, Failure, ensure, revert};

/// Longest notice time: 366 days.
pub const NOTICE_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1_000;

/// Rules that change under notice. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The policy of every movement.
    Policy = 1,
    /// The supply cap.
    Cap = 2,
    /// The notice time itself.
    Notice = 3,
}

impl Rule {
    /// Its number in the ABI.
    pub fn number(self) -> u8 {
        match self {
            Self::Policy => 1,
            Self::Cap => 2,
            Self::Notice => 3,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        [Self::Policy, Self::Cap, Self::Notice].into_iter().find(|rule| rule.number() == number)
    }

    /// Its bit in [`Terms::changes`]; the notice time has a slot of its own.
    fn bit(self) -> u8 {
        match self {
            Self::Policy => 1,
            Self::Cap => 2,
            Self::Notice => 0,
        }
    }
}

// ----- reading -------------------------------------------------------------------------------------------------------

/// The terms with the policy that is in force now.
pub(super) fn in_force(context: &mut Context<'_>, token: Address, mut terms: Terms) -> Result<Terms, Failure> {
    if terms.changes & Rule::Policy.bit() != 0 {
        let change = layout(token).policy_change.read(context)?;
        if change.from_ms <= context.env().timestamp_ms {
            terms.policy = change.policy;
        }
    }
    Ok(terms)
}

/// A token's cap.
pub(super) struct Caps {
    /// The one in force.
    pub(super) in_force: u128,
    /// The one that minting keeps to: a lower one that follows binds it already.
    pub(super) minting: u128,
}

/// The cap that is in force now, given the stored one.
pub(super) fn caps(context: &mut Context<'_>, token: Address, terms: Terms, stored: u128) -> Result<Caps, Failure> {
    if terms.changes & Rule::Cap.bit() == 0 {
        return Ok(Caps { in_force: stored, minting: stored });
    }
    let CapChange { cap, from_ms } = layout(token).cap_change.read(context)?;
    let begun = from_ms <= context.env().timestamp_ms;
    Ok(Caps { in_force: if begun { cap } else { stored }, minting: if begun { cap } else { cap.min(stored) } })
}

/// How long changes are published before they are in force, in milliseconds.
pub fn notice_time(context: &mut Context<'_>, token: Address) -> Result<u64, Failure> {
    let NoticeTime { ms, next_ms, from_ms } = layout(token).notice.read(context)?;
    let begun = from_ms > 0 && from_ms <= context.env().timestamp_ms;
    Ok(if begun { next_ms } else { ms })
}

/// The change of a rule that is published and not in force yet: its value and from when on it will be.
pub fn pending_change(context: &mut Context<'_>, token: Address, rule: u8) -> Result<Option<(U256, u64)>, Failure> {
    let Some(rule) = Rule::from_number(rule) else { return Ok(None) };
    let terms = layout(token).terms.read(context)?;
    let layout = layout(token);
    let published = terms.changes & rule.bit() != 0;
    let (value, from_ms) = match rule {
        Rule::Policy if published => {
            let change = layout.policy_change.read(context)?;
            (U256::from(change.policy), change.from_ms)
        }
        Rule::Cap if published => {
            let change = layout.cap_change.read(context)?;
            (U256::from(change.cap), change.from_ms)
        }
        Rule::Policy | Rule::Cap => return Ok(None),
        Rule::Notice => {
            let notice = layout.notice.read(context)?;
            (U256::from(notice.next_ms), notice.from_ms)
        }
    };
    Ok((from_ms > context.env().timestamp_ms).then_some((value, from_ms)))
}

// ----- changing ------------------------------------------------------------------------------------------------------

/// From when on a change made now is in force; none for at once. One change of a rule at a time.
pub(super) fn begins(context: &mut Context<'_>, token: Address, rule: Rule) -> Result<Option<u64>, Failure> {
    if let Some((_, from_ms)) = pending_change(context, token, rule.number())? {
        return Err(revert(IToken::ChangePending { rule: rule.number(), fromMs: from_ms }));
    }
    let notice_ms = notice_time(context, token)?;
    Ok((notice_ms > 0).then(|| context.env().timestamp_ms.saturating_add(notice_ms)))
}

/// Notes in the terms whether a change is published; whether they have to be written for it.
pub(super) fn note(terms: &mut Terms, rule: Rule, published: bool) -> bool {
    let before = terms.changes;
    terms.changes = if published { before | rule.bit() } else { before & !rule.bit() };
    terms.changes != before
}

/// Tells everyone what will be in force.
pub(super) fn announce(
    context: &mut Context<'_>,
    token: Address,
    rule: Rule,
    (previous, next): (U256, U256),
    from_ms: u64,
) -> Result<(), Failure> {
    let rule = rule.number();
    context.emit(token, &IToken::RuleChangePublished { rule, previousValue: previous, newValue: next, fromMs: from_ms })
}

/// Lengthens the notice time at once, or publishes a shorter one under the notice that holds.
pub fn set_notice_time(context: &mut Context<'_>, token: Address, ms: u64) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    ensure(ms <= NOTICE_MS_MAX, || IToken::NoticeTimeInvalid { noticeMs: ms, noticeMsMax: NOTICE_MS_MAX })?;
    let previous = notice_time(context, token)?;
    let begins = begins(context, token, Rule::Notice)?;
    match begins.filter(|_| ms < previous) {
        None => {
            layout(token).notice.write(context, NoticeTime { ms, ..NoticeTime::default() })?;
            context.emit(token, &IToken::NoticeTimeChanged { previousMs: previous, newMs: ms })
        }
        Some(from_ms) => {
            layout(token).notice.write(context, NoticeTime { ms: previous, next_ms: ms, from_ms })?;
            announce(context, token, Rule::Notice, (U256::from(previous), U256::from(ms)), from_ms)
        }
    }
}

/// Takes back a change that is not in force yet.
pub fn withdraw_change(context: &mut Context<'_>, token: Address, rule: u8) -> Result<(), Failure> {
    require_role(context, token, ADMIN_ROLE)?;
    let pending = pending_change(context, token, rule)?;
    let absent = || revert(IToken::NoChangePending { rule });
    let (value, _) = pending.ok_or_else(absent)?;
    let known = Rule::from_number(rule).ok_or_else(absent)?;
    let mut terms = terms(context, token)?;
    if note(&mut terms, known, false) {
        layout(token).terms.write(context, terms)?;
    }
    match known {
        Rule::Policy => layout(token).policy_change.write(context, PolicyChange::default())?,
        Rule::Cap => layout(token).cap_change.write(context, CapChange::default())?,
        Rule::Notice => {
            let ms = notice_time(context, token)?;
            layout(token).notice.write(context, NoticeTime { ms, ..NoticeTime::default() })?;
        }
    }
    context.emit(token, &IToken::RuleChangeWithdrawn { rule, value })
}
