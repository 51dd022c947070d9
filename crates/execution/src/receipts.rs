//! Receipts and their blooms.

use alloy_consensus::{Receipt, ReceiptWithBloom, TxType};
use alloy_primitives::{Bloom, BloomInput, Log, keccak256};
use florin_types::{Address, B256, ReceiptEnvelope};
use revm::context::result::ExecutionResult;

/// Makes the receipts of a block, one after another.
#[derive(Default)]
pub(crate) struct Receipts {
    receipts: Vec<ReceiptEnvelope>,
    gas_used: u64,
    logs_bloom: Bloom,
    /// Most logs of a block are of one kind from one contract: their hashes are remembered.
    address: Option<(Address, B256)>,
    kind: Option<(B256, B256)>,
}

impl Receipts {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { receipts: Vec::with_capacity(count), ..Self::default() }
    }

    /// Keeps the receipt of the next transaction.
    pub(crate) fn push(&mut self, tx_type: TxType, result: ExecutionResult) {
        self.gas_used = self.gas_used.saturating_add(result.tx_gas_used());
        let status = result.is_success().into();
        let logs = result.into_logs();
        let mut logs_bloom = Bloom::ZERO;
        logs.iter().for_each(|log| self.accrue(&mut logs_bloom, log));
        self.logs_bloom.accrue_bloom(&logs_bloom);
        let receipt = Receipt { status, cumulative_gas_used: self.gas_used, logs };
        self.receipts.push(envelope(tx_type, ReceiptWithBloom { receipt, logs_bloom }));
    }

    /// Source: yellow paper, section 4.3.1: three bits each for the logger's address and for every topic.
    fn accrue(&mut self, bloom: &mut Bloom, log: &Log) {
        bloom.accrue(BloomInput::Hash(remembered(&mut self.address, log.address)));
        let mut topics = log.topics().iter();
        if let Some(kind) = topics.next() {
            bloom.accrue(BloomInput::Hash(remembered(&mut self.kind, *kind)));
        }
        topics.for_each(|topic| bloom.accrue(BloomInput::Raw(topic.as_slice())));
    }

    /// Receipts, gas used and the union of the blooms.
    pub(crate) fn finish(self) -> (Vec<ReceiptEnvelope>, u64, Bloom) {
        (self.receipts, self.gas_used, self.logs_bloom)
    }
}

fn remembered<K: Copy + PartialEq + AsRef<[u8]>>(last: &mut Option<(K, B256)>, key: K) -> B256 {
    match last {
        Some((known, hash)) if *known == key => *hash,
        _ => last.insert((key, keccak256(key))).1,
    }
}

fn envelope(tx_type: TxType, receipt: ReceiptWithBloom<Receipt<Log>>) -> ReceiptEnvelope {
    match tx_type {
        TxType::Legacy => ReceiptEnvelope::Legacy(receipt),
        TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
        TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
        TxType::Eip4844 => ReceiptEnvelope::Eip4844(receipt),
        TxType::Eip7702 => ReceiptEnvelope::Eip7702(receipt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use florin_types::Bytes;

    #[test]
    fn blooms_are_ethereums() {
        let log = |address: u8, topics: &[u8]| {
            let topics = topics.iter().map(|byte| B256::repeat_byte(*byte)).collect();
            Log::new_unchecked(Address::repeat_byte(address), topics, Bytes::new())
        };
        let mut receipts = Receipts::default();
        for log in [log(1, &[]), log(1, &[2]), log(3, &[2, 4, 5, 6]), log(1, &[7, 2])] {
            let mut bloom = Bloom::ZERO;
            receipts.accrue(&mut bloom, &log);
            let mut expected = Bloom::ZERO;
            expected.accrue_log(&log);
            assert_eq!(bloom, expected);
        }
    }
}
