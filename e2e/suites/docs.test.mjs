// The commands in the documentation, run as they stand. A block that begins with ```sh test is run; a block ```text expect
// after it holds lines of which each must stand in what it printed. Pages share nothing; the blocks of one page share a
// shell, a directory and a demo. Where the documentation says 127.0.0.1:8545, the suite's demo answers; `demo` in the
// directory is its data, as after `florin demo --data demo`.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { FLORIN_BIN, REPOSITORY_DIR, demo, onFlorinOnly } from "../lib/network.mjs";
import { foundry, run } from "../lib/tools.mjs";

const DOCUMENTED = "127.0.0.1:8545";
const pages = ["README.md", ...readdirSync(path.join(REPOSITORY_DIR, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];

/** Blocks of a page that are to be run: `{ line, script, expected, needsDemo }`. */
function blocks(page) {
  const lines = readFileSync(path.join(REPOSITORY_DIR, page), "utf8").split("\n");
  const found = [];
  for (let at = 0; at < lines.length; at++) {
    const [, language, mark, ...options] = lines[at].match(/^```(\w+)\s+(test|expect)\b\s*(.*)$/) ?? [];
    if (!mark) continue;
    const end = lines.indexOf("```", at + 1);
    const body = lines.slice(at + 1, end);
    if (language === "sh" && mark === "test") found.push({ line: at + 1, script: body.join("\n"), expected: [], alone: options[0] === "alone" });
    else if (found.length > 0) found.at(-1).expected.push(...body.filter(Boolean));
    at = end;
  }
  return found;
}

const runnable = pages.map((page) => ({ page, found: blocks(page) })).filter(({ found }) => found.length > 0);

describe("documentation", { skip: onFlorinOnly }, () => {
  it("has commands that can be run", () => assert.ok(runnable.length >= 3, `only ${runnable.map(({ page }) => page)}`));

  for (const { page, found } of runnable) {
    it(`${page}: ${found.length} blocks of commands`, async () => {
      const directory = mkdtempSync(path.join(tmpdir(), "florin-docs-"));
      const tools = path.join(directory, ".bin");
      const net = found.every(({ alone }) => alone) ? null : await demo();
      try {
        mkdirSync(tools);
        symlinkSync(FLORIN_BIN, path.join(tools, "florin"));
        symlinkSync(foundry("cast"), path.join(tools, "cast"));
        if (net) symlinkSync(net.dir, path.join(directory, "demo"));
        const marked = found.map(({ line, script }) => `printf '\\n=== line ${line}\\n'\n${script}\n`).join("\n");
        const script = net ? marked.replaceAll(DOCUMENTED, new URL(net.rpcUrl).host) : marked;
        const file = path.join(directory, "page.sh");
        writeFileSync(file, `set -euo pipefail\n${script}`);
        const env = { PATH: `${tools}:${process.env.PATH}` };
        const { code, stdout, stderr } = await run("bash", [file], { cwd: directory, env });
        const printed = stdout.split(/^=== line /m);
        assert.equal(code, 0, `${page}: stopped in the block at line ${printed.at(-1).split("\n")[0]}\n${printed.at(-1)}\n${stderr.slice(-2_000)}`);
        for (const [n, { line, expected }] of found.entries()) {
          for (const text of expected) assert.ok(printed[n + 1].includes(text.trim()), `${page}:${line} should print ${JSON.stringify(text)}, printed:\n${printed[n + 1]}`);
        }
      } finally {
        await net?.stop();
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }
});
