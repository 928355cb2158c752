"""The Modbus guardian as a package.

PAVISE_PROGRAMS: folder with the programs. PAVISE_MODBUS_GUARDIAN: the app's."""
import os
import unittest

from tests.samples.sample import Sample

SAMPLE = Sample("modbus_guardian")


class PackageTest(unittest.TestCase):
    def test_check_says_what_it_may(self):
        said = SAMPLE.check()
        for words in ("192.0.2.10", "502", "1502"):
            self.assertIn(words, said)

    def test_the_manifest_and_the_rules_name_the_same_machine(self):
        may = SAMPLE.capabilities()
        rules = dict(line.split(" ", 1) for line in (SAMPLE.folder / "root/app/rules").read_text().splitlines()
                     if line.startswith(("machine ", "listen ")))
        self.assertEqual(may["outgoing_tcp"], [rules["machine"]])
        self.assertEqual(may["listening_tcp"], [int(rules["listen"])])

    def test_it_is_packed_and_shown(self):
        shown = SAMPLE.pack_and_show(os.environ["PAVISE_MODBUS_GUARDIAN"])
        self.assertTrue(shown["signature_checked"])
        self.assertEqual({row["path"] for row in shown["files"]},
                         {"/", "/app", "/app/modbus-guardian", "/app/rules", "/data", "/dev", "/proc", "/tmp"})


if __name__ == "__main__":
    unittest.main()
