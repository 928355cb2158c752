"""A page of docs/ as its reader follows it: the commands as they stand, in a folder like the project's, in terminals."""
import os
import pathlib
import re
import signal
import subprocess
import time

from tests.host_walk.house import until
from tests.hub_alone.running_hub import heed_interrupts

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_S = 900
RECONNECT_S = 120  # a busy machine takes its time


def blocks(page, language="sh"):
    """The page's blocks of this language, in its order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


class Reader:
    """Of the test `case`, in `folder`: the project's, with a state of its own."""

    def __init__(self, case, folder, **environment):
        self.case, self.folder = case, pathlib.Path(folder)
        for name in ("run", "build", "tools", "sim", "device", "docs"):
            (self.folder / name).symlink_to(ROOT / name)
        self.environment = {**os.environ, **environment}

    def shell(self, commands, given=None):
        """What they print; `given` is typed into them."""
        done = subprocess.run(["bash", "-e", "-c", commands], cwd=self.folder, env=self.environment, capture_output=True,
                              text=True, check=False, timeout=TIMEOUT_S, **({"input": given} if given else {}))
        self.case.assertEqual(done.returncode, 0, f"{commands}\n{done.stdout}{done.stderr}")
        return done.stdout

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
        self.case.addCleanup(terminal.end)
        return terminal


class Terminal:
    """Commands that go on until somebody ends them by Ctrl-C."""

    def __init__(self, commands, folder, environment, log):
        self.log = log
        with open(log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(["bash", "-e", "-c", commands], cwd=folder, env=environment, stdout=out, stderr=out,
                                            start_new_session=True, preexec_fn=heed_interrupts)

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
