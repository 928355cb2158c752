"""Uploaded files of a hub in a real S3-compatible store, in a network namespace of its own: official clients know fixed ports."""
import contextlib
import http.client
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from tests.hub_alone.https import Caller
from tests.hub_alone.running_hub import RunningHub
from tests.interop.azure_node.azure_node_test import node, node_modules
from tests.interop.s3_store.store import BUCKET, Front, Store

HERE = pathlib.Path(__file__).resolve().parent
INSIDE = "PAVISE_INSIDE_NAMESPACE"
NODE = "PAVISE_NODE"
DEVICE = "device-1"  # which the hub comes with


def until(look, what, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.05)
    return found


@unittest.skipUnless(os.environ.get(INSIDE), "runs inside its own namespace")
class S3Store(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="pavise-s3-")))
        cls.store = cls.enterClassContext(Store(cls.folder))
        cls.front = Front(cls.store.port)
        cls.addClassCleanup(cls.front.close)
        cls.keys = cls.store.write_keys("keys")
        cls.start(cls.keys)
        cls.addClassCleanup(lambda: cls.hub.stop())  # the last one
        cls.hub.cli("hub", "update", "hub1", "--file-upload", "true")

    @classmethod
    def start(cls, keys):
        cls.hub = RunningHub(cls.folder, "--mqtt-port", "8883", "--amqp-port", "5671", "--https-port", "443",
                             "--file-store-url", f"http://127.0.0.1:{cls.front.port}", "--file-store-bucket", BUCKET,
                             "--file-store-keys", keys).wait_until_ready()

    def setUp(self):
        self.connect()

    def tearDown(self):
        self.store.go_on()
        self.front.refusing = self.front.keeping = False
        for file in self.service.expect(200, "GET", "/files")[1]:
            self.service.expect(204, "DELETE", f"/files/{file['deviceId']}/{file['blobName']}")
        until(self.store.has, "the objects go with their files")

    def connect(self):
        """Again after each start."""
        strings = self.hub.facts["connection_strings"]
        self.device = Caller(self.hub, strings["device"])
        self.service = Caller(self.hub, strings["iothubowner"])
        for caller in (self.device, self.service):
            self.addCleanup(caller.close)

    def restart(self, keys):
        self.hub.stop()
        self.start(keys)
        self.connect()

    # ---- what clients do

    def begin(self, name):
        """Path and query of an upload, and its correlation id."""
        _, told = self.device.expect(200, "POST", f"/devices/{DEVICE}/files", {"blobName": name})
        return f"/{told['containerName']}/{told['blobName']}{told['sasToken']}", told["correlationId"]

    def put(self, url, data, more="", headers=None):
        """On a connection of its own: status and the Blob service's code."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.hub.facts["ports"]["https"], timeout=60,
                                                 context=self.device.connection._context)
        try:
            connection.request("PUT", url + more, data, {"x-ms-blob-type": "BlockBlob", **(headers or {})})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers.get("x-ms-error-code")
        finally:
            connection.close()

    def upload(self, name, data):
        url, upload = self.begin(name)
        self.assertEqual(self.put(url, data), (201, None))
        self.device.expect(204, "POST", f"/devices/{DEVICE}/files/notifications/{upload}", {"isSuccess": True})

    def read(self, name):
        status, _, data = self.service.call("GET", f"/files/{DEVICE}/{name}")
        return data if status == 200 else status

    def log(self):
        return (self.folder / "state/server.log").read_text(encoding="utf-8")

    def logged(self, event, reason):
        return any(f'"{event}"' in line and reason in line for line in self.log().splitlines())

    def hub_answers(self):
        self.service.expect(200, "GET", f"/devices/{DEVICE}")
        self.service.expect(200, "GET", f"/twins/{DEVICE}")

    # ---- tests

    def test_official_client(self):
        strings = self.hub.facts["connection_strings"]
        environment = {**os.environ, "NODE_EXTRA_CA_CERTS": self.hub.facts["ca_file"], "PAVISE_HUB_HOST": "127.0.0.1",
                       "PAVISE_OWNER_STRING": strings["iothubowner"], "PAVISE_EVENTS_STRING": "none",
                       "PAVISE_S3CMD_CONFIG": str(self.folder / "s3cfg"), "PAVISE_S3_BUCKET": BUCKET}
        done = subprocess.run([os.environ[NODE], "--test", "--test-timeout=120000", HERE / "upload.test.mjs"],
                              env=environment, check=False, timeout=150)
        self.assertEqual(done.returncode, 0)

    def test_files_come_and_go(self):
        self.upload("a", b"one")
        self.assertTrue(self.store.has(b"one"))
        self.assertEqual(self.read("a"), b"one")
        self.service.expect(204, "DELETE", f"/files/{DEVICE}/a")
        self.assertEqual(self.read("a"), 404)
        until(self.store.has, "the object goes, too")

    def test_a_store_that_is_down_holds_up_nothing_else(self):
        self.upload("a", b"one")
        url, _ = self.begin("b")
        self.front.refusing = True
        self.assertEqual(self.put(url, b"two"), (503, "ServerBusy"))
        self.assertEqual(self.read("a"), 503)
        self.hub_answers()
        self.service.expect(204, "DELETE", f"/files/{DEVICE}/a")
        until(lambda: self.logged("files.store_failed", "PV-HFL-034"), "the log says so")
        self.assertTrue(self.logged("hub.refused", "PV-HFL-034"))
        self.front.refusing = False
        self.assertEqual(self.put(url, b"two"), (201, None))
        self.assertEqual(self.read("b"), b"two")
        until(lambda: self.store.has(b"two"), "what was deleted meanwhile goes")
        until(lambda: self.logged("files.store_works_again", ""), "the log says so")

        # More than there are threads for files wait for a store that says nothing; nobody else does.
        self.store.stand_still()
        answers = []
        waiting = [threading.Thread(target=lambda: answers.append(self.put(url, b"three"))) for _ in range(12)]
        for each in waiting:
            each.start()
        for _ in range(20):
            self.hub_answers()
        self.assertEqual(answers, [])
        self.store.go_on()
        for each in waiting:
            each.join()
        self.assertEqual(answers, [(201, None)] * len(waiting))

    def test_a_wrong_secret_is_refused_and_logged(self):
        self.upload("a", b"one")
        self.restart(self.store.write_keys("wrong", "s3cr3t-that-is-wrong"))
        url, _ = self.begin("b")
        self.assertEqual(self.put(url, b"two"), (503, "ServerBusy"))
        self.assertEqual(self.read("a"), 503)
        self.hub_answers()
        for event in ("hub.refused", "files.store_failed"):
            until(lambda: self.logged(event, "SignatureDoesNotMatch"), "the log says why")
        self.assertNotIn("s3cr3t-that-is-wrong", self.log())
        self.restart(self.keys)
        self.assertEqual(self.read("a"), b"one")

    def test_a_kill_between_put_and_commit_leaves_no_orphan_and_loses_nothing(self):
        self.upload("a", b"acknowledged")
        url, _ = self.begin("b")
        self.assertEqual(self.put(url, b"a block", "&comp=block&blockid=MDAx"), (201, None))
        self.front.keeping = True
        answers = []

        def put_and_hear_nothing():
            with contextlib.suppress(OSError, http.client.HTTPException):
                answers.append(self.put(url, b"never acknowledged", "&comp=block&blockid=MDAy"))

        lost = threading.Thread(target=put_and_hear_nothing)
        lost.start()
        self.assertTrue(self.front.kept.wait(60))
        os.kill(self.hub.server_pid(), signal.SIGKILL)
        lost.join()
        self.assertEqual(answers, [])
        self.hub.stop()
        self.assertTrue(self.store.has(b"acknowledged", b"a block", b"never acknowledged"))
        self.front.keeping = False
        self.restart(self.keys)
        until(lambda: self.store.has(b"acknowledged", b"a block"), "the orphan goes, and nothing else")
        self.assertEqual(self.read("a"), b"acknowledged")
        self.assertEqual(self.put(url, b"<BlockList><Latest>MDAx</Latest></BlockList>", "&comp=blocklist"), (201, None))
        self.assertEqual(self.read("b"), b"a block")
        self.assertTrue(self.store.has(b"acknowledged", b"a block"))


def main():
    if os.environ.get(INSIDE):
        return unittest.main(module=__name__, verbosity=2)
    node_modules()  # outside: the namespace reaches no registry
    script = 'ip link set lo up && exec "$@"'
    unshare = ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    return subprocess.run([*unshare, "sh", "-c", script, "sh", sys.executable, "-m", "tests.interop.s3_store.s3_store_test"],
                          check=False, env={**os.environ, INSIDE: "1", NODE: node()}).returncode


if __name__ == "__main__":
    sys.exit(main())
