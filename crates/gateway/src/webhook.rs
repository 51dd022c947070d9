//! Webhooks: what happens to a tenant's payments and requests to pay is posted to its own server, in order, until that server says that it has it.
//!
//! **State.** How far each tenant was told, how often that failed since, and when it is tried again: durable. At least once; whoever
//! is told knows an event again by its number.

use crate::{GatewayError, api, gateway::Shared, gateway::now_ms, store::TellState};
use alloy_primitives::hex;
use florin_client::{Endpoint, Roots, RpcConfig};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::{fmt, sync::Arc, time::Duration};

/// Pause after the first failure; it doubles with each, up to the longest.
const PAUSE_MS: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 600_000;
/// How long one delivery may take.
const TIMEOUT_MS: u64 = 10_000;
/// Most that is read of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Pause after which it is looked whether something happened.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where a tenant's events go.
#[derive(Clone)]
pub struct Webhook {
    /// Whose events.
    pub tenant: String,
    /// `http://` or `https://`.
    pub url: String,
    /// What deliveries are signed with; the tenant's server has it, too.
    pub secret: Vec<u8>,
    /// Whom certificates are checked against.
    pub roots: Roots,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Webhook").field("tenant", &self.tenant).field("url", &self.url).finish_non_exhaustive()
    }
}

/// Delivers until it is stopped from outside: between any two steps it may be.
pub(crate) async fn deliver(shared: Arc<Shared>, webhook: Webhook) {
    let mut changed = shared.changed.subscribe();
    let mut endpoint = None;
    loop {
        match step(&shared, &webhook, &mut endpoint).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(tenant = webhook.tenant, code = error.code(), %error, "gateway.webhook"),
        }
        // A failure of the database, a pause that goes on, or nothing new.
        let _ = tokio::time::timeout(LOOK_AGAIN, changed.changed()).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One delivery. Whether there was one that succeeded.
async fn step(shared: &Shared, webhook: &Webhook, endpoint: &mut Option<Endpoint>) -> Result<bool, GatewayError> {
    let store = &shared.store;
    let mut work = store.read().await?;
    let told = store.told_to(&mut work, &webhook.tenant).await?;
    drop(work);
    let Some(told) = told else {
        let mut work = store.write().await?;
        store.begin_telling(&mut work, &webhook.tenant).await?;
        store.commit(work, "webhook begun").await?;
        return Ok(false);
    };
    if now_ms() < told.next_ms {
        return Ok(false);
    }
    let Some((body, last)) = api::events_json(shared, &webhook.tenant, told.event).await? else { return Ok(false) };
    let delivered = send(webhook, endpoint, body, last).await;
    let next = match &delivered {
        Ok(()) => TellState { event: last, failures: 0, next_ms: 0 },
        Err(reason) => {
            tracing::warn!(tenant = webhook.tenant, reason, "gateway.webhook");
            let failures = told.failures.saturating_add(1);
            TellState { failures, next_ms: now_ms().saturating_add(pause_ms(failures)), ..told }
        }
    };
    let mut work = store.write().await?;
    // Where somebody asked for a replay meanwhile, that counts.
    store.tell(&mut work, &webhook.tenant, &told, &next).await?;
    store.commit(work, "webhook told").await?;
    Ok(delivered.is_ok())
}

/// Posts events. Anything but a status of 200 to 299 is a failure; redirects are not followed.
async fn send(webhook: &Webhook, endpoint: &mut Option<Endpoint>, body: Vec<u8>, last: u64) -> Result<(), String> {
    let time = (now_ms() / 1_000).to_string();
    let (signature, last) = (signature(&webhook.secret, &time, &body), last.to_string());
    let headers = [
        ("content-type", "application/json"),
        ("florin-timestamp", time.as_str()),
        ("florin-signature", signature.as_str()),
        ("florin-last-event", last.as_str()),
    ];
    let endpoint = match endpoint {
        Some(opened) => opened,
        None => endpoint.insert(open(webhook)?),
    };
    match endpoint.tell(&headers, body).await.map_err(|error| error.to_string())? {
        200..=299 => Ok(()),
        status => Err(format!("{} answered {status}", webhook.url)),
    }
}

/// The server, once: the roots that its certificate is checked against are read here.
fn open(webhook: &Webhook) -> Result<Endpoint, String> {
    let config = RpcConfig {
        timeout_ms: TIMEOUT_MS,
        answer_bytes_max: ANSWER_BYTES_MAX,
        idle_connections_max: 0,
        ..RpcConfig::default()
    };
    Endpoint::new(&webhook.url, &config, &webhook.roots, None).map_err(|error| error.to_string())
}

/// `v1=` and HMAC-SHA256 over time, a point, and the body, in hexadecimal.
fn signature(secret: &[u8], time: &str, body: &[u8]) -> String {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// Pause after so many failures in a row.
fn pause_ms(failures: u64) -> u64 {
    let doubled = u32::try_from(failures.saturating_sub(1)).ok().and_then(|times| 2u64.checked_pow(times));
    doubled.map_or(PAUSE_MS_MAX, |times| PAUSE_MS.saturating_mul(times)).min(PAUSE_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_growing() {
        let pauses: Vec<u64> = (1..=12).map(pause_ms).collect();
        assert_eq!(pauses[..4], [1_000, 2_000, 4_000, 8_000]);
        assert_eq!(pauses[10..], [600_000, 600_000]);
        assert_eq!((pause_ms(0), pause_ms(u64::MAX)), (1_000, PAUSE_MS_MAX));
    }

    /// Computed apart, with `printf '1700000000.{}' | openssl dgst -sha256 -hmac secret`.
    #[test]
    fn the_signature_covers_time_and_body() {
        let known = signature(b"secret", "1700000000", b"{}");
        assert_eq!(known, "v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163");
        assert_ne!(known, signature(b"secret", "1700000001", b"{}"));
        assert_ne!(known, signature(b"secret", "1700000000", b"{ }"));
        assert_ne!(known, signature(b"other", "1700000000", b"{}"));
    }
}
