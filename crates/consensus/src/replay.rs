//! How a node that was away gets its state: it replays the blocks, so that it trusts nothing but certificates and its own
//! execution. The engine could also copy the state from peers; that way is not used.

use commonware_glue::stateful::db::{AttachableResolver, Shared};
use commonware_storage::qmdb::{
    any::ordered::variable::Operation,
    sync::{Request, Source, source},
};
use florin_proof::{Family, StateDigest};
use florin_state::{Db, Runtime};
use std::marker::PhantomData;

/// A source of state that has none. The engine asks only after a floor was chosen, which this node never does.
pub(crate) struct ReplayOnly<E>(PhantomData<fn() -> E>);

/// The answer to a request that no part of this program makes.
#[derive(Debug, thiserror::Error)]
#[error("state is replayed from blocks, never copied from peers")]
pub(crate) struct NeverCopied;

impl<E> Default for ReplayOnly<E> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<E> Clone for ReplayOnly<E> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<E: Runtime> AttachableResolver<Db<E>> for ReplayOnly<E> {
    async fn attach_database(&self, _database: Shared<Db<E>>) {}
}

impl<E: Runtime> Source for ReplayOnly<E> {
    type Family = Family;
    type Digest = StateDigest;
    type Op = Operation<Family, florin_proof::StateKey, bytes::Bytes>;
    type Error = NeverCopied;

    async fn serve(&self, _request: Request<Family>) -> source::Result<Self> {
        Err(NeverCopied)
    }
}
