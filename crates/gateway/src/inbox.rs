//! The inbox: what arrives is durable before anybody says that it arrived.

use crate::{
    GatewayError,
    identity::digest,
    store::{Sender, Store},
};
use florin_history::sql::Work;

/// Messages that wait to be read.
const UNREAD_MAX: u64 = 1_000;
/// Orders that are on their way.
const WAITING_MAX: u64 = 100_000;

/// What became of bytes that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// They are durable under this number.
    New(u64),
    /// They are known under this number.
    Known(u64),
    /// Too much waits: come again.
    Busy,
}

/// Makes bytes durable, or finds them.
pub(crate) async fn receive(
    store: &Store,
    sender: &Sender<'_>,
    content: &[u8],
    now_ms: u64,
) -> Result<Arrival, GatewayError> {
    let mut work = store.write().await?;
    let arrival = keep(store, &mut work, sender, content, now_ms).await?;
    if let Arrival::New(_) = arrival {
        store.commit(work, "received").await?;
    }
    Ok(arrival)
}

/// The same within a transaction that makes more durable.
pub(crate) async fn keep(
    store: &Store,
    work: &mut Work,
    sender: &Sender<'_>,
    content: &[u8],
    now_ms: u64,
) -> Result<Arrival, GatewayError> {
    let digest = digest(content);
    if let Some(row) = store.message_by_digest(work, sender.tenant, digest).await? {
        return Ok(Arrival::Known(row.number));
    }
    let unread = store.unread_count(work).await?;
    if unread >= UNREAD_MAX || store.waiting_count(work).await? >= WAITING_MAX {
        return Ok(Arrival::Busy);
    }
    let number = store.receive(work, sender, content, digest, now_ms).await?;
    Ok(Arrival::New(number))
}
