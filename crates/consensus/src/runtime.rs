//! The machine below a node: one tokio runtime with its storage directory.

use crate::config::RuntimeConfig;
use commonware_runtime::{Clock, Metrics, Network, Runner as _, Spawner, Storage, Strategizer, Supervisor as _, tokio};
use rand::CryptoRng;
use std::future::Future;

/// What a node needs of its runtime. The tokio runtime gives it in production, the deterministic one in simulation.
pub trait Runtime: CryptoRng + Spawner + Strategizer + Metrics + Clock + Storage + Network + Send + Sync {}
impl<E: CryptoRng + Spawner + Strategizer + Metrics + Clock + Storage + Network + Send + Sync> Runtime for E {}

/// The runtime of production.
pub type Context = tokio::Context;

/// Runs `main` on a new tokio runtime and waits for it. Everything else of the program that uses tokio may be spawned
/// from within. Tasks that still run when `main` returns are stopped.
///
/// # Panics
///
/// When the storage directory cannot be used, or a part of the node meets a fault: the program should then stop.
pub fn run<F, Fut>(config: RuntimeConfig, main: F) -> Fut::Output
where
    F: FnOnce(Context) -> Fut,
    Fut: Future,
{
    let runtime = tokio::Config::new()
        .with_storage_directory(config.storage_directory)
        .with_worker_threads(config.worker_threads.max(1));
    tokio::Runner::new(runtime).start(|context| main(context.child("florin")))
}
