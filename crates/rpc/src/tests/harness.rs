//! One node without consensus: blocks are built when a test says so.

use super::{schema, socket};
use crate::{Backend, NodeControl, NodeStatus, RpcConfig, RpcServer, SubmitError, methods::METHODS, serve};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, keccak256};
use commonware_codec::Encode as _;
use commonware_cryptography::{
    Signer as _,
    bls12381::{
        dkg::feldman_desmedt,
        primitives::{sharing::Mode, variant::MinSig},
    },
    ed25519,
};
use commonware_glue::stateful::db::DatabaseSet;
use commonware_runtime::{Runner as _, Supervisor as _, tokio as engine};
use commonware_utils::{N3f1, NZUsize, ordered::Set};
use florin_execution::{AdmitError, BlockEnv, admit, assemble, build, genesis_block, genesis_state};
use florin_index::Index;
use florin_mempool::{Origin, Pool, PoolLimits, Submitted};
use florin_state::{
    Databases, FinalizedBlock, Ledger, LedgerConfig, LedgerWriter, commitment, database_config, merkleize, one_thread,
    open_genesis, page_cache_with, sync_target, with_view, write,
};
use florin_types::{
    Access, Block, ConsensusContext, Currency, Extension, Genesis, GenesisAccount, GenesisNode, GenesisToken,
    GenesisTokenRoles, NodeRole, Rules, RulesSchedule, VerifiedTx,
};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use rand::SeedableRng as _;
use secp256k1::{Message, SECP256K1, SecretKey};
use serde_json::{Value, json};
use std::{collections::HashSet, future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tempfile::TempDir;

pub(super) const CHAIN_ID: u64 = 84_532;
pub(super) const GENESIS_MS: u64 = 1_700_000_000_000;
const PREFIX: &str = "node";
/// The first token of the genesis file.
pub(super) const TOKEN: Address = address!("f101000000000000000000000000000000000001");

/// An account that a test signs with.
#[derive(Clone, Debug)]
pub(super) struct Account(SecretKey);

impl Account {
    pub(super) fn new(number: u8) -> Self {
        Self(SecretKey::from_slice(&[number; 32]).unwrap())
    }

    pub(super) fn address(&self) -> Address {
        Address::from_slice(&keccak256(&self.0.public_key(SECP256K1).serialize_uncompressed()[1..])[12..])
    }

    pub(super) fn sign<T: SignableTransaction<Signature>>(&self, tx: T) -> TxEnvelope
    where
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let message = Message::from_digest(tx.signature_hash().0);
        let (recovery, bytes) = SECP256K1.sign_ecdsa_recoverable(&message, &self.0).serialize_compact();
        let parity = recovery == secp256k1::ecdsa::RecoveryId::One;
        tx.into_signed(Signature::from_bytes_and_parity(&bytes, parity)).into()
    }

    /// Signs an EIP-1559 transaction.
    pub(super) fn call(&self, nonce: u64, to: TxKind, value: u64, input: impl Into<Bytes>) -> TxEnvelope {
        self.sign(TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 2_000_000,
            max_fee_per_gas: 7,
            max_priority_fee_per_gas: 0,
            to,
            value: U256::from(value),
            input: input.into(),
            ..TxEip1559::default()
        })
    }

    pub(super) fn pay(&self, nonce: u64, to: Address, value: u64) -> TxEnvelope {
        self.call(nonce, TxKind::Call(to), value, Bytes::new())
    }
}

pub(super) fn raw(tx: &TxEnvelope) -> String {
    Bytes::from(tx.encoded_2718()).to_string()
}

/// Code that deploys `runtime`.
pub(super) fn deploying(runtime: &[u8]) -> Bytes {
    let length = u8::try_from(runtime.len()).unwrap();
    let mut code = vec![0x60, length, 0x80, 0x60, 0x0b, 0x60, 0x00, 0x39, 0x60, 0x00, 0xf3];
    code.extend_from_slice(runtime);
    code.into()
}

pub(super) fn developer() -> Account {
    Account::new(1)
}

pub(super) fn bank() -> Account {
    Account::new(2)
}

/// A committee's public polynomial. Nobody signs with its shares here.
fn threshold_public() -> Bytes {
    let members = Set::from_iter_dedup([ed25519::PrivateKey::from_seed(5).public_key()]);
    let seed = rand::rngs::StdRng::seed_from_u64(5);
    let dealt = feldman_desmedt::deal::<MinSig, _, N3f1>(seed, Mode::NonZeroCounter, members);
    Bytes::from(dealt.unwrap().0.public().encode().to_vec())
}

fn genesis() -> Genesis {
    let funds = GenesisAccount { balance: U256::from(10u64).pow(U256::from(24)), ..GenesisAccount::default() };
    let roles = GenesisTokenRoles { admin: vec![bank().address()], ..GenesisTokenRoles::default() };
    let token = GenesisToken {
        name: "Digital Euro".into(),
        currency: Currency::new("EUR", 2).unwrap(),
        supply_cap_minor: None,
        policy: None,
        roles,
        balances: [(bank().address(), 1_000_000)].into(),
    };
    let node = GenesisNode {
        name: "Bank A".into(),
        public_key: B256::repeat_byte(5),
        address: "127.0.0.1:1".into(),
        role: NodeRole::Validator,
    };
    Genesis {
        chain_id: CHAIN_ID,
        network: "test".into(),
        timestamp_ms: GENESIS_MS,
        rules: RulesSchedule::constant(Rules::default()).unwrap(),
        threshold_public: threshold_public(),
        dealt_for_development: true,
        nodes: vec![node],
        permission_admin: bank().address(),
        transact: Access::Open,
        deploy: Access::Open,
        connect: Access::Open,
        transactors: Default::default(),
        deployers: Default::default(),
        accounts: [(developer().address(), funds.clone()), (bank().address(), funds)].into(),
        policies: Vec::new(),
        tokens: vec![token],
        governance: None,
        epoch_blocks: None,
    }
}

/// What the server asks of the node.
#[derive(Clone)]
struct Control {
    ledger: Ledger,
    pool: Pool,
    genesis: Arc<Genesis>,
    status: Arc<Mutex<NodeStatus>>,
}

impl NodeControl for Control {
    fn submit(&self, txs: Vec<VerifiedTx>) -> BoxFuture<'static, Vec<Result<Submitted, SubmitError>>> {
        let control = self.clone();
        Box::pin(async move {
            let mut answers = Vec::new();
            for tx in txs {
                answers.push(control.judge(tx).await);
            }
            answers
        })
    }

    fn status(&self) -> NodeStatus {
        self.status.lock().clone()
    }

    fn validators(&self) -> Vec<(String, B256)> {
        self.genesis.validators().map(|node| (node.name.clone(), node.public_key)).collect()
    }
}

impl Control {
    async fn judge(&self, tx: VerifiedTx) -> Result<Submitted, SubmitError> {
        let (ledger, pool, genesis) = (self.ledger.clone(), self.pool.clone(), self.genesis.clone());
        let head = ledger.head();
        let reader = ledger.state(head.block.height()).await.map_err(|e| SubmitError::Unavailable(e.to_string()))?;
        let (height, now_ms) = (head.block.height() + 1, head.block.timestamp_ms() + 1);
        let judged = tx.clone();
        let admitted = with_view(reader, move |view| {
            admit(view, genesis.chain_id, genesis.rules.at(height), now_ms, height, &judged)
        });
        match admitted.await {
            Ok(admission) => Ok(pool.submit(tx, &admission, Origin::Local, now_ms)?),
            Err(AdmitError::Rejected(rejection)) => Err(rejection.into()),
            Err(AdmitError::Fault(fault)) => Err(fault.into()),
        }
    }
}

/// The node, its server and a client of it.
pub(super) struct Node {
    genesis: Arc<Genesis>,
    ledger: Ledger,
    writer: LedgerWriter<engine::Context>,
    databases: Databases<engine::Context>,
    pub(super) pool: Pool,
    pub(super) index: Index,
    pub(super) status: Arc<Mutex<NodeStatus>>,
    pub(super) server: RpcServer,
    pub(super) backend: Backend,
    _directory: TempDir,
}

/// Runs a test on a node with these bounds.
pub(super) fn on_a_node<F, Fut>(config: RpcConfig, test: F)
where
    F: FnOnce(Node) -> Fut,
    Fut: Future<Output = ()>,
{
    let directory = tempfile::tempdir().unwrap();
    let runtime = engine::Config::new().with_storage_directory(directory.path().join("storage")).with_worker_threads(2);
    engine::Runner::new(runtime).start(|context| async move {
        let node = Node::start(context, directory, config).await;
        tokio::time::timeout(Duration::from_secs(120), test(node)).await.expect("the test hangs");
    });
}

/// The same with bounds that suit tests.
pub(super) fn on_a_plain_node<F, Fut>(test: F)
where
    F: FnOnce(Node) -> Fut,
    Fut: Future<Output = ()>,
{
    on_a_node(plain_config(), test);
}

pub(super) fn plain_config() -> RpcConfig {
    RpcConfig { request_time_max: Duration::from_secs(10), ..RpcConfig::default() }
}

impl Node {
    async fn start(context: engine::Context, directory: TempDir, config: RpcConfig) -> Self {
        let genesis = Arc::new(genesis());
        let state = genesis_state(&genesis).unwrap();
        let cache = page_cache_with(NZUsize!(256));
        let database = database_config(PREFIX, cache.clone(), one_thread().unwrap());
        let (root, target) = open_genesis(context.child("genesis"), database.clone(), &state, PREFIX).await.unwrap();
        let block = Arc::new(genesis_block(&genesis, root, target).unwrap());
        let ledger_config = LedgerConfig { window_blocks: 8, ..LedgerConfig::new(PREFIX, cache) };
        let (ledger, writer) = Ledger::open(context.child("ledger"), ledger_config, block.clone()).await.unwrap();
        let databases = <Databases<engine::Context> as DatabaseSet<engine::Context>>::init(
            context.child("state"),
            database,
            sync_target(&block.extension().state),
        )
        .await;
        writer.attach(databases.clone()).await.unwrap();
        let index = Index::open(&directory.path().join("index.sqlite"), block.hash()).await.unwrap();
        let pool = Pool::new(PoolLimits::default());
        let status = Arc::new(Mutex::new(NodeStatus {
            role: NodeRole::Validator,
            view: 3,
            leader: Some(B256::repeat_byte(5)),
            peers_connected: 3,
            peers_known: 4,
            known_height: 0,
            syncing: false,
            stuck: None,
        }));
        let node: Arc<dyn NodeControl> = Arc::new(Control {
            ledger: ledger.clone(),
            pool: pool.clone(),
            genesis: genesis.clone(),
            status: status.clone(),
        });
        let backend = Backend {
            ledger: ledger.clone(),
            pool: pool.clone(),
            index: index.clone(),
            genesis: genesis.clone(),
            genesis_hash: block.hash(),
            node,
            tls: None,
            config,
        };
        let server = serve(SocketAddr::from(([127, 0, 0, 1], 0)), backend.clone()).await.unwrap();
        Self { genesis, ledger, writer, databases, pool, index, status, server, backend, _directory: directory }
    }

    /// Builds the next block from the pool and finalises it; waits until the server shows it.
    pub(super) async fn produce(&self) -> Arc<FinalizedBlock> {
        let parent = self.ledger.head();
        let height = parent.block.height() + 1;
        let rules = self.genesis.rules.at(height).clone();
        let env = BlockEnv::child_of(&parent.block, parent.block.timestamp_ms() + 1_500);
        let mut candidates = self.pool.candidates(&rules, &HashSet::new());
        let (core_rules, core_env) = (rules.clone(), env.clone());
        let reader = self.databases.clone();
        let (txs, executed) =
            with_view(reader, move |view| build(view, CHAIN_ID, &core_rules, &core_env, &mut candidates))
                .await
                .unwrap();
        let batch = <Databases<_> as DatabaseSet<engine::Context>>::new_batches(&self.databases).await;
        let batch = merkleize(write(batch, height, &executed.changeset).unwrap()).await.unwrap();
        let (state_root, target) = commitment(&batch);
        let extension = Extension {
            state: target,
            context: ConsensusContext { view: height, parent_view: height - 1, ..ConsensusContext::default() },
            ..Extension::default()
        };
        let block: Block = assemble(&parent.block, &env, &rules, &executed, &txs, state_root, extension, None).unwrap();
        let undo = self.writer.capture(&block, &executed.changeset, &self.databases).await.unwrap();
        <Databases<_> as DatabaseSet<engine::Context>>::apply(&self.databases, batch).await;
        let barrier = <Databases<_> as DatabaseSet<engine::Context>>::finalize(&self.databases).await;
        let finalized = FinalizedBlock {
            block: Arc::new(block),
            receipts: Arc::new(executed.receipts),
            senders: Arc::new(txs.iter().map(VerifiedTx::sender).collect()),
            executed: true,
        };
        self.writer.finalized(finalized, undo, None).await.unwrap();
        assert!(barrier.durable().await);
        let nonces = executed
            .changeset
            .accounts
            .iter()
            .filter_map(|(address, account)| account.map(|account| (*address, account.nonce)));
        self.pool.finalized(nonces);
        while self.server.height() < height {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.ledger.head()
    }

    /// Submits a transaction and puts it into a block.
    pub(super) async fn include(&self, tx: &TxEnvelope) -> B256 {
        let hash = self.ok("eth_sendRawTransaction", json!([raw(tx)])).await;
        assert_eq!(hash, json!(tx.tx_hash()));
        self.produce().await;
        *tx.tx_hash()
    }

    /// Deploys `runtime` and gives its address.
    pub(super) async fn deploy(&self, from: &Account, nonce: u64, runtime: &[u8]) -> Address {
        let hash = self.include(&from.call(nonce, TxKind::Create, 0, deploying(runtime))).await;
        let receipt = self.ok("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1");
        serde_json::from_value(receipt["contractAddress"].clone()).unwrap()
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Calls a method, whatever comes of it.
    pub(super) async fn call(&self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let (status, body) = socket::post(self.address(), &request.to_string()).await;
        assert_eq!(status, 200, "{method}: {body}");
        let response: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(response["id"], 7);
        assert_eq!(response["jsonrpc"], "2.0");
        response
    }

    /// Calls a method that must give a result, which must fit the schema in the table.
    pub(super) async fn ok(&self, method: &str, params: Value) -> Value {
        let response = self.call(method, params.clone()).await;
        assert!(response.get("error").is_none(), "{method} {params}: {response}");
        let result = response["result"].clone();
        let entry = METHODS.iter().find(|entry| entry.name == method).unwrap();
        schema::check(entry.result, &result).unwrap_or_else(|wrong| panic!("{method} {params}: {wrong}: {result}"));
        result
    }

    /// Calls a method that must give an error: its code, message and data.
    pub(super) async fn error(&self, method: &str, params: Value) -> (i64, String, Value) {
        let response = self.call(method, params.clone()).await;
        assert!(response.get("result").is_none(), "{method} {params}: {response}");
        let error = &response["error"];
        let message = error["message"].as_str().unwrap().to_owned();
        (error["code"].as_i64().unwrap(), message, error["data"].clone())
    }
}
