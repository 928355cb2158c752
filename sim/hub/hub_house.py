"""The server of ./run --hub: one tenant, one hub, one device, no virtual machine."""
import errno
import json
import pathlib
import socket

from sim.walk.house import PROGRAMS, House, free_ports
from sim.walk.steps import StepFailed

TENANT = "home"
MESSAGE_ROUTING = "--message-routing"
STORE_OPTION = "--file-store-"
# The hub of every client on this machine, whatever it calls the machine.
LOCAL_NAMES = ["127.0.0.1", "localhost"]


def started_with(process):
    return pathlib.Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8").split("\0")


def check_port(address, port, option):
    """Fails with a next step when nobody could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise StepFailed(f"this user may not listen on port {port}",
                                 f"sudo sysctl net.ipv4.ip_unprivileged_port_start={port}, or {option} 0.") from error
            raise StepFailed(f"port {port} of {address}: {error.strerror}",
                             f"Stop the program that listens there, or give {option} 0 for any free port.") from error


def optional_words(words):
    """Of a server's command line, what ./run --hub adds only when it is asked to."""
    return [word for place, word in enumerate(words) if word == MESSAGE_ROUTING or word.startswith(STORE_OPTION)
            or (place > 0 and words[place - 1].startswith(STORE_OPTION))]


class HubHouse(House):
    def __init__(self, state, host, listen, mqtt_port, amqp_port, https_port, server_words=()):
        super().__init__(state)
        self.programs = PROGRAMS
        self.host = host
        self.listen = listen
        self.host_name = "localhost" if host in LOCAL_NAMES else host
        self.server_names = [] if host in LOCAL_NAMES else [host]
        self.wanted = {"hub": mqtt_port, "hub_amqp": amqp_port, "hub_https": https_port}
        self.chosen = None
        self.server_words = list(server_words)

    def ports(self):
        """Those of clients as they were wanted; the others any free ones, which stay the same for this state."""
        if self.chosen is None:
            path = self.state / "ports.json"
            kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            kept.update({name: port for name, port in self.wanted.items() if port != 0})
            missing = {name: 0 for name in ("management", "device", *self.wanted) if name not in kept}
            kept.update(free_ports(missing))
            path.write_text(json.dumps(kept), encoding="utf-8")
            self.chosen = kept
        return self.chosen

    def check_ports(self):
        check_port(self.listen, self.ports()["hub"], "--mqtt-port")
        check_port(self.listen, self.ports()["hub_amqp"], "--amqp-port")
        check_port(self.listen, self.ports()["hub_https"], "--https-port")

    def start_server(self):
        running = self.server_pid()
        if not running:
            self.check_ports()
        elif optional_words(started_with(running)) != self.server_words:
            raise StepFailed("the server of this state runs already, with other options: "
                             + (" ".join(optional_words(started_with(running))) or "none"), f"Stop it: kill {running}.")
        return super().start_server()

    def client_ports(self):
        return {"mqtt": self.ports()["hub"], "amqp": self.ports()["hub_amqp"], "https": self.ports()["hub_https"],
                "management": self.ports()["management"]}

    def aliases(self):
        return list(dict.fromkeys([self.host, *LOCAL_NAMES]))

    def make_hub(self, name):
        """Returns True if it was made by this call. An old one gets the present names."""
        words = [word for alias in self.aliases() for word in ("--host-alias", alias)]
        hubs = {hub["name"]: hub for hub in self.cli_json("hub", "list")["hubs"]}
        if name in hubs:
            if hubs[name]["settings"]["host_aliases"] != self.aliases():
                self.cli("hub", "update", name, *words)
            return False
        for other in hubs.values():  # names belong to one hub at a time
            if set(other["settings"]["host_aliases"]) & set(self.aliases()):
                raise StepFailed(f"the hub {other['name']} of this state has the name {self.host}",
                                 f"Use --name {other['name']}, another --state, or ./run --hub --clean.")
        if not any(tenant["id"] == TENANT for tenant in self.cli_json("tenant", "list")["tenants"]):
            self.cli("tenant", "create", TENANT)
        self.cli("hub", "create", name, "--tenant", TENANT, *words)
        return True

    def make_device(self, hub, device):
        known = self.cli_json("hub", "device-identity", "list", "-n", hub)
        if any(each["deviceId"] == device for each in known):
            return False
        self.cli("hub", "device-identity", "create", "-n", hub, "-d", device)
        return True

    def connection_strings(self, hub, device):
        def show(*words):
            return self.cli_json("hub", "connection-string", "show", hub, *words)["connectionString"]
        return {"iothubowner": show(), "device": show("--device", device)}
