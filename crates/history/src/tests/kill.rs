//! A writer that is killed leaves a whole prefix.

use super::{
    chain::{busy, model},
    on_both,
    server::PASSWORD,
    store::{Store, agree, count},
};
use crate::*;
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

on_both!(a_killed_writer_leaves_a_whole_prefix);

/// Where the other process writes.
const PLACE: &str = "FLORIN_HISTORY_KILLED_WRITER";
const BLOCKS: u64 = 400;
const BLOCKS_AT_ONCE: usize = 4;
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// The other process: appends until it is killed.
#[tokio::test]
#[ignore = "is started and killed by the tests beside it"]
async fn append_until_killed() {
    let url = std::env::var(PLACE).unwrap();
    let location = Location::parse(&url, Some(PASSWORD)).unwrap();
    let history = History::open(&location, super::chain::GENESIS, &[]).await.unwrap();
    for blocks in busy(BLOCKS, 20).blocks.chunks(BLOCKS_AT_ONCE) {
        history.append(blocks).await.unwrap();
    }
    std::future::pending::<()>().await;
}

async fn a_killed_writer_leaves_a_whole_prefix(store: &Store) {
    let (history, database) = (store.open().await.unwrap(), store.database().await);
    let chain = busy(BLOCKS, 20);
    for at_least in [1, 60, 200] {
        let mut writer = Command::new(std::env::current_exe().unwrap());
        writer.args(["tests::kill::append_until_killed", "--exact", "--ignored"]).env(PLACE, &store.url);
        let mut writer = writer.stdout(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        let told = async || count(&database, "blocks").await;
        while told().await < at_least {
            assert!(begun.elapsed() < STARTS_WITHIN, "the writer does not write");
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        // Opening waits for what the server still does for the dead.
        let told = store.open().await.unwrap().told().unwrap();
        let last = usize::try_from(*told.end()).unwrap();
        assert_eq!((*told.start(), last % BLOCKS_AT_ONCE), (1, 0), "half of a batch is told");
        agree(&database, &model(&chain.blocks[..last])).await;
    }
    history.append(&chain.blocks).await.unwrap();
    agree(&database, &model(&chain.blocks)).await;
}
