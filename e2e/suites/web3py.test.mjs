// web3.py: the suite itself is python/test_web3.py; this starts the network for it and reports each of its tests.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { E2E_DIR, network } from "../lib/network.mjs";
import { PYTHON, run } from "../lib/tools.mjs";

describe("web3.py", () => {
  let net;
  before(async () => (net = await network()));
  after(() => net?.stop());

  it("passes python/test_web3.py", async () => {
    const env = { RPC_URL: net.rpcUrl, WS_URL: net.wsUrl, PRIVATE_KEY: net.developer.privateKey, CHAIN_ID: String(net.chainId), E2E_DIR };
    const { code, stderr } = await run(PYTHON, ["-m", "unittest", "-v", "test_web3"], { env, cwd: path.join(E2E_DIR, "python") });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Ran [1-9][0-9]* tests/);
  });
});
