//! Every decoder of bytes from outside, as a function of bytes that must neither panic nor hang.
//!
//! Two runners use this file: libFuzzer (`fuzz/fuzz_targets`, on a nightly compiler) and a property test of the ordinary gate
//! (`bin/florin/tests/decoders.rs`), so that a decoder added here is exercised by both. Where a decoder accepts its input, what
//! it made is encoded again and must give the same bytes: an encoding is canonical or refused.

pub mod seeds;

use alloy_consensus::{Receipt, proofs::calculate_transaction_root};
use alloy_eips::Encodable2718 as _;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use florin_client::{SignedState, Signer, TxEip1559, Verifier, decode_answer};
use florin_consensus::{
    NodeSecret, ThresholdShare, decode_block, decode_boundary, decode_gossip, decode_sample, decode_state, decode_told,
    decode_vote,
};
use florin_execution::decode_revert;
use florin_gateway::{
    access::{OidcConfig, check_url, decode_discovery, decode_token},
    book::{Book, HolderConfig, TokenEntry},
    decode_body, decode_screening, message_of_lines, message_of_payment,
};
use florin_history::{HistoryBlock, TEXT_BYTES_MAX};
use florin_iso20022::{Limits, Mark, accept, parse};
use florin_modules::{
    CallEnv, Context, Failure, MemoryStorage, dispatch, is_payment, singleton_addresses, token_address,
};
use florin_proof::{
    Namespace, NetworkKey, StateProof, decode_account, decode_slot, encode_account, encode_slot, verify_finality,
};
use florin_rpc::{Tls, decode_arguments};
use florin_state::{StateCopy, decode_record};
use florin_types::{
    Address, Amount, B256, Block, Currency, Equivocation, Extension, Genesis, Header, ReceiptEnvelope, Rules,
    StateTarget, U256, VerifiedTx,
    alloy_primitives::{Log, LogData, hex},
    decode_transaction,
};
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign, jwk::Jwk};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

/// A decoder and its name; `fuzz/fuzz_targets` has a file of the same name.
pub struct Decoder {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

/// All of them.
pub const DECODERS: &[Decoder] = &[
    Decoder { name: "transaction", run: transaction },
    Decoder { name: "block", run: block },
    Decoder { name: "peer_message", run: peer_message },
    Decoder { name: "boundary", run: boundary },
    Decoder { name: "extension", run: extension },
    Decoder { name: "genesis", run: genesis },
    Decoder { name: "state_proof", run: state_proof },
    Decoder { name: "state_part", run: state_part },
    Decoder { name: "state_value", run: state_value },
    Decoder { name: "certificate", run: certificate },
    Decoder { name: "network_key", run: network_key },
    Decoder { name: "node_keys", run: node_keys },
    Decoder { name: "module_call", run: module_call },
    Decoder { name: "revert_data", run: revert_data },
    Decoder { name: "amount", run: amount },
    Decoder { name: "vote", run: vote },
    Decoder { name: "evidence", run: evidence },
    Decoder { name: "arguments", run: arguments },
    Decoder { name: "ledger_record", run: ledger_record },
    Decoder { name: "tls_files", run: tls_files },
    Decoder { name: "iso20022", run: iso20022 },
    Decoder { name: "payment_lines", run: payment_lines },
    Decoder { name: "call_body", run: call_body },
    Decoder { name: "cursor", run: cursor },
    Decoder { name: "access_token", run: access_token },
    Decoder { name: "issuer_keys", run: issuer_keys },
    Decoder { name: "screening_answer", run: screening_answer },
    Decoder { name: "node_answer", run: node_answer },
    Decoder { name: "logs", run: logs },
    Decoder { name: "channel_states", run: channel_states },
];

const CHAIN_ID: u64 = 461_337;
const GAS_MAX: u64 = 5_000_000;

pub fn transaction(bytes: &[u8]) {
    if let Ok(decoded) = decode_transaction(bytes) {
        assert_eq!(decoded.encoded_2718(), bytes, "a transaction has one encoding");
    }
    // Verification answers for every input, signed for this chain or not.
    let _ = VerifiedTx::from_bytes(bytes, CHAIN_ID);
}

pub fn block(bytes: &[u8]) {
    if let Ok(block) = Block::decode(bytes) {
        assert_eq!(block.encode(), bytes, "a block has one encoding");
    }
}

/// What another node sends: a block, or a batch of transactions.
pub fn peer_message(bytes: &[u8]) {
    let _ = decode_block(bytes);
    let _ = decode_gossip(bytes);
    let _ = decode_sample(bytes);
    let _ = decode_state(bytes);
}

/// With what an epoch began, as another node proves it.
pub fn boundary(bytes: &[u8]) {
    if let Some(encoded) = decode_boundary(bytes) {
        assert_eq!(encoded, bytes, "the beginning of an epoch has one encoding");
    }
}

/// What another validator sends: a vote, or a certificate; and what another node tells of a vote.
pub fn vote(bytes: &[u8]) {
    let _ = decode_vote(bytes);
    if let Some(encoded) = decode_told(bytes) {
        assert_eq!(encoded, bytes, "a vote that is told has one encoding");
    }
}

/// Two votes of a validator that contradict one another, from a file or from a transaction.
pub fn evidence(bytes: &[u8]) {
    if let Ok(equivocation) = Equivocation::decode(bytes) {
        assert_eq!(equivocation.encode(), bytes, "an equivocation has one encoding");
        // Verification answers for every input.
        let _ = equivocation.verify(CHAIN_ID, B256::ZERO);
    }
}

/// Parameters of a JSON-RPC request, as every method and every kind of argument.
pub fn arguments(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = decode_arguments(text);
}

/// A record of the ledger, as it lies on the disk.
pub fn ledger_record(bytes: &[u8]) {
    let _ = decode_record(bytes);
}

/// Certificate and key of a port.
pub fn tls_files(bytes: &[u8]) {
    let _ = Tls::new(bytes, bytes);
}

pub fn extension(bytes: &[u8]) {
    if let Ok(extension) = Extension::decode(bytes) {
        assert_eq!(extension.encode(), bytes, "an extension has one encoding");
    }
}

pub fn genesis(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(genesis) = Genesis::from_json(text) else { return };
    let again = genesis.to_json().expect("what was read can be written");
    assert_eq!(Genesis::from_json(&again).expect("what was written can be read"), genesis);
}

pub fn state_proof(bytes: &[u8]) {
    if let Ok(proof) = StateProof::from_bytes(bytes) {
        assert_eq!(proof.to_bytes().as_ref(), bytes, "a state proof has one encoding");
        let _ = proof.verify(B256::ZERO);
    }
}

/// A part of the state, from a file or from a node that is backed up: the single operation at the lower end, or a run of them.
pub fn state_part(bytes: &[u8]) {
    for operations_start in [0, 512] {
        let target = StateTarget { operations_root: B256::ZERO, operations_start, operations_end: 4_096 };
        let mut copy = StateCopy::of(&target).expect("a range that a state can have");
        assert!(copy.take(bytes.to_vec().into()).is_err(), "nothing hashes to zero");
        assert_eq!(copy.next(), Some(operations_start), "what is refused changes nothing");
    }
}

pub fn state_value(bytes: &[u8]) {
    if let Ok(account) = decode_account(bytes) {
        assert_eq!(encode_account(&account).as_deref(), Some(bytes), "an account has one encoding");
    }
    if let Ok(value) = decode_slot(bytes) {
        assert_eq!(encode_slot(value).as_deref(), Some(bytes), "a slot has one encoding");
    }
}

pub fn certificate(bytes: &[u8]) {
    let Ok(key) = NetworkKey::from_bytes(&KNOWN_POINT) else { return };
    let namespace = Namespace::new(CHAIN_ID, B256::ZERO);
    let extension = Extension::default();
    let header = Header { extra_data: extension.commitment().into(), ..Block::header_template() };
    let verdict = verify_finality(&key, &namespace, bytes, &header, &extension);
    assert!(verdict.is_err(), "nobody can sign by chance");
}

/// The generator of G2, compressed: a public key that is well formed and whose secret is 1.
const KNOWN_POINT: [u8; 96] = [
    0x93, 0xe0, 0x2b, 0x60, 0x52, 0x71, 0x9f, 0x60, 0x7d, 0xac, 0xd3, 0xa0, 0x88, 0x27, 0x4f, 0x65, 0x59, 0x6b, 0xd0,
    0xd0, 0x99, 0x20, 0xb6, 0x1a, 0xb5, 0xda, 0x61, 0xbb, 0xdc, 0x7f, 0x50, 0x49, 0x33, 0x4c, 0xf1, 0x12, 0x13, 0x94,
    0x5d, 0x57, 0xe5, 0xac, 0x7d, 0x05, 0x5d, 0x04, 0x2b, 0x7e, 0x02, 0x4a, 0xa2, 0xb2, 0xf0, 0x8f, 0x0a, 0x91, 0x26,
    0x08, 0x05, 0x27, 0x2d, 0xc5, 0x10, 0x51, 0xc6, 0xe4, 0x7a, 0xd4, 0xfa, 0x40, 0x3b, 0x02, 0xb4, 0x51, 0x0b, 0x64,
    0x7a, 0xe3, 0xd1, 0x77, 0x0b, 0xac, 0x03, 0x26, 0xa8, 0x05, 0xbb, 0xef, 0xd4, 0x80, 0x56, 0xc8, 0xc1, 0x21, 0xbd,
    0xb8,
];

pub fn network_key(bytes: &[u8]) {
    if let Ok(key) = NetworkKey::from_bytes(bytes) {
        assert_eq!(key.to_bytes().as_ref(), bytes, "a key has one encoding");
    }
    let _ = NetworkKey::from_threshold_public(bytes);
}

pub fn node_keys(bytes: &[u8]) {
    if let Ok(secret) = NodeSecret::from_bytes(bytes) {
        assert_eq!(secret.to_bytes().as_slice(), bytes, "a key has one encoding");
    }
    if let Ok(share) = ThresholdShare::from_bytes(bytes) {
        assert_eq!(share.to_bytes().as_slice(), bytes, "a share has one encoding");
    }
}

/// Input for every module, from a caller whose address is taken from the input too.
pub fn module_call(bytes: &[u8]) {
    let rules = Rules::default();
    let caller = Address::right_padding_from(&bytes[..bytes.len().min(20)]);
    for address in singleton_addresses().iter().copied().chain([token_address(1), token_address(u64::MAX)]) {
        for is_static in [false, true] {
            let env = CallEnv {
                caller,
                origin: caller,
                chain_id: CHAIN_ID,
                height: 1,
                timestamp_ms: 1,
                is_static,
                ..CallEnv::reader(&rules)
            };
            let mut storage = MemoryStorage::default();
            storage.begin(GAS_MAX);
            let before = storage.slots.clone();
            let verdict = dispatch(&mut Context::new(env, &mut storage), address, bytes);
            assert!(!matches!(verdict, Err(Failure::Fault(_))), "input is never a fault of the node");
            assert!(storage.gas_used <= GAS_MAX, "a call uses no more gas than it has");
            assert!(!is_static || storage.slots == before, "a static call changes nothing");
        }
        let _ = is_payment(address, bytes);
    }
}

pub fn revert_data(bytes: &[u8]) {
    let _ = decode_revert(bytes);
}

pub fn amount(bytes: &[u8]) {
    let (Ok(text), Ok(currency)) = (std::str::from_utf8(bytes), Currency::new("EUR", 2)) else { return };
    if let Ok(amount) = Amount::parse(text, currency) {
        let again = Amount::parse(&amount.to_string().replace(" EUR", ""), currency);
        assert_eq!(again.as_ref(), Ok(&amount), "{text:?} was read as {amount}");
    }
}

pub fn iso20022(bytes: &[u8]) {
    let limits = Limits::default();
    let mark = Mark { message_id: "ANSWER".into(), created: "2026-11-22T12:00:00+00:00".into() };
    let answer = match accept(bytes, &limits, None) {
        Ok(accepted) => {
            for text in [accepted.envelope.to_xml(), accepted.envelope.to_json()] {
                assert_eq!(parse(text.as_bytes(), &limits).as_ref(), Ok(&accepted.envelope), "it reads back equal");
            }
            accepted.answer("ACTC", &mark)
        }
        Err(rejection) => rejection.answer(&mark),
    };
    assert!(answer.is_none_or(|answer| answer.write(None).is_ok()), "an answer is a message");
}

pub fn payment_lines(bytes: &[u8]) {
    let Some((count, message)) = message_of_lines(bytes) else { return };
    // Nothing in a line becomes an element: each is one payment, or the rules of messages refuse it.
    match accept(message.as_bytes(), &Limits::default(), None) {
        Ok(accepted) => assert_eq!(accepted.original.items.len(), count, "{message}"),
        Err(rejection) => assert_eq!(rejection.original.items.len(), count, "{message}"),
    }
}

/// The body of a call of the gateway, in JSON.
pub fn call_body(bytes: &[u8]) {
    static BOOK: LazyLock<Book> = LazyLock::new(book);
    let _ = decode_body(bytes, &BOOK, TENANT);
    let Some(message) = message_of_payment(bytes, &BOOK, TENANT) else { return };
    let items = match accept(message.as_bytes(), &Limits::default(), None) {
        Ok(accepted) => accepted.original.items.len(),
        Err(rejection) => rejection.original.items.len(),
    };
    assert_eq!(items, 1, "nothing in a body becomes an element: {message}");
}

/// Where a page of a list ended, as a caller brings it back.
pub fn cursor(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for again in [florin_history::decode_cursor(text), florin_gateway::decode_cursor(text)].into_iter().flatten() {
        assert_eq!(again, text, "a cursor has one encoding");
    }
}

/// What stands behind `Bearer`; and claims that the issuer signed.
pub fn access_token(bytes: &[u8]) {
    let caller = |token: &str| decode_token(issuer(), ISSUER.keys.as_bytes(), token).expect("an issuer is configured");
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(caller(text).is_none() || text == ISSUER.token, "nobody can sign by chance");
    }
    if let Some(caller) = caller(&ISSUER.sign(bytes)) {
        assert!(!caller.name.is_empty() && !caller.name.contains(char::is_whitespace), "{caller:?}");
    }
}

/// What an issuer publishes: its description, and its keys.
pub fn issuer_keys(bytes: &[u8]) {
    if let Ok(url) = decode_discovery(ISSUER_URL, bytes) {
        assert_eq!(check_url(&url), Ok(()), "keys come from where nobody can change them");
    }
    if let Some(caller) = decode_token(issuer(), bytes, &ISSUER.token).expect("an issuer is configured") {
        assert_eq!((caller.name.as_str(), caller.tenant.as_str()), ("anna", TENANT), "keys say nothing about anybody");
    }
}

/// What a screening service answers about an order.
pub fn screening_answer(bytes: &[u8]) {
    let Some((verdict, code, words)) = decode_screening(bytes) else { return };
    assert_eq!(verdict == "refuse", code.is_some(), "a refusal has a code, and nothing else has");
    assert!(words.is_none_or(|words| words.chars().count() <= 300 && !words.contains(char::is_control)));
}

/// What a node answers to a client, which trusts none.
pub fn node_answer(bytes: &[u8]) {
    let _ = decode_answer(&ANSWERS.verifier, bytes);
}

/// States of a channel, as the payer gives them to the payee.
pub fn channel_states(bytes: &[u8]) {
    let Ok(states) = serde_json::from_slice::<Vec<SignedState>>(bytes) else { return };
    let again = serde_json::to_vec(&states).expect("what was read can be written");
    assert_eq!(serde_json::from_slice::<Vec<SignedState>>(&again).expect("what was written can be read"), states);
    let _ = states.iter().map(|state| state.signer(CHAIN_ID)).collect::<Vec<_>>();
}

/// Logs, which any contract may emit: of each its address, how many topics there are and how long the data is, topics, data.
pub fn logs(bytes: &[u8]) {
    static BLOCK: LazyLock<Arc<Block>> = LazyLock::new(|| Arc::new(block_of_one()));
    let mut rest = bytes;
    let logs: Vec<Log> = std::iter::from_fn(|| log(&mut rest)).collect();
    let count = logs.len();
    let receipt = Receipt { status: true.into(), cumulative_gas_used: 21_000, logs };
    let receipts = Arc::new(vec![ReceiptEnvelope::Eip1559(receipt.into())]);
    let block = HistoryBlock::new(BLOCK.clone(), receipts, Arc::new(vec![Address::ZERO])).expect("one of each");
    let rows = florin_history::decode(&block).expect("a log that says nothing is a log all the same");
    assert_eq!(rows.logs.len(), count);
    let references = rows.transfers.iter().filter_map(|transfer| transfer.reference.as_ref());
    let names = rows.names.iter().map(|change| format!("{change:?}"));
    assert!(references.clone().all(|text| text.len() <= TEXT_BYTES_MAX && !text.contains('\0')), "{rows:?}");
    assert!(names.into_iter().all(|name| !name.contains("\\0")), "a name has no NUL: {rows:?}");
}

fn log(rest: &mut &[u8]) -> Option<Log> {
    let mut take = |count: usize| {
        let (taken, after) = rest.split_at_checked(count)?;
        *rest = after;
        Some(taken)
    };
    let address = Address::from_slice(take(20)?);
    let (topics, length) = (take(1)?[0] % 5, usize::from(take(1)?[0]) * 32);
    let topics = (0..topics).map(|_| take(32).map(B256::from_slice)).collect::<Option<Vec<_>>>()?;
    let data = take(length)?.to_vec();
    Some(Log { address, data: LogData::new_unchecked(topics, data.into()) })
}

/// Who signs here.
fn signer() -> Signer {
    Signer::from_hex(&format!("0x{}", "07".repeat(32))).expect("a key")
}

fn signed_transaction() -> Vec<u8> {
    let transaction =
        TxEip1559 { chain_id: CHAIN_ID, gas_limit: 21_000, input: vec![1, 2, 3].into(), ..TxEip1559::default() };
    signer().sign(transaction).expect("it can be signed").bytes.to_vec()
}

const TENANT: &str = "bank-a";

/// Everybody whom the examples of the OpenAPI document name.
fn book() -> Book {
    let holder = |number: Option<&str>, bic: Option<&str>, byte| HolderConfig {
        number: number.map(String::from),
        bic: bic.map(String::from),
        name: Some(format!("Holder {byte} <&>")),
        address: Address::repeat_byte(byte),
        tenant: Some(TENANT.into()),
        key: Some(TENANT.into()),
    };
    let holders = [
        holder(Some("DE89370400440532013000"), None, 1),
        holder(Some("IT60X0542811101000000123456"), None, 2),
        holder(None, Some("FLRBFRPPXXX"), 3),
        holder(Some("NL91ABNA0417164300"), Some("FLRCNL2AXXX"), 4),
    ];
    let token = |currency: &str, index| TokenEntry {
        currency: currency.into(),
        address: token_address(index),
        digits: 2,
        scheme: None,
    };
    let tokens = vec![token("EUR", 1), token("USD", 2)];
    Book::new(&holders, tokens, &[TENANT.into()].into()).expect("nobody is there twice")
}

const ISSUER_URL: &str = "https://login.example";

fn issuer() -> OidcConfig {
    let config = json!({ "issuer": ISSUER_URL, "audience": "florin", "algorithms": ["EdDSA", "ES256", "RS256"] });
    serde_json::from_value(config).expect("a configuration")
}

fn claims() -> Value {
    // It ends in the year 2100.
    json!({ "iss": ISSUER_URL, "aud": ["florin"], "exp": 4_102_444_800_u64, "sub": "anna", "tenant": TENANT, "roles": ["maker"] })
}

/// An issuer with a key of its own: what it publishes, and a token.
struct Issuer {
    key: EncodingKey,
    keys: String,
    token: String,
}

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    // The beginning of an Ed25519 key in PKCS#8.
    let pkcs8 = hex::decode(format!("302e020100300506032b657004220420{}", "07".repeat(32))).expect("it is hexadecimal");
    let key = EncodingKey::from_ed_der(&pkcs8);
    let jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).expect("it has a public half");
    let issuer = Issuer { key, keys: json!({ "keys": [jwk] }).to_string(), token: String::new() };
    Issuer { token: issuer.sign(claims().to_string().as_bytes()), ..issuer }
});

impl Issuer {
    /// A token with these claims, whatever they are.
    fn sign(&self, claims: &[u8]) -> String {
        let [header, claims] = [br#"{"alg":"EdDSA"}"#, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        let message = format!("{header}.{claims}");
        let signature = sign(message.as_bytes(), &self.key, Algorithm::EdDSA).expect("the key signs");
        format!("{message}.{signature}")
    }
}

/// True answers of a network that was.
struct Answers {
    verifier: Verifier,
    certificate: Vec<u8>,
    bodies: Vec<Vec<u8>>,
}

static ANSWERS: LazyLock<Answers> = LazyLock::new(|| {
    let golden: Value = serde_json::from_str(include_str!("../crates/client/golden/answers.json")).expect("JSON");
    let bytes = |value: &Value| hex::decode(value.as_str().expect("a text")).expect("it is hexadecimal");
    let key = NetworkKey::from_bytes(&bytes(&golden["network_key"])).expect("the network's key");
    let chain_id = serde_json::from_value::<U256>(golden["chain_id"].clone()).expect("a number").to();
    let answers = golden["answers"].as_object().expect("answers by call");
    let answer = |(id, result): (usize, &Value)| json!({ "jsonrpc": "2.0", "id": id, "result": result });
    let mut bodies: Vec<Value> = answers.values().enumerate().map(answer).collect();
    bodies.push(bodies.iter().take(2).cloned().collect());
    bodies.push(json!({ "id": 1, "error": { "code": 3, "message": "reverted", "data": "0x08c379a0" } }));
    let finality = answers.iter().find(|(call, _)| call.starts_with("florin_finalityCertificate"));
    Answers {
        verifier: Verifier::new(key, chain_id, B256::from_slice(&bytes(&golden["genesis_hash"]))),
        certificate: bytes(&finality.expect("one is about finality").1["certificate"]),
        bodies: bodies.into_iter().map(|body| body.to_string().into()).collect(),
    }
});

/// A block with one transaction, which emitted the logs.
fn block_of_one() -> Block {
    let transactions = vec![decode_transaction(&signed_transaction()).expect("it was just encoded")];
    let header = Header {
        extra_data: Extension::default().commitment().into(),
        transactions_root: calculate_transaction_root(&transactions),
        ..Block::header_template()
    };
    Block::new(header, Extension::default(), transactions).expect("its header commits to it")
}
