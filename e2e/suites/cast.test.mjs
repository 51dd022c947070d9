// cast: what an operator types.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Wallet } from "ethers";
import { artifact } from "../lib/artifacts.mjs";
import { network } from "../lib/network.mjs";
import { foundry, output, run } from "../lib/tools.mjs";

const token4 = artifact("openzeppelin-contracts-4/build/contracts/ERC20PresetFixedSupply.json");
const CONSTRUCTOR = "constructor(string,string,uint256,address)";

describe("cast", () => {
  let net, key, env;
  const cast = (...arguments_) => output(foundry("cast"), arguments_, { env });
  const casted = async (...arguments_) => JSON.parse(await cast(...arguments_, "--json"));
  before(async () => {
    net = await network();
    key = ["--private-key", net.developer.privateKey];
    env = { ETH_RPC_URL: net.rpcUrl };
  });
  after(() => net?.stop());

  it("reads chain, block, balance, nonce and client", async () => {
    assert.equal(await cast("chain-id"), String(net.chainId));
    assert.ok(BigInt(await cast("block-number")) >= 0n);
    const block = await casted("block", "latest");
    assert.equal((await casted("block", block.hash)).hash, block.hash);
    assert.ok(BigInt(await cast("balance", net.developer.address)) > 10n ** 18n);
    assert.match(await cast("nonce", net.developer.address), /^[0-9]+$/);
    assert.match(await cast("client"), /\S+/);
    assert.match(await cast("gas-price"), /^[0-9]+$/);
    assert.match(await cast("age", "latest"), /20[0-9][0-9]/);
  });

  it("recomputes the hash of a block from its header", async () => {
    const { hash } = await casted("block", "latest");
    assert.equal(await cast("keccak", await cast("block", hash, "--raw")), hash);
  });

  it("sends native units, legacy and EIP-1559, and shows receipt and transaction", async () => {
    for (const flags of [[], ["--legacy"]]) {
      const to = Wallet.createRandom().address;
      const receipt = await casted("send", to, "--value", "7wei", ...flags, ...key);
      assert.equal(receipt.status, "0x1");
      assert.equal(await cast("balance", to), "7");
      assert.equal((await casted("receipt", receipt.transactionHash)).blockHash, receipt.blockHash);
      assert.equal((await casted("tx", receipt.transactionHash)).value, "0x7");
      assert.match(await cast("tx", receipt.transactionHash, "--raw"), /^0x[0-9a-f]+$/);
    }
  });

  it("deploys, calls, sends, estimates, and finds the logs", async () => {
    const deployment = await casted("send", ...key, "--create", token4.bytecode, CONSTRUCTOR, "Token", "TKN", "1000", net.developer.address);
    const token = deployment.contractAddress;
    const to = Wallet.createRandom().address;
    assert.equal(await cast("call", token, "symbol()(string)"), '"TKN"');
    assert.ok(BigInt(await cast("estimate", token, "transfer(address,uint256)", to, "9", "--from", net.developer.address)) > 21_000n);
    const receipt = await casted("send", token, "transfer(address,uint256)", to, "9", ...key);
    assert.equal(await cast("call", token, "balanceOf(address)(uint256)", to), "9");
    const logs = await casted("logs", "--from-block", String(BigInt(receipt.blockNumber)), "--address", token, "Transfer(address indexed,address indexed,uint256)");
    assert.deepEqual(logs.map(({ data }) => BigInt(data)), [9n]);
    assert.match(await cast("codesize", token), /^[1-9][0-9]*$/);
    assert.equal(BigInt(await cast("storage", token, "2")), 1_000n);
  });

  it("is told why a call reverts, exit code and all", async () => {
    const deployment = await casted("send", ...key, "--create", token4.bytecode, CONSTRUCTOR, "Token", "TKN", "1", net.developer.address);
    const { code, stderr } = await run(foundry("cast"), ["call", "--from", net.developer.address, deployment.contractAddress, "transfer(address,uint256)", net.developer.address, "5"], { env });
    assert.notEqual(code, 0);
    assert.match(stderr, /transfer amount exceeds balance/);
  });

  it("replays a transaction on the node's tracer", async () => {
    const receipt = await casted("send", Wallet.createRandom().address, "--value", "1wei", ...key);
    const trace = await casted("rpc", "debug_traceTransaction", receipt.transactionHash, '{"tracer":"callTracer"}');
    assert.deepEqual([trace.type, trace.from, trace.value], ["CALL", net.developer.address.toLowerCase(), "0x1"]);
  });

  it("makes an access list", async () => {
    const list = await cast("access-list", net.developer.address, "--from", net.developer.address);
    assert.match(list, /gas used/i);
  });
});
