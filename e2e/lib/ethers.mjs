// ethers set up for a ledger whose blocks are final in a fraction of a second.
import { JsonRpcProvider, Wallet } from "ethers";

const POLLING_MS = 50;

/** A provider of `net` that polls fast and caches nothing. */
export function provider(net) {
  const made = new JsonRpcProvider(net.rpcUrl, net.chainId, { cacheTimeout: -1, staticNetwork: true, batchMaxCount: 1 });
  made.pollingInterval = POLLING_MS;
  return made;
}

/** The developer of `net`. */
export function developer(net, on = provider(net)) {
  return new Wallet(net.developer.privateKey, on);
}

/** A fresh account that owns `wei` from the developer. */
export async function fresh(from, wei = 10n ** 18n) {
  const account = Wallet.createRandom().connect(from.provider);
  if (wei > 0n) await final(from.sendTransaction({ to: account.address, value: wei }));
  return account;
}

/** Waits for the receipt of a transaction that is being sent. */
export async function final(sending) {
  return (await sending).wait();
}
