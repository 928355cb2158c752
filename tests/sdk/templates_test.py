"""Each template of `pavise app new`: made, built with the SDK, packed, read back, started.

PAVISE_PROGRAMS: folder with the programs (default build/release/bin)."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAVISE = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin")).resolve() / "pavise"
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class TemplatesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="pavise-templates-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.tool("app", "key", "create", "owner.pem")

    @classmethod
    def tool(cls, *words, code=0):
        run = subprocess.run([PAVISE, *words], cwd=cls.folder, capture_output=True, text=True, check=False,
                             env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        if run.returncode != code:
            raise AssertionError(f"{words}: {run.returncode}\n{run.stdout}{run.stderr}")
        return run.stdout

    def start(self, name, code=0):
        """What the program logs until it is asked to end, which it obeys, or ends by itself with `code`."""
        home = self.folder / f"{name}-data"
        home.mkdir()
        environment = {"HOME": str(home), "PAVISE_APP": name, "PAVISE_VERSION": "1.0.0"}
        with subprocess.Popen([self.folder / name / "build/pavise-app"], stderr=subprocess.PIPE, text=True,
                              env=environment) as app:
            first = app.stderr.readline()
            if code == 0:
                app.send_signal(signal.SIGTERM)
            rest = app.communicate(timeout=60)[1]
        self.assertEqual(app.returncode, code, first + rest)
        return first, rest

    def check_template(self, template, *more, code=0):
        made = json.loads(self.tool("app", "new", template, "--template", template, *more, "-o", "json"))
        self.assertRegex(made["component_id"], UUID4)
        self.tool("app", "check", f"{template}/app_manifest.json")
        build = ("app", "build", template, "--key", "owner.pem", "--tenant", "home", "-o", "json")
        self.assertFalse(json.loads(self.tool(*build))["same_signature"])
        shown = json.loads(self.tool("app", "show", f"{template}/{template}.pvimage", "--owner-key", "owner.pem.pub",
                                     "-o", "json"))
        self.assertTrue(shown["signature_checked"])
        self.assertEqual(shown["component_id"], made["component_id"])
        self.assertIn("/bin/app", {row["path"] for row in shown["files"]})
        # One file and no loader: it runs in an image of its own.
        program = (self.folder / template / "build/pavise-app").read_bytes()
        self.assertNotIn(b"/ld-linux", program)
        self.assertNotIn(str(self.folder).encode(), program)
        self.assertTrue(json.loads(self.tool(*build))["same_signature"])
        return self.start(template, code)

    def test_telemetry(self):
        first, rest = self.check_template("telemetry", "--tenant", "home")
        self.assertEqual(first, "info: telemetry 1.0.0, start 1\n")
        self.assertIn("info: asked to end\n", rest)
        self.assertEqual((self.folder / "telemetry-data/starts").read_text(), "1")
        # A program that does not compile makes no package.
        package = self.folder / "telemetry/telemetry.pvimage"
        package.unlink()
        (self.folder / "telemetry/main.c").write_text("int main(void) { return nothing; }\n")
        self.tool("app", "build", "telemetry", "--key", "owner.pem", "--tenant", "home", code=1)
        self.assertFalse(package.exists())

    def test_cpp_minimal(self):
        first, _ = self.check_template("cpp-minimal")
        self.assertEqual(first, "info: cpp-minimal 1.0.0\n")

    def test_gpio(self):
        # Its lines are on devices only; tests/e2e/apps_test.py has it on one.
        first, _ = self.check_template("gpio", code=1)
        self.assertEqual(first, "error: LED and BUTTON: No such file or directory\n")

    def test_a_template_that_is_not_there_is_refused(self):
        self.tool("app", "new", "blink", "--template", "unknown", "--tenant", "home", code=1)
        self.assertFalse((self.folder / "blink").exists())


if __name__ == "__main__":
    unittest.main()
