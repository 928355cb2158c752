"""The image build without booting: the same bytes twice, and reference values that cover every part."""
import hashlib
import json
import pathlib
import shutil
import unittest

from tests.e2e import workshop
from tests.e2e.workshop import manifest, predicted, replayed, run

FLASHED = ("disk.img", "pavise.efi")
PUBLISHED = ("release.json", "release.sig", "OVMF_VARS.fd", "image.json")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class ImageTest(workshop.WorkshopTest):
    def test_building_twice_gives_identical_bytes(self):
        again = self.shop.build("again")
        for name in (*FLASHED, *PUBLISHED):
            self.assertEqual(digest(self.image / name), digest(again / name), name)

    def test_each_input_changes_the_prediction(self):
        seen = {predicted(self.image, 11)}
        for name, options in {"version": {"version": "0.1.1"}, "epoch": {"epoch": 2},
                              "interval": {"telemetry_interval": 11}}.items():
            pcr11 = predicted(self.shop.build("varied", **options), 11)
            self.assertNotIn(pcr11, seen, name)
            seen.add(pcr11)

    def test_prediction_is_the_replay_of_the_listed_events(self):
        for pcr in (4, 7):
            self.assertEqual(replayed(self.image, pcr), predicted(self.image, pcr))
        opened = hashlib.sha256(b"pavise:data-opened").digest()
        closed = hashlib.sha256(bytes.fromhex(replayed(self.image, 11)) + opened).hexdigest()
        self.assertEqual(closed, predicted(self.image, 11))
        self.assertEqual(manifest(self.image)["runtime"], [{"pcr": 11, "text": "pavise:data-opened"}])

    def test_release_is_signed(self):
        run("openssl", "dgst", "-sha256", "-verify", self.image / "release.pub.pem", "-signature",
            self.image / "release.sig", self.image / "release.json")

    def test_boot_program_is_signed_as_others_see_it(self):
        if not shutil.which("sbverify"):
            self.skipTest("sbverify is not installed")
        run("sbverify", "--cert", self.shop.keys / "db.crt", self.image / "pavise.efi")
        wrong = run("sbverify", "--cert", self.shop.keys / "KEK.crt", self.image / "pavise.efi", ok=False)
        self.assertNotEqual(wrong.returncode, 0)

    def test_root_holds_no_shell_and_only_what_is_needed(self):
        report = json.loads((self.image / "image.json").read_text(encoding="utf-8"))
        for path in report["root_files"]:
            self.assertRegex(path, r"^(sbin|usr/bin)/pavise-|^lib(64)?/|^etc/|^usr/lib/pavise/", path)
            self.assertNotRegex(pathlib.PurePath(path).name, r"^(ba|da|a)?sh$|busybox", path)
        self.assertLessEqual(report["flashed_bytes"], 16 * 2**20)

    def test_platform_profile_becomes_part_of_the_release(self):
        profile = self.shop.folder / "platform.json"
        pcrs = [{"pcr": 0, "digest": "ab" * 32}, {"pcr": 2, "digest": "cd" * 32}]
        profile.write_text(json.dumps({"name": "board-1", "pcrs": pcrs}), encoding="utf-8")
        image = self.shop.build("platform", platform=profile)
        self.assertEqual(manifest(image)["platforms"], [{"name": "board-1", "pcrs": pcrs}])
        profile.write_text(json.dumps({"name": "board-1", "pcrs": pcrs[:1]}), encoding="utf-8")
        refused = self.shop.build("platform", ok=False, platform=profile)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("PCR 0 and PCR 2", refused.stderr)

    def test_bad_options_are_refused_with_a_reason(self):
        for options in ({"epoch": 0}, {"epoch": 1_000_001}, {"version": "1"}, {"telemetry_interval": 0}):
            self.assertEqual(self.shop.build("bad", ok=False, **options).returncode, 2, options)
        refused = self.shop.build("bad", keys=self.shop.folder / "no-keys", ok=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("Next: device/os/keys", refused.stderr)

    def test_keys_are_private_and_never_replaced(self):
        self.assertEqual(self.shop.keys.stat().st_mode & 0o777, 0o700)
        before = {path.name: digest(path) for path in self.shop.keys.glob("*.key")}
        self.assertEqual(len(before), 5)
        for path in self.shop.keys.glob("*.key"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path.name)
        run(workshop.ROOT / "device/os/keys", self.shop.keys)
        self.assertEqual(before, {path.name: digest(path) for path in self.shop.keys.glob("*.key")})


if __name__ == "__main__":
    unittest.main()
