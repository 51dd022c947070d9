// Bonds elect who signs while payments go on: real processes, real keys. Nobody votes about anything.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { Contract, MaxUint256, Wallet } from "ethers";
import { Book } from "../lib/book.mjs";
import { committeeOf, goesOn, keysOf, signs } from "../lib/committee.mjs";
import { provider } from "../lib/ethers.mjs";
import { machines } from "../lib/machines.mjs";
import { FREE, moduleContracts } from "../lib/modules.mjs";
import { FLORIN_BIN, onFlorinOnly } from "../lib/network.mjs";
import { reverts } from "../lib/revert.mjs";
import { until } from "../lib/wait.mjs";

const CHAIN_ID = 46_133;
const EPOCH_BLOCKS = 32;
const BOND_MIN = 1_000n;
const BALANCE = 1_000_000n;
const UNBONDING_EPOCHS = 6;
/** Results of an election, as in IStaking. */
const RESULT = { newList: 1n, sameList: 2n, tooFewNodes: 3n };

describe("a committee that bonds elect", { skip: onFlorinOnly }, () => {
  let net, first, joiner, book, bonders, admin, networkKey;
  const { abis, module, act } = moduleContracts();
  const staking = () => module("IStaking", admin);
  const tokenOf = async () => new Contract((await staking().stakeTerms()).token, abis.IToken, admin);

  before(async () => {
    const wallets = (count) => Array.from({ length: count }, () => Wallet.createRandom());
    const [banks, payers] = [wallets(5), wallets(3)];
    const accounts = [...banks, ...payers].map(({ address }) => address);
    const stake = {
      bonders: accounts.slice(0, banks.length), balance: BALANCE, validatorsMax: 4, bondMin: BOND_MIN,
      unbondingEpochs: UNBONDING_EPOCHS, slashedTo: payers[0].address,
    };
    net = await machines({ count: 4, joining: 1, accounts, chainId: CHAIN_ID, epochBlocks: EPOCH_BLOCKS, seats: accounts.slice(0, 3), stake });
    ({ validators: first, joining: [joiner] } = net);
    book = new Book({ chainId: CHAIN_ID, wallets: payers, validators: [first[3], first[2]] });
    const on = provider({ rpcUrl: first[3].rpcUrl, chainId: CHAIN_ID });
    bonders = banks.map((bank) => bank.connect(on));
    [admin] = bonders;
    networkKey = (await first[3].call("florin_validators")).networkKey;
  });
  after(async () => {
    book?.abandon();
    admin?.provider?.destroy();
    await net?.remove();
  });

  /** Waits for an election that ends like this. */
  const elected = async (...results) => {
    const { epoch: before } = await staking().lastElection();
    const last = async () => {
      const { epoch, result } = await staking().lastElection();
      return epoch > before && results.includes(result);
    };
    await until(last, { what: `an election after epoch ${before} that ends with ${results}`, timeoutMs: 120_000, everyMs: 250 });
  };

  it("before anybody has bonded, those of the genesis file stay", async () => {
    await elected(RESULT.tooFewNodes);
    assert.deepEqual(await committeeOf(first[3]), keysOf(first));
  });

  it("a bond is the institution's, large enough, and for a node that is registered", async () => {
    const bond = async (by, node, amount, error) => reverts(module("IStaking", by).bond.staticCall(node, amount), error, staking());
    await bond(bonders[1], first[0].publicKey, BOND_MIN, "InstitutionRequired");
    await bond(bonders[0], first[0].publicKey, BOND_MIN - 1n, "BondTooSmall");
    await bond(bonders[0], joiner.publicKey, BOND_MIN, "NodeUnregistered");
  });

  it("four bond and are elected", async () => {
    for (const [n, { publicKey }] of first.entries()) await act("IStaking", "bond", bonders[n], publicKey, BOND_MIN + BigInt(n));
    assert.equal(await staking().bondCount(), 4n);
    const { bonded } = await staking().bondOf(first[3].publicKey);
    assert.equal(bonded, BOND_MIN + 3n);
    await elected(RESULT.newList, RESULT.sameList);
    await goesOn(first, EPOCH_BLOCKS, "four");
    assert.deepEqual(await committeeOf(first[3]), keysOf(first));
  });

  it("a fifth bonds more, and takes the place of the lowest", async () => {
    await act("IPermission", "addNode", admin, joiner.publicKey, joiner.name, joiner.endpoint);
    await act("IStaking", "nameInstitution", admin, joiner.publicKey, bonders[4].address);
    joiner.start();
    await joiner.ready();
    await act("IStaking", "bond", bonders[4], joiner.publicKey, 5n * BOND_MIN);
    await act("IPermission", "declareNodeReady", admin, joiner.publicKey);
    const { nodes } = await staking().wouldElect();
    assert.deepEqual([...nodes].sort(), keysOf([first[1], first[2], first[3], joiner]));
    const signing = [first[1], first[2], first[3], joiner];
    await signs(signing, [...signing, first[0]]);
    await goesOn(signing, EPOCH_BLOCKS, "three of the first, and the new one");
    assert.equal((await joiner.call("florin_validators")).networkKey, networkKey, "the network's key stays");
  });

  it("one of the four may fail, the new one too", async () => {
    await joiner.kill();
    await goesOn([first[1], first[2], first[3]], 10, "without the new one");
    joiner.start();
    await joiner.ready();
    await goesOn([first[1], first[2], first[3], joiner], 5, "the new four");
  });

  it("who lost its place gets its bond back, after the time for which it answers", async () => {
    const token = await tokenOf();
    const node = first[0].publicKey;
    const all = token.connect(bonders[0]).transfer.staticCall(bonders[1].address, BALANCE);
    await assert.rejects(all, "what is bonded cannot be paid away");
    await act("IStaking", "unbond", bonders[0], node, MaxUint256);
    await reverts(module("IStaking", bonders[0]).withdraw.staticCall(node), "NothingToWithdraw", staking());
    const free = async () => module("IStaking", bonders[0]).withdraw.staticCall(node).then((amount) => amount === BOND_MIN, () => false);
    await until(free, { what: `the bond is free after ${UNBONDING_EPOCHS} epochs`, timeoutMs: 300_000, everyMs: 500 });
    await act("IStaking", "withdraw", bonders[0], node);
    assert.equal(await staking().bondCount(), 4n);
    await (await token.connect(bonders[0]).transfer(bonders[1].address, BALANCE, FREE)).wait();
  });

  it("every payment is final once, and what the new validator signed is verified offline", async () => {
    assert.deepEqual(await book.close(60_000), []);
    assert.ok(book.acknowledged.length > 200, `only ${book.acknowledged.length} payments were under way`);
    for (const machine of [first[3], joiner]) assert.deepEqual((await book.differences(machine)).slice(0, 5), []);
    console.log(`stake: ${book.acknowledged.length} payments final once`);
    await joiner.stop();
    assert.match(execFileSync(FLORIN_BIN, ["inspect", "verify", "--dir", joiner.dir], { encoding: "utf8" }), /everything is sound/);
  });
});
