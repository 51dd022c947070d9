// Real validators as machines that fail under load: killed, stopped, cut off, split, heard by some only, on narrow links and
// full disks. A book of payments that is kept apart is compared with every ledger at the end. E2E_FAULTS says how many rounds
// of faults are lived through; 1 in the ordinary run.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Wallet } from "ethers";
import { Book } from "../lib/book.mjs";
import { isolated, machines } from "../lib/machines.mjs";
import { onFlorinOnly } from "../lib/network.mjs";
import { quantiles } from "../lib/quantiles.mjs";
import { delay, until, within } from "../lib/wait.mjs";

const ROUNDS = Number(process.env.E2E_FAULTS ?? 1);
const PAYERS = 8;
const CHAIN_ID = 46_131;
/** Final blocks that show that the ledger goes on. */
const BLOCKS = 5;
const RECOVERY_MS_MAX = 60_000;
const QUIET_MS = 6_000;
/** The exit code that `florin help` gives for something that is needed and not there. */
const EXIT_UNAVAILABLE = 5;

if (!isolated && !onFlorinOnly) console.log("this machine allows no network namespaces: links and disks do not fail in this run");

describe(`machines that fail, ${ROUNDS} rounds`, { skip: onFlorinOnly }, () => {
  let net, banks, book;
  const recoveries = [];

  before(async () => {
    const wallets = Array.from({ length: PAYERS }, () => Wallet.createRandom());
    net = await machines({ count: 4, accounts: wallets.map(({ address }) => address), chainId: CHAIN_ID });
    banks = net.validators;
    book = new Book({ chainId: CHAIN_ID, wallets, validators: banks });
    await goesOn(banks, "the network under load");
  });
  after(async () => {
    book?.abandon();
    await net?.remove();
  });

  /** All of `these` finalise new blocks; how long it took from now until the last of them stood where the first one is. */
  async function goesOn(these, what) {
    const begun = Date.now();
    const heights = await Promise.all(these.map((bank) => bank.height().catch(() => 0)));
    const target = Math.max(...heights) + BLOCKS;
    const reaches = async (bank) => (await bank.height().catch(() => 0)) >= target;
    for (const bank of these) {
      await until(() => reaches(bank), { what: `${what}: ${bank.name} reaches block ${target}`, timeoutMs: RECOVERY_MS_MAX, onTimeout: () => bank.stderr.slice(-4_000) });
    }
    return Date.now() - begun;
  }

  /** Everything works again: the ledger goes on everywhere, and the time is kept. */
  async function recovers(what) {
    recoveries.push(await goesOn(banks, what));
  }

  /** Nothing new becomes final on any of `these`, though one may still get what another one has. */
  async function standsStill(these) {
    const highest = async () => Math.max(...(await Promise.all(these.map((bank) => bank.height()))));
    await delay(2_000);
    const before = await highest();
    await delay(QUIET_MS);
    assert.equal(await highest(), before, "something became final without a quorum");
  }

  /** What goes on while something is broken; it is mended in any case, so that the next fault meets a whole network. */
  async function during(fault, mend, check) {
    fault();
    await check().finally(mend);
  }

  const others = (...without) => banks.filter((bank) => !without.includes(bank));
  const restart = async (...these) => {
    for (const bank of these) bank.start();
    await Promise.all(these.map((bank) => bank.ready()));
  };

  for (let round = 0; round < ROUNDS; round++) {
    const [one, two] = [0, 1].map((n) => (round + n) % 4);
    const named = (what) => (ROUNDS > 1 ? `round ${round + 1}: ${what}` : what);

    it(named("one is killed with -9, and comes back"), async () => {
      await banks[one].kill();
      await goesOn(others(banks[one]), "three of four");
      await restart(banks[one]);
      await recovers("after one was killed");
    });

    it(named("two are killed: nothing is final until one is back"), async () => {
      await Promise.all([banks[one].kill(), banks[two].kill()]);
      await standsStill(others(banks[one], banks[two]));
      await restart(banks[one]);
      await goesOn(others(banks[two]), "three of four");
      await restart(banks[two]);
      await recovers("after two were killed");
    });

    it(named("all are killed at once"), async () => {
      await Promise.all(banks.map((bank) => bank.kill()));
      await restart(...banks);
      await recovers("after all were killed");
    });

    it(named("one stands still (SIGSTOP) and goes on as if nothing had been"), async () => {
      await during(() => banks[two].pause(), () => banks[two].resume(), async () => {
        await goesOn(others(banks[two]), "three of four");
        await delay(QUIET_MS);
      });
      await recovers("after one stood still");
    });

    it(named("two stand still: nothing is final until they go on"), async () => {
      const both = [banks[one], banks[two]];
      await during(() => both.forEach((bank) => bank.pause()), () => both.forEach((bank) => bank.resume()), () => standsStill(others(...both)));
      await recovers("after two stood still");
    });

    if (!isolated) continue;

    it(named("one is cut off"), async () => {
      await during(() => banks[one].cut(), () => banks[one].plug(), async () => {
        await goesOn(others(banks[one]), "three of four");
        await delay(QUIET_MS);
      });
      await recovers("after one was cut off");
    });

    it(named("two and two do not hear each other: nothing is final in either half"), async () => {
      const halves = [[banks[one], banks[two]], others(banks[one], banks[two])];
      const every = (act) => halves[0].forEach((left) => halves[1].forEach((right) => act(left, right)));
      const split = () => every((left, right) => (left.stopTalkingTo(right), right.stopTalkingTo(left)));
      const heal = () => every((left, right) => (left.talkTo(right), right.talkTo(left)));
      await during(split, heal, () => standsStill(banks));
      await recovers("after the split");
    });

    it(named("one hears everybody and is heard by nobody"), async () => {
      const rest = others(banks[two]);
      const silent = () => rest.forEach((bank) => banks[two].stopTalkingTo(bank));
      await during(silent, () => rest.forEach((bank) => banks[two].talkTo(bank)), async () => {
        await goesOn(rest, "three of four");
        await delay(QUIET_MS);
      });
      await recovers("after one was heard by nobody");
    });

    it(named("narrow links that drop everywhere only delay"), async () => {
      await during(() => banks.forEach((bank) => bank.narrow()), () => banks.forEach((bank) => bank.widen()), () => goesOn(banks, "on narrow links"));
      await recovers("after narrow links");
    });

    it(named("a full disk ends one node, which says so, and loses nothing"), async () => {
      const bank = banks[one];
      bank.fillDisk();
      const end = await within(bank.exited, RECOVERY_MS_MAX);
      assert.deepEqual(end, { code: EXIT_UNAVAILABLE, signal: null }, bank.stderr.slice(-4_000));
      assert.match(bank.stderr, /the disk of .* is full: \d+ bytes are free[^]*code: node\.disk_full/);
      await goesOn(others(bank), "three of four");
      bank.freeDisk();
      await restart(bank);
      await recovers("after its disk had been full");
    });
  }

  it("every payment is final once, and every ledger is the book's", async () => {
    assert.deepEqual(await book.close(RECOVERY_MS_MAX), []);
    assert.ok(book.acknowledged.length > ROUNDS * 200, `only ${book.acknowledged.length} payments were under way`);
    const head = Math.max(...(await Promise.all(banks.map((bank) => bank.height()))));
    for (const bank of banks) {
      await until(async () => (await bank.height()) >= head, { what: `${bank.name} reaches block ${head}`, timeoutMs: RECOVERY_MS_MAX });
      assert.deepEqual((await book.differences(bank)).slice(0, 5), []);
    }
    console.log(`faults: ${recoveries.length} lived through, ${book.acknowledged.length} payments final once; recovery ${quantiles(recoveries)}`);
  });
});
