// Safe 1.4.1 as published: a two-of-three wallet that pays, batches and changes its owners.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Contract, Signature, ZeroAddress, concat, getCreate2Address, keccak256, solidityPacked, toBeHex, toUtf8Bytes, zeroPadValue } from "ethers";
import { artifact, deploy } from "../lib/artifacts.mjs";
import { developer, final, fresh } from "../lib/ethers.mjs";
import { network } from "../lib/network.mjs";
import { reverts } from "../lib/revert.mjs";

const published = (path) => artifact(`@safe-global/safe-contracts/build/artifacts/contracts/${path}.json`);
const token4 = artifact("openzeppelin-contracts-4/build/contracts/ERC20PresetFixedSupply.json");
const [CALL, DELEGATE_CALL] = [0, 1];
const TYPES = {
  SafeTx: [
    ["address", "to"], ["uint256", "value"], ["bytes", "data"], ["uint8", "operation"], ["uint256", "safeTxGas"],
    ["uint256", "baseGas"], ["uint256", "gasPrice"], ["address", "gasToken"], ["address", "refundReceiver"], ["uint256", "nonce"],
  ].map(([type, name]) => ({ type, name })),
};

describe("Safe", () => {
  let net, deployer, owners, safe, token, multiSend, singleton, factory;
  before(async () => {
    net = await network();
    deployer = developer(net);
    owners = [];
    for (let n = 0; n < 3; n++) owners.push(await fresh(deployer));
    owners.sort((x, y) => (BigInt(x.address) < BigInt(y.address) ? -1 : 1));
    singleton = await deploy(published("SafeL2.sol/SafeL2"), deployer);
    factory = await deploy(published("proxies/SafeProxyFactory.sol/SafeProxyFactory"), deployer);
    multiSend = await deploy(published("libraries/MultiSend.sol/MultiSend"), deployer);
  });
  after(() => net?.stop());

  /** Executes through the safe with the signatures of `signers`, sorted by address as the contract asks. */
  async function execute(signers, { to, value = 0n, data = "0x", operation = CALL }) {
    const nonce = await safe.nonce();
    const message = { to, value, data, operation, safeTxGas: 0n, baseGas: 0n, gasPrice: 0n, gasToken: ZeroAddress, refundReceiver: ZeroAddress, nonce };
    const domain = { chainId: net.chainId, verifyingContract: safe.target };
    const signatures = concat(await Promise.all(signers.map((signer) => signer.signTypedData(domain, TYPES, message))));
    return final(safe.execTransaction(to, value, data, operation, 0, 0, 0, ZeroAddress, ZeroAddress, signatures));
  }

  it("is created at its CREATE2 address with three owners and a threshold of two", async () => {
    const handler = await deploy(published("handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler"), deployer);
    const setup = [owners.map((o) => o.address), 2, ZeroAddress, "0x", handler.target, ZeroAddress, 0, ZeroAddress];
    const initializer = singleton.interface.encodeFunctionData("setup", setup);
    const salt = keccak256(solidityPacked(["bytes32", "uint256"], [keccak256(initializer), 7]));
    const code = concat([await factory.proxyCreationCode(), zeroPadValue(singleton.target, 32)]);
    const expected = getCreate2Address(factory.target, salt, keccak256(code));
    await final(factory.createProxyWithNonce(singleton, initializer, 7));
    safe = new Contract(expected, singleton.interface, deployer);
    assert.deepEqual([...(await safe.getOwners())], owners.map((o) => o.address));
    assert.equal(await safe.getThreshold(), 2n);
    assert.equal(await safe.VERSION(), "1.4.1");
  });

  it("pays native units with two signatures and refuses one", async () => {
    await final(deployer.sendTransaction({ to: safe.target, value: 1_000n }));
    const receiver = await fresh(deployer, 0n);
    await assert.rejects(execute([owners[0]], { to: receiver.address, value: 400n }), /GS020/);
    await assert.rejects(execute([owners[1], owners[0]], { to: receiver.address, value: 400n }), /GS026/);
    await execute([owners[0], owners[2]], { to: receiver.address, value: 400n });
    assert.equal(await deployer.provider.getBalance(receiver.address), 400n);
    assert.equal(await deployer.provider.getBalance(safe.target), 600n);
  });

  it("moves tokens, several in one MultiSend, together or not at all", async () => {
    token = await deploy(token4, deployer, ["T", "T", 100n, safe.target]);
    const transfer = (to, amount) => {
      const data = token.interface.encodeFunctionData("transfer", [to, amount]);
      return solidityPacked(["uint8", "address", "uint256", "uint256", "bytes"], [CALL, token.target, 0, (data.length - 2) / 2, data]);
    };
    const batch = (...transfers) => ({ to: multiSend.target, data: multiSend.interface.encodeFunctionData("multiSend", [concat(transfers)]), operation: DELEGATE_CALL });
    const [one, two] = owners.map((o) => o.address);
    await execute(owners.slice(0, 2), batch(transfer(one, 10n), transfer(two, 20n)));
    assert.deepEqual([await token.balanceOf(one), await token.balanceOf(two), await token.balanceOf(safe)], [10n, 20n, 70n]);
    await assert.rejects(execute(owners.slice(0, 2), batch(transfer(one, 70n), transfer(two, 1n))), /GS013/);
    assert.deepEqual([await token.balanceOf(one), await token.balanceOf(safe)], [10n, 70n]);
  });

  it("emits the event with the hash of the transaction", async () => {
    const nonce = await safe.nonce();
    const hash = await safe.getTransactionHash(owners[0].address, 1n, "0x", CALL, 0, 0, 0, ZeroAddress, ZeroAddress, nonce);
    const receipt = await execute(owners.slice(1), { to: owners[0].address, value: 1n });
    const events = receipt.logs.filter((log) => log.address === safe.target).map((log) => safe.interface.parseLog(log));
    assert.equal(events.find((event) => event?.name === "ExecutionSuccess").args.txHash, hash);
  });

  it("changes its threshold through itself only", async () => {
    await reverts(safe.changeThreshold(3), /GS031/);
    await execute(owners.slice(0, 2), { to: safe.target, data: safe.interface.encodeFunctionData("changeThreshold", [3]) });
    await assert.rejects(execute(owners.slice(0, 2), { to: owners[0].address, value: 1n }), /GS020/);
    await execute(owners, { to: owners[0].address, value: 1n });
    assert.equal(await safe.getThreshold(), 3n);
  });

  it("answers ERC-1271 for a message its owners signed", async () => {
    const handler = new Contract(safe.target, published("handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler").abi, deployer);
    const digest = keccak256(toUtf8Bytes("statement of 2026-11-21"));
    const domain = { chainId: net.chainId, verifyingContract: safe.target };
    const types = { SafeMessage: [{ type: "bytes", name: "message" }] };
    const signed = await Promise.all(owners.map((o) => o.signTypedData(domain, types, { message: digest })));
    assert.equal(await handler["isValidSignature(bytes32,bytes)"](digest, concat(signed)), "0x1626ba7e");
    const broken = Signature.from(signed[0]);
    const forged = concat([toBeHex(BigInt(broken.r) ^ 1n, 32), broken.s, toBeHex(broken.v), ...signed.slice(1)]);
    await assert.rejects(handler["isValidSignature(bytes32,bytes)"](digest, forged), /GS026/);
  });
});
