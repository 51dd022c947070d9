// Clients that are programs, not libraries.
import { execFile } from "node:child_process";
import path from "node:path";
import { E2E_DIR, REPOSITORY_DIR } from "./network.mjs";

const RUN_MS_MAX = 240_000;

/** A tool that npm installed, by its name. */
export const tool = (name) => path.join(E2E_DIR, "node_modules", ".bin", name);

/** A program of Foundry for this platform: its npm launcher loses exit codes, so it is left out. */
export function foundry(name) {
  const platform = `${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
  return path.join(E2E_DIR, "node_modules", "@foundry-rs", `${name}-${platform}`, "bin", name);
}

/** The Python of the suites' virtual environment. */
export const PYTHON = process.env.E2E_PYTHON ?? path.join(REPOSITORY_DIR, "target", "e2e", "python", "bin", "python");

/** Runs a program to its end; gives `{ code, stdout, stderr }` and never throws for a code other than 0. */
export function run(program, arguments_, { env = {}, cwd = E2E_DIR } = {}) {
  return new Promise((resolve, reject) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout: RUN_MS_MAX, maxBuffer: 1 << 26 };
    execFile(program, arguments_, options, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number") return reject(new Error(`${program}: ${error.message}\n${stderr}`));
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

/** Runs a program that must succeed; gives its standard output without the last newline. */
export async function output(program, arguments_, options) {
  const { code, stdout, stderr } = await run(program, arguments_, options);
  if (code !== 0) throw new Error(`${program} ${arguments_.join(" ")}: exit code ${code}\n${stdout}\n${stderr}`);
  return stdout.trimEnd();
}
