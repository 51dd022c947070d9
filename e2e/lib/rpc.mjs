// JSON-RPC without a client library: what goes over the wire and what comes back, nothing repaired on the way.

let nextId = 1;

/** An error object of JSON-RPC. */
export class RpcError extends Error {
  constructor(method, { code, message, data }) {
    super(`${method}: ${code} ${message}`);
    Object.assign(this, { code, data, rpcMessage: message });
  }
}

/** Sends `body` as it is; gives HTTP status and text. */
export async function post(url, body, { headers = { "content-type": "application/json" }, timeoutMs = 20_000 } = {}) {
  const response = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(timeoutMs) });
  return { status: response.status, text: await response.text() };
}

/** One call; gives the whole response object. */
export async function exchange(url, method, params = [], options = {}) {
  const id = nextId++;
  const { text } = await post(url, JSON.stringify({ jsonrpc: "2.0", id, method, params }), options);
  const response = JSON.parse(text);
  if (response.id !== id) throw new Error(`${method}: the response carries id ${response.id}, the request ${id}`);
  return response;
}

/** One call; gives the result or throws `RpcError`. */
export async function call(url, method, params = [], options = {}) {
  const response = await exchange(url, method, params, options);
  if ("error" in response) throw new RpcError(method, response.error);
  return response.result;
}
