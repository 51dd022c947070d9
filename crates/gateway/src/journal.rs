//! The journal: movements on accounts that are served, requests to pay between them and others, and quotes that they may take, read from
//! the ledger in its order, and what is told of them.
//!
//! **Invariant.** Entries, the notifications of credits, requests, quotes, and how far was read are durable together. Every entry is proven; that
//! none is missing is checked against the proven balance when a statement is made.

use crate::{
    GatewayError,
    book::{Book, Holder},
    chain::{Chain, windows},
    identity::{Uetr, is_bic, request_id, uetr_prefix, veiled},
    quote::Terms,
    statement::notification,
    store::{
        Entry, EntryDetails, ExchangeLegs, NewAnswer, Order, OrderKind, Quote, QuoteEnd, QuoteState, RequestEnd,
        RequestToPay, Side, Stand, Store,
    },
};
use alloy_primitives::{Address, B256, Log, U256};
use alloy_sol_types::SolEvent as _;
use florin_client::{ClientError, ProvenBody};
use florin_history::sql::Work;
use florin_modules::{
    EXCHANGE_ADDRESS, PAYMENT_ADDRESS,
    fx::{IExchange, Usability},
    payment::{IPayment, RequestState},
    token::{IToken, batch_items},
};
use serde_json::json;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::watch;

/// Blocks that are asked about at once.
const BLOCKS_MAX: u64 = 1_000;
/// Requests and quotes that are looked up on the ledger in one round.
const LOOKED_UP_MAX: u64 = 16;
/// Blocks with movements that are read in one round.
const BODIES_MAX: usize = 64;
/// Blocks without movements until it is made durable that they were read.
const NOTED_EVERY: u64 = 200;
/// Accounts up to which the node is asked for their movements alone.
const FILTERED_HOLDERS_MAX: usize = 100;

/// Reads what happened.
pub(crate) struct Journal {
    store: Store,
    chain: Chain,
    book: Arc<Book>,
    /// How far was read.
    read_to: watch::Sender<u64>,
    /// How far that is durable.
    noted: u64,
    /// Blocks that are asked about at once: fewer where the node's answer would be too large.
    span: u64,
}

/// Units that moved from one account to another.
struct Movement {
    token: Address,
    from: Address,
    to: Address,
    amount: u128,
    log: u64,
    item: u64,
    /// Of an item of a batch.
    reference: Option<[u8; 8]>,
}

/// What happened to a request to pay.
enum RequestEvent {
    Made(Box<RequestToPay>),
    Ended(RequestEnd),
}

/// What happened to quotes.
enum QuoteEvent {
    Made(Box<Quote>),
    Ended(QuoteEnd),
}

/// What the node's blocks say of a request's end.
enum End {
    Told(RequestEnd),
    /// The block is not shown to be final yet.
    Later,
    /// The node has no blocks so old.
    NotKept,
}

/// What one round read.
#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    requests: Vec<RequestEvent>,
    quotes: Vec<QuoteEvent>,
}

/// What a payment says of a movement.
#[derive(Default)]
struct Said {
    kind: Option<OrderKind>,
    /// Whose payment it is.
    payer: Address,
    uetr: Option<Uetr>,
    /// Beginning of the UETR, for an item.
    prefix: Option<String>,
    details: EntryDetails,
    end_to_end: B256,
    remittance: B256,
    /// Number on the ledger of the request that it accepts.
    accepts: Option<u64>,
    /// Of an exchange: debtor and creditor. The others on its way are providers.
    between: Option<[Address; 2]>,
}

impl Journal {
    pub(crate) fn new(store: Store, chain: Chain, book: Arc<Book>, read_to: u64) -> Self {
        Self { store, chain, book, read_to: watch::Sender::new(read_to), noted: read_to, span: BLOCKS_MAX }
    }

    /// How far was read, for whoever waits for it.
    pub(crate) fn progress(&self) -> watch::Receiver<u64> {
        self.read_to.subscribe()
    }

    /// Reads on. Says whether anything happened on an account that is served.
    pub(crate) async fn round(&mut self, now_ms: u64) -> Result<bool, GatewayError> {
        let was_read = self.read_on(now_ms).await?;
        let has_numbered = self.number_requests(now_ms).await?;
        Ok(self.look_up_quotes(now_ms).await? || has_numbered || was_read)
    }

    async fn read_on(&mut self, now_ms: u64) -> Result<bool, GatewayError> {
        let from = self.read_to.borrow().saturating_add(1);
        let head = self.chain.rpc.block_number().await?;
        if head < from {
            return Ok(false);
        }
        let mut to = head.min(from.saturating_add(self.span.saturating_sub(1)));
        let mut heights = match self.heights(from, to).await {
            Ok(heights) => heights,
            Err(error) => {
                self.span = (self.span / 2).max(1);
                return Err(error);
            }
        };
        self.span = self.span.saturating_mul(2).min(BLOCKS_MAX);
        if let Some(beyond) = heights.get(BODIES_MAX) {
            to = beyond.saturating_sub(1);
            heights.truncate(BODIES_MAX);
        }
        let mut bodies = Vec::with_capacity(heights.len());
        for height in heights {
            match self.chain.body(height).await? {
                Some(body) => bodies.push(body),
                // Its certificate comes in a moment; nothing behind it is told before it.
                None => {
                    to = height.saturating_sub(1);
                    break;
                }
            }
        }
        self.enter(&bodies, to, now_ms).await
    }

    /// Heights at which units of the configured tokens moved to or from accounts that are served, or requests to pay changed.
    async fn heights(&self, from: u64, to: u64) -> Result<Vec<u64>, GatewayError> {
        let tokens: Vec<Address> = self.book.tokens().map(|token| token.address).collect();
        let holders: Vec<B256> = self.book.served().map(|holder| holder.address.into_word()).collect();
        if tokens.is_empty() || holders.is_empty() {
            return Ok(Vec::new());
        }
        let (moved, batch) = (IToken::Transfer::SIGNATURE_HASH, IToken::BatchTransfer::SIGNATURE_HASH);
        let requests = [
            IPayment::RequestMade::SIGNATURE_HASH,
            IPayment::RequestAccepted::SIGNATURE_HASH,
            IPayment::RequestRefused::SIGNATURE_HASH,
            IPayment::RequestWithdrawn::SIGNATURE_HASH,
        ];
        let topics = if holders.len() <= FILTERED_HOLDERS_MAX {
            let of_tokens = vec![json!([moved, holders]), json!([moved, null, holders]), json!([batch])];
            (of_tokens, vec![json!([requests, null, holders]), json!([requests, null, null, holders])])
        } else {
            (vec![json!([[moved, batch]])], vec![json!([requests])])
        };
        let of_tokens = topics.0.into_iter().map(|topics| (json!(tokens), topics));
        let of_payments = topics.1.into_iter().map(|topics| (json!([PAYMENT_ADDRESS]), topics));
        let quotes = [
            IExchange::QuotePosted::SIGNATURE_HASH,
            IExchange::QuoteCancelled::SIGNATURE_HASH,
            IExchange::QuotesRevoked::SIGNATURE_HASH,
            IExchange::ProviderRetired::SIGNATURE_HASH,
            IExchange::Exchanged::SIGNATURE_HASH,
        ];
        // Whoever knows one currency exchanges none.
        let of_quotes = (tokens.len() > 1).then(|| (json!([EXCHANGE_ADDRESS]), json!([quotes])));
        let filters: Vec<_> = of_tokens.chain(of_payments).chain(of_quotes).collect();
        Ok(self.chain.logs(from, to, &filters).await?)
    }

    async fn enter(&mut self, bodies: &[ProvenBody], to: u64, now_ms: u64) -> Result<bool, GatewayError> {
        let mut found = Found::default();
        if !bodies.is_empty() {
            let mut work = self.store.read().await?;
            for body in bodies {
                found.entries.extend(self.entries(&mut work, body).await?);
                found.requests.extend(self.requests(body));
                found.quotes.extend(self.quotes(body));
            }
        }
        let Found { entries, requests, quotes } = found;
        let is_something = !entries.is_empty() || !requests.is_empty() || !quotes.is_empty();
        if !is_something && to.saturating_sub(self.noted) < NOTED_EVERY {
            self.told(to);
            return Ok(false);
        }
        // Written before the transaction begins: whoever sends a message does not wait for it.
        let (entries, notifications) = notifications(self.book.clone(), entries, now_ms).await?;
        let mut work = self.store.write().await?;
        // Another process with this database was first: go on from where it stands.
        let stored = self.store.stored_read_to(&mut work).await?;
        if stored > self.noted {
            self.noted = stored;
            self.told(stored);
            return Ok(true);
        }
        self.store.add_entries(&mut work, &entries).await?;
        self.store.keep_answers(&mut work, &notifications).await?;
        for request in requests {
            match request {
                RequestEvent::Made(request) => self.store.request_made(&mut work, *request).await?,
                RequestEvent::Ended(end) => self.store.request_ended(&mut work, &end).await?,
            }
        }
        for quote in quotes {
            match quote {
                QuoteEvent::Made(quote) => self.store.quote_made(&mut work, *quote).await?,
                QuoteEvent::Ended(end) => self.store.quotes_ended(&mut work, &end).await?,
            }
        }
        self.store.read_to(&mut work, to).await?;
        self.store.commit(work, "entered").await?;
        self.noted = to;
        self.told(to);
        Ok(is_something)
    }

    fn told(&self, to: u64) {
        self.read_to.send_if_modified(|known| {
            let is_later = to > *known;
            *known = to.max(*known);
            is_later
        });
    }

    /// Entries of one block.
    async fn entries(&self, work: &mut Work, body: &ProvenBody) -> Result<Vec<Entry>, GatewayError> {
        let (mut entries, mut first_log) = (Vec::new(), 0u64);
        for (index, receipt) in body.receipts.iter().enumerate() {
            let logs = receipt.logs();
            let hash = body.hash(index).unwrap_or_default();
            let batched = self.batched(work, logs).await?;
            for movement in movements(logs, first_log, &self.book) {
                let sides = [(Side::Debit, movement.from, movement.to), (Side::Credit, movement.to, movement.from)];
                let sides = sides.map(|(side, holder, other)| (side, self.served(holder), other));
                if sides.iter().all(|(_, holder, _)| holder.is_none()) {
                    continue;
                }
                let said = said(logs, &movement);
                // Whoever changes their money reads neither their names nor what they pay for.
                let (between, bare) = (said.between, said.details.clone());
                let (uetr, details) = self.known(work, said, &batched).await?;
                let bare = EntryDetails { kind: Some(OrderKind::Quote.name().into()), ..bare };
                for (side, holder, counterparty) in sides {
                    let Some((holder, tenant)) = holder else { continue };
                    let (counterparty, details) = match between {
                        None => (counterparty, &details),
                        Some([debtor, creditor]) if holder.address == debtor => (creditor, &details),
                        Some([debtor, creditor]) if holder.address == creditor => (debtor, &details),
                        Some(_) => (counterparty, &bare),
                    };
                    entries.push(Entry {
                        number: 0,
                        tenant: tenant.into(),
                        account: holder.number.clone(),
                        holder: holder.address,
                        token: movement.token,
                        height: body.header.height(),
                        log: movement.log,
                        item: movement.item,
                        side,
                        hash,
                        time_ms: body.header.extension().timestamp_ms,
                        amount: movement.amount,
                        counterparty,
                        uetr: uetr.clone(),
                        details: details.clone(),
                    });
                }
            }
            first_log = first_log.saturating_add(u64::try_from(logs.len()).unwrap_or(u64::MAX));
        }
        Ok(entries)
    }

    /// What happened in one block to requests to pay in configured tokens between accounts of which one is served, in the order of
    /// the ledger.
    fn requests(&self, body: &ProvenBody) -> Vec<RequestEvent> {
        let time_ms = body.header.extension().timestamp_ms;
        let logs = body.receipts.iter().flat_map(|receipt| receipt.logs());
        let ours = logs.filter(|log| log.address == PAYMENT_ADDRESS);
        let end = |ledger, state, (code, uetr)| {
            Some(RequestEvent::Ended(RequestEnd { ledger, state, code, uetr, ended_ms: time_ms }))
        };
        let event = |log: &Log| {
            if let Ok(event) = IPayment::RequestMade::decode_log_validate(log) {
                return self.request_made(&event, time_ms).map(|made| RequestEvent::Made(Box::new(made)));
            }
            if let Ok(event) = IPayment::RequestAccepted::decode_log_validate(log) {
                let uetr = Uetr::from_word(event.uetr).map(|uetr| uetr.to_string());
                return end(event.requestId, RequestState::Accepted, (None, uetr));
            }
            if let Ok(event) = IPayment::RequestRefused::decode_log_validate(log) {
                return end(event.requestId, RequestState::Refused, (ascii(event.reason.as_slice()), None));
            }
            let event = IPayment::RequestWithdrawn::decode_log_validate(log).ok()?;
            end(event.requestId, RequestState::Withdrawn, (None, None))
        };
        ours.filter_map(event).collect()
    }

    /// A request that somebody of this gateway makes or is asked by.
    fn request_made(&self, event: &IPayment::RequestMade, time_ms: u64) -> Option<RequestToPay> {
        let tenant = |address| self.served(address).map(|(_, tenant)| tenant.to_owned());
        let (creditor_tenant, debtor_tenant) = (tenant(event.creditor), tenant(event.debtor));
        if creditor_tenant.is_none() && debtor_tenant.is_none() {
            return None;
        }
        self.book.token_at(event.token)?;
        Some(RequestToPay {
            number: 0,
            id: request_id(event.creditor, event.requestReference),
            creditor: event.creditor,
            reference: event.requestReference,
            debtor: event.debtor,
            creditor_tenant,
            debtor_tenant,
            token: event.token,
            amount: u128::try_from(event.amount).ok()?,
            expires_ms: event.expiryMs,
            end_to_end: None,
            remittance: None,
            purpose: ascii(event.purpose.as_slice()),
            stand: Stand::Ledger(RequestState::Open),
            code: None,
            uetr: None,
            ledger: Some(event.requestId),
            made_ms: time_ms,
            ended_ms: None,
        })
    }

    /// What happened in one block to quotes between configured tokens that somebody here makes or may take, in the order of the ledger.
    fn quotes(&self, body: &ProvenBody) -> Vec<QuoteEvent> {
        let ended_ms = body.header.extension().timestamp_ms;
        let end =
            |provider, nonce, state, uetr| Some(QuoteEvent::Ended(QuoteEnd { provider, nonce, state, uetr, ended_ms }));
        let of_transaction = |logs: &[Log]| {
            let event = |log: &Log| {
                if let Ok(event) = IExchange::QuotePosted::decode_log_validate(log) {
                    return self.quote_made(event.data.quote, ended_ms).map(|quote| QuoteEvent::Made(Box::new(quote)));
                }
                if let Ok(event) = IExchange::Exchanged::decode_log_validate(log) {
                    let paid = crossed(logs, event.tradeId);
                    let uetr = paid.and_then(|paid| Uetr::from_word(paid.uetr)).map(|uetr| uetr.to_string());
                    return end(event.provider, Some(event.nonce), QuoteState::Taken, uetr);
                }
                if let Ok(event) = IExchange::QuoteCancelled::decode_log_validate(log) {
                    return end(event.provider, Some(event.nonce), QuoteState::Withdrawn, None);
                }
                let revoked = IExchange::QuotesRevoked::decode_log_validate(log).map(|event| event.provider);
                let retired = || IExchange::ProviderRetired::decode_log_validate(log).map(|event| event.provider);
                end(revoked.or_else(|_| retired()).ok()?, None, QuoteState::Revoked, None)
            };
            let ours = logs.iter().filter(|log| log.address == EXCHANGE_ADDRESS);
            ours.filter_map(event).collect::<Vec<_>>()
        };
        body.receipts.iter().flat_map(|receipt| of_transaction(receipt.logs())).collect()
    }

    /// A quote that somebody of this gateway makes or may take.
    fn quote_made(&self, quote: IExchange::Quote, made_ms: u64) -> Option<Quote> {
        self.book.token_at(quote.sellToken)?;
        self.book.token_at(quote.buyToken)?;
        let tenant = |address| self.served(address).map(|(_, tenant)| tenant);
        let (provider, taker) = (tenant(quote.provider), tenant(quote.taker));
        if provider.is_none() && taker.is_none() && !quote.taker.is_zero() {
            return None;
        }
        Some(Quote { state: QuoteState::Open, ..Quote::ordered(Terms(quote), provider, taker, made_ms) })
    }

    /// Looks up, proven, how quotes stand that the ledger had before it was read here: those of an earlier life of this gateway.
    async fn look_up_quotes(&mut self, now_ms: u64) -> Result<bool, GatewayError> {
        let mut work = self.store.read().await?;
        let unread = self.store.quotes_unread(&mut work, LOOKED_UP_MAX).await?;
        drop(work);
        let mut done = false;
        for quote in unread {
            let (height, usability) = self.chain.proven_usability(&quote.terms).await?;
            let is_used = match usability {
                Usability::Usable => false,
                Usability::Used => true,
                // The ledger says first that a quote is late or revoked: it may have been used before.
                Usability::Expired | Usability::NoProvider | Usability::Revoked => {
                    self.chain.proven_nonce(quote.terms.0.provider, quote.terms.0.nonce).await?
                }
            };
            let state = match usability {
                _ if is_used && self.is_withdrawn(&quote.terms).await? => QuoteState::Withdrawn,
                _ if is_used => QuoteState::Taken,
                Usability::NoProvider | Usability::Revoked => QuoteState::Revoked,
                _ => QuoteState::Open,
            };
            let mut work = self.store.write().await?;
            // What another process with this database read meanwhile may be newer than this proof.
            if self.store.stored_read_to(&mut work).await? > height {
                continue;
            }
            let (provider, nonce) = (quote.terms.0.provider, Some(quote.terms.0.nonce));
            self.store.quote_made(&mut work, Quote { state: QuoteState::Open, ..quote }).await?;
            if state != QuoteState::Open {
                let end = QuoteEnd { provider, nonce, state, uetr: None, ended_ms: now_ms };
                self.store.quotes_ended(&mut work, &end).await?;
            }
            self.store.commit(work, "looked up").await?;
            done = true;
        }
        Ok(done)
    }

    /// Whether the node has a record that the quote was withdrawn. Its word: nothing moves by it.
    async fn is_withdrawn(&self, terms: &Terms) -> Result<bool, GatewayError> {
        let topics = json!([IExchange::QuoteCancelled::SIGNATURE_HASH, terms.0.provider.into_word(), terms.0.nonce]);
        match self.chain.logs_of_all_times(json!([EXCHANGE_ADDRESS]), topics).await {
            Ok(heights) => Ok(!heights.is_empty()),
            // The node keeps no index so far back.
            Err(ClientError::Refused { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks up, proven, what became of requests that the ledger had before it was read here: those of an earlier life of this gateway.
    async fn number_requests(&mut self, now_ms: u64) -> Result<bool, GatewayError> {
        let mut work = self.store.read().await?;
        let unnumbered = self.store.requests_without_number(&mut work, LOOKED_UP_MAX).await?;
        drop(work);
        let mut done = false;
        for request in unnumbered {
            done |= self.number_request(request, now_ms).await?;
        }
        Ok(done)
    }

    /// `false` where that cannot be said now.
    async fn number_request(&self, request: RequestToPay, now_ms: u64) -> Result<bool, GatewayError> {
        let (height, found) = self.chain.proven_request_under(request.creditor, request.reference).await?;
        let known = found.and_then(|(ledger, asked)| Some((ledger, RequestState::from_number(asked.state)?)));
        let Some((ledger, state)) = known else { return Ok(false) };
        let end = match state {
            RequestState::Open => None,
            _ => match self.end_of(ledger).await? {
                End::Later => return Ok(false),
                End::Told(end) => Some(end),
                // How it ended is known, and not when.
                End::NotKept => Some(RequestEnd { ledger, state, code: None, uetr: None, ended_ms: now_ms }),
            },
        };
        let mut work = self.store.write().await?;
        // What another process with this database read meanwhile may be newer than this proof.
        if self.store.stored_read_to(&mut work).await? > height {
            return Ok(false);
        }
        let stand = Stand::Ledger(RequestState::Open);
        self.store.request_made(&mut work, RequestToPay { stand, ledger: Some(ledger), ..request }).await?;
        if let Some(end) = end {
            self.store.request_ended(&mut work, &end).await?;
        }
        self.store.commit(work, "numbered").await?;
        Ok(true)
    }

    /// How a request ended, as the block that has its end says it.
    async fn end_of(&self, ledger: u64) -> Result<End, GatewayError> {
        let ends = [
            IPayment::RequestAccepted::SIGNATURE_HASH,
            IPayment::RequestRefused::SIGNATURE_HASH,
            IPayment::RequestWithdrawn::SIGNATURE_HASH,
        ];
        let topics = json!([ends, B256::from(U256::from(ledger))]);
        for (from, to) in windows(self.chain.rpc.block_number().await?) {
            let heights = match self.chain.logs(from, to, &[(json!([PAYMENT_ADDRESS]), topics.clone())]).await {
                // The node keeps no index so far back.
                Err(ClientError::Refused { .. }) => break,
                heights => heights?,
            };
            let Some(height) = heights.first() else { continue };
            let body = match self.chain.body(*height).await {
                Err(ClientError::Refused { .. }) => break,
                body => body?,
            };
            let Some(body) = body else { return Ok(End::Later) };
            let end = self.requests(&body).into_iter().find_map(|event| match event {
                RequestEvent::Ended(end) if end.ledger == ledger => Some(end),
                _ => None,
            });
            return Ok(end.map_or(End::NotKept, End::Told));
        }
        Ok(End::NotKept)
    }

    fn served(&self, address: Address) -> Option<(&Holder, &str)> {
        let holder = self.book.at(address)?;
        Some((holder, holder.tenant.as_deref()?))
    }

    /// The orders that were paid in the batches of one transaction, by the beginning of their UETRs.
    async fn batched(&self, work: &mut Work, logs: &[Log]) -> Result<HashMap<String, Order>, GatewayError> {
        let mut orders = HashMap::new();
        for log in logs.iter().filter(|log| log.address == PAYMENT_ADDRESS) {
            let Ok(event) = IPayment::BatchPaid::decode_log_validate(log) else { continue };
            let Some(uetr) = Uetr::from_word(event.uetr).map(|uetr| uetr.to_string()) else { continue };
            for order in self.store.items_paid(work, event.payer, &uetr).await? {
                if let Some(uetr) = order.uetr.as_deref().and_then(Uetr::parse) {
                    orders.insert(uetr_prefix(uetr.reference()), order);
                }
            }
        }
        Ok(orders)
    }

    /// What is known of a payment beside what the ledger says: what its order said, if one of this gateway made it and it is what
    /// the ledger's hashes are of.
    async fn known(
        &self,
        work: &mut Work,
        said: Said,
        batched: &HashMap<String, Order>,
    ) -> Result<(Option<String>, EntryDetails), GatewayError> {
        let Said { kind, payer, uetr, prefix, mut details, end_to_end, remittance, accepts, between: _ } = said;
        details.kind = kind.map(|kind| kind.name().into());
        let named = uetr.map(|uetr| uetr.to_string());
        let order = match (&named, prefix) {
            (Some(name), _) => self.store.order_paid(work, payer, name).await?,
            (None, Some(prefix)) => batched.get(&prefix).cloned(),
            (None, None) => None,
        };
        let Some(order) = order else { return Ok((named, details)) };
        let is_it = match (accepts, kind) {
            (Some(_), _) => order.details.ledger_request == accepts,
            (None, Some(OrderKind::Pay)) => self.is_it(&order, uetr, (Some(end_to_end), remittance)),
            (None, Some(OrderKind::Exchange)) => self.is_it(&order, uetr, (None, remittance)),
            (None, _) => true,
        };
        if !is_it {
            return Ok((named, details));
        }
        let uetr = named.or(order.uetr);
        let order_details = order.details;
        Ok((
            uetr,
            EntryDetails {
                end_to_end: order.end_to_end,
                instruction: order.instruction,
                debtor: order_details.debtor,
                debtor_account: order_details.debtor_account,
                debtor_agent: details.debtor_agent.or(order_details.debtor_agent),
                creditor: order_details.creditor,
                creditor_account: order_details.creditor_account,
                creditor_agent: details.creditor_agent.or(order_details.creditor_agent),
                purpose: details.purpose.or(order_details.purpose),
                remittance: order_details.remittance,
                ..details
            },
        ))
    }

    /// Whether the ledger's hashes are of this order's texts. A payment across currencies has one of them alone.
    fn is_it(&self, order: &Order, uetr: Option<Uetr>, (end_to_end, remittance): (Option<B256>, B256)) -> bool {
        let Some(uetr) = uetr else { return false };
        let veil = |text: &str| veiled(&self.chain.salt, uetr, text);
        let texts = (order.end_to_end.clone().unwrap_or_default(), order.details.remittance.join("\n"));
        end_to_end.is_none_or(|hash| hash == veil(&texts.0)) && veil(&texts.1) == remittance
    }
}

/// What is told of credits; written by threads that may take their time.
async fn notifications(
    book: Arc<Book>,
    entries: Vec<Entry>,
    now_ms: u64,
) -> Result<(Vec<Entry>, Vec<NewAnswer>), GatewayError> {
    let write = move || {
        let credits = entries.iter().filter(|entry| entry.side == Side::Credit);
        let told = credits.filter_map(|entry| {
            let written = notification(&book, entry, now_ms);
            // The entry stands, and is in the statement; one notification must never keep the others waiting.
            let failed = |error: &GatewayError| tracing::error!(hash = %entry.hash, %error, "gateway.notification");
            written.inspect_err(failed).ok().flatten()
        });
        let told = told.collect();
        (entries, told)
    };
    let written = tokio::task::spawn_blocking(write).await;
    written.map_err(|error| GatewayError::Answer(error.to_string()))
}

/// Units of configured tokens that a transaction moved, in the order of its logs.
fn movements(logs: &[Log], first_log: u64, book: &Book) -> Vec<Movement> {
    let mut movements = Vec::new();
    for (log, number) in logs.iter().zip(first_log..) {
        if book.token_at(log.address).is_none() {
            continue;
        }
        if let Ok(event) = IToken::Transfer::decode_log_validate(log) {
            let Ok(amount) = u128::try_from(event.value) else { continue };
            let (from, to) = (event.from, event.to);
            movements.push(Movement { token: log.address, from, to, amount, log: number, item: 0, reference: None });
        } else if let Ok(event) = IToken::BatchTransfer::decode_log_validate(log) {
            let items = batch_items(&event.items).into_iter().flatten().zip(event.results.iter()).zip(0u64..);
            movements.extend(items.filter(|((_, result), _)| **result == 0).map(|((item, _), place)| Movement {
                token: log.address,
                from: event.from,
                to: item.to,
                amount: item.amount,
                log: number,
                item: place,
                reference: Some(item.reference),
            }));
        }
    }
    movements
}

/// What the payments of the same transaction say of a movement.
fn said(logs: &[Log], movement: &Movement) -> Said {
    let amount = U256::from(movement.amount);
    if let Some(reference) = movement.reference {
        let prefix = reference.iter().any(|byte| *byte != 0).then(|| uetr_prefix(reference));
        return Said { kind: Some(OrderKind::Item), payer: movement.from, prefix, ..Said::default() };
    }
    if let Some(exchanged) = exchanged(logs, movement) {
        return exchanged;
    }
    for log in logs.iter().filter(|log| log.address == PAYMENT_ADDRESS) {
        if let Ok(event) = IPayment::PaymentOrdered::decode_log_validate(log) {
            let is_it = (event.payer, event.payee, event.token) == (movement.from, movement.to, movement.token);
            if is_it && event.amount == amount {
                return Said { accepts: accepted(logs, &event), ..ordered(&event) };
            }
        } else if let Ok(event) = IPayment::PaymentReturned::decode_log_validate(log)
            && event.payer == movement.to
            && event.amount == amount
        {
            let details = EntryDetails { return_reason: ascii(event.reason.as_slice()), ..EntryDetails::default() };
            let uetr = Uetr::from_word(event.uetr);
            return Said { kind: Some(OrderKind::Return), payer: event.payer, uetr, details, ..Said::default() };
        } else if let Ok(event) = IPayment::PaymentPosted::decode_log_validate(log)
            && event.payer == movement.from
            && event.posted == amount
        {
            let uetr = Uetr::from_word(event.uetr);
            return Said { kind: Some(OrderKind::Pay), payer: event.payer, uetr, ..Said::default() };
        }
    }
    let memo = logs.iter().filter(|log| log.address == movement.token).find_map(|log| {
        let event = IToken::TransferWithMemo::decode_log(log).ok()?;
        let is_it = (event.from, event.to, event.value) == (movement.from, movement.to, amount);
        is_it.then_some(event.data.paymentReference)
    });
    let remittance = memo.filter(|text| !text.trim().is_empty()).into_iter().collect();
    Said { details: EntryDetails { remittance, ..EntryDetails::default() }, ..Said::default() }
}

/// The payment that a trade was.
fn crossed(logs: &[Log], trade: u64) -> Option<IExchange::CrossBorderPaid> {
    let ours = logs.iter().filter(|log| log.address == EXCHANGE_ADDRESS);
    let mut paid = ours.filter_map(|log| IExchange::CrossBorderPaid::decode_log_validate(log).ok());
    paid.find(|paid| paid.tradeId == trade).map(|paid| paid.data)
}

/// What a trade of the same transaction says of a movement: it is one of the two legs of a hop.
fn exchanged(logs: &[Log], movement: &Movement) -> Option<Said> {
    let moved = (movement.token, movement.from, movement.to, U256::from(movement.amount));
    let ours = logs.iter().filter(|log| log.address == EXCHANGE_ADDRESS);
    let mut hops = ours.filter_map(|log| IExchange::Exchanged::decode_log_validate(log).ok());
    // What a first hop gives to the second provider is what the second takes: the first that fits tells of it.
    let mut before = None;
    let hop = hops.find(|hop| {
        let payer = before.replace((hop.tradeId, hop.provider)).filter(|(trade, _)| *trade == hop.tradeId);
        let payer = payer.map_or(hop.taker, |(_, provider)| provider);
        let sold = (hop.sellToken, payer, hop.provider, hop.sent);
        let bought = (hop.buyToken, hop.provider, hop.payee, hop.received);
        moved == sold || moved == bought
    })?;
    // It may be told by its LEI, or be any bytes: the ledger does not look.
    let bank = |bytes: B256| ascii(bytes.as_slice()).filter(|agent| is_bic(agent));
    let paid = crossed(logs, hop.tradeId);
    let details = EntryDetails {
        debtor_agent: paid.as_ref().and_then(|paid| bank(paid.debtorAgent)),
        creditor_agent: paid.as_ref().and_then(|paid| bank(paid.creditorAgent)),
        exchange: Some(ExchangeLegs {
            sold: hop.sellToken,
            sent: hop.sent,
            bought: hop.buyToken,
            received: hop.received,
            fee: hop.fee,
        }),
        ..EntryDetails::default()
    };
    Some(Said {
        kind: Some(OrderKind::Exchange),
        payer: hop.taker,
        uetr: paid.as_ref().and_then(|paid| Uetr::from_word(paid.uetr)),
        details,
        remittance: paid.as_ref().map(|paid| paid.remittanceHash).unwrap_or_default(),
        between: Some(paid.map_or([hop.taker, hop.payee], |paid| [paid.debtor, paid.creditor])),
        ..Said::default()
    })
}

fn ordered(event: &IPayment::PaymentOrdered) -> Said {
    let details = EntryDetails {
        debtor_agent: ascii(event.debtorAgent.as_slice()),
        creditor_agent: ascii(event.creditorAgent.as_slice()),
        purpose: ascii(event.purpose.as_slice()),
        ..EntryDetails::default()
    };
    Said {
        kind: Some(OrderKind::Pay),
        payer: event.payer,
        uetr: Uetr::from_word(event.uetr),
        prefix: None,
        details,
        end_to_end: event.endToEnd,
        remittance: event.remittance,
        accepts: None,
        between: None,
    }
}

/// The request that a payment of the same transaction accepts.
fn accepted(logs: &[Log], payment: &IPayment::PaymentOrdered) -> Option<u64> {
    let ours = logs.iter().filter(|log| log.address == PAYMENT_ADDRESS);
    let mut accepted = ours.filter_map(|log| IPayment::RequestAccepted::decode_log_validate(log).ok());
    let event = accepted.find(|event| (event.debtor, event.uetr) == (payment.payer, payment.uetr))?;
    Some(event.requestId)
}

/// A code or BIC as the ledger keeps it, without the zeros that fill it up.
fn ascii(bytes: &[u8]) -> Option<String> {
    let text: Vec<u8> = bytes.iter().copied().take_while(|byte| *byte != 0).collect();
    let text = String::from_utf8(text).ok()?;
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(text)
}
