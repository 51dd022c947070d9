// Uniswap V3 as published: a concentrated position and swaps, checked against Q64.96 arithmetic computed here.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Contract, MaxUint256, ZeroAddress } from "ethers";
import { artifact, deploy } from "../lib/artifacts.mjs";
import { developer, final, fresh } from "../lib/ethers.mjs";
import { network } from "../lib/network.mjs";
import { reverts } from "../lib/revert.mjs";

const published = (folder, path) => artifact(`@uniswap/v3-${folder}/artifacts/contracts/${path}.json`);
const token4 = artifact("openzeppelin-contracts-4/build/contracts/ERC20PresetFixedSupply.json");
const FAR = 99_999_999_999n;
const Q96 = 1n << 96n;
const FEE_PIPS = 3_000n;
const TICK = 6_000;

const ceilDiv = (numerator, denominator) => (numerator + denominator - 1n) / denominator;

function squareRoot(value) {
  let root = value;
  for (let next = (root + 1n) / 2n; next < root; next = (root + value / root) / 2n) root = next;
  return root;
}

/** sqrt(1.0001^tick) as Q64.96 from 1.0001^|tick| in 512-bit fixed point: independent of the contract's tables. */
function sqrtPriceAt(tick) {
  const bits = 512n;
  let power = 1n << bits;
  for (let n = 0; n < Math.abs(tick); n++) power = (power * 10_001n) / 10_000n;
  const price = tick < 0 ? (1n << (2n * bits)) / power : power;
  return squareRoot((price << 192n) >> bits);
}

const afterFee = (input) => (input * (1_000_000n - FEE_PIPS)) / 1_000_000n;

/** Output of a swap of the first token that crosses no tick. */
function outputOfFirst(input, price, liquidity) {
  const next = ceilDiv((liquidity << 96n) * price, (liquidity << 96n) + afterFee(input) * price);
  return { output: (liquidity * (price - next)) / Q96, next };
}

/** Output of a swap of the second token that crosses no tick. */
function outputOfSecond(input, price, liquidity) {
  const next = price + (afterFee(input) << 96n) / liquidity;
  return { output: ((liquidity << 96n) * (next - price)) / next / price, next };
}

describe("Uniswap V3", () => {
  let net, owner, trader, positions, router, tokens, pool, liquidity;
  before(async () => {
    net = await network();
    owner = developer(net);
    trader = await fresh(owner);
    const address = await owner.getAddress();
    const factory = await deploy(published("core", "UniswapV3Factory.sol/UniswapV3Factory"), owner);
    const weth = await deploy(artifact("@uniswap/v2-periphery/build/WETH9.json"), owner);
    const arguments_ = [factory.target, weth.target];
    router = await deploy(published("periphery", "SwapRouter.sol/SwapRouter"), owner, arguments_);
    const manager = published("periphery", "NonfungiblePositionManager.sol/NonfungiblePositionManager");
    positions = await deploy(manager, owner, [...arguments_, ZeroAddress]);
    const made = [];
    for (const name of ["P", "Q"]) made.push(await deploy(token4, owner, [name, name, 10n ** 30n, address]));
    tokens = made.sort((x, y) => (BigInt(x.target) < BigInt(y.target) ? -1 : 1));
    for (const token of tokens) {
      await final(token.approve(positions, MaxUint256));
      await final(token.transfer(trader, 10n ** 24n));
      await final(token.connect(trader).approve(router, MaxUint256));
    }
    await final(positions.createAndInitializePoolIfNecessary(tokens[0], tokens[1], FEE_PIPS, 2n * Q96));
    pool = new Contract(await factory.getPool(tokens[0], tokens[1], FEE_PIPS), published("core", "UniswapV3Pool.sol/UniswapV3Pool").abi, owner);
  });
  after(() => net?.stop());

  it("mints a position that takes the amounts of its range", async () => {
    const tick = Number((await pool.slot0()).tick);
    const middle = Math.round(tick / 60) * 60;
    const [lower, upper] = [middle - TICK, middle + TICK];
    const address = await owner.getAddress();
    const before = await Promise.all(tokens.map((token) => token.balanceOf(address)));
    const mint = { token0: tokens[0], token1: tokens[1], fee: FEE_PIPS, tickLower: lower, tickUpper: upper, recipient: address, deadline: FAR };
    await final(positions.mint({ ...mint, amount0Desired: 10n ** 21n, amount1Desired: 4n * 10n ** 21n, amount0Min: 0, amount1Min: 0 }));
    const paid = await Promise.all(tokens.map(async (token, n) => before[n] - (await token.balanceOf(address))));
    liquidity = await pool.liquidity();
    const [price, low, high] = [2n * Q96, sqrtPriceAt(lower), sqrtPriceAt(upper)];
    const near = (seen, expected, what) => {
      const error = seen > expected ? seen - expected : expected - seen;
      assert.ok(error * 10n ** 15n <= expected, `${what}: ${seen} is not ${expected} to 15 digits`);
    };
    near(paid[0], ceilDiv((liquidity << 96n) * (high - price), high * price), "first token");
    near(paid[1], ceilDiv(liquidity * (price - low), Q96), "second token");
    assert.ok(paid[0] === 10n ** 21n || paid[1] === 4n * 10n ** 21n, "one side is used up whole");
    assert.equal(await positions.ownerOf(1), address);
  });

  it("swaps both ways to the exact unit", async () => {
    for (const [n, input] of [[0, 10n ** 18n], [1, 123_456_789_012_345_678n], [0, 7n], [1, 10n ** 19n + 3n]]) {
      const price = (await pool.slot0()).sqrtPriceX96;
      const expected = (n === 0 ? outputOfFirst : outputOfSecond)(input, price, liquidity);
      const swap = { tokenIn: tokens[n], tokenOut: tokens[1 - n], fee: FEE_PIPS, recipient: trader, deadline: FAR };
      const before = await tokens[1 - n].balanceOf(trader);
      await final(router.connect(trader).exactInputSingle({ ...swap, amountIn: input, amountOutMinimum: 0, sqrtPriceLimitX96: 0 }));
      assert.equal((await tokens[1 - n].balanceOf(trader)) - before, expected.output, `${input} of token ${n}`);
      assert.equal((await pool.slot0()).sqrtPriceX96, expected.next);
    }
  });

  it("refuses less than the minimum output", async () => {
    const price = (await pool.slot0()).sqrtPriceX96;
    const { output } = outputOfFirst(10n ** 18n, price, liquidity);
    const swap = { tokenIn: tokens[0], tokenOut: tokens[1], fee: FEE_PIPS, recipient: trader, deadline: FAR, sqrtPriceLimitX96: 0 };
    await reverts(router.connect(trader).exactInputSingle({ ...swap, amountIn: 10n ** 18n, amountOutMinimum: output + 1n }), /Too little received/);
  });

  it("pays the collected fees to the position's owner", async () => {
    const address = await owner.getAddress();
    const before = await tokens[0].balanceOf(address);
    const most = (1n << 128n) - 1n;
    await final(positions.collect({ tokenId: 1, recipient: address, amount0Max: most, amount1Max: most }));
    const fee = (await tokens[0].balanceOf(address)) - before;
    const charged = ceilDiv(10n ** 18n * FEE_PIPS, 1_000_000n);
    assert.ok(fee <= charged + 2n && fee >= charged - 2n, `fees ${fee}, charged ${charged}`);
  });
});
