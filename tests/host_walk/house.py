"""A whole house on this machine: server, signer, a software TPM that repeats a recorded boot, monitor and agent.

PAVISE_PROGRAMS: folder with the programs (default build/release/bin)."""
import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

from tests.host_walk.recorded_boot import RecordedBoot

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin"))
NAME = "hub.pavise.internal"
TENANT = "home"
START_TIMEOUT_S = 30
POLL_S = 0.02


def run(*words, ok=True, **options):
    """Output of a program that must succeed; with ok=False the finished process, whatever became of it."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, **options)
    if not ok:
        return done
    if done.returncode != 0:
        raise AssertionError(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def until(condition, what, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(POLL_S)
    raise AssertionError(f"not within {timeout_s} s: {what}")


def free_ports(count):
    """Ports for listeners that come again: below those that the kernel lends to clients, which could take them."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0])
    found = set()
    while len(found) < count:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", random.randrange(max(1024, lowest // 2), lowest)))
            found.add(probe.getsockname()[1])
    return sorted(found)


def end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Tpm:
    """A software TPM from a virtual vendor, with the PCRs of the recorded boot."""

    def __init__(self, folder, boot):
        self.folder, self.boot = folder, boot
        self.vendor_root = folder / "vendor/root.pem"
        self.socket = folder / "tpm.sock"
        vendor = folder / "vendor"
        vendor.mkdir()
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
            "-subj", "/O=Virtual Silicon/CN=Root", "-keyout", vendor / "key.pem", "-out", self.vendor_root,
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        (vendor / "localca.conf").write_text(
            f"statedir = {vendor}\nsigningkey = {vendor}/key.pem\nissuercert = {self.vendor_root}\n"
            f"certserial = {vendor}/serial\n", encoding="utf-8")
        (vendor / "options").write_text("--platform-manufacturer P\n--platform-model v\n--platform-version 1\n",
                                        encoding="utf-8")
        (vendor / "setup.conf").write_text(
            "create_certs_tool = /usr/bin/swtpm_localca\n"
            f"create_certs_tool_config = {vendor}/localca.conf\ncreate_certs_tool_options = {vendor}/options\n",
            encoding="utf-8")
        (folder / "tpm").mkdir()
        run("swtpm_setup", "--tpm2", "--tpmstate", folder / "tpm", "--create-ek-cert", "--lock-nvram", "--pcr-banks",
            "sha256", "--config", vendor / "setup.conf", "--overwrite")
        self.process = None
        self.power_on()

    @property
    def address(self):
        return f"swtpm:path={self.socket}"

    def power_on(self):
        for leftover in (self.socket, pathlib.Path(f"{self.socket}.ctrl")):
            leftover.unlink(missing_ok=True)
        with open(self.folder / "swtpm.log", "ab") as log:
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}/tpm", "--flags",
                 "not-need-init,startup-clear", "--server", f"type=unixio,path={self.socket}", "--ctrl",
                 f"type=unixio,path={self.socket}.ctrl"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self.socket.exists, "the software TPM")
        self.boot.repeat(self.address)

    def power_off(self):
        end(self.process)


class House:
    """Use as a context manager; `folder` holds all and goes away with it. The server's state is in `state`, which may
    be given (another file system)."""

    def __init__(self, state=None):
        self.resources = contextlib.ExitStack()
        self.folder = pathlib.Path(self.resources.enter_context(tempfile.TemporaryDirectory(prefix="pavise-host-")))
        self.state = pathlib.Path(state) if state else self.folder / "state"
        self.boot = RecordedBoot()
        self.server = None
        self.ports = dict(zip(("management", "device", "hub"), free_ports(3)))
        self.token = self.folder / "token"
        self.data = self.folder / "data"
        self.server_log = self.folder / "server.log"
        self.environment = {**os.environ, "PAVISE_CONTEXT": str(self.folder / "context.json")}
        self.device_processes = []

    def __enter__(self):
        self.tpm = Tpm(self.folder, self.boot)
        self.resources.callback(self.tpm.power_off)
        self.resources.callback(self.stop_server)
        self.resources.callback(self.switch_off)
        return self

    def __exit__(self, *failure):
        self.resources.close()

    # -- the service ----------------------------------------------------------------------------------
    def launch_server(self, *words, environment=None):
        """Starts it without waiting. Each start listens on the same ports."""
        (self.state / "ports.json").unlink(missing_ok=True)
        ports = [word for name, port in self.ports.items() for word in (f"--{name}-port", str(port))]
        with open(self.server_log, "ab") as log, open(self.folder / "first", "wb") as shown:
            self.server = subprocess.Popen(
                [PROGRAMS / "pavise-server", "--state", self.state, *ports, "--host-name", NAME, "--san", "127.0.0.1",
                 "--spawn-signer", PROGRAMS / "pavise-signer", *words], stdin=subprocess.DEVNULL, stdout=shown,
                stderr=log, env={**os.environ, **(environment or {})})

    def server_answers(self):
        """True once it is ready; False if it ended instead."""
        until(lambda: (self.state / "ports.json").exists() or self.server.poll() is not None, "the server",
              START_TIMEOUT_S)
        if self.server.poll() is not None:
            return False
        return True

    def start_server(self, *words, environment=None):
        self.launch_server(*words, environment=environment)
        if not self.server_answers():
            raise AssertionError(f"the server ended with {self.server.returncode}:\n{self.said_by_server()}")
        return self

    def kill_server(self):
        """SIGKILL. Its signer must go by itself; waits until it has."""
        if self.server and self.server.poll() is None:
            self.server.kill()
        if self.server:
            self.server.wait()
        until(lambda: not self.signers(), "the end of the signer after its server was killed", 10)

    def stop_server(self):
        if self.server and self.server.poll() is None:
            end(self.server)
        until(lambda: not self.signers(), "the end of the signer with its server", 10)

    def signers(self):
        """Process ids of the signers of this house."""
        found = []
        for number in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                words = pathlib.Path("/proc", number, "cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"pavise-signer") and os.fsencode(self.state / "signer") in words:
                    found.append(int(number))
        return found

    def said_by_server(self, offset=0):
        return self.server_log.read_text(encoding="utf-8")[offset:] if self.server_log.exists() else ""

    # -- the owner ------------------------------------------------------------------------------------
    def shown_token(self):
        """The token, once its line is whole."""
        shown = (self.folder / "first").read_text(encoding="utf-8")
        return next((word for word in shown.split() if word.startswith("pavise_")), None) if "\n" in shown else None

    def keep_token(self):
        self.token.write_text(until(self.shown_token, "the administrator's token"), encoding="utf-8")
        (self.folder / "context.json").unlink(missing_ok=True)
        self.cli("context", "add", "test", "--url", self.management, "--ca", self.state / "service-ca.pem",
                 "--token-file", self.token)

    @property
    def management(self):
        return f"https://127.0.0.1:{self.ports['management']}"

    def try_cli(self, *words):
        return run(PROGRAMS / "pavise", *words, ok=False, env=self.environment)

    def cli(self, *words):
        return run(PROGRAMS / "pavise", *words, env=self.environment)

    def cli_json(self, *words):
        return json.loads(self.cli(*words, "-o", "json"))

    def stored(self, of=None):
        """Stored messages, oldest first (at most 1000); none while the server does not answer."""
        query = urllib.parse.urlencode({"from": 0, "limit": 1000, **({"device": of} if of else {})})
        request = urllib.request.Request(f"{self.management}/api/v1/telemetry?{query}", headers={
            "Authorization": f"Bearer {self.token.read_text(encoding='utf-8')}"})
        trust = ssl.create_default_context(cafile=self.state / "service-ca.pem")
        try:
            with urllib.request.urlopen(request, context=trust, timeout=10) as answer:
                return json.load(answer)["items"]
        except OSError:
            return []

    # -- the factory ----------------------------------------------------------------------------------
    def try_factory(self):
        return run(PROGRAMS / "pavise-factory", "provision", "--tpm", f"swtpm:{self.tpm.socket}", "--server",
                   self.management, "--device-listener", f"https://127.0.0.1:{self.ports['device']}", "--ca",
                   self.state / "service-ca.pem", "--token-file", self.token, "--out", self.folder / "device", ok=False)

    @property
    def device(self):
        return (self.folder / "device/device-id").read_text(encoding="utf-8").strip()

    def sign_release(self):
        """Writes the release that fits the recorded boot: (manifest, signature, public key)."""
        manifest, signature, key = (self.folder / name for name in ("release.json", "release.sig", "release.key"))
        manifest.write_text(json.dumps(self.boot.release()), encoding="utf-8")
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        run("openssl", "ec", "-in", key, "-pubout", "-out", f"{key}.pub")
        run("openssl", "dgst", "-sha256", "-sign", key, "-out", signature, manifest)
        return manifest, signature, f"{key}.pub"

    def publish_release(self):
        manifest, signature, key = self.sign_release()
        self.cli("release-key", "add", key, "--name", "test")
        self.cli("release", "add", manifest, signature)

    def make_device(self):
        self.cli("vendor", "add", self.tpm.vendor_root, "--name", "virtual")
        self.cli("tenant", "create", TENANT)
        made = self.try_factory()
        if made.returncode != 0:
            raise AssertionError(made.stderr)
        self.cli("device", "claim", self.folder / "device/voucher.txt", "--tenant", TENANT)
        return self.device

    # -- the device -----------------------------------------------------------------------------------
    def switch_on(self, apps=(), launcher=None):
        """Monitor and agent as init starts them. The agent's log begins anew. `apps`: texts that are measured before the
        agent starts, as the launcher of apps does. `launcher`: the agent's end of its socket to that launcher, which is
        closed here."""
        log, config = self.folder / "eventlog", self.folder / "device.conf"
        log.write_bytes(self.boot.log)
        self.data.mkdir(exist_ok=True)
        config.write_text(f"service_host=127.0.0.1\nservice_port={self.ports['device']}\nservice_name={NAME}\n"
                          "telemetry_interval_s=1\n", encoding="utf-8")
        init, monitor_init = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        agent, monitor_agent = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        measurer, monitor_apps = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ends = (monitor_init.fileno(), monitor_agent.fileno(), monitor_apps.fileno())
        with monitor_init, monitor_agent, monitor_apps, agent, launcher or contextlib.nullcontext():
            monitor = self.spawn("monitor", PROGRAMS / "pavise-monitor", "--init-fd", ends[0], "--agent-fd", ends[1],
                                 "--apps-fd", ends[2], "--tpm", f"swtpm:{self.tpm.socket}", "--event-log", log,
                                 pass_fds=ends)
            try:
                if apps:
                    measure_apps(measurer, apps)
            except AssertionError:
                end(monitor)
                init.close()
                measurer.close()
                raise
            of_launcher = [] if launcher is None else [launcher.fileno()]
            speaker = self.spawn("agent", PROGRAMS / "pavise-agent", "--config", config, "--service-ca",
                                 self.state / "service-ca.pem", "--data", self.data, "--monitor-fd", agent.fileno(),
                                 *(word for fd in of_launcher for word in ("--apps-fd", fd)),
                                 pass_fds=[agent.fileno(), *of_launcher])
        self.measurer = measurer
        self.device_processes = [(speaker, monitor, init)]

    def switch_off(self):
        for speaker, monitor, init in self.device_processes:
            end(speaker)
            end(monitor)
            init.close()
            self.measurer.close()
        self.device_processes = []

    def spawn(self, name, *words, **options):
        with open(self.folder / f"{name}.log", "wb") as log:
            return subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stderr=log, stdout=log,
                                    **options)

    def agent_log(self):
        return (self.folder / "agent.log").read_text(encoding="utf-8")

    def agent_says(self, text, timeout_s=30):
        return until(lambda: text in self.agent_log(), f"the agent says {text}", timeout_s)


def measure_apps(channel, texts):
    """Operation 32 of api/monitor.cddl: the monitor must say that all texts are measured."""
    head = lambda size: bytes([0x78, size])  # a text of 24 to 255 bytes
    request = b"\xa2\x01\x18\x20\x02\xa1\x01" + bytes([0x80 + len(texts)])
    channel.send(request + b"".join(head(len(text)) + text.encode() for text in texts))
    channel.settimeout(START_TIMEOUT_S)
    answer = channel.recv(1024)
    value = bytes(32)
    for text in texts:
        value = hashlib.sha256(value + hashlib.sha256(text.encode()).digest()).digest()
    if answer != b"\xa2\x01\xf5\x02\xa1\x01\x58\x20" + value:
        raise AssertionError(f"the monitor did not measure the apps: {answer}")


def copy_state(source, target):
    """The server's state as it stands, without sockets."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True, ignore=lambda folder, names: [
        name for name in names if pathlib.Path(folder, name).is_socket()])
