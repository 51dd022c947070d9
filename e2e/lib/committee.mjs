// Who signs, as nodes say, and whether the network goes on.
import { until } from "./wait.mjs";

/** A change signs after three epochs at most, and a ceremony may fail on a busy machine. */
const CHANGE_MS_MAX = 240_000;

export const keysOf = (machines) => machines.map(({ publicKey }) => publicKey).sort();
export const committeeOf = async (machine) => (await machine.call("florin_validators")).validators.map(({ nodeKey }) => nodeKey).sort();

/** Waits until all of `machines` say that exactly `validators` sign. */
export async function signs(validators, machines) {
  const expected = keysOf(validators).join();
  for (const machine of machines) {
    const agrees = async () => (await committeeOf(machine).catch(() => [])).join() === expected;
    await until(agrees, { what: `${machine.name} sees ${validators.map(({ name }) => name)} sign`, timeoutMs: CHANGE_MS_MAX, everyMs: 250, onTimeout: () => machine.stderr.slice(-6_000) });
  }
}

/** Waits until all of `machines` are so many `blocks` above the highest of them. */
export async function goesOn(machines, blocks, what) {
  const target = Math.max(...(await Promise.all(machines.map((machine) => machine.height())))) + blocks;
  for (const machine of machines) {
    await until(async () => (await machine.height()) >= target, { what: `${what}: ${machine.name} reaches block ${target}`, timeoutMs: 60_000, onTimeout: () => machine.stderr.slice(-4_000) });
  }
  return target;
}
