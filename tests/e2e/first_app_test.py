"""docs/first-app.md as a reader follows it: its commands, in its order, in two terminals."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

from tests.host_walk.house import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/first-app.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
TIMEOUT_S = 900
RECONNECT_S = 120  # a busy machine takes its time


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
        run, make, bring, look, watch, edit, remove = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
        terminal = make.splitlines(keepends=True)[0]  # of each further terminal
        device = self.begin(run, "run.log")
        device.wait("stays up", TIMEOUT_S)
        self.assertIn("may", self.shell(make))

        app = self.begin(terminal + bring, "app.log")
        app.wait(r"blink 1\.0\.0 runs, .* s after the command")
        app.wait("blink 1.0.0, start 1")
        app.wait("online")
        app.end()
        said = self.look(terminal + look)
        self.assertRegex(said, r"blink +1\.0\.0 +running")
        self.assertIn("online", said)
        self.assertIn("hello", said)

        app = self.begin(terminal + watch, "watch.log")
        app.wait("watching blink")
        self.shell(edit)
        found = app.wait(r"blink 1\.0\.0 runs, ([\d.]+) s after the edit.*")
        print(found.group(0), flush=True)
        app.wait(r"blink 1\.0\.0, hello, start [2-9]")
        app.end()
        self.assertIn("removed", self.shell(terminal + remove))
        self.assertNotIn("blink", self.shell(terminal + "pavise app list sim0"))

    def look(self, commands):
        """Repeated, as the page says, while the device connects again after its apps have changed."""
        deadline = time.monotonic() + RECONNECT_S
        while True:
            try:
                return self.shell(commands)
            except AssertionError as error:
                missed = re.search("DeviceConnectionClosedRemotely|DeviceNotOnline", str(error))
                if not missed or time.monotonic() > deadline:
                    raise
            time.sleep(1)

    def begin(self, commands, log):
        """In a terminal of its own."""
        terminal = Terminal(commands, self.folder, self.environment, self.folder / log)
        self.addCleanup(terminal.end)
        return terminal


class Terminal:
    """Commands that go on until somebody ends them by Ctrl-C."""

    def __init__(self, commands, folder, environment, log):
        self.log = log
        with open(log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(["bash", "-e", "-c", commands], cwd=folder, env=environment, stdout=out, stderr=out,
                                            start_new_session=True)

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, pattern, timeout_s=120):
        """The match, once it has said something that matches."""
        try:
            until(lambda: re.search(pattern, self.said()) or self.process.poll() is not None, pattern, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()}") from None
        found = re.search(pattern, self.said())
        if not found:
            raise AssertionError(f"it ended without {pattern}\n{self.said()}")
        return found

    def end(self):
        if self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


if __name__ == "__main__":
    unittest.main()
