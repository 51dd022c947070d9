//! Every decoder of bytes from outside, as a function of bytes that must neither panic nor hang.
//!
//! Two runners use this file: libFuzzer (`fuzz/fuzz_targets`, on a nightly compiler) and a property test of the ordinary gate
//! (`bin/florin/tests/decoders.rs`), so that a decoder added here is exercised by both. Where a decoder accepts its input, what
//! it made is encoded again and must give the same bytes: an encoding is canonical or refused.

use alloy_eips::Encodable2718 as _;
use alloy_sol_types::SolCall as _;
use florin_client::{Signer, TxEip1559};
use florin_consensus::{
    NodeSecret, ThresholdShare, deal_from_seed, decode_block, decode_boundary, decode_gossip, decode_sample,
    decode_state, decode_told, decode_vote,
};
use florin_execution::decode_revert;
use florin_gateway::message_of_lines;
use florin_iso20022::{Limits, Mark, accept, parse};
use florin_modules::{
    CallEnv, Context, Failure, MemoryStorage,
    channel::IChannel::submitStateCall,
    dispatch,
    escrow::IEscrow::{self, Terms},
    fx::IExchange::{Order, Quote, executeCall},
    governance::IGovernance::{Action, proposeCall, punishCall},
    identity::IIdentity::registerPersonCall,
    is_payment,
    payment::IPayment::{payBatchCall, sweepCall},
    policy::IPolicy::{createCombinationCall, createTravelRuleCall},
    settlement::ISettlement::submitCall,
    singleton_addresses,
    staking::IStaking,
    token::IToken::balanceOfCall,
    token_address,
};
use florin_proof::{
    Namespace, NetworkKey, StateProof, decode_account, decode_slot, encode_account, encode_slot, verify_finality,
};
use florin_rpc::{Tls, decode_arguments};
use florin_state::{StateCopy, decode_record};
use florin_types::{
    Access, Address, Amount, B256, Block, Currency, Equivocation, Extension, Genesis, GenesisGovernance, GenesisNode,
    GenesisSeat, Header, NodeRole, Rules, RulesSchedule, SIGNED_VOTE_BYTES, StateTarget, U256, VerifiedTx,
    alloy_primitives::hex, decode_transaction,
};

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
];

const CHAIN_ID: u64 = 461_337;
const ISO_20022: &str = r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"><FIToFICstmrCdtTrf><GrpHdr><MsgId>M</MsgId><CreDtTm>2026-11-22T10:00:00Z</CreDtTm><NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>INDA</SttlmMtd></SttlmInf></GrpHdr><CdtTrfTxInf><PmtId><EndToEndId>E</EndToEndId></PmtId><IntrBkSttlmAmt Ccy="EUR">1.50</IntrBkSttlmAmt><ChrgBr>SHAR</ChrgBr><Dbtr><Nm>A &amp; B</Nm></Dbtr><DbtrAgt><FinInstnId><BICFI>COBADEFF</BICFI></FinInstnId></DbtrAgt><CdtrAgt><FinInstnId/></CdtrAgt><Cdtr/><CdtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></CdtrAcct></CdtTrfTxInf></FIToFICstmrCdtTrf></Document>"#;
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

/// Valid inputs: what is one step away from them is where mistakes live.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let node = NodeSecret::from_seed(1);
    let dealing = deal_from_seed(1, &[node.public_key()]).expect("one validator can be dealt for");
    let genesis = genesis_of(&node, dealing.threshold_public.clone()).to_json().expect("it can be written");
    let header = Header { extra_data: Extension::default().commitment().into(), ..Block::header_template() };
    let block = Block::new(header, Extension::default(), Vec::new());
    let mut seeds = vec![
        ("transaction", signed_transaction()),
        ("extension", Extension::default().encode()),
        ("extension", Extension { payload_hash: Some(B256::ZERO), ..Extension::default() }.encode()),
        ("genesis", genesis.into_bytes()),
        ("state_value", U256::from(7_000).to_be_bytes_trimmed_vec()),
        ("network_key", dealing.threshold_public.to_vec()),
        ("network_key", KNOWN_POINT.to_vec()),
        ("node_keys", node.to_bytes().to_vec()),
        ("node_keys", dealing.shares[0].1.to_bytes().to_vec()),
        ("amount", b"12345.67".to_vec()),
        ("iso20022", ISO_20022.as_bytes().to_vec()),
        ("payment_lines", include_bytes!("../docs/examples/payments.csv").to_vec()),
        (
            "arguments",
            br#"[{"to":"0xf101000000000000000000000000000000000001","data":"0x18160ddd"},"latest"]"#.to_vec(),
        ),
        ("arguments", br#"[{"fromBlock":"0x1","address":[],"topics":[null,[]]}]"#.to_vec()),
    ];
    seeds.extend(module_calls().into_iter().map(|call| ("module_call", call)));
    let block = block.expect("an empty block can be made").encode();
    // A batch of one: its count and its length before it.
    let transaction = signed_transaction();
    let length = u8::try_from(transaction.len()).expect("below 128 bytes, so that its length is one byte");
    seeds.push(("peer_message", [&[1, length][..], &transaction].concat()));
    seeds.push(("peer_message", block.clone()));
    seeds.push(("block", block));
    let golden = |text: &str| hex::decode(text).expect("golden bytes are hexadecimal");
    let boundary = golden(include_str!("../crates/consensus/golden/boundary.hex"));
    seeds.push(("peer_message", [&[5], &boundary[..]].concat()));
    seeds.push(("boundary", boundary));
    seeds.push(("state_part", golden(include_str!("../crates/state/golden/state_part.hex").trim())));
    // Node key and first vote stand in evidence as they are told.
    let evidence = golden(include_str!("../crates/consensus/golden/evidence.hex"));
    seeds.push(("vote", evidence[1..1 + 32 + SIGNED_VOTE_BYTES].to_vec()));
    seeds.push(("evidence", evidence));
    let votes = include_str!("../crates/consensus/golden/votes.txt").lines();
    seeds.extend(votes.filter_map(|line| line.split_once(' ')).map(|(_, vote)| ("vote", golden(vote))));
    seeds
}

/// A call of every module that has anything but numbers to decode, and of some that have not.
fn module_calls() -> Vec<Vec<u8>> {
    let (token, account, hash, amount) = (token_address(1), Address::repeat_byte(1), B256::repeat_byte(2), U256::ONE);
    let item = [account.as_slice(), &[0; 11], &[1], b"salary01"].concat();
    let terms = Terms {
        token,
        payee: account,
        amount,
        deadlineMs: 1,
        deadlineOutcome: 1,
        hashLock: hash,
        approvers: vec![account, token],
        approvalsNeeded: 1,
        parts: vec![amount],
        arbiter: Address::ZERO,
        rulingMs: 0,
        silenceOutcome: 0,
        agreementHash: hash,
    };
    let quote = Quote {
        provider: account,
        epoch: 0,
        nonce: hash,
        taker: Address::ZERO,
        sellToken: token,
        buyToken: token_address(2),
        sellAmount: amount,
        buyAmount: amount,
        leastAmount: amount,
        side: 1,
        rounding: 1,
        fee: U256::ZERO,
        expiresAtMs: u64::MAX,
    };
    let order = Order {
        amount,
        maxSent: amount,
        minReceived: amount,
        payee: account,
        uetr: hash,
        debtorAgent: hash,
        creditorAgent: hash,
        remittanceHash: hash,
    };
    let signature = florin_types::Bytes::from(vec![27; 65]);
    vec![
        balanceOfCall { account }.abi_encode(),
        registerPersonCall { kind: 2, lei: "5493001KJTIIGC8Y1R12".into() }.abi_encode(),
        createCombinationCall { kind: 3, operands: vec![2, 3] }.abi_encode(),
        createTravelRuleCall { admin: account, exemptPolicyId: 1, threshold: amount }.abi_encode(),
        payBatchCall { token, uetr: hash, mode: 1, items: item.repeat(2).into() }.abi_encode(),
        sweepCall { payers: vec![account], uetrs: vec![hash] }.abi_encode(),
        submitCall { schemeId: 1, creditor: account, amount, priority: 2, instructionReference: hash }.abi_encode(),
        executeCall { quote, signature: signature.clone(), order }.abi_encode(),
        IEscrow::openCall { terms }.abi_encode(),
        submitStateCall { channelId: 1, cumulative: amount, signature, payNow: true }.abi_encode(),
        punishCall { evidence: item.clone().into() }.abi_encode(),
        IStaking::bondCall { node: hash, amount }.abi_encode(),
        proposeCall { actions: vec![Action { target: token, data: item.into() }], descriptionHash: hash }.abi_encode(),
    ]
}

fn signed_transaction() -> Vec<u8> {
    let signer = Signer::from_hex(&format!("0x{}", "07".repeat(32))).expect("a key");
    let transaction =
        TxEip1559 { chain_id: CHAIN_ID, gas_limit: 21_000, input: vec![1, 2, 3].into(), ..TxEip1559::default() };
    signer.sign(transaction).expect("it can be signed").bytes.to_vec()
}

fn genesis_of(node: &NodeSecret, threshold_public: florin_types::Bytes) -> Genesis {
    Genesis {
        chain_id: CHAIN_ID,
        network: "fuzz".into(),
        timestamp_ms: 1_700_000_000_000,
        rules: RulesSchedule::constant(Rules::default()).expect("the default rules hold"),
        threshold_public,
        dealt_for_development: true,
        nodes: vec![GenesisNode {
            name: "one".into(),
            public_key: node.public_key(),
            address: "127.0.0.1:1".into(),
            role: NodeRole::Validator,
        }],
        permission_admin: Address::ZERO,
        transact: Access::Open,
        deploy: Access::Open,
        connect: Access::Listed,
        transactors: Default::default(),
        deployers: Default::default(),
        accounts: Default::default(),
        policies: Vec::new(),
        tokens: Vec::new(),
        epoch_blocks: None,
        governance: Some(GenesisGovernance {
            seats: vec![GenesisSeat { account: Address::repeat_byte(1), name: "one".into(), weight: 1 }],
            ..GenesisGovernance::default()
        }),
    }
}
