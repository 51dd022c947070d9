//! Temporary.
use super::*;
use commonware_runtime::{Runner as _, Supervisor as _, tokio};
use std::time::Instant;

fn slots(first: u64, count: u64, value: u64) -> Changeset {
    let mut changes = Changeset::default();
    for number in first..first + count {
        changes.slots.insert((address(7), U256::from_be_bytes(keccak256(number.to_be_bytes()).0)), U256::from(value));
    }
    changes
}

#[test]
#[ignore]
fn measure() {
    let dir = std::env::temp_dir().join(format!("florin-measure-{}", std::process::id()));
    let config = tokio::Config::new().with_storage_directory(&dir);
    tokio::Runner::new(config).start(|context| async move {
        let genesis = slots(0, 20_000, 1);
        let (root, target) = genesis_commitment(&genesis).unwrap();
        let cache = page_cache_with(NZUsize!(8_192));
        let database = database_config(PREFIX, cache);
        open_genesis(context.child("genesis"), database.clone(), &genesis, PREFIX).await.unwrap();
        let block0 = block(None, root, target);
        let target = sync_target(&block0.extension().state).unwrap();
        let databases = <Databases<_> as DatabaseSet<_>>::init(context.child("state"), database, Some(target)).await;
        let mut height = 0;
        for round in 0..6u64 {
            for (name, changes) in [
                ("change 3000", slots(round * 3_000, 3_000, 2 + round)),
                ("fill 3000", slots(1_000_000 + round * 3_000, 3_000, 2)),
            ] {
                height += 1;
                let start = Instant::now();
                let batch = <Databases<_> as DatabaseSet<_>>::new_batches(&databases).await;
                let batch = merkleize(write(batch, height, &changes).unwrap()).await.unwrap();
                let hashed = start.elapsed();
                <Databases<_> as DatabaseSet<_>>::apply(&databases, batch).await;
                let barrier = <Databases<_> as DatabaseSet<_>>::finalize(&databases).await;
                assert!(barrier.durable().await);
                let all = start.elapsed();
                println!("{name}: hashed {:.2} us, durable {:.2} us a slot", hashed.as_secs_f64() * 1e6 / 3e3, all.as_secs_f64() * 1e6 / 3e3);
            }
        }
    });
    let _ = std::fs::remove_dir_all(dir);
}
