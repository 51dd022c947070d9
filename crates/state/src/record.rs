//! The two records the ledger keeps of each finalised height, as bytes.
//!
//! What is read back is checked against what commits to it: transactions and extension against the block's header, receipts
//! against the header's receipts root. Nothing commits to senders, certificates and undo records: they are as good as the
//! checksum that the archives beneath add to every record, until [`crate::Ledger::verify`] recomputes senders and
//! certificates.

use crate::{LedgerError, ledger::FinalizedBlock};
use alloy_consensus::{proofs::calculate_receipt_root, transaction::SignerRecoverable as _};
use alloy_eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use bytes::{BufMut, Bytes as RawBytes};
use commonware_codec::{
    Buf, Decode as _, Encode as _, EncodeSize, Error as CodecError, RangeCfg, Read, ReadExt as _, Write,
};
use florin_proof::{CERTIFICATE_BYTES_MAX, StateKey, value_range};
use florin_types::{Address, BLOCK_BYTES_MAX, Block, Bytes, Height, ReceiptEnvelope};
use std::sync::Arc;

/// Most bytes of a record: a block with the logs that its gas can pay for, with a wide margin.
pub(crate) const RECORD_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Most entries of a list in a record.
const ENTRIES_MAX: usize = 16 * 1024 * 1024;

/// A finalised block on record, with its own certificate if it has one.
#[derive(Clone, Debug)]
pub(crate) struct BlockRecord {
    pub(crate) finalized: Arc<FinalizedBlock>,
    pub(crate) certificate: Option<Bytes>,
}

impl BlockRecord {
    /// The block that a copied state stands at: nobody here executed it, so its receipts are not known.
    pub(crate) fn root(block: Arc<Block>, certificate: Option<Bytes>) -> Result<Self, String> {
        let senders = block.transactions().iter().map(|tx| tx.recover_signer());
        let senders = senders.collect::<Result<Vec<_>, _>>().map_err(|error| format!("a signature: {error}"))?;
        let receipts = Arc::default();
        Self::new(FinalizedBlock { block, receipts, senders: Arc::new(senders), executed: false }, certificate)
    }

    /// Refuses what could not be read back.
    pub(crate) fn new(finalized: FinalizedBlock, certificate: Option<Bytes>) -> Result<Self, String> {
        let transactions = finalized.block.transactions().len();
        if finalized.senders.len() != transactions {
            return Err(format!("{} senders for {transactions} transactions", finalized.senders.len()));
        }
        if finalized.executed && finalized.receipts.len() != transactions {
            return Err(format!("{} receipts for {transactions} transactions", finalized.receipts.len()));
        }
        if let Some(bytes) = certificate.as_ref().map(|certificate| certificate.len())
            && bytes > CERTIFICATE_BYTES_MAX
        {
            return Err(format!("a certificate of {bytes} bytes, at most {CERTIFICATE_BYTES_MAX}"));
        }
        Ok(Self { finalized: Arc::new(finalized), certificate })
    }

    pub(crate) fn height(&self) -> Height {
        self.finalized.block.height()
    }

    /// What other nodes ask for.
    pub(crate) fn stored(&self) -> StoredBlock {
        StoredBlock { block: self.finalized.block.encode().into(), certificate: self.certificate.clone() }
    }

    pub(crate) fn encode(&self) -> RawBytes {
        let stored = Stored {
            executed: self.finalized.executed,
            block: self.finalized.block.encode().into(),
            receipts: self.finalized.receipts.iter().map(|receipt| receipt.encoded_2718().into()).collect(),
            senders: self.finalized.senders.iter().flat_map(|sender| sender.0.0).collect::<Vec<u8>>().into(),
            certificate: self.certificate.as_ref().map(|bytes| bytes.0.clone()),
        };
        stored.encode()
    }

    /// Reads a record back and checks the parts that the block's header commits to. `place` names it in errors.
    pub(crate) fn decode(bytes: RawBytes, place: &str) -> Result<Self, LedgerError> {
        let record = Self::decode_root(bytes, place)?;
        if !record.finalized.executed {
            return Err(LedgerError::Fault(format!("{place}: the record says that its block was not executed")));
        }
        Ok(record)
    }

    /// The same of the block that the ledger begins with, which may lack receipts.
    pub(crate) fn decode_root(bytes: RawBytes, place: &str) -> Result<Self, LedgerError> {
        let wrong = |what: String| LedgerError::Fault(format!("{place}: {what}"));
        let stored = Stored::decode_cfg(bytes, &()).map_err(|error| wrong(format!("not a record: {error}")))?;
        let block = Block::decode(&stored.block).map_err(|error| wrong(error.to_string()))?;
        let receipts = stored.receipts.iter().map(|bytes| decode_receipt(bytes)).collect::<Result<Vec<_>, _>>();
        let receipts = receipts.map_err(wrong)?;
        let senders: Vec<Address> = stored.senders.chunks_exact(20).map(Address::from_slice).collect();
        if !stored.senders.len().is_multiple_of(20) {
            return Err(wrong(format!("{} bytes of senders", stored.senders.len())));
        }
        let receipts_root = calculate_receipt_root(&receipts);
        if stored.executed && receipts_root != block.header().receipts_root {
            let expected = block.header().receipts_root;
            return Err(wrong(format!("receipts hash to {receipts_root}, the header says {expected}")));
        }
        let finalized = FinalizedBlock {
            block: Arc::new(block),
            receipts: Arc::new(receipts),
            senders: Arc::new(senders),
            executed: stored.executed,
        };
        Self::new(finalized, stored.certificate.map(Bytes)).map_err(wrong)
    }
}

/// Reads what a file of the ledger might hold as the record of a block; gives its height. For fuzzers.
#[doc(hidden)]
pub fn decode_record(bytes: &[u8]) -> Result<u64, LedgerError> {
    BlockRecord::decode(RawBytes::copy_from_slice(bytes), "fuzz").map(|record| record.finalized.block.height())
}

/// A final block as it was received, and its certificate if it has one of its own: what other nodes ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlock {
    /// The encoded block.
    pub block: RawBytes,
    /// The encoded finalisation.
    pub certificate: Option<Bytes>,
}

impl StoredBlock {
    /// Reads the two out of a record without looking at the rest.
    pub(crate) fn decode(bytes: RawBytes, place: &str) -> Result<Self, LedgerError> {
        let stored = Stored::decode_cfg(bytes, &());
        let stored = stored.map_err(|error| LedgerError::Fault(format!("{place}: not a record: {error}")))?;
        Ok(Self { block: stored.block, certificate: stored.certificate.map(Bytes) })
    }
}

fn decode_receipt(mut bytes: &[u8]) -> Result<ReceiptEnvelope, String> {
    let receipt = ReceiptEnvelope::decode_2718(&mut bytes).map_err(|error| format!("a receipt: {error}"))?;
    if !bytes.is_empty() {
        return Err(format!("{} bytes follow a receipt", bytes.len()));
    }
    Ok(receipt)
}

struct Stored {
    executed: bool,
    block: RawBytes,
    receipts: Vec<RawBytes>,
    senders: RawBytes,
    certificate: Option<RawBytes>,
}

impl Write for Stored {
    fn write(&self, buf: &mut impl BufMut) {
        self.executed.write(buf);
        self.block.write(buf);
        self.receipts.write(buf);
        self.senders.write(buf);
        self.certificate.write(buf);
    }
}

impl EncodeSize for Stored {
    fn encode_size(&self) -> usize {
        self.executed.encode_size()
            + self.block.encode_size()
            + self.receipts.encode_size()
            + self.senders.encode_size()
            + self.certificate.encode_size()
    }
}

impl Read for Stored {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, CodecError> {
        Ok(Self {
            executed: bool::read(buf)?,
            block: RawBytes::read_cfg(buf, &upto(BLOCK_BYTES_MAX))?,
            receipts: Vec::read_cfg(buf, &(upto(ENTRIES_MAX), upto(RECORD_BYTES_MAX)))?,
            senders: RawBytes::read_cfg(buf, &upto(RECORD_BYTES_MAX))?,
            certificate: Option::read_cfg(buf, &upto(CERTIFICATE_BYTES_MAX))?,
        })
    }
}

/// Values before a block, by key in order, and where the store stands after the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UndoRecord {
    pub(crate) operations_end: u64,
    pub(crate) entries: Vec<(StateKey, Option<RawBytes>)>,
}

impl UndoRecord {
    /// The value of `key` before the block, if the block changed it.
    pub(crate) fn before(&self, key: &StateKey) -> Option<&Option<RawBytes>> {
        let at = self.entries.binary_search_by(|(entry, _)| entry.cmp(key)).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    pub(crate) fn decode(bytes: RawBytes, height: Height, place: &str) -> Result<Self, LedgerError> {
        let wrong = |what: String| LedgerError::Fault(format!("{place}, height {height}: {what}"));
        let record = Self::decode_cfg(bytes, &()).map_err(|error| wrong(format!("not an undo record: {error}")))?;
        if !record.entries.is_sorted_by(|left, right| left.0 < right.0) {
            return Err(wrong("keys of the undo record are out of order".into()));
        }
        Ok(record)
    }
}

impl Write for UndoRecord {
    fn write(&self, buf: &mut impl BufMut) {
        self.operations_end.write(buf);
        self.entries.write(buf);
    }
}

impl EncodeSize for UndoRecord {
    fn encode_size(&self) -> usize {
        self.operations_end.encode_size() + self.entries.encode_size()
    }
}

impl Read for UndoRecord {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, CodecError> {
        let operations_end = u64::read(buf)?;
        let entries = Vec::read_cfg(buf, &(upto(ENTRIES_MAX), ((), value_range())))?;
        Ok(Self { operations_end, entries })
    }
}

pub(crate) fn upto(max: usize) -> RangeCfg<usize> {
    RangeCfg::from(0..=max)
}
