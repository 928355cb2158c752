"""What device/os/build says to hardware definitions."""
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "device/apps/hardware/testdata/corpus/hardware_definition_fuzz"
sys.path.insert(0, str(ROOT / "device/os"))
from os_image import hardware  # noqa: E402

CONSOLE = "/dev/ttyS0"


class BuildTest(unittest.TestCase):
    def test_it_judges_as_the_device_does(self):
        files = sorted(CORPUS.iterdir())
        self.assertGreater(len(files), 10)
        for path in files:
            wrong = hardware.problem(path.read_bytes(), CONSOLE)
            self.assertEqual(wrong is None, path.name.startswith("good_"), f"{path.name}: {wrong}")

    def test_the_console_is_nobodys(self):
        self.assertIn("taken", hardware.problem(b"uart A /dev/ttyS0\n", CONSOLE))

    def test_size(self):
        remark = b"#" + b"x" * (hardware.BYTES_MAX - 2) + b"\n"
        self.assertIsNone(hardware.problem(remark, CONSOLE))
        self.assertIn("bytes", hardware.problem(remark + b"\n", CONSOLE))


if __name__ == "__main__":
    unittest.main()
