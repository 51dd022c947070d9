//! A small chain over the store and the ledger, driven the way the engine drives them.

mod beginning;
mod crash;
mod history;
mod kill;
mod operations;
mod proofs;
mod record;
mod suspend;
mod tamper;

use crate::{
    Databases, FinalizedBlock, Ledger, LedgerConfig, LedgerWriter, MemoryState, Runtime, SealedBatch, StateReader,
    commitment, database_config, genesis_commitment, merkleize, one_thread, open_genesis, page_cache_with, sync_target,
    write,
};
use alloy_consensus::{EMPTY_ROOT_HASH, proofs::calculate_transaction_root};
use commonware_glue::stateful::db::DatabaseSet;
use commonware_utils::NZUsize;
use florin_proof::{StateItem, StateValue};
use florin_types::{
    Account, Address, B256, Block, Bytes, Changeset, ConsensusContext, Extension, Header, Height, StateTarget,
    TxEnvelope, U256, alloy_primitives::keccak256,
};
use std::sync::Arc;

const PREFIX: &str = "node";

fn config(window_blocks: u64) -> LedgerConfig {
    LedgerConfig { window_blocks, ..LedgerConfig::new(PREFIX, page_cache_with(NZUsize!(256))) }
}

/// A deterministic source of numbers: what block `height` changes depends on nothing else.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

fn address(number: u64) -> Address {
    Address::left_padding_from(&(number + 1).to_be_bytes())
}

/// Everything the chain's blocks may touch.
fn universe() -> Vec<StateItem> {
    let accounts = (0..24).map(|number| StateItem::Account(address(number)));
    let slots = (0..24).flat_map(|number| (0..4).map(move |slot| StateItem::Slot(address(number), U256::from(slot))));
    let code = (0..8).map(|number| StateItem::Code(keccak256(code(number))));
    accounts.chain(slots).chain(code).collect()
}

fn code(number: u64) -> Vec<u8> {
    vec![u8::try_from(number).unwrap() + 1; 40]
}

fn changes(height: Height) -> Changeset {
    let mut dice = Dice(height.wrapping_mul(0x1234_5678_9abc_def1));
    let mut changes = Changeset::default();
    for _ in 0..dice.roll(12) {
        let account = Account { nonce: dice.roll(5), balance: U256::from(dice.roll(3)), ..Account::default() };
        let account = (!account.is_empty()).then_some(account);
        changes.accounts.insert(address(dice.roll(24)), account);
    }
    for _ in 0..dice.roll(20) {
        changes.slots.insert((address(dice.roll(24)), U256::from(dice.roll(4))), U256::from(dice.roll(3) * 1_000));
    }
    if dice.roll(5) == 0 {
        let code = code(dice.roll(8));
        changes.code.insert(keccak256(&code), code.into());
    }
    changes
}

fn genesis_changes() -> Changeset {
    let mut changes = changes(0);
    for number in 0..6 {
        let account = Account { nonce: number, balance: U256::from(1_000_000), ..Account::default() };
        changes.accounts.insert(address(number), Some(account));
    }
    changes
}

/// States after each height, computed without any store.
fn model(head: Height) -> Vec<MemoryState> {
    let mut state = MemoryState::new(&genesis_changes()).unwrap();
    let mut states = vec![state.clone()];
    for height in 1..=head {
        state.apply(&changes(height)).unwrap();
        states.push(state.clone());
    }
    states
}

fn block(parent: Option<&Block>, state_root: B256, state: StateTarget) -> Block {
    let height = parent.map_or(0, |parent| parent.height() + 1);
    let extension = Extension {
        timestamp_ms: 1_700_000_000_000 + height * 100,
        context: ConsensusContext {
            view: height,
            parent_view: height.saturating_sub(1),
            ..ConsensusContext::default()
        },
        state,
        payload_hash: None,
    };
    let header = Header {
        number: height,
        parent_hash: parent.map(Block::hash).unwrap_or_default(),
        state_root,
        timestamp: extension.timestamp_ms / 1_000,
        extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
        transactions_root: calculate_transaction_root::<TxEnvelope>(&[]),
        receipts_root: EMPTY_ROOT_HASH,
        ..Block::header_template()
    };
    Block::new(header, extension, Vec::new()).unwrap()
}

fn genesis_block() -> Block {
    let (root, target) = genesis_commitment(&genesis_changes()).unwrap();
    block(None, root, target)
}

fn finalized(block: &Arc<Block>) -> FinalizedBlock {
    FinalizedBlock { block: block.clone(), receipts: Arc::default(), senders: Arc::default(), executed: true }
}

/// Store and ledger of one node.
struct Node<E: Runtime> {
    databases: Databases<E>,
    ledger: Ledger,
    writer: LedgerWriter<E>,
    /// The block at which the store stands.
    tip: Arc<Block>,
}

impl<E: Runtime> Node<E> {
    /// Starts as the engine does: genesis, ledger, then the store at the last acknowledged block.
    async fn start(context: E, config: LedgerConfig, acknowledged: Option<Arc<Block>>) -> Self {
        let database = database_config(PREFIX, config.page_cache.clone(), one_thread().unwrap());
        let genesis = Arc::new(genesis_block());
        let found = open_genesis(context.child("genesis"), database.clone(), &genesis_changes(), PREFIX).await.unwrap();
        assert_eq!(found, (genesis.header().state_root, genesis.extension().state));
        let (ledger, writer) = Ledger::open(context.child("ledger"), config, genesis.clone()).await.unwrap();
        let tip = acknowledged.unwrap_or(genesis);
        let target = sync_target(&tip.extension().state).unwrap();
        let databases = <Databases<E> as DatabaseSet<E>>::init(context.child("state"), database, Some(target)).await;
        assert_eq!(writer.attach(databases.clone()).await.unwrap(), tip.height());
        Self { databases, ledger, writer, tip }
    }

    /// Executes the next block.
    async fn execute(&self) -> (Arc<Block>, SealedBatch<E>) {
        let batch = <Databases<E> as DatabaseSet<E>>::new_batches(&self.databases).await;
        let height = self.tip.height() + 1;
        let batch = merkleize(write(batch, height, &changes(height)).unwrap()).await.unwrap();
        let (root, target) = commitment(&batch);
        (Arc::new(block(Some(&self.tip), root, target)), batch)
    }

    /// Finalises the next block, in the engine's order.
    async fn advance(&mut self) -> Arc<Block> {
        let (block, batch) = self.execute().await;
        let undo = self.writer.capture(&block, &changes(block.height()), &self.databases).await.unwrap();
        <Databases<E> as DatabaseSet<E>>::apply(&self.databases, batch).await;
        let barrier = <Databases<E> as DatabaseSet<E>>::finalize(&self.databases).await;
        self.writer.finalized(finalized(&block), undo, None).await.unwrap();
        assert!(barrier.durable().await);
        self.tip = block.clone();
        block
    }

    async fn advance_to(&mut self, height: Height) {
        while self.tip.height() < height {
            self.advance().await;
        }
    }
}

async fn values(reader: &dyn StateReader) -> Vec<StateValue> {
    let items = universe();
    let stored = reader.read(items.iter().map(StateItem::key).collect()).await.unwrap();
    items.iter().zip(stored).map(|(item, stored)| item.decode(stored.as_deref()).unwrap()).collect()
}
