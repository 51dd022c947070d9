// Every answer has the shape that ethereum/execution-apis publishes (schemas/execution-apis.json).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import Ajv from "ajv";
import { Wallet, keccak256, toBeHex, zeroPadValue } from "ethers";
import { artifact, deploy } from "../lib/artifacts.mjs";
import { developer, final, fresh } from "../lib/ethers.mjs";
import { E2E_DIR, FOREIGN, network } from "../lib/network.mjs";
import { call, exchange } from "../lib/rpc.mjs";

const specification = JSON.parse(readFileSync(path.join(E2E_DIR, "schemas", "execution-apis.json"), "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true });

// An empty list of logs is also an empty list of hashes, so that "exactly one of" can never hold for it.
const results = specification.components.schemas.FilterResults;
specification.components.schemas.FilterResults = { title: results.title, anyOf: results.oneOf };

/** The published schemas refer to each other inside of one document; here that document is `execution-apis`. */
const located = (schema) => JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"execution-apis#/components'));
ajv.addSchema({ $id: "execution-apis", components: specification.components });
const validators = new Map(specification.methods.map(({ name, result }) => [name, ajv.compile(located(result.schema))]));

const token4 = artifact("openzeppelin-contracts-4/build/contracts/ERC20PresetMinterPauser.json");
/** Published, but not among what common clients need: another server may lack them, Florin has them. */
const OPTIONAL = /^(txpool_|debug_getRaw|eth_coinbase|eth_blobBaseFee|testing_)/;
const METHOD_NOT_FOUND = -32601;
const ABSENT_HASH = `0x${"ab".repeat(32)}`;

describe("execution-apis", () => {
  let net, seen;
  const rpc = (method, ...params) => call(net.rpcUrl, method, params);

  before(async () => {
    net = await network();
    const owner = developer(net);
    const account = await fresh(owner);
    const token = await deploy(token4, owner, ["T", "T"]);
    const minted = await final(token.mint(account.address, 10n));
    const sent = {};
    const fees = { gasLimit: 100_000n, maxFeePerGas: 3n * 10n ** 9n, maxPriorityFeePerGas: 0n };
    const price = { gasLimit: 100_000n, gasPrice: 3n * 10n ** 9n };
    const accessList = [{ address: token.target, storageKeys: [zeroPadValue(toBeHex(1), 32)] }];
    const authorizationList = [await account.authorize({ address: token.target, nonce: 0, chainId: net.chainId })];
    for (const [name, fields] of [["legacy", { type: 0, ...price }], ["eip2930", { type: 1, accessList, ...price }], ["eip1559", { type: 2, ...fees }], ["eip7702", { type: 4, authorizationList, ...fees }]]) {
      sent[name] = await final(owner.sendTransaction({ to: token.target, data: token.interface.encodeFunctionData("approve", [account.address, 1n]), ...fields }));
    }
    const created = token.deploymentTransaction();
    const failing = await owner.sendTransaction({ to: token.target, data: token.interface.encodeFunctionData("transfer", [account.address, 1n]), ...fees });
    const failed = await failing.wait().catch(({ receipt }) => receipt);
    seen = { owner, account, token, minted, sent, created, failed };
  });
  after(() => net?.stop());

  /** Method, then a function that gives its parameters once the network runs, and optionally one more check. */
  const CASES = [
    ["eth_chainId", () => [], (result) => assert.equal(Number(result), net.chainId)],
    ["eth_blockNumber", () => []],
    ["eth_syncing", () => [], (result) => assert.equal(result, false)],
    ["eth_accounts", () => [], (result) => assert.deepEqual(result, [])],
    ["eth_gasPrice", () => []],
    ["eth_maxPriorityFeePerGas", () => []],
    ["eth_blobBaseFee", () => []],
    ["eth_coinbase", () => []],
    ["eth_feeHistory", () => ["0x4", "latest", [0, 50, 100]], (result) => assert.equal(result.reward.length, result.gasUsedRatio.length)],
    ["eth_feeHistory", () => ["0x1", "latest"]],
    ["net_version", () => [], (result) => assert.equal(result, String(net.chainId))],
    ...["latest", "safe", "finalized", "pending", "earliest", "0x0", "0x1"].flatMap((tag) =>
      [false, true].map((whole) => ["eth_getBlockByNumber", () => [tag, whole]])),
    ["eth_getBlockByNumber", () => ["0xffffffff", false], (result) => assert.equal(result, null)],
    ...[false, true].map((whole) => ["eth_getBlockByHash", () => [seen.minted.blockHash, whole], (result) => assert.equal(result.hash, seen.minted.blockHash)]),
    ["eth_getBlockByHash", () => [ABSENT_HASH, false], (result) => assert.equal(result, null)],
    ["eth_getBlockTransactionCountByHash", () => [seen.minted.blockHash]],
    ["eth_getBlockTransactionCountByHash", () => [ABSENT_HASH], (result) => assert.equal(result, null)],
    ["eth_getBlockTransactionCountByNumber", () => ["latest"]],
    ...["legacy", "eip2930", "eip1559", "eip7702"].flatMap((type) => [
      ["eth_getTransactionByHash", () => [seen.sent[type].hash], (result) => assert.equal(result.hash, seen.sent[type].hash)],
      ["eth_getTransactionReceipt", () => [seen.sent[type].hash], (result) => assert.equal(result.status, "0x1")],
    ]),
    ["eth_getTransactionByHash", () => [seen.created.hash], (result) => assert.equal(result.to ?? null, null)],
    ["eth_getTransactionReceipt", () => [seen.created.hash], (result) => assert.equal(result.contractAddress, seen.token.target.toLowerCase())],
    ["eth_getTransactionReceipt", () => [seen.minted.hash], (result) => assert.equal(result.logs.length, 1)],
    ["eth_getTransactionReceipt", () => [seen.failed.hash], (result) => assert.equal(result.status, "0x0")],
    ["eth_getTransactionByHash", () => [ABSENT_HASH], (result) => assert.equal(result, null)],
    ["eth_getTransactionReceipt", () => [ABSENT_HASH], (result) => assert.equal(result, null)],
    ["eth_getTransactionByBlockHashAndIndex", () => [seen.minted.blockHash, "0x0"], (result) => assert.equal(result.blockHash, seen.minted.blockHash)],
    ["eth_getTransactionByBlockHashAndIndex", () => [seen.minted.blockHash, "0xffff"], (result) => assert.equal(result, null)],
    ["eth_getTransactionByBlockNumberAndIndex", () => [toQuantity(seen.minted.blockNumber), "0x0"], (result) => assert.ok(result)],
    ["eth_getBlockReceipts", () => [toQuantity(seen.minted.blockNumber)], (result) => assert.ok(result.length >= 1)],
    ["eth_getBlockReceipts", () => ["latest"]],
    ["eth_getBlockReceipts", () => [seen.minted.blockHash]],
    ["eth_getBalance", () => [seen.account.address, "latest"]],
    ["eth_getBalance", () => [seen.account.address, { blockHash: seen.minted.blockHash }]],
    ["eth_getBalance", () => [seen.account.address, { blockNumber: toQuantity(seen.minted.blockNumber) }]],
    ["eth_getTransactionCount", () => [seen.owner.address, "pending"]],
    ["eth_getCode", () => [seen.token.target, "latest"], (result) => assert.ok(result.length > 1_000)],
    ["eth_getCode", () => [Wallet.createRandom().address, "latest"], (result) => assert.equal(result, "0x")],
    ["eth_getStorageAt", () => [seen.token.target, "0x0", "latest"]],
    ["eth_getProof", () => [seen.token.target, [zeroPadValue("0x02", 32)], "latest"]],
    ["eth_getLogs", () => [{ fromBlock: "0x0", toBlock: "latest", address: seen.token.target }], (result) => assert.ok(result.length >= 2)],
    ["eth_getLogs", () => [{ blockHash: seen.minted.blockHash }], (result) => assert.ok(result.length >= 1)],
    ["eth_getLogs", () => [{ fromBlock: "0x0", topics: [[ABSENT_HASH], null] }], (result) => assert.deepEqual(result, [])],
    ["eth_newFilter", () => [{ fromBlock: "0x0" }]],
    ["eth_newBlockFilter", () => []],
    ["eth_newPendingTransactionFilter", () => []],
    ["eth_call", () => [{ to: seen.token.target, data: seen.token.interface.encodeFunctionData("symbol") }, "latest"]],
    ["eth_estimateGas", () => [{ from: seen.owner.address, to: Wallet.createRandom().address, value: "0x1" }], (result) => assert.ok(BigInt(result) >= 21_000n)],
    ["eth_createAccessList", () => [{ from: seen.owner.address, to: seen.token.target, data: seen.token.interface.encodeFunctionData("totalSupply") }, "latest"]],
    ["debug_getRawHeader", () => ["latest"]],
    ["debug_getRawBlock", () => ["latest"]],
    ["debug_getRawTransaction", () => [seen.minted.hash]],
    ["debug_getRawReceipts", () => [toQuantity(seen.minted.blockNumber)]],
    ["txpool_status", () => []],
    ["txpool_content", () => []],
    ["txpool_contentFrom", () => [seen.owner.address]],
  ];
  const toQuantity = (number) => `0x${number.toString(16)}`;

  CASES.forEach(([method, parameters, check], n) => {
    it(`${method} (case ${n + 1})`, async (test) => {
      const params = parameters();
      const { result, error } = await exchange(net.rpcUrl, method, params);
      if (FOREIGN && error?.code === METHOD_NOT_FOUND && OPTIONAL.test(method)) return test.skip("the foreign server does not have this method");
      assert.equal(error, undefined, `${method} ${JSON.stringify(params)}`);
      const validate = validators.get(method);
      const context = `${method} ${JSON.stringify(params)}\n${JSON.stringify(result).slice(0, 2_000)}`;
      assert.ok(validate(result), `${context}\n${ajv.errorsText(validate.errors, { separator: "\n" })}`);
      check?.(result);
    });
  });

  it("header, receipts and transactions agree with each other and with the hashes", async () => {
    const block = await rpc("eth_getBlockByHash", seen.minted.blockHash, true);
    const receipts = await rpc("eth_getBlockReceipts", seen.minted.blockHash);
    assert.deepEqual(receipts.map(({ transactionHash }) => transactionHash), block.transactions.map(({ hash }) => hash));
    assert.equal(BigInt(receipts.at(-1).cumulativeGasUsed), BigInt(block.gasUsed));
    assert.equal((await rpc("eth_getBlockByNumber", toQuantity(seen.minted.blockNumber - 1), false)).hash, block.parentHash);
    const { result: header, error } = await exchange(net.rpcUrl, "debug_getRawHeader", [toQuantity(seen.minted.blockNumber)]);
    if (!FOREIGN || error?.code !== METHOD_NOT_FOUND) assert.equal(keccak256(header), block.hash);
  });

  it("safe and finalized are the head, since every block here is final", async () => {
    const heights = [];
    for (const tag of ["finalized", "safe", "latest"]) heights.push(BigInt((await rpc("eth_getBlockByNumber", tag, false)).number));
    assert.ok(heights[0] <= heights[1] && heights[1] <= heights[2], `${heights}`);
    const { error } = await exchange(net.rpcUrl, "eth_getBalance", [seen.account.address, "0xffffffff"]);
    assert.ok(error, "a block that does not exist yet has no state");
  });
});
