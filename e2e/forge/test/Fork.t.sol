// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Vault} from "../src/Vault.sol";

interface Cheats {
    function envAddress(string calldata name) external returns (address);
    function envUint(string calldata name) external returns (uint256);
}

/// Runs against the ledger as a fork: forge reads accounts, code and storage from the node as the test needs them.
contract ForkTest {
    Cheats constant CHEATS = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    function test_the_fork_is_this_chain() external {
        require(block.chainid == CHEATS.envUint("CHAIN_ID"), "chain id");
        require(block.number > 0, "height");
    }

    function test_state_is_read_from_the_ledger() external {
        Vault vault = Vault(CHEATS.envAddress("VAULT"));
        require(vault.totalAssets() == 375_000, "assets");
        require(vault.totalSupply() == 250_000, "shares");
        require(CHEATS.envAddress("DEVELOPER").balance > 1 ether, "balance");
    }

    function test_contracts_of_the_ledger_run_in_forge() external {
        Vault vault = Vault(CHEATS.envAddress("VAULT"));
        // One virtual share and unit guard the vault: floor(1000 * 375001 / 250001).
        require(vault.convertToAssets(1_000) == 1_499, "price of a share");
    }
}
