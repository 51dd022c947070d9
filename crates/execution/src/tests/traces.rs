//! Traces.

use super::*;
use crate::{
    CallError, CallLimits, GethDebugTracingOptions, GethTrace, Overrides, TraceError, TraceLimits, TransactionRequest,
    trace_block, trace_call, trace_transaction,
};
use serde_json::{Value, json};

const CONTRACT: Address = Address::repeat_byte(0xc1);

fn options(value: Value) -> GethDebugTracingOptions {
    serde_json::from_value(value).unwrap()
}

fn chain() -> Chain {
    let mut chain = Chain::of(with_contract(genesis(Rules::default()), CONTRACT, forwarder(CALL, End::Alike)));
    chain.block(&[signer(1).pay(0, CONTRACT, 500)]);
    chain
}

/// Three transactions of which each needs the one before.
fn txs() -> Vec<VerifiedTx> {
    let to = signer(3).address();
    let spend = |nonce, amount| signer(2).call(nonce, CONTRACT, forward(token(), &transfer(to, amount)));
    vec![spend(0, 400), spend(1, 100), spend(2, 1)]
}

fn trace(index: usize, wanted: Value) -> Result<Value, TraceError> {
    let (chain, limits) = (chain(), TraceLimits::default());
    trace_with(&chain, &txs(), index, wanted, &limits)
}

fn trace_with(
    chain: &Chain,
    txs: &[VerifiedTx],
    index: usize,
    wanted: Value,
    limits: &TraceLimits,
) -> Result<Value, TraceError> {
    let hash = B256::repeat_byte(1);
    let trace = trace_transaction(
        &chain.state,
        CHAIN_ID,
        chain.rules(),
        &chain.env(),
        hash,
        txs,
        index,
        &options(wanted),
        limits,
    )?;
    Ok(serde_json::to_value(trace).unwrap())
}

#[test]
fn call_tracer_shows_modules_in_their_place() {
    let call = trace(1, json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } })).unwrap();
    assert_eq!(call["from"], json!(signer(2).address()));
    assert_eq!(call["to"], json!(CONTRACT));
    assert_eq!(call["calls"][0]["to"], json!(token()));
    assert_eq!(call["calls"][0]["type"], "CALL");
    assert_eq!(call["calls"][0]["logs"][0]["address"], json!(token()));
    // It ran on what the first transaction left: 100 were there, the third finds none.
    assert!(call.get("error").is_none(), "{call}");
    let failed = trace(2, json!({ "tracer": "callTracer" })).unwrap();
    assert_eq!(failed["error"], "execution reverted");
    let top = trace(1, json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } })).unwrap();
    assert!(top.get("calls").is_none(), "{top}");
}

#[test]
fn traces_agree_with_receipts() {
    let chain = chain();
    let executed = chain.try_block(&txs()).unwrap();
    let mut before = 0;
    for (index, receipt) in executed.receipts.iter().enumerate() {
        let gas = receipt.cumulative_gas_used() - before;
        before = receipt.cumulative_gas_used();
        let steps = trace(index, json!({})).unwrap();
        assert_eq!(steps["gas"], json!(gas));
        assert_eq!(steps["failed"], json!(!receipt.status()));
    }
}

#[test]
fn struct_logs_show_every_step() {
    let trace = trace(0, json!({ "enableMemory": true })).unwrap();
    let steps = trace["structLogs"].as_array().unwrap();
    assert_eq!(steps[0]["op"], "PUSH1");
    assert!(steps.iter().any(|step| step["op"] == "CALL"));
    let limited = self::trace(0, json!({ "limit": 3 })).unwrap();
    assert_eq!(limited["structLogs"].as_array().unwrap().len(), 3);
}

#[test]
fn prestate_shows_slots_of_modules_before_and_after() {
    let before = trace(0, json!({ "tracer": "prestateTracer" })).unwrap();
    let slots = before[token().to_string().to_lowercase()]["storage"].as_object().unwrap().clone();
    assert!(!slots.is_empty());
    let diff = trace(0, json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } })).unwrap();
    let key = token().to_string().to_lowercase();
    assert_ne!(diff["pre"][&key]["storage"], diff["post"][&key]["storage"]);
}

#[test]
fn the_other_tracers_answer() {
    let four = trace(0, json!({ "tracer": "4byteTracer" })).unwrap();
    assert!(four.as_object().unwrap().keys().any(|key| key.starts_with("0xa9059cbb-")), "{four}");
    assert_eq!(trace(0, json!({ "tracer": "noopTracer" })).unwrap(), json!({}));
    let mux = json!({ "tracer": "muxTracer", "tracerConfig": { "callTracer": {}, "4byteTracer": null } });
    let mux = trace(0, mux).unwrap();
    assert_eq!(mux["callTracer"]["to"], json!(CONTRACT));
    assert!(mux["4byteTracer"].is_object());
    assert!(trace(0, json!({ "tracer": "flatCallTracer" })).unwrap().is_array());
}

#[test]
fn unknown_tracers_are_refused_with_the_known_ones() {
    for tracer in ["{ step: function() {} }", "fooTracer", "erc7562Tracer", "stateGasTracer"] {
        let error = trace(0, json!({ "tracer": tracer })).unwrap_err();
        assert!(matches!(error, TraceError::Unsupported(_)), "{error}");
        assert!(error.to_string().contains("callTracer"), "{error}");
    }
    let mux = json!({ "tracer": "muxTracer", "tracerConfig": { "erc7562Tracer": {} } });
    assert!(matches!(trace(0, mux), Err(TraceError::Unsupported(_))));
    let broken = json!({ "tracer": "callTracer", "tracerConfig": { "withLog": "yes" } });
    assert!(matches!(trace(0, broken), Err(TraceError::Unsupported(_))));
    assert!(matches!(trace(3, json!({})), Err(TraceError::Index { index: 3, count: 3 })));
}

#[test]
fn traces_that_grow_too_large_stop() {
    // Fills the stack and loops: the worst for a trace.
    let mut code = vec![0x5b];
    code.extend([0x5f; 900]);
    code.extend([0x5b, 0x61, 0x03, 0x85, 0x56]);
    let chain = Chain::of(with_contract(genesis(Rules::default()), CONTRACT, code));
    let txs = [signer(1).sign(TxEip1559 { to: TxKind::Call(CONTRACT), ..free(0, 1 << 24) })];
    let limits = TraceLimits { recorded_bytes_max: 1 << 20, ..TraceLimits::default() };
    let error = trace_with(&chain, &txs, 0, json!({}), &limits).unwrap_err();
    assert_eq!(error, TraceError::TooLarge("1048576 bytes".into()));
    let limits = TraceLimits { steps_max: 1_000, ..TraceLimits::default() };
    let error = trace_with(&chain, &txs, 0, json!({ "disableStack": true }), &limits).unwrap_err();
    assert_eq!(error, TraceError::TooLarge("1000 steps".into()));
    // What the prestate tracer shows is known after the run: code and slots of all accounts.
    let limits = TraceLimits { recorded_bytes_max: 1_800, ..TraceLimits::default() };
    let error = trace_with(&chain, &txs, 0, json!({ "tracer": "prestateTracer" }), &limits).unwrap_err();
    assert_eq!(error, TraceError::TooLarge("1800 bytes".into()));
    let limits = TraceLimits { recorded_bytes_max: 1 << 20, ..TraceLimits::default() };
    limits.stop.stop();
    let error = trace_with(&chain, &txs, 0, json!({ "tracer": "callTracer" }), &limits).unwrap_err();
    assert_eq!(error, TraceError::Call(CallError::Stopped));
    // The call tracer does not mind.
    let limits = TraceLimits { recorded_bytes_max: 1 << 20, steps_max: 10, ..TraceLimits::default() };
    assert!(trace_with(&chain, &txs, 0, json!({ "tracer": "callTracer" }), &limits).is_ok());
}

#[test]
fn a_block_is_traced_whole() {
    let chain = chain();
    let wanted = options(json!({ "tracer": "callTracer" }));
    let limits = TraceLimits::default();
    let hash = B256::repeat_byte(1);
    let traces =
        trace_block(&chain.state, CHAIN_ID, chain.rules(), &chain.env(), hash, &txs(), &wanted, &limits).unwrap();
    let single: Vec<_> = (0..3).map(|index| trace(index, json!({ "tracer": "callTracer" })).unwrap()).collect();
    let whole: Vec<_> = traces.into_iter().map(|trace: GethTrace| serde_json::to_value(trace).unwrap()).collect();
    assert_eq!(whole, single);
}

#[test]
fn calls_are_traced_too() {
    let chain = chain();
    let request = TransactionRequest::default().to(token()).input(Bytes::from(IToken::nameCall {}.abi_encode()).into());
    let wanted = options(json!({ "tracer": "callTracer" }));
    let trace = trace_call(
        &chain.state,
        CHAIN_ID,
        chain.rules(),
        &chain.env(),
        &request,
        &Overrides::default(),
        &wanted,
        &CallLimits::default(),
        &TraceLimits::default(),
    );
    let trace = serde_json::to_value(trace.unwrap()).unwrap();
    assert_eq!(trace["to"], json!(token()));
    assert!(trace["output"].as_str().unwrap().len() > 66);
}

#[test]
fn the_deepest_recursion_is_traced() {
    // CALL(GAS, ADDRESS, 0, 0, 0, 0, 0): it calls itself until a 64th of the gas is too little.
    let code = [0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x30, 0x5a, 0xf1, 0x00];
    let chain = Chain::of(with_contract(genesis(Rules::default()), CONTRACT, code));
    let txs = [signer(1).sign(TxEip1559 { to: TxKind::Call(CONTRACT), ..free(0, 1 << 24) })];
    for tracer in ["callTracer", "flatCallTracer", "prestateTracer", "4byteTracer"] {
        let trace = trace_with(&chain, &txs, 0, json!({ "tracer": tracer }), &TraceLimits::default()).unwrap();
        let mut depth = 0;
        let mut call = &trace;
        while let Some(inner) = call.get("calls") {
            call = &inner[0];
            depth += 1;
        }
        assert_eq!(tracer == "callTracer", depth > 400, "{tracer}: {depth}");
    }
}

/// Everything that a trace repeats is weighed.
#[test]
fn storage_return_data_outputs_and_logs_have_weight() {
    let reads: Vec<u8> = (0..200).flat_map(|slot| [0x60, slot, 0x54, 0x50]).collect();
    // CALL(GAS, identity, 0, 0, 16384, 0, 0), POP
    let mut returned = vec![0x5f, 0x5f, 0x61, 0x40, 0x00, 0x5f, 0x5f, 0x60, 4, 0x5a, 0xf1, 0x50];
    returned.extend([0x5b; 200]);
    // LOG0(0, 2048)
    let logs: Vec<u8> = (0..100).flat_map(|_| [0x61, 0x08, 0x00, 0x5f, 0xa0]).collect();
    let cases = [
        (reads, json!({ "disableStack": true })),
        (returned, json!({ "disableStack": true, "enableReturnData": true })),
        (logs, json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } })),
        // RETURN(0, 262144)
        (vec![0x62, 0x04, 0x00, 0x00, 0x5f, 0xf3], json!({ "tracer": "callTracer" })),
    ];
    let limits = TraceLimits { recorded_bytes_max: 128 * 1024, ..TraceLimits::default() };
    for (code, wanted) in cases {
        let chain = Chain::of(with_contract(genesis(Rules::default()), CONTRACT, code));
        let txs = [signer(1).sign(TxEip1559 { to: TxKind::Call(CONTRACT), ..free(0, 1 << 24) })];
        let error = trace_with(&chain, &txs, 0, wanted.clone(), &limits).unwrap_err();
        assert_eq!(error, TraceError::TooLarge("131072 bytes".into()), "{wanted}");
        let limits = TraceLimits { recorded_bytes_max: 1 << 24, ..TraceLimits::default() };
        assert!(trace_with(&chain, &txs, 0, wanted, &limits).is_ok());
    }
}
