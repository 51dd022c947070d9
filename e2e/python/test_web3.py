"""web3.py against a running node: reads, transactions, contracts, events, filters, WebSocket subscriptions."""

import asyncio
import json
import os
import unittest
from pathlib import Path

from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractLogicError, TimeExhausted, TransactionNotFound, Web3RPCError

ARTIFACT = Path(os.environ["E2E_DIR"], "node_modules/openzeppelin-contracts-4/build/contracts/ERC20PresetMinterPauser.json")
POLLING_SECONDS = 0.05


class Web3Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.web3 = Web3(Web3.HTTPProvider(os.environ["RPC_URL"]))
        cls.account = cls.web3.eth.account.from_key(os.environ["PRIVATE_KEY"])
        cls.token = cls.deploy()

    @classmethod
    def send(cls, transaction, account=None):
        account = account or cls.account
        filled = {
            "chainId": int(os.environ["CHAIN_ID"]),
            "nonce": cls.web3.eth.get_transaction_count(account.address, "pending"),
            "maxFeePerGas": 3 * 10**9,
            "maxPriorityFeePerGas": 0,
            **transaction,
        }
        if "gas" not in filled:
            filled["gas"] = cls.web3.eth.estimate_gas({**filled, "from": account.address})
        transaction_hash = cls.web3.eth.send_raw_transaction(account.sign_transaction(filled).raw_transaction)
        return cls.web3.eth.wait_for_transaction_receipt(transaction_hash, timeout=30, poll_latency=POLLING_SECONDS)

    @classmethod
    def call(cls, function):
        return cls.send({"to": cls.token.address, "data": function._encode_transaction_data()})

    @classmethod
    def deploy(cls):
        published = json.loads(ARTIFACT.read_text())
        factory = cls.web3.eth.contract(abi=published["abi"], bytecode=published["bytecode"])
        receipt = cls.send({"data": factory.constructor("Token", "TKN").data_in_transaction, "value": 0})
        return cls.web3.eth.contract(receipt.contractAddress, abi=published["abi"])

    def fresh(self):
        return self.web3.eth.account.create()

    def test_connection_and_blocks(self):
        self.assertTrue(self.web3.is_connected())
        self.assertEqual(self.web3.eth.chain_id, int(os.environ["CHAIN_ID"]))
        block = self.web3.eth.get_block("latest", full_transactions=True)
        self.assertEqual(self.web3.eth.get_block(block.hash).number, block.number)
        self.assertEqual(self.web3.eth.get_block("earliest").number, 0)
        self.assertLessEqual(self.web3.eth.get_block("finalized").number, self.web3.eth.block_number)

    def test_value_transfer_and_receipt(self):
        to = self.fresh().address
        receipt = self.send({"to": to, "value": 123})
        self.assertEqual((receipt.status, receipt.gasUsed), (1, 21_000))
        self.assertEqual(self.web3.eth.get_balance(to), 123)
        seen = self.web3.eth.get_transaction(receipt.transactionHash)
        self.assertEqual((seen["from"], seen.value, seen.blockHash), (self.account.address, 123, receipt.blockHash))

    def test_legacy_transaction(self):
        account = self.fresh()
        self.send({"to": account.address, "value": 10**18})
        raw = account.sign_transaction(
            {"chainId": int(os.environ["CHAIN_ID"]), "nonce": 0, "gasPrice": 10**9, "gas": 21_000, "to": self.account.address, "value": 1}
        )
        receipt = self.web3.eth.wait_for_transaction_receipt(
            self.web3.eth.send_raw_transaction(raw.raw_transaction), timeout=30, poll_latency=POLLING_SECONDS
        )
        self.assertEqual((receipt.status, receipt.type), (1, 0))

    def test_contract_events_and_logs(self):
        to = self.fresh().address
        receipts = [self.call(self.token.functions.mint(to, amount)) for amount in (3, 4)]
        self.assertEqual(self.token.functions.balanceOf(to).call(), 7)
        events = self.token.events.Transfer().get_logs(from_block=receipts[0].blockNumber, argument_filters={"to": to})
        self.assertEqual([event.args.value for event in events], [3, 4])
        self.assertEqual(self.token.events.Transfer().process_receipt(receipts[1])[0].args.value, 4)

    def test_history_within_the_window(self):
        to = self.fresh().address
        first = self.call(self.token.functions.mint(to, 5))
        self.call(self.token.functions.mint(to, 6))
        at = self.token.functions.balanceOf(to).call
        self.assertEqual(
            [at(block_identifier=first.blockNumber - 1), at(block_identifier=first.blockNumber), at()], [0, 5, 11]
        )

    def test_reverts_carry_their_reason(self):
        transfer = self.token.functions.transfer(self.fresh().address, 10**30)
        with self.assertRaisesRegex(ContractLogicError, "transfer amount exceeds balance"):
            transfer.call({"from": self.fresh().address})
        with self.assertRaisesRegex(ContractLogicError, "transfer amount exceeds balance"):
            transfer.estimate_gas({"from": self.fresh().address})

    def test_errors_are_errors(self):
        with self.assertRaises(TransactionNotFound):
            self.web3.eth.get_transaction(b"\x07" * 32)
        with self.assertRaises(TimeExhausted):
            self.web3.eth.wait_for_transaction_receipt(b"\x07" * 32, timeout=0.2, poll_latency=POLLING_SECONDS)
        with self.assertRaises(Web3RPCError):
            self.web3.eth.send_raw_transaction(b"\xc0")

    def test_filters(self):
        blocks = self.web3.eth.filter("latest")
        events = self.token.events.Transfer.create_filter(from_block="latest")
        receipt = self.call(self.token.functions.mint(self.account.address, 8))
        self.assertIn(receipt.blockHash, blocks.get_new_entries())
        self.assertEqual([entry.args.value for entry in events.get_new_entries()], [8])
        self.assertTrue(self.web3.eth.uninstall_filter(events.filter_id))

    def test_gas_and_fees(self):
        history = self.web3.eth.fee_history(2, "latest", [50])
        self.assertEqual(len(history.baseFeePerGas), len(history.gasUsedRatio) + 1)
        self.assertGreaterEqual(self.web3.eth.gas_price, 0)
        self.assertGreaterEqual(self.web3.eth.max_priority_fee, 0)

    def test_storage_and_code(self):
        self.assertGreater(len(self.web3.eth.get_code(self.token.address)), 1_000)
        supply_slot = 4
        supply = int.from_bytes(self.web3.eth.get_storage_at(self.token.address, supply_slot))
        self.assertEqual(supply, self.token.functions.totalSupply().call())

    def test_state_override(self):
        code = "0x602a60005260206000f3"
        to = self.fresh().address
        result = self.web3.eth.call({"to": to}, "latest", {to: {"code": code}})
        self.assertEqual(int.from_bytes(result), 42)

    def test_websocket_subscription(self):
        async def first_block():
            async with AsyncWeb3(WebSocketProvider(os.environ["WS_URL"])) as web3:
                await web3.eth.subscribe("newHeads")
                sending = asyncio.to_thread(self.call, self.token.functions.mint(self.account.address, 1))
                async for message in web3.socket.process_subscriptions():
                    await sending
                    return message["result"]

        block = asyncio.run(asyncio.wait_for(first_block(), timeout=30))
        self.assertGreater(block["number"], 0)


if __name__ == "__main__":
    unittest.main()
