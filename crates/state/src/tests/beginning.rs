//! Ledgers that begin in the middle, and ledgers that drop their oldest blocks.

use super::*;
use crate::LedgerError;
use commonware_runtime::{Runner as _, Supervisor as _, deterministic};

const OTHER: &str = "other";

fn other() -> LedgerConfig {
    LedgerConfig { partition_prefix: OTHER.into(), ..config(40) }
}

/// A second ledger over the node's store, as if the store had been copied.
async fn open_other(context: deterministic::Context) -> (Ledger, LedgerWriter<deterministic::Context>) {
    Ledger::open(context, other(), Arc::new(genesis_block())).await.unwrap()
}

async fn expect_state(ledger: &Ledger, height: Height) {
    let state = ledger.state(height).await.unwrap();
    let model = model(height);
    assert_eq!(values(&*state).await, values(&model[usize::try_from(height).unwrap()]).await, "height {height}");
}

/// A node that starts is delivered what was final when it stopped: its store may be a block ahead of what is recorded.
#[test]
fn a_store_whose_newest_block_is_being_recorded_is_no_damage() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context, config(40), None).await;
        node.advance_to(5).await;
        let (block, batch) = node.execute().await;
        let undo = node.writer.capture(&block, &changes(6), &node.databases).await.unwrap();
        <Databases<_> as DatabaseSet<_>>::apply(&node.databases, batch).await;
        assert!(<Databases<_> as DatabaseSet<_>>::finalize(&node.databases).await.durable().await);
        assert_eq!(node.writer.attach(node.databases.clone()).await.unwrap_err().code(), "ledger.starting");
        node.writer.finalized(finalized(&block), undo, None).await.unwrap();
        let error = node.writer.attach(node.databases.clone()).await.unwrap_err();
        assert_eq!(error, LedgerError::Fault("a store is attached already".into()), "the two belong together now");
    });
}

#[test]
fn a_ledger_begins_where_a_copied_state_stands_and_goes_on_from_there() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context.child("node"), config(40), None).await;
        node.advance_to(100).await;
        let (ledger, writer) = open_other(context.child("other")).await;
        let below = node.ledger.block(90).await.unwrap().unwrap().block.clone();
        let error = writer.attach(node.databases.clone()).await.unwrap_err();
        assert_eq!(error.code(), "ledger.fault", "a store without its ledger is damage unless it was copied");
        assert_eq!(ledger.oldest_block(), 0);
        writer.begin_at(node.tip.clone(), None).await.unwrap();
        assert_eq!(ledger.oldest_block(), 0, "a ledger that nobody copies a state for stays where it begins");
        assert_eq!(writer.attach(node.databases.clone()).await.unwrap_err().code(), "ledger.fault");
        writer.set_copying(true).await.unwrap();
        writer.begin_at(node.tip.clone(), None).await.unwrap();
        assert!(!writer.is_copying());
        writer.begin_at(node.tip.clone(), None).await.unwrap();
        assert_eq!(writer.attach(node.databases.clone()).await.unwrap(), 100);
        let root = ledger.block(100).await.unwrap().unwrap();
        assert!(!root.executed && root.receipts.is_empty());
        assert_eq!((ledger.head().block.height(), ledger.oldest_block(), ledger.oldest_state()), (100, 101, 100));
        expect_state(&ledger, 100).await;
        let pruned = LedgerError::BlockPruned { height: 99, oldest_height: 101 };
        assert_eq!(ledger.block(99).await.unwrap_err(), pruned);
        assert_eq!(ledger.block(0).await.unwrap().unwrap().block.hash(), genesis_block().hash());
        assert_eq!(ledger.height_of(node.tip.hash()).await.unwrap(), Some(100));
        assert_eq!(
            ledger.stored_block(100).await.unwrap(),
            ledger.stored_block_by_hash(node.tip.hash()).await.unwrap()
        );
        assert!(ledger.stored_block(99).await.unwrap().is_none());

        let mut copied = Node { databases: node.databases, ledger, writer, tip: node.tip };
        copied.advance_to(110).await;
        for height in 100..=110 {
            expect_state(&copied.ledger, height).await;
        }
        assert!(copied.writer.begin_at(below, None).await.is_ok(), "what lies below is of no use");

        // From disk it is the same.
        drop((copied.writer, copied.ledger));
        let (ledger, writer) = open_other(context.child("again")).await;
        assert_eq!(writer.attach(copied.databases.clone()).await.unwrap(), 110);
        assert_eq!((ledger.head().block.height(), ledger.oldest_block(), ledger.oldest_state()), (110, 101, 100));
        let checked = ledger.verify(None, &|_, _, _| {}).await.unwrap();
        assert_eq!((checked.blocks, checked.state_height), (11, 110), "ten blocks and the root");
        expect_state(&ledger, 105).await;
    });
}

#[test]
fn a_ledger_begins_again_above_a_gap_that_an_interrupted_copy_left() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context.child("node"), config(40), None).await;
        node.advance_to(20).await;
        let (ledger, writer) = open_other(context.child("first")).await;
        writer.set_copying(true).await.unwrap();
        writer.begin_at(node.tip.clone(), None).await.unwrap();
        let mut copied = Node { databases: node.databases, ledger, writer, tip: node.tip };
        copied.advance_to(25).await;
        drop((copied.writer, copied.ledger));
        // The network went on, and the state was copied further.
        let (ledger, writer) = Ledger::open(
            context.child("elsewhere"),
            LedgerConfig { partition_prefix: "elsewhere".into(), ..config(40) },
            Arc::new(genesis_block()),
        )
        .await
        .unwrap();
        writer.set_copying(true).await.unwrap();
        writer.begin_at(copied.tip.clone(), None).await.unwrap();
        let mut network = Node { databases: copied.databases, ledger, writer, tip: copied.tip };
        network.advance_to(60).await;
        drop((network.writer, network.ledger));

        let (ledger, writer) = open_other(context.child("second")).await;
        assert_eq!(ledger.head().block.height(), 25);
        writer.set_copying(true).await.unwrap();
        writer.begin_at(network.tip.clone(), None).await.unwrap();
        let mut copied = Node { databases: network.databases, ledger, writer, tip: network.tip };
        copied.advance_to(70).await;
        drop((copied.writer, copied.ledger));
        let (ledger, writer) = open_other(context.child("third")).await;
        assert_eq!(writer.attach(copied.databases).await.unwrap(), 70);
        assert_eq!((ledger.oldest_block(), ledger.oldest_state()), (61, 60));
        assert_eq!(ledger.block(23).await.unwrap_err().code(), "ledger.block_pruned");
        expect_state(&ledger, 65).await;
    });
}

#[test]
fn records_that_are_lost_above_the_beginning_are_still_noticed() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context.child("node"), config(40), None).await;
        node.advance_to(10).await;
        let (ledger, writer) = open_other(context.child("first")).await;
        writer.set_copying(true).await.unwrap();
        writer.begin_at(node.tip.clone(), None).await.unwrap();
        let mut copied = Node { databases: node.databases, ledger, writer, tip: node.tip };
        copied.advance_to(12).await;
        let last = copied.ledger.0.block_record(12).await.unwrap().unwrap();
        drop((copied.writer, copied.ledger));
        let archives = crate::archive::Archives::open(context.child("gap"), &other()).await.unwrap();
        archives.put(15, B256::repeat_byte(7), last.encode(), None).await.unwrap();
        drop(archives);
        let opened = Ledger::open(context.child("second"), other(), Arc::new(genesis_block())).await;
        let Err(error) = opened else { panic!("a gap was not noticed") };
        assert!(error.to_string().contains("height 13"), "{error}");
    });
}

#[test]
fn old_blocks_are_dropped_in_whole_files_and_named_as_dropped() {
    deterministic::Runner::default().start(|context| async move {
        let pruned = LedgerConfig { blocks_kept: Some(200), ..config(40) };
        let mut node = Node::start(context.child("node"), pruned.clone(), None).await;
        node.advance_to(1_200).await;
        assert_eq!(node.ledger.oldest_block(), 0, "not a whole file yet");
        node.advance_to(1_300).await;
        assert_eq!(node.ledger.oldest_block(), 1_024);
        let expected = LedgerError::BlockPruned { height: 1_023, oldest_height: 1_024 };
        assert_eq!(node.ledger.block(1_023).await.unwrap_err(), expected);
        assert!(node.ledger.block(1_024).await.unwrap().is_some());
        assert_eq!(node.ledger.block(0).await.unwrap().unwrap().block.hash(), genesis_block().hash());
        assert!(node.ledger.stored_block(500).await.unwrap().is_none());

        let tip = node.tip.clone();
        drop(node);
        // Also a node that keeps everything from now on knows that they were dropped and not lost.
        for (name, config) in [("pruned", pruned), ("full", config(40))] {
            let node = Node::start(context.child("again").with_attribute("as", name), config, Some(tip.clone())).await;
            assert_eq!(node.ledger.oldest_block(), 1_024);
            let checked = node.ledger.verify(None, &|_, _, _| {}).await.unwrap();
            assert_eq!(checked.blocks, 1_300 - 1_024 + 1 + 1, "and genesis");
            expect_state(&node.ledger, 1_290).await;
        }
    });
}
