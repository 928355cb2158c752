"""docs/first-app.md as a reader follows it: its commands, in its order, in two terminals."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

from tests.host_walk.house import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/first-app.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
TIMEOUT_S = 900


class FirstAppTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="pavise-first-app-")))
        # A reader's folder is the project's. Ours has its things, and a state of its own.
        for name in ("run", "build", "tools", "sim", "device", "docs"):
            (self.folder / name).symlink_to(ROOT / name)
        self.environment = {**os.environ, "PAVISE_STATE": str(self.folder / ".pavise"), "PYTHONUNBUFFERED": "1"}
        self.addCleanup(subprocess.run, ["./run", "--clean"], cwd=self.folder, env=self.environment, capture_output=True,
                        check=False)

    def shell(self, commands):
        done = subprocess.run(["bash", "-e", "-c", commands], cwd=self.folder, env=self.environment, capture_output=True,
                              text=True, check=False, timeout=TIMEOUT_S)
        self.assertEqual(done.returncode, 0, f"{commands}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_its_commands_do_what_it_says(self):
        make, check, sign, run, look = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
        path = "export PATH=$PWD/build/release/bin:$PATH\n"
        self.shell(make)
        self.assertIn("may", self.shell(path + check))
        self.shell(path + sign)
        log = self.folder / "run.log"
        with open(log, "w", encoding="utf-8") as out:
            process = subprocess.Popen(["bash", "-c", f"exec {run}"], cwd=self.folder, env=self.environment, stdout=out,
                                       stderr=out, start_new_session=True)
        self.addCleanup(self.end, process)
        until(lambda: "stays up" in log.read_text(encoding="utf-8") or process.poll() is not None, "./run", TIMEOUT_S)
        self.assertIsNone(process.poll(), log.read_text(encoding="utf-8"))
        # A person takes longer to open another terminal than the app to come up.
        until(lambda: "blink: info: online" in self.console(), "the app", TIMEOUT_S)
        said = self.shell(look)
        self.assertRegex(said, r"blink +1\.0\.0 +running")
        self.assertIn("online", said)
        self.assertIn("hello", said)

    def console(self):
        return (self.folder / ".pavise/devices/sim0/console.log").read_bytes().decode(errors="replace")

    @staticmethod
    def end(process):
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
