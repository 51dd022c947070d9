// forge: compile, create, script with broadcast, and tests on a fork of the ledger.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { E2E_DIR, network } from "../lib/network.mjs";
import { foundry, output } from "../lib/tools.mjs";

const PROJECT = path.join(E2E_DIR, "forge");

describe("forge", () => {
  let net, env, vault, cash;
  const inProject = (program, ...arguments_) => output(foundry(program), arguments_, { env, cwd: PROJECT });
  const cast = (...arguments_) => inProject("cast", ...arguments_);
  before(async () => {
    net = await network();
    env = {
      ETH_RPC_URL: net.rpcUrl, PRIVATE_KEY: net.developer.privateKey, CHAIN_ID: String(net.chainId), DEVELOPER: net.developer.address,
      FOUNDRY_DISABLE_NIGHTLY_WARNING: "1", FOUNDRY_OFFLINE: "true",
    };
  });
  after(() => net?.stop());

  it("creates a contract", async () => {
    const constructor = ["--constructor-args", "77"];
    const made = await inProject("forge", "create", "src/Vault.sol:Cash", "--json", "--broadcast", "--private-key", net.developer.privateKey, ...constructor);
    const { deployedTo } = JSON.parse(made.slice(made.indexOf("{")));
    assert.equal(await cast("call", deployedTo, "totalSupply()(uint256)"), "77");
  });

  it("broadcasts a script of five transactions", async () => {
    const arguments_ = ["script/Deploy.s.sol:Deploy", "--rpc-url", net.rpcUrl, "--broadcast", "--json"];
    const lines = (await inProject("forge", "script", ...arguments_)).split("\n").filter((line) => line.startsWith("{"));
    const { returns } = lines.map((line) => JSON.parse(line)).find((line) => line.returns);
    [vault, cash] = [returns.vault.value, returns.cash.value];
    assert.equal(await cast("call", vault, "totalAssets()(uint256)"), "375000 [3.75e5]");
    assert.equal(await cast("call", cash, "balanceOf(address)(uint256)", net.developer.address), "625000 [6.25e5]");
  });

  it("runs tests on a fork of the ledger", async () => {
    env.VAULT = vault;
    const report = await inProject("forge", "test", "--fork-url", net.rpcUrl);
    assert.match(report, /3 passed/);
    assert.match(report, /0 failed/);
  });
});
