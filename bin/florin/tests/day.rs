//! The demo's working day, and the invariants of a network that runs, as scripts see them.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod common;

use alloy_primitives::{Address, U256};
use common::{Running, fail, florin, liar, succeed};
use florin_client::{ChannelWatch, Modules, RpcClient, SignedState, Signer, Watched};
use florin_modules::{CHANNEL_ADDRESS, FACTORY_ADDRESS, channel::IChannel, factory::IFactory};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};
use tempfile::TempDir;

const CHAIN_ID: u64 = 461_337;
const FINAL_TIME_MAX_MS: u64 = 60_000;

fn day(data: &Path) -> Running {
    let data = data.to_str().unwrap();
    Running::start(florin(["demo", "--json", "--rpc-port", "0", "--rate", "1", "--data", data]))
}

fn inspect(what: &[&str], rpc: &str, data: &Path) -> Vec<String> {
    let genesis = data.join("genesis.json").display().to_string();
    let trust = ["--rpc", rpc, "--genesis", &genesis];
    ["inspect"].iter().chain(what).chain(&trust).map(|text| (*text).to_string()).collect()
}

fn key(demo: &Running, name: &str) -> Signer {
    let accounts = demo.value["accounts"].as_array().unwrap();
    let account = accounts.iter().find(|account| account["name"] == name).unwrap();
    Signer::from_hex(account["private_key"].as_str().unwrap()).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_day_is_told_can_be_looked_up_and_can_be_lived_again() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("demo");
    for _ in ["a new demo", "the same, resumed"] {
        let mut demo = day(&data);
        let told = demo.next_line()["day"].clone();
        let summary = &told["summary"];
        assert_eq!(summary["instructions_settled"], 8, "{summary}");
        assert_eq!(summary["liquidity_saved_minor"], "144000000", "{summary}");
        assert_eq!(summary["violations"], json!([]));
        let steps = told["steps"].as_array().unwrap();
        let mentions: Vec<&Value> = steps.iter().flat_map(|step| step["transactions"].as_array().unwrap()).collect();
        let hashes: BTreeSet<&str> = mentions.iter().map(|mention| mention["hash"].as_str().unwrap()).collect();
        assert_eq!(hashes.len(), mentions.len(), "a transaction is told twice");
        assert_eq!(summary["transactions"], hashes.len());
        for part in ["gridlock", "parked", "refused by UetrUsed(", "cut-off", "leave her"] {
            let has = |step: &Value| step["text"].as_str().unwrap().to_lowercase().contains(&part.to_lowercase());
            assert!(steps.iter().any(has), "nothing is told of {part}");
        }
        let rpc = demo.text("rpc_url");
        let last = mentions.last().unwrap();
        let found = succeed(inspect(&["tx", last["hash"].as_str().unwrap()], &rpc, &data));
        assert_eq!(found["block_number"], last["block_number"], "{found}");
        let sound = succeed(inspect(&["invariants"], &rpc, &data));
        assert_eq!((&sound["violations"], sound["tokens"].as_u64()), (&json!([]), Some(2)), "{sound}");
        assert!(demo.stop().success());
    }
}

/// A ledger that goes another way than the story: somebody else has made the dollar.
#[test]
fn a_day_that_goes_wrong_ends_the_demo_with_the_reason() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("demo");
    let demo = Running::demo(&data, &["--validators", "1"]);
    let developer = key(&demo, "developer");
    let modules = Modules::new(RpcClient::new(&demo.text("rpc_url")).unwrap(), CHAIN_ID);
    let call = IFactory::createTokenCall {
        name: "Another dollar".into(),
        symbol: "DUSD".into(),
        decimals: 2,
        admin: developer.address(),
        policyId: 0,
        supplyCap: U256::from(u128::MAX),
    };
    block_on(async {
        let sent = modules.submit(&developer, FACTORY_ADDRESS, &call).await.unwrap();
        modules.rpc().wait_final(sent.hash, FINAL_TIME_MAX_MS).await.unwrap();
    });
    assert!(demo.stop().success());
    let output = florin(["demo", "--json", "--rpc-port", "0", "--data", data.to_str().unwrap()]).output().unwrap();
    let stderr = common::text(&output.stderr);
    let failure: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    assert_eq!((output.status.code(), failure["error"]["code"].as_str()), (Some(1), Some("demo.day")), "{failure}");
    let message = failure["error"]["message"].as_str().unwrap();
    assert!(message.contains("central-bank") && message.contains("AccessControlUnauthorizedAccount"), "{message}");
}

/// A node whose state does not add up: there is a unit more in existence than anybody holds.
#[test]
fn a_broken_invariant_is_named_on_a_node_that_runs() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("demo");
    let demo = Running::demo(&data, &["--validators", "1"]);
    let rpc = demo.text("rpc_url");
    let token = demo.value["tokens"][0]["address"].as_str().unwrap().to_lowercase();
    let sound = succeed(inspect(&["invariants"], &rpc, &data));
    assert_eq!(sound["violations"], json!([]), "{sound}");
    // Developer, three banks and the accounts for load; the supply may share its slot with another number.
    let supply = 100_000_000u128 * (1 + 3 * 1_000 + 64 * 10);
    let (supply, wrong) = (format!("{supply:032x}"), format!("{:032x}", supply + 1));
    let lying = liar(&rpc, move |call, answer| {
        let (Some(calls), Some(answers)) = (call.as_array(), answer.as_array_mut()) else { return };
        for (call, answer) in calls.iter().zip(answers) {
            let of_token = call["params"][0].as_str().is_some_and(|address| address.to_lowercase() == token);
            let result = answer["result"].as_str().unwrap_or_default();
            if call["method"] == "eth_getStorageAt" && of_token && result.contains(&supply) {
                answer["result"] = json!(result.replace(&supply, &wrong));
            }
        }
    });
    let output = florin(inspect(&["invariants"], &lying, &data)).arg("--json").output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let named = found["violations"][0].as_str().unwrap_or_default();
    assert!(named.contains("invariant token.supply") && output.status.code() == Some(6), "{found}");
    // A height that is not there is a failure, not a clean bill.
    let (code, _) = fail(inspect(&["invariants", "--height", "99999999"], &rpc, &data));
    assert_ne!(code, 0);
    assert!(demo.stop().success());
}

#[test]
fn a_channel_is_not_closed_with_an_old_state_while_it_is_watched() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("demo");
    let demo = Running::demo(&data, &["--validators", "1"]);
    let (payer, payee, helper) = (key(&demo, "bank-a"), key(&demo, "bank-b"), key(&demo, "developer"));
    let token: Address = demo.value["tokens"][0]["address"].as_str().unwrap().parse().unwrap();
    let modules = Modules::new(RpcClient::new(&demo.text("rpc_url")).unwrap(), CHAIN_ID);
    block_on(async {
        let act = async |call: &dyn Fn() -> Vec<u8>| {
            let signed = modules.sign_input(&payer, CHANNEL_ADDRESS, call().into()).await.unwrap();
            modules.rpc().send(&signed).await.unwrap();
            modules.rpc().wait_final(signed.hash, FINAL_TIME_MAX_MS).await.unwrap();
        };
        use alloy_sol_types::SolCall as _;
        let open = || {
            let (amount, payee) = (U256::from(1_000), payee.address());
            IChannel::openCall { token, payee, amount, challengeMs: 60_000 }.abi_encode()
        };
        act(&open).await;
        act(&open).await;
        let state =
            |channel, cumulative: u64| SignedState::sign(&payer, CHAIN_ID, channel, U256::from(cumulative)).unwrap();
        let mut watch = ChannelWatch::new(modules.clone(), CHAIN_ID);
        assert!(watch.keep(state(1, 700)).await.unwrap() && watch.keep(state(2, 50)).await.unwrap());
        assert!(!watch.keep(state(1, 699)).await.unwrap(), "an older state gives way");
        let forged = SignedState::sign(&helper, CHAIN_ID, 1, U256::from(900)).unwrap();
        assert_eq!(watch.keep(forged).await.unwrap_err().code(), "channel_state");
        assert!(watch.look(&helper).await.unwrap().is_empty(), "nothing closes");

        // The payer closes the first with what was long ago, the second with what it owes.
        act(&|| IChannel::startCloseCall { channelId: 1, cumulative: U256::from(100) }.abi_encode()).await;
        act(&|| IChannel::startCloseCall { channelId: 2, cumulative: U256::from(50) }.abi_encode()).await;
        let seen = watch.look(&helper).await.unwrap();
        let [Watched::Challenged { channel_id: 1, owed, cumulative, .. }, Watched::Fair { channel_id: 2, .. }] =
            &seen[..]
        else {
            panic!("{seen:?}")
        };
        assert_eq!((*owed, *cumulative), (U256::from(100), U256::from(700)));
        let channel = modules.ask(CHANNEL_ADDRESS, &IChannel::channelOfCall { channelId: 1 }).await.unwrap();
        assert_eq!((channel.status, channel.owed), (2, U256::from(700)), "the payee gets what was signed");
        assert!(watch.look(&helper).await.unwrap().is_empty(), "it is challenged once");
        // A watch that starts anew asks the channel itself: the closing was before its time.
        let states = directory.path().join("states.json");
        std::fs::write(&states, serde_json::to_string(&[state(1, 800)]).unwrap()).unwrap();
        let at = |name: &str| data.join(name).display().to_string();
        let (states, rpc) = (states.display().to_string(), demo.text("rpc_url"));
        let (keystore, passphrase, genesis) = (at("keystore"), at("passphrase"), at("genesis.json"));
        let command = ["watch", "--once", "--states", &states, "--from", "developer", "--rpc", &rpc];
        let trust = ["--keystore", &keystore, "--passphrase-file", &passphrase, "--genesis", &genesis];
        let shown = succeed(command.iter().chain(&trust));
        assert_eq!((&shown["outcome"], &shown["cumulative_minor"]), (&json!("challenged"), &json!("800")), "{shown}");
        // A state that the payer did not sign is no state, and one beyond the deposit cannot be shown: both are said.
        for (wrong, code) in [
            (SignedState::sign(&helper, CHAIN_ID, 1, U256::from(900)).unwrap(), "client.channel_state"),
            (state(1, 1_001), "watch.unanswered"),
        ] {
            std::fs::write(&states, serde_json::to_string(&[wrong]).unwrap()).unwrap();
            assert_eq!(fail(command.iter().chain(&trust)).1["code"], code);
        }
    });
    assert!(demo.stop().success());
}
