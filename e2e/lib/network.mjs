// Starts `florin demo` for one suite and describes it, or points the suite at a server that already runs.
//
//   FLORIN_BIN   the program; target/release/florin of this tree if absent
//   E2E_RPC_URL  use this server instead (any Ethereum node with funded E2E_PRIVATE_KEY); suites that need Florin skip
//   E2E_WS_URL   its WebSocket; E2E_RPC_URL with ws:// if absent
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { computeAddress, getAddress } from "ethers";
import { call } from "./rpc.mjs";
import { until, within } from "./wait.mjs";

export const E2E_DIR = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
export const REPOSITORY_DIR = path.resolve(E2E_DIR, "..");
export const FLORIN_BIN = process.env.FLORIN_BIN ?? path.join(REPOSITORY_DIR, "target", "release", "florin");
const READY_MS_MAX = 120_000;
const STOP_MS_MAX = 30_000;

/** Whether the suites run against a server other than Florin. */
export const FOREIGN = process.env.E2E_RPC_URL !== undefined;

/** A `skip` reason for suites that only mean something on Florin, or false. */
export const onFlorinOnly = FOREIGN && "needs Florin, but E2E_RPC_URL names another server";

/** The network of a suite: `florin demo` started for it alone, or the foreign server. */
export async function network(options = {}) {
  return FOREIGN ? foreign() : demo(options);
}

async function foreign() {
  const rpcUrl = process.env.E2E_RPC_URL;
  const privateKey = process.env.E2E_PRIVATE_KEY;
  return {
    rpcUrl,
    wsUrl: process.env.E2E_WS_URL ?? rpcUrl.replace(/^http/, "ws"),
    chainId: Number(await call(rpcUrl, "eth_chainId")),
    developer: { name: "developer", address: computeAddress(privateKey), privateKey },
    accounts: [],
    tokens: [],
    validators: [],
    stop: async () => {},
  };
}

/** Starts `florin demo` with a directory of its own; `dir` keeps it, otherwise it goes when the network stops. */
export async function demo({ validators = 4, dir, extraArguments = [] } = {}) {
  const data = dir ?? mkdtempSync(path.join(tmpdir(), "florin-e2e-"));
  const started = ["demo", "--json", "--quiet", "--rpc-port", "0", "--validators", String(validators), "--data", data];
  const child = spawn(FLORIN_BIN, [...started, ...extraArguments], { stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  const exited = new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
  child.once("error", (error) => (output.stderr += `${FLORIN_BIN}: ${error.message}\n`));
  child.stdout.on("data", (bytes) => (output.stdout += bytes));
  child.stderr.on("data", (bytes) => (output.stderr = (output.stderr + bytes).slice(-64_000)));
  const line = await readyLine(child, exited, output);
  return {
    ...describe(line),
    dir: data,
    pid: child.pid,
    stderr: () => output.stderr,
    stop: async () => {
      child.kill("SIGTERM");
      const end = await within(exited, STOP_MS_MAX);
      if (end === null) child.kill("SIGKILL");
      if (dir === undefined) rmSync(data, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
      if (end === null) throw new Error(`florin demo did not stop within ${STOP_MS_MAX} ms of SIGTERM`);
      return end;
    },
  };
}

async function readyLine(child, exited, output) {
  let end;
  exited.then((outcome) => (end = outcome));
  const line = await until(
    () => {
      if (end) throw new Error(`florin demo ended (${JSON.stringify(end)}) before it was ready:\n${output.stderr}`);
      return output.stdout.includes("\n") && output.stdout.split("\n", 1)[0];
    },
    { what: "florin demo prints its JSON line", timeoutMs: READY_MS_MAX, everyMs: 50, onTimeout: () => output.stderr },
  ).catch((error) => {
    child.kill("SIGKILL");
    throw error;
  });
  return JSON.parse(line);
}

function describe(line) {
  const account = ({ name, address, private_key }) => ({ name, address: getAddress(address), privateKey: private_key });
  const accounts = line.accounts.map(account);
  const developer = accounts.find(({ name }) => name === "developer");
  if (!developer) throw new Error(`no account is named developer: ${JSON.stringify(line.accounts)}`);
  return {
    rpcUrl: line.rpc_url,
    gatewayUrl: line.gateway_url,
    wsUrl: line.ws_url,
    chainId: Number(line.chain_id),
    developer,
    accounts,
    tokens: line.tokens,
    validators: (line.validators ?? []).map(({ rpc_url, ...rest }) => ({ ...rest, rpcUrl: rpc_url })),
  };
}
