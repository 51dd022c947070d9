// Published artifacts: bytecode exactly as its authors released it, loaded from their npm packages.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { ContractFactory } from "ethers";

const require = createRequire(import.meta.url);

/** The `{ abi, bytecode, … }` that a package published at `path`. */
export function artifact(path) {
  return JSON.parse(readFileSync(require.resolve(path), "utf8"));
}

/** Deploys a published artifact and waits until it is final; `libraries` maps a library's name to its address. */
export async function deploy(published, signer, constructorArguments = [], libraries = {}) {
  const factory = new ContractFactory(published.abi, linked(published, libraries), signer);
  const contract = await factory.deploy(...constructorArguments);
  await contract.waitForDeployment();
  return contract;
}

function linked({ bytecode, linkReferences = {} }, libraries) {
  let code = (bytecode.object ?? bytecode).replace(/^0x/, "");
  for (const [name, places] of Object.values(linkReferences).flatMap(Object.entries)) {
    for (const { start, length } of places) {
      const address = libraries[name].replace(/^0x/, "").toLowerCase();
      code = code.slice(0, start * 2) + address + code.slice((start + length) * 2);
    }
  }
  return `0x${code}`;
}
