// Validators of a running demo as processes: killed, started again, and watched from the others.
import { spawn } from "node:child_process";
import { call } from "./rpc.mjs";
import { until, within } from "./wait.mjs";

const START_MS_MAX = 90_000;

/** One validator process; `kill` is `kill -9`, `start` runs the command that the demo printed for it. */
export class Validator {
  constructor({ name, pid, rpcUrl, dir, command }) {
    Object.assign(this, { name, pid, rpcUrl, dir, command, child: null, stderr: "" });
  }

  /** Kills with -9 and waits until the process is gone. */
  async kill() {
    process.kill(this.pid, "SIGKILL");
    await until(() => !isAlive(this.pid), { what: `${this.name} (pid ${this.pid}) is gone`, everyMs: 10 });
  }

  /** Starts it again; `exited` tells the end of the process. It ends with this program at the latest. */
  start() {
    const [program, ...arguments_] = this.command;
    this.stderr = "";
    this.child = spawn(program, [...arguments_, "--stop-with-stdin"], { stdio: ["pipe", "ignore", "pipe"] });
    this.child.stderr.on("data", (bytes) => (this.stderr = (this.stderr + bytes).slice(-200_000)));
    this.exited = new Promise((resolve) => this.child.once("close", (code, signal) => resolve({ code, signal })));
    this.pid = this.child.pid;
  }

  /** Whether it answers, within the time a start may take. */
  async ready(timeoutMs = START_MS_MAX) {
    await until(() => this.height().catch(() => null).then((height) => height !== null), { what: `${this.name} answers`, timeoutMs, onTimeout: () => this.stderr });
  }

  /** Stops a process that this object started. */
  async stop() {
    if (!this.child || !isAlive(this.pid)) return;
    this.child.kill("SIGTERM");
    const end = await within(this.exited, 15_000);
    if (!end) this.child.kill("SIGKILL");
  }

  call(method, ...params) {
    return call(this.rpcUrl, method, params, { timeoutMs: 5_000 });
  }

  async height() {
    return Number(await this.call("eth_blockNumber"));
  }

  async hashAt(height) {
    return (await this.call("eth_getBlockByNumber", `0x${height.toString(16)}`, false))?.hash;
  }
}

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
