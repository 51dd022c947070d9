// viem: reads, every transaction type, typed data, batching, filters, WebSocket, EIP-7702.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  createPublicClient, createWalletClient, decodeEventLog, defineChain, encodeFunctionData, getContractAddress, http, keccak256,
  parseEther, parseEventLogs, parseGwei, recoverTypedDataAddress, serializeTransaction, toHex, webSocket, zeroAddress,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { artifact } from "../lib/artifacts.mjs";
import { network, onFlorinOnly } from "../lib/network.mjs";
import { until } from "../lib/wait.mjs";

const token4 = artifact("openzeppelin-contracts-4/build/contracts/ERC20PresetMinterPauser.json");

describe("viem", () => {
  let net, chain, client, wallet, developer;
  before(async () => {
    net = await network();
    chain = defineChain({
      id: net.chainId, name: "Florin", nativeCurrency: { name: "Native", symbol: "NAT", decimals: 18 },
      rpcUrls: { default: { http: [net.rpcUrl], webSocket: [net.wsUrl] } },
    });
    developer = privateKeyToAccount(net.developer.privateKey);
    client = createPublicClient({ chain, transport: http(), pollingInterval: 50 });
    wallet = createWalletClient({ chain, transport: http(), account: developer });
  });
  after(() => net?.stop());

  const final = async (hash) => client.waitForTransactionReceipt({ hash: await hash });
  const funded = async (value = parseEther("1")) => {
    const account = privateKeyToAccount(generatePrivateKey());
    await final(wallet.sendTransaction({ to: account.address, value }));
    return account;
  };

  async function deployToken() {
    const receipt = await final(wallet.deployContract({ abi: token4.abi, bytecode: token4.bytecode, args: ["Token", "TKN"] }));
    assert.equal(receipt.status, "success");
    return receipt.contractAddress;
  }

  it("knows the chain: id, height, block by tag, number and hash", async () => {
    assert.equal(await client.getChainId(), net.chainId);
    const latest = await client.getBlock();
    assert.equal((await client.getBlock({ blockNumber: latest.number })).hash, latest.hash);
    assert.equal((await client.getBlock({ blockHash: latest.hash, includeTransactions: true })).number, latest.number);
    const finalized = await client.getBlock({ blockTag: "finalized" });
    assert.ok(finalized.number <= (await client.getBlockNumber({ cacheTime: 0 })));
    assert.equal((await client.getBlock({ blockTag: "earliest" })).number, 0n);
  });

  for (const [type, fields] of [
    ["legacy", { gasPrice: parseGwei("2") }],
    ["eip2930", { gasPrice: parseGwei("2"), accessList: [{ address: zeroAddress, storageKeys: [toHex(1, { size: 32 })] }] }],
    ["eip1559", { maxFeePerGas: parseGwei("3"), maxPriorityFeePerGas: 0n }],
  ]) {
    it(`sends a ${type} transaction and reads it back`, async () => {
      const to = privateKeyToAccount(generatePrivateKey()).address;
      const receipt = await final(wallet.sendTransaction({ type, to, value: 12_345n, ...fields }));
      assert.deepEqual([receipt.status, receipt.type], ["success", type]);
      assert.equal(await client.getBalance({ address: to }), 12_345n);
      const seen = await client.getTransaction({ hash: receipt.transactionHash });
      assert.deepEqual([seen.from.toLowerCase(), seen.value, seen.type], [developer.address.toLowerCase(), 12_345n, type]);
      assert.equal(seen.blockHash, receipt.blockHash);
    });
  }

  it("delegates an account to code by EIP-7702 and takes the delegation back", async () => {
    const token = await deployToken();
    const account = await funded();
    const authorization = await wallet.signAuthorization({ account, contractAddress: token });
    const receipt = await final(wallet.sendTransaction({ to: zeroAddress, authorizationList: [authorization] }));
    assert.equal(receipt.type, "eip7702");
    const code = await client.getCode({ address: account.address });
    assert.equal(code.toLowerCase(), `0xef0100${token.slice(2)}`.toLowerCase());
    assert.equal(await client.readContract({ address: account.address, abi: token4.abi, functionName: "decimals" }), 18);
    const revocation = await wallet.signAuthorization({ account, contractAddress: zeroAddress });
    await final(wallet.sendTransaction({ to: zeroAddress, authorizationList: [revocation] }));
    assert.equal(await client.getCode({ address: account.address }), undefined);
  });

  it("is told clearly that blobs are refused", async () => {
    const account = await funded();
    const transaction = {
      type: "eip4844", chainId: net.chainId, nonce: 0, to: zeroAddress, gas: 21_000n, maxFeePerGas: parseGwei("1"),
      maxPriorityFeePerGas: 0n, maxFeePerBlobGas: 1n, blobVersionedHashes: [`0x01${"11".repeat(31)}`],
    };
    const serializedTransaction = await account.signTransaction(transaction, { serializer: serializeTransaction });
    await assert.rejects(client.sendRawTransaction({ serializedTransaction }), (error) => {
      if (!onFlorinOnly) assert.match(error.message, /blob/i);
      return true;
    });
    assert.equal(await client.getTransactionCount({ address: account.address, blockTag: "pending" }), 0);
  });

  it("deploys, writes, reads, simulates and decodes events and errors", async () => {
    const address = await deployToken();
    const to = privateKeyToAccount(generatePrivateKey()).address;
    const { request } = await client.simulateContract({ account: developer, address, abi: token4.abi, functionName: "mint", args: [to, 5n] });
    const receipt = await final(wallet.writeContract(request));
    const [event] = parseEventLogs({ abi: token4.abi, logs: receipt.logs, eventName: "Transfer" });
    assert.deepEqual(event.args, { from: zeroAddress, to, value: 5n });
    assert.equal(await client.readContract({ address, abi: token4.abi, functionName: "balanceOf", args: [to] }), 5n);
    const transfer = { account: developer, address, abi: token4.abi, functionName: "transfer", args: [to, 1n] };
    await assert.rejects(client.simulateContract(transfer), /transfer amount exceeds balance/);
    await assert.rejects(client.estimateContractGas(transfer), /transfer amount exceeds balance/);
  });

  it("estimates gas that suffices exactly, and predicts the address of a deployment", async () => {
    const address = await deployToken();
    const data = encodeFunctionData({ abi: token4.abi, functionName: "mint", args: [developer.address, 1n] });
    const gas = await client.estimateGas({ account: developer, to: address, data });
    const receipt = await final(wallet.sendTransaction({ to: address, data, gas }));
    assert.equal(receipt.status, "success");
    assert.ok(receipt.gasUsed <= gas && gas <= (receipt.gasUsed * 3n) / 2n, `${gas} estimated, ${receipt.gasUsed} used`);
    const nonce = BigInt(await client.getTransactionCount({ address: developer.address }));
    assert.equal((await deployToken()).toLowerCase(), getContractAddress({ from: developer.address, nonce }).toLowerCase());
  });

  it("keeps a failed transaction with its receipt", async () => {
    const address = await deployToken();
    const data = encodeFunctionData({ abi: token4.abi, functionName: "transfer", args: [zeroAddress, 1n] });
    const receipt = await final(wallet.sendTransaction({ to: address, data, gas: 100_000n }));
    assert.deepEqual([receipt.status, receipt.logs.length], ["reverted", 0]);
  });

  it("finds logs by address, topic and range", async () => {
    const address = await deployToken();
    const fromBlock = await client.getBlockNumber({ cacheTime: 0 });
    const to = privateKeyToAccount(generatePrivateKey()).address;
    for (const value of [1n, 2n, 3n]) {
      await final(wallet.writeContract({ address, abi: token4.abi, functionName: "mint", args: [to, value] }));
    }
    const event = token4.abi.find(({ name }) => name === "Transfer");
    const logs = await client.getLogs({ address, event, args: { to }, fromBlock, toBlock: "latest" });
    assert.deepEqual(logs.map((log) => decodeEventLog({ abi: token4.abi, ...log }).args.value), [1n, 2n, 3n]);
    assert.equal((await client.getLogs({ address, event, args: { to: zeroAddress }, fromBlock })).length, 0);
    assert.equal((await client.getLogs({ address, blockHash: logs[1].blockHash })).length, 1);
  });

  it("polls filters for blocks and events", async () => {
    const address = await deployToken();
    const [blocks, events] = [await client.createBlockFilter(), await client.createContractEventFilter({ address, abi: token4.abi, eventName: "Transfer" })];
    const receipt = await final(wallet.writeContract({ address, abi: token4.abi, functionName: "mint", args: [developer.address, 9n] }));
    assert.ok((await client.getFilterChanges({ filter: blocks })).includes(receipt.blockHash));
    assert.equal((await client.getFilterChanges({ filter: events }))[0].args.value, 9n);
    assert.equal((await client.getFilterChanges({ filter: events })).length, 0);
    assert.equal((await client.getFilterLogs({ filter: events })).length, 1);
    assert.equal(await client.uninstallFilter({ filter: events }), true);
    await assert.rejects(client.getFilterChanges({ filter: events }), /filter not found|not found/i);
  });

  it("watches blocks and events over WebSocket", async () => {
    const live = createPublicClient({ chain, transport: webSocket(net.wsUrl) });
    const [blocks, logs] = [[], []];
    const address = await deployToken();
    const stops = [
      live.watchBlocks({ onBlock: (block) => blocks.push(block), onError: (error) => assert.fail(error) }),
      live.watchContractEvent({ address, abi: token4.abi, eventName: "Transfer", onLogs: (seen) => logs.push(...seen), onError: (error) => assert.fail(error) }),
    ];
    await until(async () => blocks.length > 0 || (await final(wallet.sendTransaction({ to: zeroAddress })), false), { what: "the first block over WebSocket" });
    const receipt = await final(wallet.writeContract({ address, abi: token4.abi, functionName: "mint", args: [developer.address, 4n] }));
    await until(() => logs.length > 0, { what: "the log over WebSocket" });
    await until(() => blocks.some(({ hash }) => hash === receipt.blockHash), { what: "the block over WebSocket" });
    assert.deepEqual([logs[0].args.value, logs[0].transactionHash], [4n, receipt.transactionHash]);
    stops.forEach((stop) => stop());
    (await live.transport.getRpcClient()).close();
  });

  it("batches calls into one HTTP request", async () => {
    const batched = createPublicClient({ chain, transport: http(net.rpcUrl, { batch: true }) });
    const addresses = Array.from({ length: 20 }, (_, n) => toHex(n + 1, { size: 20 }));
    const balances = await Promise.all(addresses.map((address) => batched.getBalance({ address })));
    assert.equal(balances.length, 20);
    assert.ok(balances.every((balance) => typeof balance === "bigint"));
  });

  it("overrides state in a call", async () => {
    const from = privateKeyToAccount(generatePrivateKey()).address;
    const rich = { account: from, to: zeroAddress, value: parseEther("5") };
    await assert.rejects(client.call(rich), /funds|balance/i);
    await client.call({ ...rich, stateOverride: [{ address: from, balance: parseEther("6") }] });
    const returns42 = "0x602a60005260206000f3";
    const { data } = await client.call({ to: from, stateOverride: [{ address: from, code: returns42 }] });
    assert.equal(BigInt(data), 42n);
  });

  it("signs typed data that recovers to the signer, and hashes like the node", async () => {
    const typed = { domain: { name: "Florin", chainId: net.chainId }, types: { Note: [{ name: "text", type: "string" }] }, primaryType: "Note", message: { text: "hello" } };
    const signature = await developer.signTypedData(typed);
    assert.equal(await recoverTypedDataAddress({ ...typed, signature }), developer.address);
    assert.equal(await client.request({ method: "web3_sha3", params: ["0x68656c6c6f"] }), keccak256("0x68656c6c6f"));
  });

  it("suggests fees that are accepted, and shows their history", async () => {
    const fees = await client.estimateFeesPerGas();
    assert.ok(fees.maxFeePerGas >= fees.maxPriorityFeePerGas);
    const history = await client.getFeeHistory({ blockCount: 3, rewardPercentiles: [10, 90] });
    assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);
    assert.ok(history.reward.every((percentiles) => percentiles.length === 2));
    assert.ok((await client.getGasPrice()) >= 0n);
  });
});
