// Compiles the contracts of `florin bench`: `node e2e/contracts.mjs` writes their bytecode beside the source.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const folder = new URL("../crates/bench/contracts/", import.meta.url);

/** Creation bytecode of every contract, by the name of its file. */
export function compileBenchContracts() {
  const solc = createRequire(import.meta.url)("solc");
  const answer = JSON.parse(
    solc.compile(
      JSON.stringify({
        language: "Solidity",
        sources: { "Exchange.sol": { content: readFileSync(new URL("Exchange.sol", folder), "utf8") } },
        settings: {
          evmVersion: "prague",
          metadata: { bytecodeHash: "none", appendCBOR: false },
          optimizer: { enabled: true, runs: 10_000 },
          outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
        },
      }),
    ),
  );
  const errors = (answer.errors ?? []).filter((error) => error.severity === "error");
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  const contracts = Object.entries(answer.contracts["Exchange.sol"]);
  return Object.fromEntries(contracts.map(([name, contract]) => [`${name}.hex`, contract.evm.bytecode.object]));
}

/** Where the bytecode of a file name lies. */
export const bytecodeOf = (name) => new URL(name, folder);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, code] of Object.entries(compileBenchContracts())) writeFileSync(bytecodeOf(name), `${code}\n`);
}
