//! Valid inputs of every decoder.

use super::{ANSWERS, CHAIN_ID, ISSUER, ISSUER_URL, KNOWN_POINT, claims, signed_transaction, signer};
use alloy_sol_types::{Panic, Revert, SolCall as _, SolError as _, SolEvent as _};
use florin_client::SignedState;
use florin_consensus::{NodeSecret, deal_from_seed};
use florin_gateway::openapi_json;
use florin_modules::{
    FACTORY_ADDRESS, GOVERNANCE_ADDRESS, PAYMENT_ADDRESS,
    channel::IChannel::submitStateCall,
    escrow::IEscrow::{self, Terms},
    factory::IFactory,
    fx::IExchange::{Order, Quote, executeCall},
    governance::IGovernance::{Action, SeatChanged, proposeCall, punishCall},
    identity::IIdentity::registerPersonCall,
    payment::IPayment::{BatchPaid, PaymentOrdered, payBatchCall, sweepCall},
    policy::IPolicy::{createCombinationCall, createTravelRuleCall},
    settlement::ISettlement::submitCall,
    staking::IStaking,
    token::IToken::{BatchTransfer, ERC20InsufficientBalance, Transfer, TransferWithMemo, balanceOfCall},
    token_address,
};
use florin_types::{
    Access, Address, B256, Block, Extension, Genesis, GenesisGovernance, GenesisNode, GenesisSeat, Header, NodeRole,
    Rules, RulesSchedule, SIGNED_VOTE_BYTES, U256,
    alloy_primitives::{LogData, hex},
};
use serde_json::{Value, json};

const ISO_20022: &str = r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"><FIToFICstmrCdtTrf><GrpHdr><MsgId>M</MsgId><CreDtTm>2026-11-22T10:00:00Z</CreDtTm><NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>INDA</SttlmMtd></SttlmInf></GrpHdr><CdtTrfTxInf><PmtId><EndToEndId>E</EndToEndId></PmtId><IntrBkSttlmAmt Ccy="EUR">1.50</IntrBkSttlmAmt><ChrgBr>SHAR</ChrgBr><Dbtr><Nm>A &amp; B</Nm></Dbtr><DbtrAgt><FinInstnId><BICFI>COBADEFF</BICFI></FinInstnId></DbtrAgt><CdtrAgt><FinInstnId/></CdtrAgt><Cdtr/><CdtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></CdtrAcct></CdtTrfTxInf></FIToFICstmrCdtTrf></Document>"#;

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
    let proof = golden(include_str!("../crates/proof/golden/state_proof.hex").trim());
    seeds.push(("state_proof", proof));
    seeds.push(("certificate", ANSWERS.certificate.clone()));
    seeds.push(("tls_files", include_bytes!("seeds/tls.pem").to_vec()));
    seeds.extend(ledger_records().into_iter().map(|record| ("ledger_record", record)));
    seeds.extend(reverts().into_iter().map(|data| ("revert_data", data)));
    seeds.extend(call_bodies().into_iter().map(|body| ("call_body", body)));
    seeds.extend(ANSWERS.bodies.iter().map(|body| ("node_answer", body.clone())));
    seeds.extend(emitted().into_iter().map(|logs| ("logs", logs)));
    let cursors = ["01f1a2b3c4d5e6f7080000000001000002", "01f1a2b3c4d5e6f7080000000001000002414243"];
    seeds.extend(cursors.map(|cursor| ("cursor", cursor.into())));
    seeds.push(("cursor", b"0000000000000007f1a2b3c4d5e6f708".to_vec()));
    seeds.push(("access_token", ISSUER.token.clone().into()));
    seeds.push(("access_token", claims().to_string().into()));
    seeds.push(("issuer_keys", ISSUER.keys.clone().into()));
    let described = json!({ "issuer": ISSUER_URL, "jwks_uri": format!("{ISSUER_URL}/keys") });
    seeds.push(("issuer_keys", described.to_string().into()));
    let state = SignedState::sign(&signer(), CHAIN_ID, 1, U256::from(7)).expect("it can be signed");
    seeds.push(("channel_states", json!([state]).to_string().into()));
    seeds.push(("screening_answer", br#"{"verdict": "pass"}"#.to_vec()));
    seeds.push(("screening_answer", br#"{"verdict": "refuse", "code": "RR04", "words": "a list"}"#.to_vec()));
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

/// The examples of the OpenAPI document, and what they have not.
fn call_bodies() -> Vec<Vec<u8>> {
    let document: Value = serde_json::from_str(&openapi_json()).expect("it is JSON");
    let schemas = document["components"]["schemas"].as_object().expect("it has schemas");
    let examples = schemas.values().filter_map(|schema| schema.get("example"));
    let mut bodies: Vec<Vec<u8>> = examples.map(|example| example.to_string().into()).collect();
    bodies.push(br#"{"uetr": "8a562c67-ca16-48ba-b074-65581be6f011"}"#.to_vec());
    bodies.push(br#"{"decision": "approve", "words": "as agreed"}"#.to_vec());
    bodies
}

/// Records of a block without transactions: executed, and with a certificate.
fn ledger_records() -> Vec<Vec<u8>> {
    let header = Header { extra_data: Extension::default().commitment().into(), ..Block::header_template() };
    let block = Block::new(header, Extension::default(), Vec::new()).expect("an empty block can be made").encode();
    let sized = |bytes: &[u8]| [&varint(bytes.len())[..], bytes].concat();
    // It was executed; no receipts, no senders.
    let record = [&[1][..], &sized(&block), &[0, 0]].concat();
    let certified = [&record[..], &[1], &sized(&ANSWERS.certificate)].concat();
    vec![[&record[..], &[0]].concat(), certified]
}

/// A length before what it is of: seven bits a byte, the lowest first.
fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).expect("seven bits"));
    bytes
}

fn reverts() -> Vec<Vec<u8>> {
    let (sender, balance, needed) = (Address::repeat_byte(1), U256::ONE, U256::from(2));
    vec![
        Revert::from("the caller is not the owner").abi_encode(),
        Panic::from(0x11).abi_encode(),
        ERC20InsufficientBalance { sender, balance, needed }.abi_encode(),
    ]
}

/// Logs of modules as [`super::logs`] takes them: those with texts and lists.
fn emitted() -> Vec<Vec<u8>> {
    let (token, from, to, value, memo) =
        (token_address(1), Address::repeat_byte(1), Address::repeat_byte(2), U256::ONE, B256::repeat_byte(2));
    let item = [to.as_slice(), &[0; 11], &[1], b"salary01"].concat();
    let transfer = Transfer { from, to, value }.encode_log_data();
    let said = TransferWithMemo { from, to, value, memo, paymentReference: "INVOICE-7".into() }.encode_log_data();
    let batch = BatchTransfer { from, items: item.repeat(2).into(), results: vec![0, 1].into() }.encode_log_data();
    let ordered = PaymentOrdered {
        payer: from,
        uetr: memo,
        payee: to,
        token,
        amount: value,
        state: 1,
        debtorAgent: (*b"COBADEFFXXX").into(),
        creditorAgent: (*b"COBADEFF\0\0\0").into(),
        endToEnd: memo,
        purpose: (*b"SALA").into(),
        remittance: memo,
        priority: 1,
    };
    let paid = BatchPaid {
        batchId: 1,
        payer: from,
        uetr: memo,
        token,
        mode: 1,
        items: 2,
        settled: 1,
        total: value,
        results: vec![0, 1].into(),
    };
    let created = IFactory::TokenCreated {
        token,
        index: 1,
        creator: from,
        name: "Euro".into(),
        symbol: "DEUR".into(),
        decimals: 2,
        admin: from,
        policyId: 1,
        supplyCap: U256::MAX,
    };
    let seat = SeatChanged { account: from, previousWeight: 0, newWeight: 1, name: "Bank One".into() };
    let logs: [&[(Address, LogData)]; 6] = [
        &[(token, transfer), (token, said)],
        &[(token, batch)],
        &[(PAYMENT_ADDRESS, ordered.encode_log_data())],
        &[(PAYMENT_ADDRESS, paid.encode_log_data())],
        &[(FACTORY_ADDRESS, created.encode_log_data())],
        &[(GOVERNANCE_ADDRESS, seat.encode_log_data())],
    ];
    logs.iter().map(|logs| logs.iter().flat_map(|(address, data)| written(*address, data)).collect()).collect()
}

/// A log as [`super::logs`] reads it.
fn written(address: Address, log: &LogData) -> Vec<u8> {
    let (topics, words) = (log.topics(), log.data.len() / 32);
    let counts = [topics.len(), words].map(|count| u8::try_from(count).expect("a short log"));
    [address.as_slice(), &counts, &topics.concat(), &log.data].concat()
}
