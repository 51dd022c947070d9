// Hardhat with the compiler from npm, so that nothing is downloaded at run time.
require("@nomicfoundation/hardhat-ethers");
const { subtask } = require("hardhat/config");
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require("hardhat/builtin-tasks/task-names");
const solc = require("solc");

const VERSION = solc.version().match(/^[0-9.]+/)[0];

subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => ({
  compilerPath: require.resolve("solc/soljson.js"),
  isSolcJs: true,
  version: VERSION,
  longVersion: solc.version(),
}));

module.exports = {
  solidity: { version: VERSION, settings: { optimizer: { enabled: true }, evmVersion: "osaka" } },
  defaultNetwork: "florin",
  networks: { florin: { url: process.env.RPC_URL, chainId: Number(process.env.CHAIN_ID), accounts: [process.env.PRIVATE_KEY] } },
  paths: { sources: "contracts", tests: "test", cache: "../../target/e2e/hardhat/cache", artifacts: "../../target/e2e/hardhat/artifacts" },
  mocha: { timeout: 60_000 },
};
