// ISO 20022: the suite itself is python/test_iso20022.py, in which schemas and validators of others judge what Florin writes and
// how it judges what others wrote. It needs no network: only two small programs of the crate.
import assert from "node:assert/strict";
import path from "node:path";
import { describe, it } from "node:test";
import { E2E_DIR, REPOSITORY_DIR } from "../lib/network.mjs";
import { PYTHON, output, run } from "../lib/tools.mjs";

const TARGET = process.env.CARGO_TARGET_DIR ?? path.join(REPOSITORY_DIR, "target");

describe("ISO 20022", () => {
  it("passes python/test_iso20022.py", async () => {
    let programs = process.env.ISO20022_BIN;
    if (!programs) {
      const build = ["build", "--release", "--locked", "--quiet", "-p", "florin-iso20022", "--example", "check", "--example", "emit"];
      await output("cargo", build, { cwd: REPOSITORY_DIR });
      programs = path.join(TARGET, "release", "examples");
    }
    const env = { ISO20022_BIN: programs, ISO20022_SCHEMAS: path.join(TARGET, "e2e", "iso20022-schemas") };
    const { code, stderr } = await run(PYTHON, ["-m", "unittest", "-v", "test_iso20022"], { env, cwd: path.join(E2E_DIR, "python") });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Ran [1-9][0-9]* tests/);
  });
});
