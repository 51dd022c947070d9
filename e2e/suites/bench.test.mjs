// florin bench: what it reports adds up. Its figures are for people to judge: how fast a shared machine is decides nothing
// here.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
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

  it("refuses what cannot be measured, with exit code 2", async () => {
    const { code, stderr } = await run(FLORIN_BIN, ["bench", "--rate", "0"]);
    assert.equal(code, 2, stderr);
  });
});
