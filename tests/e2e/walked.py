"""A device that has gone through the whole walk, for all tests of a class, with the house that it belongs to."""
import atexit
import pathlib
import tempfile
import unittest

from sim import vdev
from sim.walk.steps import Steps
from sim.walk.walk import Walk


class WalkedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="pavise-walked-")
        atexit.register(cls.doClassCleanups)  # unittest itself does nothing more after a Ctrl-C
        cls.addClassCleanup(folder.cleanup)
        cls.state = pathlib.Path(folder.name) / "state"
        cls.walk = Walk(cls.state, Steps())
        cls.addClassCleanup(cls.walk.stop)
        cls.walk.all_steps()
        cls.device = vdev.Device(cls.walk.device_dir)
        cls.addClassCleanup(cls.device.stop)
