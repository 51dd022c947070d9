// The validators change while payments go on: four become seven, seven become four, among them three of the first. Real
// processes, real keys, nothing but what docs/operate.md tells an operator to do. A book that is kept apart has every balance.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Wallet, id } from "ethers";
import { Book } from "../lib/book.mjs";
import { committeeOf, goesOn, keysOf, signs } from "../lib/committee.mjs";
import { provider } from "../lib/ethers.mjs";
import { machines } from "../lib/machines.mjs";
import { ADDRESSES, moduleContracts } from "../lib/modules.mjs";
import { FLORIN_BIN, onFlorinOnly } from "../lib/network.mjs";
import { quantiles } from "../lib/quantiles.mjs";
import { reverts } from "../lib/revert.mjs";
import { until } from "../lib/wait.mjs";

const CHAIN_ID = 46_132;
/** Seven validators need 42 at least. */
const EPOCH_BLOCKS = 64;
const PAYERS = 4;

describe("a committee that changes", { skip: onFlorinOnly }, () => {
  let net, first, joining, book, seats, networkKey;
  const pauses = new Map();

  before(async () => {
    seats = Array.from({ length: 3 }, () => Wallet.createRandom());
    const payers = Array.from({ length: PAYERS }, () => Wallet.createRandom());
    const accounts = [...seats, ...payers].map(({ address }) => address);
    net = await machines({ count: 4, joining: 3, accounts, chainId: CHAIN_ID, epochBlocks: EPOCH_BLOCKS, seats: accounts.slice(0, seats.length) });
    ({ validators: first, joining } = net);
    // Whoever signs, these two are there from the first block to the last.
    book = new Book({ chainId: CHAIN_ID, wallets: payers, validators: [first[3], first[2]] });
    const on = provider({ rpcUrl: first[3].rpcUrl, chainId: CHAIN_ID });
    seats = seats.map((seat) => seat.connect(on));
    networkKey = (await first[3].call("florin_validators")).networkKey;
  });
  after(async () => {
    book?.abandon();
    seats?.[0].provider?.destroy();
    await net?.remove();
  });

  const { module, act } = moduleContracts();
  const candidates = (these) => these.map(({ publicKey }) => ({ node: publicKey, seat: Wallet.createRandom().address }));

  function proposal(entering, leaving) {
    const data = module("IGovernance").interface.encodeFunctionData("changeValidators", [candidates(entering), leaving.map(({ publicKey }) => publicKey)]);
    return [[{ target: ADDRESSES.IGovernance, data }], id("who signs")];
  }

  /** All three seats agree: two of three are less than the 66.67 percent that must. */
  async function decide(entering, leaving) {
    await act("IGovernance", "propose", seats[0], ...proposal(entering, leaving));
    const number = await module("IGovernance", seats[0]).proposalCount();
    for (const seat of seats) await act("IGovernance", "castVote", seat, number, 1);
    await act("IGovernance", "execute", seats[0], number);
  }

  /** Nobody has contradicted itself. */
  function noEvidence() {
    for (const { name, dir } of [...first, ...joining]) {
      const evidence = path.join(dir, "evidence");
      assert.deepEqual(existsSync(evidence) ? readdirSync(evidence) : [], [], `${name} has evidence`);
    }
  }

  /** Where the longest pause was: at the end of an epoch, or elsewhere. */
  function longest(times) {
    const { height } = times.reduce((one, other) => (other.ms > one.ms ? other : one));
    return `block ${height} (${height % EPOCH_BLOCKS} of its epoch)`;
  }

  /** Notes the times between the blocks that are made while `change` happens. */
  async function watched(what, change) {
    const from = await first[3].height();
    await change();
    const to = await first[3].height();
    const time = async (height) => Number((await first[3].call("florin_blockExtension", `0x${height.toString(16)}`)).timestampMs);
    const times = [];
    for (let height = from; height <= to; height++) times.push(await time(height));
    pauses.set(what, times.slice(1).map((at, n) => ({ ms: at - times[n], height: from + n + 1 })));
  }

  it("a node that nobody registered cannot become a validator, nor can one that is not ready", async () => {
    const governance = module("IGovernance", seats[0]);
    await reverts(governance.propose.staticCall(...proposal(joining, [])), "CandidateNeverReady", governance);
    await reverts(module("IPermission", seats[0]).declareNodeReady.staticCall(joining[0].publicKey), "NodeUnknown", module("IPermission"));
  });

  it("too small a committee is refused with the arithmetic", async () => {
    const governance = module("IGovernance", seats[0]);
    await reverts(governance.propose.staticCall(...proposal([], [first[0]])), "ValidatorCountOutOfRange", governance);
  });

  it("three nodes join as followers", async () => {
    for (const machine of joining) {
      await act("IPermission", "addNode", seats[0], machine.publicKey, machine.name, machine.endpoint);
      machine.start();
    }
    await Promise.all(joining.map((machine) => machine.ready()));
    await goesOn(joining, 5, "three that follow");
    assert.deepEqual(await committeeOf(joining[0]), keysOf(first));
  });

  it("four become seven under load", async () => {
    await watched("4 -> 7", async () => {
      for (const machine of joining) await act("IPermission", "declareNodeReady", seats[1], machine.publicKey);
      await decide(joining, []);
      await signs([...first, ...joining], [...first, ...joining]);
      await goesOn([...first, ...joining], EPOCH_BLOCKS, "seven");
    });
    assert.equal((await joining[0].call("florin_validators")).networkKey, networkKey, "the network's key stays");
  });

  it("two of seven are killed, one while shares are dealt to it, and come back", async () => {
    const killed = [joining[0], first[0]];
    await Promise.all(killed.map((machine) => machine.kill()));
    await goesOn([first[1], first[2], first[3], joining[1], joining[2]], EPOCH_BLOCKS / 2, "five of seven");
    for (const machine of killed) machine.start();
    await Promise.all(killed.map((machine) => machine.ready()));
    await goesOn([...first, ...joining], 5, "seven again");
  });

  it("an old copy of a data directory is noticed, and votes again when it has been dealt a new share", async () => {
    const victim = joining[0];
    const [data, image] = [path.join(victim.dir, "data"), `${victim.dir}-image`];
    const everybody = [...first, ...joining];
    const role = async () => (await victim.call("florin_nodeStatus")).role;
    await victim.stop();
    cpSync(data, image, { recursive: true });
    victim.start();
    await victim.ready();
    await until(async () => (await role()) === "validator", { what: `${victim.name} votes again`, timeoutMs: 60_000 });
    await goesOn(everybody, 10, "seven, of which one was copied");
    await victim.kill();
    rmSync(data, { recursive: true });
    cpSync(image, data, { recursive: true });
    rmSync(image, { recursive: true });
    victim.start();
    await victim.ready();
    await until(() => victim.stderr.includes("is not in its vote journal"), { what: "the others tell it", timeoutMs: 60_000, onTimeout: () => victim.stderr });
    await until(async () => (await role().catch(() => "")) === "validator", { what: `${victim.name} has a new share`, timeoutMs: 240_000, onTimeout: () => victim.stderr.slice(-4_000) });
    noEvidence();
  });

  it("seven become four under load, three of the first leave", async () => {
    const stay = [first[3], ...joining];
    await watched("7 -> 4", async () => {
      await decide([], first.slice(0, 3));
      await signs(stay, [...stay, first[2]]);
      await goesOn(stay, EPOCH_BLOCKS, "four others");
    });
    assert.equal((await first[3].call("florin_validators")).networkKey, networkKey, "the network's key stays");
  });

  it("those that left are not missed, and one of the four new may fail", async () => {
    await Promise.all([first[0].kill(), first[1].kill(), joining[2].kill()]);
    await goesOn([first[3], joining[0], joining[1]], 10, "three of the new four");
    joining[2].start();
    await joining[2].ready();
    await goesOn([first[3], ...joining], 5, "the new four");
  });

  it("a backup over all epochs is proven offline, and a validator that begins with it votes with its next share", async () => {
    const [victim, place] = [joining[1], mkdtempSync(path.join(tmpdir(), "florin-e2e-backup-"))];
    const [identity, passphrase, backup] = ["identity.age", "passphrase", "backup"].map((name) => path.join(place, name));
    const florin = (...arguments_) => execFileSync(FLORIN_BIN, arguments_, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    const opening = ["--identity", identity, "--passphrase-file", passphrase];
    writeFileSync(passphrase, `${Wallet.createRandom().privateKey}\n`, { mode: 0o600 });
    const [recipient] = florin("backup", "identity", "--out", identity, "--light", "--passphrase-file", passphrase).match(/age1[a-z0-9]+/);
    const genesis = ["--genesis", path.join(victim.dir, "genesis.json")];
    florin("backup", "--to", backup, "--recipient", recipient, ...genesis, "--rpc", first[3].rpcUrl);
    assert.match(florin("backup", "verify", backup, ...opening, ...genesis), /gives the state that its last certified header commits to/);
    await victim.kill();
    rmSync(path.join(victim.dir, "data"), { recursive: true });
    florin("restore", backup, "--dir", victim.dir, ...opening);
    victim.start();
    await victim.ready();
    const role = async () => (await victim.call("florin_nodeStatus")).role;
    await until(async () => (await role().catch(() => "")) === "validator", { what: `${victim.name} has a new share`, timeoutMs: 240_000, onTimeout: () => victim.stderr.slice(-4_000) });
    await goesOn([first[3], ...joining], 5, "the four, of which one was restored");
    noEvidence();
    rmSync(place, { recursive: true });
  });

  it("every payment is final once on every ledger, and all blocks are the same", async () => {
    assert.deepEqual(await book.close(60_000), []);
    assert.ok(book.acknowledged.length > 200, `only ${book.acknowledged.length} payments were under way`);
    const all = [first[2], first[3], ...joining];
    const head = Math.max(...(await Promise.all(all.map((machine) => machine.height()))));
    for (const machine of all) {
      await until(async () => (await machine.height()) >= head, { what: `${machine.name} reaches block ${head}`, timeoutMs: 60_000 });
      assert.equal(await machine.hashAt(head), await first[3].hashAt(head), `${machine.name}, block ${head}`);
    }
    for (const machine of [first[3], joining[0]]) assert.deepEqual((await book.differences(machine)).slice(0, 5), []);
    const told = [...pauses].map(([what, times]) => `${what}: between blocks ${quantiles(times.map(({ ms }) => ms))}, that before ${longest(times)}`);
    console.log(`committee: ${book.acknowledged.length} payments final once; ${told.join("; ")}`);
  });

  it("what new validators signed is verified offline with the genesis file alone", async () => {
    await joining[0].stop();
    const verified = execFileSync(FLORIN_BIN, ["inspect", "verify", "--dir", joining[0].dir], { encoding: "utf8" });
    assert.match(verified, /everything is sound/);
  });
});
