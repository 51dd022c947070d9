"""A client that a published generator makes of the gateway's OpenAPI document orders a payment and finds it again."""

import importlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import uuid

URL = os.environ["GATEWAY_URL"]
KEY = os.environ["GATEWAY_KEY"]


class GeneratedClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        generator = str(pathlib.Path(sys.executable).parent / "openapi-python-client")
        target = ["--url", f"{URL}/v1/openapi.json", "--meta", "none", "--output-path", f"{directory.name}/florin"]
        subprocess.run([generator, "generate", *target], check=True, capture_output=True)
        sys.path.insert(0, directory.name)
        cls.client = importlib.import_module("florin").AuthenticatedClient(base_url=URL, token=KEY)

    def call(self, name, **arguments):
        module = importlib.import_module(f"florin.api.{name}")
        return module.sync_detailed(client=self.client, **arguments)

    def test_a_payment_is_ordered_once_and_found(self):
        key, reference = str(uuid.uuid4()), uuid.uuid4().hex
        models = importlib.import_module("florin.models")
        creditor = models.Creditor(name="Bruno", number="IT60X0542811101000000123456")
        request = models.PaymentRequest(
            payer="DE89370400440532013000", creditor=creditor, amount="1.25", currency="EUR", end_to_end_id=reference
        )
        ordered = [self.call("payments.order_payment", body=request, idempotency_key=key, prefer="wait=40") for _ in range(2)]
        self.assertEqual([answer.status_code for answer in ordered], [201, 200])
        self.assertEqual({answer.parsed.orders[0].status for answer in ordered}, {"ACSC"})
        uetr = ordered[0].parsed.uetr
        page = self.call("payments.payments", end_to_end_id=reference).parsed
        self.assertEqual([(one.uetr, one.amount, one.state) for one in page.payments], [(uetr, "1.25", "settled")])
        journey = self.call("payments.journey", uetr=uetr).parsed
        self.assertIn("settled", [step.step for step in journey.steps])
        account = self.call("accounts.account", number="DE89370400440532013000").parsed
        self.assertEqual(account.balances[0].currency, "EUR")

    def test_a_refusal_is_a_problem_with_its_code(self):
        answer = self.call("payments.payment", uetr="00000000-0000-4000-8000-000000000000")
        self.assertEqual((answer.status_code, answer.parsed.code), (404, "payment.unknown"))


if __name__ == "__main__":
    unittest.main()
