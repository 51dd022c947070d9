//! A state that is taken part by part while the node goes on, doubted, and placed elsewhere.

use super::*;
use crate::{
    DbConfig, LedgerError, OPERATIONS_BYTES_MAX, OPERATIONS_MAX, OperationsAnswer, OperationsQuestion, StateCopy,
    StateOperation, decode_operations,
    live::{LiveState as _, Served},
    store::database_commitment,
};
use bytes::Bytes as RawBytes;
use commonware_runtime::{Runner as _, Supervisor as _, deterministic};
use commonware_storage::qmdb::sync::{self, Source, engine, source};
use commonware_utils::NZU64;
use florin_proof::{Family, StateDigest};
use florin_types::alloy_primitives::hex;
use parking_lot::Mutex;
use std::{collections::VecDeque, convert::Infallible};

type Context = deterministic::Context;

/// Slots of a state that has several parts.
const SLOTS: u64 = 3_000;

/// Small files, so that something is dropped when a little is.
fn small_files(prefix: &str) -> DbConfig {
    let mut config = database_config(prefix, page_cache_with(NZUsize!(256)), one_thread().unwrap());
    config.journal_config.items_per_section = NZU64!(64);
    config.merkle_config.items_per_blob = NZU64!(128);
    config
}

fn slots(of: std::ops::Range<u64>, value: u64) -> Changeset {
    let slots = of.map(|slot| ((address(0), U256::from(slot % SLOTS)), U256::from(value)));
    Changeset { slots: slots.collect(), ..Changeset::default() }
}

/// A store alone, larger than a part.
struct Large {
    databases: Databases<Context>,
    commitment: (B256, StateTarget),
    height: Height,
}

impl Large {
    /// One whose range begins above its first operation.
    async fn start(context: Context) -> Self {
        let commitment =
            open_genesis(context.child("genesis"), small_files("large"), &slots(0..SLOTS, 1), "large").await.unwrap();
        let target = sync_target(&commitment.1);
        let databases =
            <Databases<Context> as DatabaseSet<Context>>::init(context.child("large"), small_files("large"), target)
                .await;
        let mut large = Self { databases, commitment, height: 0 };
        large.advance_to(30).await;
        assert!(large.commitment.1.operations_start > 0, "{:?}", large.commitment.1);
        large
    }

    async fn advance_to(&mut self, height: Height) {
        while self.height < height {
            self.height += 1;
            let changes = slots(self.height * 100..self.height * 100 + 100, self.height + 1);
            let batch = <Databases<Context> as DatabaseSet<Context>>::new_batches(&self.databases).await;
            let batch = merkleize(write(batch, self.height, &changes).unwrap()).await.unwrap();
            self.commitment = commitment(&batch);
            <Databases<Context> as DatabaseSet<Context>>::apply(&self.databases, batch).await;
            assert!(<Databases<Context> as DatabaseSet<Context>>::finalize(&self.databases).await.durable().await);
        }
    }

    async fn served(&self, target: &StateTarget, start: u64) -> Served {
        self.databases.operations(sync_target(target).unwrap(), start).await.unwrap()
    }

    /// The parts of a state, asked for one after the other and each checked.
    async fn parts(&self, target: &StateTarget) -> Vec<RawBytes> {
        let mut copy = StateCopy::of(target).unwrap();
        let mut parts = Vec::new();
        while let Some(start) = copy.next() {
            let Served::Part(part) = self.served(target, start).await else { panic!("operation {start} is not there") };
            assert!(part.len() <= OPERATIONS_BYTES_MAX);
            copy.take(part.clone()).unwrap();
            parts.push(part);
        }
        let (done, all) = copy.progress();
        assert!(done == all && parts.len() > 2, "the lower end and several parts, not {}", parts.len());
        parts
    }
}

/// Kept parts as the engine gets them.
struct Kept(Mutex<VecDeque<RawBytes>>);

impl Source for Kept {
    type Family = Family;
    type Digest = StateDigest;
    type Op = StateOperation;
    type Error = Infallible;

    async fn serve(&self, question: OperationsQuestion) -> source::Result<Self> {
        let part = self.0.lock().pop_front().unwrap();
        Ok((decode_operations(&question, part).unwrap(), None))
    }
}

#[test]
fn a_state_in_parts_is_the_same_state_elsewhere_while_the_node_goes_on() {
    deterministic::Runner::default().start(|context| async move {
        let mut large = Large::start(context.child("node")).await;
        let (root, target) = large.commitment;
        let before = large.parts(&target).await;
        let key = StateItem::Slot(address(0), U256::from(50)).key();
        let value = StateReader::read(&large.databases, vec![key]).await.unwrap();
        large.advance_to(35).await;
        assert_ne!(large.commitment.1, target);
        assert_eq!(large.parts(&target).await, before, "what was asked for once is the same again");

        let config = engine::Config {
            context: context.child("elsewhere"),
            source: Kept(Mutex::new(before.into())),
            target: sync_target(&target).unwrap(),
            max_outstanding_requests: NZUsize!(1),
            fetch_batch_size: OPERATIONS_MAX,
            apply_batch_size: OPERATIONS_MAX,
            db_config: small_files("elsewhere"),
            update_rx: None,
            finish_rx: None,
            reached_target_tx: None,
        };
        let placed: crate::Db<Context> = sync::sync(config).await.unwrap();
        assert_eq!(database_commitment(&placed), (root, target));
        let placed = Databases::new("placed", placed);
        assert_eq!(StateReader::read(&placed, vec![key]).await.unwrap(), value);
    });
}

#[test]
fn a_part_that_is_changed_cut_or_in_anothers_place_is_refused() {
    deterministic::Runner::default().start(|context| async move {
        let mut large = Large::start(context.child("node")).await;
        let (_, target) = large.commitment;
        let parts = large.parts(&target).await;
        let mut copy = StateCopy::of(&target).unwrap();
        for (index, part) in parts.iter().enumerate() {
            let next = copy.next();
            let mut refused = |bytes: Vec<u8>, what: &str| {
                assert!(copy.take(bytes.into()).is_err(), "part {index}: {what}");
                assert_eq!(copy.next(), next, "what is refused changes nothing");
            };
            // Every byte of the small part at the lower end, and some of the large ones.
            let step = if index == 0 { 1 } else { part.len() / 40 };
            for at in (0..part.len()).step_by(step) {
                let mut changed = part.to_vec();
                changed[at] ^= 1 << (at % 8);
                refused(changed, &format!("byte {at}"));
                refused(part[..at].to_vec(), &format!("cut to {at} bytes"));
            }
            refused([part.as_ref(), &[0]].concat(), "a byte more");
            for (other, wrong) in parts.iter().enumerate().filter(|(other, _)| *other != index) {
                refused(wrong.to_vec(), &format!("part {other} in its place"));
            }
            copy.take(part.clone()).unwrap();
        }
        assert_eq!(copy.next(), None);
        assert!(copy.take(parts[0].clone()).unwrap_err().contains("whole"));
        // The parts of another state are none of this one.
        large.advance_to(31).await;
        let mut other = StateCopy::of(&large.commitment.1).unwrap();
        assert!(other.take(parts[0].clone()).is_err());
        // Nor are more operations than a part may have.
        let huge = OperationsAnswer::Operations {
            proof: Default::default(),
            operations: vec![StateOperation::Delete(StateItem::Account(Address::ZERO).key()); 1_025],
        };
        assert!(other.take(commonware_codec::Encode::encode(&huge)).is_err());
    });
}

/// Snapshots are files, so the form of a part is golden. `FLORIN_GENERATE=1` writes it anew.
#[test]
fn the_form_of_a_part_is_golden() {
    deterministic::Runner::default().start(|context| async move {
        let mut node = Node::start(context.child("node"), config(40), None).await;
        node.advance_to(2).await;
        let part = node.ledger.state_operations(2, node.tip.extension().state.operations_start).await.unwrap();
        let text = hex::encode(&part) + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/state_part.hex");
        if std::env::var_os("FLORIN_GENERATE").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(path).unwrap());
    });
}

#[test]
fn what_is_not_there_has_a_name() {
    deterministic::Runner::default().start(|context| async move {
        let mut large = Large::start(context.child("large")).await;
        let (_, target) = large.commitment;
        let beyond = StateTarget { operations_end: target.operations_end + 1_000, ..target };
        assert!(matches!(large.served(&beyond, target.operations_end).await, Served::NotYet));
        large.advance_to(120).await;
        let (_, kept) = large.commitment;
        let prune = sync_target(&kept).unwrap();
        <Databases<Context> as DatabaseSet<Context>>::prune(&large.databases, &prune).await;
        assert!(matches!(large.served(&target, target.operations_start).await, Served::Dropped));
        assert!(matches!(large.served(&kept, kept.operations_start).await, Served::Part(_)), "the newest is there");

        let mut node = Node::start(context.child("node"), config(40), None).await;
        node.advance_to(3).await;
        let StateTarget { operations_start: first, operations_end: end, .. } = node.tip.extension().state;
        for start in [end, u64::MAX] {
            let error = node.ledger.state_operations(3, start).await.unwrap_err();
            assert_eq!(error, LedgerError::OperationsRange { height: 3, start, first, end });
        }
        assert_eq!(node.ledger.state_operations(4, first).await.unwrap_err().code(), "ledger.future");
        assert!(node.ledger.state_operations(3, first).await.is_ok());
    });
}
