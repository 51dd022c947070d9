// OpenZeppelin as published: tokens, roles, permits, proxies and timelocks from the bytecode in its packages.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Contract, Interface, ZeroAddress, ZeroHash, id } from "ethers";
import { artifact, deploy } from "../lib/artifacts.mjs";
import { developer, final, fresh } from "../lib/ethers.mjs";
import { network } from "../lib/network.mjs";
import { reverts } from "../lib/revert.mjs";

const release4 = (name) => artifact(`openzeppelin-contracts-4/build/contracts/${name}.json`);
const release5 = (name) => artifact(`@openzeppelin/contracts/build/contracts/${name}.json`);

describe("OpenZeppelin", () => {
  let net, owner, alice, bob;
  before(async () => {
    net = await network();
    owner = developer(net);
    alice = await fresh(owner);
    bob = await fresh(owner);
  });
  after(() => net?.stop());

  it("ERC20: roles, mint, transfer, allowance, burn and pause compute right amounts", async () => {
    const token = await deploy(release4("ERC20PresetMinterPauser"), owner, ["Test euro", "TEUR"]);
    await final(token.mint(alice.address, 1_000n));
    await final(token.connect(alice).transfer(bob.address, 300n));
    await final(token.connect(alice).approve(bob.address, 250n));
    await final(token.connect(bob).transferFrom(alice.address, bob.address, 200n));
    await final(token.connect(bob).burn(100n));
    assert.deepEqual(
      await Promise.all([token.balanceOf(alice), token.balanceOf(bob), token.totalSupply(), token.allowance(alice, bob)]),
      [500n, 400n, 900n, 50n],
    );
    await reverts(token.connect(alice).mint(alice.address, 1n), /must have minter role/);
    await reverts(token.connect(alice).transfer(bob.address, 501n), /exceeds balance/);
    await reverts(token.connect(bob).transferFrom(alice.address, bob.address, 51n), /insufficient allowance/);
    await final(token.pause());
    await reverts(token.connect(alice).transfer(bob.address, 1n), /paused/);
    await final(token.unpause());
    await final(token.connect(alice).transfer(bob.address, 1n));
    assert.equal(await token.balanceOf(bob), 401n);
  });

  it("AccessControl: a role is granted, used, and revoked", async () => {
    const token = await deploy(release4("ERC20PresetMinterPauser"), owner, ["Roles", "ROLE"]);
    const minter = id("MINTER_ROLE");
    await final(token.grantRole(minter, alice.address));
    assert.equal(await token.hasRole(minter, alice.address), true);
    await final(token.connect(alice).mint(bob.address, 7n));
    await final(token.revokeRole(minter, alice.address));
    await reverts(token.connect(alice).mint(bob.address, 7n), /missing role|must have minter role/);
    assert.equal(await token.balanceOf(bob), 7n);
    assert.equal(await token.getRoleMemberCount(ZeroHash), 1n);
  });

  it("ERC721: mint, enumerate, approve, transfer", async () => {
    const token = await deploy(release4("ERC721PresetMinterPauserAutoId"), owner, ["Bond", "BND", "urn:bond:"]);
    for (const to of [alice, alice, bob]) await final(token.mint(to.address));
    assert.equal(await token.tokenURI(2), "urn:bond:2");
    assert.equal(await token.tokenOfOwnerByIndex(alice.address, 1), 1n);
    await final(token.connect(alice).approve(bob.address, 0));
    await final(token.connect(bob).transferFrom(alice.address, bob.address, 0));
    assert.deepEqual([await token.balanceOf(alice), await token.balanceOf(bob)], [1n, 2n]);
    await reverts(token.connect(bob).transferFrom(alice.address, bob.address, 1), /not token owner or approved/);
  });

  it("ERC1155: batches move together or not at all", async () => {
    const token = await deploy(release4("ERC1155PresetMinterPauser"), owner, ["urn:{id}"]);
    await final(token.mintBatch(alice.address, [1, 2], [10, 20], "0x"));
    await final(token.connect(alice).safeBatchTransferFrom(alice.address, bob.address, [1, 2], [4, 20], "0x"));
    await reverts(
      token.connect(alice).safeBatchTransferFrom(alice.address, bob.address, [1, 2], [1, 1], "0x"),
      /insufficient balance/,
    );
    assert.deepEqual(
      [...(await token.balanceOfBatch([alice, alice, bob, bob].map((a) => a.address), [1, 2, 1, 2]))],
      [6n, 0n, 4n, 20n],
    );
  });

  it("transparent proxy: storage survives an upgrade, only the admin upgrades", async () => {
    const first = await deploy(release4("ERC20PresetFixedSupply"), owner, ["One", "ONE", 5n, alice.address]);
    const other = await deploy(release4("ERC20PresetFixedSupply"), owner, ["Two", "TWO", 9n, bob.address]);
    const read = first.interface.encodeFunctionData("totalSupply");
    const proxy = await deploy(release5("TransparentUpgradeableProxy"), owner, [first.target, alice.address, read]);
    const seen = new Contract(await proxy.getAddress(), first.interface, bob);
    assert.equal(await seen.totalSupply(), 0n, "the proxy has storage of its own");
    const slot = "0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103";
    const admin = new Contract(`0x${(await bob.provider.getStorage(proxy, slot)).slice(26)}`, release5("ProxyAdmin").abi, alice);
    assert.equal(await admin.owner(), alice.address);
    await reverts(admin.connect(bob).upgradeAndCall(proxy, other, read), "OwnableUnauthorizedAccount", admin);
    await final(admin.upgradeAndCall(proxy, other, read));
    const implementation = await bob.provider.getStorage(proxy, "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
    assert.equal(BigInt(implementation), BigInt(await other.getAddress()));
  });

  it("beacon proxy: one upgrade changes every proxy", async () => {
    const one = await deploy(release4("ERC20PresetFixedSupply"), owner, ["One", "ONE", 1n, alice.address]);
    const nft = await deploy(release4("ERC721"), owner, ["N", "N"]);
    const beacon = await deploy(release5("UpgradeableBeacon"), owner, [await one.getAddress(), await alice.getAddress()]);
    const decimals = one.interface.encodeFunctionData("decimals");
    const proxies = [];
    for (let n = 0; n < 2; n++) proxies.push(await deploy(release5("BeaconProxy"), owner, [beacon.target, decimals]));
    const erc165 = new Interface(["function supportsInterface(bytes4) view returns (bool)", "function decimals() view returns (uint8)"]);
    for (const proxy of proxies) assert.equal(await new Contract(proxy.target, erc165, bob).decimals(), 18n);
    await final(beacon.connect(alice).upgradeTo(nft));
    for (const proxy of proxies) assert.equal(await new Contract(proxy.target, erc165, bob).supportsInterface("0x80ac58cd"), true);
  });

  it("timelock: nothing before its time, the call after it", async () => {
    const timelock = await deploy(release5("TimelockController"), owner, [2, [alice.address], [ZeroAddress], ZeroAddress]);
    const token = await deploy(release4("ERC20PresetMinterPauser"), owner, ["Locked", "LCK"]);
    await final(token.grantRole(id("MINTER_ROLE"), await timelock.getAddress()));
    const call = [await token.getAddress(), 0, token.interface.encodeFunctionData("mint", [bob.address, 42n]), ZeroHash, id("salt")];
    await final(timelock.connect(alice).schedule(...call, 2));
    await reverts(timelock.connect(bob).execute(...call), "TimelockUnexpectedOperationState", timelock);
    const operation = await timelock.hashOperation(...call);
    for (let tries = 0; !(await timelock.isOperationReady(operation)); tries++) {
      assert.ok(tries < 100, "block time did not reach the timelock's delay");
      await final(alice.sendTransaction({ to: alice.address }));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await final(timelock.connect(bob).execute(...call));
    assert.equal(await token.balanceOf(bob.address), 42n);
  });

  it("vesting: what is released follows block time by the published formula", async () => {
    const token = await deploy(release4("ERC20PresetFixedSupply"), owner, ["V", "V", 1_000_000n, alice.address]);
    const start = (await owner.provider.getBlock("latest")).timestamp - 100;
    const vesting = await deploy(release5("VestingWallet"), owner, [bob.address, start, 1_000]);
    await final(token.connect(alice).transfer(vesting, 1_000_000n));
    const receipt = await final(vesting["release(address)"](token));
    const { timestamp } = await owner.provider.getBlock(receipt.blockNumber);
    assert.equal(await token.balanceOf(bob.address), (1_000_000n * BigInt(timestamp - start)) / 1_000n);
  });
});
