//! What a block's changes cost the authenticated store: `cargo bench -p florin-state`.
//!
//! A store in files holds 10,000 accounts, or as many as `FLORIN_BENCH_ACCOUNTS` says. A block changes 10,000 random ones:
//! they are read together, hashed into the state, and written through to the disk. criterion's throughput is in accounts.
#![allow(clippy::unwrap_used, missing_docs)]

use alloy_primitives::{U256, keccak256};
use commonware_glue::stateful::db::DatabaseSet;
use commonware_runtime::{Runner as _, Strategizer as _, Supervisor as _, tokio as engine};
use commonware_utils::NZUsize;
use criterion::{Criterion, Throughput};
use florin_proof::StateItem;
use florin_state::{
    Databases, SealedBatch, StateReader, database_config, merkleize, open_genesis, page_cache_with, write,
};
use florin_types::{Account, Address, Changeset, Height};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

const ACCOUNTS: u64 = 10_000;
const CHANGED: u64 = 10_000;
/// New accounts of one block while the store is filled.
const FILLED: u64 = 100_000;
/// Pages of 4 KiB in memory: 1 GiB.
const PAGES: usize = 262_144;
const PREFIX: &str = "bench";

type Store = Databases<engine::Context>;

/// A store, and the height of its latest block.
struct Chain {
    store: Store,
    height: Height,
}

impl Chain {
    async fn hash(&self, changes: &Changeset) -> SealedBatch<engine::Context> {
        let batch = <Store as DatabaseSet<engine::Context>>::new_batches(&self.store).await;
        merkleize(write(batch, self.height + 1, changes).unwrap()).await.unwrap()
    }

    async fn apply(&mut self, batch: SealedBatch<engine::Context>) {
        <Store as DatabaseSet<engine::Context>>::apply(&self.store, batch).await;
        let barrier = <Store as DatabaseSet<engine::Context>>::finalize(&self.store).await;
        assert!(barrier.durable().await);
        self.height += 1;
    }
}

fn address(number: u64) -> Address {
    Address::from_slice(&keccak256(number.to_be_bytes())[12..])
}

/// Balances of these accounts.
fn changes(numbers: impl Iterator<Item = u64>, balance: u64) -> Changeset {
    let account = Account { balance: U256::from(balance), ..Account::default() };
    Changeset { accounts: numbers.map(|number| (address(number), Some(account))).collect(), ..Changeset::default() }
}

/// Different accounts, at random, the same in every run.
fn random(round: u64, accounts: u64) -> BTreeSet<u64> {
    let draw = |index: u64| {
        let digest = keccak256([round.to_be_bytes(), index.to_be_bytes()].concat());
        digest.iter().take(8).fold(0u64, |value, byte| (value << 8) | u64::from(*byte)) % accounts
    };
    (0..CHANGED).map(draw).collect()
}

async fn filled(context: engine::Context, accounts: u64) -> Chain {
    let threads = std::thread::available_parallelism().unwrap();
    let config = database_config(PREFIX, page_cache_with(NZUsize!(PAGES)), context.strategy(threads));
    open_genesis(context.child("genesis"), config.clone(), &changes(0..1, 1), PREFIX).await.unwrap();
    let store = <Store as DatabaseSet<engine::Context>>::init(context.child("state"), config, None).await;
    let mut chain = Chain { store, height: 0 };
    for first in (0..accounts).step_by(FILLED as usize) {
        let batch = chain.hash(&changes(first..accounts.min(first + FILLED), 1)).await;
        chain.apply(batch).await;
    }
    chain
}

fn main() {
    let accounts = std::env::var("FLORIN_BENCH_ACCOUNTS").map_or(ACCOUNTS, |accounts| accounts.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let config = engine::Config::new().with_storage_directory(directory.path());
    engine::Runner::new(config).start(|context| async move {
        let mut chain = filled(context, accounts).await;
        tokio::task::block_in_place(|| measure(&mut chain, accounts));
    });
}

fn measure(chain: &mut Chain, accounts: u64) {
    let handle = tokio::runtime::Handle::current();
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group(format!("{accounts} accounts"));
    let mut round = 1;
    let mut timed = |step: &str, of: fn(&[Duration; 3]) -> Duration| {
        let name = format!("{step} {CHANGED}");
        group.throughput(Throughput::Elements(CHANGED)).bench_function(name, |bencher| {
            bencher.iter_custom(|blocks| {
                (0..blocks)
                    .map(|_| {
                        round += 1;
                        of(&handle.block_on(one_block(chain, round, accounts)))
                    })
                    .sum()
            });
        });
    };
    timed("read", |times| times[0]);
    timed("hash", |times| times[1]);
    timed("write through", |times| times[2]);
    group.finish();
}

/// Times of reading, hashing and writing what a block changes.
async fn one_block(chain: &mut Chain, round: u64, accounts: u64) -> [Duration; 3] {
    let numbers = random(round, accounts);
    let keys = numbers.iter().map(|number| StateItem::Account(address(*number)).key()).collect();
    let changes = changes(numbers.into_iter(), round);
    let start = Instant::now();
    StateReader::read(&chain.store, keys).await.unwrap();
    let read = start.elapsed();
    let batch = chain.hash(&changes).await;
    let hashed = start.elapsed();
    chain.apply(batch).await;
    [read, hashed - read, start.elapsed() - hashed]
}
