// State overrides, traces, access lists and simulation of one contract whose every step is known.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Interface, Wallet, dataLength, id, toBeHex, zeroPadValue } from "ethers";
import { artifact, deploy } from "../lib/artifacts.mjs";
import { developer, final, fresh } from "../lib/ethers.mjs";
import { network } from "../lib/network.mjs";
import { call, exchange } from "../lib/rpc.mjs";

const token4 = artifact("openzeppelin-contracts-4/build/contracts/ERC20PresetMinterPauser.json");
const abi = new Interface(token4.abi);
/** Returns the value of slot 0. */
const READS_SLOT_0 = "0x60005460005260206000f3";
/** Forwards its input to `to` and ends as that call ended: with the same data, returned or reverted. */
const forwardsTo = (to) => `0x36600060003760006000366000600073${to.slice(2)}5af13d600060003e6033573d6000fd5b3d6000f3`;
const word = (value) => zeroPadValue(toBeHex(value), 32);

describe("execution over RPC", () => {
  let net, owner, token, holder;
  before(async () => {
    net = await network();
    owner = developer(net);
    token = await deploy(token4, owner, ["T", "T"]);
    holder = await fresh(owner);
    await final(token.mint(holder.address, 100n));
  });
  after(() => net?.stop());

  const rpc = (method, ...params) => call(net.rpcUrl, method, params);
  const transferData = (to, amount) => abi.encodeFunctionData("transfer", [to, amount]);

  describe("state overrides", () => {
    const target = Wallet.createRandom().address;
    for (const [name, override, expected] of [
      ["code and stateDiff", { code: READS_SLOT_0, stateDiff: { [word(0)]: word(7) } }, 7n],
      ["code and state", { code: READS_SLOT_0, state: { [word(0)]: word(9) } }, 9n],
      ["code with empty storage", { code: READS_SLOT_0, state: {} }, 0n],
    ]) {
      it(`eth_call sees ${name}`, async () => {
        assert.equal(BigInt(await rpc("eth_call", { to: target }, "latest", { [target]: override })), expected);
      });
    }

    it("leave nothing behind", async () => {
      await rpc("eth_call", { to: target }, "latest", { [target]: { code: READS_SLOT_0, balance: "0x10" } });
      assert.equal(await rpc("eth_getCode", target, "latest"), "0x");
      assert.equal(BigInt(await rpc("eth_getBalance", target, "latest")), 0n);
    });

    it("change one slot of a contract that exists and keep the others", async () => {
      const slot = "0x2";
      const before = BigInt(await rpc("eth_getStorageAt", token.target, slot, "latest"));
      const supply = { to: token.target, data: abi.encodeFunctionData("symbol") };
      assert.equal(abi.decodeFunctionResult("symbol", await rpc("eth_call", supply, "latest", { [token.target]: { stateDiff: { [word(2)]: word(before + 1n) } } }))[0], "T");
    });

    it("let an account without money pay, in eth_call and eth_estimateGas", async () => {
      const poor = Wallet.createRandom().address;
      const payment = { from: poor, to: target, value: "0xffffffffffff" };
      assert.ok((await exchange(net.rpcUrl, "eth_call", [payment, "latest"])).error);
      assert.equal(await rpc("eth_call", payment, "latest", { [poor]: { balance: "0xffffffffffffffffffff" } }), "0x");
      assert.equal(BigInt(await rpc("eth_estimateGas", payment, "latest", { [poor]: { balance: "0xffffffffffffffffffff" } })), 21_000n);
    });

    it("refuse state and stateDiff together", async () => {
      const both = { [target]: { state: {}, stateDiff: {} } };
      assert.ok((await exchange(net.rpcUrl, "eth_call", [{ to: target }, "latest", both])).error);
    });
  });

  describe("traces", () => {
    let hash, failed;
    before(async () => {
      hash = (await final(token.connect(holder).transfer(owner.address, 40n))).hash;
      const sent = await holder.sendTransaction({ to: token.target, data: transferData(owner.address, 1_000n), gasLimit: 100_000n });
      failed = (await sent.wait().catch(({ receipt }) => receipt)).hash;
    });

    it("callTracer names caller, callee, input, gas and output", async () => {
      const trace = await rpc("debug_traceTransaction", hash, { tracer: "callTracer", tracerConfig: { withLog: true } });
      assert.deepEqual([trace.type, trace.from, trace.to], ["CALL", holder.address.toLowerCase(), token.target.toLowerCase()]);
      assert.equal(trace.input, transferData(owner.address, 40n));
      assert.equal(BigInt(trace.output), 1n);
      assert.equal(BigInt(trace.gasUsed), BigInt((await rpc("eth_getTransactionReceipt", hash)).gasUsed));
      assert.deepEqual(trace.logs.map(({ topics }) => topics[0]), [id("Transfer(address,address,uint256)")]);
    });

    it("callTracer shows why a transaction failed", async () => {
      const trace = await rpc("debug_traceTransaction", failed, { tracer: "callTracer" });
      assert.equal(trace.error, "execution reverted");
      assert.match(trace.revertReason, /transfer amount exceeds balance/);
    });

    it("prestateTracer gives the state before, and the difference", async () => {
      const [from, contract] = [holder.address.toLowerCase(), token.target.toLowerCase()];
      const before = await rpc("debug_traceTransaction", hash, { tracer: "prestateTracer" });
      assert.ok(Object.keys(before[contract].storage).length >= 2);
      const { pre, post } = await rpc("debug_traceTransaction", hash, { tracer: "prestateTracer", tracerConfig: { diffMode: true } });
      assert.equal(Number(post[from].nonce), Number(pre[from].nonce ?? 0) + 1);
      const amounts = (side) => Object.values(side[contract].storage).map(BigInt).sort();
      assert.ok(amounts(pre).includes(100n) && amounts(post).includes(60n) && amounts(post).includes(40n), JSON.stringify([pre, post]));
    });

    it("the struct logger steps from the first opcode to the return", async () => {
      const trace = await rpc("debug_traceTransaction", hash, {});
      assert.equal(trace.failed, false);
      assert.deepEqual([trace.structLogs[0].pc, trace.structLogs[0].op], [0, "PUSH1"]);
      assert.ok(trace.structLogs.some(({ op }) => op === "SSTORE"));
      assert.equal(trace.structLogs.at(-1).op, "RETURN");
    });

    it("4byteTracer, noopTracer and muxTracer answer", async () => {
      const selector = transferData(owner.address, 40n).slice(0, 10);
      const counted = await rpc("debug_traceTransaction", hash, { tracer: "4byteTracer" });
      assert.equal(counted[`${selector}-${dataLength(transferData(owner.address, 40n)) - 4}`], 1);
      assert.deepEqual(await rpc("debug_traceTransaction", hash, { tracer: "noopTracer" }), {});
      const mux = await rpc("debug_traceTransaction", hash, { tracer: "muxTracer", tracerConfig: { "4byteTracer": null, callTracer: {} } });
      assert.deepEqual(Object.keys(mux).sort(), ["4byteTracer", "callTracer"]);
    });

    it("unknown tracers and unknown transactions are errors", async () => {
      assert.ok((await exchange(net.rpcUrl, "debug_traceTransaction", [hash, { tracer: "noSuchTracer" }])).error);
      assert.ok((await exchange(net.rpcUrl, "debug_traceTransaction", [word(1), {}])).error);
    });

    it("a call that was never sent is traced as well", async () => {
      const request = { from: holder.address, to: token.target, data: transferData(owner.address, 1n) };
      const trace = await rpc("debug_traceCall", request, "latest", { tracer: "callTracer" });
      assert.equal(BigInt(trace.output), 1n);
    });
  });

  it("eth_createAccessList names the slots that a transfer touches, and the list is valid", async () => {
    const request = { from: holder.address, to: token.target, data: transferData(owner.address, 1n) };
    const { accessList, gasUsed, error } = await rpc("eth_createAccessList", request, "latest");
    assert.equal(error, undefined);
    const touched = accessList.find(({ address }) => address.toLowerCase() === token.target.toLowerCase());
    assert.ok(touched.storageKeys.length >= 2);
    const receipt = await final(holder.sendTransaction({ type: 1, to: token.target, data: request.data, accessList, gasLimit: BigInt(gasUsed) * 2n, gasPrice: 3n * 10n ** 9n }));
    assert.equal(receipt.status, 1);
  });

  it("revert data comes back whole, also through a contract that forwards it", async () => {
    const forwarder = Wallet.createRandom().address;
    const data = transferData(owner.address, 10n ** 9n);
    for (const [to, override] of [[token.target, {}], [forwarder, { [forwarder]: { code: forwardsTo(token.target) } }]]) {
      const { error } = await exchange(net.rpcUrl, "eth_call", [{ from: holder.address, to, data }, "latest", override]);
      assert.equal(error.code, 3);
      assert.match(error.message, /execution reverted/);
      assert.equal(new Interface(["error Error(string)"]).parseError(error.data).args[0], "ERC20: transfer amount exceeds balance");
    }
  });

  it("block environment opcodes agree with the block", async () => {
    const opcode = async (code) => BigInt(await rpc("eth_call", { to: holder.address }, "latest", { [holder.address]: { code: `0x${code}60005260206000f3` } }));
    assert.equal(await opcode("46"), BigInt(net.chainId), "CHAINID");
    const { number, gasLimit } = await rpc("eth_getBlockByNumber", "latest", false);
    assert.ok((await opcode("43")) >= BigInt(number), "NUMBER");
    assert.equal(await opcode("45"), BigInt(gasLimit), "GASLIMIT");
    assert.ok((await opcode("42")) > 1_700_000_000n, "TIMESTAMP");
  });
});
