//! The office: who is asked before an order is signed. A checker above a limit, a screening service, compliance.
//!
//! **Way of an order.** `waiting` (above the tenant's limit, until a checker approves), `held` (its day has not come), `screening` (the
//! service is asked), `review` (the service stopped it, until compliance decides), `checked`. What does not apply is passed over.
//! Screening is the last, so that what is asked about is what is paid now.
//!
//! **Invariants.** Nobody decides over what they made themselves, whatever keys they have. A decision and the step that it leads to are
//! durable together, compared and set. What one transaction pays (an order, or a batch's part) is approved as one and goes on as one: a
//! batch in two transactions would be two batches. Nothing passes because nobody answers.

mod screening;
#[cfg(test)]
mod tests;

pub(crate) use screening::Screening;
pub use screening::{ScreeningConfig, decode_screening};

use crate::{
    GatewayError,
    access::{Caller, Role, Tenant, is_same_person},
    order::{Outcome, State},
    reason::Reason,
    store::{Decision, NewOrder, Order, OrderKind, Stage, Store, Verdict},
};
use florin_history::sql::Work;
use std::collections::BTreeMap;

/// Characters of the words of a decision: what a status message holds beside its beginning.
pub(crate) const WORDS_CHARS_MAX: usize = 300;

/// What is asked of whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Office {
    /// By tenant and currency, in minor units.
    approval_above: BTreeMap<String, BTreeMap<String, u128>>,
    screens: bool,
}

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Approve { words: Option<String> },
    Refuse { code: Option<&'static str>, words: String },
}

/// A person's act.
#[derive(Clone, Copy)]
struct Act<'a> {
    stage: Stage,
    caller: &'a Caller,
    answer: &'a Answer,
    now_ms: u64,
}

/// Why a person cannot decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The tenant has no such order.
    Unknown,
    /// It waits for nobody; its state.
    Over(State),
    /// The caller has not the role that it waits for.
    Role(Role),
    /// It is the caller's own.
    Own,
}

impl Office {
    pub(crate) fn new(tenants: &[Tenant], screens: bool) -> Self {
        let limits = tenants.iter().map(|tenant| (tenant.name.clone(), tenant.approval_above.clone()));
        Self { approval_above: limits.collect(), screens }
    }

    /// Where an order goes whose day has come and that needs no approval, or has it.
    pub(crate) const fn after_approval(&self) -> State {
        if self.screens { State::Screening } else { State::Checked }
    }

    /// The first states of a message's orders that go on. A batch counts as one: its items would else be a way around the limit.
    pub(crate) fn enter(&self, orders: &mut [NewOrder]) {
        let mut sums: BTreeMap<(u64, String), u128> = BTreeMap::new();
        for order in orders.iter().filter(|order| goes_on(order) && order.kind == OrderKind::Item) {
            let sum = sums.entry((order.part, order.currency.clone().unwrap_or_default())).or_default();
            *sum = sum.saturating_add(order.amount.unwrap_or_default());
        }
        for order in orders.iter_mut().filter(|order| goes_on(order)) {
            let currency = order.currency.clone().unwrap_or_default();
            let limit = self.approval_above.get(&order.tenant).and_then(|limits| limits.get(&currency)).copied();
            let own = order.amount.unwrap_or_default();
            let amount = match order.kind {
                OrderKind::Item => sums.get(&(order.part, currency)).copied().unwrap_or(own),
                _ => own,
            };
            if limit.is_some_and(|limit| amount > limit) {
                order.state = State::Waiting;
            } else if order.state == State::Checked {
                order.state = self.after_approval();
            }
        }
    }

    /// A person's decision over an order that waits for one. Durable, with what follows, when this returns.
    pub(crate) async fn decide(
        &self,
        store: &Store,
        caller: &Caller,
        number: u64,
        answer: &Answer,
        now_ms: u64,
    ) -> Result<Result<(), Refusal>, GatewayError> {
        let mut work = store.write().await?;
        let Some(order) = store.order_of(&mut work, &caller.tenant, number).await? else {
            return Ok(Err(Refusal::Unknown));
        };
        let (stage, role) = match order.state {
            State::Waiting => (Stage::Approval, Role::Checker),
            State::Review => (Stage::Review, Role::Compliance),
            state => return Ok(Err(Refusal::Over(state))),
        };
        if !caller.roles.contains(&role) {
            return Ok(Err(Refusal::Role(role)));
        }
        let maker = store.maker_of(&mut work, order.message).await?;
        if maker.is_some_and(|maker| is_same_person(&maker, &caller.name)) {
            return Ok(Err(Refusal::Own));
        }
        let act = Act { stage, caller, answer, now_ms };
        for order in together(store, &mut work, order, stage).await? {
            if !self.step(store, &mut work, &order, &act).await? {
                return Ok(Err(Refusal::Over(store.order(&mut work, number).await?.state)));
            }
        }
        store.commit(work, "decided").await?;
        Ok(Ok(()))
    }

    /// `false` where somebody else was first.
    async fn step(&self, store: &Store, work: &mut Work, order: &Order, act: &Act<'_>) -> Result<bool, GatewayError> {
        let Act { stage, caller, answer, now_ms } = *act;
        let (verdict, code, words) = match answer {
            Answer::Approve { words } => (Verdict::Pass, None, words.as_deref()),
            Answer::Refuse { code, words } => {
                (Verdict::Refuse, Some(code.unwrap_or(default_code(stage))), Some(&**words))
            }
        };
        let who = Some(caller.name.as_str());
        store.decide(work, order, &Decision { stage, verdict, code, words, who, decided_ms: now_ms }).await?;
        let moved = match code {
            Some(code) => {
                let reason =
                    Reason::new(code, format!("refused by a person ({}): {}", stage.name(), words.unwrap_or_default()));
                store.resolve(work, &[(order.number, Outcome::Refused(reason))], order.state, None).await?
            }
            None => {
                let next = match stage {
                    Stage::Approval if order.due_ms > now_ms => State::Held,
                    Stage::Approval => self.after_approval(),
                    Stage::Screening | Stage::Review => after_screening(order),
                };
                store.move_orders(work, &[order.number], (order.state, next), None).await?
            }
        };
        if stage == Stage::Review {
            release(store, work, order).await?;
        }
        Ok(moved)
    }
}

/// What passed is to be signed; an item, with all of its batch.
fn after_screening(order: &Order) -> State {
    if order.kind == OrderKind::Item { State::Passed } else { State::Checked }
}

/// Lets go the batch of an order about which somebody decided, or which nobody has to decide about any more.
async fn release(store: &Store, work: &mut Work, order: &Order) -> Result<(), GatewayError> {
    match order.kind {
        OrderKind::Item => store.release_batch(work, order.message, order.part).await,
        _ => Ok(()),
    }
}

/// Whether it is money that goes on: nobody is asked about what only asks and answers. A price is asked about: whoever takes it is paid.
fn goes_on(order: &NewOrder) -> bool {
    order.kind.binds_money() && matches!(order.state, State::Held | State::Checked)
}

/// What is approved with an order: all of its batch's part that waits. Screening is of each item alone.
async fn together(store: &Store, work: &mut Work, order: Order, stage: Stage) -> Result<Vec<Order>, GatewayError> {
    if order.kind != OrderKind::Item || stage != Stage::Approval {
        return Ok(vec![order]);
    }
    let all = store.orders_of(work, order.message).await?;
    let is_with =
        |other: &Order| other.kind == OrderKind::Item && other.part == order.part && other.state == State::Waiting;
    Ok(all.into_iter().filter(is_with).collect())
}

/// `ExternalStatusReason1Code` where a person names none. DS02: an authorised user cancelled the order; RR04: regulatory reason.
const fn default_code(stage: Stage) -> &'static str {
    match stage {
        Stage::Approval => "DS02",
        Stage::Screening | Stage::Review => "RR04",
    }
}
