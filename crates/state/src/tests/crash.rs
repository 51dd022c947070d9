//! Crashes at random points: ledger and store come back at exactly a finalised state, and go on.

use super::*;
use commonware_runtime::{Runner as _, Supervisor as _, deterministic};
use futures::FutureExt as _;
use std::pin::pin;

/// Where in finalising a block the node dies.
#[derive(Clone, Copy, Debug)]
enum Point {
    Captured,
    Applied,
    /// After so many polls of the ledger's write.
    Recording(u64),
    Recorded,
    Acknowledged,
}

fn point(dice: &mut Dice) -> Point {
    match dice.roll(6) {
        0 => Point::Captured,
        1 => Point::Applied,
        2 | 3 => Point::Recording(dice.roll(12)),
        4 => Point::Recorded,
        _ => Point::Acknowledged,
    }
}

/// Finalises one block up to a point. Gives the block if it was acknowledged.
async fn advance_until(node: &mut Node<deterministic::Context>, point: Point) -> Option<Arc<Block>> {
    let (block, batch) = node.execute().await;
    let undo = node.writer.capture(&block, &changes(block.height()), &node.databases).await.unwrap();
    if matches!(point, Point::Captured) {
        return None;
    }
    <Databases<_> as DatabaseSet<deterministic::Context>>::apply(&node.databases, batch).await;
    if matches!(point, Point::Applied) {
        return None;
    }
    let barrier = <Databases<_> as DatabaseSet<deterministic::Context>>::finalize(&node.databases).await;
    {
        let mut recording = pin!(node.writer.finalized(finalized(&block), undo, None));
        if let Point::Recording(polls) = point {
            for _ in 0..polls {
                if futures::poll!(&mut recording).is_ready() {
                    return None;
                }
                commonware_runtime::reschedule().await;
            }
            return None;
        }
        recording.await.unwrap();
    }
    if matches!(point, Point::Recorded) {
        return None;
    }
    assert!(barrier.durable().boxed().await);
    node.tip = block.clone();
    Some(block)
}

/// One life of a node: starts at what was acknowledged, finalises some blocks, dies.
async fn live(
    context: deterministic::Context,
    seed: u64,
    life: u64,
    mut acknowledged: Option<Arc<Block>>,
    mut recorded: Height,
) -> (Option<Arc<Block>>, Height) {
    let mut dice = Dice(seed ^ (life << 32));
    let mut node =
        Node::start(context.child("life").with_attribute("number", life), config(40), acknowledged.clone()).await;
    let acknowledged_height = acknowledged.as_ref().map_or(0, |block| block.height());
    let head_height = node.ledger.head().block.height();
    assert!(head_height >= acknowledged_height, "acknowledged {acknowledged_height}, on record {head_height}");
    assert!(head_height >= recorded, "subscribers were told of {recorded}, on record is {head_height}");
    let model = model(head_height);
    let current = node.ledger.state(acknowledged_height).await.unwrap();
    let expected = &model[usize::try_from(acknowledged_height).unwrap()];
    assert_eq!(values(&*current).await, values(expected).await, "life {life} at {acknowledged_height}");
    // What is on record beyond the store is delivered again first.
    while node.tip.height() < head_height {
        let again = node.advance().await;
        let on_record = node.ledger.block(again.height()).await.unwrap().unwrap();
        assert_eq!(on_record.block.hash(), again.hash());
        acknowledged = Some(again);
    }
    for height in node.ledger.oldest_state()..=head_height {
        let state = node.ledger.state(height).await.unwrap();
        assert_eq!(
            values(&*state).await,
            values(&model[usize::try_from(height).unwrap()]).await,
            "life {life}, {height}"
        );
    }
    for _ in 0..dice.roll(25) {
        acknowledged = Some(node.advance().await);
    }
    recorded = node.ledger.head().block.height();
    let point = point(&mut dice);
    if let Some(block) = advance_until(&mut node, point).await {
        acknowledged = Some(block);
    }
    recorded = recorded.max(node.ledger.head().block.height());
    (acknowledged, recorded)
}

#[test]
fn a_node_comes_back_with_exactly_a_finalised_state() {
    for seed in 0..12 {
        let runner = deterministic::Runner::new(deterministic::Config::new().with_seed(seed));
        let (mut at, mut checkpoint) = runner.start_and_recover(move |context| live(context, seed, 0, None, 0));
        for life in 1..10 {
            let (acknowledged, recorded) = at;
            let runner = deterministic::Runner::from(checkpoint);
            (at, checkpoint) =
                runner.start_and_recover(move |context| live(context, seed, life, acknowledged, recorded));
        }
        assert!(at.1 > 20, "seed {seed} reached only {}", at.1);
    }
}

#[test]
fn a_failed_write_stops_the_ledger_and_a_restart_recovers() {
    let runner = deterministic::Runner::default();
    let (tip, checkpoint) = runner.start_and_recover(|context| async move {
        let faults = context.storage_fault_config();
        let mut node = Node::start(context, config(40), None).await;
        node.advance_to(9).await;
        let (block, _) = node.execute().await;
        let undo = node.writer.capture(&block, &changes(10), &node.databases).await.unwrap();
        let broken = faults.read().clone().sync(commonware_utils::probability!(1.0));
        let sound = std::mem::replace(&mut *faults.write(), broken);
        let error = node.writer.finalized(finalized(&block), undo.clone(), None).await.unwrap_err();
        assert!(error.to_string().contains("node-ledger"), "{error}");
        assert_eq!(node.ledger.head().block.height(), 9, "nobody was told");
        *faults.write() = sound;
        node.tip
    });
    deterministic::Runner::from(checkpoint).start(|context| async move {
        let mut node = Node::start(context, config(40), Some(tip)).await;
        node.advance_to(20).await;
        let model = model(20);
        assert_eq!(values(&*node.ledger.state(9).await.unwrap()).await, values(&model[9]).await);
    });
}
