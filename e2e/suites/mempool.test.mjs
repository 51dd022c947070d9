// The mempool as wallets meet it: gaps, replacement, cancellation, and pools of other validators.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Wallet } from "ethers";
import { network, onFlorinOnly } from "../lib/network.mjs";
import { call, exchange } from "../lib/rpc.mjs";
import { until } from "../lib/wait.mjs";

const RECEIVER = "0x00000000000000000000000000000000000000aa";

describe("mempool", { skip: onFlorinOnly }, () => {
  let net, urls;
  before(async () => {
    net = await network();
    urls = net.validators.map(({ rpcUrl }) => rpcUrl);
  });
  after(() => net?.stop());

  /** A signed transaction of `wallet` that costs nothing, unless told otherwise. */
  const signed = (wallet, nonce, changes = {}) =>
    wallet.signTransaction({
      type: 2, chainId: net.chainId, nonce, to: RECEIVER, value: 0, gasLimit: 30_000, maxFeePerGas: 0,
      maxPriorityFeePerGas: 0, ...changes,
    });
  const send = (url, bytes) => call(url, "eth_sendRawTransaction", [bytes]);
  const refusal = async (url, bytes) => (await exchange(url, "eth_sendRawTransaction", [bytes])).error?.message ?? "taken";
  const receipt = (hash, url = net.rpcUrl) => call(url, "eth_getTransactionReceipt", [hash]);
  const final = (hash) => until(() => receipt(hash), { what: `${hash} is final`, everyMs: 50 });

  it("holds a gap, tells the other validators, and goes on when it closes", async () => {
    const wallet = Wallet.createRandom();
    const later = await send(urls[1], await signed(wallet, 1));
    const queuedAt = async (url) => (await call(url, "txpool_contentFrom", [wallet.address])).queued?.["1"];
    for (const url of urls) await until(() => queuedAt(url), { what: `${url} holds the gap`, everyMs: 50 });
    assert.equal(await receipt(later), null);
    const earlier = await send(urls[2], await signed(wallet, 0));
    const [first, second] = [await final(earlier), await final(later)];
    assert.deepEqual([first.status, second.status], ["0x1", "0x1"]);
    for (const url of urls) {
      const emptied = async () => Object.keys((await call(url, "txpool_contentFrom", [wallet.address])).pending ?? {}).length === 0;
      await until(emptied, { what: `${url} has nothing left`, everyMs: 50 });
    }
  });

  it("replaces by price, never for the same price", async () => {
    const wallet = Wallet.createRandom();
    await send(urls[0], await signed(wallet, 1));
    assert.match(await refusal(urls[0], await signed(wallet, 1, { gasLimit: 31_000 })), /^replacement transaction underpriced/);
  });

  it("cancels by a transfer of nothing to oneself, without a price", async () => {
    const wallet = Wallet.createRandom();
    const regretted = await send(urls[0], await signed(wallet, 1));
    const cancellation = await send(urls[0], await signed(wallet, 1, { to: wallet.address }));
    assert.match(await refusal(urls[0], await signed(wallet, 1, { to: wallet.address, gasLimit: 31_000 })), /underpriced/);
    await until(async () => (await call(urls[3], "txpool_contentFrom", [wallet.address])).queued?.["1"]?.hash === cancellation, {
      what: "another validator has the cancellation", everyMs: 50,
    });
    await send(urls[0], await signed(wallet, 0));
    await final(cancellation);
    assert.equal(await receipt(regretted), null);
  });

  it("says what is wrong in the words that wallets look for", async () => {
    const wallet = Wallet.createRandom();
    const first = await signed(wallet, 0);
    await final(await send(urls[0], first));
    assert.match(await refusal(urls[0], first), /^(nonce too low|already known)/);
    assert.match(await refusal(urls[0], await signed(wallet, 0, { gasLimit: 31_000 })), /^nonce too low/);
    const held = await signed(wallet, 2);
    await send(urls[0], held);
    assert.match(await refusal(urls[0], held), /^already known/);
    assert.match(await refusal(urls[0], await signed(wallet, 100_000)), /^nonce too high/);
    assert.match(await refusal(urls[0], await signed(wallet, 1, { maxFeePerGas: 10n ** 9n })), /^insufficient funds/);
  });

  it("counts what waits", async () => {
    const wallet = Wallet.createRandom();
    assert.equal(await call(net.rpcUrl, "eth_getTransactionCount", [wallet.address, "pending"]), "0x0");
    const before = Number((await call(net.rpcUrl, "txpool_status")).queued);
    await send(net.rpcUrl, await signed(wallet, 3));
    assert.equal(Number((await call(net.rpcUrl, "txpool_status")).queued), before + 1);
    assert.equal(await call(net.rpcUrl, "eth_getTransactionCount", [wallet.address, "pending"]), "0x0");
  });
});
