//! How fast the pool is: `cargo run --release -p florin-mempool --example stress`.
#![allow(clippy::unwrap_used, clippy::print_stdout, dead_code, unreachable_pub)]

use florin_execution::{Candidates as _, Lane};
use florin_mempool::{Origin, Pool, PoolLimits, VerifiedTx};
use florin_types::{B256, Rules};
use std::{collections::HashSet, time::Instant};

#[path = "../src/test_tools.rs"]
mod test_tools;
use test_tools::{Draft, address, admission};

fn main() {
    const TRANSACTIONS: u64 = 10_000;
    println!("{:>8} {:>12} {:>12} {:>14} {:>12}", "senders", "submit", "snapshot", "hand out all", "finalise");
    for senders in [4u64, 100, 10_000] {
        let txs: Vec<VerifiedTx> =
            (0..TRANSACTIONS).map(|index| Draft::new(index % senders, index / senders).sign()).collect();
        let pool = Pool::new(PoolLimits { sender_transactions_max: 10_000, ..PoolLimits::default() });

        let start = Instant::now();
        for tx in txs {
            pool.submit(tx, &admission(0, Lane::Payment), Origin::Peer, 0).unwrap();
        }
        let submit = start.elapsed() / u32::try_from(TRANSACTIONS).unwrap();

        let start = Instant::now();
        let mut candidates = pool.candidates(&Rules::default(), &HashSet::<B256>::new());
        let snapshot = start.elapsed();
        let start = Instant::now();
        let handed_out = std::iter::from_fn(|| candidates.next()).count();
        let hand_out = start.elapsed();
        assert_eq!(handed_out, 10_000);

        let addresses: Vec<_> = (0..senders).map(address).collect();
        let start = Instant::now();
        pool.finalized(addresses.into_iter().map(|sender| (sender, TRANSACTIONS / senders)));
        let finalise = start.elapsed();
        assert_eq!(pool.status(), (0, 0));
        println!("{senders:>8} {submit:>12.2?} {snapshot:>12.2?} {hand_out:>14.2?} {finalise:>12.2?}");
    }
}
