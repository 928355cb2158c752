"""The refrigeration monitor as a package.

PAVISE_PROGRAMS: folder with the programs. PAVISE_REFRIGERATION_MONITOR: the app's."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAVISE = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin")) / "pavise"
SAMPLE = ROOT / "samples/refrigeration_monitor"


def pavise(*words):
    run = subprocess.run([PAVISE, *map(str, words)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise AssertionError(f"{words}: {run.returncode}\n{run.stdout}{run.stderr}")
    return run.stdout


class PackageTest(unittest.TestCase):
    def test_check_says_what_it_may(self):
        said = pavise("app", "check", SAMPLE / "app_manifest.json")
        for words in ("SENSOR1", "home", "64"):
            self.assertIn(words, said)

    def test_it_is_packed_and_shown(self):
        with tempfile.TemporaryDirectory(prefix="pavise-fridge-") as folder:
            key, package = pathlib.Path(folder) / "owner.pem", pathlib.Path(folder) / "monitor.pvimage"
            pavise("app", "key", "create", key)
            pavise("app", "build", SAMPLE, "--binary", os.environ["PAVISE_REFRIGERATION_MONITOR"], "--key", key, "--tenant", "home",
                   "--out", package)
            shown = json.loads(pavise("app", "show", package, "--owner-key", f"{key}.pub", "-o", "json"))
        self.assertTrue(shown["signature_checked"])
        self.assertEqual({row["path"] for row in shown["files"]},
                         {"/", "/app", "/app/refrigeration-monitor", "/data", "/dev", "/proc", "/tmp"})


if __name__ == "__main__":
    unittest.main()
