//! What marshal's archives have dropped comes from the ledger, and nothing else does.

use super::*;
use alloy_primitives::keccak256;
use commonware_codec::Encode as _;
use commonware_consensus::{
    simplex::types::Proposal,
    types::{Epoch, Round, View},
};
use commonware_runtime::{Runner as _, Supervisor as _, deterministic};
use commonware_utils::{NZU64, NZUsize};
use florin_execution::genesis_block;
use florin_proof::block_digest;
use florin_state::{FinalizedBlock, LedgerConfig, MemoryState, page_cache_with};
use florin_types::{Block, Bytes, Changeset, ConsensusContext, Extension, Header, StateTarget};

type Context = deterministic::Context;

const HEAD: u64 = 20;

/// A chain of empty blocks.
fn chain() -> Vec<Arc<Block>> {
    let node = crate::NodeSecret::from_seed(1).public_key();
    let state = StateTarget { operations_end: 2, ..StateTarget::default() };
    let genesis = crate::tests::genesis_of(vec![florin_types::GenesisNode {
        name: "node".into(),
        public_key: node,
        address: "node.example:1".into(),
        role: florin_types::NodeRole::Validator,
    }]);
    let mut chain = vec![Arc::new(genesis_block(&genesis, B256::ZERO, state).unwrap())];
    while chain.len() <= HEAD as usize {
        let parent = chain.last().unwrap();
        let height = parent.height() + 1;
        let extension = Extension {
            timestamp_ms: parent.timestamp_ms() + 100,
            context: ConsensusContext { view: height, leader: node, ..ConsensusContext::default() },
            state: StateTarget { operations_end: 2 + height, ..state },
            payload_hash: None,
        };
        let header = Header {
            number: height,
            parent_hash: parent.hash(),
            timestamp: extension.timestamp_ms / 1_000,
            extra_data: Bytes::copy_from_slice(extension.commitment().as_slice()),
            ..parent.header().clone()
        };
        chain.push(Arc::new(Block::new(header, extension, Vec::new()).unwrap()));
    }
    chain
}

/// A certificate of a block, with a signature of a committee of one.
fn certificate(block: &Block) -> Finalization {
    let secret = crate::NodeSecret::from_seed(1);
    let keys = [secret.public_key()];
    let dealing = crate::deal_from_seed(1, &keys).unwrap();
    let genesis = florin_types::Genesis {
        threshold_public: dealing.threshold_public,
        ..crate::tests::genesis_of(vec![florin_types::GenesisNode {
            name: "node".into(),
            public_key: keys[0],
            address: "node.example:1".into(),
            role: florin_types::NodeRole::Validator,
        }])
    };
    let committee = crate::Committee::from_genesis(&genesis).unwrap();
    let share = dealing.shares.into_iter().next().unwrap().1;
    let domain = crate::votes::Domain { chain_id: genesis.chain_id, genesis_hash: B256::ZERO };
    let scheme = VoteScheme::signer(domain, &committee, share.inner().clone(), &secret).unwrap();
    let round = Round::new(Epoch::zero(), View::new(block.height()));
    let proposal = Proposal::new(round, View::zero(), block_digest(block.hash()));
    let vote = commonware_consensus::simplex::types::Finalize::sign(&scheme, proposal).unwrap();
    let votes = commonware_utils::iter::NonEmpty::new(&vote, std::iter::empty());
    Finalization::from_finalizes(&scheme, votes, &commonware_parallel::Sequential).unwrap()
}

async fn ledger(context: &Context, chain: &[Arc<Block>]) -> Ledger {
    let config = LedgerConfig::new("node", page_cache_with(NZUsize!(64)));
    let (ledger, writer) = Ledger::open(context.child("ledger"), config, chain[0].clone()).await.unwrap();
    for block in &chain[1..] {
        let undo = writer.capture(block, &Changeset::default(), MemoryState::default()).await.unwrap();
        let finalized =
            FinalizedBlock { block: block.clone(), receipts: Arc::default(), senders: Arc::default(), executed: true };
        writer.finalized(finalized, undo, Some(certificate(block).encode().into())).await.unwrap();
    }
    ledger
}

async fn archive<V: commonware_codec::CodecShared<Cfg = ()>>(
    context: &Context,
    name: &'static str,
) -> Archive<Context, V> {
    let config = prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{name}-metadata"),
        key_partition: format!("{name}-key"),
        key_page_cache: page_cache_with(NZUsize!(16)),
        value_partition: format!("{name}-value"),
        compression: None,
        codec_config: (),
        items_per_section: NZU64!(4),
        key_write_buffer: NZUsize!(1_024),
        value_write_buffer: NZUsize!(1_024),
        replay_buffer: NZUsize!(1_024),
    };
    prunable::Archive::init(context.child(name), config).await.unwrap()
}

/// Archives that hold all of `chain` up to the height before its last, pruned below `min`.
async fn archives(
    context: &Context,
    chain: &[Arc<Block>],
    min: u64,
) -> (FinalBlocks<Context>, FinalCertificates<Context>) {
    let ledger = ledger(context, chain).await;
    let mut blocks = FinalBlocks {
        recent: archive(context, "blocks").await,
        place: "blocks".into(),
        ledger: ledger.clone(),
        first: None,
    };
    let mut certificates =
        FinalCertificates { recent: archive(context, "certificates").await, place: "certificates".into(), ledger };
    for block in &chain[..chain.len() - 1] {
        let digest = block_digest(block.hash());
        blocks = blocks.put(digest, &Arc::new(EngineBlock::new(block.clone()).unwrap())).await.unwrap();
        certificates = certificates.put(Height::new(block.height()), digest, &certificate(block)).await.unwrap();
    }
    let blocks = blocks.sync().await.unwrap().prune(Height::new(min)).await.unwrap();
    let certificates = certificates.sync().await.unwrap().prune(Height::new(min)).await.unwrap();
    (blocks, certificates)
}

#[test]
fn what_was_dropped_comes_from_the_ledger() {
    deterministic::Runner::default().start(|context| async move {
        let chain = chain();
        let (blocks, certificates) = archives(&context, &chain, 12).await;
        assert_eq!(blocks.recent.first_index(), Some(12), "three files of four were dropped");
        for block in &chain[..chain.len() - 1] {
            let (height, digest) = (block.height(), block_digest(block.hash()));
            for id in [Identifier::Index(height), Identifier::Key(&digest)] {
                let found = blocks.get(same(&id)).await.unwrap();
                assert_eq!(found.map(|found| found.inner().hash()), Some(block.hash()), "height {height}");
                let found = certificates.get(id).await.unwrap();
                // Nobody votes on genesis.
                let certified = (height > 0).then_some(digest);
                assert_eq!(found.map(|found| found.proposal.payload), certified, "height {height}");
            }
        }
        // Marshal must see what is missing as missing, whatever the ledger has.
        assert_eq!(blocks.last_index(), Some(Height::new(HEAD - 1)));
        let newest = block_digest(chain[HEAD as usize].hash());
        assert!(blocks.get(Identifier::Index(HEAD)).await.unwrap().is_none());
        assert!(blocks.get(Identifier::Key(&newest)).await.unwrap().is_none());
        assert!(certificates.get(Identifier::Index(HEAD)).await.unwrap().is_none());
        let unknown = block_digest(keccak256("unknown"));
        assert!(blocks.get(Identifier::Key(&unknown)).await.unwrap().is_none());
    });
}

#[test]
fn archives_that_dropped_nothing_answer_for_themselves() {
    deterministic::Runner::default().start(|context| async move {
        let chain = chain();
        let (blocks, _) = archives(&context, &chain, 0).await;
        assert!(blocks.get(Identifier::Index(0)).await.unwrap().is_some());
        assert!(blocks.get(Identifier::Index(HEAD)).await.unwrap().is_none());
        let empty = FinalBlocks {
            recent: archive(&context, "empty").await,
            place: "empty".into(),
            ledger: blocks.ledger,
            first: None,
        };
        assert!(empty.get(Identifier::Index(3)).await.unwrap().is_none(), "marshal has it stored and synced first");
    });
}
