// Two validators of four stop: nothing finalises, nothing is lost, and the ledger goes on when one returns.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Wallet } from "ethers";
import { Load, Seen } from "../lib/load.mjs";
import { demo, onFlorinOnly } from "../lib/network.mjs";
import { Validator } from "../lib/validators.mjs";
import { delay, until } from "../lib/wait.mjs";

const QUIET_MS = 8_000;

describe("two of four stop", { skip: onFlorinOnly }, () => {
  let net, validators, load, halted, taken;
  const seen = new Seen();
  before(async () => {
    net = await demo({ validators: 4 });
    validators = net.validators.map((validator) => new Validator(validator));
    load = new Load(net, validators);
    await until(async () => (await validators[0].height()) >= 5, { what: "five blocks under load" });
  });
  after(async () => {
    await load?.stop();
    await Promise.all((validators ?? []).map((validator) => validator.stop()));
    await net?.stop();
  });

  it("nothing finalises while two are gone", async () => {
    await validators[2].kill();
    await validators[3].kill();
    await delay(1_500);
    halted = await Promise.all([0, 1].map((n) => validators[n].height()));
    await seen.follow(validators[0]);
    await delay(QUIET_MS);
    assert.deepEqual(await Promise.all([0, 1].map((n) => validators[n].height())), halted);
  });

  it("the two that stay still answer, and still take transactions", async () => {
    assert.deepEqual(await seen.differences(validators[0]), []);
    // An account of its own: what the load has waiting must not decide this.
    const { chainId, accounts } = net;
    const { privateKey } = accounts.find(({ name }) => name !== "developer");
    const wallet = new Wallet(privateKey);
    const nonce = Number(await validators[1].call("eth_getTransactionCount", wallet.address, "pending"));
    const fees = { type: 2, gasLimit: 21_000n, maxFeePerGas: 3n * 10n ** 9n, maxPriorityFeePerGas: 0n };
    taken = await validators[1].call("eth_sendRawTransaction", await wallet.signTransaction({ chainId, nonce, to: load.receiver, value: 0n, ...fees }));
    assert.match(taken, /^0x[0-9a-f]{64}$/);
    assert.equal(await validators[1].call("eth_getTransactionReceipt", taken), null);
  });

  it("it goes on when one returns, with everything that was final", async () => {
    validators[2].start();
    await validators[2].ready();
    await until(async () => (await validators[0].height()) >= halted[0] + 5, { what: "five more blocks with three of four", timeoutMs: 90_000 });
    await load.stop();
    const receipt = await until(() => validators[0].call("eth_getTransactionReceipt", taken), { what: "what was taken while nothing was final is final", timeoutMs: 90_000 });
    assert.equal(receipt.status, "0x1");
    assert.ok(Number(receipt.blockNumber) > halted[0], `block ${receipt.blockNumber} after ${halted[0]}`);
    const head = await seen.follow(validators[0]);
    for (const n of [0, 1, 2]) {
      await until(async () => (await validators[n].height()) >= head, { what: `${validators[n].name} reaches ${head}` });
      assert.deepEqual((await seen.differences(validators[n])).slice(0, 5), []);
    }
  });

  it("the last one catches up too", async () => {
    validators[3].start();
    await validators[3].ready();
    const head = await seen.follow(validators[0]);
    await until(async () => (await validators[3].height()) >= head, { what: `the last validator reaches ${head}`, timeoutMs: 90_000, onTimeout: () => validators[3].stderr });
    assert.deepEqual((await seen.differences(validators[3])).slice(0, 5), []);
  });
});
