// Payments without pause, and a ledger of what was seen final: what the suites that kill validators compare against.
import { Wallet } from "ethers";
import { call } from "./rpc.mjs";
import { delay } from "./wait.mjs";

const BATCH = 25;

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
  }

  get height() {
    return Math.max(-1, ...this.blocks.keys());
  }

  /** Records everything that `validator` says is final and was not seen before. */
  async follow(validator) {
    const head = await validator.height();
    for (let height = this.height + 1; height <= head; height++) {
      const block = await validator.call("eth_getBlockByNumber", `0x${height.toString(16)}`, false);
      this.blocks.set(height, block.hash);
      for (const hash of block.transactions) this.transactions.set(hash, block.hash);
    }
    return head;
  }

  /** Names of everything that `validator` has lost or changed; empty if nothing. */
  async differences(validator) {
    const wrong = [];
    for (const [height, hash] of this.blocks) {
      const found = await validator.hashAt(height);
      if (found !== hash) wrong.push(`${validator.name}: block ${height} was ${hash}, is ${found}`);
    }
    const hashes = [...this.transactions];
    for (let n = 0; n < hashes.length; n += 50) {
      const part = hashes.slice(n, n + 50);
      const receipts = await Promise.all(part.map(([hash]) => validator.call("eth_getTransactionReceipt", hash)));
      part.forEach(([hash, block], place) => {
        if (receipts[place]?.blockHash !== block || receipts[place]?.status !== "0x1") wrong.push(`${validator.name}: transaction ${hash} of block ${block} is ${JSON.stringify(receipts[place])}`);
      });
    }
    return wrong;
  }
}

/** The balance of `address` according to one validator. */
export const balanceAt = async (validator, address) => BigInt(await call(validator.rpcUrl, "eth_getBalance", [address, "latest"]));
