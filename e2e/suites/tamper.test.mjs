// A byte of a stopped node's storage is changed: at its start, or when it reads the byte, the node names the damage, and it
// never serves it. What it serves is compared word for word with what it served before.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { keccak256, toBeHex, zeroPadValue } from "ethers";
import { artifact, deploy } from "../lib/artifacts.mjs";
import { developer, final } from "../lib/ethers.mjs";
import { Load, Seen } from "../lib/load.mjs";
import { demo, onFlorinOnly } from "../lib/network.mjs";
import { answers, compared, questions } from "../lib/served.mjs";
import { Validator } from "../lib/validators.mjs";
import { delay, until } from "../lib/wait.mjs";

const CASES_MAX = Number(process.env.E2E_TAMPER_CASES ?? 120);
/** A stored file begins with a header that fills one page; most of it is padding. */
const HEADER_BYTES = 4_096;
/** The exit code that `florin help` gives for damaged data. */
const EXIT_DAMAGED = 6;
/** The codes with which a node ends that doubts its data. */
const CODES = ["node.start", "node.fault", "node.ended", "votes.damaged"];
/** Slots of tokens and contracts: their fixed ones, and one holder's in each of the first mappings. */
const FIXED_SLOTS = 8;

const token4 = artifact("openzeppelin-contracts-4/build/contracts/ERC20PresetMinterPauser.json");
const filesUnder = (dir) => readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
const inMapping = (address, slot) => keccak256(zeroPadValue(address, 32) + zeroPadValue(toBeHex(slot), 32).slice(2));
const slotsOf = (holder) => Array.from({ length: FIXED_SLOTS }, (_, slot) => [zeroPadValue(toBeHex(slot), 32), inMapping(holder, slot)]).flat();

/** Where a file is changed: in its header, and in what it holds. */
function offsets(bytes) {
  const held = [0.1, 0.5, 0.9].map((part) => HEADER_BYTES + Math.floor((bytes - HEADER_BYTES - 1) * part));
  return bytes > HEADER_BYTES ? [HEADER_BYTES / 10 | 0, ...held] : [bytes / 10 | 0];
}

/** What a stored file may be called: by its own name, by its partition's, or by the part of the engine that keeps it. The
 *  files of a partition stand in several directories, `florin-ledger-blocks-values` among them for `florin-ledger-blocks`. */
function namesOf(file) {
  const directory = path.basename(path.dirname(file));
  if (directory === "data") return [path.basename(file)];
  const partition = directory.replace(/[-_](blobs|data|offsets-blobs|offsets-metadata|index|key|marks|metadata|value|values)$/, "");
  const [, cache] = partition.match(/^florin-marshal-cache-cache-\d+-(\w+)$/) ?? [];
  const inEngine = {
    "florin-state-log": ["Database(Journal(", "cannot read the finalised state", "cannot prove state: journal error"],
    "florin-state-merkle": ["Database(Merkle(", "cannot prove state: merkle error"],
  };
  const ofCache = cache ? [`failed to initialize ${cache} archive`, `failed to get ${cache} block`] : [];
  return [partition, ...ofCache, ...(inEngine[partition] ?? [])];
}

describe("tampering", { skip: onFlorinOnly }, () => {
  const kept = mkdtempSync(path.join(tmpdir(), "florin-tamper-"));
  const backup = path.join(kept, "backup");
  let validator, asked, expected;

  before(async () => {
    const net = await demo({ dir: path.join(kept, "network") });
    validator = new Validator(net.validators[1]);
    const contract = await deploy(token4, developer(net), ["Tampered", "TMP"]);
    await final(contract.mint(net.developer.address, 1_000n));
    const load = new Load(net, [validator]);
    await until(async () => (await validator.height()) >= 12, { what: "twelve blocks", timeoutMs: 60_000 });
    await load.stop();
    await until(async () => Number(await validator.call("florin_nodeStatus").then(({ poolPending }) => poolPending)) === 0, { what: "every payment is final" });
    await net.stop();
    validator.start();
    await validator.ready();
    const seen = new Seen();
    await seen.follow(validator);
    const accounts = [load.receiver, ...net.accounts.map(({ address }) => address)];
    const slots = [contract.target, ...net.tokens.map(({ address }) => address)].map((address) => [address, slotsOf(net.developer.address)]);
    asked = questions({ height: seen.height, transactions: seen.transactions.keys(), accounts, slots });
    expected = await answers(validator, asked);
    await validator.stop();
    cpSync(validator.dir, backup, { recursive: true });
  });
  after(async () => {
    await validator?.stop();
    rmSync(kept, { recursive: true, force: true });
  });

  /** Starts the node on the directory as it is and asks it everything: how it ended, what it said (as its last word if it
   *  ended by itself, to each question otherwise), and what it served differently. */
  async function outcome() {
    validator.start();
    const early = await Promise.race([validator.exited, validator.ready().then(() => null, () => null)]);
    const { wrong, refusals } = early ? { wrong: [], refusals: ["it did not start"] } : compared(asked, expected, await answers(validator, asked));
    await Promise.race([validator.exited, delay(refusals.length > 0 ? 500 : 0)]);
    await validator.stop();
    const end = await validator.exited;
    const last = validator.stderr.trimEnd().split("\n").at(-1);
    const said = end.code === 0 ? { message: refusals.join("\n") } : last.startsWith('{"error":') ? JSON.parse(last).error : { message: last };
    const whole = wrong.length === 0 && refusals.length === 0;
    return { end, wrong, whole, said, log: `${JSON.stringify(end)}\n${refusals.join("\n")}\n${validator.stderr}`.slice(-2_000) };
  }

  it("everything that can be asked is answered before", () => {
    const refused = asked.filter((_, n) => expected[n].error).map((question, n) => `${JSON.stringify(question)}: ${JSON.stringify(expected[n].error)}`);
    assert.deepEqual(refused, []);
    const told = (method) => expected.filter((_, n) => asked[n][0] === method).map(({ result }) => result);
    assert.ok(told("eth_getTransactionReceipt").length > 50, "payments");
    assert.ok(told("eth_getCode").some((code) => code.length > 1_000), "a contract's code");
    assert.ok(told("eth_getStorageAt").filter((value) => BigInt(value) !== 0n).length > 10, "slots with values");
    const receipt = asked.findIndex(([method]) => method === "eth_getTransactionReceipt");
    const other = expected.with(receipt, { result: { ...expected[receipt].result, gasUsed: "0x1" } });
    assert.equal(compared(asked, expected, other).wrong.length, 1, "one field that differs is seen");
    assert.ok(told("eth_getProof").every(({ accountProof }) => accountProof.length > 0), "proofs");
  });

  it("an untouched directory serves everything, word for word", async () => {
    const { end, wrong, whole, log } = await outcome();
    assert.deepEqual([end.code, wrong, whole], [0, [], true], log);
  });

  it("a changed byte in any stored file is named or harmless, and never served", async () => {
    const storage = filesUnder(path.join(backup, "data")).filter((file) => statSync(file).size > 0);
    assert.ok(storage.length > 3, `only ${storage.length} stored files: ${storage}`);
    const places = storage.flatMap((file) => offsets(statSync(file).size).map((offset) => ({ file, offset })));
    // An odd step does not meet the same place of every file.
    const every = Math.max(1, Math.ceil(places.length / CASES_MAX)) | 1;
    const [bad, tally] = [[], { refused: 0, named: 0, harmless: 0 }];
    for (const { file, offset } of places.filter((_, n) => n % every === 0)) {
      rmSync(validator.dir, { recursive: true, force: true });
      cpSync(backup, validator.dir, { recursive: true });
      const target = path.join(validator.dir, path.relative(backup, file));
      const bytes = readFileSync(target);
      bytes[offset] ^= 0xff;
      writeFileSync(target, bytes);
      const { end, whole, wrong, said, log } = await outcome();
      const where = `${path.relative(backup, file)} at byte ${offset} of ${bytes.length}`;
      const kind = end.code !== 0 ? "refused" : whole ? "harmless" : "named";
      const named = namesOf(target).some((name) => said.message.includes(name));
      if (wrong.length > 0) bad.push(`${where}: ${wrong[0].slice(0, 1_000)}`);
      else if (kind === "refused" && (end.code !== EXIT_DAMAGED || !CODES.includes(said.code))) bad.push(`${where}: ended, but not with exit code ${EXIT_DAMAGED} and one of ${CODES}: ${log}`);
      else if (kind !== "harmless" && !named) bad.push(`${where}: ${kind}, but without any of ${namesOf(target)}: ${JSON.stringify(said)}\n${log}`);
      tally[kind]++;
      if (kind === "harmless") console.log(`harmless, everything is served as before: ${where}`);
    }
    console.log(`tampering: ${JSON.stringify(tally)} of ${places.length} places, every ${every}`);
    assert.deepEqual(bad, []);
    assert.ok(tally.refused + tally.named > 0, "no change was noticed at all");
  });
});
