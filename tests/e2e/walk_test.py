"""./run as a person uses it: the whole walk, the tour of attacks, a second run that reuses everything, and clean."""
import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class WalkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="pavise-walk-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.state = pathlib.Path(cls.folder.name) / "state"
        cls.addClassCleanup(cls.run_words, "--clean")

    @classmethod
    def run_words(cls, *words):
        report = pathlib.Path(cls.folder.name) / "report.json"
        report.unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-m", "sim.walk", "--state", cls.state, "--json", report, *words],
                              cwd=ROOT, capture_output=True, text=True, check=False, timeout=1500,
                              env={**os.environ, "PYTHONUNBUFFERED": "1"})
        steps = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None
        return done, steps

    def test_1_the_walk_and_every_attack_of_the_tour(self):
        done, report = self.run_words("--tour")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(report["ok"])
        names = [step["step"] for step in report["steps"]]
        self.assertEqual(names[:9], ["server up", "owner's key of apps", "system image built and released",
                                     "device made in the factory", "claimed by the owner",
                                     "booted with Secure Boot on", "evidence checked", "certificate issued",
                                     "telemetry arriving"])
        self.assertEqual(len(names), 14, names)
        self.assertRegex(report["digests"]["evidence"], "^[0-9a-f]{64}$")
        self.assertEqual(stat.S_IMODE((self.state / "app-owner.pem").stat().st_mode), 0o600)
        context = json.loads((self.state / "context.json").read_text(encoding="utf-8"))["contexts"]["run"]
        self.assertEqual(context["devices"], {"sim0": report["device_id"]})
        self.assertEqual(context["app"], {"key": str(self.state.resolve() / "app-owner.pem"), "tenant": "home"})

    def test_2_a_second_run_reuses_what_is_valid(self):
        done, report = self.run_words("--once")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("reused", done.stdout)
        self.assertFalse((self.state / "server.pid").exists())
        self.assertTrue(report["ok"])

    def test_3_clean_removes_all(self):
        done, _ = self.run_words("--clean")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertFalse(self.state.exists())


if __name__ == "__main__":
    unittest.main()
