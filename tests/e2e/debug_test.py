"""An app of the virtual device under gdb, by the owner's grant and by nobody else's; evidence says that it was open.
And docs/debugging.md as a reader follows it."""
import hashlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import unittest
import uuid

from sim.walk.walk import BOOT_TIMEOUT_S, TENANT, build_image, platform_profile, release
from sim.walk.house import StepFailed
from tests.e2e.app_shop import AppShop, component
from tests.e2e.reader import Reader, blocks
from tests.e2e.walked import WalkedTest
from tests.e2e.workshop import PROGRAMS, run
from tests.host_walk.house import until

DEBUGGEE = pathlib.Path(os.environ.get("PAVISE_DEBUGGEE", PROGRAMS.parent / "device/apps/debugging/debuggee"))
GDB_TIMEOUT_S = 300


class DebugTest(WalkedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        house, keys = cls.walk.house, cls.walk.keys
        cls.shop = AppShop(cls.state / "apps", TENANT, key=house.owner_key)
        packages = [cls.debuggee("debuggee", "--debug"), cls.debuggee("plain")]
        words = ["--app-owner-key", cls.shop.public, "--app-tenant", TENANT]
        for package in packages:
            words += ["--app", package]
        image, _ = build_image(house, keys, cls.state / "3.0.0", "3.0.0", apps=words,
                               platform=platform_profile(house, cls.walk.vendor, keys))
        release(house, keys, image)
        cls.device.stop()
        cls.device.use_image(image)
        cls.device.start()
        cls.device.wait_console("pavise-init: up", BOOT_TIMEOUT_S)

    @classmethod
    def debuggee(cls, name, *options):
        source = cls.shop.folder / name
        source.mkdir()
        (source / "app_manifest.json").write_text(json.dumps({
            "schema_version": 1, "name": name, "component_id": component(name), "version": "1.0.0", "entry_point": "/bin/app",
            "capabilities": {}, "budgets": {"memory_kib": 4096, "cpu_percent": 50, "processes": 4},
            "lifecycle": {"restart": "never"}}), encoding="utf-8")
        return cls.shop.pack(source, DEBUGGEE, None, *options)

    def setUp(self):
        until(lambda: self.walk.house.try_cli_json("app", "list", self.walk.device_id), "the device at the hub", BOOT_TIMEOUT_S)

    def grant(self, name, device=None, key=None):
        path = self.state / f"{name}.grant"
        run(PROGRAMS / "pavise", "app", "grant", "create", "--device", device or self.walk.device_id, "--app", component(name),
            "--key", key or self.shop.key, "--hours", "1", "--out", path)
        return path

    def refused(self, app, *words):
        """What the command says about why not."""
        try:
            self.walk.house.cli("app", "debug", self.walk.device_id, app, *words)
        except StepFailed as failed:
            return str(failed)
        return "begun"

    def listed(self, name):
        apps = self.walk.house.try_cli_json("app", "list", self.walk.device_id)
        return next((app for app in apps["apps"] if app["name"] == name), None) if apps else None

    def test_1_nobody_debugs_without_the_owners_word_for_this_app_and_device(self):
        stranger = AppShop(self.state / "stranger", TENANT)
        self.assertIn("PV-DBG-003", self.refused("debuggee"))
        self.assertIn("PV-DGR-003", self.refused("debuggee", "--grant", self.grant("debuggee", device="ab" * 32)))
        self.assertIn("PV-DGR-002", self.refused("debuggee", "--grant", self.grant("debuggee", key=stranger.key)))
        self.assertIn("PV-DBG-003", self.refused("debuggee", "--grant", self.grant("plain")))
        self.assertIn("PV-DBG-006", self.refused("plain"))

    def short_grant(self, name, seconds):
        """By docs/formats/dev-grant.md alone: the tool's shortest is an hour."""
        def head(major, value):
            size = next(size for size, end in ((0, 24), (1, 256), (2, 65536), (4, 1 << 32)) if value < end)
            first = major << 5 | (value if size == 0 else 24 + size.bit_length() - 1)
            return bytes([first]) + (value.to_bytes(size, "big") if size else b"")

        def member(key, value):
            if isinstance(value, int):
                return head(0, key) + head(0, value)
            text = isinstance(value, str)
            return head(0, key) + head(3 if text else 2, len(value)) + (value.encode() if text else value)

        def openssl(*words, data=None):
            return subprocess.run(["openssl", *words], input=data, stdout=subprocess.PIPE, check=True).stdout

        public = openssl("pkey", "-in", str(self.shop.key), "-pubout", "-outform", "DER")
        now = int(time.time())
        members = [member(1, "pavise-dev-grant-1"), member(2, bytes.fromhex(self.walk.device_id)),
                   member(3, uuid.UUID(component(name)).bytes), member(4, now - 60), member(5, now + seconds),
                   member(6, hashlib.sha256(public).digest())]
        signature = openssl("dgst", "-sha256", "-sign", str(self.shop.key),
                            data=b"pavise development grant 1\0" + head(5, 6) + b"".join(members))
        r_end = 4 + signature[3]  # SEQUENCE of two INTEGERs
        numbers = (int.from_bytes(signature[4:r_end], "big"), int.from_bytes(signature[r_end + 2:], "big"))
        members.append(member(7, b"".join(number.to_bytes(32, "big") for number in numbers)))
        path = self.state / "short.grant"
        path.write_bytes(head(5, 7) + b"".join(members))
        return path

    def test_1b_a_session_ends_with_its_grant(self):
        # On a machine that is very slow a grant is over before it is there.
        for seconds in (20, 60, 240):
            grant = self.short_grant("debuggee", seconds)
            session = self.begin([PROGRAMS / "pavise", "app", "debug", self.walk.device_id, "debuggee", "--grant", grant, "-o", "json"],
                                 env=self.walk.house.environment(), stderr=subprocess.PIPE)
            self.addCleanup(session.stderr.close)
            if session.stdout.readline():
                break
        # Nobody ends it but the device.
        _, said = session.communicate(timeout=GDB_TIMEOUT_S)
        self.assertIn("PV-DBG-004", said)
        self.assertNotEqual(session.returncode, 0)
        self.device.wait_console_match(r"event debuggee: started to be debugged[\s\S]*event debuggee: started, version 1\.0\.0",
                                       BOOT_TIMEOUT_S)
        self.assertIn("PV-DBG-003", self.refused("debuggee"))
        self.assertIn("PV-DGR-005", self.refused("debuggee", "--grant", grant))

    def test_2_gdb_stops_the_app_and_looks_into_it(self):
        before = self.listed("debuggee")["policy_digest"]
        command = [PROGRAMS / "pavise", "app", "debug", self.walk.device_id, "debuggee", "--grant", self.grant("debuggee"),
                   "-o", "json"]
        session = self.begin(command, env=self.walk.house.environment())
        address = json.loads(session.stdout.readline())["address"]
        debugger = self.begin(["gdb", "-batch", "-nx", "-ex", "set remotetimeout 60", "-ex", f"target remote {address}", "-ex",
                               "break say", "-ex", "continue", "-ex", "print value", "-ex", "set var value=43", "-ex", "continue",
                               DEBUGGEE], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self.device.wait_console_match(r"apps: event debuggee: started to be debugged", BOOT_TIMEOUT_S)
        said, _ = debugger.communicate(timeout=GDB_TIMEOUT_S)
        self.assertIn("$1 = 42", said)
        self.assertIn("exited with code 05", said)
        self.assertEqual(session.wait(GDB_TIMEOUT_S), 0)
        self.device.wait_console_match(r"apps: debuggee: answer 43", BOOT_TIMEOUT_S)
        # It is started as ever, and what was measured of it stays: both are in this boot's evidence.
        self.device.wait_console_match(r"answer 43[\s\S]*apps: event debuggee: started, version 1\.0\.0", BOOT_TIMEOUT_S)
        until(lambda: len(self.measured(component("debuggee"))) == 2, "evidence of both policies", BOOT_TIMEOUT_S)
        self.assertIn(before, self.measured(component("debuggee")))

    def begin(self, command, **options):
        """A program whose output is read, and which does not outlive the test, whatever that sees."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_3_the_page_on_debugging_does_what_it_says(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="pavise-debugging-"))
        reader = Reader(self, folder)
        pathlib.Path(folder, ".pavise").symlink_to(self.state)
        deploy, grant, debug, attach, afterwards = blocks("docs/debugging.md")
        (typed,) = blocks("docs/debugging.md", "gdb")
        terminal = deploy.splitlines(keepends=True)[0]  # of each further one
        self.assertIn("lamp", reader.shell(deploy))
        self.device.wait_console_match(r"apps: lamp: info: +online$", BOOT_TIMEOUT_S)
        self.setUp()
        self.assertIn("8 hours", reader.shell(terminal + grant))

        session = reader.begin(terminal + debug, "session.log")
        session.wait("Ctrl-C ends this", GDB_TIMEOUT_S)
        self.assertIn(re.search("'(.*)'", attach)[1], session.said())
        said = reader.shell(attach, typed)
        self.assertRegex(said, r"Breakpoint 1, main \(\) at \./main\.c:\d+\n\d+\s+int main\(void\)")
        self.assertRegex(said, r"Breakpoint 2, on_period \(context=0x")
        self.assertRegex(said, r"\$1 = 2\n")  # its starts: in the storage that it had before
        self.assertRegex(said, r"\$2 = \{hub = 0x[0-9a-f]+, starts = 2,\s+started_ms = \d+\}")
        self.assertRegex(said, r"#\d+ +0x[0-9a-f]+ in main \(\)")
        self.assertEqual(session.process.wait(GDB_TIMEOUT_S), 0, session.said())
        self.device.wait_console_match(r"apps: lamp: info: +lamp 1\.0\.0, start 3$", BOOT_TIMEOUT_S)
        manifest = json.loads(pathlib.Path(folder, "lamp/app_manifest.json").read_text(encoding="utf-8"))
        until(lambda: len(self.measured(manifest["component_id"])) == 2, "evidence of both policies", BOOT_TIMEOUT_S)
        self.setUp()
        said = reader.look(terminal + afterwards)
        self.assertRegex(said, r"lamp +1\.0\.0 +running")
        self.assertIn("removed", said)

    def measured(self, component_id):
        """Digests of the policies under which the app ran in this boot, by the device's evidence."""
        shown = self.walk.house.try_cli_json("device", "show", self.walk.device_id)
        return {app["policy_digest"] for app in (shown or {}).get("apps", []) if app["component_id"] == component_id}


if __name__ == "__main__":
    unittest.main()
