"""The first walk through the house: birth, claim, boot, attest, speak (ARCHITECTURE.md, flows 1 to 5)."""
import pathlib
import datetime
import json
import shutil

from sim import qemu, vdev
from sim.walk.house import (HOST_SEEN_BY_GUEST, HUB_NAME, ROOT, House, program, run_checked,
                            tree_digest)
from sim.walk.steps import StepFailed, wait_until

TENANT = "home"
DEVICE = "sim0"
VERSION = "0.1.0"
# Emulated hardware on a busy machine is slow; a person sees the age of the step meanwhile.
BOOT_TIMEOUT_S = 300


class Walk:
    def __init__(self, state, steps, owner_key=None, apps=()):
        """owner_key: public key of who signs apps for the device, or None for a key of this state's own; apps:
        packages for its image."""
        self.house = House(state)
        self.owner_key = owner_key
        self.apps = apps
        self.steps = steps
        self.keys = self.house.state / "keys"
        self.vendor = self.house.state / "vendor"
        self.device_dir = self.house.state / "devices" / DEVICE
        self.device_id = None
        self.running = []  # virtual devices that this walk started
        self.digests = {}

    # -- steps ------------------------------------------------------------------------------------
    def server_up(self):
        with self.steps.step("server up") as facts:
            self.house.prepare()
            started = self.house.start_server()
            status = self.house.cli_json("status", what="the server's status")
            facts["url"] = f"https://127.0.0.1:{self.house.ports()['management']}"
            facts["version"] = status.get("version", "")
            facts["shown"] = facts["url"] + ("" if started else ", was running")

    def owner(self):
        """Who signs apps, told to the context: also a key that was given, if its private half is beside it."""
        with self.steps.step("owner's key of apps") as facts:
            if self.owner_key:
                private = self.owner_key.resolve().with_suffix("") if self.owner_key.suffix == ".pub" else None
                facts["shown"] = f"{self.owner_key}, given"
            else:
                private = self.house.owner_key
                facts["shown"] = str(private) + ("" if self.house.make_owner_key() else ", reused")
            key = str(private) if private and private.exists() else ""
            self.house.tell_context(app={"key": key, "tenant": TENANT})

    def app_words(self):
        """For the image recipe: what of it is about apps."""
        public = self.owner_key.resolve() if self.owner_key else pathlib.Path(f"{self.house.owner_key}.pub")
        return ["--app-owner-key", public, "--app-tenant", TENANT, "--hardware", ROOT / "sim/hardware.conf",
                *(word for app in self.apps for word in ("--app", app.resolve()))]

    def image(self):
        with self.steps.step("system image built and released") as facts:
            image, fresh = build_image(self.house, self.keys, self.house.state / "image", VERSION, apps=self.app_words(),
                                       platform=platform_profile(self.house, self.vendor, self.keys))
            released = release(self.house, self.keys, image)
            report = json.loads((image / "image.json").read_text(encoding="utf-8"))
            facts.update(report)
            self.digests["release"] = report.get("release_sha256", "")
            facts["shown"] = f"{report['flashed_bytes'] / 2**20:.1f} MiB flashed" + (
                "" if fresh or released else ", reused")

    def factory(self):
        with self.steps.step("device made in the factory") as facts:
            fresh = make_device(self.house, self.vendor, self.keys, self.device_dir,
                                self.house.state / "image")
            self.device_id = (self.device_dir / "device-id").read_text(encoding="utf-8").strip()
            self.house.tell_context(devices={DEVICE: self.device_id})
            facts["device_id"] = self.device_id
            facts["shown"] = f"{self.device_id[:16]}, called {DEVICE}" + ("" if fresh else ", reused")

    def claim(self):
        with self.steps.step("claimed by the owner") as facts:
            house = self.house
            if not any(t["id"] == TENANT for t in house.cli_json("tenant", "list")["tenants"]):
                house.cli("tenant", "create", TENANT)
            device = house.cli_json("device", "show", self.device_id)
            if device.get("tenant") != TENANT:
                house.cli("device", "claim", self.device_dir / "voucher.txt", "--tenant", TENANT)
            facts["tenant"] = TENANT
            facts["shown"] = f"tenant {TENANT}"

    def boot(self):
        with self.steps.step("booted with Secure Boot on") as facts:
            device = vdev.Device(self.device_dir)
            if device.running():
                facts["shown"] = "was running"
            else:
                self.telemetry_from = self.house.cli_json("status")["telemetry_next_offset"]
                self.not_before = datetime.datetime.now(datetime.timezone.utc)
                device.start()
                self.running.append(device)
            facts["kernel_after_s"] = device.wait_console("pavise-init: up", BOOT_TIMEOUT_S)
            if not device.console_has("Secure boot enabled"):
                raise StepFailed("the guest's kernel does not report Secure Boot",
                                 f"Read {device.console_log}.")
            facts["shown"] = facts.get("shown", "the kernel reports Secure Boot")

    def attested(self):
        with self.steps.step("evidence checked") as facts:
            verdict = wait_until(lambda: self.fresh_verdict(), BOOT_TIMEOUT_S, "a verdict on the evidence",
                                 f"Read {self.device_dir}/console.log and {self.house.state}/server.log.")
            if not verdict["accepted"]:
                raise StepFailed(f"refused: {verdict['code']}: {verdict['reason']}",
                                 f"pavise device evidence {self.device_id[:12]}")
            self.digests["evidence"] = verdict["evidence_sha256"]
            facts["evidence_sha256"] = verdict["evidence_sha256"]
            facts["release"] = verdict["release"]
            name = f"{verdict['release']['name']} {verdict['release']['version']}"
            facts["shown"] = f"{len(verdict['checks'])} checks hold, release {name}"

    def fresh_verdict(self):
        verdict = self.house.try_cli_json("device", "evidence", self.device_id)
        if not verdict or not verdict.get("time"):
            return None
        if self.running and parse_time(verdict["time"]) < self.not_before.replace(microsecond=0):
            return None
        return verdict

    def certificate(self):
        with self.steps.step("certificate issued") as facts:
            device = wait_until(lambda: self.with_certificate(), 30, "the certificate")
            facts["serial"] = device["certificate"]["serial"]
            facts["not_after"] = device["certificate"]["not_after"]
            facts["shown"] = f"valid until {facts['not_after']}"

    def with_certificate(self):
        device = self.house.try_cli_json("device", "show", self.device_id)
        return device if device and device.get("certificate") else None

    def telemetry(self):
        with self.steps.step("telemetry arriving") as facts:
            item = wait_until(lambda: self.next_telemetry(), 120, "telemetry",
                              f"Read {self.device_dir}/console.log.")
            facts["offset"] = item["offset"]
            facts["body"] = item["body"]
            body = item["body"]
            facts["shown"] = ", ".join(f"{key} {body[key]}" for key in ("uptime_s", "memory_used_kib")
                                       if key in body)

    def next_telemetry(self):
        start = getattr(self, "telemetry_from", 0)
        page = self.house.try_cli_json("telemetry", "watch", self.device_id, "--from", str(start),
                                       "--count", "1", "--timeout", "5")
        return page["items"][0] if page and page.get("items") else None

    def all_steps(self):
        self.steps.title("Pavise: from silicon to service, on this machine")
        for step in (self.server_up, self.owner, self.image, self.factory, self.claim, self.boot, self.attested,
                     self.certificate, self.telemetry):
            step()

    # -- end --------------------------------------------------------------------------------------
    def stop(self):
        """Stops what this walk started, nothing else."""
        for device in self.running:
            device.stop()
        if self.house.started_server:
            self.house.stop_server()


def parse_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def platform_profile(house, vendor, keys):
    """What this machine's virtual firmware measures into PCR 0 and 2: taken once, from a reference boot.

    A maker gets it from the board's vendor or takes it in the factory; it becomes part of the signed release.
    """
    firmware = tree_digest([qemu.FIRMWARE])
    profile = house.state / "platform" / f"{firmware[:16]}.json"
    if not profile.exists():
        work = house.state / "platform" / "reference"
        image, _ = build_image(house, keys, work / "image", "0.0.0")
        shutil.rmtree(work / "device", ignore_errors=True)
        device = vdev.Device.create(work / "device", vendor=vendor, keys=keys, image=image)
        device.start()
        try:
            device.wait_console("pavise-init: PCR 11", BOOT_TIMEOUT_S)
            pcrs = device.pcrs()
        finally:
            device.stop()
        profile.write_text(json.dumps({"name": "qemu-ovmf-" + firmware[:16], "pcrs": [
            {"pcr": pcr, "digest": pcrs[pcr]} for pcr in (0, 2)]}), encoding="utf-8")
        shutil.rmtree(work)
    return profile


def build_image(house, keys, out, version, epoch=1, platform=None, apps=()):
    """Builds the image unless the one in `out` was made from the same inputs. Returns (out, built now). `apps`: options
    of device/os/build for apps; what is a path among them is an input."""
    programs = [program(name) for name in ("pavise-boot", "pavise-init", "pavise-monitor", "pavise-agent", "pavise-apps",
                                        "pavise-names")]
    service_ca = house.server_dir / "service-ca.pem"
    inputs = tree_digest([*programs, service_ca, ROOT / "device/os",
                          *(word for word in apps if isinstance(word, pathlib.Path))]) + repr(
        (version, epoch, house.ports()["device"], platform and platform.read_text(encoding="utf-8")))
    stamp = out / "inputs"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == inputs:
        return out, False
    if not (keys / "db.key").exists():
        run_checked([ROOT / "device/os/keys", keys], "making development keys")
    shutil.rmtree(out, ignore_errors=True)
    run_checked([ROOT / "device/os/build", "--out", out, "--keys", keys, "--service-ca", service_ca,
                 "--service", f"{HOST_SEEN_BY_GUEST}:{house.ports()['device']}:{HUB_NAME}",
                 "--programs", programs[0].parent, "--version", version, "--epoch", epoch,
                 *(("--platform", platform) if platform else ()), *apps],
                "building the system image", "Run the command by itself for its whole output.")
    stamp.write_text(inputs, encoding="utf-8")
    return out, True


def release(house, keys, image):
    """Makes the image's reference values known to the service. Returns True if they were new to it."""
    key_pem = keys / "release.pub.pem"
    if not house.cli_json("release-key", "list")["release_keys"]:
        house.cli("release-key", "add", key_pem, "--name", "development")
    manifest = json.loads((image / "release.json").read_text(encoding="utf-8"))
    pcr11 = next(p["digest"] for p in manifest["pcrs"] if p["pcr"] == 11)
    known = house.cli_json("release", "list")["releases"]
    if any(r["pcr11"] == pcr11 and not r.get("revoked") for r in known):
        return False
    house.cli("release", "add", image / "release.json", image / "release.sig")
    return True


def make_device(house, vendor, keys, folder, image):
    """The factory: a TPM with an EK certificate, keys inside it, the service told, a voucher. Idempotent."""
    vdev.make_vendor(vendor)
    fingerprint = vdev.vendor_root(vendor)
    if not house.cli_json("vendor", "list")["vendors"]:
        house.cli("vendor", "add", fingerprint, "--name", "virtual-silicon")
    if (folder / "voucher.txt").exists():
        vdev.Device(folder).use_image(image)
        return False
    device = vdev.Device.create(folder, vendor=vendor, keys=keys, image=image)
    token = json.loads(house.context.read_text(encoding="utf-8"))["contexts"]["run"]["token"]
    with device.tpm_alone() as tcti:
        run_checked([program("pavise-factory"), "provision", "--tpm", tcti, "--server",
                     f"https://127.0.0.1:{house.ports()['management']}",
                     "--device-listener", f"https://127.0.0.1:{house.ports()['device']}",
                     "--ca", house.server_dir / "service-ca.pem", "--token-stdin", "--out", folder],
                    "provisioning the device", f"Read {house.state}/server.log.", input=token)
    return True
