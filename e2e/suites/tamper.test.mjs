// A byte of a stopped node's storage is changed: at its start, or when it reads the byte, the node names the damage, and it
// never serves it.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Load, Seen } from "../lib/load.mjs";
import { demo, onFlorinOnly } from "../lib/network.mjs";
import { Validator } from "../lib/validators.mjs";
import { delay, until } from "../lib/wait.mjs";

const SETTLE_MS = 4_000;
const CASES_MAX = Number(process.env.E2E_TAMPER_CASES ?? 36);
/** The exit code that `florin help` gives for damaged data. */
const EXIT_DAMAGED = 6;
const NAMES_DAMAGE = /corrupt|damage|checksum|mismatch|tamper|does not match|invalid|fault/i;

const filesUnder = (dir) => readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));

describe("tampering", { skip: onFlorinOnly }, () => {
  const kept = mkdtempSync(path.join(tmpdir(), "florin-tamper-"));
  const backup = path.join(kept, "backup");
  const seen = new Seen();
  let validator, balances, addresses;

  before(async () => {
    const net = await demo({ dir: path.join(kept, "network") });
    validator = new Validator(net.validators[1]);
    const load = new Load(net, [validator]);
    await until(async () => (await validator.height()) >= 12, { what: "twelve blocks", timeoutMs: 60_000 });
    await load.stop();
    await delay(2_000);
    addresses = [load.receiver, net.developer.address, ...net.accounts.map(({ address }) => address)];
    await net.stop();
    validator.start();
    await validator.ready();
    await seen.follow(validator);
    balances = await state();
    await validator.stop();
    cpSync(validator.dir, backup, { recursive: true });
  });
  after(async () => {
    await validator?.stop();
    rmSync(kept, { recursive: true, force: true });
  });

  const state = () => Promise.all(addresses.map((address) => validator.call("eth_getBalance", address, `0x${seen.height.toString(16)}`)));

  /** Starts the node on the tampered directory; gives what it did: refused with words, answered, or answered wrongly. */
  async function outcome() {
    validator.start();
    const end = await Promise.race([validator.exited, validator.ready().then(() => null, () => null)]);
    if (end) return { refused: true, named: end.code === EXIT_DAMAGED && NAMES_DAMAGE.test(validator.stderr), wrong: [], words: `${JSON.stringify(end)} ${validator.stderr.slice(-1_500)}` };
    await Promise.race([validator.exited, delay(SETTLE_MS / 4)]);
    const wrong = [];
    let errors = "";
    const compare = async (what, expected, reading) => {
      const found = await reading().catch((error) => ((errors += `${error.message}\n`), undefined));
      if (found !== undefined && found !== null && found !== expected) wrong.push(`${what}: expected ${expected}, served ${found}`);
      return found === expected;
    };
    let whole = true;
    for (const [height, hash] of seen.blocks) whole = (await compare(`block ${height}`, hash, () => validator.hashAt(height))) && whole;
    for (const [hash, block] of seen.transactions) {
      const served = await compare(`transaction ${hash}`, block, async () => (await validator.call("eth_getTransactionReceipt", hash))?.blockHash);
      whole &&= served;
    }
    const now = await state().catch((error) => ((errors += `${error.message}\n`), []));
    now.forEach((balance, n) => balance !== balances[n] && wrong.push(`balance of ${addresses[n]}: expected ${balances[n]}, served ${balance}`));
    whole &&= now.length === balances.length;
    await validator.stop();
    return { refused: false, whole, named: NAMES_DAMAGE.test(errors + validator.stderr), wrong, words: `${errors}\n${validator.stderr.slice(-1_500)}` };
  }

  it("an untouched directory serves everything", async () => {
    const { refused, whole, wrong, words } = await outcome();
    assert.deepEqual([refused, whole, wrong], [false, true, []], words);
  });

  it("a changed byte in any stored file is named or harmless, and never served", async () => {
    const storage = filesUnder(path.join(backup, "data")).filter((file) => statSync(file).size > 0);
    assert.ok(storage.length > 3, `only ${storage.length} stored files: ${storage}`);
    const places = storage.flatMap((file) => [0.1, 0.5, 0.9].map((part) => ({ file, offset: Math.floor((statSync(file).size - 1) * part) })));
    const every = Math.max(1, Math.ceil(places.length / CASES_MAX));
    const [bad, tally] = [[], { refused: 0, named: 0, harmless: 0 }];
    for (const { file, offset } of places.filter((_, n) => n % every === 0)) {
      rmSync(validator.dir, { recursive: true, force: true });
      cpSync(backup, validator.dir, { recursive: true });
      const target = path.join(validator.dir, path.relative(backup, file));
      const bytes = readFileSync(target);
      bytes[offset] ^= 0xff;
      writeFileSync(target, bytes);
      const { refused, whole, named, wrong, words } = await outcome();
      const where = `${path.relative(backup, file)} at byte ${offset} of ${bytes.length}`;
      if (wrong.length > 0) bad.push(`${where}: served ${wrong[0]}`);
      else if (!named && !(whole && !refused)) bad.push(`${where}: ${refused ? "refused" : "incomplete"} without naming the damage: ${words.slice(-600)}`);
      const kind = refused ? "refused" : named ? "named" : "harmless";
      tally[kind]++;
      if (kind === "harmless") console.log(`harmless, everything is served as before: ${where}`);
    }
    console.log(`tampering: ${JSON.stringify(tally)} of ${places.length} places, every ${every}`);
    assert.deepEqual(bad, []);
    assert.ok(tally.refused + tally.named > 0, "no change was noticed at all");
  });
});
