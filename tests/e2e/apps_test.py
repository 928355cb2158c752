"""Apps on the virtual device: each attack meets its wall, says so, and leaves the app beside it alone."""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import time
import types
import unittest

from pymodbus.client import ModbusTcpClient

from sim import qemu
from sim.walk.house import ROOT, StepFailed, free_ports
from sim.walk.walk import BOOT_TIMEOUT_S, TENANT, build_image, platform_profile, release
from tests.e2e.app_shop import AppShop, component
from tests.e2e.languages.compilers import compile_go, compile_rust
from tests.e2e.name_server import NameServer
from tests.e2e.walked import WalkedTest
from tests.e2e.workshop import PROGRAMS, run
from tests.host_walk.house import until
from tests.hub_alone.https import Caller
from tests.modbus_guardian.machine import Machine

EPERM, ENOENT, EBADF, EAGAIN, ENOTTY, ENOSYS, ENOTSOCK, EAFNOSUPPORT, EDQUOT = 1, 2, 9, 11, 25, 38, 88, 97, 122
DNS_REFUSED = 1005  # as the program tells DNS codes
GUARDIAN = pathlib.Path(os.environ.get("PAVISE_MODBUS_GUARDIAN",
                                       PROGRAMS.parent / "samples/modbus_guardian/modbus-guardian"))
PROBE = pathlib.Path(os.environ.get("PAVISE_SDK_PROBE", PROGRAMS.parent / "tests/sdk/sdk_probe"))
WRITE_MALFORMED = pathlib.Path(os.environ.get("PAVISE_WRITE_MALFORMED",
                                              PROGRAMS.parent / "tests/app_package/write_malformed"))
VIRTUAL_HARDWARE = ROOT / "sim/hardware.conf"
QUOTA_KIB = 64
PART_BYTES = 65536  # of a package in one method
POWER_AFTER_S = 300  # from the device's start until an app may have it restarted
GOING_DOWN, DEVICE_RESTARTS = 131, 2  # docs/formats/app-channels.md


def neighbour(shop, version):
    """A good app: keeps a file, says that it is well, and counts."""
    return shop.build("neighbour", "beat", "/data/secret", version=version,
                      capabilities={"mutable_storage": {"size_kib": QUOTA_KIB}},
                      lifecycle={"restart": "always",
                                 "health_check": {"start_timeout_ms": 60000, "interval_ms": 60000}})


def hostile(shop):
    """What each tries is in its arguments; what it is granted in the other words."""
    network = {"outgoing_tcp": ["10.0.2.2:80"], "listening_tcp": [80]}
    return [
        shop.build("forks", "fork_without_end"),
        shop.build("eats", "eat_memory"),
        shop.build("burns", "burn", budgets={"cpu_percent": 10}),
        shop.build("fills", "fill", "/data/file", capabilities={"mutable_storage": {"size_kib": QUOTA_KIB}}),
        shop.build("calls", "connect", "10.0.2.2", 81, capabilities={"outgoing_tcp": ["10.0.2.2:80"]}),
        shop.build("calls-six", "connect_by_ipv6", capabilities={"outgoing_tcp": ["10.0.2.2:80"]}),
        shop.build("calls-agent", "connect", "127.0.0.1", 81, capabilities={"outgoing_tcp": ["10.0.0.0/8"]}),
        shop.build("calls-none", "connect", "10.0.2.2", 80),
        shop.build("listens", "listen", 81, capabilities=network),
        shop.build("traces", "forbid", "ptrace"),
        shop.build("mounts", "forbid", "mount"),
        shop.build("reads-others", "read", f"/data/apps/{component('neighbour')}/secret",
                   capabilities={"mutable_storage": {"size_kib": QUOTA_KIB}}),
        shop.build("sees-others", "read", "/proc/self/net/tcp", capabilities=network | {"listening_tcp": [82]}),
        shop.build("opens-disk", "read", "/dev/vda"),
        shop.build("makes-node", "forbid", "mknod"),
        shop.build("kills-all", "forbid", "kill_all"),
        shop.build("crashes", "abort"),
        shop.build("races", "race", lifecycle={"restart": "always", "restart_delay_ms": 100, "restart_delay_max_ms": 1000},
                   budgets={"processes": 6}, capabilities={"outgoing_tcp": ["10.0.2.2:80"],
                                                           "mutable_storage": {"size_kib": QUOTA_KIB}}),
        shop.build("hurries", "exit", 0, lifecycle={"restart": "always", "restart_delay_ms": 100,
                                                    "restart_delay_max_ms": 2000}),
        shop.build("sulks", "ignore_the_end", lifecycle={
            "restart": "never", "stop_timeout_ms": 500,
            "health_check": {"start_timeout_ms": 1000, "interval_ms": 1000}}),
    ]


HOST = "10.0.2.2"  # the test's own machine, seen from the device
NAMES = {"plant.example": HOST, "rebind.example": "127.0.0.1", "unlisted.example": HOST}


def by_name(shop, port):
    """Apps that list names, where `port` is one on which the test listens."""
    lists = {"outgoing_tcp": [f"plant.example:{port}", f"rebind.example:{port}"]}
    return [shop.build("name-listed", "connect_by_name", "plant.example", port, capabilities=lists),
            shop.build("name-unlisted", "connect_by_name", "unlisted.example", port, capabilities=lists),
            shop.build("name-rebound", "connect_by_name", "rebind.example", port, capabilities=lists),
            shop.build("name-skipped", "connect", HOST, port, capabilities=lists),
            shop.build("name-past", "connect", "127.0.53.1", 53, capabilities={"outgoing_tcp": ["10.0.0.0/8"]})]


def damaged(shop, name, at):
    """A package whose byte there is another one."""
    package = shop.build(name, "nothing")
    data = bytearray(package.read_bytes())
    data[at] ^= 1
    package.write_bytes(data)
    return package


def talking(shop):
    """Two that list each other, of which the first tries more than that; and one that lists who does not list it."""
    def peers(*names):
        return {"app_connections": [component(name) for name in names]}
    return [shop.build("talks", "talk", "answers", "neighbour", capabilities=peers("answers")),
            shop.build("answers", "answer_talk", capabilities=peers("talks")),
            shop.build("wants-neighbour", "talk", "neighbour", "neighbour", capabilities=peers("neighbour"))]


def keeper(shop, name, version="1.0.0", granted=True):
    """One that tries the store of certificates."""
    return shop.build(name, "certificates", program=PROBE, budgets={"memory_kib": 4096}, version=version,
                      capabilities={"certificate_store": True} if granted else {})


def with_certificates(shop):
    """Two that keep certificates under the same ids, one without the grant, one that looks for those of another."""
    return [keeper(shop, "keeps"), keeper(shop, "keeps-too"), keeper(shop, "keeps-none", granted=False),
            shop.build("wants-key", "read", f"/data/apps/{component('keeps')}.certificates/own",
                       capabilities={"certificate_store": True})]


def with_clock(shop):
    """Two that set the clock and the power profile, of which the manifest of one says so."""
    grants = {"system_time": True, "power_control": ["power_profile"]}
    return [shop.build(name, "clock", program=PROBE, budgets={"memory_kib": 4096}, capabilities=may)
            for name, may in (("sets-clock", grants), ("wants-clock", {}))]


def refused(shop, folder):
    """Packages that do not become apps."""
    port = {"listening_tcp": [7000]}
    return [damaged(shop, "damaged", -5000),
            AppShop(folder / "stranger", TENANT).build("stranger", "nothing"),
            shop.build("port-a", "nothing", capabilities=port), shop.build("port-b", "nothing", capabilities=port),
            shop.build("wants-pin", "nothing", capabilities={"gpio": ["LED1"]}),
            shop.build("neighbour-copy", "nothing", component_id=component("neighbour"), file="zz-copy")]


def with_lines(shop):
    """Apps with lines of the virtual device's simulated chip, one that wants another's, one with the I2C bus, too."""
    again = {"restart": "always", "restart_delay_ms": 5000, "restart_delay_max_ms": 5000}
    return [shop.build_template("blink", "gpio")[0],
            shop.build("lines", "try_lines", 5, 6, capabilities={"gpio": ["GPIO2", "GPIO3"]}),
            shop.build("line", "try_lines", 5, 6, capabilities={"gpio": ["GPIO4"]}, lifecycle=again),
            shop.build("thief-of-line", "nothing", capabilities={"gpio": ["GPIO4"]}),
            shop.build("pulls", program=PROBE, budgets={"memory_kib": 4096}, capabilities={"gpio": ["GPIO5"], "i2c": ["I2C0"]})]


class AppsTest(WalkedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.stop)
        cls.names = NameServer(NAMES)
        cls.addClassCleanup(cls.names.close)
        cls.shop = AppShop(cls.state / "apps", TENANT)

    def boot(self, version, packages, hardware, sensor=False):
        """The device with a release that has these apps and this hardware definition; with a sensor that is noisy from the
        first moment on."""
        house, keys = self.walk.house, self.walk.keys
        words = ["--app-name-server", f"{HOST}:{self.names.port}", "--app-owner-key", self.shop.public, "--app-tenant", TENANT,
                 "--hardware", hardware]
        for package in packages:
            words += ["--app", package]
        image, _ = build_image(house, keys, self.state / version, version, apps=words,
                               platform=platform_profile(house, self.walk.vendor, keys))
        self.assertTrue(release(house, keys, image))
        self.device.stop()
        self.device.use_image(image)
        self.device.start(serial=sensor)
        if sensor:
            type(self).sensor = qemu.connect(self.device.serial_socket)
            self.addClassCleanup(self.sensor.close)
            self.sensor.sendall(b"\x1b\r" * 500)  # the keys that stop a boot, if anybody listens
        self.device.wait_console("pavise-init: up", BOOT_TIMEOUT_S)

    def wait(self, pattern):
        """Waits for a line of the launcher that matches."""
        return self.device.wait_console_match(r"apps: " + pattern, BOOT_TIMEOUT_S)

    def test_1_every_wall_stands_and_the_neighbour_lives(self):
        others = AppShop(self.state / "other-tenant", "other", key=self.shop.key).build("others-tenant", "nothing")
        peer = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(peer.close)
        self.boot("0.2.0", [neighbour(self.shop, "1.0.0"), *hostile(self.shop), *refused(self.shop, self.state), others,
                            *by_name(self.shop, peer.getsockname()[1])], VIRTUAL_HARDWARE)
        self.wait(r"event neighbour: started, version 1\.0\.0")
        self.wait(rf"neighbour: kept file: {ENOENT}$")
        for name, pattern in {
                "forks": rf"{EAGAIN}$", "eats": None, "fills": rf"{EDQUOT}$", "calls": rf"{EPERM}$",
                "calls-six": rf"{EAFNOSUPPORT}$", "calls-agent": rf"{EPERM}$", "calls-none": r"13$",
                "listens": rf"{EPERM}$", "reads-others": rf"{ENOENT}$", "opens-disk": rf"{ENOENT}$", "sees-others": r"13$",
                "makes-node": rf"{EPERM}$", "name-listed": "0$", "name-unlisted": rf"{DNS_REFUSED}$",
                "name-rebound": rf"{DNS_REFUSED}$", "name-skipped": rf"{EPERM}$", "name-past": rf"{EPERM}$"}.items():
            if pattern:
                with self.subTest(name):
                    self.wait(f"{name}: {pattern}")
        for event in (r"forks: refused: more processes than its 4",
                      r"eats: ended: it wanted more memory than its 2048 KiB",
                      r"burns: held back: it wanted more processor time than its 10 % in \d+ tenths of a second",
                      r"calls: refused: tcp 10\.0\.2\.2 port 81",
                      r"fills: its storage is full: 64 KiB",
                      r"listens: refused: to listen on tcp port 81",
                      r"name-unlisted: refused: to resolve unlisted\.example",
                      r"name-rebound: refused: to resolve rebind\.example",
                      r"name-skipped: refused: tcp 10\.0\.2\.2 port",
                      r"calls-agent: refused: tcp 127\.0\.0\.1 port 81",
                      r"traces: ended: it made a system call that no app may make",
                      r"mounts: ended: it made a system call that no app may make",
                      r"crashes: ended by signal 6",
                      r"sulks: ended by signal 9",
                      r"damaged\.pvimage: refused: PV-PKG-002",
                      r"stranger\.pvimage: refused: PV-IMG-",
                      r"others-tenant\.pvimage: refused: PV-INS-001",
                      r"port-b\.pvimage: refused: PV-MAN-022",
                      r"wants-pin\.pvimage: refused: PV-APL-001",
                      r"zz-copy\.pvimage: refused: PV-MAN-020"):
            with self.subTest(event):
                self.wait(f"event {event}")
        # Each start, whatever ended the one before, finds all walls and room for all of its processes, and has no neighbours.
        until(lambda: len(self.races()) >= 6, "six starts of the one that races", BOOT_TIMEOUT_S)
        self.assertEqual(set(self.races()), {"5"})
        self.assertEqual(re.findall(r"apps: .*LEAK.*", self.device.console_text()), [])
        self.assertNotIn("unlisted.example", self.names.asked)
        wrote = int(self.wait(r"fills: wrote (\d+)").group(1))
        self.assertLessEqual(wrote, QUOTA_KIB * 1024)
        self.assertGreaterEqual(wrote, QUOTA_KIB * 1024 // 2)
        # The neighbour was not started again, and goes on.
        beats = self.beats()
        self.assertEqual(beats, sorted(set(beats)))
        until(lambda: self.beats()[-1] >= beats[-1] + 2, "the neighbour's next lines", BOOT_TIMEOUT_S)
        self.attests_anew()
        self.assertIn(component("neighbour"), self.apps_of_evidence())

    def test_1_lines_are_those_that_an_app_names_and_no_others(self):
        # With those whose storage the next test looks after: what is gone is erased.
        keep = [self.shop.folder / f"{name}.pvimage" for name in ("neighbour", "fills", "reads-others")]
        peer = socket.create_server(("127.0.0.1", 0))
        self.addClassCleanup(peer.close)
        lingers = self.shop.build("lingers", "linger", HOST, peer.getsockname()[1],
                                  capabilities={"outgoing_tcp": [f"{HOST}:{peer.getsockname()[1]}"]})
        self.boot("0.2.1", [*keep, *with_lines(self.shop), *talking(self.shop), lingers, *with_certificates(self.shop),
                            *with_clock(self.shop)],
                  VIRTUAL_HARDWARE)
        self.wait(r"event thief-of-line\.pvimage: refused: PV-MAN-021")
        for name in ("lines", "line"):
            self.wait(rf"{name}: chip {ENOSYS}, {ENOSYS}; node {ENOENT}; what is no line {ENOTTY}$")
            # What it set the line to and what it pulled it to is what it read back.
            read = re.findall(rf"apps: {name}: line 5 is (\d)", self.device.console_text())
            self.assertEqual(read[:4], ["1", "0", "1", "0"])
        self.wait(r"lines: other 0$")
        self.wait(rf"line: other {EBADF}$")
        # An input's edges arrive, through the SDK.
        self.wait(r"pulls: info: level 0, then 1; edge 1 to 1$")
        self.wait(r"pulls: info: set an input: EPERM$")
        self.wait(r"pulls: info: register is 42, and 42$")
        self.wait(r"pulls: info: nobody there: ENXIO$")
        self.wait(r"pulls: info: read what no SMBus can: EOPNOTSUPP$")
        self.wait(r"blink: info: blink 1\.0\.0 blinks$")
        # With the end of an app its lines are free for its next start, wherever it left their descriptors.
        until(lambda: len(re.findall(rf"apps: line: other {EBADF}", self.device.console_text())) >= 2,
              "the second start of line", BOOT_TIMEOUT_S)
        self.assertNotIn("PV-GPI-001", self.device.console_text())
        self.attests_anew()

    def races(self):
        return re.findall(r"races: raced with (\d+)", self.device.console_text())

    def beats(self):
        return [int(beat) for beat in re.findall(r"neighbour: beat (\d+)", self.device.console_text())]

    def apps_of_evidence(self):
        """{component id: version} of what the device may run, as its last evidence says."""
        shown = self.walk.house.cli_json("device", "show", self.walk.device_id)
        return {app["component_id"]: app["version"] for app in shown["apps"]}

    def attests_anew(self):
        """With its certificates revoked the device has to prove all again, and is believed."""
        house, device = self.walk.house, self.walk.device_id
        self.device.wait_console("pavise-agent: attested", BOOT_TIMEOUT_S)
        before = house.cli_json("device", "evidence", device)["evidence_sha256"]
        house.cli("device", "revoke", device, "--reason", "a test")

        def next_verdict():
            verdict = house.try_cli_json("device", "evidence", device)
            return verdict if verdict and verdict["evidence_sha256"] != before else None
        verdict = until(next_verdict, "new evidence", BOOT_TIMEOUT_S)
        self.assertTrue(verdict["accepted"], verdict)
        self.device_is_online()

    def guardian(self):
        """The sample for a machine that the test plays, as its maker would write it."""
        sample, source = ROOT / "samples/modbus_guardian", self.state / "modbus_guardian"
        shutil.copytree(sample, source)
        for path in (source / "app_manifest.json", source / "root/app/rules"):
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace("192.0.2.10:502", f"{HOST}:{self.machine.port}")
                            .replace("client 198.51.100.0/24", f"client {HOST}"), encoding="utf-8")
        return self.shop.pack(source, GUARDIAN)

    def test_1_talk_is_between_apps_that_list_each_other(self):
        for line in ("answers: connected by talks", "answers: the peer says ping", "talks: the peer says pong",
                     rf"talks: a descriptor to the peer: {ENOTSOCK}", "talks: a stranger: 1", "talks: a restart: 1",
                     "talks: a descriptor to the launcher: 0", "talks: 0", "answers: 0", f"lingers: {ENOSYS}"):
            with self.subTest(line):
                self.wait(f"{line}$")
        for event in (r"talks: refused: to connect to neighbour: its manifest does not list that app",
                      r"talks: refused: to restart the device: its manifest does not say so",
                      r"talks: sent descriptors to its launcher",
                      r"wants-neighbour: refused: to connect to neighbour: that app's manifest does not list this one"):
            with self.subTest(event):
                self.wait(f"event {event}")
        self.attests_anew()

    def lines_of(self, name):
        """What the probe's log says on this boot's console so far, but its first line."""
        return re.findall(rf"apps: {name}: info: (.*?)\r?$", self.device.console_text(), re.M)[1:]

    def test_1_stores_of_certificates_are_each_apps_own(self):
        for name in ("keeps", "keeps-too"):
            self.wait(rf"{name}: info: certificates: over$")
            lines = self.lines_of(name)
            self.assertEqual(lines[:5], ["has, room for 16", "own: ENOENT", "install: done", "root: done", "next: done"])
            self.assertIn("has own plant-ca, room for 14", lines)
            # The seventeenth, what the quota has no room for, and what needs none.
            for line in ("ca-15: ENOSPC", "fill: ENOSPC", "above the quota: ENOSPC", "replace: done", "storage: EROFS"):
                self.assertIn(line, lines)
            self.assertTrue(any(line.endswith("key third") for line in lines), lines)
            self.wait(rf"event {name}: its storage is full: 352 KiB")
        self.wait(r"keeps-none: info: certificates: over$")
        self.assertEqual({line.split(": ")[-1] for line in self.lines_of("keeps-none")[:5]}, {"EACCES"})
        self.wait(rf"wants-key: {ENOENT}$")

    def test_1_the_clock_is_set_where_it_can_be_by_who_may(self):
        over, time = r"to set the clock to 1970-01-01T00:00:01\.000Z", r"\d{4}-\d\d-\d\dT[\d:.]+Z"
        for line in ("wants-clock: info: a clock that is over: EACCES", "wants-clock: info: a clock ahead: EACCES",
                     "wants-clock: info: power profile: EACCES", "sets-clock: info: a clock that is over: ERANGE",
                     "sets-clock: info: a clock ahead: done", "sets-clock: info: the clock is ahead",
                     "sets-clock: info: power profile: ENOENT"):  # this kernel scales no frequency
            with self.subTest(line):
                self.wait(f"{line}$")
        for event in (rf"wants-clock: refused: {over}: its manifest does not say so",
                      r"wants-clock: refused: the power profile saving power: its manifest does not say so",
                      rf"sets-clock: refused: {over}: by what the device knows",
                      rf"sets-clock: set the clock from {time} to {time}"):
            with self.subTest(event):
                self.wait(f"event {event}")
        self.device.wait_console_match(rf"pavise-init: apps have the clock set from {time} to {time}", BOOT_TIMEOUT_S)

    def test_2_storage_stays_with_an_updated_app_and_goes_with_a_removed_one(self):
        meter, meter_id = self.shop.build_template("meter", "telemetry")
        door, door_id = self.shop.build_template("door", "tls-server")
        hardware = self.state / "hardware.conf"
        hardware.write_text("uart SENSOR1 /dev/ttyS3\n", encoding="ascii")
        floods = self.shop.build("floods", "flood_hub", capabilities={"device_authentication": TENANT})
        self.boot("0.2.2", [neighbour(self.shop, "1.1.0"), meter, door, self.guardian(), floods,
                            self.shop.build_sample("refrigeration_monitor"), keeper(self.shop, "keeps", "1.1.0")],
                  hardware, sensor=True)
        self.wait(r"event neighbour: started, version 1\.1\.0")
        self.wait(r"neighbour: kept file: 0$")
        self.wait(r"keeps: info: certificates: over$")
        kept = self.lines_of("keeps")
        self.assertRegex(kept[0], r"^has ca-1 .* own, room for 1$")
        self.assertRegex(kept[2], r"^own: .*, key third$")
        for name in ("fills", "reads-others", "keeps-too"):
            self.wait(f"event launcher: erased the storage of {component(name)}")
        self.wait(r"neighbour: beat 2\b")
        self.device.wait_console("pavise-agent: attested", BOOT_TIMEOUT_S)
        self.assertEqual(self.apps_of_evidence(), {component("neighbour"): "1.1.0", meter_id: "1.0.0", door_id: "1.0.0",
                                                   component("floods"): "1.0.0", component("keeps"): "1.1.0",
                                                   "3d0f5a8e-2f6b-4c0c-9a55-5d2c7c7a1e02": "1.0.0",
                                                   "8a4f1c62-7d0e-4b39-9c1f-52e6d3a9b704": "1.0.0"})

    def app(self, verb, *words):
        return self.walk.house.cli_json("app", verb, self.walk.device_id, *words)

    def state_of(self, name):
        return next(app["state"] for app in self.app("list")["apps"] if app["name"] == name)

    def test_3_its_owner_stops_and_starts_an_app_and_reads_what_it_wrote(self):
        self.device.wait_console("pavise-agent: connected to hub", BOOT_TIMEOUT_S)
        shown = self.app("list")["apps"]
        self.assertEqual(sorted((app["name"], app["version"], app["state"]) for app in shown),
                         [("door", "1.0.0", "running"), ("floods", "1.0.0", "running"), ("keeps", "1.1.0", "running"),
                          ("meter", "1.0.0", "running"),
                          ("modbus-guardian", "1.0.0", "running"),
                          ("neighbour", "1.1.0", "running"), ("refrigeration-monitor", "1.0.0", "running")])
        print("memory of an app's control group on the device, with its image's pages:",
              {app["name"]: f"{app['memory_bytes'] // 1024} KiB" for app in shown}, flush=True)
        self.assertEqual(self.app("stop", "neighbour")["state"], "ending")
        self.wait(r"event neighbour: ended by signal 15")
        self.assertEqual(self.state_of("neighbour"), "stopped")
        self.assertEqual(self.state_of("modbus-guardian"), "running")
        self.app("start", "neighbour")
        lines = self.walk.house.cli("app", "logs", self.walk.device_id, "neighbour", "-o", "json").splitlines()
        texts = [json.loads(line)["text"] for line in lines]
        self.assertIn("ended by signal 15 (Terminated)", texts)
        self.assertEqual(texts.count("started, version 1.1.0"), 2)
        self.assertEqual(self.state_of("neighbour"), "running")

    def telemetry_of(self, app, at):
        """The next message of the app from an offset on."""
        while True:
            page = self.walk.house.cli_json("telemetry", "watch", self.walk.device_id, "--from", str(at), "--count", "1",
                                            "--timeout", str(BOOT_TIMEOUT_S))
            self.assertTrue(page["items"], f"no telemetry of {app}")
            item = page["items"][0]
            if item["properties"].get("pavise-app") == app:
                return item
            at = item["offset"] + 1

    def call(self, method, payload):
        answer = self.walk.house.cli_json("hub", "invoke-device-method", "-n", f"tenant-{TENANT}", "-d", self.walk.device_id,
                                          "--mn", method, "--mp", json.dumps(payload))
        return answer["status"], answer["payload"]

    def test_4_an_app_speaks_to_the_hub_as_the_device(self):
        self.wait(r"meter: info: online$")
        # Beside one that sends all that it can.
        self.device.wait_console("pavise-agent: app floods sends more than 4 messages in a second: it has to wait", BOOT_TIMEOUT_S)
        first = self.telemetry_of("meter", self.walk.telemetry_from)
        self.assertEqual(first["body"]["starts"], 1)
        self.assertEqual(first["properties"]["app"], "meter")  # the app's own word
        self.assertEqual(self.call("meter.ping", {"n": [1, "two"]}), (200, {"n": [1, "two"]}))
        self.assertEqual(self.call("meter.pong", None), (404, None))
        # An app without device_authentication has no channel.
        status, refused_by_agent = self.call("neighbour.ping", None)
        self.assertEqual((status, refused_by_agent["error"]["code"]), (404, "PV-AGT-027"))
        # Another start has another channel.
        self.app("restart", "meter")
        self.wait(r"meter: info: meter 1\.0\.0, start 2$")
        after = self.telemetry_of("meter", first["offset"] + 1)
        while after["body"]["starts"] == 1:
            after = self.telemetry_of("meter", after["offset"] + 1)
        self.assertEqual(after["body"]["starts"], 2)
        self.assertEqual(self.call("meter.ping", "again"), (200, "again"))

    def test_5_the_modbus_guardian_shows_a_machine_what_its_rules_say(self):
        self.wait(r"modbus-guardian: .*guards")
        port = free_ports({"guardian": 1502})["guardian"]
        self.device.qmp("human-monitor-command", **{"command-line": f"hostfwd_add net tcp:127.0.0.1:{port}-:1502"})
        client = ModbusTcpClient("127.0.0.1", port, timeout=60)
        self.addCleanup(client.close)
        self.assertTrue(client.connect())
        self.assertEqual(client.read_holding_registers(100, 20, slave=1).registers, list(range(100, 120)))
        heard = len(self.machine.requests)
        self.assertEqual(client.read_holding_registers(99, 2, slave=1).exception_code, 2)
        self.assertEqual(client.write_register(100, 7, slave=1).exception_code, 1)
        self.assertEqual(len(self.machine.requests), heard)
        self.wait(r"modbus-guardian: .*refused")

    def test_6_the_refrigeration_monitor_has_the_serial_port_that_the_image_names(self):
        self.wait(r"refrigeration-monitor: info: SENSOR1: open$")
        self.wait(r"refrigeration-monitor: warning: alarms: sensor$")
        self.sensor.sendall(b"noise\nT=4.25 H=61 DOOR=0 *3D\n")
        self.wait(r"refrigeration-monitor: info: alarms: none$")
        status, answer = self.call("refrigeration-monitor.status", None)
        self.assertEqual((status, answer["temperature_c"]), (200, 4.25), answer)
        self.assertEqual(self.telemetry_of("refrigeration-monitor", self.walk.telemetry_from)["properties"]["pavise-app"],
                         "refrigeration-monitor")
        self.assertEqual({name: self.state_of(name) for name in ("modbus-guardian", "neighbour", "refrigeration-monitor")},
                         dict.fromkeys(("modbus-guardian", "neighbour", "refrigeration-monitor"), "running"))

    def test_6b_an_app_serves_tls_with_the_certificate_that_its_log_names(self):
        said = self.wait(r"door: info: certificate SHA-256 ([0-9A-F:]+)$").group(1)
        self.wait(r"door: info: listening on port 8443$")
        port = free_ports({"door": 8443})["door"]
        self.device.qmp("human-monitor-command", **{"command-line": f"hostfwd_add net tcp:127.0.0.1:{port}-:8443"})
        pem = self.state / "door.pem"
        pem.write_text(ssl.get_server_certificate(("127.0.0.1", port), timeout=60), encoding="ascii")
        shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.read_text(encoding="ascii"))).hexdigest()
        self.assertEqual(shown.upper(), said.replace(":", ""))
        context = ssl.create_default_context(cafile=pem)
        with socket.create_connection(("127.0.0.1", port), 60) as raw, \
                context.wrap_socket(raw, server_hostname="door") as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: door\r\n\r\n")
            page = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
        self.assertRegex(page, r"\AHTTP/1\.1 200 OK\r\n(?s:.*)door 1\.0\.0\nstarts: 1\n")
        # The certificate outlives a restart.
        self.app("restart", "door")
        self.wait(r"door: info: door 1\.0\.0, start 2$")
        until(lambda: self.device.console_text().count(f"door: info: certificate SHA-256 {said}") == 2, "the same certificate",
              BOOT_TIMEOUT_S)
        self.assertEqual(self.state_of("door"), "running")

    def deploy(self, package, call=None):
        """Sends a package and has it installed: the status and what the device says. As a client would that checks nothing."""
        call = call or self.call
        data = pathlib.Path(package).read_bytes()
        for at in range(0, len(data), PART_BYTES):
            part = base64.b64encode(data[at:at + PART_BYTES]).decode()
            status, said = call("pavise.apps.receive", {"size": len(data), "offset": at, "data": part})
            self.assertEqual((status, said), (200, {"received": min(at + PART_BYTES, len(data))}))
        return call("pavise.apps.install", {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()})

    def installed(self, package):
        """As deploy(); None if it was refused."""
        status, said = self.deploy(package)
        return (status, said) if status == 200 else None

    def refused_deployment(self, package, call=None):
        """The refusal's code; of a content's rule that rule's own."""
        status, said = self.deploy(package, call)
        self.assertEqual(status, 409, said)
        inner = re.search(r"\((PV-[A-Z]{3}-\d{3})", said["error"]["message"])
        return inner[1] if said["error"]["code"] == "PV-PKG-002" and inner else said["error"]["code"]

    def listed(self, name):
        return next((app for app in self.app("list")["apps"] if app["name"] == name), None)

    def newcomer(self, version, **members):
        return self.shop.build("newcomer", "beat", "/data/secret", version=version,
                               capabilities={"mutable_storage": {"size_kib": QUOTA_KIB}, "update_deferral": True}, **members)

    def evidence_has(self, name, version):
        until(lambda: self.apps_of_evidence().get(component(name)) == version, f"evidence of {name} {version}", BOOT_TIMEOUT_S)
        self.device_is_online()

    def device_is_online(self):
        """After it has attested again the device connects anew."""
        until(lambda: self.walk.house.try_cli_json("app", "list", self.walk.device_id), "the device at the hub", BOOT_TIMEOUT_S)

    def test_7_apps_are_deployed_updated_and_removed_while_the_device_runs(self):
        self.device_is_online()
        self.assertEqual(self.deploy(self.newcomer("1.0.0", security_epoch=2)),
                         (200, {"name": "newcomer", "version": "1.0.0", "state": "running"}))
        self.wait(rf"newcomer: kept file: {ENOENT}$")
        self.assertEqual(self.listed("newcomer")["source"], "deployed")
        self.evidence_has("newcomer", "1.0.0")
        # The app has its first update wait for six seconds.
        update = self.newcomer("1.1.0", security_epoch=3)
        self.assertEqual(self.refused_deployment(update), "PV-DEP-006")
        self.wait(r"newcomer: update to 1\.1\.0$")
        status, said = until(lambda: self.installed(update), "the update", BOOT_TIMEOUT_S)
        self.assertEqual((status, said.get("replaced"), said.get("version")), (200, "1.0.0", "1.1.0"), said)
        self.wait(r"newcomer: kept file: 0$")
        self.evidence_has("newcomer", "1.1.0")
        # What is refused leaves what runs alone.
        for code, package in {
                "PV-INS-004": self.newcomer("1.2.0", security_epoch=2),
                "PV-IMG-005": AppShop(self.state / "stranger-2", TENANT).build("newcomer", "nothing"),
                "PV-INS-001": AppShop(self.state / "other-2", "other", key=self.shop.key).build("newcomer", "nothing"),
                "PV-MAN-022": self.shop.build("squatter", "nothing", capabilities={"listening_tcp": [1502]}),
                "PV-APL-001": self.shop.build("wants-pin", "nothing", capabilities={"gpio": ["LED1"]}),
                "PV-IMG-009": damaged(self.shop, "bent", -5000)}.items():
            with self.subTest(code):
                self.assertEqual(self.refused_deployment(package), code)
        self.assertEqual(self.call("pavise.apps.receive", {"size": 9, "offset": 5, "data": "AAAA"})[1]["error"]["code"], "PV-DEP-001")
        self.assertEqual(self.call("pavise.apps.install", {"size": 9, "sha256": "00" * 32})[1]["error"]["code"], "PV-DEP-002")
        self.assertEqual(self.call("pavise.apps.remove", {"name": "meter"})[1]["error"]["code"], "PV-DEP-005")
        self.assertEqual((self.listed("newcomer")["version"], self.state_of("newcomer")), ("1.1.0", "running"))

    def calls(self):
        """As call(), over one connection for all: the tool makes its own each time."""
        house, hub = self.walk.house, f"tenant-{TENANT}"
        string = house.cli_json("hub", "connection-string", "show", hub)["connectionString"]
        service = Caller(types.SimpleNamespace(facts={"ca_file": house.server_dir / "service-ca.pem",
                                                      "ports": {"https": house.ports()["hub_https"]}}), string)
        self.addCleanup(service.close)

        def call(method, payload):
            _, answer = service.expect(200, "POST", f"/twins/{self.walk.device_id}/methods", {
                "methodName": method, "payload": payload, "responseTimeoutInSeconds": 30, "connectTimeoutInSeconds": 10})
            return answer["status"], answer["payload"]
        return call

    def test_7b_no_malformed_field_passes_the_device(self):
        """The table of tests/app_package, signed by the owner, sent past the tool's own check."""
        folder = self.state / "malformed"
        folder.mkdir()
        run(WRITE_MALFORMED, self.shop.key, TENANT, folder)
        rows = json.loads((folder / "list.json").read_text(encoding="utf-8"))
        before, beats = self.running_apps(), self.beats()[-1]
        call, began = self.calls(), time.monotonic()
        for row in rows:
            with self.subTest(row["what"]):
                self.assertEqual(self.refused_deployment(folder / row["file"], call), row["code"])
        last = (folder / rows[-1]["file"]).read_bytes()
        self.assertEqual(call("pavise.apps.install", {"size": len(last), "sha256": hashlib.sha256(last).hexdigest()})[1]
                         ["error"]["code"], "PV-DEP-002")
        print(f"{len(rows)} malformed packages refused in {time.monotonic() - began:.1f} s", flush=True)
        # No app came, changed, ended or waited.
        self.assertEqual(self.running_apps(), before)
        until(lambda: self.beats()[-1] >= beats + 2, "the neighbour's next lines", BOOT_TIMEOUT_S)
        self.attests_anew()

    def test_7c_a_static_program_in_rust_is_an_app(self):
        self.counts_its_starts("of-rust", "Rust", compile_rust)

    def test_7c_a_static_program_in_go_is_an_app(self):
        self.counts_its_starts("of-go", "Go", compile_go)

    def counts_its_starts(self, name, language, compile_it):
        """A program of a language that knows nothing of us runs behind the walls that all have, and keeps a file."""
        compile_it(self.state / name)
        package = self.shop.build(name, program=self.state / name, capabilities={"mutable_storage": {"size_kib": QUOTA_KIB}},
                                  budgets={"memory_kib": 4096, "processes": 8})
        self.assertEqual(self.deploy(package)[0], 200)
        self.wait(rf"{name}: {name} in {language}, start 1$")
        self.evidence_has(name, "1.0.0")
        self.app("start", name)
        self.wait(rf"{name}: {name} in {language}, start 2$")
        self.assertEqual(self.call("pavise.apps.remove", {"name": name})[0], 200)

    def running_apps(self):
        return {app["name"]: (app["version"], app["state"], app["restarts"], app["policy_digest"])
                for app in self.app("list")["apps"]}

    def device_restarts_by_an_app(self):
        """One that may, in its second run. In the first five minutes after a start it has to wait."""
        package = self.shop.build("restarts", "restart_device", "/data/runs", capabilities={
            "mutable_storage": {"size_kib": QUOTA_KIB}, "power_control": ["reboot"], "system_events": True})
        self.assertEqual(self.deploy(package)[0], 200)
        self.wait("restarts: ready$")
        self.evidence_has("restarts", "1.0.0")
        with contextlib.suppress(StepFailed):  # the device may be gone before it answers
            self.app("start", "restarts")
        self.device.wait_console_match(r"apps: event restarts: asked to restart the device$", BOOT_TIMEOUT_S + POWER_AFTER_S)
        self.assertTrue(self.device.wait_off(BOOT_TIMEOUT_S))
        said = self.device.console_text()
        self.assertIn("apps: restarts: a restart: 0", said)
        self.assertIn(f"apps: restarts: told {GOING_DOWN}, cause {DEVICE_RESTARTS}", said)
        self.assertIn("apps want a restart", said)

    def test_8_what_was_deployed_outlives_a_boot_and_goes_by_its_owners_word(self):
        self.assertEqual(self.deploy(neighbour(self.shop, "2.0.0"))[0], 200)
        self.evidence_has("neighbour", "2.0.0")
        self.device_restarts_by_an_app()
        self.device.start(serial=True)
        self.wait(r"event newcomer: started, version 1\.1\.0")
        self.wait(r"event neighbour: started, version 2\.0\.0")
        self.wait(r"restarts: the device is back$")
        # Of what was refused the store has nothing.
        self.assertEqual(re.findall(r"apps: event .*: refused: PV-.*", self.device.console_text()), [])
        self.device.wait_console("pavise-agent: connected to hub", BOOT_TIMEOUT_S)
        self.device_is_online()
        self.assertEqual(self.call("pavise.apps.remove", {"name": "newcomer"}), (200, {"name": "newcomer", "state": "removed"}))
        self.assertIsNone(self.listed("newcomer"))
        self.assertEqual(self.call("pavise.apps.remove", {"name": "neighbour"}), (200, {"name": "neighbour", "state": "image"}))
        self.wait(r"event neighbour: started, version 1\.1\.0")
        self.wait(rf"neighbour: kept file: {ENOENT}$")
        # Its storage went with it, and its epoch did not.
        self.assertEqual(self.refused_deployment(self.newcomer("3.0.0", security_epoch=2)), "PV-INS-004")
        self.assertEqual(self.deploy(self.newcomer("3.0.0", security_epoch=3))[0], 200)
        self.wait(rf"newcomer: kept file: {ENOENT}$")


if __name__ == "__main__":
    unittest.main()
