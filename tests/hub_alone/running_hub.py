"""`./run --hub` as a process of a test, and what its clients need: connection strings, tokens, the CLI.

PAVISE_PROGRAMS: folder with the programs (default build/release/bin)."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.parse

from tests.hub_alone.mqtt import Client

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin"))
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30


def heed_interrupts():
    """For preexec_fn. What a script starts in the background, and all that this starts, would pay Ctrl-C no heed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def fields(connection_string):
    return dict(part.split("=", 1) for part in connection_string.split(";"))


def sas_token(connection_string, seconds=3600):
    """As the official SDKs make it: sr, sig, se; with a policy also skn."""
    given = fields(connection_string)
    audience = given["HostName"]
    if "DeviceId" in given:
        audience += "/devices/" + urllib.parse.quote(given["DeviceId"], safe="")
    resource = urllib.parse.quote(audience, safe="")
    expiry = str(int(time.time()) + seconds)
    key = base64.b64decode(given["SharedAccessKey"])
    signature = base64.b64encode(hmac.new(key, f"{resource}\n{expiry}".encode(), hashlib.sha256).digest())
    token = f"SharedAccessSignature sr={resource}&sig={urllib.parse.quote(signature, safe='')}&se={expiry}"
    policy = given.get("SharedAccessKeyName")
    return token + (f"&skn={policy}" if policy else "")


class RunningHub:
    """`./run --hub` with free ports. Its state is in `folder`, which the caller owns."""

    def __init__(self, folder, *words):
        self.folder = pathlib.Path(folder)
        self.report = self.folder / "hub.json"
        self.report.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sim.hub", "--state", self.folder / "state", "--mqtt-port", "0", "--amqp-port", "0",
             "--https-port", "0", "--json", self.report, *words],
            cwd=ROOT, preexec_fn=heed_interrupts, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PAVISE_PROGRAMS": str(PROGRAMS), "PYTHONUNBUFFERED": "1"})
        self.facts = {}

    def wait_until_ready(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.report.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the hub did not start:\n{self.end_by_force()}")
            time.sleep(0.05)
        self.facts = json.loads(self.report.read_text(encoding="utf-8"))
        if not self.facts["ok"]:
            raise AssertionError(f"a step failed:\n{self.process.communicate()[0]}")
        return self

    def stop(self):
        """Ctrl-C; returns its exit code and what it printed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            out = self.process.communicate(timeout=STOP_TIMEOUT_S)[0]
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the hub did not end by Ctrl-C:\n{self.end_by_force()}") from None
        return self.process.returncode, out

    def end_by_force(self):
        """Its server has a session of its own, and would outlive it. Returns what it printed."""
        self.process.kill()
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.server_pid(), signal.SIGKILL)
        return self.process.communicate()[0]

    def server_pid(self):
        return int((self.folder / "state/server.pid").read_text(encoding="utf-8"))

    def kill_server(self):
        """SIGKILL; the wrapper is stopped, too. Everything is in the folder for the next one."""
        os.kill(self.server_pid(), signal.SIGKILL)
        self.stop()

    def environment(self):
        return {**os.environ, "PAVISE_CONTEXT": self.facts["context"], "NO_COLOR": "1"}

    def try_cli(self, *words):
        return subprocess.run([PROGRAMS / "pavise", *map(str, words)], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, env=self.environment())

    def cli(self, *words):
        done = self.try_cli(*words)
        if done.returncode != 0:
            raise AssertionError(f"pavise {words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def hub(self, *words):
        return json.loads(self.cli("hub", *words, "-o", "json"))

    def mosquitto(self, program, device, connection_string, *words):
        host = fields(connection_string)["HostName"]
        return subprocess.Popen(
            [program, "-h", "127.0.0.1", "-p", str(self.facts["ports"]["mqtt"]), "--cafile", self.facts["ca_file"],
             "-i", device, "-u", f"{host}/{device}/?api-version=2021-04-12", "-P", sas_token(connection_string), "-q", "1",
             *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def client(self, device, connection_string, password=None):
        host = fields(connection_string)["HostName"]
        return Client(self.facts["ports"]["mqtt"], self.facts["ca_file"], device,
                      f"{host}/{device}/?api-version=2021-04-12", password or sas_token(connection_string))
