"""The Modbus guardian as a package.

PAVISE_PROGRAMS: folder with the programs. PAVISE_MODBUS_GUARDIAN: the app's."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAVISE = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin")) / "pavise"
SAMPLE = ROOT / "samples/modbus_guardian"


def pavise(*words):
    run = subprocess.run([PAVISE, *map(str, words)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise AssertionError(f"{words}: {run.returncode}\n{run.stdout}{run.stderr}")
    return run.stdout


class PackageTest(unittest.TestCase):
    def test_check_says_what_it_may(self):
        said = pavise("app", "check", SAMPLE / "app_manifest.json")
        for words in ("192.0.2.10", "502", "1502"):
            self.assertIn(words, said)

    def test_the_manifest_and_the_rules_name_the_same_machine(self):
        may = json.loads((SAMPLE / "app_manifest.json").read_text())["capabilities"]
        rules = dict(line.split(" ", 1) for line in (SAMPLE / "root/app/rules").read_text().splitlines()
                     if line.startswith(("machine ", "listen ")))
        self.assertEqual(may["outgoing_tcp"], [rules["machine"]])
        self.assertEqual(may["listening_tcp"], [int(rules["listen"])])

    def test_it_is_packed_and_shown(self):
        with tempfile.TemporaryDirectory(prefix="pavise-modbus-") as folder:
            key, package = pathlib.Path(folder) / "owner.pem", pathlib.Path(folder) / "guardian.pvimage"
            pavise("app", "key", "create", key)
            pavise("app", "build", SAMPLE, "--binary", os.environ["PAVISE_MODBUS_GUARDIAN"], "--key", key, "--tenant", "home",
                   "--out", package)
            shown = json.loads(pavise("app", "show", package, "--owner-key", f"{key}.pub", "-o", "json"))
        self.assertTrue(shown["signature_checked"])
        self.assertEqual({row["path"] for row in shown["files"]},
                         {"/", "/app", "/app/modbus-guardian", "/app/rules", "/data", "/dev", "/proc", "/tmp"})


if __name__ == "__main__":
    unittest.main()
