// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {SafeERC20, IERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// A currency with an issuer, from OpenZeppelin 5.
contract Currency is ERC20, ERC20Permit, AccessControl {
    bytes32 public constant ISSUER = keccak256("ISSUER");

    constructor() ERC20("Currency", "CUR") ERC20Permit("Currency") {
        _grantRole(DEFAULT_ADMIN_ROLE, msg.sender);
    }

    function mint(address to, uint256 amount) external onlyRole(ISSUER) {
        _mint(to, amount);
    }
}

/// A numbered bond.
contract Bond is ERC721("Bond", "BND") {
    function mint(address to, uint256 id) external {
        _safeMint(to, id);
    }
}

/// Delivery versus payment: the bond and its price change hands together or not at all.
contract Escrow {
    using SafeERC20 for IERC20;

    error WrongBuyer(address expected, address actual);

    function settle(Bond bond, uint256 id, IERC20 currency, uint256 price, address seller, address buyer) external {
        if (msg.sender != buyer) revert WrongBuyer(buyer, msg.sender);
        currency.safeTransferFrom(buyer, seller, price);
        bond.safeTransferFrom(seller, buyer, id);
    }
}
