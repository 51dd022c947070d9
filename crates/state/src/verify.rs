//! Checking everything a node keeps, byte by byte: for `florin inspect`, for a restored backup, for doubt.

use crate::{
    Ledger, LedgerError,
    archive::{Kind, missing, read_block, read_undo},
    ledger::Inner,
    live::Progress,
    record::BlockRecord,
};
use alloy_consensus::transaction::SignerRecoverable as _;
use florin_proof::{Namespace, NetworkKey, verify_finality};
use florin_types::{B256, Height};

/// What [`Ledger::verify`] found sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Blocks whose hash, parent, transactions, receipts and senders were recomputed.
    pub blocks: u64,
    /// Certificates whose signature was checked.
    pub certificates: u64,
    /// Undo records read.
    pub undo_records: u64,
    /// Operations of the state that hash to its operations root.
    pub state_operations: u64,
    /// Live values of the state that were read.
    pub state_values: u64,
    /// Height at which the state stands; its canonical root is that header's state root.
    pub state_height: Height,
}

impl Ledger {
    /// Reads and checks everything on disk, and names the first thing that is wrong. `network` is what certificates are
    /// checked against; without it they are only counted as absent. Finality waits while the state is checked, so run it on a
    /// node that is stopped.
    pub async fn verify(
        &self,
        network: Option<(NetworkKey, Namespace)>,
        progress: Progress<'_>,
    ) -> Result<Verification, LedgerError> {
        let mut result = Verification::default();
        let head = self.head();
        let head_height = head.block.height();
        let mut parent: Option<B256> = None;
        let (oldest, root) = {
            let beginning = self.0.beginning.read();
            (beginning.oldest(), beginning.root.clone())
        };
        if root.height() < oldest {
            self.verify_block(&root, None, &network, &mut result)?;
            // Blocks in between were dropped, so only the one right above is known to follow.
            parent = (root.height().saturating_add(1) == oldest).then(|| root.finalized.block.hash());
        }
        for height in oldest..=head_height {
            progress("blocks", height, head_height);
            let record = read_block(&*self.0.disk, height).await?;
            let record = record.ok_or_else(|| missing(&*self.0.disk, Kind::Blocks, height))?;
            self.verify_block(&record, parent, &network, &mut result)?;
            parent = Some(record.finalized.block.hash());
        }
        for height in self.oldest_state().saturating_add(1)..=head_height {
            progress("undo records", height, head_height);
            check_undo(&self.0, height).await?;
            result.undo_records = result.undo_records.saturating_add(1);
        }
        self.verify_state(&mut result, progress).await?;
        Ok(result)
    }

    fn verify_block(
        &self,
        record: &BlockRecord,
        parent: Option<B256>,
        network: &Option<(NetworkKey, Namespace)>,
        result: &mut Verification,
    ) -> Result<(), LedgerError> {
        check_block(&self.0, record, parent)?;
        result.blocks = result.blocks.saturating_add(1);
        if let (Some((key, namespace)), Some(certificate)) = (network, &record.certificate) {
            let block = &record.finalized.block;
            verify_finality(key, namespace, certificate, block.header(), block.extension())
                .map_err(|error| wrong(&self.0, Kind::Blocks, record.height(), &error.to_string()))?;
            result.certificates = result.certificates.saturating_add(1);
        }
        Ok(())
    }

    async fn verify_state(&self, result: &mut Verification, progress: Progress<'_>) -> Result<(), LedgerError> {
        let (position, checked) = self.0.state()?.verify(progress).await?;
        let height = self.0.height_of_position(&position);
        let height = height.ok_or_else(|| LedgerError::Fault("the state stands at no block on record".into()))?;
        // The block that a copied state stands at has no record among the others.
        let record = self.0.block_record(height).await?;
        let record = record.ok_or_else(|| missing(&*self.0.disk, Kind::Blocks, height))?;
        let block = &record.finalized.block;
        if block.header().state_root != position.state_root || block.extension().state != position.target {
            let (found, expected) = (position.state_root, block.header().state_root);
            return Err(LedgerError::Fault(format!(
                "the state at height {height} hashes to {found}, the header says {expected}"
            )));
        }
        result.state_operations = checked.operations;
        result.state_values = checked.values;
        result.state_height = height;
        Ok(())
    }
}

fn wrong(inner: &Inner, kind: Kind, height: Height, what: &str) -> LedgerError {
    LedgerError::Fault(format!("{}, height {height}: {what}", inner.disk.place(kind)))
}

/// The block follows its parent, and its senders signed.
fn check_block(inner: &Inner, record: &BlockRecord, parent: Option<B256>) -> Result<(), LedgerError> {
    let block = &record.finalized.block;
    let height = block.height();
    if let Some(parent_hash) = parent
        && block.header().parent_hash != parent_hash
    {
        let found = block.header().parent_hash;
        let what = format!("its parent is {found} but the block below it on record is {parent_hash}");
        return Err(wrong(inner, Kind::Blocks, height, &what));
    }
    for (index, (tx, sender)) in block.transactions().iter().zip(record.finalized.senders.iter()).enumerate() {
        let signer = tx.recover_signer().ok();
        if signer != Some(*sender) {
            let what = format!("transaction {index} is signed by {signer:?}, the record says {sender}");
            return Err(wrong(inner, Kind::Blocks, height, &what));
        }
    }
    Ok(())
}

/// The undo record leads to where its block says that the state stands.
async fn check_undo(inner: &Inner, height: Height) -> Result<(), LedgerError> {
    let undo = read_undo(&*inner.disk, height).await?;
    let record = inner.block_record(height).await?.ok_or_else(|| missing(&*inner.disk, Kind::Blocks, height))?;
    let expected = record.finalized.block.extension().state.operations_end;
    if undo.operations_end != expected {
        let found = undo.operations_end;
        let what = format!("the undo record ends at operation {found}, its block at {expected}");
        return Err(wrong(inner, Kind::Undo, height, &what));
    }
    Ok(())
}
