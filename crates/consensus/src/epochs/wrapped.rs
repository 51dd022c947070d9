//! The application with what the change of the committee adds to blocks, or without.

use crate::{
    block::{BlockContext, EngineBlock},
    votes::VoteScheme,
};
use commonware_consensus::{Application, Handoff, marshal::ancestry::Ancestry};
use commonware_cryptography::{Digested, bls12381::primitives::variant::MinSig, ed25519::PrivateKey};
use commonware_glue::dkg::reshare;

/// What the application is given with a proposal: the payload of the block.
pub(crate) type Carried = reshare::Input<(), MinSig, PrivateKey>;

/// Wraps the application that builds and checks.
#[derive(Clone)]
pub(crate) enum Wrapped<A> {
    /// One epoch for ever: no block carries anything.
    OneEpoch(A),
    /// Epochs: the protocol says what each block carries.
    Epochs(reshare::Application<A, EngineBlock, MinSig, PrivateKey>),
}

impl<E, A> Application<E> for Wrapped<A>
where
    E: Send + 'static,
    A: Application<E, SigningScheme = VoteScheme, Context = BlockContext, Block = EngineBlock, Input = Carried> + Sync,
{
    type SigningScheme = VoteScheme;
    type Context = BlockContext;
    type Block = EngineBlock;
    type Input = ();

    async fn prepare(
        &mut self,
        context: (E, BlockContext),
        ancestry: impl Ancestry<EngineBlock>,
        input: (),
    ) -> Handoff<Digested<EngineBlock>> {
        match self {
            Self::OneEpoch(inner) => inner.prepare(context, ancestry, nothing(input)).await,
            Self::Epochs(inner) => inner.prepare(context, ancestry, input).await,
        }
    }

    async fn propose(
        &mut self,
        context: (E, BlockContext),
        ancestry: impl Ancestry<EngineBlock>,
        input: (),
    ) -> Option<Digested<EngineBlock>> {
        match self {
            Self::OneEpoch(inner) => inner.propose(context, ancestry, nothing(input)).await,
            Self::Epochs(inner) => inner.propose(context, ancestry, input).await,
        }
    }

    async fn verify(&mut self, context: (E, BlockContext), ancestry: impl Ancestry<EngineBlock>) -> bool {
        match self {
            Self::OneEpoch(inner) => {
                if ancestry.peek().is_some_and(|block| block.inner().epoch_payload().is_some()) {
                    tracing::warn!("refused a block with a payload: this network has one epoch for ever");
                    return false;
                }
                inner.verify(context, ancestry).await
            }
            Self::Epochs(inner) => inner.verify(context, ancestry).await,
        }
    }
}

fn nothing(upstream: ()) -> Carried {
    Carried { upstream, payload: None }
}
