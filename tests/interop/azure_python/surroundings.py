"""A hub alone where an official client of any language finds it, in namespaces of its own: the ports are fixed, the name is in
/etc/hosts, and the machine trusts the hub's CA. Nothing of that is seen outside."""
import atexit
import base64
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tests.hub_alone.running_hub import PROGRAMS, RunningHub, fields

INSIDE = "PAVISE_INSIDE_NAMESPACE"
NAME = "iot.pavise.test"  # a name with a dot that is not the hub's own
HUB = "hub1"
PARTITIONS = "PAVISE_HUB_PARTITIONS"  # another hub than that of ./run --hub, with this many
TRUSTED = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
# As the SDKs' suites want their hub: events of twins, and of nothing else.
SETTINGS = ["--fault-injection", "true", "--file-upload", "true", "--file-upload-notifications", "true",
            "--event-source", "twinChangeEvents"]


def run_inside(module, words, environment):
    """Runs a module of ours in a network and a mount namespace of its own; returns its exit code."""
    unshare = ["unshare", "--net", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    script = 'ip link set lo up && exec "$@"'
    return subprocess.run([*unshare, "sh", "-c", script, "sh", sys.executable, "-m", module, *words], check=False,
                          env={**environment, INSIDE: "1"}).returncode


def lay_over(path, text, folder):
    """Puts a file of ours where another one is, for this namespace."""
    ours = folder / path.name
    ours.write_text(text, encoding="utf-8")
    subprocess.run(["mount", "--bind", ours, path], check=True)


class Surroundings(RunningHub):
    """The hub and what its clients are told. Only inside the namespaces."""

    of_this_process = None

    def __init__(self, folder):
        assert os.environ.get(INSIDE), "runs inside its own namespaces"
        super().__init__(folder, "--host", NAME, "--mqtt-port", "8883", "--amqp-port", "5671", "--https-port", "443")

    @classmethod
    def shared(cls):
        """The hub of this process: started once, stopped at its end."""
        if cls.of_this_process is None:
            folder = tempfile.mkdtemp(prefix="pavise-official-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            cls.of_this_process = cls.start(folder)
            atexit.register(cls.of_this_process.stop)
        return cls.of_this_process

    @classmethod
    def start(cls, folder):
        folder = pathlib.Path(folder)
        trusted = TRUSTED.read_text(encoding="utf-8")
        lay_over(pathlib.Path("/etc/hosts"), f"127.0.0.1 localhost {NAME}\n", folder)
        house = cls(folder).wait_until_ready()
        if PARTITIONS in os.environ:
            house.cli("hub", "delete", HUB)
            house.cli("hub", "create", HUB, "--tenant", "home", "--host-alias", NAME, "--partition-count", os.environ[PARTITIONS])
            strings = house.facts["connection_strings"]
            strings["iothubowner"] = house.hub("connection-string", "show", HUB)["connectionString"]
        house.cli("hub", "update", HUB, *SETTINGS)
        house.ca = pathlib.Path(house.facts["ca_file"]).read_text(encoding="utf-8")
        lay_over(TRUSTED, trusted + house.ca, folder)
        return house

    def restart(self):
        """As after a power failure: killed, and started again with what is on the disk."""
        self.kill_server()
        RunningHub.__init__(self, self.folder, "--host", NAME, "--mqtt-port", "8883", "--amqp-port", "5671",
                            "--https-port", "443")
        return self.wait_until_ready()

    @property
    def owner(self):
        return self.facts["connection_strings"]["iothubowner"]

    @property
    def events(self):
        key = fields(self.owner)["SharedAccessKey"]
        return f"Endpoint=sb://{NAME}/;SharedAccessKeyName=iothubowner;SharedAccessKey={key};EntityPath={HUB}"

    def client_environment(self):
        """For the programs and the suites of the SDKs: the names that these know."""
        return {
            **os.environ,
            "PAVISE_CONTEXT": self.facts["context"],
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "SSL_CERT_FILE": str(TRUSTED),
            "IOTHUB_CONNECTION_STRING": self.owner,
            "IOTHUB_EVENTHUB_CONNECTION_STRING": self.events,
            "IOTHUB_EVENTHUB_LISTEN_NAME": HUB,
            "IOTHUB_EVENTHUB_CONSUMER_GROUP": "$Default",
            "IOTHUB_PARTITION_COUNT": os.environ.get(PARTITIONS, "4"),
            "IOTHUB_E2E_TARGET_NETWORK_INTERFACE": "lo",
            "EVENTHUB_CONNECTION_STRING": self.events,
        }


def certificate_of_the_suites(folder):
    """What the C SDK's suites want for their devices with a certificate, by their names for it."""
    key, certificate = folder / "suite.key", folder / "suite.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=suite", "-keyout",
                    key, "-out", certificate], check=True, capture_output=True)
    told = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha1"], check=True,
                          capture_output=True, text=True).stdout
    return {"IOTHUB_E2E_X509_CERT_BASE64": base64.b64encode(certificate.read_bytes()).decode(),
            "IOTHUB_E2E_X509_PRIVATE_KEY_BASE64": base64.b64encode(key.read_bytes()).decode(),
            "IOTHUB_E2E_X509_THUMBPRINT": told.strip().split("=", 1)[1].replace(":", "")}


def main(words):
    """--in DIR PROGRAM...: runs a program beside the hub; its exit code is ours."""
    assert words[0] == "--in"
    house = Surroundings.shared()
    environment = {**house.client_environment(), **certificate_of_the_suites(house.folder)}
    return subprocess.run(words[2:], cwd=words[1], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
