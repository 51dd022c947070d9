//! What a block says, without a database.

use super::chain::{BEGUN_MS, Chain, SENDER, account, block, log, model, ordered, referenced};
use crate::*;
use alloy_primitives::{Address, B256, Bytes, U256};
use florin_modules::{PAYMENT_ADDRESS, payment::IPayment, token::IToken, token_address};
use std::sync::Arc;

fn transfer(from: Address, to: Address, value: u64) -> alloy_primitives::Log {
    log(token_address(1), &IToken::Transfer { from, to, value: U256::from(value) })
}

#[test]
fn a_transaction_knows_its_logs_and_transfers() {
    let zero = Address::ZERO;
    let first = vec![transfer(zero, account(1), 5), transfer(account(1), account(2), 3)];
    let block = block(4, B256::ZERO, vec![first, Vec::new(), ordered(account(2), account(1), 1, 2, 0, 3)]);
    let rows = decode(&block).unwrap();
    let told: Vec<_> =
        rows.transactions.iter().map(|row| (row.first_log, row.logs, row.first_transfer, row.transfers)).collect();
    assert_eq!(told, [(0, 2, 0, 2), (2, 0, 2, 0), (2, 2, 2, 1)]);
    assert_eq!(rows.transactions.iter().map(|row| row.gas_used).collect::<Vec<_>>(), [21_000; 3]);
    let second = &rows.transactions[1];
    assert_eq!((second.sender, second.selector, second.time_ms), (SENDER, Some([1, 2, 3, 4]), BEGUN_MS + 2_000));
    assert_eq!((rows.block.transactions, rows.block.logs, rows.parent_hash), (3, 4, B256::ZERO));
    let kinds: Vec<_> = rows.transfers.iter().map(|row| (row.kind, row.log_number, row.spot.place.number())).collect();
    assert_eq!(kinds, [(TransferKind::Mint, 0, 0), (TransferKind::Transfer, 1, 1), (TransferKind::Transfer, 2, 2)]);
    let names: Vec<_> = rows.logs.iter().map(|row| row.name.as_deref()).collect();
    assert_eq!(names, [Some("Transfer"), Some("Transfer"), Some("Transfer"), Some("PaymentOrdered")]);
}

#[test]
fn a_memo_belongs_to_the_transfer_of_its_movement() {
    let memo = B256::repeat_byte(1);
    let mut logs = referenced(account(1), account(2), 5, memo, "first");
    // What was swept on stands between the transfer and its memo.
    logs.insert(1, transfer(account(2), account(3), 4));
    logs.extend(referenced(account(1), account(2), 5, B256::ZERO, "second"));
    // A movement that was parked has no transfer.
    logs.extend(referenced(account(1), account(2), 6, memo, "parked").split_off(1));
    let rows = decode(&block(1, B256::ZERO, vec![vec![transfer(account(1), account(2), 6)], logs])).unwrap();
    let told: Vec<_> = rows.transfers.iter().map(|row| (row.reference.as_deref(), row.memo.is_some())).collect();
    assert_eq!(told, [(None, false), (Some("first"), true), (None, false), (Some("second"), false)]);
}

#[test]
fn a_batch_is_one_transfer_for_each_item_that_moved() {
    let item = |to: u8, reference: [u8; 8]| [account(to).as_slice(), &[0; 11], &[to], &reference].concat();
    let items = [item(2, *b"salary01"), item(3, [0; 8]), item(4, *b"salary03")].concat();
    let event = |items: Vec<u8>, results: Vec<u8>| {
        let event = IToken::BatchTransfer { from: account(1), items: items.into(), results: results.into() };
        vec![log(token_address(1), &event)]
    };
    let paid = IPayment::BatchPaid {
        batchId: 1,
        payer: account(1),
        uetr: B256::repeat_byte(7),
        token: token_address(1),
        mode: 1,
        items: 3,
        settled: 2,
        total: U256::from(5),
        results: Bytes::from_static(&[0, 0, 4]),
    };
    let told = [event(items.clone(), vec![0, 0, 4]), vec![log(PAYMENT_ADDRESS, &paid)]].concat();
    // Items that are none, and results that are not theirs.
    let broken = [event(items[1..].to_vec(), vec![0, 0, 4]), event(items, vec![0, 0])].concat();
    let block = block(1, B256::ZERO, vec![told, broken]);
    let rows = decode(&block).unwrap();
    let moved: Vec<_> = rows.transfers.iter().map(|row| (row.payee, row.amount, row.memo.clone())).collect();
    let memo = Some(Bytes::from_static(b"salary01"));
    assert_eq!(moved, [(account(2), U256::from(2), memo), (account(3), U256::from(3), None)]);
    assert!(rows.transfers.iter().all(|row| row.kind == TransferKind::Batch && row.log_number == 0));
    let payment = &model(&[block]).payments[0];
    assert_eq!((payment.payee, payment.items, payment.items_settled), (None, Some(3), Some(2)));
    assert_eq!((payment.status, payment.received), (Status::Settled, U256::from(5)));
}

#[test]
fn only_a_modules_own_address_speaks_for_it() {
    let paid = ordered(account(1), account(2), 1, 5, 0, 3);
    let mut forged = paid.clone();
    forged.iter_mut().for_each(|log| log.address = account(0xcc));
    let rows = decode(&block(1, B256::ZERO, vec![forged])).unwrap();
    // The transfer is one, of the contract's own token.
    assert_eq!((rows.payments.len(), rows.transfers.len()), (0, 1));
    assert_eq!(rows.transfers[0].token, account(0xcc));
    assert_eq!(rows.logs.iter().map(|log| log.name.as_deref()).collect::<Vec<_>>(), [Some("Transfer"), None]);
}

#[test]
fn codes_are_told_as_text_and_zero_as_nothing() {
    let block = block(1, B256::ZERO, vec![ordered(account(1), account(2), 1, 5, 3, 2)]);
    let payment = &model(&[block]).payments[0];
    assert_eq!(payment.debtor_agent.as_deref(), Some("FLORINBB"));
    assert_eq!((&payment.creditor_agent, payment.end_to_end), (&None, None));
    assert_eq!((payment.purpose.as_deref(), payment.status), (Some("SALA"), Status::Parked));
    assert_eq!(payment.received, U256::ZERO);
    let unknown = ordered(account(1), account(2), 1, 5, 3, 9);
    assert!(decode(&self::block(1, B256::ZERO, vec![unknown])).unwrap().payments.is_empty());
}

#[test]
fn receipts_of_another_block_are_refused() {
    let chain = Chain { blocks: vec![block(1, B256::ZERO, vec![Vec::new(), Vec::new()])] };
    let block = Arc::new(chain.blocks[0].block().clone());
    let refused = HistoryBlock::new(block.clone(), Arc::default(), Arc::new(vec![SENDER; 2]));
    assert!(matches!(refused, Err(DecodeError::Lengths { transactions: 2, receipts: 0, senders: 2, .. })));
    let empty = Arc::new(self::block(1, B256::ZERO, Vec::new()).block().clone());
    assert!(HistoryBlock::recovered(empty, Arc::default()).is_ok());
}

#[test]
fn places_sort_as_the_chain_does() {
    let place = |height, number| Place::new(height, number).unwrap();
    assert!(place(1, 0) > place(0, (1 << 24) - 1));
    assert_eq!((place(7, 9).height(), place(7, 9).number()), (7, 9));
    assert_eq!((Place::new(1, 1 << 24), Place::new(1 << 39, 0), Place::new(u64::MAX, 0)), (None, None, None));
}
