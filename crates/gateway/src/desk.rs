//! The desk: reads what arrived, decides which orders it is, and gives the final answer when each has its last state.

use crate::{
    GatewayError,
    book::Book,
    chain::{Chain, Received},
    exceptions,
    identity::Uetr,
    office::Office,
    order::State,
    outbox::{mark, report, written},
    plan,
    reason::Reason,
    store::{
        Entry, MESSAGE_FINAL, MESSAGE_OPEN, MESSAGE_REFUSED, MessageRow, NewAnswer, NewOrder, OWN_NAMES, OrderKind,
        Purpose, ReadAs, Side, Store,
    },
};
use florin_history::sql::Work;
use florin_iso20022::{
    Accepted, Kind, Limits, Problem, Rejection, Scope, accept,
    model::{Message, PaymentReturns},
};
use serde_json::json;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Messages read in one round, and answered in one.
const ROUND_MESSAGES: u64 = 32;
/// Payments that come back in one message, are not remembered, and are looked for on the ledger: all its blocks are asked for them in
/// one filter, and everybody's rounds wait.
const UNKNOWN_MAX: usize = 100;
/// Problems that are told where no answer can be made.
const PROBLEMS_MAX: usize = 20;

/// Reads and answers.
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) chain: Chain,
    pub(crate) book: Arc<Book>,
    pub(crate) limits: Limits,
    pub(crate) office: Office,
}

/// What reading a message leads to.
struct Read {
    read: ReadAs,
    orders: Vec<NewOrder>,
    answers: Vec<NewAnswer>,
}

impl Desk {
    /// One round: read what arrived, let go what was held, answer what is over. Says whether anything was done.
    pub(crate) async fn read(&self, now_ms: u64) -> Result<bool, GatewayError> {
        let (mut done, mut failed, mut after) = (false, None, 0);
        // Messages that cannot be read now keep no others waiting, however many they are.
        while !done {
            let mut work = self.store.read().await?;
            let unread = self.store.unread(&mut work, after, ROUND_MESSAGES).await?;
            drop(work);
            let Some(last) = unread.last() else { break };
            after = last.number;
            for row in &unread {
                match self.read_one(row, now_ms).await {
                    Ok(was_read) => done |= was_read,
                    Err(error) if error.is_fatal() => return Err(error),
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
        let mut work = self.store.read().await?;
        let is_due = self.store.is_any_due(&mut work, now_ms).await?;
        drop(work);
        if is_due {
            let mut work = self.store.write().await?;
            self.store.release_held(&mut work, self.office.after_approval(), now_ms).await?;
            self.store.commit(work, "released").await?;
        }
        failed.map_or(Ok(done || is_due), Err)
    }

    /// `false` where it cannot be read now.
    async fn read_one(&self, row: &MessageRow, now_ms: u64) -> Result<bool, GatewayError> {
        let mut work = self.store.read().await?;
        let content = self.store.content(&mut work, row.number).await?;
        drop(work);
        let limits = self.limits.clone();
        let accepted = tokio::task::spawn_blocking(move || accept(&content, &limits, None)).await;
        // A panic of the reader is a fault of this program, of which the message is told as of any other.
        let accepted = accepted.unwrap_or_else(|_| Err(unreadable()));
        let unknown = match &accepted {
            Ok(Accepted { message: Message::Returns(returns), .. }) => self.unknown(row, returns).await?,
            _ => Vec::new(),
        };
        let (accepted, unknown) = match accepted {
            Ok(accepted) if unknown.len() > UNKNOWN_MAX => (Err(forgotten(&accepted, unknown.len())), Vec::new()),
            accepted => (accepted, unknown),
        };
        // The next round knows.
        let Some(received) = self.received(row, &unknown).await? else { return Ok(false) };
        let mut work = self.store.write().await?;
        let read = match accepted {
            Err(rejection) => self.rejected(row, &rejection, now_ms),
            Ok(accepted) => match self.accepted(&mut work, row, &accepted, &received, now_ms).await {
                // One message must never keep the others waiting: what could not be answered is refused, and begun anew.
                Err(GatewayError::Answer(fault)) => {
                    tracing::error!(message = row.number, fault, "gateway.answer");
                    drop(work);
                    work = self.store.write().await?;
                    self.rejected(row, &unreadable(), now_ms)
                }
                read => read?,
            },
        };
        let Read { read, mut orders, answers } = read;
        if !self.store.read_as(&mut work, row.number, &read).await? {
            return Ok(true);
        }
        self.store.add_orders(&mut work, &mut orders).await?;
        self.store.keep_answers(&mut work, &answers).await?;
        self.store.commit(work, "read").await?;
        Ok(true)
    }

    /// A message that is refused as a whole claims nothing: it may be mended, and sent under its name.
    fn rejected(&self, row: &MessageRow, rejection: &Rejection, now_ms: u64) -> Read {
        let original = &rejection.original;
        let claim = format!("final:{}", row.number);
        let mark = mark(row, &claim, now_ms);
        let answer = rejection.answer(&mark).map(|message| {
            written(&message, &row.tenant, Some(row.number), Purpose::Final, claim, &mark.message_id, now_ms)
        });
        // An answer that its own schema refuses, because the original's references are no references: the channel says it.
        let answer = answer.and_then(Result::ok);
        let read = ReadAs {
            state: if answer.is_some() { MESSAGE_FINAL } else { MESSAGE_REFUSED },
            claim: None,
            name: original.name.clone(),
            message_id: original.message_id.clone(),
            created: original.created.clone(),
            count: original.count.clone(),
            control_sum: original.control_sum.clone(),
            problem: Some(problems(rejection)),
        };
        Read { read, orders: Vec::new(), answers: answer.into_iter().collect() }
    }

    async fn accepted(
        &self,
        work: &mut Work,
        row: &MessageRow,
        accepted: &Accepted,
        received: &HashMap<Uetr, Received>,
        now_ms: u64,
    ) -> Result<Read, GatewayError> {
        let claim = claim_of(accepted);
        if let Some(first) = self.store.message_by_claim(work, &row.tenant, &claim).await? {
            return Ok(self.rejected(row, &duplicate(accepted, &first), now_ms));
        }
        let original = &accepted.original;
        let mut read = ReadAs {
            state: MESSAGE_FINAL,
            claim: Some(claim),
            name: original.name.clone(),
            message_id: original.message_id.clone(),
            created: original.created.clone(),
            count: original.count.clone(),
            control_sum: original.control_sum.clone(),
            problem: None,
        };
        let context = plan::Context { book: &self.book, tenant: &row.tenant, message: row.number, now_ms };
        let Some(mut orders) = plan::orders(accepted, &context) else {
            let Some(answer) = self.exception(work, row, &accepted.message, now_ms).await? else {
                return Ok(self.rejected(row, &unwanted(accepted), now_ms));
            };
            return Ok(Read { read, orders: Vec::new(), answers: vec![answer] });
        };
        for order in orders.iter_mut().filter(|order| order.state != State::Refused) {
            if order.kind == OrderKind::Return
                && let Err(reason) = self.find_returned(work, order, received).await?
            {
                order.refuse(reason);
            }
        }
        claim_orders(&self.store, work, &mut orders).await?;
        self.office.enter(&mut orders);
        let goes_on = orders.iter().any(|order| !order.state.is_last());
        let (state, purpose) = if goes_on { (MESSAGE_OPEN, Purpose::Taken) } else { (MESSAGE_FINAL, Purpose::Final) };
        read.state = state;
        if !goes_on {
            read.claim = None;
        }
        let claim = format!("{}:{}", purpose.name(), row.number);
        let as_read = MessageRow {
            name: read.name.clone(),
            message_id: read.message_id.clone(),
            created: read.created.clone(),
            count: read.count.clone(),
            control_sum: read.control_sum.clone(),
            ..row.clone()
        };
        let mark = mark(row, &claim, now_ms);
        let message = report(&as_read, &orders, &mark);
        let answer = written(&message, &row.tenant, Some(row.number), purpose, claim, &mark.message_id, now_ms)?;
        Ok(Read { read, orders, answers: vec![answer] })
    }

    /// Payments that come back and of which no entry is here.
    async fn unknown(&self, row: &MessageRow, returns: &PaymentReturns) -> Result<Vec<Uetr>, GatewayError> {
        let mut work = self.store.read().await?;
        let mut unknown = Vec::new();
        for uetr in returns.returns.iter().filter_map(|one| Uetr::parse(one.original.uetr.as_deref()?)) {
            if self.credits(&mut work, &row.tenant, &uetr.to_string()).await?.is_empty() {
                unknown.push(uetr);
            }
        }
        Ok(unknown)
    }

    /// These payments, as the ledger knows them: they came before this database. `None` where that cannot be said now.
    async fn received(
        &self,
        row: &MessageRow,
        unknown: &[Uetr],
    ) -> Result<Option<HashMap<Uetr, Received>>, GatewayError> {
        let is_meant =
            |payee| self.book.at(payee).is_some_and(|holder| holder.tenant.as_deref() == Some(row.tenant.as_str()));
        Ok(self.chain.received(unknown, is_meant).await?)
    }

    /// The entries of a tenant's credits under a UETR. What came back under it is none.
    async fn credits(&self, work: &mut Work, tenant: &str, uetr: &str) -> Result<Vec<Entry>, GatewayError> {
        let entries = self.store.entries_under(work, tenant, uetr).await?;
        let is_credit = |entry: &Entry| {
            entry.side == Side::Credit && matches!(entry.details.kind.as_deref(), Some("pay" | "item" | "exchange"))
        };
        Ok(entries.into_iter().filter(is_credit).collect())
    }

    /// Whose payment comes back: by the entry that the ledger made of it, else by what the ledger has of it.
    async fn find_returned(
        &self,
        work: &mut Work,
        order: &mut NewOrder,
        received: &HashMap<Uetr, Received>,
    ) -> Result<Result<(), Reason>, GatewayError> {
        let uetr = order.uetr.clone().unwrap_or_default();
        let credits = self.credits(work, &order.tenant, &uetr).await?;
        // Payers name their payments, and two of them may use one name.
        if credits.len() > 1 {
            let words = format!(
                "{uetr} names more than one payment that was received on accounts of this sender: pay it back with a pacs.008"
            );
            return Ok(Err(Reason::new("NARR", words)));
        }
        let credit = credits.into_iter().next();
        if credit.as_ref().is_some_and(|credit| credit.details.kind.as_deref() == Some("item")) {
            let words = format!(
                "{uetr} came in a batch, whose items have no return on the ledger: pay it back with a pacs.008"
            );
            return Ok(Err(Reason::new("NARR", words)));
        }
        let entered =
            credit.map(|entry| Received { payer: entry.counterparty, payee: entry.holder, token: entry.token });
        let known = entered.or_else(|| received.get(&Uetr::parse(&uetr)?).copied());
        let Some(Received { payer, payee, token }) = known else {
            let words = format!("no payment {uetr} was received on an account of this sender");
            return Ok(Err(Reason::new("NARR", words)));
        };
        let currency = self.book.token_at(token).map(|token| token.currency.clone());
        if currency != order.currency {
            let words = format!("{uetr} was paid in {}", currency.unwrap_or_default());
            return Ok(Err(Reason::new("AM03", words)));
        }
        let holder = self.book.at(payee).filter(|holder| holder.pays);
        if holder.is_none() {
            return Ok(Err(Reason::new("AC02", format!("there is no key here for account {payee}"))));
        }
        (order.signer, order.token) = (Some(payee), Some(token));
        (order.payer, order.payee) = (Some(payer), Some(payer));
        Ok(Ok(()))
    }

    /// Requests about orders: the answer, or nothing for a message that nobody asked for.
    async fn exception(
        &self,
        work: &mut Work,
        row: &MessageRow,
        message: &Message,
        now_ms: u64,
    ) -> Result<Option<NewAnswer>, GatewayError> {
        let claim = format!("final:{}", row.number);
        let mark = mark(row, &claim, now_ms);
        let answer = match message {
            Message::CancellationRequests(requests) => {
                exceptions::cancel(&self.store, work, &row.tenant, requests, &mark).await?
            }
            Message::StatusRequests(requests) => {
                exceptions::statuses(&self.store, work, &row.tenant, requests, &mark).await?
            }
            _ => return Ok(None),
        };
        written(&answer, &row.tenant, Some(row.number), Purpose::Final, claim, &mark.message_id, now_ms).map(Some)
    }

    /// Gives final answers to messages all of whose orders have their last state.
    pub(crate) async fn answer(&self, now_ms: u64) -> Result<bool, GatewayError> {
        let mut work = self.store.read().await?;
        let over = self.store.messages_over(&mut work, ROUND_MESSAGES).await?;
        drop(work);
        let mut done = false;
        for row in over {
            let mut work = self.store.write().await?;
            let orders = self.store.orders_of(&mut work, row.number).await?;
            let orders = exceptions::as_they_are(&self.store, &mut work, orders).await?;
            if !orders.iter().all(|order| order.state.is_last())
                || !self.store.finish_message(&mut work, row.number).await?
            {
                continue;
            }
            // What came as JSON and is no message of ISO 20022 has no answer in one.
            if row.name.as_deref().is_some_and(|name| name.starts_with(OWN_NAMES)) {
                self.store.commit(work, "answered").await?;
                done = true;
                continue;
            }
            let claim = format!("final:{}", row.number);
            let mark = mark(&row, &claim, now_ms);
            let message = report(&row, &orders, &mark);
            let id = &mark.message_id;
            let answer = match written(&message, &row.tenant, Some(row.number), Purpose::Final, claim, id, now_ms) {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::error!(message = row.number, %error, "gateway.answer");
                    continue;
                }
            };
            self.store.keep_answers(&mut work, &[answer]).await?;
            self.store.commit(work, "answered").await?;
            done = true;
        }
        Ok(done)
    }
}

/// An order is one payment: what is known under its name is it, or is a reason to refuse this one.
pub(crate) async fn claim_orders(store: &Store, work: &mut Work, orders: &mut [NewOrder]) -> Result<(), GatewayError> {
    let claims: Vec<&str> = orders.iter().filter_map(|order| order.claim.as_deref()).collect();
    let known = store.orders_by_claim(work, &claims).await?;
    let known: HashMap<String, NewOrder> =
        known.into_iter().filter_map(|order| Some((order.claim.clone()?, order))).collect();
    let mut claimed = HashSet::new();
    for order in orders {
        let Some(claim) = order.claim.clone() else { continue };
        let says = |order: &NewOrder| {
            let details = &order.details;
            (order.payer, order.payee, order.token, order.amount, details.ledger_request, details.exchange.clone())
        };
        match known.get(&claim) {
            Some(first) if first.tenant == order.tenant && says(first) == says(order) => {
                order.claim = None;
                order.state = State::Same;
                order.same_as = Some(first.number);
            }
            None if claimed.insert(claim) => {}
            _ => {
                let uetr = order.uetr.clone().unwrap_or_default();
                let words = format!(
                    "{uetr} names another payment already: other payee, amount or currency, or another request or quote. Give each payment a UETR of its own"
                );
                order.refuse(Reason::new("DUPL", words));
            }
        }
    }
    Ok(())
}

/// What makes a message one: who sent it, what family it is of, and what it is called.
fn claim_of(accepted: &Accepted) -> String {
    let original = &accepted.original;
    let family: String = original.name.as_deref().unwrap_or_default().chars().take(8).collect();
    let sender = original.sender.as_deref().unwrap_or_default();
    format!("{sender}|{family}|{}", original.message_id.as_deref().unwrap_or_default())
}

fn problem(reason: &'static str, kind: Kind, path: String, text: String) -> Problem {
    Problem { kind, path, reason, text, value: None, scope: Scope::Message }
}

fn refusal(accepted: &Accepted, problem: Problem) -> Rejection {
    Rejection { problems: vec![problem], more: false, original: Box::new(accepted.original.clone()) }
}

/// Other bytes came under a name that is known.
fn duplicate(accepted: &Accepted, first: &MessageRow) -> Rejection {
    let name = accepted.original.message_id.clone().unwrap_or_default();
    let received = crate::identity::time_text(first.received_ms);
    let text = format!(
        "another message was sent under {name:?} ({received}): send this one under an identification of its own"
    );
    let root = match accepted.original.name.as_deref().and_then(|name| name.get(..8)).unwrap_or_default() {
        "pacs.008" => "FIToFICstmrCdtTrf/GrpHdr/MsgId",
        "pacs.009" => "FICdtTrf/GrpHdr/MsgId",
        "pacs.004" => "PmtRtr/GrpHdr/MsgId",
        "pain.001" => "CstmrCdtTrfInitn/GrpHdr/MsgId",
        "pacs.028" => "FIToFIPmtStsReq/GrpHdr/MsgId",
        _ => "FIToFIPmtCxlReq/Assgnmt/Id",
    };
    refusal(accepted, problem("DUPL", Kind::Rule, format!("/Document/{root}"), text))
}

/// So many payments come back that the ledger would be searched for too long.
fn forgotten(accepted: &Accepted, unknown: usize) -> Rejection {
    let text = format!(
        "{unknown} of its payments are not remembered here, and at most {UNKNOWN_MAX} are looked for on the ledger: divide the message"
    );
    refusal(accepted, problem("NARR", Kind::Rule, "/Document/PmtRtr".into(), text))
}

fn unwanted(accepted: &Accepted) -> Rejection {
    let name = accepted.original.name.clone().unwrap_or_default();
    let text = format!("{name} is not taken here: send pain.001, pacs.008, pacs.009, pacs.004, pacs.028 or camt.056");
    refusal(accepted, problem("FF01", Kind::Unsupported, "/Document".into(), text))
}

fn unreadable() -> Rejection {
    let text = "the message could not be read, by a fault of this program: report it".to_owned();
    Rejection {
        problems: vec![problem("FF01", Kind::Malformed, "/".into(), text)],
        more: false,
        original: Box::default(),
    }
}

/// Everything that is wrong, for the channel to say.
fn problems(rejection: &Rejection) -> String {
    let told = rejection.problems.iter().take(PROBLEMS_MAX).map(
        |problem| json!({ "code": problem.reason, "path": problem.path, "text": problem.text, "value": problem.value }),
    );
    serde_json::Value::Array(told.collect()).to_string()
}
