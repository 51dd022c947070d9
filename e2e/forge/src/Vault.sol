// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC4626, IERC20} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

/// Shares in a pot of one currency.
contract Vault is ERC4626 {
    constructor(IERC20 asset) ERC4626(asset) ERC20("Vault share", "SHARE") {}
}

/// A currency for the tests.
contract Cash is ERC20("Cash", "CASH") {
    constructor(uint256 supply) {
        _mint(msg.sender, supply);
    }
}
