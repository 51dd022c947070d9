// Validators as machines that can fail: each is a process in a network namespace of its own, on a disk of its own. Links are
// cut, narrowed and closed in one direction, disks fill up, processes are killed and stopped.
//
// Namespaces and mounts need root on Linux. Elsewhere the machines are processes on addresses of the loopback interface: then
// processes can fail, links and disks cannot, and `isolated` says so.
import { execFileSync } from "node:child_process";
import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { FLORIN_BIN } from "./network.mjs";
import { isAlive, Validator } from "./validators.mjs";

const PREFIX = "florin-e2e";
const PORTS = { peers: 30_300, rpc: 8_545, monitoring: 9_464 };
const DISK_MB = 192;
/** What a narrow link carries: it drops what waits longer than 0.2 s. */
const NARROW = ["tbf", "rate", "512kbit", "burst", "16kb", "latency", "200ms"];

const run = (program, ...arguments_) => execFileSync(program, arguments_, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const florin = (...arguments_) => run(FLORIN_BIN, ...arguments_);
const inside = (space, ...command) => ["ip", "netns", "exec", space, ...command];

/** Whether this machine lets us make others out of it. */
export const isolated = (() => {
  const name = `${PREFIX}-${process.pid}-probe`;
  try {
    run("ip", "netns", "add", name);
    run("ip", "netns", "del", name);
    return true;
  } catch {
    return false;
  }
})();

/** One validator on its machine. */
class Machine extends Validator {
  constructor({ name, dir, address, space, link }) {
    const node = [FLORIN_BIN, "node", "--dir", dir];
    super({ name, pid: 0, rpcUrl: `http://${address}:${PORTS.rpc}`, dir, command: space ? inside(space, ...node) : node });
    Object.assign(this, { address, space, link, filler: path.join(dir, "filler") });
  }

  /** Where the others reach it. */
  get endpoint() {
    return `${this.address}:${PORTS.peers}`;
  }

  /** SIGSTOP: the process stays, and does nothing. */
  pause() {
    process.kill(this.pid, "SIGSTOP");
  }

  resume() {
    process.kill(this.pid, "SIGCONT");
  }

  /** Pulls the cable. */
  cut() {
    run("ip", "link", "set", this.link, "down");
  }

  plug() {
    run("ip", "link", "set", this.link, "up");
  }

  /** Nothing more goes from this machine to `other`; what comes from there arrives. */
  stopTalkingTo(other) {
    this.#inside("ip", "route", "add", "blackhole", `${other.address}/32`);
  }

  talkTo(other) {
    this.#inside("ip", "route", "del", "blackhole", `${other.address}/32`);
  }

  /** Everything that this machine sends goes through a link that is slow and drops. */
  narrow() {
    this.#inside("tc", "qdisc", "add", "dev", "eth0", "root", ...NARROW);
  }

  widen() {
    this.#inside("tc", "qdisc", "del", "dev", "eth0", "root");
  }

  /** Fills the disk to the last byte. */
  fillDisk() {
    const file = openSync(this.filler, "w");
    for (let size = 1 << 20; size >= 1; size >>= 1) {
      try {
        for (;;) if (writeSync(file, Buffer.alloc(size, 0x5a)) < size) break;
      } catch (error) {
        if (error.code !== "ENOSPC") throw error;
      }
    }
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  freeDisk() {
    rmSync(this.filler, { force: true });
  }

  #inside(...command) {
    run(...inside(this.space, ...command));
  }
}

/**
 * A network of `count` validators and funded `accounts` (addresses), made with the program's own commands and started. The
 * first account administers. With `epochBlocks` the committee can change, the `seats` among them vote about it, and `joining`
 * more machines stand ready: they have keys, and nobody knows them yet. With `stake` bonds elect it, in the one currency: see
 * `stakeToml`.
 */
export async function machines({ count, accounts, chainId, joining = 0, epochBlocks, seats = [], stake }) {
  removeLeftovers();
  const root = mkdtempSync(path.join(tmpdir(), `${PREFIX}-${process.pid}-`));
  const subnet = isolated ? `10.${200 + (process.pid % 50)}.${process.pid % 251}` : "127.77.0";
  const bridge = `flr${process.pid % 100_000}`;
  if (isolated) {
    run("ip", "link", "add", bridge, "type", "bridge");
    run("ip", "address", "add", `${subnet}.254/24`, "dev", bridge);
    run("ip", "link", "set", bridge, "up");
  }
  const all = Array.from({ length: count + joining }, (_, n) => makeMachine({ root, subnet, bridge, number: n + 1 }));
  const validators = all.slice(0, count);
  const remove = async () => {
    await Promise.all(all.map((machine) => machine.stop()));
    if (isolated) dismantle(all, bridge);
    rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  };
  try {
    describeNetwork({ root, all, validators, accounts, chainId, subnet, epochBlocks, seats, stake });
    for (const machine of validators) machine.start();
    await Promise.all(validators.map((machine) => machine.ready()));
  } catch (error) {
    await remove();
    throw error;
  }
  return { chainId, validators, joining: all.slice(count), remove };
}

function makeMachine({ root, subnet, bridge, number }) {
  const name = `bank-${number}`;
  const dir = path.join(root, name);
  const address = `${subnet}.${number}`;
  mkdirSync(dir, { mode: 0o700 });
  if (!isolated) return new Machine({ name, dir, address });
  const space = `${PREFIX}-${process.pid}-${number}`;
  const link = `${bridge}-${number}`;
  run("mount", "-t", "tmpfs", "-o", `size=${DISK_MB}m,mode=0700`, PREFIX, dir);
  run("ip", "netns", "add", space);
  run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space);
  run("ip", "link", "set", link, "master", bridge, "up");
  run(...inside(space, "ip", "address", "add", `${address}/24`, "dev", "eth0"));
  for (const device of ["lo", "eth0"]) run(...inside(space, "ip", "link", "set", device, "up"));
  return new Machine({ name, dir, address, space, link });
}

/** Keys, genesis and configuration, as `docs/operate.md` has them, with a dealer in the place of the ceremony. */
function describeNetwork({ root, all, validators, accounts, chainId, subnet, epochBlocks, seats, stake }) {
  const passphrase = path.join(root, "passphrase");
  writeFileSync(passphrase, `${randomBytes(24).toString("base64")}\n`, { mode: 0o600 });
  const sealed = ["--light", "--passphrase-file", passphrase];
  for (const machine of all) machine.publicKey = JSON.parse(florin("key", "node", "--dir", machine.dir, ...sealed, "--json")).public_key;
  const description = path.join(root, "network.toml");
  const threshold = path.join(root, "threshold.json");
  const genesis = path.join(root, "genesis.json");
  writeFileSync(description, networkToml({ validators, accounts, chainId, epochBlocks, seats, stake }));
  florin("key", "deal", "--development", "--network", description, "--threshold", threshold, ...sealed, ...validators.map(({ dir }) => dir));
  florin("genesis", "new", "--network", description, "--threshold", threshold, "--out", genesis);
  for (const { dir, address, endpoint } of all) {
    writeFileSync(path.join(dir, "genesis.json"), readFileSync(genesis));
    const config = [
      "[network]", "private_addresses = true", `listen = "${endpoint}"`,
      "[keys]", `passphrase_file = "${passphrase}"`,
      "[storage]", "worker_threads = 2", "page_cache_mb = 16",
      "[rpc]", `listen = "${address}:${PORTS.rpc}"`, `trusted_clients = ["${subnet}.0/24"]`,
      "[monitoring]", `listen = "${address}:${PORTS.monitoring}"`, "",
    ];
    writeFileSync(path.join(dir, "config.toml"), config.join("\n"));
  }
}

function networkToml({ validators, accounts, chainId, epochBlocks, seats, stake }) {
  const [admin] = accounts;
  const head = [`chain_id = ${chainId}`, 'network = "machines"', `timestamp_ms = ${Date.now()}`, `permission_admin = "${admin}"`, 'transact = "open"', 'deploy = "listed"', 'connect = "listed"'];
  const nodes = validators.flatMap(({ name, publicKey, endpoint }) => ["[[nodes]]", `name = "${name}"`, `public_key = "${publicKey}"`, `address = "${endpoint}"`, 'role = "validator"']);
  const funds = accounts.flatMap((address) => [`[accounts.${address}]`, 'balance = "1000000000000000000000"']);
  if (epochBlocks === undefined) return [...head, ...nodes, ...funds, ""].join("\n");
  const table = seats.flatMap((account, n) => ["[[governance.seats]]", `account = "${account}"`, `name = "Bank ${n + 1}"`, "weight = 1"]);
  const election = stake ? stakeToml(stake, validators) : [];
  return [...head, `epoch_blocks = ${epochBlocks}`, ...nodes, ...funds, ...election, ...table, "[governance.parameters]", "delay_ms = 0", ""].join("\n");
}

/** A currency that all `bonders` have `balance` of, and the rules of bonds in it; bonder `n` bonds for validator `n`. */
function stakeToml({ bonders, balance, validatorsMax, bondMin, unbondingEpochs, slashedTo }, validators) {
  const [admin] = bonders;
  const token = ["[[tokens]]", 'name = "Bonds"', 'currency = { symbol = "XBND", digits = 2 }', "[tokens.roles]", `admin = ["${admin}"]`, "[tokens.balances]", ...bonders.map((bonder) => `${bonder} = ${balance}`)];
  const terms = ["[governance]", 'election = "stake"', "[governance.stake]", "token = 0", `validators_max = ${validatorsMax}`, `bond_min_minor = ${bondMin}`, `unbonding_epochs = ${unbondingEpochs}`, "slash_basis_points = 1000", `slashed_to = "${slashedTo}"`];
  return [...token, ...terms, "[governance.stake.institutions]", ...validators.map(({ publicKey }, n) => `${publicKey} = "${bonders[n]}"`)];
}

function dismantle(all, bridge) {
  for (const { space, dir } of all) {
    run("ip", "netns", "del", space);
    run("umount", "--lazy", dir);
  }
  run("ip", "link", "del", bridge);
}

/** What a run left that was killed itself. */
function removeLeftovers() {
  if (!isolated) return;
  const owner = (name) => Number(name.match(new RegExp(`${PREFIX}-(\\d+)-`))?.[1] ?? process.pid);
  const isLeft = (name) => !isAlive(owner(name));
  for (const space of run("ip", "netns", "list").split("\n").map((line) => line.split(" ")[0]).filter(isLeft)) {
    run("ip", "netns", "del", space);
  }
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n").map((line) => line.split(" ")).filter(([device]) => device === PREFIX);
  const left = mounts.map(([, dir]) => dir).filter(isLeft);
  for (const dir of left) run("umount", "--lazy", dir);
  for (const root of new Set(left.map((dir) => path.dirname(dir)))) rmSync(root, { recursive: true, force: true });
}
