// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Cash, Vault} from "../src/Vault.sol";

interface Cheats {
    function startBroadcast(uint256 key) external;
    function stopBroadcast() external;
    function addr(uint256 key) external returns (address);
    function envUint(string calldata name) external returns (uint256);
}

/// Deploys a vault, deposits, and leaves what the suite then reads from the ledger.
contract Deploy {
    Cheats constant CHEATS = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_SCRIPT = true;

    function run() external returns (address vault, address cash) {
        uint256 key = CHEATS.envUint("PRIVATE_KEY");
        CHEATS.startBroadcast(key);
        Cash money = new Cash(1_000_000);
        Vault shares = new Vault(money);
        money.approve(address(shares), 400_000);
        shares.deposit(250_000, CHEATS.addr(key));
        money.transfer(address(shares), 125_000);
        CHEATS.stopBroadcast();
        return (address(shares), address(money));
    }
}
