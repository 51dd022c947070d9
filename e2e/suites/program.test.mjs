// The program as scripts meet it: exit codes, errors as JSON, a demo that is kept and resumed, and no secret in a log.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { FLORIN_BIN, demo, onFlorinOnly } from "../lib/network.mjs";
import { call } from "../lib/rpc.mjs";
import { run } from "../lib/tools.mjs";
import { until } from "../lib/wait.mjs";

describe("the program", { skip: onFlorinOnly }, () => {
  let directory;
  before(() => (directory = mkdtempSync(path.join(tmpdir(), "florin-program-"))));
  after(() => rmSync(directory, { recursive: true, force: true }));

  for (const [name, arguments_, code, says] of [
    ["an unknown subcommand", ["demoo"], 2, /demoo/],
    ["an unknown option", ["demo", "--validator", "4"], 2, /--validator/],
    ["no validators", ["demo", "--validators", "0"], 2, /0/],
    ["a directory that is not there", ["node", "--dir", "/nonexistent/florin"], 3, /nonexistent/],
    ["a genesis file that is not there", ["genesis", "validate", "/nonexistent/genesis.json"], 3, /nonexistent/],
    ["a node that does not answer", ["inspect", "block", "latest", "--rpc", "http://127.0.0.1:9"], 5, /127\.0\.0\.1:9/],
  ]) {
    it(`names ${name} and ends with ${code}, also as JSON`, async () => {
      const plain = await run(FLORIN_BIN, arguments_);
      assert.equal(plain.code, code, plain.stderr);
      assert.match(plain.stderr, says);
      const { code: again, stdout, stderr } = await run(FLORIN_BIN, ["--json", ...arguments_]);
      assert.deepEqual([again, stdout], [code, ""], stderr);
      const { error: failure } = JSON.parse(stderr.trim().split("\n").at(-1));
      assert.ok(failure.code && failure.message && failure.next, stderr);
    });
  }

  it("refuses a genesis file with a mistake, and names the field", async () => {
    const file = path.join(directory, "genesis.json");
    writeFileSync(file, JSON.stringify({ chain_id: 1, network: "x", nodes: "none" }));
    const { code, stderr } = await run(FLORIN_BIN, ["genesis", "validate", file]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /genesis/);
  });

  it("says which port is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address();
    const { code, stderr } = await run(FLORIN_BIN, ["demo", "--json", "--quiet", "--rpc-port", String(port)]);
    server.close();
    assert.equal(code, 5, stderr);
    assert.match(stderr, new RegExp(String(port)));
  });

  it("keeps a demo's data and goes on from it, with nothing secret in its logs", async () => {
    const dir = path.join(directory, "kept");
    const first = await demo({ dir });
    const height = () => call(first.rpcUrl, "eth_blockNumber").then(Number);
    await until(async () => (await height()) >= 3, { what: "three blocks" });
    const hash = (await call(first.rpcUrl, "eth_getBlockByNumber", ["0x2", false])).hash;
    const secrets = first.accounts.map(({ privateKey }) => privateKey.slice(2));
    assert.deepEqual(await first.stop(), { code: 0, signal: null });

    const second = await demo({ dir });
    assert.equal((await call(second.rpcUrl, "eth_getBlockByNumber", ["0x2", false])).hash, hash);
    assert.deepEqual(await second.stop(), { code: 0, signal: null });

    secrets.push(readFileSync(path.join(dir, "passphrase"), "utf8").trim());
    const files = readdirSync(dir, { recursive: true }).map((name) => path.join(dir, name)).filter((file) => statSync(file).isFile());
    const logs = files.filter((file) => file.endsWith(".log"));
    assert.ok(logs.length >= 4, `logs: ${logs}`);
    for (const file of logs) {
      const text = readFileSync(file, "utf8");
      for (const secret of secrets) assert.ok(!text.includes(secret), `${file} holds a secret`);
    }
  });

  it("leaves nothing running and no data behind when it is told to stop", async () => {
    const net = await demo({ dir: undefined });
    const pids = net.validators.map(({ pid }) => pid);
    assert.equal(pids.length, 4);
    assert.deepEqual(await net.stop(), { code: 0, signal: null });
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), /ESRCH/, `process ${pid} still runs`);
  });
});
