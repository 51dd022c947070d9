// SPDX-License-Identifier: MIT OR Apache-2.0
// The contracts that `florin bench` loads the EVM with. Compiled bytecode: the .hex files beside this one, made by
// `node e2e/contracts.mjs`; the suite `bench` compiles again and compares.
pragma solidity ^0.8.30;

/// An ERC-20 without anything else: two slots written and one event a transfer.
contract Coin {
    string public constant name = "Bench coin";
    string public constant symbol = "COIN";
    uint8 public constant decimals = 18;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    /// Gives each holder the same amount.
    function issue(address[] calldata holders, uint256 value) external {
        for (uint256 index = 0; index < holders.length; index++) {
            totalSupply += value;
            balanceOf[holders[index]] += value;
            emit Transfer(address(0), holders[index], value);
        }
    }

    function transfer(address to, uint256 value) external returns (bool) {
        _move(msg.sender, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed != type(uint256).max) {
            require(allowed >= value, "allowance");
            allowance[from][msg.sender] = allowed - value;
        }
        _move(from, to, value);
        return true;
    }

    function _move(address from, address to, uint256 value) private {
        require(balanceOf[from] >= value, "balance");
        unchecked {
            balanceOf[from] -= value;
        }
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}

/// A pool of two coins with a constant product and a fee of 0.3 %, as Uniswap V2's pairs: three calls to the coins, two
/// reserves in one slot, one event a swap.
contract Pool {
    Coin public immutable first;
    Coin public immutable second;
    uint112 private reserveFirst;
    uint112 private reserveSecond;

    event Swap(address indexed sender, bool firstIn, uint256 amountIn, uint256 amountOut);

    constructor(Coin first_, Coin second_) {
        first = first_;
        second = second_;
    }

    /// What lies here counts as liquidity.
    function sync() external {
        reserveFirst = uint112(first.balanceOf(address(this)));
        reserveSecond = uint112(second.balanceOf(address(this)));
    }

    /// Takes an approved amount of one coin and pays the other out, at least so much of it.
    function swap(bool firstIn, uint256 amountIn, uint256 amountOutMin) external returns (uint256 amountOut) {
        (uint256 reserveIn, uint256 reserveOut) =
            firstIn ? (uint256(reserveFirst), uint256(reserveSecond)) : (uint256(reserveSecond), uint256(reserveFirst));
        uint256 afterFee = amountIn * 997;
        amountOut = (afterFee * reserveOut) / (reserveIn * 1000 + afterFee);
        require(amountOut > 0 && amountOut >= amountOutMin, "output");
        (Coin coinIn, Coin coinOut) = firstIn ? (first, second) : (second, first);
        require(coinIn.transferFrom(msg.sender, address(this), amountIn), "in");
        require(coinOut.transfer(msg.sender, amountOut), "out");
        (uint256 balanceFirst, uint256 balanceSecond) = (first.balanceOf(address(this)), second.balanceOf(address(this)));
        require(balanceFirst * balanceSecond >= reserveIn * reserveOut, "product");
        (reserveFirst, reserveSecond) = (uint112(balanceFirst), uint112(balanceSecond));
        emit Swap(msg.sender, firstIn, amountIn, amountOut);
    }
}
