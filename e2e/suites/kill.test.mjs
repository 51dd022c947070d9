// One validator of four is killed with -9 under load, again and again: nothing final is lost or changed, finality goes on
// without it, and it catches up by itself. E2E_KILLS says how often; 5 in the ordinary run, 500 before a release.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Load, Seen, balanceAt } from "../lib/load.mjs";
import { demo, onFlorinOnly } from "../lib/network.mjs";
import { quantiles } from "../lib/quantiles.mjs";
import { Validator } from "../lib/validators.mjs";
import { delay, until } from "../lib/wait.mjs";

const KILLS = Number(process.env.E2E_KILLS ?? 5);
const BLOCKS_WITHOUT_VICTIM = 5;

describe(`kill -9, ${KILLS} times`, { skip: onFlorinOnly }, () => {
  let net, validators, load;
  const seen = new Seen();
  // From the start of a killed one until it stands where the others stood, and from a kill until finality goes on without it.
  const [recoveries, pauses] = [[], []];
  before(async () => {
    net = await demo({ validators: 4 });
    validators = net.validators.map((validator) => new Validator(validator));
    load = new Load(net, validators);
  });
  after(async () => {
    await load?.stop();
    await Promise.all((validators ?? []).map((validator) => validator.stop()));
    await net?.stop();
  });

  for (let kill = 0; kill < KILLS; kill++) {
    it(`kill ${kill + 1}: finality goes on, the killed one comes back with what was final`, async () => {
      const victim = validators[kill % validators.length];
      const witness = validators[(kill + 1) % validators.length];
      // A different moment within the block interval each time.
      await delay((kill * 37) % 200);
      await seen.follow(witness);
      await victim.kill();
      const killed = Date.now();
      const height = await witness.height();
      await until(async () => (await witness.height()) > height + 1, { what: `a new block without ${victim.name}`, timeoutMs: 60_000, everyMs: 20 });
      pauses.push(Date.now() - killed);
      await until(async () => (await witness.height()) >= height + BLOCKS_WITHOUT_VICTIM, { what: `${BLOCKS_WITHOUT_VICTIM} blocks without ${victim.name}`, timeoutMs: 60_000 });
      const target = await seen.follow(witness);
      const started = Date.now();
      victim.start();
      await victim.ready();
      await until(async () => (await victim.height()) >= target, { what: `${victim.name} reaches height ${target}`, timeoutMs: 90_000, onTimeout: () => victim.stderr });
      recoveries.push(Date.now() - started);
      for (const at of [height, height + 1, target]) assert.equal(await victim.hashAt(at), seen.blocks.get(at), `${victim.name}, block ${at}`);
    });
  }

  it("nothing that was final is lost or changed on any validator", async () => {
    await load.stop();
    console.log(`kill: ${KILLS} times; two blocks later after ${quantiles(pauses)}; caught up again after ${quantiles(recoveries)}`);
    const head = await seen.follow(validators[0]);
    assert.ok(seen.transactions.size > KILLS * 10, `only ${seen.transactions.size} transactions were under way`);
    for (const validator of validators) {
      await until(async () => (await validator.height()) >= head, { what: `${validator.name} reaches ${head}`, timeoutMs: 60_000 });
      assert.deepEqual((await seen.differences(validator)).slice(0, 5), []);
    }
    await delay(3_000);
    await seen.follow(validators[0]);
    for (const validator of validators) {
      await until(async () => (await balanceAt(validator, load.receiver)) === BigInt(seen.transactions.size), {
        what: `${validator.name} credits each of ${seen.transactions.size} payments once`, timeoutMs: 20_000,
      });
    }
    console.log(`kill: ${seen.transactions.size} payments in ${seen.blocks.size} blocks are final once on all validators`);
  });
});
