// The modules of money through an ordinary wallet (viem): payments, escrow, foreign exchange, settlement, and their errors.
// ABIs are compiled from the published interfaces in docs/reference/solidity.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import {
  createPublicClient, createWalletClient, decodeErrorResult, defineChain, encodeFunctionData, http, keccak256, maxUint256, padHex,
  parseEventLogs, stringToHex, toHex, zeroAddress, zeroHash,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { ADDRESSES, publishedAbis } from "../lib/modules.mjs";
import { demo, onFlorinOnly } from "../lib/network.mjs";
import { call } from "../lib/rpc.mjs";

const [QUEUED, SETTLED, REJECTED] = [1, 3, 5];
const unique = () => toHex(randomBytes(32));
const bic = (text) => stringToHex(text, { size: 11 });

describe("native modules", { skip: onFlorinOnly }, () => {
  let net, abis, client, wallets, token;
  before(async () => {
    abis = publishedAbis();
    net = await demo();
    const chain = defineChain({
      id: net.chainId, name: "Florin", nativeCurrency: { name: "Native", symbol: "NAT", decimals: 18 },
      rpcUrls: { default: { http: [net.rpcUrl] } },
    });
    client = createPublicClient({ chain, transport: http(), pollingInterval: 50 });
    wallets = Object.fromEntries(net.accounts.map(({ name, privateKey }) => {
      return [name, createWalletClient({ chain, transport: http(), account: privateKeyToAccount(privateKey) })];
    }));
    token = net.tokens[0].address;
  });
  after(() => net?.stop());

  const of = (name) => wallets[name].account.address;
  const at = (name, address = ADDRESSES[name]) => ({ address, abi: abis[name] });
  const ask = (contract, functionName, args = []) => client.readContract({ ...contract, functionName, args });
  const now = async () => (await client.getBlock()).timestamp * 1000n;
  const balance = (holder, currency = token) => ask(at("IToken", currency), "balanceOf", [holder]);

  /** Sends a call, waits until it is final, and gives its events by name. */
  async function act(name, contract, functionName, args = []) {
    const hash = await wallets[name].writeContract({ ...contract, functionName, args });
    const receipt = await client.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, "success", functionName);
    return Object.fromEntries(parseEventLogs({ abi: contract.abi, logs: receipt.logs }).map(({ eventName, args }) => [eventName, args]));
  }

  /** Asserts that a wallet's dry run fails with this error of the module's ABI, and gives its values. */
  async function refused(name, contract, functionName, args, errorName) {
    const attempt = client.simulateContract({ ...contract, functionName, args, account: of(name) });
    let values;
    await assert.rejects(attempt, (error) => {
      const revert = error.walk(({ data }) => data?.errorName);
      assert.equal(revert?.data?.errorName, errorName, error.message);
      values = revert.data.args;
      return true;
    });
    return values;
  }

  const order = (payee, amount, uetr) =>
    [token, payee, amount, uetr, bic("DEMAXX2LXXX"), bic("DEMBXX2L"), keccak256("0x01"), stringToHex("GDDS"), zeroHash, 2, 0n];

  it("pays once under a UETR, however often it is sent", async () => {
    const [payment, uetr, before] = [at("IPayment"), unique(), await balance(of("bank-b"))];
    const { PaymentOrdered } = await act("bank-a", payment, "pay", order(of("bank-b"), 12_50n, uetr));
    assert.deepEqual([PaymentOrdered.uetr, PaymentOrdered.state, PaymentOrdered.amount], [uetr, SETTLED, 12_50n]);
    const values = await refused("bank-a", payment, "pay", order(of("bank-b"), 12_50n, uetr), "UetrUsed");
    assert.deepEqual(values, [of("bank-a"), uetr, SETTLED]);
    assert.equal(await balance(of("bank-b")), before + 12_50n);
    const [state, , payee, received] = await ask(payment, "paymentOf", [of("bank-a"), uetr]);
    assert.deepEqual([state, payee, received], [SETTLED, of("bank-b"), 12_50n]);
  });

  it("holds units in escrow until the payer releases them, in part and in full", async () => {
    const escrow = at("IEscrow");
    const [payer, payee] = [await balance(of("bank-a")), await balance(of("bank-c"))];
    const terms = {
      token, payee: of("bank-c"), amount: 300_00n, deadlineMs: (await now()) + 3_600_000n, deadlineOutcome: 1, hashLock: zeroHash,
      approvers: [], approvalsNeeded: 0, parts: [], arbiter: zeroAddress, rulingMs: 0n, silenceOutcome: 0, agreementHash: keccak256("0x02"),
    };
    const { EscrowOpened } = await act("bank-a", escrow, "open", [terms]);
    assert.equal(await balance(of("bank-a")), payer, "units in escrow stay their owner's");
    await refused("bank-b", escrow, "release", [EscrowOpened.escrowId, 1n], "EscrowCallerNotAllowed");
    await act("bank-a", escrow, "release", [EscrowOpened.escrowId, 100_00n]);
    const { EscrowDecided } = await act("bank-a", escrow, "release", [EscrowOpened.escrowId, 200_00n]);
    assert.equal(EscrowDecided.escrowId, EscrowOpened.escrowId);
    assert.deepEqual([await balance(of("bank-a")), await balance(of("bank-c"))], [payer - 300_00n, payee + 300_00n]);
  });

  it("exchanges two currencies by a quote that the provider signed as typed data", async () => {
    const [exchange, provider, taker] = [at("IExchange"), "bank-b", "bank-a"];
    const creation = ["Demo Pound", "DGBP", 2, of("central-bank"), 0n, maxUint256 >> 128n];
    const { TokenCreated } = await act("central-bank", at("IFactory"), "createToken", creation);
    const pound = TokenCreated.token;
    await act("central-bank", at("IToken", pound), "grantRole", [keccak256(stringToHex("ISSUER_ROLE")), of("central-bank")]);
    await act("central-bank", at("IToken", pound), "mint", [of(provider), 1_000_00n]);
    await act(provider, exchange, "registerProvider");
    const [, epoch] = await ask(exchange, "providerOf", [of(provider)]);
    const quote = {
      provider: of(provider), epoch, nonce: unique(), taker: zeroAddress, sellToken: token, buyToken: pound, sellAmount: 120_00n,
      buyAmount: 100_00n, leastAmount: 1n, side: 1, rounding: 1, fee: 50n, expiresAtMs: (await now()) + 60_000n,
    };
    const fields = abis.IExchange.find(({ name }) => name === "costOf").inputs[0].components;
    const signature = await wallets[provider].signTypedData({
      domain: { name: "Florin Exchange", version: "1", chainId: net.chainId, verifyingContract: exchange.address },
      types: { Quote: fields.map(({ name, type }) => ({ name, type })) }, primaryType: "Quote", message: quote,
    });
    const [sent, received, fee] = await ask(exchange, "costOf", [quote, 60_00n]);
    assert.deepEqual([sent, received, fee], [60_50n, 50_00n, 50n], "the cost is known before");
    const details = {
      amount: 60_00n, maxSent: sent, minReceived: received, payee: of("bank-c"), uetr: unique(), remittanceHash: zeroHash,
      debtorAgent: stringToHex("DEMAXX2LXXX", { size: 32 }), creditorAgent: stringToHex("DEMCXX2LXXX", { size: 32 }),
    };
    const greedy = { ...details, minReceived: received + 1n };
    await refused(taker, exchange, "execute", [quote, signature, greedy], "ReceivedBelowMin");
    const before = [await balance(of(taker)), await balance(of(provider))];
    const { CrossBorderPaid } = await act(taker, exchange, "execute", [quote, signature, details]);
    assert.equal(CrossBorderPaid.uetr, details.uetr);
    assert.deepEqual([await balance(of(taker)), await balance(of(provider))], [before[0] - sent, before[1] + sent]);
    assert.deepEqual([await balance(of("bank-c"), pound), await balance(of(provider), pound)], [received, 1_000_00n - received]);
    await refused(taker, exchange, "execute", [quote, signature, { ...details, uetr: unique() }], "QuoteUsed");
  });

  it("resolves a gridlock of three banks in a run, and rejects at the cut-off what is unsettled", async () => {
    const [settlement, banks] = [at("ISettlement"), ["bank-a", "bank-b", "bank-c"]];
    const { SchemeCreated } = await act("central-bank", settlement, "createScheme", [token, false, 0]);
    const scheme = SchemeCreated.schemeId;
    for (const bank of banks) {
      await act("central-bank", settlement, "admitParticipant", [scheme, of(bank)]);
      await act(bank, settlement, "join", [scheme]);
      await act(bank, settlement, "setReserve", [scheme, (await balance(of(bank))) - 10_00n]);
    }
    const day = new Date(Number(await now())).toISOString().slice(0, 10).replaceAll("-", "");
    await act("central-bank", settlement, "openDay", [scheme, Number(day), (await now()) + 3_600_000n]);
    const before = await Promise.all(banks.map((bank) => balance(of(bank))));
    const submit = async (bank, creditor, amount) => {
      const { InstructionSubmitted } = await act(bank, settlement, "submit", [scheme, of(creditor), amount, 2, unique()]);
      return InstructionSubmitted.instructionId;
    };
    const statuses = (numbers) => Promise.all(numbers.map(async (number) => (await ask(settlement, "instructionOf", [number]))[5]));
    const ring = [await submit("bank-a", "bank-b", 900_00n), await submit("bank-b", "bank-c", 905_00n), await submit("bank-c", "bank-a", 900_00n)];
    assert.deepEqual(await statuses(ring), [QUEUED, QUEUED, QUEUED]);
    const [gridlock, count] = await ask(settlement, "forecast", [scheme, of("bank-a"), 0n]);
    assert.deepEqual([gridlock, count], [2, 3n]);
    await act("central-bank", settlement, "startRun", [scheme]);
    const { RunSettled } = await act("bank-c", settlement, "advanceRun", [scheme, 1_000]);
    assert.deepEqual([RunSettled.count, RunSettled.value, RunSettled.netDebits], [3n, 2_705_00n, 5_00n]);
    assert.deepEqual(await statuses(ring), [SETTLED, SETTLED, SETTLED]);
    const after = await Promise.all(banks.map((bank) => balance(of(bank))));
    assert.deepEqual(after.map((units, index) => units - before[index]), [0n, -5_00n, 5_00n]);

    const late = await submit("bank-a", "bank-b", 5_000_00n);
    const { InstructionRejected } = await act("central-bank", settlement, "closeDay", [scheme, 1_000]);
    assert.deepEqual([InstructionRejected.instructionId, InstructionRejected.reason], [late, 1]);
    assert.deepEqual(await statuses([late]), [REJECTED]);
    await refused("bank-a", settlement, "submit", [scheme, of("bank-b"), 1n, 2, unique()], "DayNotOpen");
  });

  it("pauses a module by vote of the banks, and ends the pause", async () => {
    const [governance, channel] = [at("IGovernance"), at("IChannel")];
    const calling = (functionName, args) =>
      [{ target: governance.address, data: encodeFunctionData({ abi: abis.IGovernance, functionName, args }) }];
    const decide = async (actions) => {
      const { ProposalCreated } = await act("bank-a", governance, "propose", [actions, keccak256("0x03")]);
      const { proposalId } = ProposalCreated;
      for (const bank of ["bank-a", "bank-b"]) await act(bank, governance, "castVote", [proposalId, 1]);
      await refused("developer", governance, "execute", [proposalId], "ProposalNotAccepted");
      const { ProposalDecided } = await act("central-bank", governance, "castVote", [proposalId, 1]);
      assert.equal(ProposalDecided.accepted, true, "three of four voices");
      const { ProposalExecuted } = await act("developer", governance, "execute", [proposalId]);
      assert.equal(ProposalExecuted.proposalId, proposalId);
      return proposalId;
    };
    await refused("developer", governance, "pauseModule", [channel.address, 1n], "GovernanceRequired");
    const proposalId = await decide(calling("pauseModule", [channel.address, 3_600_000n]));
    const [paused, since, until, by] = await ask(governance, "pauseOf", [channel.address]);
    assert.deepEqual([paused, until - since, by], [true, 3_600_000n, proposalId]);
    const told = { ...channel, abi: [...channel.abi, ...abis.IModule] };
    const values = await refused("bank-a", told, "open", [token, of("bank-b"), 10_00n, 3_600_000n], "ModulePaused");
    assert.deepEqual(values.map((value) => String(value).toLowerCase()), [channel.address, since, until, by].map(String));
    await decide(calling("unpauseModule", [channel.address]));
    assert.equal((await ask(governance, "pauseOf", [channel.address]))[0], false);
  });

  // One error of each module, as a wallet meets it: revert data that the published ABI decodes, and words for people.
  const nobody = padHex("0x1", { size: 20 });
  const BANK_A = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
  for (const [name, functionName, args, errorName, words] of [
    ["IPolicy", "isMember", [999n, nobody], "PolicyUnknown", /policyId: 999\): No policy has this number\. Ask the policy registry/],
    ["IPermission", "proposeAdmin", [nobody], "AdminRequired", /caller: 0x[0-9a-fA-F]{40}, admin: 0x/],
    ["IFactory", "tokenAt", [999n], "TokenIndexUnknown", /index: 999.*Indices run from 1 to tokenCount\.$/],
    ["IIdentity", "getPerson", [999n], "PersonUnknown", /personId: 999.*Numbers run from 1 to personCount\.$/],
    ["IPayment", "release", [nobody, padHex("0x7", { size: 32 })], "PaymentUnknown", /Check both\.$/],
    ["ISettlement", "schemeOf", [999n], "SchemeUnknown", /schemeId: 999.*Take it from the SchemeCreated event\.$/],
    ["IExchange", "retireProvider", [], "ProviderNotActive", /Let it register, or ask another one\.$/],
    ["IEscrow", "escrowOf", [999n], "EscrowUnknown", /escrowId: 999/],
    ["IChannel", "channelOf", [999n], "ChannelUnknown", /channelId: 999/],
    ["IGovernance", "castVote", [999n, 1], "ProposalUnknown", /proposalId: 999.*Use a number up to the count of proposals\.$/],
    ["IToken", "transfer", [BANK_A, 1n << 100n], "ERC20InsufficientBalance", /needed: 1267650600228229401496703205376.*Pay in, or send less\.$/],
  ]) {
    it(`tells a wallet why ${name}.${functionName} is refused`, async () => {
      const contract = at(name, ADDRESSES[name] ?? token);
      const data = encodeFunctionData({ abi: contract.abi, functionName, args });
      const request = { from: of("developer"), to: contract.address, data };
      for (const [method, ...rest] of [["eth_call", "latest"], ["eth_estimateGas"]]) {
        const error = await call(net.rpcUrl, method, [request, ...rest]).then(() => assert.fail(`${method} succeeded`), (error) => error);
        assert.equal(error.code, 3, `${method}: ${error.message}`);
        assert.equal(decodeErrorResult({ abi: contract.abi, data: error.data }).errorName, errorName);
        assert.match(error.message, new RegExp(`execution reverted: ${errorName}\\(`));
        assert.match(error.message, words);
      }
      await refused("developer", contract, functionName, args, errorName);
    });
  }

  it("tells a wallet that a function is unknown", async () => {
    const request = { to: ADDRESSES.IPayment, data: "0xdeadbeef" };
    const error = await call(net.rpcUrl, "eth_call", [request, "latest"]).then(() => assert.fail("it succeeded"), (error) => error);
    assert.equal(decodeErrorResult({ abi: abis.IModule, data: error.data }).errorName, "SelectorUnknown");
    assert.match(error.message, /Check the address and the ABI\.$/);
  });
});
