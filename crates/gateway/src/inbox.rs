//! The inbox: what arrives is durable before anybody says that it arrived.

use crate::{
    GatewayError,
    identity::digest,
    store::{Sender, Store},
};

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
    let digest = digest(content);
    let mut work = store.write().await?;
    if let Some(row) = store.message_by_digest(&mut work, sender.tenant, digest).await? {
        return Ok(Arrival::Known(row.number));
    }
    let unread = store.unread_count(&mut work).await?;
    if unread >= UNREAD_MAX || store.waiting_count(&mut work).await? >= WAITING_MAX {
        return Ok(Arrival::Busy);
    }
    let number = store.receive(&mut work, sender, content, digest, now_ms).await?;
    store.commit(work, "received").await?;
    Ok(Arrival::New(number))
}
