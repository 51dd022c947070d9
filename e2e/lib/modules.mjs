// The native modules as their published Solidity interfaces describe them: ABI from the compiler, addresses from the docs.
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { Contract } from "ethers";
import { E2E_DIR, REPOSITORY_DIR } from "./network.mjs";

/** What a call pays for gas. */
export const FREE = { gasPrice: 0n };
const FOLDER = path.join(REPOSITORY_DIR, "docs", "reference", "solidity");

/** Address of each module that has one of its own. Source: docs/reference/modules.md. */
export const ADDRESSES = {
  IPolicy: "0xf100000000000000000000000000000000000001",
  IPermission: "0xf100000000000000000000000000000000000002",
  IFactory: "0xf100000000000000000000000000000000000003",
  IIdentity: "0xf100000000000000000000000000000000000004",
  IPayment: "0xf100000000000000000000000000000000000005",
  ISettlement: "0xf100000000000000000000000000000000000006",
  IExchange: "0xf100000000000000000000000000000000000007",
  IEscrow: "0xf100000000000000000000000000000000000008",
  IChannel: "0xf100000000000000000000000000000000000009",
  IGovernance: "0xf10000000000000000000000000000000000000b",
  IStaking: "0xf10000000000000000000000000000000000000c",
};

/** ABI of every published interface, by its name. */
export function publishedAbis() {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".sol"));
  const sources = Object.fromEntries(files.map((name) => [name, { content: readFileSync(path.join(FOLDER, name), "utf8") }]));
  const settings = { outputSelection: { "*": { "*": ["abi"] } } };
  const compiler = path.join(E2E_DIR, "lib", "solc.mjs");
  const input = JSON.stringify({ language: "Solidity", sources, settings });
  const { stdout, stderr } = spawnSync(process.execPath, [compiler, "--standard-json"], { input, encoding: "utf8", maxBuffer: 1 << 26 });
  const output = JSON.parse(stdout || JSON.stringify({ errors: [{ severity: "error", formattedMessage: stderr }] }));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join("\n"));
  const contracts = Object.values(output.contracts).flatMap((contract) => Object.entries(contract));
  return Object.fromEntries(contracts.map(([name, { abi }]) => [name, abi]));
}

/** Contracts of the modules with an address of their own, and their calls on a network where gas has no price. */
export function moduleContracts() {
  const abis = publishedAbis();
  /** The module `name`, called by `by`. */
  const module = (name, by) => new Contract(ADDRESSES[name], abis[name], by);
  /** Calls it and waits until that is final. */
  const act = async (name, functionName, by, ...args) => (await module(name, by)[functionName](...args, FREE)).wait();
  return { abis, module, act };
}
