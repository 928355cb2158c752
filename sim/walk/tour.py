"""What bad input gets, shown on the device of the walk: four attacks, each of which must fail with a reason."""
import shutil

from sim import attacks, vdev
from sim.walk.steps import StepFailed, wait_until
from sim.walk.walk import BOOT_TIMEOUT_S, build_image, make_device

REFUSED_BY_FIRMWARE = ("Access Denied", "Security Violation")
REFUSED_BY_BOOT = ("pavise-boot: refused", "dm-verity device corrupted")


def show(walk):
    walk.steps.title("The tour: what bad input gets")
    device = vdev.Device(walk.device_dir)
    device.stop()
    good = walk.house.state / "image"
    tour = walk.house.state / "tour"
    try:
        flipped_in_uki(walk, device, good, tour)
        flipped_in_root(walk, device, good, tour)
        foreign_signature(walk, device, tour)
        unreleased(walk, device, tour)
    finally:
        device.stop()
        device.use_image(good)
    copied_disk(walk, device, good, tour)


def must_not_boot(device, image, signs):
    """Boots the image and expects one of the signs of refusal, and nothing of ours to run."""
    device.use_image(image)
    device.start()
    try:
        seen = wait_until(lambda: next((s for s in signs if device.console_has(s)), None), BOOT_TIMEOUT_S,
                          "the refusal", f"Read {device.console}.")
        if device.console_has("pavise-init: up"):
            raise StepFailed("the tampered image booted", f"Read {device.console}.")
        return seen
    finally:
        device.stop()


def flipped_in_uki(walk, device, good, tour):
    with walk.steps.step("one flipped byte in the kernel image") as facts:
        image = attacks.flip_byte_in_uki(good, tour / "flipped-uki")
        facts["shown"] = "does not boot: firmware says " + must_not_boot(device, image, REFUSED_BY_FIRMWARE)


def flipped_in_root(walk, device, good, tour):
    with walk.steps.step("one flipped byte in the root") as facts:
        image = attacks.flip_byte_in_root(good, tour / "flipped-root")
        must_not_boot(device, image, REFUSED_BY_BOOT)
        facts["shown"] = "does not boot: the hash tree differs"


def foreign_signature(walk, device, tour):
    with walk.steps.step("an image signed by somebody else") as facts:
        image, _ = build_image(walk.house, tour / "foreign-keys", tour / "foreign", "0.1.0", apps=walk.app_words())
        facts["shown"] = "does not boot: firmware says " + must_not_boot(device, image, REFUSED_BY_FIRMWARE)


def unreleased(walk, device, tour):
    with walk.steps.step("signed by us, but never released") as facts:
        image, _ = build_image(walk.house, walk.keys, tour / "unreleased", "0.1.1", apps=walk.app_words())
        before = walk.house.cli_json("device", "evidence", walk.device_id)["time"]
        device.use_image(image)
        device.start()

        def refused():
            verdict = walk.house.try_cli_json("device", "evidence", walk.device_id)
            return verdict if verdict and verdict["time"] != before else None

        verdict = wait_until(refused, BOOT_TIMEOUT_S, "a verdict", f"Read {device.console}.")
        device.stop()
        if verdict["accepted"]:
            raise StepFailed("the service accepted an image that was never released")
        differs = [m["component"] for m in verdict["measurements"] if m["state"] == "differs"]
        if "root file system" not in verdict["reason"] and "root file system" not in differs:
            raise StepFailed(f"the evidence does not name the component that differs: {verdict['reason']}")
        facts["code"] = verdict["code"]
        facts["reason"] = verdict["reason"]
        facts["shown"] = f"boots, no certificate: {verdict['code']}: {verdict['reason']}"


def copied_disk(walk, device, good, tour):
    """A thief's own device of the same make, from the same factory, with this device's disk in it."""
    with walk.steps.step("the disk in a device with another TPM") as facts:
        folder = tour / "thief"
        shutil.rmtree(folder, ignore_errors=True)
        make_device(walk.house, walk.vendor, walk.keys, folder, good)
        thief = vdev.Device(folder)
        device.copy_disk_to(thief)
        thief.start()
        try:
            thief.wait_console("pavise-agent: refused", BOOT_TIMEOUT_S)
            if not thief.console_has("pavise-init: data stays closed"):
                raise StepFailed("the data partition opened on another TPM", f"Read {thief.console}.")
            line = next(l for l in thief.console_text().splitlines() if "pavise-agent: refused" in l)
            facts["shown"] = "data stays closed; " + line.split("pavise-agent: ", 1)[1].split(". Next")[0].strip()
        finally:
            thief.stop()
