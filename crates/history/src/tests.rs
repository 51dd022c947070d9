//! One suite, on SQLite and on a real PostgreSQL that it starts itself. Plain lists of decoded rows are the model.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod chain;
mod content;
mod decoding;
mod delivery;
mod kill;
mod place;
mod plans;
mod runs;
mod searches;
mod server;
mod store;

/// Each case of a module, on both databases.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(&crate::tests::store::Store::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(&crate::tests::store::Store::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;
