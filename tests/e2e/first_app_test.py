"""docs/first-app.md as a reader follows it: its commands, in its order, in two terminals."""
import subprocess
import tempfile
import unittest

from tests.e2e.reader import TIMEOUT_S, Reader, blocks


class FirstAppTest(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="pavise-first-app-"))
        self.reader = Reader(self, folder, PAVISE_STATE=f"{folder}/.pavise", PYTHONUNBUFFERED="1")
        self.addCleanup(subprocess.run, ["./run", "--clean"], cwd=folder, env=self.reader.environment, capture_output=True,
                        check=False)

    def test_its_commands_do_what_it_says(self):
        run, make, bring, look, watch, edit, remove = blocks("docs/first-app.md")
        terminal = make.splitlines(keepends=True)[0]  # of each further terminal
        reader = self.reader
        device = reader.begin(run, "run.log")
        device.wait("stays up", TIMEOUT_S)
        self.assertIn("may", reader.shell(make))

        app = reader.begin(terminal + bring, "app.log")
        app.wait(r"blink 1\.0\.0 runs, .* s after the command")
        app.wait("blink 1.0.0, start 1")
        app.wait("online")
        app.end()
        said = reader.look(terminal + look)
        self.assertRegex(said, r"blink +1\.0\.0 +running")
        self.assertIn("online", said)
        self.assertIn("hello", said)

        app = reader.begin(terminal + watch, "watch.log")
        app.wait("watching blink")
        reader.shell(edit)
        found = app.wait(r"blink 1\.0\.0 runs, ([\d.]+) s after the edit.*")
        print(found.group(0), flush=True)
        app.wait(r"blink 1\.0\.0, hello, start [2-9]")
        app.end()
        self.assertIn("removed", reader.shell(terminal + remove))
        self.assertNotIn("blink", reader.shell(terminal + "pavise app list sim0"))


if __name__ == "__main__":
    unittest.main()
