// Payments without pause, and a ledger of what was seen final: what the suites that kill validators compare against.
import { Wallet } from "ethers";
import { call } from "./rpc.mjs";
import { delay } from "./wait.mjs";

const BATCH = 25;
/** Blocks that are asked for together. */
const BLOCKS_AT_ONCE = 50;

/** Pays 1 wei again and again from `from` to a fresh address, through whichever validator answers. */
export class Load {
  constructor(net, validators) {
    this.chainId = net.chainId;
    this.wallet = new Wallet(net.developer.privateKey);
    this.receiver = Wallet.createRandom().address;
    this.validators = validators;
    this.running = true;
    this.sent = 0;
    this.loop = this.#run();
  }

  async #run() {
    while (this.running) {
      for (const validator of this.validators) {
        if (!this.running) return;
        await this.#batch(validator).catch(() => delay(50));
      }
    }
  }

  async #batch(validator) {
    const nonce = Number(await validator.call("eth_getTransactionCount", this.wallet.address, "pending"));
    for (let n = 0; n < BATCH; n++) {
      await validator.call("eth_sendRawTransaction", await this.sign(nonce + n));
      this.sent++;
    }
    await delay(20);
  }

  sign(nonce) {
    const fees = { type: 2, gasLimit: 21_000n, maxFeePerGas: 3n * 10n ** 9n, maxPriorityFeePerGas: 0n };
    return this.wallet.signTransaction({ chainId: this.chainId, nonce, to: this.receiver, value: 1n, ...fees });
  }

  async stop() {
    this.running = false;
    await this.loop;
  }
}

/** What was final, as first seen: block hashes by height, and the block of every transaction. */
export class Seen {
  constructor() {
    this.blocks = new Map();
    this.transactions = new Map();
    this.height = -1;
  }

  /** Records everything that `validator` says is final and was not seen before. */
  async follow(validator) {
    const head = await validator.height();
    for (let height = this.height + 1; height <= head; height++) {
      const block = await validator.call("eth_getBlockByNumber", `0x${height.toString(16)}`, false);
      this.blocks.set(height, block.hash);
      for (const hash of block.transactions) this.transactions.set(hash, block.hash);
      this.height = height;
    }
    return head;
  }

  /** Names of everything that `validator` has lost or changed; empty if nothing. */
  async differences(validator) {
    const transactions = new Map([...this.blocks.values()].map((hash) => [hash, []]));
    for (const [transaction, block] of this.transactions) transactions.get(block).push(transaction);
    const blocks = [...this.blocks];
    const wrong = [];
    for (let n = 0; n < blocks.length; n += BLOCKS_AT_ONCE) {
      const part = blocks.slice(n, n + BLOCKS_AT_ONCE);
      wrong.push(...(await Promise.all(part.map(([height, hash]) => blockDifferences(validator, height, hash, transactions.get(hash))))).flat());
    }
    return wrong;
  }
}

/** What `validator` says otherwise about the block of this height: another hash, a missing transaction, one that failed. */
async function blockDifferences(validator, height, hash, transactions) {
  const number = `0x${height.toString(16)}`;
  const found = await validator.hashAt(height);
  if (found !== hash) return [`${validator.name}: block ${height} was ${hash}, is ${found}`];
  if (transactions.length === 0) return [];
  const receipts = new Map((await validator.call("eth_getBlockReceipts", number)).map((receipt) => [receipt.transactionHash, receipt]));
  const wrong = transactions.filter((transaction) => receipts.get(transaction)?.blockHash !== hash || receipts.get(transaction)?.status !== "0x1");
  return wrong.map((transaction) => `${validator.name}: transaction ${transaction} of block ${hash} is ${JSON.stringify(receipts.get(transaction))}`);
}

/** The balance of `address` according to one validator. */
export const balanceAt = async (validator, address) => BigInt(await call(validator.rpcUrl, "eth_getBalance", [address, "latest"]));
