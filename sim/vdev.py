"""Virtual devices: a TPM from the virtual silicon vendor, Secure Boot firmware with our keys, a disk, a machine.

    vdev.make_vendor(vendor)
    device = vdev.Device.create(folder, vendor=vendor, keys=keys, image=image)
    device.start(); device.wait_console("pavise-init: up", 300); device.stop()

A device is a folder: device.json, tpm/ (its TPM's state), vars.fd, disk.img, console.log. Everything runs as the
caller, in the background, and outlives it; stop() ends it. Not thread-safe.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from sim import qemu, tpm
from sim.tpm import VirtualDeviceError, make_vendor, vendor_root

__all__ = ["Device", "VirtualDeviceError", "make_vendor", "vendor_root"]

# The parts of an image stand at fixed places (device/os, disk.py): all before the data partition is
# replaced by another image, the data partition stays.
MIB = 1 << 20
DATA_OFFSET = (1 + 16 + 24 + 1) * MIB
PCR_LINE = re.compile(r"PCR (\d+) ([0-9A-Fa-f]{64})")
POLL_S = 0.05


def copy_range(source, target, start, end):
    """Copies a byte range between open files, leaving holes for zeros."""
    at = start
    while at < end:
        block = os.pread(source.fileno(), min(MIB, end - at), at)
        if not block:
            break
        if block.count(0) == len(block):
            block_end = at + len(block)
            if os.fstat(target.fileno()).st_size < block_end:
                os.ftruncate(target.fileno(), block_end)
            if os.pread(target.fileno(), len(block), at).count(0) != len(block):
                os.pwrite(target.fileno(), block, at)
        else:
            os.pwrite(target.fileno(), block, at)
        at += len(block)


def process_alive(pid, name):
    """True if process `pid` runs and is the program that we started, not a later one with its number."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    program, rest = stat.rsplit(")", 1)
    return program.split("(", 1)[1] == name[:15] and rest.split()[0] != "Z"


class Device:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.variables = self.folder / "vars.fd"
        self.disk = self.folder / "disk.img"
        self.tpm_state = self.folder / "tpm"
        self.console = self.console_log = self.folder / "console.log"
        self.run_file = self.folder / "running.json"
        if not (self.folder / "device.json").exists():
            raise VirtualDeviceError(f"{folder} is no virtual device. Next: sim/vdev create {folder}")

    # -- making -----------------------------------------------------------------------------------
    @classmethod
    def create(cls, folder, vendor, keys, image):
        """A new device. `keys` is kept for the record: its certificates are in the image's variable store."""
        folder, image = pathlib.Path(folder).resolve(), pathlib.Path(image).resolve()
        make_vendor(vendor)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tpm.manufacture(folder / "tpm", vendor, folder.name)
        shutil.copyfile(image / "OVMF_VARS.fd", folder / "vars.fd")
        (folder / "disk.img").unlink(missing_ok=True)
        (folder / "device.json").write_text(json.dumps({
            "vendor": str(pathlib.Path(vendor).resolve()), "keys": str(pathlib.Path(keys).resolve())}),
            encoding="utf-8")
        device = cls(folder)
        device.use_image(image)
        return device

    def use_image(self, image):
        """Writes another image to the disk, as a factory or an updater does: the data partition stays."""
        self.require_stopped()
        source_path = pathlib.Path(image).resolve() / "disk.img"
        with open(source_path, "rb") as source, open(self.disk, "r+b" if self.disk.exists() else "w+b") as disk:
            size = os.fstat(source.fileno()).st_size
            copy_range(source, disk, 0, min(DATA_OFFSET, size))
            # The second partition table stands behind the data.
            os.ftruncate(disk.fileno(), size)
            copy_range(source, disk, size - MIB, size)

    def copy_disk_to(self, other):
        """What a thief does: this device's disk into another device."""
        self.require_stopped()
        other.require_stopped()
        subprocess.run(["cp", "--sparse=always", self.disk, other.disk], check=True)

    def require_stopped(self):
        if self.running():
            raise VirtualDeviceError(f"{self.folder.name} is running. Next: sim/vdev stop {self.folder}")

    # -- running ----------------------------------------------------------------------------------
    def run_state(self):
        try:
            return json.loads(self.run_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def running(self):
        pid = self.run_state().get("qemu")
        return bool(pid) and process_alive(pid, "qemu-system-x86_64")

    def start(self, rtc=None, network=True, serial=False):
        """Powers on. rtc: what its clock says, "2020-01-01T00:00:00" (UTC); None: the time of day. serial: it has a
        serial port for a peripheral, and who connects to `serial_socket` is what is wired to it."""
        self.require_stopped()
        self.end_leftovers()
        self.console.write_bytes(b"")
        # Paths of Unix sockets end at 107 bytes; a folder of ours may be deeper.
        sockets = pathlib.Path(tempfile.mkdtemp(prefix="pavise-vdev-"))
        self.tpm_socket, self.qmp_socket, self.serial_socket = sockets / "tpm", sockets / "qmp", sockets / "serial"
        chip = tpm.start(self.tpm_state, self.tpm_socket, log=self.folder / "tpm.log")
        machine = qemu.start(self, self.folder / "qemu.log", rtc=rtc, network=network,
                             serial=self.serial_socket if serial else None)
        self.children = (machine, chip)
        self.run_file.write_text(json.dumps({"qemu": machine.pid, "swtpm": chip.pid, "sockets": str(sockets),
                                             "started": time.time()}), encoding="utf-8")

    def qmp(self, name, **arguments):
        monitor = qemu.Monitor(pathlib.Path(self.run_state()["sockets"]) / "qmp")
        try:
            return monitor.execute(name, **arguments)
        finally:
            monitor.close()

    def stop(self, timeout_s=20):
        """Cuts the power. The TPM keeps its non-volatile state, as a chip does."""
        if self.running():
            with contextlib.suppress(OSError, ValueError):
                self.qmp("quit")
        self.wait_off(timeout_s, kill=True)
        self.end_leftovers()

    def wait_off(self, timeout_s, kill=False):
        """Waits until the machine is off by itself. Returns False if it is still on."""
        deadline = time.monotonic() + timeout_s
        while self.running():
            self.reap()
            if time.monotonic() > deadline:
                if not kill:
                    return False
                os.kill(self.run_state()["qemu"], signal.SIGKILL)
                deadline = time.monotonic() + timeout_s
            time.sleep(POLL_S)
        return True

    def reap(self):
        for child in getattr(self, "children", ()):
            child.poll()

    def end_leftovers(self):
        """Ends what is left of a machine that went off by itself: its TPM process and its sockets."""
        state = self.run_state()
        if not state:
            return
        deadline = time.monotonic() + 5
        while process_alive(state["swtpm"], "swtpm"):
            self.reap()
            if time.monotonic() > deadline:
                os.kill(state["swtpm"], signal.SIGKILL)
            time.sleep(POLL_S)
        for child in getattr(self, "children", ()):
            child.wait()
        self.children = ()
        shutil.rmtree(state["sockets"], ignore_errors=True)
        self.run_file.unlink(missing_ok=True)

    # -- console ----------------------------------------------------------------------------------
    def console_text(self):
        return self.console.read_bytes().decode(errors="replace") if self.console.exists() else ""

    def console_has(self, text):
        return text in self.console_text()

    def wait_console(self, text, timeout_s=300):
        """Waits until the console shows `text`. Returns seconds since power-on. Fails at once if the machine ends."""
        self.wait_console_match(re.escape(text), timeout_s)
        return round(time.time() - self.run_state().get("started", time.time()), 2)

    def wait_console_match(self, pattern, timeout_s=300):
        """As wait_console, for a regular expression in which ^ and $ are ends of lines. Returns the match."""
        wanted = re.compile(pattern, re.M)
        deadline = time.monotonic() + timeout_s
        while True:
            self.reap()
            alive = self.running()
            # A serial console ends lines in its own way.
            if found := wanted.search(self.console_text().replace("\r", "")):
                return found
            if not alive or time.monotonic() > deadline:
                tail = " / ".join(self.console_text().strip().splitlines()[-3:]) or "nothing"
                why = f"not within {timeout_s} s" if alive else "the machine went off"
                raise VirtualDeviceError(f"the console does not show {pattern!r}: {why}; its last lines: {tail}. "
                                         f"Next: read {self.console}.")
            time.sleep(POLL_S)

    def pcrs(self):
        """{index: hex} as the device's init prints them at boot, before the monitor's own events."""
        return {int(pcr): value.lower() for pcr, value in PCR_LINE.findall(self.console_text())}

    # -- the TPM by itself ------------------------------------------------------------------------
    @contextlib.contextmanager
    def tpm_alone(self):
        """The device's TPM without the machine, as in a factory: yields a TCTI string for TPM programs."""
        self.require_stopped()
        self.end_leftovers()
        sockets = pathlib.Path(tempfile.mkdtemp(prefix="pavise-vdev-"))
        server = sockets / "tpm"
        chip = tpm.start(self.tpm_state, f"{server}.ctrl", server=server)
        try:
            yield f"swtpm:path={server}"
        finally:
            chip.terminate()
            chip.wait(timeout=10)
            shutil.rmtree(sockets, ignore_errors=True)
