// A book of payments that owes nothing to the ledger: what was asked for, what was said to be final, and what every balance
// must be. Its payers behave as a careful client does: what is signed is sent again, to another validator, until it is final.
import { Wallet, keccak256 } from "ethers";
import { call } from "./rpc.mjs";
import { delay, within } from "./wait.mjs";

const FEES = { type: 2, gasLimit: 21_000n, maxFeePerGas: 3n * 10n ** 9n, maxPriorityFeePerGas: 0n };
const REQUEST_MS_MAX = 1_500;
const AGAIN_MS = 1_000;
/** Payments of one payer that are under way at the same time. */
const WINDOW = 8;

/** Payers that pay without pause, each to a payee of its own, amounts that differ. */
export class Book {
  /** `validators` answer JSON-RPC at `rpcUrl`; the wallets are funded. */
  constructor({ chainId, wallets, validators }) {
    Object.assign(this, { chainId, validators, running: true });
    this.payers = wallets.map((wallet) => ({ wallet, payee: Wallet.createRandom().address, payments: [] }));
    this.loops = this.payers.map((payer) => this.#pay(payer));
  }

  get payments() {
    return this.payers.flatMap(({ payments }) => payments);
  }

  /** Payments of which a validator said that they are final. */
  get acknowledged() {
    return this.payments.filter(({ block }) => block !== undefined);
  }

  /** No new payments; resolves when all are final, or to those that are not after `timeoutMs`. */
  async close(timeoutMs) {
    this.running = false;
    await within(Promise.all(this.loops), timeoutMs);
    return this.payments.filter(({ block }) => block === undefined);
  }

  /** Stops at once. */
  abandon() {
    this.running = false;
    this.abandoned = true;
  }

  async #pay(payer) {
    const lanes = Array.from({ length: WINDOW }, async () => {
      while (this.running) await this.#settle(await this.#next(payer));
    });
    await Promise.all(lanes);
  }

  async #next(payer) {
    const nonce = payer.payments.length;
    const payment = { nonce, amount: BigInt(1 + ((nonce * 7_919) % 1_000)) };
    payer.payments.push(payment);
    payment.raw = await payer.wallet.signTransaction({ chainId: this.chainId, nonce, to: payer.payee, value: payment.amount, ...FEES });
    payment.hash = keccak256(payment.raw);
    return payment;
  }

  /** Sends a payment to one validator after the other until one of them says in which block it is. */
  async #settle(payment) {
    for (let attempt = payment.nonce; payment.block === undefined && !this.abandoned; attempt++) {
      const { rpcUrl } = this.validators[attempt % this.validators.length];
      const ask = (method, ...params) => call(rpcUrl, method, params, { timeoutMs: REQUEST_MS_MAX });
      // Known, mined already, unreachable: whatever it is, the receipt decides.
      await ask("eth_sendRawTransaction", payment.raw).catch(() => null);
      const again = Date.now() + AGAIN_MS;
      while (payment.block === undefined && !this.abandoned && Date.now() < again) {
        const receipt = await ask("eth_getTransactionReceipt", payment.hash).catch(() => null);
        if (receipt) Object.assign(payment, { block: receipt.blockHash, status: receipt.status });
        else await delay(50);
      }
    }
  }

  /** Everything in which a validator's ledger differs from this book, in words; empty if nothing. */
  async differences(validator) {
    const wrong = [];
    const note = (what, is, expected) => is !== expected && wrong.push(`${validator.name}: ${what} is ${is}, the book has ${expected}`);
    for (const { wallet, payee, payments } of this.payers) {
      const paid = payments.reduce((sum, { amount }) => sum + amount, 0n);
      note(`balance of payee ${payee}`, BigInt(await validator.call("eth_getBalance", payee, "latest")), paid);
      note(`nonce of payer ${wallet.address}`, Number(await validator.call("eth_getTransactionCount", wallet.address, "latest")), payments.length);
      for (let n = 0; n < payments.length; n += 50) {
        const part = payments.slice(n, n + 50);
        const receipts = await Promise.all(part.map(({ hash }) => validator.call("eth_getTransactionReceipt", hash)));
        part.forEach((payment, place) => {
          note(`block of payment ${payment.hash}`, receipts[place]?.blockHash, payment.block);
          note(`status of payment ${payment.hash}`, receipts[place]?.status, "0x1");
        });
      }
    }
    return wrong;
  }
}
