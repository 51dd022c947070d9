// Two validators of four stop: nothing finalises, nothing is lost, and the ledger goes on when one returns.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Load, Seen } from "../lib/load.mjs";
import { demo, onFlorinOnly } from "../lib/network.mjs";
import { Validator } from "../lib/validators.mjs";
import { delay, until } from "../lib/wait.mjs";

const QUIET_MS = 8_000;

describe("two of four stop", { skip: onFlorinOnly }, () => {
  let net, validators, load, halted;
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
    const nonce = Number(await validators[1].call("eth_getTransactionCount", load.wallet.address, "pending"));
    const hash = await validators[1].call("eth_sendRawTransaction", await load.sign(nonce)).catch(({ message }) => message);
    assert.match(hash, /^0x[0-9a-f]{64}$|already known|nonce|full/, hash);
  });

  it("it goes on when one returns, with everything that was final", async () => {
    validators[2].start();
    await validators[2].ready();
    await until(async () => (await validators[0].height()) >= halted[0] + 5, { what: "five more blocks with three of four", timeoutMs: 90_000 });
    await load.stop();
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
