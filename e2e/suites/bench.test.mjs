// florin bench: what it reports adds up. Its figures are for people to judge: how fast a shared machine is decides nothing
// here.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { bytecodeOf, compileBenchContracts } from "../contracts.mjs";
import { FLORIN_BIN, onFlorinOnly } from "../lib/network.mjs";
import { output, run } from "../lib/tools.mjs";

const [RATE, SECONDS] = [200, 5];

describe("florin bench", { skip: onFlorinOnly }, () => {
  it("settles every payment, and its figures agree with each other", async () => {
    const printed = await output(FLORIN_BIN, ["bench", "--json", "--rate", String(RATE), "--warmup", "1", "--seconds", String(SECONDS)]);
    const report = JSON.parse(printed.split("\n").at(-1));
    assert.equal(report.payments, RATE * SECONDS);
    assert.deepEqual([report.accepted, report.settled], [report.payments, report.payments], printed);
    const { p50, p90, p99, p999, max } = report.latency_ms;
    assert.ok(0 < p50 && p50 <= p90 && p90 <= p99 && p99 <= p999 && p999 <= max, JSON.stringify(report.latency_ms));
    console.log(`bench: ${JSON.stringify(report.latency_ms)}`);
  });

  it("finds the highest rate that is sustained, and says how it was found", async () => {
    const printed = await output(FLORIN_BIN, ["bench", "--json", "--workload", "batches", "--validators", "1", "--accounts", "2000", "--seconds", "2"]);
    const report = JSON.parse(printed.split("\n").at(-1));
    const { trials, at_half: half } = report.knee;
    assert.ok(trials.some(({ sustained }) => sustained), printed);
    const highest = Math.max(...trials.filter(({ sustained }) => sustained).map(({ rate_per_s: rate }) => rate));
    assert.ok(report.rate_per_s <= highest, `${report.rate_per_s} was measured, ${highest} sustained`);
    assert.equal(half.rate_per_s, Math.floor(report.rate_per_s / 2));
    assert.deepEqual([report.workload, report.validators, report.accounts], ["batches", 1, 2_000]);
    for (const figure of ["payments_per_s", "cpu_s_per_1000", "memory_mb"]) assert.ok(report[figure] > 0, figure);
    console.log(`bench: ${trials.length} trials, ${report.rate_per_s} payments/s`);
  });

  it("runs every workload to its end", async () => {
    for (const workload of ["payments", "transfers", "erc20", "swap", "clearing", "mixed"]) {
      const printed = await output(FLORIN_BIN, ["bench", "--json", "--workload", workload, "--validators", "1", "--rate", "100", "--warmup", "0", "--seconds", "1"]);
      const report = JSON.parse(printed.split("\n").at(-1));
      assert.deepEqual([report.workload, report.settled, report.reverted], [workload, report.payments, 0], printed);
    }
  });

  it("carries the bytecode of its own contracts", () => {
    for (const [name, code] of Object.entries(compileBenchContracts())) {
      assert.equal(readFileSync(bytecodeOf(name), "utf8").trim(), code, `${name} is not what node e2e/contracts.mjs writes`);
    }
  });

  it("refuses what cannot be measured, with exit code 2", async () => {
    const { code, stderr } = await run(FLORIN_BIN, ["bench", "--rate", "0"]);
    assert.equal(code, 2, stderr);
  });
});
