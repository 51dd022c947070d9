//! From bytes to what is taken over and what is answered.
//!
//! A message whose bytes, structure or totals are wrong is refused as a whole. A payment that breaks a rule of its own is
//! refused alone; the others of its message go on. Nothing is taken over in part: a payment is accepted with everything
//! it says, or it is answered `RJCT` with the reason and the exact place.

use crate::envelope::{Envelope, parse};
use crate::limits::Limits;
use crate::model::{
    BatchStatus, GroupStatus, ItemStatus, Message, OriginalGroup, OriginalIds, Reason, StatusReport, read_leniently,
};
use crate::problem::{Original, Problem, Rejection, Scope};
use crate::rules::{Profile, check};
use crate::tree::Shape;
use std::collections::BTreeMap;

/// Most characters of one `AddtlInf`, and most of them that a reason has here.
const ADDITIONAL_CHARS: usize = 105;
const ADDITIONAL_MAX: usize = 4;
/// Most reasons that one status has.
const REASONS_MAX: usize = 10;

/// A message that is taken over, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The message as it came.
    pub envelope: Envelope,
    /// What it says, without the items that are refused.
    pub message: Message,
    /// How it and its items are known, refused ones included.
    pub original: Original,
    /// Items that are refused: their number in the message, from 0, and why.
    pub refused: BTreeMap<usize, Vec<Problem>>,
}

/// Reads a message, holds it to the rules, and takes over what is good.
///
/// Without a profile, the header decides which usage rules apply ([`Profile::of`]).
pub fn accept(bytes: &[u8], limits: &Limits, profile: Option<&Profile>) -> Result<Accepted, Rejection> {
    let envelope = parse(bytes, limits)?;
    let own = Profile::of(&envelope);
    let findings = check(&envelope, profile.unwrap_or(&own));
    let original = envelope.original();
    if findings.refuses_all() {
        return Err(Rejection { problems: findings.problems, more: findings.more, original: Box::new(original) });
    }
    let (mut message, unread) = read_leniently(&envelope)?;
    let mut refused: BTreeMap<usize, Vec<Problem>> = BTreeMap::new();
    let known: Vec<String> = findings.problems.iter().map(|problem| problem.path.clone()).collect();
    let unread = unread.into_iter().filter(|problem| !known.iter().any(|path| path.starts_with(&problem.path)));
    let batches = batches_of_items(&envelope);
    for problem in findings.problems.into_iter().chain(unread) {
        match problem.scope {
            Scope::Message => {
                return Err(Rejection { problems: vec![problem], more: false, original: Box::new(original) });
            }
            Scope::Item(item) => refused.entry(item).or_default().push(problem),
            Scope::Batch(batch) => {
                let items = batches.iter().enumerate().filter(|(_, of)| **of == Some(batch));
                items.for_each(|(item, _)| refused.entry(item).or_default().push(problem.clone()));
            }
        }
    }
    let mut item = 0usize;
    message.keep_items(&mut || {
        let kept = !refused.contains_key(&item);
        item = item.saturating_add(1);
        kept
    });
    Ok(Accepted { envelope, message, original, refused })
}

/// The batch of each item, in order.
fn batches_of_items(envelope: &Envelope) -> Vec<Option<usize>> {
    let items = Shape::of(envelope.document.definition()).items(&envelope.document);
    items.into_iter().map(|(batch, _)| batch.map(|batch| batch.number())).collect()
}

/// What an answer is marked with. The crate knows neither the time nor chance, so the caller gives both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Identification of the answer, at most 35 characters.
    pub message_id: String,
    /// When it is made, `YYYY-MM-DDThh:mm:ss+00:00`.
    pub created: String,
}

impl Accepted {
    /// The answer to this message: pacs.002 to a bank, pain.002 to a customer. Items that go on have the status `accepted`
    /// (`ACTC`, `ACSP`, …), refused ones `RJCT`. `None` for messages that are not answered so.
    pub fn answer(&self, accepted: &str, mark: &Mark) -> Option<Message> {
        let all = !self.original.items.is_empty() && self.refused.len() == self.original.items.len();
        let group = match (self.refused.is_empty(), all) {
            (true, _) => accepted,
            (_, true) => "RJCT",
            _ => "PART",
        };
        let items = self.original.items.iter().enumerate().map(|(number, _)| match self.refused.get(&number) {
            Some(problems) => ("RJCT", reasons(problems)),
            None => (accepted, Vec::new()),
        });
        report(&self.original, group, Vec::new(), items.collect(), mark)
    }
}

impl Rejection {
    /// The answer to a refused message: pacs.002 or pain.002 with `RJCT`, the reasons and the exact places. `None` where
    /// so little could be read that no answer can name it; then the channel says so (a 4xx, by HTTP).
    pub fn answer(&self, mark: &Mark) -> Option<Message> {
        let mut by_scope: BTreeMap<Scope, Vec<Problem>> = BTreeMap::new();
        self.problems.iter().for_each(|problem| by_scope.entry(problem.scope).or_default().push(problem.clone()));
        let of = |scope: Scope| by_scope.get(&scope).map(|problems| reasons(problems));
        let group = of(Scope::Message).unwrap_or_else(|| reasons(&self.problems));
        let items = (0..self.original.items.len()).map(|number| ("RJCT", of(Scope::Item(number)).unwrap_or_default()));
        report(&self.original, "RJCT", group, items.collect(), mark)
    }
}

fn report(
    original: &Original,
    group: &str,
    group_reasons: Vec<Reason>,
    items: Vec<(&str, Vec<Reason>)>,
    mark: &Mark,
) -> Option<Message> {
    let name = original.name.clone()?;
    let message_id = original.message_id.clone()?;
    let to_customer = name.starts_with("pain.001");
    if !to_customer && !["pacs.008", "pacs.009", "pacs.004"].iter().any(|family| name.starts_with(family)) {
        return None;
    }
    let head = GroupStatus {
        message_id: message_id.clone(),
        message_name: name.clone(),
        created: original.created.clone(),
        count: original.count.clone(),
        control_sum: original.control_sum.clone(),
        status: Some(group.into()),
        reasons: group_reasons,
    };
    let mut report = StatusReport {
        message_id: mark.message_id.clone(),
        created: mark.created.clone(),
        groups: vec![head],
        ..StatusReport::default()
    };
    // To a customer the group is named once, at the head; between banks each payment names it.
    let group =
        (!to_customer).then(|| OriginalGroup { message_id, message_name: name, created: original.created.clone() });
    for (item, (status, reasons)) in original.items.iter().zip(items) {
        let ids = OriginalIds {
            group: group.clone(),
            instruction: item.instruction_id.clone(),
            end_to_end: item.end_to_end_id.clone(),
            transaction: item.transaction_id.clone().filter(|_| !to_customer),
            uetr: item.uetr.clone(),
        };
        let status = ItemStatus { original: ids, status: Some(status.into()), reasons, ..ItemStatus::default() };
        match (to_customer, &item.batch) {
            (false, _) => report.items.push(status),
            (true, Some(batch)) => match report.batches.last_mut().filter(|last| last.id == *batch) {
                Some(last) => last.items.push(status),
                None => report.batches.push(BatchStatus {
                    id: batch.clone(),
                    items: vec![status],
                    ..BatchStatus::default()
                }),
            },
            (true, None) => {}
        }
    }
    Some(if to_customer { Message::CustomerStatusReport(report) } else { Message::StatusReport(report) })
}

/// Reasons as an answer gives them: the code, then the place and the words, in pieces of 105 characters.
fn reasons(problems: &[Problem]) -> Vec<Reason> {
    let kept = problems.iter().take(REASONS_MAX);
    kept.map(|problem| {
        let mut words = pieces(&problem.path);
        let value = problem.value.as_ref().map(|value| format!("{value:?} ")).unwrap_or_default();
        words.extend(pieces(&format!("{value}{}", problem.text)));
        words.truncate(ADDITIONAL_MAX);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Reason::new(problem.reason, &words)
    })
    .collect()
}

/// A text in pieces that `AddtlInf` can hold.
fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(ADDITIONAL_CHARS).map(|piece| piece.iter().collect()).collect()
}
