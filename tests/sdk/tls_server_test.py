"""The template tls-server: made, built, packed and attacked on this machine.

PAVISE_PROGRAMS: folder with the programs (default build/release/bin)."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAVISE = pathlib.Path(os.environ.get("PAVISE_PROGRAMS", ROOT / "build/release/bin")).resolve() / "pavise"
CONNECTIONS, OF_ADDRESS, REQUEST_BYTES_MAX = 8, 4, 2048
DEADLINE_S = 4  # the template's is ten
PATIENCE_S = 60
GET = b"GET / HTTP/1.1\r\nHost: door\r\n\r\n"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Door:
    """The app `door`, running until the test `case` ends."""

    def __init__(self, case, folder, home):
        environment = {"HOME": str(home), "PAVISE_APP": "door", "PAVISE_VERSION": "1.0.0"}
        self.process = subprocess.Popen([folder / "door/build/pavise-app"], stderr=subprocess.PIPE, text=True, env=environment)
        case.addCleanup(self.kill)
        self.log = ""
        while "listening on port" not in self.log and "not started" not in self.log:
            line = self.process.stderr.readline()
            if not line:
                break
            self.log += line

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def fingerprint(self):
        return re.search(r"certificate SHA-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$", self.log, re.M).group(1)

    def memory_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.log += self.process.communicate(timeout=PATIENCE_S)[1]
        return self.process.returncode


class TlsServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="pavise-tls-server-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.port = free_port()
        cls.tool("app", "key", "create", "owner.pem")
        cls.tool("app", "new", "door", "--template", "tls-server")
        cls.edit("main.c", "kPort = 8443", f"kPort = {cls.port}")
        cls.edit("app_manifest.json", "[8443]", f"[{cls.port}]")
        cls.edit("server.h", "kServerConnectionMs = 10000", f"kServerConnectionMs = {DEADLINE_S * 1000}")
        cls.build = ("app", "build", "door", "--key", "owner.pem", "--tenant", "home", "-o", "json")
        cls.built = json.loads(cls.tool(*cls.build))

    @classmethod
    def edit(cls, name, old, new):
        path = cls.folder / "door" / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old)
        path.write_text(text.replace(old, new), encoding="utf-8")

    @classmethod
    def tool(cls, *words):
        run = subprocess.run([PAVISE, *words], cwd=cls.folder, capture_output=True, text=True, check=False,
                             env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        if run.returncode != 0:
            raise AssertionError(f"{words}: {run.returncode}\n{run.stdout}{run.stderr}")
        return run.stdout

    def setUp(self):
        self.home = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="pavise-door-")))
        self.door = Door(self, self.folder, self.home)

    def raw(self, address="127.0.0.1"):
        """A connection from an address of this machine's."""
        out = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S, source_address=(address, 0))
        self.addCleanup(out.close)
        return out

    def tls(self, address="127.0.0.1", **limits):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        for name, value in limits.items():
            setattr(context, name, value)
        out = context.wrap_socket(self.raw(address))
        self.addCleanup(out.close)
        return out

    @staticmethod
    def rest(connection):
        out = b""
        while more := connection.recv(4096):
            out += more
        return out

    def ask(self, request=GET, address="127.0.0.1"):
        with self.tls(address) as connection:
            connection.sendall(request)
            return self.rest(connection).decode()

    def numbers(self):
        """(answered before, dropped) as the page says."""
        page = self.ask(address="127.0.0.9")
        return tuple(int(re.search(rf"{what}: (\d+)", page).group(1)) for what in ("before this one", "dropped"))

    def dropped_becomes(self, count):
        end = time.monotonic() + PATIENCE_S
        while self.numbers()[1] != count:
            self.assertLess(time.monotonic(), end)

    def test_a_person_pins_the_certificate(self):
        shown = json.loads(self.tool("app", "show", "door/door.pvimage", "--owner-key", "owner.pem.pub", "-o", "json"))
        self.assertTrue(shown["signature_checked"])
        self.assertTrue(json.loads(self.tool(*self.build))["same_signature"])
        # As the README says it.
        seen = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL,
                              capture_output=True, check=True).stdout
        pem = self.folder / "door.pem"
        pem.write_bytes(subprocess.run(["openssl", "x509"], input=seen, capture_output=True, check=True).stdout)
        said = subprocess.run(["openssl", "x509", "-in", pem, "-noout", "-fingerprint", "-sha256"], capture_output=True,
                              text=True, check=True).stdout
        self.assertEqual(said.strip().split("=")[1], self.door.fingerprint())
        page = subprocess.run(["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", pem, "--resolve",
                               f"door:{self.port}:127.0.0.1", f"https://door:{self.port}/"], capture_output=True, text=True,
                              check=True).stdout
        self.assertRegex(page, r"\Adoor 1\.0\.0\nstarts: 1\nrunning: \d+ s\n")
        # Another's certificate for the same name is another.
        other = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                                "-keyout", "/dev/null", "-subj", "/CN=door"], capture_output=True, check=True).stdout
        pem.write_bytes(other)
        self.assertEqual(subprocess.run(["curl", "--silent", "--noproxy", "*", "--cacert", pem, "--resolve",
                                         f"door:{self.port}:127.0.0.1", f"https://door:{self.port}/"], check=False,
                                        capture_output=True).returncode, 60)

    def test_the_certificate_stays_and_a_damaged_one_is_not_replaced(self):
        first = self.door.fingerprint()
        stored = self.home / "identity.pem"
        self.assertEqual(stored.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.door.end(), 0)
        self.assertIn("asked to end", self.door.log)
        again = Door(self, self.folder, self.home)
        self.assertEqual(again.fingerprint(), first)
        self.assertNotIn("new key", again.log)
        self.assertIn("start 2", again.log)
        der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.port)))
        self.assertEqual(hashlib.sha256(der).hexdigest().upper(), first.replace(":", ""))
        self.assertEqual(again.end(), 0)
        whole = stored.read_bytes()
        for damaged in (whole[:-200], b"", whole[:40] + b"A" + whole[41:], b"x" * 8193):
            stored.write_bytes(damaged)
            broken = Door(self, self.folder, self.home)
            self.assertEqual(broken.end(), 1, broken.log)
            self.assertEqual(stored.read_bytes(), damaged)

    def test_old_versions_and_weak_ciphers_are_refused(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.tls(minimum_version=version, maximum_version=version) as connection:
                self.assertEqual(connection.version(), version.name.replace("_", "."))
        for options in (["-tls1_1"], ["-tls1"], ["-tls1_2", "-cipher", "AES128-SHA256:AES128-GCM-SHA256"]):
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-cipher", "ALL:@SECLEVEL=0",
                                   *options], stdin=subprocess.DEVNULL, capture_output=True, check=False)
            self.assertNotEqual(done.returncode, 0, options)
        self.dropped_becomes(5)  # the good ones asked for nothing

    def test_requests(self):
        for request, status in (
                (GET, 200), (b"GET / HTTP/1.0\r\n\r\n", 200), (b"HEAD / HTTP/1.1\r\n\r\n", 200),
                (b"GET /etc/passwd HTTP/1.1\r\n\r\n", 404), (b"GET /../ HTTP/1.1\r\n\r\n", 404),
                (b"POST / HTTP/1.1\r\n\r\n", 405), (b"get / HTTP/1.1\r\n\r\n", 405), (b"GET / HTTP/2.0\r\n\r\n", 505),
                (b"GET /\r\n\r\n", 400), (b"\r\n\r\n", 400), (b"GET  / HTTP/1.1\r\n\r\n", 400), (b"\0\xff \r\n\r\n", 400),
                (GET[:-4] + b"\r\nX: " + b"a" * (REQUEST_BYTES_MAX - len(GET) - 5) + b"\r\n\r\n", 200),
                (GET[:-4] + b"\r\nX: " + b"a" * (REQUEST_BYTES_MAX - len(GET) - 4) + b"\r\n\r\n", 431),
                (b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000, 431)):
            with self.subTest(request[:40]):
                answer = self.ask(request)
                self.assertTrue(answer.startswith(f"HTTP/1.1 {status} "), answer)
                head, body = answer.split("\r\n\r\n", 1)
                length = int(re.search(r"Content-Length: (\d+)", head).group(1))
                self.assertEqual(len(body), 0 if request.startswith(b"HEAD") else length)

    def test_byte_by_byte_is_a_request_too(self):
        with self.tls() as connection:
            for byte in GET:
                connection.sendall(bytes([byte]))
            self.assertIn(b"200 OK", self.rest(connection))

    def test_garbage_and_leaving_early_cost_nothing(self):
        for said in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 5000, os.urandom(3000)):
            with self.raw() as connection:
                connection.sendall(said)
        for said in (b"", b"GET / HT"):
            with self.tls() as connection:
                connection.sendall(said)
        self.dropped_becomes(6)
        self.assertIn("200 OK", self.ask())
        self.assertLess(self.door.memory_kib(), 16384)

    def test_slow_ones_hold_only_their_own_places(self):
        slow = [self.raw("127.0.0.2") for _ in range(OF_ADDRESS - 2)] + [self.tls("127.0.0.2") for _ in range(2)]
        slow[-1].sendall(GET[:-2])
        # The fifth of one address is closed at once; others are answered.
        with self.raw("127.0.0.2") as fifth:
            self.assertEqual(fifth.recv(1), b"")
        self.assertEqual(self.numbers(), (0, 1))
        # Bytes do not buy time.
        begun, answered = time.monotonic(), 1
        while time.monotonic() - begun < DEADLINE_S + 1:
            try:
                slow[-1].sendall(b"X")
            except OSError:
                break
            answered += self.numbers()[0] >= answered
        self.assertGreater(answered, 1)
        self.dropped_becomes(1 + OF_ADDRESS)
        for connection in slow[:2]:
            self.assertEqual(connection.recv(1), b"")

    def test_when_all_places_are_taken_others_wait_their_turn(self):
        held = [self.raw(f"127.0.0.{2 + i // OF_ADDRESS}") for i in range(CONNECTIONS)]
        begun = time.monotonic()
        self.assertIn("200 OK", self.ask())
        self.assertGreater(time.monotonic() - begun, DEADLINE_S / 3)
        for connection in held:
            self.assertEqual(connection.recv(1), b"")
        print(f"tls-server: program {(self.folder / 'door/build/pavise-app').stat().st_size // 1024} KiB, "
              f"memory at most {self.door.memory_kib()} KiB", flush=True)

    def test_who_does_not_read_is_dropped(self):
        with self.tls("127.0.0.2") as connection:
            connection.sendall(GET)
            # Answered; it is kept only until the other closes or the time is over.
            self.assertIn(b"200 OK", connection.recv(4096))
            before = self.numbers()
            end = time.monotonic() + PATIENCE_S
            while len(list(pathlib.Path(f"/proc/{self.door.process.pid}/fd").iterdir())) > self.idle_descriptors():
                self.assertLess(time.monotonic(), end)
            self.assertEqual(self.numbers()[1], before[1])

    def idle_descriptors(self):
        return 3 + 4  # standard ones; epoll, end request, health timer, listening socket


if __name__ == "__main__":
    unittest.main()
