//! Reads at past heights against a plain model; window, order and subscriptions.

use super::*;
use crate::{
    LedgerError,
    archive::Archives,
    one_thread,
    record::{BlockRecord, UndoRecord},
};
use commonware_codec::Encode as _;
use commonware_runtime::{Runner as _, Spawner as _, Supervisor as _, deterministic};

#[test]
fn every_readable_height_gives_the_models_values() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context, config(1_000), None).await;
        node.advance_to(80).await;
        let model = model(80);
        for height in 0..=80 {
            let state = node.ledger.state(height).await.unwrap();
            let expected = &model[usize::try_from(height).unwrap()];
            assert_eq!(values(&*state).await, values(expected).await, "height {height}");
        }
    });
}

#[test]
fn a_state_stays_the_same_while_blocks_are_finalised() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context, config(1_000), None).await;
        node.advance_to(5).await;
        let model = model(30);
        let state = node.ledger.state(5).await.unwrap();
        while node.tip.height() < 30 {
            let (block, batch) = node.execute().await;
            let undo = node.writer.capture(&block, &changes(block.height()), &node.databases).await.unwrap();
            assert_eq!(values(&*state).await, values(&model[5]).await, "captured {}", block.height());
            <Databases<_> as DatabaseSet<deterministic::Context>>::apply(&node.databases, batch).await;
            assert_eq!(values(&*state).await, values(&model[5]).await, "applied {}", block.height());
            let head = node.ledger.state(block.height() - 1).await.unwrap();
            let expected = &model[usize::try_from(block.height() - 1).unwrap()];
            assert_eq!(values(&*head).await, values(expected).await, "head while {} is applied", block.height());
            node.writer.finalized(finalized(&block), undo, None).await.unwrap();
            node.tip = block;
        }
    });
}

#[test]
fn heights_outside_of_the_window_are_refused_with_the_oldest() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context.child("first"), config(100), None).await;
        node.advance_to(300).await;
        assert_eq!(node.ledger.oldest_state(), 200);
        let error = node.ledger.state(199).await.err().unwrap();
        assert_eq!(error, LedgerError::Pruned { height: 199, oldest_height: 200 });
        let error = node.ledger.state(301).await.err().unwrap();
        assert_eq!(error, LedgerError::Future { height: 301, head_height: 300 });
        let model = model(300);
        assert_eq!(values(&*node.ledger.state(200).await.unwrap()).await, values(&model[200]).await);
        // Blocks are kept for ever.
        assert_eq!(node.ledger.block(1).await.unwrap().unwrap().block.height(), 1);
        assert!(node.ledger.block(301).await.unwrap().is_none());

        // The same after a restart, which rebuilds the index from what pruning left.
        let tip = node.tip.clone();
        drop(node);
        let node = Node::start(context.child("second"), config(100), Some(tip)).await;
        assert_eq!(node.ledger.oldest_state(), 200);
        for height in [200, 250, 299, 300] {
            let state = node.ledger.state(height).await.unwrap();
            let expected = &model[usize::try_from(height).unwrap()];
            assert_eq!(values(&*state).await, values(expected).await, "height {height}");
        }
    });
}

#[test]
fn a_held_state_that_leaves_the_window_is_refused_and_never_newer() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context, config(64), None).await;
        node.advance_to(100).await;
        let model = model(36);
        let held = node.ledger.state(node.ledger.oldest_state()).await.unwrap();
        assert_eq!(values(&*held).await, values(&model[36]).await);
        // Undo records are dropped in files of 64 heights: until then the state can still be read, from then on it cannot.
        for head in 101..=140 {
            node.advance_to(head).await;
            let keys = universe().iter().map(StateItem::key).collect();
            match held.read(keys).await {
                Ok(_) if head < 128 => assert_eq!(values(&*held).await, values(&model[36]).await, "head {head}"),
                Ok(_) => panic!("height 36 was read at head {head}"),
                Err(fault) => assert!(head >= 128 && fault.0.contains("the oldest is 64"), "head {head}: {fault}"),
            }
        }
    });
}

/// The engine drops operations of the store that no live value and no block it retains needs.
#[test]
fn a_pruned_store_answers_proves_and_starts_again() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context.child("first"), config(100), None).await;
        node.advance_to(300).await;
        let retained = node.ledger.block(290).await.unwrap().unwrap().block.extension().state;
        assert!(retained.operations_start > 0, "there is something to drop");
        <Databases<_> as DatabaseSet<deterministic::Context>>::prune(&node.databases, &sync_target(&retained).unwrap())
            .await;
        node.advance_to(305).await;
        all_is_there(&node, 305).await;
        let tip = node.tip.clone();
        drop(node);
        let mut node = Node::start(context.child("second"), config(100), Some(tip)).await;
        all_is_there(&node, 305).await;
        node.advance_to(320).await;
        all_is_there(&node, 320).await;
    });
}

async fn all_is_there<E: Runtime>(node: &Node<E>, head: Height) {
    let verified = node.ledger.verify(None, &|_, _, _| {}).await.unwrap();
    assert_eq!((verified.blocks, verified.state_height), (head + 1, head));
    node.ledger.prove(&universe()[..32]).await.unwrap();
    let model = model(head);
    for height in [head - 99, head - 50, head] {
        let state = node.ledger.state(height).await.unwrap();
        assert_eq!(values(&*state).await, values(&model[height as usize]).await, "height {height}");
    }
}

#[test]
fn an_archive_keeps_every_state() {
    deterministic::Runner::default().start(|context| async move {
        let config = LedgerConfig { archive: true, ..config(4) };
        let mut node = Node::start(context, config, None).await;
        node.advance_to(150).await;
        let model = model(0);
        assert_eq!(values(&*node.ledger.state(0).await.unwrap()).await, values(&model[0]).await);
    });
}

#[test]
fn records_come_in_order_and_once() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context, config(100), None).await;
        let first = node.advance().await;
        let second = node.advance().await;
        // The same block again, as after a crash.
        let undo = node.writer.capture(&first, &changes(1), &node.databases).await.unwrap();
        node.writer.finalized(finalized(&first), undo, None).await.unwrap();
        assert_eq!(node.ledger.head().block.hash(), second.hash());
        // Another block at a height on record, and one that leaves a gap.
        let other = block(Some(&first), B256::repeat_byte(7), second.extension().state);
        let error = node.writer.capture(&other, &changes(2), &node.databases).await.unwrap_err();
        assert_eq!(error, LedgerError::Conflict { height: 2, stored: second.hash(), offered: other.hash() });
        let gap = block(
            Some(&block(Some(&second), B256::ZERO, second.extension().state)),
            B256::ZERO,
            StateTarget::default(),
        );
        let error = node.writer.capture(&gap, &changes(4), &node.databases).await.unwrap_err();
        assert_eq!(error, LedgerError::Order { expected: 3, offered: 4 });
        // A block that does not follow the head.
        let stray = block(Some(&other), B256::ZERO, StateTarget::default());
        let error = node.writer.capture(&stray, &changes(3), &node.databases).await.unwrap_err();
        assert_eq!(error, LedgerError::Conflict { height: 2, stored: second.hash(), offered: other.hash() });
        // A block that was not captured.
        let (next, _) = node.execute().await;
        let undo = node.writer.capture(&second, &changes(2), &node.databases).await.unwrap();
        let error = node.writer.finalized(finalized(&next), undo, None).await.unwrap_err();
        assert_eq!(error.code(), "ledger.fault");
    });
}

#[test]
fn subscribers_miss_nothing() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context.child("node"), config(100), None).await;
        node.advance_to(7).await;
        let mut from_start = node.ledger.subscribe_from(0);
        let mut from_now = node.ledger.subscribe();
        let reader = context.child("reader").spawn(|_| async move {
            let mut heights = Vec::new();
            while heights.len() < 41 {
                heights.push(from_start.next().await.unwrap().unwrap().block.height());
            }
            heights
        });
        node.advance_to(40).await;
        assert_eq!(reader.await.unwrap(), (0..=40).collect::<Vec<_>>());
        for height in 8..=40 {
            assert_eq!(from_now.next().await.unwrap().unwrap().block.height(), height);
        }
    });
}

#[test]
fn blocks_are_found_by_hash() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context, config(100), None).await;
        let first = node.advance().await;
        node.advance_to(5).await;
        assert_eq!(node.ledger.height_of(first.hash()).await.unwrap(), Some(1));
        assert_eq!(node.ledger.height_of(node.tip.hash()).await.unwrap(), Some(5));
        assert_eq!(node.ledger.height_of(B256::repeat_byte(1)).await.unwrap(), None);
    });
}

#[test]
fn genesis_on_disk_is_the_genesis_in_memory() {
    deterministic::Runner::default().start(|context| async move {
        let database = || database_config(PREFIX, page_cache_with(NZUsize!(64)), one_thread().unwrap());
        let expected = genesis_commitment(&genesis_changes()).unwrap();
        for name in ["first", "second"] {
            let context = context.child("open").with_attribute("name", name);
            let found = open_genesis(context, database(), &genesis_changes(), PREFIX).await.unwrap();
            assert_eq!(found, expected);
        }
        let error = open_genesis(context.child("other"), database(), &changes(3), PREFIX).await.unwrap_err();
        assert!(error.0.contains("another data directory"), "{error}");
    });
}

#[test]
fn a_ledger_that_leaves_blocks_out_is_a_fault_that_names_the_first() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context.child("whole"), config(100), None).await;
        let mut blocks = vec![node.tip.clone()];
        while blocks.len() < 8 {
            blocks.push(node.advance().await);
        }
        for (name, kept, missing) in [("gap", [0, 1, 4, 5], 2), ("beginning", [4, 5, 6, 7], 0)] {
            let lossy = LedgerConfig { partition_prefix: name.into(), ..config(100) };
            let archives = Archives::open(context.child(name), &lossy).await.unwrap();
            for height in kept {
                let block = &blocks[height];
                let record = BlockRecord::new(finalized(block), None).unwrap().encode();
                let undo = UndoRecord { operations_end: block.extension().state.operations_end, entries: Vec::new() };
                archives.put(block.height(), block.hash(), record, Some(undo.encode())).await.unwrap();
            }
            drop(archives);
            let opened = Ledger::open(context.child("again").with_attribute("name", name), lossy, blocks[0].clone());
            let error = opened.await.err().unwrap().to_string();
            assert!(
                error.contains(&format!("{name}-ledger-blocks, height {missing}: the record is missing")),
                "{error}"
            );
        }
    });
}

#[test]
fn hostile_targets_and_values_are_refused() {
    let target = |operations_start, operations_end| StateTarget {
        operations_root: B256::repeat_byte(1),
        operations_start,
        operations_end,
    };
    for (start, end) in [(0, 0), (5, 5), (6, 5), (0, u64::MAX), (u64::MAX, u64::MAX)] {
        assert!(sync_target(&target(start, end)).is_none(), "{start}..{end}");
    }
    let honest = target(5, 9);
    let target = sync_target(&honest).unwrap();
    assert_eq!((target.range.start().as_u64(), target.range.end().as_u64()), (5, 9));
    let mut changes = Changeset::default();
    changes.code.insert(B256::ZERO, vec![0; florin_proof::VALUE_BYTES_MAX + 1].into());
    assert!(MemoryState::new(&changes).unwrap_err().0.contains("at most"));
}
