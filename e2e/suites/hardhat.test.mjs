// Hardhat 2: compile with OpenZeppelin 5, deploy, and its own mocha tests against the ledger.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { E2E_DIR, network } from "../lib/network.mjs";
import { run, tool } from "../lib/tools.mjs";

describe("Hardhat", () => {
  let net;
  before(async () => (net = await network()));
  after(() => net?.stop());

  it("passes hardhat/test", async () => {
    const env = { RPC_URL: net.rpcUrl, CHAIN_ID: String(net.chainId), PRIVATE_KEY: net.developer.privateKey, HARDHAT_DISABLE_TELEMETRY_PROMPT: "true", CI: "true" };
    const { code, stdout, stderr } = await run(tool("hardhat"), ["--config", "hardhat.config.cjs", "test"], { env, cwd: path.join(E2E_DIR, "hardhat") });
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /3 passing/);
  });
});
