const assert = require("node:assert/strict");
const { ethers, network } = require("hardhat");

describe("escrow of OpenZeppelin 5 contracts", () => {
  let owner, seller, currency, bond, escrow;
  const made = async (name) => (await ethers.deployContract(name)).waitForDeployment();
  const final = async (sending) => (await sending).wait();

  /** The call fails with this custom error of the contract, recognised by the data that the node gives with it. */
  const reverts = (sending, contract, name) =>
    assert.rejects(sending, (error) => String(error.data?.data ?? error.data).startsWith(contract.interface.getError(name).selector));

  before(async () => {
    [owner] = await ethers.getSigners();
    seller = ethers.Wallet.createRandom().connect(ethers.provider);
    await final(owner.sendTransaction({ to: seller.address, value: 10n ** 18n }));
    [currency, bond, escrow] = [await made("Currency"), await made("Bond"), await made("Escrow")];
  });

  it("runs on the ledger, not on Hardhat's own network", async () => {
    assert.equal(network.name, "florin");
    assert.equal((await ethers.provider.getNetwork()).chainId, BigInt(process.env.CHAIN_ID));
  });

  it("lets only the issuer mint", async () => {
    await reverts(currency.mint(owner.address, 1n), currency, "AccessControlUnauthorizedAccount");
    await final(currency.grantRole(await currency.ISSUER(), owner.address));
    await final(currency.mint(owner.address, 1_000n));
    assert.equal(await currency.totalSupply(), 1_000n);
  });

  it("settles both legs or none", async () => {
    await final(bond.mint(seller.address, 7));
    await final(bond.connect(seller).approve(escrow, 7));
    await final(currency.approve(escrow, 600n));
    const settle = (price, from = owner) => escrow.connect(from).settle(bond, 7, currency, price, seller.address, owner.address);
    await reverts(settle(601n), currency, "ERC20InsufficientAllowance");
    await reverts(settle(600n, seller), escrow, "WrongBuyer");
    assert.equal(await bond.ownerOf(7), seller.address);
    await final(settle(600n));
    assert.equal(await bond.ownerOf(7), owner.address);
    assert.deepEqual([await currency.balanceOf(owner), await currency.balanceOf(seller)], [400n, 600n]);
  });
});
