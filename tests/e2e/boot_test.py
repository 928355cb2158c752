"""Boots the image on virtual devices: prediction equals measurement, and what is tampered with does not start."""
import unittest

from sim import attacks
from tests.e2e import workshop
from tests.e2e.workshop import BOOT_TIMEOUT_S, predicted, replayed

REFUSED_BY_FIRMWARE = "Access Denied"
REFUSED_BY_HASH_TREE = "dm-verity device corrupted"


class BootTest(workshop.WorkshopTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.device = cls.shop.device("device", cls.image)

    def setUp(self):
        self.device.stop()
        self.device.use_image(self.image)

    def test_measured_values_equal_the_prediction(self):
        device = self.boot(self.device)
        self.assertTrue(device.console_has("Secure boot enabled"))
        self.assertTrue(device.console_has("Kernel is locked down"))
        pcrs = device.pcrs()
        self.assertEqual(pcrs[4], predicted(self.image, 4))
        self.assertEqual(pcrs[7], predicted(self.image, 7))
        self.assertEqual(pcrs[11], replayed(self.image, 11))  # before the data partition is opened
        # The platform's own values do not change from boot to boot.
        device.stop()
        again = self.boot(device).pcrs()
        self.assertEqual((pcrs[0], pcrs[2]), (again[0], again[2]))

    def refuse(self, image, sign):
        self.device.use_image(image)
        self.power_on(self.device)
        self.device.wait_console(sign, BOOT_TIMEOUT_S)
        self.device.stop()
        self.assertFalse(self.device.console_has("pavise-init"))

    def test_one_flipped_bit_in_the_kernel_image_does_not_boot(self):
        self.refuse(attacks.flip_byte_in_uki(self.image, self.shop.folder / "flipped-uki"), REFUSED_BY_FIRMWARE)
        self.assertFalse(self.device.console_has("Linux version"))

    def test_one_flipped_bit_in_the_root_does_not_boot(self):
        self.refuse(attacks.flip_byte_in_root(self.image, self.shop.folder / "flipped-root"), REFUSED_BY_HASH_TREE)

    def test_image_signed_by_somebody_else_does_not_boot(self):
        keys = self.shop.folder / "foreign-keys"
        workshop.run(workshop.ROOT / "device/os/keys", keys)
        self.refuse(self.shop.build("foreign", keys=keys), REFUSED_BY_FIRMWARE)
        self.assertFalse(self.device.console_has("Linux version"))

    def test_root_of_another_release_does_not_boot(self):
        # Each half is sound and signed by us, but they do not belong together.
        mixed = attacks.copy_image(self.image, self.shop.folder / "mixed")
        other = self.shop.build("other", version="0.9.9")
        attacks.replace_root(mixed, other)
        self.refuse(mixed, REFUSED_BY_HASH_TREE)

    def test_missing_disk_parts_power_off_with_a_reason(self):
        cut = attacks.copy_image(self.image, self.shop.folder / "cut")
        attacks.erase_hash_tree(cut)
        self.refuse(cut, "PV-BOT-002")
        self.assertTrue(self.device.wait_off(30), "the device hangs instead of powering off")


if __name__ == "__main__":
    unittest.main()
