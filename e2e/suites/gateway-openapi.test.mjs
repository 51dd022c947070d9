// The gateway's HTTP interface against its own OpenAPI document, by schemathesis: thousands of calls, good and bad, none of which may
// end in a server error or in an answer that the document does not have.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { E2E_DIR, demo, onFlorinOnly } from "../lib/network.mjs";
import { PYTHON, run } from "../lib/tools.mjs";

const KEY = "demo-key-of-bank-a";
// What is good by the schema may still be refused: an account that nobody knows, a cursor of another search. Calls without a key would
// have this address not listened to for a minute: that every route needs one is tested in bin/florin/tests/gateway.
const NOT_CHECKED = ["positive_data_acceptance", "ignored_auth"];

describe("gateway's OpenAPI document", { skip: onFlorinOnly }, () => {
  let net;
  before(async () => (net = await demo({ validators: 1, extraArguments: ["--gateway-port", "0"] })));
  after(() => net?.stop());

  it("gives a client that works", async () => {
    const env = { GATEWAY_URL: net.gatewayUrl, GATEWAY_KEY: KEY };
    const { code, stderr } = await run(PYTHON, ["-m", "unittest", "-v", "test_gateway_client"], { env, cwd: path.join(E2E_DIR, "python") });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Ran 2 tests/);
  });

  it("is kept by every answer to schemathesis", async () => {
    const program = path.join(path.dirname(PYTHON), "schemathesis");
    // JSON, so that a stream of events is not waited for.
    const headers = ["-H", `Authorization: Bearer ${KEY}`, "-H", "Accept: application/json"];
    const bounds = ["--max-examples", "25", "--seed", "1", "--phases", "examples,coverage,fuzzing", "--request-timeout", "30", "--no-color"];
    const checks = ["--checks", "all", "--exclude-checks", NOT_CHECKED.join(",")];
    const target = ["run", `${net.gatewayUrl}/v1/openapi.json`, "--url", net.gatewayUrl];
    const { code, stdout, stderr } = await run(program, [...target, ...headers, ...bounds, ...checks], { cwd: net.dir });
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /[1-9][0-9]* generated/, stdout);
    // It still serves, and the ledger still settles.
    const health = await fetch(`${net.gatewayUrl}/healthz`);
    assert.equal(health.status, 200, await health.text());
    const accounts = await fetch(`${net.gatewayUrl}/v1/accounts`, { headers: { Authorization: `Bearer ${KEY}` } });
    assert.equal(accounts.status, 200, "it listened to the end");
  });
});
