//! Blocks with the events that modules emit, and what must be found in them.

use crate::{
    DecisionRecord, HistoryBlock, LogRecord, PaymentRecord, PaymentStep, SettlementRecord, TransactionRecord,
    TransferRecord, decode::decode,
};
use alloy_consensus::{
    Header, Receipt, ReceiptWithBloom, SignableTransaction as _, TxEnvelope, TxLegacy,
    proofs::calculate_transaction_root,
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, Log, Signature, TxKind, U256};
use alloy_sol_types::SolEvent;
use florin_modules::{
    PAYMENT_ADDRESS, POLICY_ADDRESS, SETTLEMENT_ADDRESS, payment::IPayment, policy::IPolicy, settlement::ISettlement,
    token::IToken, token_address,
};
use florin_types::{Block, Extension, Height, ReceiptEnvelope};
use std::{collections::BTreeMap, sync::Arc};

/// What the first block of these chains names as its parent, so that it is at height 1.
pub(super) const GENESIS: B256 = B256::repeat_byte(9);
/// Time of block 1.
pub(super) const BEGUN_MS: u64 = 1_700_000_000_000;
/// Who signs everything.
pub(super) const SENDER: Address = Address::repeat_byte(0x5e);

pub(super) fn account(number: u8) -> Address {
    Address::repeat_byte(number)
}

pub(super) fn uetr(number: u64) -> B256 {
    B256::from(U256::from(number + 1))
}

/// An event at an address.
pub(super) fn log(address: Address, event: &impl SolEvent) -> Log {
    Log { address, data: event.encode_log_data() }
}

/// Makes blocks that follow each other.
pub(super) struct Chain {
    pub(super) blocks: Vec<HistoryBlock>,
}

impl Chain {
    pub(super) fn new() -> Self {
        Self { blocks: Vec::new() }
    }

    pub(super) fn next_height(&self) -> Height {
        self.blocks.len() as u64 + 1
    }

    /// A block of one transaction for each list of logs.
    pub(super) fn push(&mut self, logs_by_transaction: Vec<Vec<Log>>) -> &mut Self {
        let parent_hash = self.blocks.last().map_or(GENESIS, |block| block.block().hash());
        self.blocks.push(block(self.next_height(), parent_hash, logs_by_transaction));
        self
    }

    pub(super) fn push_one(&mut self, logs: Vec<Log>) -> &mut Self {
        self.push(vec![logs])
    }
}

/// A block of one transaction for each list of logs. The last byte of the parent's hash makes the transactions differ.
pub(super) fn block(height: Height, parent_hash: B256, logs_by_transaction: Vec<Vec<Log>>) -> HistoryBlock {
    let extension = Extension { timestamp_ms: BEGUN_MS + height * 500, ..Extension::default() };
    let transactions: Vec<TxEnvelope> = (0..logs_by_transaction.len())
        .map(|index| {
            let nonce = height * 10_000 + index as u64;
            let to = TxKind::Call(account(0xc0 + (index % 3) as u8));
            let input = Bytes::from(vec![1, 2, 3, 4, 5]);
            let tx = TxLegacy { nonce, to, input, value: U256::from(index), ..TxLegacy::default() };
            tx.into_signed(Signature::new(U256::ONE, U256::ONE, false)).into()
        })
        .collect();
    let header = Header {
        number: height,
        parent_hash,
        timestamp: extension.timestamp_ms / 1_000,
        extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
        transactions_root: calculate_transaction_root(&transactions),
        ..Block::header_template()
    };
    let receipts = (1..)
        .zip(logs_by_transaction)
        .map(|(number, logs)| {
            let receipt = Receipt { status: (number % 7 != 0).into(), cumulative_gas_used: 21_000 * number, logs };
            ReceiptEnvelope::Legacy(ReceiptWithBloom::from(receipt))
        })
        .collect();
    let senders = transactions.iter().map(|_| SENDER).collect();
    let block = Block::new(header, extension, transactions).unwrap();
    HistoryBlock::new(Arc::new(block), Arc::new(receipts), Arc::new(senders)).unwrap()
}

/// A payment as the module tells it, after the transfer where it is settled.
pub(super) fn ordered(payer: Address, payee: Address, token: u64, amount: u64, number: u64, state: u8) -> Vec<Log> {
    let (token, value) = (token_address(token), U256::from(amount));
    let mut logs = Vec::new();
    if state == 3 {
        logs.push(log(token, &IToken::Transfer { from: payer, to: payee, value }));
    }
    let event = IPayment::PaymentOrdered {
        payer,
        uetr: uetr(number),
        payee,
        token,
        amount: value,
        state,
        debtorAgent: FixedBytes::from(*b"FLORINBB\0\0\0"),
        creditorAgent: FixedBytes::ZERO,
        endToEnd: if number.is_multiple_of(3) { B256::ZERO } else { B256::with_last_byte((number % 50) as u8 + 1) },
        purpose: FixedBytes::from(*b"SALA"),
        remittance: B256::ZERO,
        priority: (number % 3) as u8,
    };
    logs.push(log(PAYMENT_ADDRESS, &event));
    logs
}

/// A transfer with memo and reference.
pub(super) fn referenced(payer: Address, payee: Address, amount: u64, memo: B256, reference: &str) -> Vec<Log> {
    let (token, value) = (token_address(1), U256::from(amount));
    let with_memo =
        IToken::TransferWithMemo { from: payer, to: payee, value, memo, paymentReference: reference.into() };
    vec![log(token, &IToken::Transfer { from: payer, to: payee, value }), log(token, &with_memo)]
}

/// Blocks in which everything occurs: payments among a few accounts, references, decisions, settlement. The same number
/// gives the same blocks.
pub(super) fn busy(blocks: u64, transactions: u64) -> Chain {
    let mut chain = Chain::new();
    let mut number = 0;
    for _ in 0..blocks {
        let logs = (0..transactions).map(|_| {
            number += 1;
            something(number)
        });
        let logs = logs.collect();
        chain.push(logs);
    }
    chain
}

/// The logs of one transaction.
fn something(number: u64) -> Vec<Log> {
    let (payer, payee) = (account(1 + (number % 5) as u8), account(1 + (number / 5 % 6) as u8));
    let amount = 1 + number * 7_919 % 1_000;
    match number % 10 {
        0 => referenced(
            payer,
            payee,
            amount,
            B256::with_last_byte((number % 11) as u8),
            &format!("INV-{:04}", number % 300),
        ),
        1 => vec![log(
            POLICY_ADDRESS,
            &IPolicy::Decision {
                policyId: number % 4,
                token: token_address(1 + number % 2),
                version: 2,
                rule: number % 3,
                inputsHash: uetr(number),
                outcome: [1, 3, 4][(number / 10 % 3) as usize],
                figures: vec![U256::from(amount)],
            },
        )],
        2 => vec![log(
            SETTLEMENT_ADDRESS,
            &ISettlement::InstructionSubmitted {
                instructionId: number,
                schemeId: number % 3,
                instructionReference: uetr(number),
                debtor: payer,
                creditor: payee,
                amount: U256::from(amount),
                priority: 1,
            },
        )],
        3 => vec![log(
            SETTLEMENT_ADDRESS,
            &ISettlement::InstructionSettled { instructionId: number - 1, schemeId: (number - 1) % 3 },
        )],
        // It waits, and the next one but one posts it, gives it up, or lets it expire.
        4 => ordered(payer, payee, 1, amount, number, 1),
        6 => {
            let (payer, uetr) = (account(1 + ((number - 2) % 5) as u8), uetr(number - 2));
            let amount = U256::from(1 + (number - 2) * 7_919 % 1_000);
            vec![match number / 10 % 4 {
                0 => log(PAYMENT_ADDRESS, &IPayment::PaymentPosted { payer, uetr, posted: amount, freed: U256::ZERO }),
                1 => log(PAYMENT_ADDRESS, &IPayment::PaymentVoided { payer, uetr, by: payee, freed: amount }),
                2 => log(PAYMENT_ADDRESS, &IPayment::PaymentExpired { payer, uetr, freed: amount }),
                _ => return Vec::new(),
            }]
        }
        _ => ordered(payer, payee, 1 + number % 2, amount, number, 3),
    }
}

/// Everything that blocks say, as plain lists, newest first.
pub(super) struct Model {
    pub(super) blocks: usize,
    pub(super) transactions: Vec<TransactionRecord>,
    pub(super) logs: Vec<LogRecord>,
    pub(super) transfers: Vec<TransferRecord>,
    pub(super) payments: Vec<PaymentRecord>,
    pub(super) steps: usize,
    pub(super) decisions: Vec<DecisionRecord>,
    pub(super) settlement: Vec<SettlementRecord>,
}

pub(super) fn model(blocks: &[HistoryBlock]) -> Model {
    let (mut payments, mut model) = (
        BTreeMap::<_, PaymentRecord>::new(),
        Model {
            blocks: blocks.len(),
            transactions: Vec::new(),
            logs: Vec::new(),
            transfers: Vec::new(),
            payments: Vec::new(),
            steps: 0,
            decisions: Vec::new(),
            settlement: Vec::new(),
        },
    );
    for block in blocks {
        let rows = decode(block).unwrap();
        model.transactions.extend(rows.transactions);
        model.logs.extend(rows.logs);
        model.transfers.extend(rows.transfers);
        model.decisions.extend(rows.decisions);
        model.settlement.extend(rows.settlement);
        for event in rows.payments {
            model.steps += 1;
            match &event.step {
                PaymentStep::Ordered(payment) => {
                    payments.insert((event.payer, event.uetr), (**payment).clone());
                }
                _ => payments.get_mut(&(event.payer, event.uetr)).unwrap().apply(&event),
            }
        }
    }
    model.payments = payments.into_values().collect();
    model.payments.sort_by_key(|payment| std::cmp::Reverse(payment.spot.place));
    model.transactions.reverse();
    model.logs.reverse();
    model.transfers.reverse();
    model.decisions.reverse();
    model.settlement.reverse();
    model
}
