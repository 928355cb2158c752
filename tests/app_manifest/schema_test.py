"""The published schema of app manifests and the parser agree.

PAVISE_PROGRAMS: folder with the programs (default build/release/bin)."""
import copy
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "protocol/manifest/testdata"
PAVISE = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin")).resolve() / "pavise"

# One of each kind, and the edges of what the members hold.
VALUES = [None, True, False, 0, 1, -1, 1.5, 4, 99, 100, 1000, 65535, 65536, 16777216, 16777217, 2**31 - 1, 2**31, 2**63,
          "", "a", "A", "a-", "a b", "always", "reboot", "1.2.3", "/a", "/a/", "/a/../b", "a.example", "*.a.example:1",
          "*.example", "10.0.0.0/8", "[2001:db8::/32]:80", "10.0.0.0/8:65536", "a.example:080", "é", "x" * 33, "x" * 300,
          "x" * 1025, "6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3eff", "6F1C7A52-90F1-4D0C-8F61-0C4F6A6B3EFF", [], {}, ["a"],
          [1], ["a", "a"], [None], {"size_kib": 4}, {"interval_ms": 1000}, {"a": 1}]
# What the descriptions of the schema leave to the parser.
PARSER_ONLY = {"PV-MAN-012"}


def ends_strictly(schema):
    """ECMA's $ is the end; Python's also stands before a last line feed."""
    if isinstance(schema, dict):
        return {key: value[:-1] + r"\Z" if key == "pattern" and value.endswith("$") else ends_strictly(value)
                for key, value in schema.items()}
    return [ends_strictly(item) for item in schema] if isinstance(schema, list) else schema


def places(value, path=()):
    """Every place in a manifest; of a list its first element stands for all."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def changed(manifest, path, change):
    """A copy in which change(container, key) was done at the place; None for the root."""
    out = copy.deepcopy(manifest)
    at = out
    for key in path[:-1]:
        at = at[key]
    change(at, path[-1])
    return out


def neighbours(manifest):
    """Every manifest that differs from this one in one place."""
    def put(value):
        return lambda container, key: container.__setitem__(key, value)

    for path in places(manifest):
        if path:
            yield changed(manifest, path, lambda container, key: container.pop(key))
            for value in VALUES:
                yield changed(manifest, path, put(value))
        at = manifest
        for key in path:
            at = at[key]
        if isinstance(at, dict):
            for name in ("extra", "name", "gpio", "interval_ms"):
                if name not in at:
                    yield changed(manifest, (*path, name), put(1))


class SchemaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        schema = json.loads((ROOT / "api/app-manifest.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.validator = jsonschema.Draft202012Validator(ends_strictly(schema))

    def verdicts(self, texts):
        """What the parser says of each text: None, or the code of its refusal."""
        out = []
        with tempfile.TemporaryDirectory(prefix="pavise-schema-") as folder:
            files = []
            for number, text in enumerate(texts):
                files.append(f"{number}.json")
                (pathlib.Path(folder) / files[-1]).write_bytes(text.encode("utf-8", "surrogatepass"))
            for begin in range(0, len(files), 1000):
                run = subprocess.run([PAVISE, "app", "check", "--apart", "-o", "json", *files[begin:begin + 1000]],
                                     cwd=folder, capture_output=True, text=True, check=False)
                self.assertIn(run.returncode, (0, 6), run.stderr)
                out += [row.get("error", {}).get("code") for row in json.loads(run.stdout)["manifests"]]
        self.assertEqual(len(out), len(texts))
        return out

    def test_good_manifests_are_good_for_both(self):
        texts = [path.read_text() for path in sorted((CASES / "good").glob("*.json"))]
        self.assertGreaterEqual(len(texts), 3)
        for text, verdict in zip(texts, self.verdicts(texts)):
            self.assertIsNone(verdict, text)
            self.validator.validate(json.loads(text))

    def test_refused_manifests_are_refused_by_both_but_where_only_the_parser_sees_it(self):
        cases = json.loads((CASES / "refused.json").read_text())
        for case, verdict in zip(cases, self.verdicts([case["text"] for case in cases])):
            self.assertEqual(verdict, case["code"], case["name"])
            if case["code"] == "PV-MAN-002":
                continue  # no JSON, so nothing for a schema
            self.assertEqual(not self.validator.is_valid(json.loads(case["text"])), case["schema_refuses"], case["name"])

    def test_one_change_anywhere_gets_one_verdict(self):
        manifests = [neighbour for name in ("smallest.json", "everything.json")
                     for neighbour in neighbours(json.loads((CASES / "good" / name).read_text()))]
        self.assertGreater(len(manifests), 2000)
        accepted = 0
        for manifest, verdict in zip(manifests, self.verdicts([json.dumps(manifest) for manifest in manifests])):
            if verdict in PARSER_ONLY:
                continue
            accepted += verdict is None
            self.assertEqual(self.validator.is_valid(manifest), verdict is None, (verdict, json.dumps(manifest)))
        self.assertGreater(accepted, 100)
        self.assertLess(accepted, len(manifests) / 2)


if __name__ == "__main__":
    unittest.main()
