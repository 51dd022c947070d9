// Malformed requests by the hundred: each one gets an error, none a hang, and the node goes on as before.
import assert from "node:assert/strict";
import net_ from "node:net";
import { after, before, describe, it } from "node:test";
import { Transaction, Wallet, getBytes, hexlify } from "ethers";
import { developer, final } from "../lib/ethers.mjs";
import { network, onFlorinOnly } from "../lib/network.mjs";
import { call, exchange, post } from "../lib/rpc.mjs";

const ADDRESS = `0x${"11".repeat(20)}`;
const HASH = `0x${"22".repeat(32)}`;
const NESTED = JSON.parse("[".repeat(64) + "]".repeat(64));
const LONG = "0x" + "f".repeat(100_000);

/** Values that are no value of the kind, however lenient the reader. */
const NOT_A = {
  address: [null, true, 7, 1.5, {}, [], "", "0x", "0x12", `${ADDRESS}00`, `0x${"zz".repeat(20)}`, LONG, NESTED],
  hash: [null, true, 7, {}, [], "", "0x", "0x12", `${HASH}00`, `0x${"zz".repeat(32)}`, "latest", LONG, NESTED],
  quantity: [true, -1, 1.5, {}, [], "0xzz", "-0x1", "1e9", "one", `0x1${"0".repeat(64)}`, LONG, NESTED],
  block: [true, -1, 1.5, [], "0xzz", "latestt", "-0x1", { blockHash: "0x12" }, { blockNumber: "x" }, LONG, NESTED],
  flag: ["true", 2, {}, [], "0x1", NESTED],
  bytes: [null, true, 7, {}, [], "zz", "0xzz", "0x1", NESTED],
  call: [true, 7, "0x", [], { to: "0x12" }, { from: true }, { to: ADDRESS, value: "lots" }, { to: ADDRESS, gas: -1 }, { to: ADDRESS, data: "0x1" }, { to: ADDRESS, accessList: 7 }, { to: ADDRESS, input: "0x01", data: "0x02" }, NESTED],
  filter: [true, 7, "0x", [], { address: "0x12" }, { fromBlock: "x" }, { topics: "x" }, { topics: [["0x12"]] }, { blockHash: HASH, fromBlock: "0x1" }, { topics: Array(5).fill(HASH) }, NESTED],
  filterId: [true, {}, [], "xyz", "", LONG, NESTED],
  percentiles: ["x", [101], [-1], [50, 10], ["a"], {}, true],
  tracer: ["x", 7, { tracer: 7 }, { tracer: "noSuchTracer" }, { timeout: {} }],
  overrides: [7, "x", { "0x12": {} }, { [ADDRESS]: 7 }, { [ADDRESS]: { balance: "x" } }, { [ADDRESS]: { code: "0x1" } }, { [ADDRESS]: { state: {}, stateDiff: {} } }],
};

const GOOD = {
  address: ADDRESS, hash: HASH, quantity: "0x1", block: "latest", flag: false, bytes: "0x00", call: { to: ADDRESS }, filter: {},
  filterId: "0x1", percentiles: [50], tracer: {}, overrides: {},
};

const METHODS = {
  eth_getBalance: ["address", "block"],
  eth_getCode: ["address", "block"],
  eth_getTransactionCount: ["address", "block"],
  eth_getStorageAt: ["address", "quantity", "block"],
  eth_getBlockByHash: ["hash", "flag"],
  eth_getBlockByNumber: ["block", "flag"],
  eth_getBlockReceipts: ["block"],
  eth_getBlockTransactionCountByHash: ["hash"],
  eth_getBlockTransactionCountByNumber: ["block"],
  eth_getTransactionByHash: ["hash"],
  eth_getTransactionByBlockHashAndIndex: ["hash", "quantity"],
  eth_getTransactionByBlockNumberAndIndex: ["block", "quantity"],
  eth_getTransactionReceipt: ["hash"],
  eth_sendRawTransaction: ["bytes"],
  eth_call: ["call", "block", "overrides"],
  eth_estimateGas: ["call", "block", "overrides"],
  eth_createAccessList: ["call", "block"],
  eth_feeHistory: ["quantity", "block", "percentiles"],
  eth_getLogs: ["filter"],
  eth_newFilter: ["filter"],
  eth_getFilterChanges: ["filterId"],
  eth_getFilterLogs: ["filterId"],
  debug_traceTransaction: ["hash", "tracer"],
  web3_sha3: ["bytes"],
};

const brief = (value) => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

describe("malformed requests", () => {
  let net;
  before(async () => (net = await network()));
  after(() => net?.stop());

  const alive = async () => assert.equal(Number(await call(net.rpcUrl, "eth_chainId")), net.chainId);

  /** Sends a body; it must be answered with JSON-RPC errors only, or refused by HTTP. */
  async function refused(body, options) {
    const { status, text } = await post(net.rpcUrl, body, options);
    if (status >= 400 && status < 500) return;
    assert.equal(status, 200, text.slice(0, 500));
    const answers = [JSON.parse(text)].flat();
    assert.ok(answers.length > 0 && answers.every(({ error }) => Number.isInteger(error?.code) && typeof error?.message === "string"), text.slice(0, 500));
  }

  describe("parameters", () => {
    for (const [method, kinds] of Object.entries(METHODS)) {
      it(`${method} refuses what is no ${kinds.join(", ")}`, async () => {
        const wrong = kinds.flatMap((kind, place) => NOT_A[kind].map((value) => kinds.map((other, n) => (n === place ? value : GOOD[other]))));
        if (kinds[0] !== "filter") wrong.push([]);
        wrong.push([...kinds.map((kind) => GOOD[kind]), "one", "more", "than", "asked"], { not: "a list" });
        const accepted = [];
        for (const params of wrong) {
          const { result, error } = await exchange(net.rpcUrl, method, params);
          if (error) assert.ok(Number.isInteger(error.code) && error.message.length > 0 && error.message.length < 5_000, brief(error));
          else accepted.push(`${brief(params)} gave ${brief(result)}`);
        }
        assert.deepEqual(accepted, [], "accepted although malformed");
        await alive();
      });
    }
  });

  describe("envelopes", () => {
    const request = (change) => JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [], ...change });
    const bodies = {
      "nothing": "", "half an object": '{"jsonrpc":"2.0",', "a word": "hello", "a number": "7", "null": "null", "a string": '"eth_chainId"',
      "an empty batch": "[]", "a batch of nonsense": "[1,2,3]", "a batch in a batch": `[[${request()}]]`,
      "no method": request({ method: undefined }), "a method that is a number": request({ method: 7 }), "an unknown method": request({ method: "eth_noSuchMethod" }),
      "a method of another module": request({ method: "admin_peers" }), "an empty method": request({ method: "" }), "a long method": request({ method: "x".repeat(100_000) }),
      "another version": request({ jsonrpc: "1.0" }), "no version": request({ jsonrpc: undefined }), "parameters that are a string": request({ params: "x", method: "eth_getBalance" }),
      "an id that is an object": request({ id: {} }), "deep nesting": "[".repeat(100_000), "deep parameters": `{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":${"[".repeat(10_000)}${"]".repeat(10_000)}}`,
      "a huge number": '{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":[1e999,false]}', "NUL bytes": "\0".repeat(100), "HTML": "<html></html>",
      "bytes that are no UTF-8": Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), "a lone surrogate": '{"jsonrpc":"2.0","id":1,"method":"\\ud800","params":[]}',
    };
    for (const [name, body] of Object.entries(bodies)) {
      it(`refuses ${name}`, async () => {
        await refused(body);
        await alive();
      });
    }

    it("refuses a body over the limit and a batch over the cap", async () => {
      const big = request({ method: "web3_sha3", params: [`0x${"00".repeat(20 << 20)}`] });
      await refused(big).catch((error) => assert.match(String(error.cause?.code ?? error.cause ?? error), /ECONNRESET|EPIPE|socket|other side closed/i));
      await refused(`[${Array(5_000).fill(request()).join(",")}]`);
      await alive();
    });

    it("refuses other HTTP methods and content types", async () => {
      for (const method of ["PUT", "DELETE", "PATCH"]) assert.ok((await fetch(net.rpcUrl, { method })).status >= 400, method);
      await refused(request(), { headers: { "content-type": "text/plain" } }).catch((error) => assert.equal(error.code, "ERR_ASSERTION"));
      await alive();
    });

    it("survives connections that say nothing, half a request, or no HTTP", async () => {
      const { hostname, port } = new URL(net.rpcUrl);
      for (const bytes of ["", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{", "\x16\x03\x01\x02\x00", "GET\r\n\r\n\r\n", "A".repeat(100_000)]) {
        await new Promise((resolve) => {
          const socket = net_.connect(Number(port), hostname, () => socket.write(bytes, () => setTimeout(() => socket.destroy(), 50)));
          socket.on("close", resolve).on("error", () => {});
        });
      }
      await alive();
    });

    it("answers a notification with nothing and the rest of its batch in full", async () => {
      const { text } = await post(net.rpcUrl, `[${request({ id: undefined })},${request({ id: 5 })},{"bad":1}]`);
      const answers = JSON.parse(text);
      assert.equal(Number(answers.find(({ id }) => id === 5).result), net.chainId);
      assert.ok(answers.some(({ error }) => error));
    });
  });

  describe("raw transactions", () => {
    let signed, before_;
    before(async () => {
      const owner = developer(net);
      before_ = await owner.getNonce();
      const fields = { chainId: net.chainId, nonce: before_, to: ADDRESS, value: 0x0101010101n, gasLimit: 50_000n, data: "0x0102" };
      signed = [
        await owner.signTransaction({ type: 0, gasPrice: 10n ** 10n, ...fields }),
        await owner.signTransaction({ type: 2, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 0n, ...fields }),
      ];
    });

    const unaccepted = async (raws) => {
      const accepted = [];
      for (const raw of raws) {
        const { result, error } = await exchange(net.rpcUrl, "eth_sendRawTransaction", [raw]);
        if (!error) accepted.push(`${raw} gave ${result}`);
      }
      assert.deepEqual(accepted, []);
      await alive();
    };

    it("cut short at every byte", async () => {
      for (const raw of signed) await unaccepted(Array.from(getBytes(raw), (_, length) => hexlify(getBytes(raw).slice(0, length))));
    });

    it("with one bit turned in every byte", async () => {
      for (const raw of signed) {
        const bytes = getBytes(raw);
        await unaccepted(Array.from(bytes, (byte, place) => {
          const turned = Uint8Array.from(bytes);
          turned[place] = byte ^ 0x04;
          return hexlify(turned);
        }));
      }
    });

    it("with bytes behind their end, of unknown types, or of random bytes", async () => {
      const types = Array.from({ length: 0x80 }, (_, type) => type).filter((type) => ![1, 2, 4].includes(type));
      await unaccepted([
        ...signed.map((raw) => `${raw}00`),
        ...types.map((type) => `0x${type.toString(16).padStart(2, "0")}${signed[1].slice(4)}`),
        ...Array.from({ length: 50 }, () => Wallet.createRandom().privateKey),
      ]);
    });

    it("signed for another chain, with a high s, with too little or too much gas", async () => {
      const key = new Wallet(net.developer.privateKey);
      const fields = { type: 2, chainId: net.chainId, nonce: before_, to: ADDRESS, value: 1n, gasLimit: 21_000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 0n };
      const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
      const high = Transaction.from(await key.signTransaction(fields));
      const raws = await Promise.all([
        key.signTransaction({ ...fields, chainId: net.chainId + 1 }),
        key.signTransaction({ ...fields, gasLimit: 20_999n }),
      ]);
      if (!onFlorinOnly) raws.push(await key.signTransaction({ ...fields, gasLimit: 1n << 40n }));
      const s = order - BigInt(high.signature.s);
      raws.push(high.serialized.replace(high.signature.s.slice(2), s.toString(16).padStart(64, "0")));
      await unaccepted(raws);
    });

    it("and the transaction they were made from still goes through", async () => {
      const owner = developer(net);
      assert.equal(await owner.getNonce("pending"), before_);
      assert.equal((await final(owner.provider.broadcastTransaction(signed[1]))).status, 1);
    });
  });
});
