//! What is started beside agreement where the committee changes: the actor that deals shares, and the one that starts an
//! engine of agreement for each epoch.

use super::{Agreement, Automaton, MAILBOX, REPLAY_BUFFER, StartError, Starting, StatefulMailbox, WRITE_BUFFER};
use crate::{
    application::Marshal,
    block::{EngineBlock, payload_bounds},
    epochs::{
        participants::Participants,
        peers::Peers,
        schemes::{Register, Schemes},
        wrapped::Wrapped,
    },
    keys::{REVEAL, SHARING, VALIDATORS},
    runtime::Runtime,
    secrets::{Kept, Secrets},
    turns::Turns,
    votes::{Finalization, VoteScheme},
};
use commonware_consensus::{Reporters, marshal::standard::Standard};
use commonware_cryptography::{
    bls12381::primitives::variant::MinSig,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_glue::dkg::{
    fence::{Fence, Gate},
    orchestrator, reshare,
    state_sync::{self, StateSync},
};
use commonware_p2p::{AddressableManager, Blocker, Receiver, Sender};
use commonware_parallel::Sequential;
use florin_proof::BlockDigest;
use std::sync::Arc;

/// From where the actors begin: a certificate and what its epoch began with, or what is on the disk.
type Beginning = state_sync::Plan<VoteScheme, BlockDigest, MinSig>;

/// Deals shares and takes part in every ceremony.
type Dealing<E, M, B> = reshare::Actor<
    E,
    EngineBlock,
    MinSig,
    PrivateKey,
    Peers<M>,
    B,
    Participants<E>,
    Secrets<E>,
    Sequential,
    VoteScheme,
    Standard<EngineBlock>,
    Register<E>,
>;
/// Starts an engine of agreement for each epoch.
type Conducting<E, M, B> =
    orchestrator::Actor<E, B, Peers<M>, Schemes, Standard<EngineBlock>, MinSig, Automaton<E>, Turns, Sequential>;
/// How it is told to.
type Conduct<E, M, B> =
    orchestrator::Config<B, Peers<M>, Schemes, Standard<EngineBlock>, MinSig, Automaton<E>, Turns, Sequential>;
/// Who must be told of every final block.
pub(super) type Mailboxes =
    Reporters<orchestrator::Mailbox<EngineBlock>, reshare::Mailbox<EngineBlock, MinSig, PrivateKey>>;

/// What the change of the committee needs beside the node itself.
pub(super) struct Changing<E: Runtime, M, B> {
    peers: Peers<M>,
    blocker: B,
    secrets: Secrets<E>,
    namespace: &'static [u8],
    beginning: Beginning,
}

/// What is started when the state is recovered.
pub(super) struct Actors<E: Runtime, M, B>
where
    M: AddressableManager<PublicKey = PublicKey> + Sync,
    B: Blocker<PublicKey = PublicKey> + Sync,
{
    dealing: Dealing<E, M, B>,
    conducting: Conducting<E, M, B>,
}

impl<E: Runtime> Starting<E> {
    /// Opens the shares of this node; `None` where there is one epoch for ever. `floor` is the certificate from which on the
    /// state is copied, if it is.
    pub(super) async fn changing<M, B>(
        &self,
        peers: &Peers<M>,
        blocker: &B,
        floor: Option<&Finalization>,
    ) -> Result<Option<Changing<E, M, B>>, StartError>
    where
        M: AddressableManager<PublicKey = PublicKey> + Sync,
        B: Blocker<PublicKey = PublicKey> + Sync,
    {
        let Some(dealings) = &self.core.dealings else { return Ok(None) };
        let (context, partition) = (self.context.child("secrets"), self.partition("shares"));
        let schemes = self.schemes.clone();
        let abstains = move |epoch| schemes.abstains_in(epoch);
        let secrets = Secrets::open(context, partition, &self.config.secret, Kept::Epochs, abstains).await;
        let mut secrets = secrets.map_err(StartError::Secrets)?;
        if self.config.abstains {
            secrets.forget_ceremonies().await;
        }
        // A node that has blocks but no shares has lost them, and with them what it voted for: it is dealt a new one. So has
        // one that copies the state, or has copied it and not begun its ledger there.
        if self.ledger.head().block.height() == 0
            && self.config.floor.is_none()
            && self.joined.is_none()
            && let Some(share) = &self.config.share
        {
            secrets.import(share).await;
        }
        let namespace = dealings.namespace();
        let beginning = self.beginning(floor).await;
        Ok(Some(Changing { peers: peers.clone(), blocker: blocker.clone(), secrets, namespace, beginning }))
    }

    /// A copy begins where its certificate says. Later, while the node is in that epoch, what was noted then counts.
    async fn beginning(&self, floor: Option<&Finalization>) -> Beginning {
        let copied = floor.cloned().zip(self.joined.clone()).map(|(floor, info)| StateSync { info, floor });
        let (max_participants, max_supported_mode) = payload_bounds();
        let partition_prefix = self.partition("epochs");
        let config = state_sync::Config { partition_prefix, max_participants, max_supported_mode };
        Beginning::init(self.context.child("beginning"), config, copied).await
    }

    /// Makes the actors, and the application that puts into blocks what they must publish.
    pub(super) fn change<M, B>(
        &self,
        changing: Changing<E, M, B>,
        application: StatefulMailbox<E>,
        marshal: Marshal,
    ) -> (Automaton<E>, Actors<E, M, B>, Mailboxes)
    where
        M: AddressableManager<PublicKey = PublicKey> + Sync,
        B: Blocker<PublicKey = PublicKey> + Sync,
    {
        let Changing { peers, blocker, secrets, namespace, beginning } = changing;
        let (fence, gate) = Fence::new();
        let votes = self.partition("simplex");
        let registrar =
            Register { context: Arc::new(self.context.child("epochs")), schemes: self.schemes.clone(), votes };
        let config = reshare::Config {
            signer: self.config.secret.signer().clone(),
            manager: peers.clone(),
            blocker: blocker.clone(),
            participants_provider: Participants {
                context: Arc::new(self.context.child("participants")),
                ledger: self.ledger.clone(),
                marshal: marshal.clone(),
                genesis: self.config.genesis.clone(),
                first: self.schemes.current().get().committee.participants.clone(),
            },
            secret_store: secrets,
            strategy: Sequential,
            registrar,
            marshal: marshal.clone(),
            state_sync: beginning.clone(),
            fence,
            namespace,
            sharing_mode: SHARING,
            reveal: REVEAL,
            mailbox_size: MAILBOX,
            partition_prefix: self.partition("reshare"),
            page_cache: self.page_cache.clone(),
            write_buffer: WRITE_BUFFER,
            replay_buffer: REPLAY_BUFFER,
            max_participants: VALIDATORS,
            blocks_per_epoch: self.epoch_blocks,
        };
        let (dealing, dealt) = reshare::Actor::new(self.context.child("reshare"), config);
        let wrapped = reshare::Application::new(application, dealt.clone(), self.epoch_blocks);
        let automaton = self.automaton(Wrapped::Epochs(wrapped), marshal.clone());
        let config = self.conducting((peers, blocker), automaton.clone(), marshal, (gate, beginning));
        let (conducting, conducted) = orchestrator::Actor::new(self.context.child("orchestrator"), config);
        (automaton, Actors { dealing, conducting }, Reporters::from((conducted, dealt)))
    }

    fn conducting<M, B>(
        &self,
        (manager, oracle): (Peers<M>, B),
        application: Automaton<E>,
        marshal: Marshal,
        (gate, state_sync): (Gate, Beginning),
    ) -> Conduct<E, M, B> {
        orchestrator::Config {
            oracle,
            manager,
            provider: self.schemes.clone(),
            marshal,
            application,
            strategy: Sequential,
            simplex: self.voting(),
            gate,
            state_sync,
            blocks_per_epoch: self.epoch_blocks,
            mailbox_size: MAILBOX,
            partition_prefix: self.partition("simplex"),
        }
    }

    /// Starts to deal, and to vote or to follow the votes of others, epoch by epoch.
    pub(super) fn agree_in_epochs<M, B, S, R>(
        &mut self,
        actors: Actors<E, M, B>,
        agreement: Agreement<E, B, S, R>,
        dealing: (S, R),
    ) where
        M: AddressableManager<PublicKey = PublicKey> + Sync,
        B: Blocker<PublicKey = PublicKey> + Sync,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let Agreement { gate, votes, certificates, resolver, .. } = agreement;
        let Actors { dealing: dealer, conducting } = actors;
        self.tasks.push(("reshare", dealer.start(dealing)));
        let task = match gate {
            None => conducting.start(votes, certificates, resolver),
            Some(gate) => gate.then(&self.context, move || conducting.start(votes, certificates, resolver)),
        };
        self.tasks.push(("orchestrator", task));
    }
}
