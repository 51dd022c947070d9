// florin bench: what it reports adds up. Its figures are for people to judge: how fast a shared machine is decides nothing
// here.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLORIN_BIN, onFlorinOnly } from "../lib/network.mjs";
import { output, run } from "../lib/tools.mjs";

const [RATE, SECONDS] = [200, 5];

describe("florin bench", { skip: onFlorinOnly }, () => {
  it("settles every payment, and its figures agree with each other", async () => {
    const printed = await output(FLORIN_BIN, ["bench", "--json", "--rate", String(RATE), "--duration-s", String(SECONDS)]);
    const report = JSON.parse(printed.split("\n").at(-1));
    assert.equal(report.payments, RATE * SECONDS);
    assert.deepEqual([report.accepted, report.settled], [report.payments, report.payments], printed);
    const { p50_ms, p90_ms, p99_ms, max_ms } = report.latency;
    assert.ok(0 < p50_ms && p50_ms <= p90_ms && p90_ms <= p99_ms && p99_ms <= max_ms, JSON.stringify(report.latency));
    console.log(`bench: ${JSON.stringify(report.latency)}`);
  });

  it("refuses what cannot be measured, with exit code 2", async () => {
    const { code, stderr } = await run(FLORIN_BIN, ["bench", "--rate", "0"]);
    assert.equal(code, 2, stderr);
  });
});
