// ethers 6: wallets, contracts, events over HTTP and WebSocket, encrypted keys, permits, errors.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Contract, HDNodeWallet, Mnemonic, Signature, Transaction, Wallet, WebSocketProvider, ZeroAddress, encryptKeystoreJson, getCreateAddress, isError,
} from "ethers";
import { artifact, deploy } from "../lib/artifacts.mjs";
import { developer, final, fresh, provider } from "../lib/ethers.mjs";
import { network, onFlorinOnly } from "../lib/network.mjs";
import { reverts } from "../lib/revert.mjs";
import { until } from "../lib/wait.mjs";

const token4 = artifact("openzeppelin-contracts-4/build/contracts/ERC20PresetMinterPauser.json");
const NATIVE_TOKEN_ABI = [
  "function name() view returns (string)", "function symbol() view returns (string)", "function decimals() view returns (uint8)",
  "function totalSupply() view returns (uint256)", "function balanceOf(address) view returns (uint256)",
  "function allowance(address,address) view returns (uint256)", "function nonces(address) view returns (uint256)",
  "function transfer(address,uint256) returns (bool)", "function approve(address,uint256) returns (bool)",
  "function transferFrom(address,address,uint256) returns (bool)",
  "function permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
  "function DOMAIN_SEPARATOR() view returns (bytes32)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
];

describe("ethers", () => {
  let net, owner, http;
  before(async () => {
    net = await network();
    http = provider(net);
    owner = developer(net, http);
  });
  after(() => net?.stop());

  it("sees network, block and account", async () => {
    assert.equal((await http.getNetwork()).chainId, BigInt(net.chainId));
    const block = await http.getBlock("latest", true);
    assert.equal((await http.getBlock(block.hash)).number, block.number);
    assert.ok((await http.getBalance(owner.address)) > 10n ** 18n);
    assert.equal(await http.getCode(owner.address), "0x");
  });

  it("signs offline, broadcasts, and finds the transaction and receipt by the hash it computed", async () => {
    const unsigned = { type: 2, chainId: net.chainId, nonce: await owner.getNonce(), to: ZeroAddress, value: 3n, gasLimit: 21_000n, maxFeePerGas: 3n * 10n ** 9n, maxPriorityFeePerGas: 0n };
    const raw = await owner.signTransaction(unsigned);
    const sent = await http.broadcastTransaction(raw);
    assert.equal(sent.hash, Transaction.from(raw).hash);
    const receipt = await sent.wait();
    assert.deepEqual([receipt.status, receipt.gasUsed], [1, 21_000n]);
    const seen = await http.getTransaction(sent.hash);
    assert.equal(Transaction.from(seen).serialized, raw);
  });

  it("refuses what it must, with Ethereum's reasons", async () => {
    const poor = Wallet.createRandom().connect(http);
    await assert.rejects(poor.sendTransaction({ to: ZeroAddress, value: 1n, gasLimit: 21_000n }), (error) => isError(error, "INSUFFICIENT_FUNDS"));
    const nonce = (await owner.getNonce()) - 1;
    await assert.rejects(owner.sendTransaction({ to: ZeroAddress, nonce, gasLimit: 21_000n }), (error) => isError(error, "NONCE_EXPIRED"));
    const other = { type: 2, chainId: net.chainId + 1, nonce: nonce + 1, to: ZeroAddress, gasLimit: 21_000n, maxFeePerGas: 10n ** 9n, maxPriorityFeePerGas: 0n };
    await assert.rejects(http.broadcastTransaction(await owner.signTransaction(other)), /chain/i);
  });

  it("holds a nonce gap until it closes, in order", async () => {
    const account = await fresh(owner);
    const send = (nonce) => account.sendTransaction({ to: ZeroAddress, nonce, gasLimit: 21_000n });
    const late = [await send(2), await send(1)];
    assert.equal(await http.getTransactionReceipt(late[0].hash), null);
    const receipts = await Promise.all([send(0), ...late].map(final));
    const order = receipts.map((receipt) => receipt.blockNumber * 1_000 + receipt.index);
    assert.ok(order[0] < order[2] && order[2] < order[1], `order ${order}`);
  });

  it("derives the same accounts from a mnemonic, and opens an encrypted keystore", async () => {
    const phrase = Mnemonic.fromEntropy("0x000102030405060708090a0b0c0d0e0f").phrase;
    const account = HDNodeWallet.fromPhrase(phrase).connect(http);
    assert.equal(account.address, "0x83f1caAdaBeEC2945b73087F803d404F054Cc2B7", "the address that cast derives too");
    const before = await http.getBalance(account.address);
    await final(owner.sendTransaction({ to: account.address, value: 10n }));
    assert.equal((await http.getBalance(account.address)) - before, 10n);
    const opened = await Wallet.fromEncryptedJson(await encryptKeystoreJson(account, "correct horse", { scrypt: { N: 1 << 10 } }), "correct horse");
    assert.equal(opened.address, account.address);
  });

  it("deploys at the address it predicts and queries events", async () => {
    const predicted = getCreateAddress({ from: owner.address, nonce: await owner.getNonce() });
    const token = await deploy(token4, owner, ["T", "T"]);
    assert.equal(token.target, predicted);
    const other = await fresh(owner, 0n);
    for (const amount of [4n, 5n]) await final(token.mint(other.address, amount));
    const events = await token.queryFilter(token.filters.Transfer(null, other.address));
    assert.deepEqual(events.map(({ args }) => args.value), [4n, 5n]);
    await reverts(token.transfer(other.address, 1n), /exceeds balance/);
  });

  it("listens to blocks, events and pending transactions over WebSocket", async () => {
    const socket = new WebSocketProvider(net.wsUrl, net.chainId, { staticNetwork: true });
    try {
      const token = await deploy(token4, owner, ["W", "W"]);
      const [blocks, values, pending] = [[], [], []];
      await socket.on("block", (number) => blocks.push(number));
      await socket.on("pending", (hash) => pending.push(hash));
      await new Contract(token.target, token4.abi, socket).on("Transfer", (_from, _to, value) => values.push(value));
      await socket.getBlockNumber();
      const receipt = await final(token.mint(owner.address, 77n));
      await until(() => values.includes(77n) && blocks.includes(receipt.blockNumber), { what: "event and block over WebSocket" });
      await until(() => pending.includes(receipt.hash), { what: "pending transaction over WebSocket" });
      assert.equal(values.length, 1);
    } finally {
      await socket.destroy();
    }
  });

  it("pays in a currency of the ledger as in any ERC-20, permit included", { skip: onFlorinOnly }, async () => {
    const { address, symbol } = net.tokens[0];
    const token = new Contract(address, NATIVE_TOKEN_ABI, http);
    assert.equal(await token.symbol(), symbol);
    const holders = await Promise.all(net.accounts.map(async (account) => ({ ...account, held: await token.balanceOf(account.address) })));
    const rich = holders.reduce((most, holder) => (holder.held > most.held ? holder : most));
    assert.ok(rich.held > 1_000n, `no account of the demo holds ${symbol}`);
    const payer = new Wallet(rich.privateKey, http);
    const payee = holders.find(({ address: other }) => other !== rich.address).address;
    const before = await token.balanceOf(payee);
    const receipt = await final(token.connect(payer).transfer(payee, 250n));
    const [event] = receipt.logs.map((log) => token.interface.parseLog(log)).filter((log) => log?.name === "Transfer");
    assert.deepEqual([event.args.from, event.args.to, event.args.value], [payer.address, payee, 250n]);
    assert.equal((await token.balanceOf(payee)) - before, 250n);
    assert.equal(await token.balanceOf(payer.address), rich.held - 250n);

    const domain = { name: await token.name(), version: "1", chainId: net.chainId, verifyingContract: address };
    const types = { Permit: ["owner:address", "spender:address", "value:uint256", "nonce:uint256", "deadline:uint256"].map((field) => ({ name: field.split(":")[0], type: field.split(":")[1] })) };
    const permit = { owner: payer.address, spender: payee, value: 40n, nonce: await token.nonces(payer.address), deadline: 99_999_999_999n };
    const { v, r, s } = Signature.from(await payer.signTypedData(domain, types, permit));
    await final(token.connect(owner).permit(permit.owner, permit.spender, permit.value, permit.deadline, v, r, s));
    assert.equal(await token.allowance(payer.address, payee), 40n);
    await assert.rejects(token.connect(owner).permit.staticCall(permit.owner, permit.spender, permit.value, permit.deadline, v, r, s));
  });
});
