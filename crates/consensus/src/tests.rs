//! Nodes over real sockets, the real encryption and a real disk. Faults in all their variety are simulated in `florin-sim`.

use crate::{
    Beginning, Context, NetworkConfig, Node, NodeConfig, NodeSecret, RuntimeConfig, ThresholdShare, deal, run, start,
};
use alloy_primitives::{Address, B256, TxKind, U256, address};
use alloy_sol_types::SolCall as _;
use commonware_runtime::{Clock as _, Handle, Spawner as _, Supervisor as _};
use florin_client::{Signer, TxEip1559, transfer_input};
use florin_modules::{PERMISSION_ADDRESS, permission::IPermission::addNodeCall};
use florin_types::{
    Access, Bytes, Currency, Genesis, GenesisAccount, GenesisNode, GenesisToken, GenesisTokenRoles, NodeRole, Rules,
    RulesSchedule, VerifiedTx,
};
use futures::FutureExt as _;
use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};
use zeroize::Zeroizing;

pub(crate) const CHAIN_ID: u64 = 99;
const TOKEN: Address = address!("f101000000000000000000000000000000000001");

/// Keys, shares and addresses of four validators and a follower, and a payer.
struct Setup {
    genesis: Arc<Genesis>,
    nodes: Vec<(NodeSecret, Option<ThresholdShare>, SocketAddr)>,
    payer: Signer,
    nonce: u64,
}

fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

impl Setup {
    fn new() -> Self {
        let secrets: Vec<_> = (0..5).map(|_| NodeSecret::generate()).collect();
        let keys: Vec<B256> = secrets.iter().map(NodeSecret::public_key).collect();
        let dealing = deal(&keys[..4]).unwrap();
        let shares: BTreeMap<_, _> = dealing.shares.into_iter().collect();
        let addresses = free_addresses(5);
        let payer = Signer::from_bytes(Zeroizing::new([7; 32])).unwrap();
        let entries = keys.iter().zip(&addresses).enumerate();
        let nodes = entries.map(|(index, (public_key, address))| GenesisNode {
            name: format!("node-{index}"),
            public_key: *public_key,
            address: address.to_string(),
            role: if index < 4 { NodeRole::Validator } else { NodeRole::Follower },
        });
        let genesis = genesis(&payer, dealing.threshold_public, nodes.collect());
        let nodes = secrets
            .into_iter()
            .zip(addresses)
            .map(|(secret, address)| (secret.clone(), shares.get(&secret.public_key()).cloned(), address))
            .collect();
        Self { genesis: Arc::new(genesis), nodes, payer, nonce: 0 }
    }

    fn payment(&mut self) -> VerifiedTx {
        self.nonce += 1;
        let input = transfer_input(Address::repeat_byte(9), U256::ONE);
        sign(&self.payer, self.nonce - 1, TOKEN, input)
    }

    async fn start(&self, context: &Context, index: usize) -> (Node, Handle<()>) {
        self.start_as(context, index, "node", None).await
    }

    /// Starts it with a storage of this name, for its first vote or not.
    async fn start_as(
        &self,
        context: &Context,
        index: usize,
        storage: &str,
        beginning: Option<Beginning>,
    ) -> (Node, Handle<()>) {
        let (secret, share, listen) = self.nodes[index].clone();
        let mut config = NodeConfig::new(self.genesis.clone(), secret, share);
        config.partition_prefix = format!("{storage}-{index}");
        config.beginning = beginning;
        config.page_cache_bytes = 8 * 1024 * 1024;
        let (started, node) = futures::channel::oneshot::channel();
        let task = context.child("node").with_attribute("index", index).spawn(move |context| async move {
            let node = start(context.child("run"), config, NetworkConfig::new(listen)).await.unwrap();
            let _ = started.send(node);
            futures::future::pending::<()>().await;
        });
        (node.await.unwrap(), task)
    }
}

/// A call without value, signed.
fn sign(signer: &Signer, nonce: u64, to: Address, input: Bytes) -> VerifiedTx {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 400_000,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        to: TxKind::Call(to),
        value: U256::ZERO,
        access_list: Default::default(),
        input,
    };
    VerifiedTx::from_bytes(&signer.sign(tx).unwrap().bytes, CHAIN_ID).unwrap()
}

/// A transaction of some sender, for tests that start no node.
pub(crate) fn transaction(sender: u8, nonce: u64) -> VerifiedTx {
    let signer = Signer::from_bytes(Zeroizing::new([sender; 32])).unwrap();
    sign(&signer, nonce, TOKEN, transfer_input(Address::repeat_byte(9), U256::ONE))
}

/// A genesis file with these nodes, for tests that start none of them.
pub(crate) fn genesis_of(nodes: Vec<GenesisNode>) -> Genesis {
    genesis(&Signer::from_bytes(Zeroizing::new([7; 32])).unwrap(), Default::default(), nodes)
}

fn genesis(payer: &Signer, threshold_public: Bytes, nodes: Vec<GenesisNode>) -> Genesis {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    let admin = payer.address();
    Genesis {
        chain_id: CHAIN_ID,
        network: "loopback".into(),
        timestamp_ms: now,
        rules: RulesSchedule::constant(Rules::default()).unwrap(),
        threshold_public,
        dealt_for_development: true,
        nodes,
        permission_admin: admin,
        transact: Access::Open,
        deploy: Access::Open,
        connect: Access::Open,
        transactors: Default::default(),
        deployers: Default::default(),
        accounts: [(admin, GenesisAccount { balance: U256::from(1_000), ..Default::default() })].into(),
        policies: Vec::new(),
        tokens: vec![GenesisToken {
            name: "Loopback Euro".into(),
            currency: Currency::new("EURL", 2).unwrap(),
            supply_cap_minor: None,
            policy: None,
            roles: GenesisTokenRoles {
                admin: vec![admin],
                issuer: vec![admin],
                pauser: vec![admin],
                freezer: vec![admin],
            },
            balances: [(admin, 1_000_000)].into(),
        }],
        governance: None,
        epoch_blocks: None,
    }
}

/// Waits until `done`, or fails with what it waited for.
async fn until(context: &Context, what: &str, mut done: impl FnMut() -> bool) {
    let deadline = context.current() + Duration::from_secs(60);
    while !done() {
        assert!(context.current() < deadline, "waited a minute until {what}");
        context.sleep(Duration::from_millis(50)).await;
    }
}

/// Submits payments and waits until the payer's nonce shows on every node that they are final.
async fn pay(context: &Context, setup: &mut Setup, nodes: &[&Node], payments: usize) {
    for index in 0..payments {
        nodes[index % nodes.len()].submit(vec![setup.payment()]).await.remove(0).unwrap();
    }
    let expected = setup.nonce;
    let deadline = context.current() + Duration::from_secs(120);
    for node in nodes {
        loop {
            let head = node.ledger().head();
            let reader = node.ledger().state(head.block.height()).await.unwrap();
            let payer = setup.payer.address();
            let account = florin_state::with_view(reader, move |view| view.account(payer)).await.unwrap();
            if account.unwrap().nonce == expected {
                break;
            }
            assert!(context.current() < deadline, "payments are not final on {node:?} after two minutes");
            context.sleep(Duration::from_millis(20)).await;
        }
    }
}

#[test]
fn four_validators_and_a_follower_pay_lose_one_and_come_back_from_disk() {
    let directory = tempfile::tempdir().unwrap();
    let mut setup = Setup::new();
    let heights = first_life(directory.path(), &mut setup);
    second_life(directory.path(), &mut setup, heights);
}

fn in_directory<Fut: Future>(directory: &Path, main: impl FnOnce(Context) -> Fut) -> Fut::Output {
    run(RuntimeConfig { storage_directory: directory.into(), worker_threads: 2 }, main)
}

/// All nodes run, one dies under load and catches up. Gives the hash at the height that all had reached.
fn first_life(directory: &Path, setup: &mut Setup) -> (u64, B256) {
    in_directory(directory, |context| async move {
        let mut running = Vec::new();
        for index in 0..5 {
            running.push(setup.start(&context, index).await);
        }
        let nodes: Vec<&Node> = running.iter().map(|(node, _)| node).collect();
        pay(&context, setup, &nodes, 60).await;
        until(&context, "everyone is connected", || nodes.iter().all(|node| node.status().peers_connected.len() == 4))
            .await;
        let status = nodes[0].status();
        assert_eq!(
            (status.role, status.stuck.clone(), status.peers_known),
            (NodeRole::Validator, None, 4),
            "{status:?}"
        );
        assert_eq!(nodes[4].status().role, NodeRole::Follower);
        for name in ["node_proposed_blocks_total", "node_pool_accepted_transactions_total", "node_pool_size_bytes"] {
            assert!(nodes[0].metrics().contains(name), "{name} is encoded");
        }

        let (_, dead) = running.remove(3);
        dead.abort();
        let nodes: Vec<&Node> = running.iter().map(|(node, _)| node).collect();
        pay(&context, setup, &nodes, 60).await;
        let (back, _task) = setup.start(&context, 3).await;
        pay(&context, setup, &[&back, nodes[0]], 20).await;

        let height = nodes.iter().map(|node| node.ledger().head().block.height()).min().unwrap();
        let hash = nodes[0].ledger().block(height).await.unwrap().unwrap().block.hash();
        for node in nodes {
            assert_eq!(node.ledger().block(height).await.unwrap().unwrap().block.hash(), hash);
        }
        certificate_verifies(&context, &back).await;
        (height, hash)
    })
}

/// Everyone starts from disk: what was final still is, and payments go on.
fn second_life(directory: &Path, setup: &mut Setup, (height, hash): (u64, B256)) {
    in_directory(directory, |context| async move {
        let mut running = Vec::new();
        for index in 0..4 {
            let (node, task) = setup.start(&context, index).await;
            assert_eq!(node.ledger().block(height).await.unwrap().unwrap().block.hash(), hash, "node {index}");
            running.push((node, task));
        }
        let nodes: Vec<&Node> = running.iter().map(|(node, _)| node).collect();
        pay(&context, setup, &nodes, 10).await;
        a_stranger_is_refused_until_it_is_registered(&context, setup, nodes[0]).await;
    });
}

/// Anyone can check a final block with the network's key alone.
async fn certificate_verifies(context: &Context, node: &Node) {
    let height = node.ledger().head().block.height();
    let genesis = node.genesis();
    let key = florin_proof::NetworkKey::from_threshold_public(&genesis.threshold_public).unwrap();
    let namespace = florin_proof::Namespace::new(genesis.chain_id, node.genesis_hash());
    let proof = loop {
        if let Some(proof) = node.ledger().certificate(height).await.unwrap() {
            break proof;
        }
        context.sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(proof.verify(&key, &namespace).unwrap().header.number, height);
    let other = florin_proof::Namespace::new(genesis.chain_id + 1, node.genesis_hash());
    assert!(proof.verify(&key, &other).is_err());
}

/// A key that nobody registered gets no connection. Where connecting is open, any account registers one.
async fn a_stranger_is_refused_until_it_is_registered(context: &Context, setup: &Setup, node: &Node) {
    let secret = NodeSecret::generate();
    let public_key = secret.public_key();
    let mut config = NodeConfig::new(setup.genesis.clone(), secret, None);
    config.partition_prefix = "stranger".into();
    config.page_cache_bytes = 8 * 1024 * 1024;
    let listen = free_addresses(1)[0];
    let stranger = start(context.child("stranger"), config, NetworkConfig::new(listen)).await.unwrap();
    context.sleep(Duration::from_secs(4)).await;
    assert_eq!(stranger.status().peers_connected, Vec::<B256>::new());
    assert_eq!(stranger.ledger().head().block.height(), 0);

    let call = addNodeCall { publicKey: public_key, name: "stranger".into(), endpoint: listen.to_string() };
    let anyone = Signer::from_bytes(Zeroizing::new([8; 32])).unwrap();
    node.submit(vec![sign(&anyone, 0, PERMISSION_ADDRESS, call.abi_encode().into())]).await.remove(0).unwrap();
    until(context, "the stranger follows", || {
        stranger.status().peers_connected.len() == 4 && stranger.ledger().head().block.height() > 0
    })
    .await;
}

#[test]
fn new_validators_begin_together_and_a_copy_of_a_new_one_never_votes() {
    let directory = tempfile::tempdir().unwrap();
    let mut setup = Setup::new();
    in_directory(directory.path(), |context| async move {
        let new = Some(Beginning::NewShare);
        let starting = (0..4).map(|index| setup.start_as(&context, index, "node", new));
        let mut running = futures::future::join_all(starting).await;
        let nodes: Vec<&Node> = running.iter().map(|(node, _)| node).collect();
        pay(&context, &mut setup, &nodes, 8).await;
        until(&context, "all vote", || nodes.iter().all(|node| node.sights().iter().all(|sight| sight.heard))).await;
        for node in &nodes {
            assert!(node.begun_before().now_or_never().is_none(), "{node:?} began with the others");
        }

        // Its directory is lost, and what is put back is the image of a directory whose share has signed nothing.
        let (_, dead) = running.remove(3);
        dead.abort();
        let (back, task) = setup.start_as(&context, 3, "image", new).await;
        let reason = back.begun_before().await;
        assert!(reason.contains("certificate"), "{reason}");
        assert_eq!((back.status().view, back.ledger().head().block.height()), (0, 0), "agreement never began there");
        task.abort();

        // What the operators of a quorum have agreed on does not stand against what is final, either.
        let (back, _task) = setup.start_as(&context, 3, "agreed", Some(Beginning::Agreed)).await;
        back.begun_before().await;
        let nodes: Vec<&Node> = running.iter().map(|(node, _)| node).collect();
        pay(&context, &mut setup, &nodes, 4).await;
    });
}

/// Copies what a stopped node stored under one name to another, as an image of its disk.
fn copy_storage(directory: &Path, from: &str, to: &str) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let Some(rest) = name.strip_prefix(from) else { continue };
        let place = directory.join(format!("{to}{rest}"));
        std::fs::create_dir_all(&place).unwrap();
        for file in std::fs::read_dir(entry.path()).unwrap().flatten() {
            std::fs::copy(file.path(), place.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn an_old_copy_of_a_validators_disk_never_votes_and_the_disk_itself_does() {
    let directory = tempfile::tempdir().unwrap();
    let storage = directory.path();
    let mut setup = Setup::new();
    let again = Some(Beginning::Again);
    in_directory(storage, |context| async move {
        let starting = (0..4).map(|index| setup.start_as(&context, index, "node", Some(Beginning::NewShare)));
        let mut running = futures::future::join_all(starting).await;
        let nodes: Vec<&Node> = running.iter().map(|(node, _)| node).collect();
        pay(&context, &mut setup, &nodes, 4).await;
        let (node, task) = running.remove(3);
        task.abort();
        drop(node);
        copy_storage(storage, "node-3-", "image-3-");

        // Stopped and started again, it goes on voting: the others need it, because another one is gone.
        let (back, task) = setup.start_as(&context, 3, "node", again).await;
        let (_, gone) = running.remove(2);
        let nodes: Vec<&Node> = running.iter().map(|(node, _)| node).chain([&back]).collect();
        pay(&context, &mut setup, &nodes, 4).await;
        gone.abort();
        let before = running[0].0.ledger().head().block.height();
        until(&context, "blocks with its votes alone", || running[0].0.ledger().head().block.height() > before + 3)
            .await;
        assert!(back.begun_before().now_or_never().is_none(), "it knows its votes");
        task.abort();
        drop(back);

        // The image is put back. What it has voted for since, the two others have heard.
        let (image, _task) = setup.start_as(&context, 3, "image", again).await;
        let reason = image.begun_before().await;
        assert!(reason.contains("old copy"), "{reason}");
        assert_eq!(image.status().view, 0, "agreement never began there");
    });
}

#[test]
fn a_single_new_validator_asks_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let secret = NodeSecret::generate();
    let dealing = deal(&[secret.public_key()]).unwrap();
    let listen = free_addresses(1)[0];
    let node = GenesisNode {
        name: "alone".into(),
        public_key: secret.public_key(),
        address: listen.to_string(),
        role: NodeRole::Validator,
    };
    let payer = Signer::from_bytes(Zeroizing::new([7; 32])).unwrap();
    let genesis = Arc::new(genesis(&payer, dealing.threshold_public, vec![node]));
    let share = dealing.shares.into_iter().next().map(|(_, share)| share);
    in_directory(directory.path(), |context| async move {
        let mut config = NodeConfig::new(genesis, secret, share);
        config.page_cache_bytes = 8 * 1024 * 1024;
        config.beginning = Some(Beginning::NewShare);
        let node = start(context.child("alone"), config, NetworkConfig::new(listen)).await.unwrap();
        until(&context, "a block is final", || node.ledger().head().block.height() > 0).await;
    });
}
