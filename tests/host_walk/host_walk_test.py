"""Birth, claim, attestation, telemetry, twin, disconnection: the real programs, one after the other."""
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import unittest

from tests.host_walk.recorded_boot import RecordedBoot

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin"))
NAME = "hub.pavise.internal"


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def until(condition, what, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {timeout_s} s: {what}")


class HostWalkTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pavise-host-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.boot = RecordedBoot()
        self.start_tpm()
        self.start_server()

    # -- parts --------------------------------------------------------------------------------------
    def spawn(self, name, *words, **options):
        log = open(self.folder / f"{name}.log", "w", encoding="utf-8")
        process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stderr=log,
                                   stdout=options.pop("stdout", log), **options)
        self.addCleanup(log.close)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def start_tpm(self):
        vendor, state = self.folder / "vendor", self.folder / "tpm"
        vendor.mkdir()
        state.mkdir()
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
            "-subj", "/O=Virtual Silicon/CN=Root", "-keyout", vendor / "key.pem", "-out", vendor / "root.pem",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        (vendor / "localca.conf").write_text(
            f"statedir = {vendor}\nsigningkey = {vendor}/key.pem\nissuercert = {vendor}/root.pem\n"
            f"certserial = {vendor}/serial\n", encoding="utf-8")
        (vendor / "options").write_text("--platform-manufacturer P --platform-model v --platform-version 1\n"
                                        .replace(" --", "\n--"), encoding="utf-8")
        (vendor / "setup.conf").write_text(
            "create_certs_tool = /usr/bin/swtpm_localca\n"
            f"create_certs_tool_config = {vendor}/localca.conf\ncreate_certs_tool_options = {vendor}/options\n",
            encoding="utf-8")
        run("swtpm_setup", "--tpm2", "--tpmstate", state, "--create-ek-cert", "--lock-nvram", "--pcr-banks", "sha256",
            "--config", vendor / "setup.conf", "--overwrite")
        self.tpm_socket = self.folder / "tpm.sock"
        self.spawn("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--flags",
                   "not-need-init,startup-clear", "--server", f"type=unixio,path={self.tpm_socket}", "--ctrl",
                   f"type=unixio,path={self.tpm_socket}.ctrl")
        until(self.tpm_socket.exists, "the software TPM")
        self.boot.repeat(f"swtpm:path={self.tpm_socket}")

    def start_server(self):
        state = self.folder / "state"
        with open(self.folder / "first", "w", encoding="utf-8") as first:
            self.spawn("server", PROGRAMS / "pavise-server", "--state", state, "--management-port", 0, "--device-port",
                       0, "--hub-port", 0, "--host-name", NAME, "--san", "127.0.0.1", "--spawn-signer",
                       PROGRAMS / "pavise-signer", stdout=first)
            until((state / "ports.json").exists, "the server")
        self.ca = state / "service-ca.pem"
        shown = (self.folder / "first").read_text(encoding="utf-8")
        self.token = self.folder / "token"
        self.token.write_text(next(word for word in shown.split() if word.startswith("pavise_")), encoding="utf-8")
        ports = json.loads((state / "ports.json").read_text(encoding="utf-8"))
        self.management, self.listener = (f"https://127.0.0.1:{ports[name]}" for name in ("management", "device"))
        self.device_port = ports["device"]
        self.environment = {**os.environ, "PAVISE_CONTEXT": str(self.folder / "context.json")}
        self.cli("context", "add", "test", "--url", self.management, "--ca", self.ca, "--token-file", self.token)

    def cli(self, *words):
        return run(PROGRAMS / "pavise", *words, env=self.environment)

    def cli_json(self, *words):
        return json.loads(self.cli(*words, "-o", "json"))

    def make_device(self):
        self.cli("vendor", "add", self.folder / "vendor/root.pem", "--name", "virtual")
        self.cli("tenant", "create", "home")
        out = self.folder / "device"
        run(PROGRAMS / "pavise-factory", "provision", "--tpm", f"swtpm:{self.tpm_socket}", "--server", self.management,
            "--device-listener", self.listener, "--ca", self.ca, "--token-file", self.token, "--out", out)
        self.cli("device", "claim", out / "voucher.txt", "--tenant", "home")
        return (out / "device-id").read_text(encoding="utf-8").strip()

    def publish_release(self):
        manifest, signature, key = (self.folder / name for name in ("release.json", "release.sig", "release.key"))
        manifest.write_text(json.dumps(self.boot.release()), encoding="utf-8")
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        run("openssl", "ec", "-in", key, "-pubout", "-out", f"{key}.pub")
        run("openssl", "dgst", "-sha256", "-sign", key, "-out", signature, manifest)
        self.cli("release-key", "add", f"{key}.pub", "--name", "test")
        self.cli("release", "add", manifest, signature)

    def switch_on(self):
        log, data, config = (self.folder / name for name in ("eventlog", "data", "device.conf"))
        log.write_bytes(self.boot.log)
        data.mkdir()
        config.write_text(f"service_host=127.0.0.1\nservice_port={self.device_port}\nservice_name={NAME}\n"
                          "telemetry_interval_s=1\n", encoding="utf-8")
        init, monitor_init = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        agent, monitor_agent = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(init.close)
        with monitor_init, monitor_agent, agent:
            self.spawn("monitor", PROGRAMS / "pavise-monitor", "--init-fd", monitor_init.fileno(), "--agent-fd",
                       monitor_agent.fileno(), "--tpm", f"swtpm:{self.tpm_socket}", "--event-log", log,
                       pass_fds=(monitor_init.fileno(), monitor_agent.fileno()))
            self.spawn("agent", PROGRAMS / "pavise-agent", "--config", config, "--service-ca", self.ca, "--data", data,
                       "--monitor-fd", agent.fileno(), pass_fds=(agent.fileno(),))

    def agent_says(self, text):
        return until(lambda: text in (self.folder / "agent.log").read_text(encoding="utf-8"), f"the agent says {text}")

    # -- the walk -------------------------------------------------------------------------------------
    def test_a_device_is_born_claimed_attested_and_speaks(self):
        device = self.make_device()
        self.switch_on()
        self.agent_says("refused PV-ATT-018")  # nothing is released yet
        self.publish_release()
        self.agent_says("attested, certificate until 2")
        self.agent_says(f"connected to hub {NAME}")
        self.agent_says("telemetry 1 acknowledged")
        self.assertTrue(self.cli_json("device", "evidence", device[:8])["accepted"])
        page = self.cli_json("telemetry", "watch", device[:8], "--from", "0", "--count", "1", "--timeout", "10")
        self.assertLess(page["items"][0]["body"]["agent_pss_kib"], 8 * 1024)

        self.cli("twin", "update", device[:8], "--set", "telemetry_interval_s=2")
        until(lambda: self.cli_json("twin", "show", device)["reported"].get("telemetry_interval_s", {}).get("ac") == 200,
              "the device's answer to the desired property")

        self.cli("device", "disable", device[:8])
        until(lambda: not self.cli_json("device", "show", device)["connected"], "the disconnection", timeout_s=1.5)
        self.cli("device", "enable", device[:8])
        until(lambda: self.cli_json("device", "show", device)["connected"], "the reconnection")
        self.assertIn("hub listener", self.cli("doctor"))

    def test_a_tpm_with_an_endorsement_key_on_a_curve_only_does_the_same(self):
        # swtpm_setup certifies RSA-2048 and P-384; without the first the second is the device's identity.
        run("tpm2_nvundefine", "-C", "p", "0x01c00002", "-T", f"swtpm:path={self.tpm_socket}")
        device = self.make_device()
        self.publish_release()
        self.switch_on()
        self.agent_says("attested, certificate until 2")
        self.agent_says("telemetry 1 acknowledged")
        self.assertTrue(self.cli_json("device", "evidence", device[:8])["accepted"])


if __name__ == "__main__":
    unittest.main()
