// WebSocket and filters on the wire: subscriptions, pushes in order, limits of one connection.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import WebSocket from "ws";
import { Interface, Wallet, zeroPadValue } from "ethers";
import { artifact, deploy } from "../lib/artifacts.mjs";
import { developer, final } from "../lib/ethers.mjs";
import { network } from "../lib/network.mjs";
import { call, exchange } from "../lib/rpc.mjs";
import { delay, until } from "../lib/wait.mjs";

const token4 = artifact("openzeppelin-contracts-4/build/contracts/ERC20PresetMinterPauser.json");
const TRANSFER = new Interface(token4.abi).getEvent("Transfer").topicHash;

/** One connection: `request` by id, pushed notifications collected by subscription. */
async function connect(url) {
  const socket = new WebSocket(url);
  const [waiting, pushed, strays] = [new Map(), new Map(), []];
  socket.on("message", (bytes) => {
    const message = JSON.parse(bytes);
    const list = Array.isArray(message) ? "batch" : message.id;
    if (message.method === "eth_subscription") {
      const { subscription, result } = message.params;
      pushed.set(subscription, [...(pushed.get(subscription) ?? []), result]);
    } else if (waiting.has(list)) {
      waiting.get(list)(message);
    } else strays.push(message);
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  let next = 1;
  return {
    socket, strays,
    raw: (text, id = "batch") => new Promise((resolve) => (waiting.set(id, resolve), socket.send(text))),
    request(method, params = []) {
      const id = next++;
      return this.raw(JSON.stringify({ jsonrpc: "2.0", id, method, params }), id);
    },
    pushed: (subscription) => pushed.get(subscription) ?? [],
    close: () => socket.close(),
  };
}

describe("WebSocket and filters", () => {
  let net, owner, token, link;
  before(async () => {
    net = await network();
    owner = developer(net);
    token = await deploy(token4, owner, ["T", "T"]);
    link = await connect(net.wsUrl);
  });
  after(async () => {
    link?.close();
    await net?.stop();
  });

  const subscribed = async (...params) => {
    const { result, error } = await link.request("eth_subscribe", params);
    assert.equal(error, undefined);
    return result;
  };
  const mint = (to, amount) => final(token.mint(to, amount));

  it("answers ordinary calls and batches on the same port", async () => {
    assert.equal(Number((await link.request("eth_chainId")).result), net.chainId);
    const batch = ["eth_chainId", "eth_blockNumber"].map((method, n) => ({ jsonrpc: "2.0", id: `b${n}`, method, params: [] }));
    const answers = await link.raw(JSON.stringify(batch));
    assert.deepEqual(answers.map(({ id }) => id).sort(), ["b0", "b1"]);
  });

  it("pushes every new head once, in order, chained", async () => {
    const heads = await subscribed("newHeads");
    for (let n = 0n; n < 3n; n++) await mint(owner.address, n + 1n);
    await until(() => link.pushed(heads).length >= 3, { what: "three heads" });
    const seen = link.pushed(heads);
    for (let n = 1; n < seen.length; n++) {
      assert.equal(seen[n].parentHash, seen[n - 1].hash);
      assert.equal(Number(seen[n].number), Number(seen[n - 1].number) + 1);
    }
    assert.deepEqual((await link.request("eth_unsubscribe", [heads])).result, true);
    const before = link.pushed(heads).length;
    await mint(owner.address, 1n);
    await delay(300);
    assert.equal(link.pushed(heads).length, before, "a head came after unsubscribing");
  });

  it("pushes logs by address and topics, and only those", async () => {
    const to = Wallet.createRandom().address;
    const matching = await subscribed("logs", { address: token.target, topics: [TRANSFER, null, zeroPadValue(to, 32)] });
    const either = await subscribed("logs", { address: [token.target], topics: [[TRANSFER, `0x${"11".repeat(32)}`]] });
    const none = await subscribed("logs", { address: to });
    await mint(owner.address, 1n);
    const receipt = await mint(to, 2n);
    await until(() => link.pushed(matching).length > 0 && link.pushed(either).length >= 2, { what: "logs" });
    assert.deepEqual(link.pushed(matching).map(({ data, transactionHash }) => [BigInt(data), transactionHash]), [[2n, receipt.hash]]);
    assert.deepEqual(link.pushed(either).map(({ data }) => BigInt(data)), [1n, 2n]);
    assert.equal(link.pushed(none).length, 0);
    assert.equal(link.pushed(matching)[0].removed, false);
  });

  it("pushes pending transactions, as hashes", async () => {
    const pending = await subscribed("newPendingTransactions");
    const receipt = await mint(owner.address, 3n);
    await until(() => link.pushed(pending).includes(receipt.hash), { what: "the hash of the transaction" });
  });

  it("refuses subscriptions it does not know", async () => {
    for (const params of [["nonsense"], [], ["logs", { address: "0x12" }], ["logs", { topics: "no" }], [7]]) {
      const { error, result } = await link.request("eth_subscribe", params);
      assert.ok(error?.code < 0, `eth_subscribe ${JSON.stringify(params)} gave ${JSON.stringify(result)}`);
    }
    assert.notEqual((await link.request("eth_unsubscribe", ["0xdeadbeef"])).result, true);
  });

  it("stays open after garbage", async () => {
    for (const text of ["{", "null", '"x"', '{"jsonrpc":"2.0","method":7,"id":1}', "\u0000\u0001"]) link.socket.send(text);
    link.socket.send(Buffer.from([0xff, 0xfe, 0x00]), { binary: true });
    await delay(100);
    const again = link.socket.readyState === WebSocket.OPEN ? link : (link = await connect(net.wsUrl));
    assert.equal(Number((await again.request("eth_chainId")).result), net.chainId);
  });

  it("serves polling filters and forgets them when told", async () => {
    const to = Wallet.createRandom().address;
    const logs = await call(net.rpcUrl, "eth_newFilter", [{ address: token.target, topics: [TRANSFER, null, zeroPadValue(to, 32)] }]);
    const blocks = await call(net.rpcUrl, "eth_newBlockFilter");
    const pending = await call(net.rpcUrl, "eth_newPendingTransactionFilter");
    const receipt = await mint(to, 5n);
    assert.deepEqual((await call(net.rpcUrl, "eth_getFilterChanges", [logs])).map(({ data }) => BigInt(data)), [5n]);
    assert.deepEqual(await call(net.rpcUrl, "eth_getFilterChanges", [logs]), []);
    assert.ok((await call(net.rpcUrl, "eth_getFilterChanges", [blocks])).includes(receipt.blockHash));
    assert.ok((await call(net.rpcUrl, "eth_getFilterChanges", [pending])).includes(receipt.hash));
    assert.equal((await call(net.rpcUrl, "eth_getFilterLogs", [logs])).length, 1);
    for (const filter of [logs, blocks, pending]) {
      assert.equal(await call(net.rpcUrl, "eth_uninstallFilter", [filter]), true);
      assert.ok((await exchange(net.rpcUrl, "eth_getFilterChanges", [filter])).error);
    }
    assert.equal(await call(net.rpcUrl, "eth_uninstallFilter", [logs]), false);
  });
});
