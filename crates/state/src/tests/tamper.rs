//! Damage on real files: noticed and named, or without effect; never served.

use super::*;
use commonware_runtime::{Runner as _, tokio as runtime};
use std::{
    fs,
    path::{Path, PathBuf},
};

const HEAD: Height = 70;

fn run<T, F>(directory: &Path, body: impl FnOnce(runtime::Context) -> F) -> T
where
    F: Future<Output = T>,
{
    let config = runtime::Config::new().with_storage_directory(directory).with_worker_threads(2);
    runtime::Runner::new(config).start(body)
}

fn files(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push(path);
        }
    }
}

fn build(directory: &Path) {
    run(directory, |context| async move {
        let mut node = Node::start(context, config(1_000), None).await;
        node.advance_to(HEAD).await;
    });
}

/// Opens a data directory, verifies everything and reads everything.
async fn read_all(context: runtime::Context) -> Result<Vec<(B256, Vec<StateValue>)>, String> {
    let ledger = Ledger::open_offline(context, config(1_000)).await.map_err(|error| error.to_string())?;
    ledger.verify(None, &|_, _, _| {}).await.map_err(|error| error.to_string())?;
    let head = ledger.head().block.height();
    if head != HEAD {
        return Err(format!("the ledger ends at {head}"));
    }
    let mut all = Vec::new();
    for height in 0..=head {
        let block = ledger.block(height).await.map_err(|error| error.to_string())?.ok_or("a block is missing")?;
        let state = ledger.state(height).await.map_err(|error| error.to_string())?;
        let items = universe();
        let stored = state.read(items.iter().map(StateItem::key).collect()).await.map_err(|error| error.to_string())?;
        let values = items.iter().zip(stored).map(|(item, stored)| item.decode(stored.as_deref()));
        all.push((block.block.hash(), values.collect::<Result<_, _>>().map_err(|error| error.to_string())?));
    }
    Ok(all)
}

#[test]
fn real_files_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    build(directory.path());
    let all = run(directory.path(), read_all).unwrap();
    let model = model(HEAD);
    run(directory.path(), |_| async move {
        for (height, (_, found)) in all.iter().enumerate() {
            assert_eq!(*found, values(&model[height]).await, "height {height}");
        }
    });
}

/// What a test does to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip(usize),
    Truncate(usize),
    Delete,
}

/// Damages a copy and reads everything from it.
fn damaged(directory: &Path, file: &Path, damage: Damage) -> Result<Vec<(B256, Vec<StateValue>)>, String> {
    let copy = tempfile::tempdir().unwrap();
    copy_directory(directory, copy.path());
    let target = copy.path().join(file.strip_prefix(directory).unwrap());
    let mut bytes = fs::read(&target).unwrap();
    match damage {
        Damage::Flip(position) => bytes[position] ^= 0x20,
        Damage::Truncate(length) => bytes.truncate(length),
        Damage::Delete => {}
    }
    match damage {
        Damage::Delete => fs::remove_file(&target).unwrap(),
        _ => fs::write(&target, bytes).unwrap(),
    }
    run(copy.path(), read_all)
}

fn copy_directory(from: &Path, to: &Path) {
    let mut all = Vec::new();
    files(from, &mut all);
    for file in all {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

#[test]
fn damage_is_noticed_and_named_or_harmless() {
    let directory = tempfile::tempdir().unwrap();
    build(directory.path());
    let honest = run(directory.path(), read_all).unwrap();
    let mut all = Vec::new();
    files(directory.path(), &mut all);
    assert!(all.len() > 15, "{all:?}");
    let mut dice = Dice(11);
    for file in all {
        let bytes = fs::read(&file).unwrap().len();
        let name = file.strip_prefix(directory.path()).unwrap().display().to_string();
        let mut within = || usize::try_from(dice.roll(bytes.max(1) as u64)).unwrap();
        let flips = if bytes == 0 { 0 } else { 4 };
        let mut damages: Vec<Damage> = (0..flips).map(|_| Damage::Flip(within())).collect();
        damages.extend([Damage::Truncate(within()), Damage::Delete]);
        let mut noticed = 0;
        for damage in damages {
            match damaged(directory.path(), &file, damage) {
                Ok(found) => assert!(found == honest, "{damage:?} of {name} changed what is served"),
                Err(error) => {
                    noticed += 1;
                    assert!(error.contains("node-") || error.contains("the state"), "{damage:?} of {name}: {error}");
                }
            }
        }
        // Whether genesis was written is only a mark: it is made again from the genesis file.
        assert!(noticed > 0 || bytes == 0 || name.contains("state-genesis"), "no damage to {name} was noticed");
    }
}

#[test]
fn a_ledger_that_lost_records_is_noticed() {
    let early = tempfile::tempdir().unwrap();
    run(early.path(), |context| async move {
        Node::start(context, config(1_000), None).await.advance_to(50).await;
    });
    let late = tempfile::tempdir().unwrap();
    build(late.path());
    let mut all = Vec::new();
    files(early.path(), &mut all);
    for file in all.iter().filter(|file| file.display().to_string().contains("ledger")) {
        fs::copy(file, late.path().join(file.strip_prefix(early.path()).unwrap())).unwrap();
    }
    let mut stale = Vec::new();
    files(late.path(), &mut stale);
    for file in stale.iter().filter(|file| file.display().to_string().contains("ledger")) {
        if !early.path().join(file.strip_prefix(late.path()).unwrap()).exists() {
            fs::remove_file(file).unwrap();
        }
    }
    for _ in 0..2 {
        let error = run(late.path(), read_all).unwrap_err();
        assert!(error.contains("height 70") && error.contains("ends at height 50"), "{error}");
    }
}

#[test]
fn the_full_check_reads_every_page_of_the_state() {
    const PAGE: usize = 4_096;
    let directory = tempfile::tempdir().unwrap();
    build(directory.path());
    let mut all = Vec::new();
    files(directory.path(), &mut all);
    for name in ["node-state-log_data", "node-state-merkle-blobs", "node-state-log_offsets-blobs"] {
        let file = all.iter().find(|file| file.display().to_string().contains(name)).unwrap();
        let pages = fs::read(file).unwrap().len() / PAGE;
        // The last pages may be room that is not used yet.
        let used = (1..pages).filter(|page| fs::read(file).unwrap()[page * PAGE..(page + 1) * PAGE] != [0; PAGE]);
        let (mut checked, mut noticed) = (0, 0);
        for page in used {
            checked += 1;
            noticed += u32::from(damaged(directory.path(), file, Damage::Flip(page * PAGE + 7)).is_err());
        }
        assert!(checked > 1, "{name} has {pages} pages");
        assert_eq!(noticed, checked, "pages of {name} whose damage was noticed");
    }
}
