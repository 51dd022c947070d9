use super::*;
use commonware_p2p::simulated::{self, Link, Network};
use commonware_runtime::{Runner as _, Spawner as _, Supervisor as _, deterministic};
use commonware_utils::probability;
use florin_types::NodeRole;
use parking_lot::Mutex;
use std::sync::Arc;

fn nodes(count: u64) -> (Vec<NodeSecret>, Vec<GenesisNode>) {
    let secrets: Vec<_> = (0..count).map(NodeSecret::from_seed).collect();
    let nodes = secrets
        .iter()
        .enumerate()
        .map(|(index, secret)| GenesisNode {
            name: format!("bank-{index}"),
            public_key: secret.public_key(),
            address: format!("127.0.0.1:{}", 4_000 + index),
            role: NodeRole::Validator,
        })
        .collect();
    (secrets, nodes)
}

fn config(secret: NodeSecret, participants: Vec<GenesisNode>) -> CeremonyConfig {
    CeremonyConfig {
        secret,
        participants,
        network: NetworkConfig::new(([127, 0, 0, 1], 0).into()),
        timeout: Duration::from_secs(120),
        linger: Duration::from_secs(20),
    }
}

/// Runs the participants `present` of `count`, on one simulated network.
fn ceremony(count: u64, present: usize) -> Vec<Result<CeremonyOutcome, CeremonyError>> {
    deterministic::Runner::seeded(7).start(|context| async move {
        let (secrets, nodes) = nodes(count);
        let keys = participants(nodes.iter().map(|node| node.public_key)).unwrap();
        let simulated_config = simulated::Config {
            max_size: message_bytes_max(&keys),
            max_peers_per_set: NZUsize!(16),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(2),
        };
        let (network, oracle) = Network::new(context.child("network"), simulated_config);
        network.start();
        let link = Link {
            latency: Duration::from_millis(5),
            jitter: Duration::from_millis(1),
            success_rate: probability!(1.0),
        };
        let mut running = Vec::new();
        for secret in secrets.into_iter().take(present) {
            let key = node_key(&secret.public_key()).unwrap();
            for other in keys.iter().filter(|other| **other != key) {
                oracle.add_link(key.clone(), other.clone(), link.clone()).await.unwrap();
            }
            let control = oracle.control(key);
            let mut channels = Vec::new();
            for channel in 0..=FINISHED {
                channels.push(control.register(channel, quota()).await.unwrap());
            }
            let finished = channels.pop().unwrap();
            let machine = CeremonyMachine {
                partition_prefix: format!("participant-{}", running.len()),
                manager: oracle.socket_manager(),
                blocker: control,
                channels: channels.try_into().ok().unwrap(),
                finished,
            };
            let config = config(secret, nodes.clone());
            let context = context.child("participant").with_attribute("index", running.len());
            running.push(context.spawn(move |context| run_on(context, config, machine, |_| {})));
        }
        let mut outcomes = Vec::new();
        for participant in running {
            outcomes.push(participant.await.unwrap());
        }
        outcomes
    })
}

#[test]
fn four_participants_make_one_key_that_none_of_them_holds() {
    let outcomes: Vec<_> = ceremony(4, 4).into_iter().map(Result::unwrap).collect();
    let shares: BTreeSet<_> = outcomes.iter().map(|outcome| outcome.share.to_bytes().to_vec()).collect();
    assert_eq!(shares.len(), 4, "everyone has another share");
    assert!(outcomes.iter().all(|outcome| outcome.threshold_public == outcomes[0].threshold_public));
    assert!(!outcomes[0].threshold_public.is_empty());
}

#[test]
fn a_key_with_a_revealed_share_is_refused() {
    // The simulated network takes every listed participant for connected, so the others deal without the one that is
    // away, and its share is revealed on their chain: exactly what must not become a network's key.
    for outcome in ceremony(4, 3) {
        assert_eq!(outcome.unwrap_err(), CeremonyError::Revealed { nodes: vec!["bank-3".into()] });
    }
}

#[test]
fn a_list_without_this_node_is_refused() {
    let (mut secrets, nodes) = nodes(5);
    let outsider = secrets.pop().unwrap();
    let node = outsider.public_key();
    let refused = Arc::new(Mutex::new(None));
    let seen = refused.clone();
    deterministic::Runner::default().start(|context| async move {
        let (network, oracle) = Network::new(
            context.child("network"),
            simulated::Config {
                max_size: 1_024,
                max_peers_per_set: NZUsize!(16),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(2),
            },
        );
        network.start();
        let control = oracle.control(node_key(&node).unwrap());
        let mut channels = Vec::new();
        for channel in 0..=FINISHED {
            channels.push(control.register(channel, quota()).await.unwrap());
        }
        let finished = channels.pop().unwrap();
        let machine = CeremonyMachine {
            partition_prefix: "outsider".into(),
            manager: oracle.socket_manager(),
            blocker: control,
            channels: channels.try_into().ok().unwrap(),
            finished,
        };
        let config = config(outsider, nodes[..4].to_vec());
        *seen.lock() = run_on(context.child("outsider"), config, machine, |_| {}).await.err();
    });
    assert_eq!(refused.lock().take(), Some(CeremonyError::Outsider { node }));
}
