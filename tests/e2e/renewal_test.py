"""What happens to a walked device later: its clock is wrong, the next release comes, the last one comes back."""
import pathlib
import tempfile
import unittest

from sim import vdev
from sim.walk.steps import Steps
from sim.walk.walk import BOOT_TIMEOUT_S, Walk, build_image, platform_profile, release


class RenewalTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="pavise-renewal-")
        cls.addClassCleanup(folder.cleanup)
        cls.state = pathlib.Path(folder.name) / "state"
        cls.walk = Walk(cls.state, Steps())
        cls.addClassCleanup(cls.walk.stop)
        cls.walk.all_steps()
        cls.device = vdev.Device(cls.walk.device_dir)
        cls.addClassCleanup(cls.device.stop)

    def boot(self, *texts, **options):
        """Cuts the power, boots, and waits for each text on the console."""
        self.device.stop()
        self.device.start(**options)
        for text in texts:
            self.device.wait_console(text, BOOT_TIMEOUT_S)

    def test_1_a_clock_set_back_strands_nobody(self):
        self.boot("pavise-agent: attested", "pavise-agent: connected to hub", rtc="2020-01-01T00:00:00")

    def test_2_the_next_release_opens_the_data_and_the_last_one_does_not(self):
        house, keys = self.walk.house, self.walk.keys
        profile = platform_profile(house, self.walk.vendor, keys)
        following, _ = build_image(house, keys, self.state / "next", "0.2.0", epoch=2, platform=profile)
        self.assertTrue(release(house, keys, following))
        self.device.stop()
        self.device.use_image(following)
        self.boot("pavise-init: data partition open", "pavise-agent: attested")

        self.device.stop()
        self.device.use_image(self.state / "image")
        self.boot("pavise-init: data stays closed", "PV-MON-004")


if __name__ == "__main__":
    unittest.main()
