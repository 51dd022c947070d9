//! Screening: a service of the bank's is asked about every order before anything is signed.
//!
//! **How.** The order is posted as JSON; the answer is `{"verdict": "pass"}`, or `refuse` or `hold` with `code` and `words`. Questions
//! run beside the rounds, so that a slow service keeps only those orders waiting that it is asked about.
//!
//! **Failures.** Whatever is no such answer (no connection, too late, too long, another status, no JSON, an unknown verdict) is asked
//! again, with pauses that double. No number of failures lets an order pass.
//!
//! **Limits.** [`ASKED_MAX`] questions at once; 10 seconds and 64 KiB an answer where nothing else is configured.

use super::{WORDS_CHARS_MAX, after_screening, release};
use crate::{
    GatewayError,
    access::check_url,
    book::Book,
    order::{Outcome, State},
    outbox::is_text,
    reason::Reason,
    store::{Decision, Order, OrderKind, Stage, Store, Verdict},
};
use florin_client::{ClientError, Endpoint, Roots, RpcConfig};
use florin_iso20022::status_reason;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

/// Questions at once.
const ASKED_MAX: usize = 16;
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The first pause after a failure; it doubles up to the other.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The service.
#[derive(Clone)]
pub struct ScreeningConfig {
    /// Where orders are posted. `https://`; `http://` only to this machine.
    pub url: String,
    /// What goes with every question as `Authorization: Bearer`.
    pub key: Option<Zeroizing<String>>,
    /// How long an answer may take, in milliseconds.
    pub timeout_ms: u64,
    /// Whose certificate is trusted.
    pub roots: Roots,
}

impl fmt::Debug for ScreeningConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ScreeningConfig").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What the service said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) verdict: Verdict,
    pub(super) code: Option<&'static str>,
    pub(super) words: Option<String>,
}

/// Asks.
pub(crate) struct Screening {
    store: Store,
    book: Arc<Book>,
    endpoint: Arc<Endpoint>,
    asking: JoinSet<(u64, Result<Said, String>)>,
    asked: BTreeSet<u64>,
    /// The order that was asked about last: the next one is.
    last_asked: u64,
    pause: Duration,
    not_before: Instant,
}

impl Screening {
    pub(crate) fn new(store: Store, book: Arc<Book>, config: &ScreeningConfig) -> Result<Self, GatewayError> {
        let wrong = |rule: String| GatewayError::Config { field: "screening.url".into(), rule };
        check_url(&config.url).map_err(wrong)?;
        let bounds = RpcConfig {
            timeout_ms: config.timeout_ms,
            answer_bytes_max: ANSWER_BYTES_MAX,
            idle_connections_max: ASKED_MAX,
            ..RpcConfig::default()
        };
        let key = config.key.as_ref().map(|key| key.as_str());
        let endpoint = Endpoint::new(&config.url, &bounds, &config.roots, key);
        let endpoint = Arc::new(endpoint.map_err(|error| wrong(error.to_string()))?);
        let (asking, asked) = (JoinSet::new(), BTreeSet::new());
        Ok(Self { store, book, endpoint, asking, asked, last_asked: 0, pause: PAUSE_MIN, not_before: Instant::now() })
    }

    /// One round: keeps what was answered, asks what was not. Waits for nobody. Says whether anything was decided.
    pub(crate) async fn round(&mut self, now_ms: u64) -> Result<bool, GatewayError> {
        let mut done = false;
        while let Some(answered) = self.asking.try_join_next() {
            let Ok((number, said)) = answered else {
                // A question that died is forgotten with the others, and all are asked again.
                self.asked.clear();
                continue;
            };
            self.asked.remove(&number);
            match said {
                Ok(said) => {
                    self.pause = PAUSE_MIN;
                    done |= keep(&self.store, number, &said, now_ms).await?;
                }
                Err(reason) => {
                    tracing::warn!(order = number, reason, "gateway.screening: it is asked again");
                    // Questions that failed together are one failure.
                    if Instant::now() >= self.not_before {
                        self.not_before = Instant::now() + self.pause;
                        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
                    }
                }
            }
        }
        self.ask().await?;
        Ok(done)
    }

    async fn ask(&mut self) -> Result<(), GatewayError> {
        // After a failure one question tries whether the service is back.
        let places = if self.pause > PAUSE_MIN { 1 } else { ASKED_MAX };
        if self.asked.len() >= places || Instant::now() < self.not_before {
            return Ok(());
        }
        // In turns: an order that the service never answers about keeps no other one waiting.
        let mut work = self.store.read().await?;
        let limit = (ASKED_MAX * 2) as u64;
        let mut unscreened = self.store.unscreened(&mut work, self.last_asked, limit).await?;
        if unscreened.is_empty() && self.last_asked > 0 {
            unscreened = self.store.unscreened(&mut work, 0, limit).await?;
        }
        drop(work);
        for order in unscreened {
            if self.asked.len() >= places {
                break;
            }
            if self.asked.insert(order.number) {
                self.last_asked = order.number;
                let (endpoint, question) = (self.endpoint.clone(), self.question(&order).to_string());
                self.asking.spawn(async move { (order.number, ask_one(&endpoint, question).await) });
            }
        }
        Ok(())
    }

    /// What the service is told of an order. The same question has the same `order`, however often it is asked.
    fn question(&self, order: &Order) -> Value {
        let details = &order.details;
        let currency = order.currency.as_deref().unwrap_or_default();
        let money = order.amount.and_then(|minor| self.book.decimal(currency, minor));
        let exchange = details.exchange.as_ref().map(|exchange| {
            let bought = self.book.token_at(exchange.terms.0.buyToken).map(|token| token.currency.as_str());
            let received = u128::try_from(exchange.received).ok();
            let sold = self.book.token_at(exchange.terms.0.sellToken).map(|token| token.currency.as_str());
            let sent = order.amount.filter(|_| order.kind == OrderKind::Exchange);
            let sent = sent.or_else(|| u128::try_from(exchange.terms.0.sellAmount).ok());
            json!({
                "provider": exchange.terms.0.provider,
                "received": bought.zip(received).and_then(|(currency, minor)| self.book.decimal(currency, minor)),
                "received_minor": exchange.received.to_string(),
                "currency": bought,
                "sold": sold.zip(sent).and_then(|(currency, minor)| self.book.decimal(currency, minor)),
                "sold_minor": sent.map(|minor| minor.to_string()),
                "sold_currency": sold,
            })
        });
        json!({
            "order": order.number,
            "tenant": order.tenant,
            "kind": order.kind.name(),
            "uetr": order.uetr,
            "end_to_end_id": order.end_to_end,
            "amount": money,
            "amount_minor": order.amount.map(|minor| minor.to_string()),
            "currency": order.currency,
            "debtor": party(&details.debtor, &details.debtor_account, &details.debtor_agent, order.signer),
            "creditor": party(&details.creditor, &details.creditor_account, &details.creditor_agent, order.payee),
            "purpose": details.purpose,
            "remittance": details.remittance,
            "exchange": exchange,
        })
    }
}

fn party(
    name: &Option<String>,
    account: &Option<String>,
    agent: &Option<String>,
    address: Option<alloy_primitives::Address>,
) -> Value {
    json!({ "name": name, "account": account, "agent": agent, "address": address })
}

async fn ask_one(endpoint: &Endpoint, question: String) -> Result<Said, String> {
    let answer = endpoint.post(question.into_bytes()).await.map_err(|error: ClientError| error.to_string())?;
    read(&answer)
}

/// An answer, as the service writes it.
#[derive(Deserialize)]
struct Written {
    verdict: String,
    code: Option<String>,
    words: Option<String>,
}

/// What an answer says. A refusal under a code that ISO does not have is a refusal all the same: the code is told in words.
pub(super) fn read(answer: &[u8]) -> Result<Said, String> {
    let written: Written = serde_json::from_slice(answer).map_err(|error| format!("its answer is none: {error}"))?;
    let verdict = match written.verdict.as_str() {
        "pass" => Verdict::Pass,
        "refuse" => Verdict::Refuse,
        "hold" => Verdict::Hold,
        other => return Err(format!("its verdict {:?} is none", other.chars().take(40).collect::<String>())),
    };
    let known = written.code.as_deref().and_then(status_reason);
    let own = written.code.filter(|_| known.is_none()).map(|code| format!("{code}: "));
    let words = written.words.or(own.is_some().then(String::new));
    let words = words.map(|words| format!("{}{words}", own.unwrap_or_default()));
    let words = words.map(|words| words.chars().filter(|one| is_text(*one)).take(WORDS_CHARS_MAX).collect());
    let code = (verdict == Verdict::Refuse).then(|| known.unwrap_or("RR04"));
    Ok(Said { verdict, code, words })
}

/// What a screening service's answer says: verdict, code and words; `None` where it is none.
pub fn decode_screening(answer: &[u8]) -> Option<(&'static str, Option<&'static str>, Option<String>)> {
    read(answer).ok().map(|said| (said.verdict.name(), said.code, said.words))
}

/// Makes a verdict durable, with the step that it leads to. `false` where the order went on without it (a cancellation).
pub(super) async fn keep(store: &Store, number: u64, said: &Said, now_ms: u64) -> Result<bool, GatewayError> {
    let mut work = store.write().await?;
    let order = store.order(&mut work, number).await?;
    if order.state != State::Screening {
        return Ok(false);
    }
    let (verdict, code, words) = (said.verdict, said.code, said.words.as_deref());
    let decision = Decision { stage: Stage::Screening, verdict, code, words, who: None, decided_ms: now_ms };
    store.decide(&mut work, &order, &decision).await?;
    let from = State::Screening;
    match verdict {
        Verdict::Pass => drop(store.move_orders(&mut work, &[number], (from, after_screening(&order)), None).await?),
        Verdict::Hold => drop(store.move_orders(&mut work, &[number], (from, State::Review), None).await?),
        Verdict::Refuse => {
            let words = format!("screening refuses it: {}", words.unwrap_or("no words"));
            let refused = Outcome::Refused(Reason::new(code.unwrap_or("RR04"), words));
            store.resolve(&mut work, &[(number, refused)], from, None).await?;
        }
    }
    release(store, &mut work, &order).await?;
    store.commit(work, "screened").await?;
    Ok(true)
}
