"""What the end-to-end tests of image and boot share: keys, images, virtual devices, in one folder.

PAVISE_PROGRAMS: folder with the programs (default build/release/bin). PAVISE_E2E_DIR: a folder to keep between runs
(default: a temporary one)."""
import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from sim import vdev

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin"))
BOOT_TIMEOUT_S = 300


def run(*words, ok=True):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if ok and done.returncode != 0:
        raise AssertionError(f"{words[0]} failed:\n{done.stdout}{done.stderr}")
    return done


class Workshop:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.keys = self.folder / "keys"
        self.vendor = self.folder / "vendor"
        self.service_ca = self.folder / "service-ca.pem"
        run(ROOT / "device/os/keys", self.keys)
        if not self.service_ca.exists():
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=nobody", "-days", 30, "-keyout", self.folder / "service-ca.key",
                "-out", self.service_ca)

    def build(self, name, keys=None, ok=True, **options):
        out = self.folder / name
        extra = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", value)]
        done = run(ROOT / "device/os/build", "--out", out, "--keys", keys or self.keys, "--programs", PROGRAMS,
                   "--service-ca", self.service_ca, "--service", "10.0.2.2:1:nobody.invalid", *extra, ok=ok)
        return out if ok else done

    def device(self, name, image):
        folder = self.folder / name
        if (folder / "device.json").exists():
            vdev.Device(folder).stop()
        return vdev.Device.create(folder, vendor=self.vendor, keys=self.keys, image=image)


class WorkshopTest(unittest.TestCase):
    """One workshop and one built image for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.resources = contextlib.ExitStack()
        cls.addClassCleanup(cls.resources.close)
        kept = os.environ.get("PAVISE_E2E_DIR")
        folder = kept or cls.resources.enter_context(tempfile.TemporaryDirectory(prefix="pavise-e2e-"))
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        cls.shop = Workshop(folder)
        cls.image = cls.shop.build("image")

    def power_on(self, device, **options):
        self.addCleanup(device.stop)
        device.start(**options)
        return device

    def boot(self, device, **options):
        self.power_on(device, **options)
        device.wait_console("pavise-init: up", BOOT_TIMEOUT_S)
        return device


def manifest(image):
    return json.loads((image / "release.json").read_text(encoding="utf-8"))


def replayed(image, pcr):
    """The PCR's value that the release's events give, without the monitor's run-time event."""
    value = bytes(32)
    for event in manifest(image)["events"]:
        if event["pcr"] == pcr:
            value = hashlib.sha256(value + bytes.fromhex(event["digest"])).digest()
    return value.hex()


def predicted(image, pcr):
    return next(p["digest"] for p in manifest(image)["pcrs"] if p["pcr"] == pcr)
