// ERC-3643 (T-REX 4.1.6) as published: the whole suite from its factory, identities with signed claims, rules enforced.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { AbiCoder, Contract, Interface, Wallet, ZeroAddress, getBytes, id, keccak256 } from "ethers";
import { artifact, deploy } from "../lib/artifacts.mjs";
import { developer, final, fresh } from "../lib/ethers.mjs";
import { network } from "../lib/network.mjs";
import { reverts } from "../lib/revert.mjs";

const trex = (path) => artifact(`@tokenysolutions/t-rex/artifacts/contracts/${path}.json`);
const onchainId = (path) => artifact(`@onchain-id/solidity/artifacts/contracts/${path}.json`);
const registry = (name) => trex(`registry/implementation/${name}.sol/${name}`);
const encode = (types, values) => AbiCoder.defaultAbiCoder().encode(types, values);
const KNOW_YOUR_CUSTOMER = BigInt(id("KYC"));
const [CLAIM_PURPOSE, ECDSA] = [3, 1];
const [FRANCE, GERMANY, ATLANTIS] = [250, 276, 999];

describe("ERC-3643", () => {
  let net, owner, issuerKey, claimIssuer, identityAuthority, suite, investors;
  before(async () => {
    net = await network();
    owner = developer(net);
    issuerKey = Wallet.createRandom();
    const address = await owner.getAddress();
    const identityLibrary = await deploy(onchainId("Identity.sol/Identity"), owner, [address, true]);
    identityAuthority = await deploy(onchainId("proxy/ImplementationAuthority.sol/ImplementationAuthority"), owner, [identityLibrary.target]);
    claimIssuer = await deploy(onchainId("ClaimIssuer.sol/ClaimIssuer"), owner, [address]);
    await final(claimIssuer.addKey(keccak256(encode(["address"], [issuerKey.address])), CLAIM_PURPOSE, ECDSA));
    suite = await deploySuite(address);
    investors = {};
    for (const [name, country] of [["anne", FRANCE], ["boris", GERMANY], ["circe", ATLANTIS]]) investors[name] = await admit(country);
  });
  after(() => net?.stop());

  /** The factory's one transaction that deploys token, registries and compliance, with modules set. */
  async function deploySuite(address) {
    const authority = await deploy(trex("proxy/authority/TREXImplementationAuthority.sol/TREXImplementationAuthority"), owner, [true, ZeroAddress, ZeroAddress]);
    const implementations = {};
    for (const name of ["ClaimTopicsRegistry", "IdentityRegistry", "IdentityRegistryStorage", "TrustedIssuersRegistry"]) {
      implementations[name] = (await deploy(registry(name), owner)).target;
    }
    const token = await deploy(trex("token/Token.sol/Token"), owner);
    const compliance = await deploy(trex("compliance/modular/ModularCompliance.sol/ModularCompliance"), owner);
    await final(authority.addAndUseTREXVersion({ major: 4, minor: 1, patch: 6 }, {
      tokenImplementation: token, ctrImplementation: implementations.ClaimTopicsRegistry,
      irImplementation: implementations.IdentityRegistry, irsImplementation: implementations.IdentityRegistryStorage,
      tirImplementation: implementations.TrustedIssuersRegistry, mcImplementation: compliance,
    }));
    const identities = await deploy(onchainId("factory/IdFactory.sol/IdFactory"), owner, [identityAuthority.target]);
    const factory = await deploy(trex("factory/TREXFactory.sol/TREXFactory"), owner, [authority.target, identities.target]);
    await final(identities.addTokenFactory(factory));
    const countries = await moduleProxy("CountryAllowModule");
    const balances = await moduleProxy("MaxBalanceModule");
    const setting = (module, method, ...values) => module.interface.encodeFunctionData(method, values);
    const details = {
      owner: address, name: "Bond 2031", symbol: "B31", decimals: 0, irs: ZeroAddress, ONCHAINID: ZeroAddress,
      irAgents: [address], tokenAgents: [address], complianceModules: [countries.target, balances.target],
      complianceSettings: [setting(countries, "batchAllowCountries", [FRANCE, GERMANY]), setting(balances, "setMaxBalance", 1_000)],
    };
    const claims = { claimTopics: [KNOW_YOUR_CUSTOMER], issuers: [claimIssuer.target], issuerClaims: [[KNOW_YOUR_CUSTOMER]] };
    await final(factory.deployTREXSuite("bond-2031", details, claims));
    const made = new Contract(await factory.getToken("bond-2031"), trex("token/Token.sol/Token").abi, owner);
    const identityRegistry = new Contract(await made.identityRegistry(), registry("IdentityRegistry").abi, owner);
    await final(made.unpause());
    return { token: made, identityRegistry };
  }

  async function moduleProxy(name) {
    const published = trex(`compliance/modular/modules/${name}.sol/${name}`);
    const implementation = await deploy(published, owner);
    const initialize = new Interface(published.abi).encodeFunctionData("initialize");
    const proxy = await deploy(trex("compliance/modular/modules/ModuleProxy.sol/ModuleProxy"), owner, [implementation.target, initialize]);
    return new Contract(proxy.target, published.abi, owner);
  }

  /** An investor with an identity contract that carries a claim signed by the trusted issuer. */
  async function admit(country) {
    const wallet = await fresh(owner);
    const proxy = await deploy(onchainId("proxy/IdentityProxy.sol/IdentityProxy"), owner, [identityAuthority.target, wallet.address]);
    const identity = new Contract(proxy.target, onchainId("Identity.sol/Identity").abi, wallet);
    const data = id("verified 2026-11-21");
    const digest = keccak256(encode(["address", "uint256", "bytes"], [identity.target, KNOW_YOUR_CUSTOMER, data]));
    const signature = await issuerKey.signMessage(getBytes(digest));
    await final(identity.addClaim(KNOW_YOUR_CUSTOMER, ECDSA, claimIssuer, signature, data, ""));
    await final(suite.identityRegistry.registerIdentity(wallet, identity, country));
    return { wallet, identity };
  }

  const transfer = (from, to, amount) => suite.token.connect(investors[from].wallet).transfer(investors[to].wallet, amount);
  const balances = () => Promise.all(Object.values(investors).map(({ wallet }) => suite.token.balanceOf(wallet)));

  it("mints to and transfers between verified investors", async () => {
    await final(suite.token.mint(investors.anne.wallet, 900n));
    await final(transfer("anne", "boris", 250n));
    assert.deepEqual(await balances(), [650n, 250n, 0n]);
    assert.equal(await suite.token.totalSupply(), 900n);
  });

  it("refuses strangers, countries that are not allowed, and balances above the limit", async () => {
    const stranger = await fresh(owner, 0n);
    await reverts(suite.token.connect(investors.anne.wallet).transfer(stranger.address, 1n), /Transfer not possible/);
    await reverts(transfer("anne", "circe", 1n), /Transfer not possible/);
    await reverts(suite.token.mint(investors.boris.wallet, 751n), /Compliance not followed/);
    await final(suite.token.mint(investors.boris.wallet, 750n));
    await reverts(transfer("anne", "boris", 1n), /Transfer not possible/);
    assert.deepEqual(await balances(), [650n, 1_000n, 0n]);
  });

  it("freezes in part and whole, and forces a transfer through the freeze", async () => {
    await final(suite.token.freezePartialTokens(investors.anne.wallet, 600n));
    await reverts(transfer("anne", "boris", 51n), /Insufficient Balance/);
    await final(suite.token.setAddressFrozen(investors.boris.wallet, true));
    await reverts(transfer("boris", "anne", 1n), /wallet is frozen/);
    await final(suite.token.setAddressFrozen(investors.boris.wallet, false));
    await final(suite.token.forcedTransfer(investors.boris.wallet, investors.anne.wallet, 100n));
    assert.deepEqual(await balances(), [750n, 900n, 0n]);
    assert.equal(await suite.token.getFrozenTokens(investors.anne.wallet), 600n);
  });

  it("stops an investor whose claim was revoked", async () => {
    const [claim] = await investors.boris.identity.getClaimIdsByTopic(KNOW_YOUR_CUSTOMER);
    assert.equal(await suite.identityRegistry.isVerified(investors.boris.wallet), true);
    await final(claimIssuer["revokeClaim(bytes32,address)"](claim, investors.boris.identity));
    assert.equal(await suite.identityRegistry.isVerified(investors.boris.wallet), false);
    await reverts(transfer("anne", "boris", 1n), /Transfer not possible/);
  });

  it("moves a lost wallet's units and identity to a new wallet", async () => {
    const replacement = await fresh(owner);
    const { wallet, identity } = investors.anne;
    await final(identity.addKey(keccak256(encode(["address"], [replacement.address])), 1, 1));
    await final(suite.token.recoveryAddress(wallet, replacement, identity));
    assert.deepEqual([await suite.token.balanceOf(wallet), await suite.token.balanceOf(replacement)], [0n, 750n]);
    assert.equal(await suite.token.getFrozenTokens(replacement), 600n);
  });
});
