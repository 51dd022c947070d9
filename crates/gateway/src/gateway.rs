//! The gateway as a whole: opened on a database, then round after round.

use crate::{
    Faults, GatewayError,
    access::{Access, CALLS_PER_SECOND, OidcConfig, PROCESS, Tenant, Throttle, check_tenants},
    audit::{Anchor, AnchorConfig, AuditLog},
    book::Book,
    chain::Chain,
    desk::Desk,
    folder::Folder,
    journal::Journal,
    office::{Office, Screening, ScreeningConfig},
    store::Store,
    teller::Teller,
    webhook::{Webhook, deliver},
};
use alloy_primitives::{Address, B256};
use florin_client::{RpcClient, Signer, Verifier};
use florin_history::Location;
use florin_iso20022::Limits;
use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

/// Pause between rounds; new messages end it.
const PAUSE: Duration = Duration::from_millis(50);
/// The same after many rounds in which nothing happened.
const PAUSE_IDLE: Duration = Duration::from_millis(200);
const IDLE_ROUNDS: u32 = 100;
/// Pause after a failure that may pass.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Who decides beside the ledger. Without any of it callers have keys, and nobody is asked.
#[derive(Clone, Debug, Default)]
pub struct Controls {
    /// Whose access tokens are taken.
    pub oidc: Option<OidcConfig>,
    /// Who is asked about every order before it is signed.
    pub screening: Option<ScreeningConfig>,
    /// Who commits the audit log to the ledger.
    pub anchor: Option<AnchorConfig>,
    /// Calls that one caller has in a second; five times as many at once. Without it, [`CALLS_PER_SECOND`].
    pub calls_per_second: Option<NonZeroU32>,
}

/// What a gateway works with.
pub struct Setup {
    /// Where it remembers.
    pub location: Location,
    /// The node.
    pub rpc: RpcClient,
    /// Decides what is final.
    pub verifier: Verifier,
    /// Of everything that is signed.
    pub chain_id: u64,
    /// The ledger.
    pub genesis_hash: B256,
    /// Who is who.
    pub book: Book,
    /// Keys, by account.
    pub signers: BTreeMap<Address, Signer>,
    /// Gas that the ledger's rules allow one transaction.
    pub transaction_gas_max: u64,
    /// Who may use it.
    pub tenants: Vec<Tenant>,
    /// Servers of tenants that are told what happens, one a tenant.
    pub webhooks: Vec<Webhook>,
    /// Who decides.
    pub controls: Controls,
    /// Watched directory.
    pub folder: Option<PathBuf>,
    /// Height after which movements are told, when the database is new. `None`: from now on.
    pub read_from: Option<u64>,
    /// Bounds of a message.
    pub limits: Limits,
}

/// What the rooms and the API share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) chain: Chain,
    pub(crate) book: Arc<Book>,
    pub(crate) access: Access,
    pub(crate) throttle: Throttle,
    pub(crate) office: Office,
    pub(crate) audit: AuditLog,
    pub(crate) webhooks: Vec<Webhook>,
    pub(crate) limits: Limits,
    /// Something arrived.
    pub(crate) arrived: Notify,
    /// Something changed; counts how often.
    pub(crate) changed: watch::Sender<u64>,
    /// How far the ledger was read.
    pub(crate) read_to: watch::Receiver<u64>,
    /// What the last round failed with.
    pub(crate) trouble: watch::Sender<Option<String>>,
}

/// A gateway.
pub struct Gateway {
    shared: Arc<Shared>,
    desk: Desk,
    screening: Option<Screening>,
    anchor: Option<Anchor>,
    teller: Teller,
    journal: Journal,
    folder: Option<Folder>,
}

impl Gateway {
    /// Opens it on its database, which is made where there is none. `faults` is [`Faults::default`] outside of tests.
    pub async fn open(setup: Setup, faults: Faults) -> Result<Self, GatewayError> {
        check_tenants(&setup.tenants).map_err(|(place, field, rule)| GatewayError::Config {
            field: format!("tenants[{place}].{field}"),
            rule,
        })?;
        let read_from = match setup.read_from {
            Some(height) => height,
            None => setup.rpc.block_number().await?,
        };
        let (store, known) = Store::open(&setup.location, setup.genesis_hash, read_from, faults).await?;
        let chain = Chain {
            rpc: setup.rpc,
            verifier: Arc::new(setup.verifier),
            chain_id: setup.chain_id,
            salt: known.salt.into(),
        };
        let book = Arc::new(setup.book);
        // Whoever is read from the first block on is known from then on.
        let since_ms = if known.read_to == 0 { 0 } else { now_ms() };
        let mut work = store.write().await?;
        for (holder, token) in book.served().flat_map(|holder| book.tokens().map(move |token| (holder, token))) {
            store.serve(&mut work, (holder.address, token.address), since_ms).await?;
        }
        store.commit(work, "served").await?;
        let journal = Journal::new(store.clone(), chain.clone(), book.clone(), known.read_to);
        let names = setup.tenants.iter().map(|tenant| tenant.name.clone()).collect();
        let folder = setup.folder.map(|root| Folder::open(store.clone(), root, names, setup.limits.bytes_max));
        let screening = setup.controls.screening.as_ref();
        let office = Office::new(&setup.tenants, screening.is_some());
        let screening = screening.map(|config| Screening::new(store.clone(), book.clone(), config)).transpose()?;
        let shared = Shared {
            store: store.clone(),
            chain: chain.clone(),
            book: book.clone(),
            access: Access::new(setup.tenants, setup.controls.oidc)
                .map_err(|error| GatewayError::Config { field: format!("oidc.{}", error.field), rule: error.rule })?,
            throttle: Throttle::new(setup.controls.calls_per_second.unwrap_or(CALLS_PER_SECOND)),
            office: office.clone(),
            audit: AuditLog::start(store.clone()),
            webhooks: setup.webhooks,
            limits: setup.limits.clone(),
            arrived: Notify::new(),
            changed: watch::Sender::new(0),
            read_to: journal.progress(),
            trouble: watch::Sender::new(None),
        };
        Ok(Self {
            desk: Desk { store: store.clone(), chain: chain.clone(), book, limits: setup.limits, office },
            screening,
            anchor: setup.controls.anchor.map(|config| Anchor::new(store.clone(), chain.clone(), config)),
            teller: Teller::new(store, chain, setup.signers, setup.transaction_gas_max),
            journal,
            folder: folder.transpose()?,
            shared: Arc::new(shared),
        })
    }

    /// Its HTTP interface.
    pub fn router(&self) -> axum::Router {
        crate::api::router(self.shared.clone())
    }

    /// What the last round failed with, as it changes; nothing while it works.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.shared.trouble.subscribe()
    }

    /// Makes a message durable, as HTTP does; for callers in the same process. `None` where too much waits.
    pub async fn receive(&self, tenant: &str, content: &[u8]) -> Result<Option<u64>, GatewayError> {
        use crate::{
            inbox::{Arrival, receive},
            store::Sender,
        };
        let sender = Sender { tenant, maker: PROCESS, file: None };
        Ok(match receive(&self.shared.store, &sender, content, now_ms()).await? {
            Arrival::New(number) | Arrival::Known(number) => Some(number),
            Arrival::Busy => None,
        })
    }

    /// One round: everything that can be done now. Says whether anything was.
    ///
    /// A room that fails keeps the others from nothing; the first failure is told at the end.
    pub async fn round(&mut self) -> Result<bool, GatewayError> {
        let now = now_ms();
        let mut outcome = Outcome::default();
        if let Some(folder) = &self.folder {
            outcome.take(folder.collect(now).await)?;
        }
        outcome.take(self.desk.read(now).await)?;
        if let Some(screening) = &mut self.screening {
            outcome.take(screening.round(now).await)?;
        }
        outcome.take(self.teller.round().await)?;
        outcome.take(self.desk.answer(now).await)?;
        outcome.take(self.journal.round(now).await)?;
        if let Some(anchor) = &mut self.anchor {
            outcome.take(anchor.round(now).await)?;
        }
        if let Some(folder) = &self.folder {
            outcome.take(folder.settle().await.map(|()| false))?;
        }
        if outcome.done {
            self.shared.changed.send_modify(|count| *count = count.wrapping_add(1));
        }
        outcome.failed.map_or(Ok(outcome.done), Err)
    }

    /// Round after round until `stop`. Ends early only with what a person has to look at.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), GatewayError> {
        tokio::pin!(stop);
        let mut deliveries = self.deliveries();
        let (mut said, mut idle) = (None, 0u32);
        loop {
            let pause = match self.round().await {
                Ok(done) => {
                    said = None;
                    idle = if done { 0 } else { idle.saturating_add(1) };
                    match idle {
                        0 => Duration::ZERO,
                        IDLE_ROUNDS.. => PAUSE_IDLE,
                        _ => PAUSE,
                    }
                }
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => {
                    let text = error.to_string();
                    // The same trouble is said once.
                    if said.as_ref() != Some(&text) {
                        tracing::warn!(code = error.code(), error = %text, "gateway.round");
                    }
                    said = Some(text);
                    PAUSE_AFTER_FAILURE
                }
            };
            self.shared.trouble.send_replace(said.clone());
            tokio::select! {
                () = &mut stop => break,
                () = self.shared.arrived.notified() => idle = 0,
                () = tokio::time::sleep(pause) => {}
            }
        }
        // Each is stopped between two steps, before the database goes.
        deliveries.shutdown().await;
        self.shared.store.close().await;
        Ok(())
    }

    /// Tells tenants' servers, beside the rounds: one that does not answer keeps nobody waiting.
    fn deliveries(&self) -> JoinSet<()> {
        let mut deliveries = JoinSet::new();
        for webhook in self.shared.webhooks.clone() {
            deliveries.spawn(deliver(self.shared.clone(), webhook));
        }
        deliveries
    }

    /// Ends all connections to the database.
    pub async fn close(self) {
        self.shared.store.close().await;
    }
}

/// What the rooms of a round did.
#[derive(Default)]
struct Outcome {
    done: bool,
    failed: Option<GatewayError>,
}

impl Outcome {
    fn take(&mut self, result: Result<bool, GatewayError>) -> Result<(), GatewayError> {
        match result {
            Ok(done) => self.done |= done,
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => self.failed = self.failed.take().or(Some(error)),
        }
        Ok(())
    }
}

/// The wall clock, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
