//! Records of blocks with transactions: what is written comes back, what was changed is named.

use super::*;
use crate::{
    archive::{Archives, read_undo},
    record::{BlockRecord, UndoRecord},
};
use alloy_consensus::{
    Receipt, ReceiptEnvelope, ReceiptWithBloom, SignableTransaction as _, TxLegacy, proofs::calculate_receipt_root,
    transaction::SignerRecoverable as _,
};
use bytes::Bytes as RawBytes;
use commonware_codec::Encode as _;
use commonware_runtime::{Runner as _, Supervisor as _, deterministic};
use florin_types::alloy_primitives::Signature;

fn transaction(nonce: u64) -> TxEnvelope {
    let tx = TxLegacy { chain_id: Some(7), nonce, gas_limit: 21_000, to: address(3).into(), ..TxLegacy::default() };
    TxEnvelope::Legacy(tx.into_signed(Signature::test_signature()))
}

fn receipt(gas: u64) -> ReceiptEnvelope {
    let receipt = Receipt { status: true.into(), cumulative_gas_used: gas, logs: Vec::new() };
    ReceiptEnvelope::Legacy(ReceiptWithBloom::from(receipt))
}

fn with_transactions(parent: &Block, state_root: B256, state: StateTarget) -> FinalizedBlock {
    let transactions = vec![transaction(0), transaction(1)];
    let receipts = vec![receipt(21_000), receipt(42_000)];
    let senders: Vec<Address> = transactions.iter().map(|tx| tx.recover_signer().unwrap()).collect();
    let bare = block(Some(parent), state_root, state);
    let header = Header {
        transactions_root: calculate_transaction_root(&transactions),
        receipts_root: calculate_receipt_root(&receipts),
        ..bare.header().clone()
    };
    let block = Block::new(header, *bare.extension(), transactions).unwrap();
    FinalizedBlock { block: Arc::new(block), receipts: Arc::new(receipts), senders: Arc::new(senders), executed: true }
}

fn sample() -> BlockRecord {
    let finalized = with_transactions(&genesis_block(), B256::repeat_byte(2), StateTarget::default());
    BlockRecord::new(finalized, Some(Bytes::from_static(&[1, 2, 3]))).unwrap()
}

#[test]
fn a_record_comes_back_as_it_was() {
    let record = sample();
    let back = BlockRecord::decode(record.encode(), "here").unwrap();
    assert_eq!(back.finalized, record.finalized);
    assert_eq!(back.certificate, record.certificate);
}

#[test]
fn a_record_that_does_not_fit_its_block_is_refused() {
    let honest = (*sample().finalized).clone();
    let changed = |change: &dyn Fn(&mut FinalizedBlock)| {
        let mut finalized = honest.clone();
        change(&mut finalized);
        BlockRecord::new(finalized, None).map(|_| ()).unwrap_err()
    };
    assert!(changed(&|block| block.senders = Arc::default()).contains("0 senders for 2"));
    assert!(changed(&|block| block.receipts = Arc::default()).contains("0 receipts for 2"));
    let large = BlockRecord::new(honest.clone(), Some(vec![0; 5_000].into())).map(|_| ()).unwrap_err();
    assert!(large.contains("5000 bytes"), "{large}");
    let other = FinalizedBlock { receipts: Arc::new(vec![receipt(1), receipt(2)]), ..honest };
    let record = BlockRecord::new(other, None).unwrap();
    let error = BlockRecord::decode(record.encode(), "here").unwrap_err().to_string();
    assert!(error.contains("here: receipts hash to"), "{error}");
    // Nothing is on record that was not executed, so nothing may skip that check.
    let mut unexecuted = sample().encode().to_vec();
    assert_eq!(std::mem::take(&mut unexecuted[0]), 1);
    let error = BlockRecord::decode(unexecuted.into(), "here").unwrap_err().to_string();
    assert!(error.contains("here: the record says that its block was not executed"), "{error}");
}

#[test]
fn an_undo_record_that_leads_elsewhere_is_found_by_the_full_check() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context.child("node"), config(100), None).await;
        node.advance_to(3).await;
        node.ledger.verify(None, &|_, _, _| {}).await.unwrap();
        let stored = read_undo(&*node.ledger.0.disk, 2).await.unwrap();
        let wrong = UndoRecord { operations_end: stored.operations_end - 1, ..stored };
        let other = LedgerConfig { partition_prefix: "other".into(), ..config(100) };
        let archives = Archives::open(context.child("other"), &other).await.unwrap();
        for height in 0..=3 {
            let block = node.ledger.block(height).await.unwrap().unwrap().block.clone();
            let undo = match height {
                0 => None,
                2 => Some(wrong.encode()),
                _ => Some(read_undo(&*node.ledger.0.disk, height).await.unwrap().encode()),
            };
            let record = BlockRecord::new(finalized(&block), None).unwrap().encode();
            archives.put(height, block.hash(), record, undo).await.unwrap();
        }
        drop(archives);
        let (ledger, _writer) = Ledger::open(context.child("again"), other, Arc::new(genesis_block())).await.unwrap();
        let error = ledger.verify(None, &|_, _, _| {}).await.unwrap_err().to_string();
        assert!(error.contains("other-ledger-undo, height 2: the undo record ends at operation"), "{error}");
    });
}

#[test]
fn a_changed_byte_never_gives_another_block_or_receipt() {
    let record = sample();
    let bytes = record.encode();
    for position in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[position] ^= 0x01;
        if let Ok(back) = BlockRecord::decode(changed.into(), "here") {
            let same = back.finalized.block.hash() == record.finalized.block.hash();
            assert!(!same || back.finalized.receipts == record.finalized.receipts, "byte {position}");
        }
        assert!(BlockRecord::decode(bytes.slice(..position), "here").is_err(), "cut at {position}");
    }
}

#[test]
fn undo_records_are_ordered_and_bounded() {
    let key = |number| StateItem::Account(address(number)).key();
    let mut entries = vec![(key(1), None), (key(2), Some(RawBytes::from_static(&[1]))), (key(3), None)];
    entries.sort_unstable_by_key(|entry| entry.0);
    let record = UndoRecord { operations_end: 9, entries };
    let back = UndoRecord::decode(record.encode(), 1, "here").unwrap();
    assert_eq!(back, record);
    assert_eq!(back.before(&key(2)), Some(&Some(RawBytes::from_static(&[1]))));
    assert_eq!(back.before(&key(3)), Some(&None));
    assert_eq!(back.before(&key(4)), None);
    let mut reversed = record.clone();
    reversed.entries.reverse();
    let error = UndoRecord::decode(reversed.encode(), 1, "here").unwrap_err().to_string();
    assert!(error.contains("out of order"), "{error}");
    assert!(UndoRecord::decode(RawBytes::from_static(&[1, 2]), 1, "here").is_err());
}

#[test]
fn a_wrong_sender_on_record_is_found_by_the_full_check() {
    for honest in [true, false] {
        deterministic::Runner::default().start(|context| async move {
            let node = Node::start(context, config(100), None).await;
            let (bare, batch) = node.execute().await;
            let mut finalized = with_transactions(&node.tip, bare.header().state_root, bare.extension().state);
            if !honest {
                finalized.senders = Arc::new(vec![address(1), address(2)]);
            }
            let block = finalized.block.clone();
            let undo = node.writer.capture(&block, &changes(1), &node.databases).await.unwrap();
            <Databases<_> as DatabaseSet<deterministic::Context>>::apply(&node.databases, batch).await;
            node.writer.finalized(finalized.clone(), undo, None).await.unwrap();
            assert_eq!(*node.ledger.block(1).await.unwrap().unwrap(), finalized);
            let checked = node.ledger.verify(None, &|_, _, _| {}).await;
            if honest {
                let checked = checked.unwrap();
                assert_eq!((checked.blocks, checked.undo_records, checked.state_height), (2, 1, 1));
                assert!(checked.state_operations > 0 && checked.state_values > 0);
            } else {
                let error = checked.unwrap_err().to_string();
                assert!(error.contains("height 1: transaction 0 is signed by"), "{error}");
            }
        });
    }
}
