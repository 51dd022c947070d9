// Uniswap V2 as published: pairs by CREATE2, liquidity, swaps checked against the formula computed here in integers.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Contract, MaxUint256, getCreate2Address, keccak256, solidityPackedKeccak256 } from "ethers";
import { artifact, deploy } from "../lib/artifacts.mjs";
import { developer, final, fresh } from "../lib/ethers.mjs";
import { network } from "../lib/network.mjs";
import { reverts } from "../lib/revert.mjs";

const core = (name) => artifact(`@uniswap/v2-core/build/${name}.json`);
const periphery = (name) => artifact(`@uniswap/v2-periphery/build/${name}.json`);
const token4 = artifact("openzeppelin-contracts-4/build/contracts/ERC20PresetFixedSupply.json");
const FAR = 99_999_999_999n;
const LOCKED_LIQUIDITY = 1_000n;

const outputOf = (input, reserveIn, reserveOut) => (input * 997n * reserveOut) / (reserveIn * 1_000n + input * 997n);
const inputFor = (output, reserveIn, reserveOut) => (reserveIn * output * 1_000n) / ((reserveOut - output) * 997n) + 1n;

function squareRoot(value) {
  let root = value;
  for (let next = (root + 1n) / 2n; next < root; next = (root + value / root) / 2n) root = next;
  return root;
}

describe("Uniswap V2", () => {
  let net, owner, trader, factory, weth, router, a, b, pair;
  before(async () => {
    net = await network();
    owner = developer(net);
    trader = await fresh(owner, 10n ** 19n);
    const address = await owner.getAddress();
    factory = await deploy(core("UniswapV2Factory"), owner, [address]);
    weth = await deploy(periphery("WETH9"), owner);
    router = await deploy(periphery("UniswapV2Router02"), owner, [factory.target, weth.target]);
    a = await deploy(token4, owner, ["A", "A", 10n ** 30n, address]);
    b = await deploy(token4, owner, ["B", "B", 10n ** 30n, address]);
    for (const token of [a, b]) {
      await final(token.approve(router, MaxUint256));
      await final(token.transfer(trader, 10n ** 24n));
      await final(token.connect(trader).approve(router, MaxUint256));
    }
  });
  after(() => net?.stop());

  const reserves = async () => {
    const [first, second] = await pair.getReserves();
    return BigInt(a.target) < BigInt(b.target) ? [first, second] : [second, first];
  };

  it("makes the pair at its CREATE2 address, with the published init code", async () => {
    await final(factory.createPair(a, b));
    const sorted = [a.target, b.target].sort((x, y) => (BigInt(x) < BigInt(y) ? -1 : 1));
    const initCodeHash = keccak256(`0x${core("UniswapV2Pair").bytecode.replace(/^0x/, "")}`);
    const expected = getCreate2Address(factory.target, solidityPackedKeccak256(["address", "address"], sorted), initCodeHash);
    assert.equal(await factory.getPair(a, b), expected);
    pair = new Contract(expected, core("UniswapV2Pair").abi, owner);
  });

  it("gives the first provider the geometric mean less the locked minimum", async () => {
    const [x, y] = [3n * 10n ** 21n, 7n * 10n ** 20n];
    await final(router.addLiquidity(a, b, x, y, 0, 0, await owner.getAddress(), FAR));
    assert.equal(await pair.balanceOf(await owner.getAddress()), squareRoot(x * y) - LOCKED_LIQUIDITY);
    assert.deepEqual(await reserves(), [x, y]);
  });

  it("swaps exact inputs and exact outputs by the formula, and the product never falls", async () => {
    for (const amount of [1n, 997n, 10n ** 15n, 5n * 10n ** 18n + 1n]) {
      const [x, y] = await reserves();
      const before = await b.balanceOf(trader);
      const [expectedOut, expectedIn] = [outputOf(amount, x, y), inputFor(amount, x, y)];
      if (expectedOut === 0n) {
        await reverts(router.connect(trader).swapExactTokensForTokens(amount, 0, [a, b], trader, FAR), /INSUFFICIENT_OUTPUT_AMOUNT/);
      } else {
        await final(router.connect(trader).swapExactTokensForTokens(amount, 0, [a, b], trader, FAR));
        assert.equal((await b.balanceOf(trader)) - before, expectedOut);
      }
      const [x1, y1] = await reserves();
      assert.ok(x1 * y1 >= x * y, "k fell");
      assert.equal((await router.getAmountsIn(amount, [a, b]))[0], inputFor(amount, x1, y1));
      assert.ok(expectedIn > 0n);
      const paidBefore = await a.balanceOf(trader);
      await final(router.connect(trader).swapTokensForExactTokens(amount, MaxUint256, [a, b], trader, FAR));
      assert.equal(paidBefore - (await a.balanceOf(trader)), inputFor(amount, x1, y1));
    }
  });

  it("enforces minimum output and deadline", async () => {
    const [x, y] = await reserves();
    const minimum = outputOf(10n ** 18n, x, y) + 1n;
    await reverts(router.connect(trader).swapExactTokensForTokens(10n ** 18n, minimum, [a, b], trader, FAR), /INSUFFICIENT_OUTPUT_AMOUNT/);
    await reverts(router.connect(trader).swapExactTokensForTokens(10n ** 18n, 0, [a, b], trader, 1), /EXPIRED/);
  });

  it("takes the native unit through WETH, over two hops", async () => {
    await final(router.addLiquidityETH(b, 10n ** 21n, 0, 0, await owner.getAddress(), FAR, { value: 10n ** 18n }));
    const value = 10n ** 16n;
    const hop = outputOf(value, 10n ** 18n, 10n ** 21n);
    const [x, y] = await reserves();
    const before = await a.balanceOf(trader);
    await final(router.connect(trader).swapExactETHForTokens(0, [weth, b, a], trader, FAR, { value }));
    assert.equal((await a.balanceOf(trader)) - before, outputOf(hop, y, x));
  });

  it("returns liquidity pro rata, by permit signature", async () => {
    const address = await owner.getAddress();
    const [liquidity, supply, held] = [10n ** 20n, await pair.totalSupply(), await pair.balanceOf(address)];
    assert.ok(held > liquidity);
    const domain = { name: "Uniswap V2", version: "1", chainId: net.chainId, verifyingContract: pair.target };
    const fields = ["address owner", "address spender", "uint256 value", "uint256 nonce", "uint256 deadline"];
    const types = { Permit: fields.map((field) => ({ type: field.split(" ")[0], name: field.split(" ")[1] })) };
    const message = { owner: address, spender: router.target, value: liquidity, nonce: 0n, deadline: FAR };
    const { r, s, v } = (await import("ethers")).Signature.from(await owner.signTypedData(domain, types, message));
    const [x, y] = [await a.balanceOf(pair), await b.balanceOf(pair)];
    const before = [await a.balanceOf(address), await b.balanceOf(address)];
    await final(router.removeLiquidityWithPermit(a, b, liquidity, 0, 0, address, FAR, false, v, r, s));
    assert.deepEqual(
      [(await a.balanceOf(address)) - before[0], (await b.balanceOf(address)) - before[1]],
      [(liquidity * x) / supply, (liquidity * y) / supply],
    );
  });
});
