//! Proofs of presence and absence against finalised headers.

use super::*;
use crate::{LedgerError, one_thread};
use commonware_runtime::{Runner as _, Strategizer as _, Supervisor as _, deterministic, tokio};
use florin_proof::StateProof;

#[test]
fn presence_and_absence_are_proven_against_the_head() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context, config(100), None).await;
        node.advance_to(25).await;
        let model = model(25);
        for items in universe().chunks(20) {
            let proven = node.ledger.prove(items).await.unwrap();
            let header = proven.block.block.header().clone();
            assert_eq!(header.number, 25);
            let proof = StateProof::from_bytes(&proven.proof.to_bytes()).unwrap();
            let values = proof.verify(header.state_root).unwrap();
            for (item, (proven_item, value)) in items.iter().zip(values) {
                assert_eq!(*item, proven_item);
                let expected = item.decode(model[25].get(item).map(|stored| &stored[..])).unwrap();
                assert_eq!(value, expected, "{item:?}");
            }
            let parent = node.ledger.block(24).await.unwrap().unwrap();
            let error = proof.verify(parent.block.header().state_root).unwrap_err();
            assert_eq!(error.code(), "proof.root");
        }
        let items = node.ledger.prove(&[]).await.unwrap_err();
        assert_eq!(items, LedgerError::Items { items: 0, max: 64 });
        let many = vec![StateItem::Account(address(1)); 65];
        assert_eq!(node.ledger.prove(&many).await.unwrap_err().code(), "ledger.items");
    });
}

#[test]
fn an_empty_state_proves_absence() {
    let (root, proof) = deterministic::Runner::default().start(|context| async move {
        let empty = Changeset::default();
        let database = database_config(PREFIX, page_cache_with(NZUsize!(64)), one_thread().unwrap());
        let (root, target) = open_genesis(context.child("genesis"), database.clone(), &empty, PREFIX).await.unwrap();
        let target = sync_target(&target).unwrap();
        let databases: Databases<deterministic::Context> =
            <Databases<_> as DatabaseSet<_>>::init(context.child("state"), database, Some(target)).await;
        let items = vec![StateItem::Account(address(3))];
        (root, crate::live::LiveState::prove(&databases, items).await.unwrap().1)
    });
    let values = proof.verify(root).unwrap();
    assert_eq!(values, vec![(StateItem::Account(address(3)), StateValue::Account(None))]);
}

#[test]
fn no_changed_byte_of_a_proof_verifies_to_another_value() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context, config(100), None).await;
        node.advance_to(10).await;
        let items =
            [StateItem::Account(address(2)), StateItem::Account(address(999)), StateItem::Slot(address(1), U256::ZERO)];
        let proven = node.ledger.prove(&items).await.unwrap();
        let root = proven.block.block.header().state_root;
        let honest = proven.proof.verify(root).unwrap();
        let bytes = proven.proof.to_bytes().to_vec();
        for position in 0..bytes.len() {
            for bit in [0x01, 0x80] {
                let mut changed = bytes.clone();
                changed[position] ^= bit;
                if let Ok(values) = StateProof::from_bytes(&changed).and_then(|proof| proof.verify(root)) {
                    // A byte may name another absent item, or be part of what the proof does not need; never another value.
                    for (item, value) in &values {
                        match honest.iter().find(|(honest_item, _)| honest_item == item) {
                            Some((_, honest_value)) => assert_eq!(value, honest_value, "byte {position}"),
                            None => assert!(
                                matches!(value, StateValue::Account(None) | StateValue::Slot(U256::ZERO)),
                                "byte {position}: {item:?} is {value:?}"
                            ),
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn a_proof_belongs_to_a_finalised_header_while_the_store_moves_on() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context.child("node"), config(100), None).await;
        node.advance_to(3).await;
        let (block, batch) = node.execute().await;
        let undo = node.writer.capture(&block, &changes(4), &node.databases).await.unwrap();
        <Databases<_> as DatabaseSet<deterministic::Context>>::apply(&node.databases, batch).await;
        // The store stands at 4, the head at 3: the proof waits for 4 to become the head.
        let items = [StateItem::Account(address(2))];
        let proving = node.ledger.prove(&items);
        let finalising = node.writer.finalized(finalized(&block), undo, None);
        let (proven, done) = futures::join!(proving, finalising);
        done.unwrap();
        let proven = proven.unwrap();
        assert_eq!(proven.block.block.hash(), block.hash());
        proven.proof.verify(block.header().state_root).unwrap();
    });
}

#[test]
fn a_block_is_final_through_its_certified_descendant() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context, config(100), None).await;
        node.advance_to(3).await;
        assert_eq!(node.ledger.certificate(2).await.unwrap(), None);
        let (block, batch) = node.execute().await;
        let undo = node.writer.capture(&block, &changes(4), &node.databases).await.unwrap();
        <Databases<_> as DatabaseSet<deterministic::Context>>::apply(&node.databases, batch).await;
        let certificate = Bytes::from_static(b"opaque here");
        node.writer.finalized(finalized(&block), undo, Some(certificate.clone())).await.unwrap();
        let proof = node.ledger.certificate(2).await.unwrap().unwrap();
        assert_eq!(proof.certificate, certificate);
        let heights: Vec<Height> = proof.headers.iter().map(|header| header.header.number).collect();
        assert_eq!(heights, [2, 3, 4]);
        assert_eq!(node.ledger.certificate(5).await.unwrap(), None);
    });
}

/// The state behind the recorded proof of `florin-proof`.
fn golden_changes() -> Changeset {
    let mut changes = Changeset::default();
    let one = Address::repeat_byte(0x11);
    let account = |nonce, balance| Some(Account { nonce, balance: U256::from(balance), ..Account::default() });
    changes.accounts.insert(one, account(3, 1_000));
    changes.accounts.insert(Address::repeat_byte(0x12), account(0, 1));
    changes.slots.insert((one, U256::from(5)), U256::from(70));
    changes.slots.insert((one, U256::from(7)), U256::MAX);
    changes.code.insert(keccak256([0x60]), Bytes::from_static(&[0x60]));
    changes
}

#[test]
fn roots_and_proofs_are_golden() {
    let (root, proof) = deterministic::Runner::default().start(|context| async move {
        let database = database_config(PREFIX, page_cache_with(NZUsize!(64)), one_thread().unwrap());
        let changes = golden_changes();
        let (root, target) = open_genesis(context.child("genesis"), database.clone(), &changes, PREFIX).await.unwrap();
        let target = sync_target(&target).unwrap();
        let databases: Databases<deterministic::Context> =
            <Databases<_> as DatabaseSet<_>>::init(context.child("state"), database, Some(target)).await;
        let one = Address::repeat_byte(0x11);
        let items = vec![
            StateItem::Account(one),
            StateItem::Slot(one, U256::from(5)),
            StateItem::Account(Address::repeat_byte(0x33)),
            StateItem::Slot(one, U256::from(6)),
        ];
        (root, crate::live::LiveState::prove(&databases, items).await.unwrap().1)
    });
    let hex = |bytes: &[u8]| florin_types::alloy_primitives::hex::encode(bytes);
    assert_eq!(hex(root.as_slice()), include_str!("../../../proof/golden/state_root.hex").trim());
    assert_eq!(hex(&proof.to_bytes()), include_str!("../../../proof/golden/state_proof.hex").trim());
}

/// Enough changes for every step that can be divided among threads.
#[test]
fn many_threads_hash_to_the_same_roots_as_one() {
    const ACCOUNTS: u64 = 5_000;
    const BLOCKS: u64 = 3;
    let roots = |threads: usize| {
        let directory = tempfile::tempdir().unwrap();
        let config = tokio::Config::new().with_storage_directory(directory.path());
        tokio::Runner::new(config).start(|context| async move {
            let threads = context.strategy(core::num::NonZeroUsize::new(threads).unwrap());
            let database = database_config(PREFIX, page_cache_with(NZUsize!(1_024)), threads);
            let changes = |height: Height| Changeset {
                accounts: (0..ACCOUNTS)
                    .filter(|number| !(number + height).is_multiple_of(7))
                    .map(|number| {
                        let account = Account { nonce: height + 1, balance: U256::from(number), ..Account::default() };
                        (address(number), (!(number + height).is_multiple_of(5)).then_some(account))
                    })
                    .collect(),
                ..Changeset::default()
            };
            let (root, _) =
                open_genesis(context.child("genesis"), database.clone(), &changes(0), PREFIX).await.unwrap();
            let databases: Databases<tokio::Context> =
                <Databases<_> as DatabaseSet<_>>::init(context.child("state"), database, None).await;
            let mut roots = vec![root];
            for height in 1..=BLOCKS {
                let batch = <Databases<_> as DatabaseSet<_>>::new_batches(&databases).await;
                let batch = merkleize(write(batch, height, &changes(height)).unwrap()).await.unwrap();
                roots.push(commitment(&batch).0);
                <Databases<_> as DatabaseSet<_>>::apply(&databases, batch).await;
            }
            roots
        })
    };
    let one = roots(1);
    assert_eq!(one, roots(4));
    assert_eq!(one.iter().collect::<std::collections::BTreeSet<_>>().len() as u64, BLOCKS + 1);
}
