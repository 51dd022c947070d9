#!/usr/bin/env node
// The Solidity compiler from npm with the face of the native program: what forge asks of a compiler, and no more.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
// The compiler takes over unhandled failures of the whole process; it is alone in this one.
const solc = require("solc");
const asked = process.argv.slice(2);

if (asked.includes("--version")) {
  console.log("solc, the solidity compiler commandline interface");
  console.log(`Version: ${solc.version()}`);
} else if (asked.includes("--standard-json")) {
  const readImport = (path) => {
    try {
      return { contents: readFileSync(path, "utf8") };
    } catch (error) {
      return { error: error.message };
    }
  };
  process.stdout.write(solc.compile(readFileSync(0, "utf8"), { import: readImport }));
} else {
  console.error(`solc.mjs knows --version and --standard-json, not ${JSON.stringify(asked)}`);
  process.exit(2);
}
