"""The emulated machine: a PC with Secure Boot firmware, SMM, TPM, one disk and user networking (no listening
sockets but Unix ones). QEMU 7.2 without KVM: SMM-protected variables need TCG on many hosts, and tests need no root."""
import json
import socket
import subprocess
import time

FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
MEMORY_MIB = 192
CPUS = 1  # a second one slows the firmware down under emulation: every SMM call waits for both
QMP_TIMEOUT_S = 20


def command(files, rtc=None, network=True, serial=None):
    """files: object with variables, disk, tpm_socket, qmp_socket, console (paths). rtc: start of the clock, UTC,
    "2020-01-01T00:00:00", or None for now. serial: path of a Unix socket on which what is at the fourth serial port is
    awaited; None: the machine has none."""
    words = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
             "-machine", "q35,smm=on", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(CPUS),
             "-m", str(MEMORY_MIB), "-boot", "menu=off,strict=on",
             "-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1",
             "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={FIRMWARE}",
             "-drive", f"if=pflash,unit=1,format=raw,file={files.variables}",
             "-chardev", f"socket,id=tpm,path={files.tpm_socket}", "-tpmdev", "emulator,id=tpm0,chardev=tpm",
             "-device", "tpm-crb,tpmdev=tpm0",
             "-drive", f"if=none,id=disk,format=raw,discard=unmap,file={files.disk}",
             "-device", "virtio-blk-pci,drive=disk,bootindex=0,disable-legacy=on",
             "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
             "-chardev", f"file,id=console,path={files.console}", "-serial", "chardev:console",
             "-qmp", f"unix:{files.qmp_socket},server=on,wait=off", "-sandbox", "on"]
    if network:
        # Without a boot ROM: firmware would load it, run it and measure it.
        words += ["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,disable-legacy=on,romfile="]
    if serial:
        # The fourth port, /dev/ttyS3: the firmware takes the first two for consoles and would obey what is wired to them.
        words += ["-chardev", f"socket,id=peripheral,path={serial},server=on,wait=off",
                  "-device", "isa-serial,chardev=peripheral,index=3"]
    if rtc:
        words += ["-rtc", f"base={rtc}"]
    return words


def start(files, log, **options):
    with open(log, "ab") as out:
        return subprocess.Popen(command(files, **options), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                start_new_session=True)


def connect(path):
    """A connection to a Unix socket of a machine that was just started."""
    out = socket.socket(socket.AF_UNIX)
    out.settimeout(QMP_TIMEOUT_S)
    deadline = time.monotonic() + QMP_TIMEOUT_S
    while True:
        try:
            out.connect(str(path))
            return out
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                out.close()
                raise
            time.sleep(0.02)


class Monitor:
    """QEMU's machine protocol over its Unix socket."""

    def __init__(self, path):
        self.socket = connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.lines.readline()  # greeting
        self.execute("qmp_capabilities")

    def execute(self, name, **arguments):
        request = {"execute": name, **({"arguments": arguments} if arguments else {})}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        for line in self.lines:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise OSError(f"QEMU refused {name}: {answer['error'].get('desc')}")
        return None  # it has ended

    def close(self):
        self.lines.close()
        self.socket.close()
