// Everything that a validator serves of what is final, word for word: what it must serve again, or refuse to serve.
import { isDeepStrictEqual } from "node:util";
import { post } from "./rpc.mjs";
import { delay } from "./wait.mjs";

const BATCH = 100;
const PATIENCE_MS = 20_000;
/** Refusals that pass by themselves: the node has just started. */
const PASSING = new Set(["index_behind", "ledger.starting"]);

const quantity = (number) => `0x${number.toString(16)}`;

/** What can be asked of everything up to `height`: blocks, receipts, certificates, transactions, accounts, slots, logs.
 *  `slots` has the slots of interest by address, as one asks for them. */
export function questions({ height, transactions, accounts, slots }) {
  const asked = [["florin_validators"], ["eth_getLogs", { fromBlock: "0x0", toBlock: quantity(height) }]];
  for (let at = 0; at <= height; at++) {
    const block = quantity(at);
    asked.push(["eth_getBlockByNumber", block, true], ["eth_getBlockReceipts", block], ["florin_blockExtension", block]);
    if (at > 0) asked.push(["florin_finalityCertificate", block], ["debug_getRawBlock", block], ["debug_getRawReceipts", block]);
    for (const account of accounts) asked.push(["eth_getBalance", account, block], ["eth_getTransactionCount", account, block]);
    for (const [address, of] of slots) asked.push(...of.map((slot) => ["eth_getStorageAt", address, slot, block]));
  }
  for (const hash of transactions) asked.push(["eth_getTransactionByHash", hash], ["eth_getTransactionReceipt", hash]);
  for (const account of accounts) asked.push(["eth_getCode", account, quantity(height)], ["eth_getProof", account, [], quantity(height)]);
  for (const [address, of] of slots) asked.push(["eth_getCode", address, quantity(height)], ["eth_getProof", address, of, quantity(height)]);
  return asked;
}

/** The answer to each question, in order: `{ result }` or `{ error }`. A refusal that passes by itself is asked again. */
export async function answers(validator, asked) {
  const all = [];
  const deadline = Date.now() + PATIENCE_MS;
  for (let first = 0; first < asked.length; first += BATCH) {
    const part = asked.slice(first, first + BATCH);
    let got = await batch(validator, part);
    while (got.some(({ error }) => PASSING.has(error?.data?.code)) && Date.now() < deadline) {
      await delay(100);
      got = await batch(validator, part);
    }
    all.push(...got);
  }
  return all;
}

async function batch(validator, asked) {
  const body = JSON.stringify(asked.map(([method, ...params], id) => ({ jsonrpc: "2.0", id, method, params })));
  let responses;
  try {
    responses = JSON.parse((await post(validator.rpcUrl, body)).text);
  } catch (error) {
    return asked.map(() => ({ error: { message: `no answer: ${error.cause?.message ?? error.message}` } }));
  }
  if (!Array.isArray(responses)) return asked.map(() => ({ error: responses.error ?? { message: JSON.stringify(responses) } }));
  const byId = new Map(responses.map((response) => [response.id, response]));
  return asked.map((_, id) => {
    const { result, error = { message: "the batch has no answer" } } = byId.get(id) ?? {};
    return result === undefined ? { error } : { result };
  });
}

/** Compares what is served now with what was served before, word for word: what was served differently, and the refusals. */
export function compared(asked, before, now) {
  const [wrong, refusals] = [[], new Set()];
  asked.forEach((question, n) => {
    if (now[n].error) refusals.add(`${now[n].error.data?.code ?? ""} ${now[n].error.message}`);
    else if (!isDeepStrictEqual(now[n].result, before[n].result)) wrong.push(`${JSON.stringify(question)}: expected ${JSON.stringify(before[n].result)}, served ${JSON.stringify(now[n].result)}`);
  });
  return { wrong, refusals: [...refusals] };
}
