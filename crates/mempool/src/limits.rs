//! What bounds the pool.

/// Bounds of the pool. Every one of them is enforced before a transaction is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Transactions in total.
    pub transactions_max: usize,
    /// Bytes of encoded transactions in total.
    pub bytes_max: usize,
    /// Transactions of one sender; also how far ahead of the account's nonce a transaction may be.
    pub sender_transactions_max: usize,
    /// Bytes of encoded transactions of one sender.
    pub sender_bytes_max: usize,
    /// How long a transaction may wait, in milliseconds.
    pub lifetime_ms: u64,
    /// By how many percent both fees of a replacement must exceed those of what it replaces.
    pub price_bump_percent: u128,
    /// How long after it was last gossiped a local transaction that is still here is gossiped again, in milliseconds.
    pub gossip_again_ms: u64,
    /// How long a sender whose next transaction cannot be included has no turns, in milliseconds.
    pub deferral_ms: u64,
    /// Bytes that the cache of verified transactions may hold.
    pub sender_cache_bytes_max: usize,
    /// Hashes that a slow subscriber may fall behind before it loses the oldest.
    pub subscription_backlog_max: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            transactions_max: 32_768,
            bytes_max: 64 * 1024 * 1024,
            sender_transactions_max: 4_096,
            sender_bytes_max: 16 * 1024 * 1024,
            lifetime_ms: 3 * 60 * 60 * 1_000,
            price_bump_percent: 10,
            gossip_again_ms: 3_000,
            deferral_ms: 2_000,
            sender_cache_bytes_max: 64 * 1024 * 1024,
            subscription_backlog_max: 16_384,
        }
    }
}
