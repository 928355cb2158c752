"""The refrigeration monitor as a package.

PAVISE_PROGRAMS: folder with the programs. PAVISE_REFRIGERATION_MONITOR: the app's."""
import os
import unittest

from tests.samples.sample import Sample

SAMPLE = Sample("refrigeration_monitor")


class PackageTest(unittest.TestCase):
    def test_check_says_what_it_may(self):
        said = SAMPLE.check()
        for words in ("SENSOR1", "home", "64"):
            self.assertIn(words, said)

    def test_it_is_packed_and_shown(self):
        shown = SAMPLE.pack_and_show(os.environ["PAVISE_REFRIGERATION_MONITOR"])
        self.assertTrue(shown["signature_checked"])
        self.assertEqual({row["path"] for row in shown["files"]},
                         {"/", "/app", "/app/refrigeration-monitor", "/data", "/dev", "/proc", "/tmp"})


if __name__ == "__main__":
    unittest.main()
