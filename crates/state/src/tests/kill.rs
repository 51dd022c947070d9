//! A real process on real files, killed with signal 9 while it finalises blocks.

use super::*;
use commonware_runtime::{Runner as _, Supervisor as _, tokio as runtime};
use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

/// Tells the child process where its data is.
const DIRECTORY: &str = "FLORIN_TEST_KILL_DIRECTORY";

fn run<T, F>(directory: &Path, body: impl FnOnce(runtime::Context) -> F) -> T
where
    F: Future<Output = T>,
{
    runtime::Runner::new(runtime::Config::new().with_storage_directory(directory).with_worker_threads(2)).start(body)
}

/// Not a test of its own: the process that is killed. Prints each height once subscribers would be told of it.
#[test]
#[ignore = "runs as a child of the test below"]
fn child() {
    let Ok(directory) = env::var(DIRECTORY) else { return };
    run(Path::new(&directory), |context| async move {
        let found = Ledger::open_offline(context.child("look"), config(60)).await;
        let acknowledged = found.ok().map(|ledger| ledger.head().block.clone());
        let mut node = Node::start(context.child("node"), config(60), acknowledged).await;
        loop {
            let block = node.advance().await;
            let mut out = std::io::stdout().lock();
            writeln!(out, "height {}", block.height()).and_then(|()| out.flush()).unwrap();
        }
    });
}

#[test]
fn a_killed_process_loses_nothing_it_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut told = 0;
    for round in 0..8 {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "tests::kill::child", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let heights = lines.filter_map(|line| line.ok()?.strip_prefix("height ")?.parse::<Height>().ok());
        told = heights.take(5 + 7 * round).last().unwrap_or(told);
        process.kill().unwrap();
        process.wait().unwrap();
        run(directory.path(), |context| async move {
            let ledger = Ledger::open_offline(context, config(60)).await.unwrap();
            let head = ledger.head().block.height();
            assert!(head >= told, "round {round}: told {told}, on disk {head}");
            ledger.verify(None, &|_, _, _| {}).await.unwrap();
            let model = model(head);
            for height in ledger.oldest_state()..=head {
                let state = ledger.state(height).await.unwrap();
                assert_eq!(values(&*state).await, values(&model[usize::try_from(height).unwrap()]).await);
            }
        });
    }
    assert!(told > 100, "{told}");
}

/// Prints what finalising a block of 2,000 changed slots costs. Run with `--release … -- --ignored --nocapture cost`.
#[test]
#[ignore = "a measurement"]
fn cost_of_finalising() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), |context| async move {
        let mut node = Node::start(context, config(1_000), None).await;
        let mut spent = [std::time::Duration::ZERO; 4];
        let blocks = 50u32;
        for _ in 0..blocks {
            let height = node.tip.height() + 1;
            let mut dice = Dice(height);
            let slots = (0..2_000).map(|_| ((address(dice.roll(100_000)), U256::ZERO), U256::from(height)));
            let changes = Changeset { slots: slots.collect(), ..Changeset::default() };
            let start = std::time::Instant::now();
            let batch = <Databases<_> as DatabaseSet<runtime::Context>>::new_batches(&node.databases).await;
            let batch = merkleize(write(batch, height, &changes).unwrap()).await.unwrap();
            let (root, target) = commitment(&batch);
            let block = Arc::new(block(Some(&node.tip), root, target));
            spent[0] += start.elapsed();
            let start = std::time::Instant::now();
            let undo = node.writer.capture(&block, &changes, &node.databases).await.unwrap();
            spent[1] += start.elapsed();
            <Databases<_> as DatabaseSet<runtime::Context>>::apply(&node.databases, batch).await;
            let start = std::time::Instant::now();
            let barrier = <Databases<_> as DatabaseSet<runtime::Context>>::finalize(&node.databases).await;
            node.writer.finalized(finalized(&block), undo, None).await.unwrap();
            spent[2] += start.elapsed();
            assert!(barrier.durable().await);
            spent[3] += start.elapsed();
            node.tip = block;
        }
        let [hash, capture, record, durable] = spent.map(|time| time / blocks);
        eprintln!("2,000 slots: hash {hash:?}, capture {capture:?}, record {record:?}, durable {durable:?}");
        let start = std::time::Instant::now();
        let state = node.ledger.state(1).await.unwrap();
        for number in 0..1_000 {
            let key = StateItem::Slot(address(number), U256::ZERO).key();
            state.read(vec![key]).await.unwrap();
        }
        eprintln!("a read 49 blocks back: {:?}", start.elapsed() / 1_000);
        let start = std::time::Instant::now();
        for number in 0..200 {
            node.ledger.prove(&[StateItem::Slot(address(number), U256::ZERO)]).await.unwrap();
        }
        eprintln!("a proof, checked: {:?}", start.elapsed() / 200);
    });
}
