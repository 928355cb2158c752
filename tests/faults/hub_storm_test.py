"""All devices of a hub connect at once, as after a power cut, while another one goes on.

PAVISE_STORM_DEVICES: how many (default 1000; 10000 needs about two minutes and as many file descriptors)."""
import asyncio
import base64
import contextlib
import json
import os
import pathlib
import resource
import shutil
import ssl
import struct
import tempfile
import unittest

from tests.hub_alone.https import Caller
from tests.hub_alone.mqtt import CONNACK, CONNECT, PINGREQ, PINGRESP, packet, text
from tests.hub_alone.running_hub import RunningHub, fields, sas_token

DEVICES = int(os.environ.get("PAVISE_STORM_DEVICES", "1000"))
PATIENCE_S = 600
TRIES = 50
BULK = 100
# Resident memory of the server, for each connection: at the worst moment, with its handshake, and once it is idle.
PEAK_KIB_MAX = 96
IDLE_KIB_MAX = 32
KEY = base64.b64encode(b"k" * 32).decode()


def status_kib(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise AssertionError(field)


class Storm(unittest.TestCase):
    def setUp(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.assertGreater(hard, DEVICES + 200, "file descriptors: ulimit -Hn")
        folder = tempfile.mkdtemp(prefix="pavise-hub-storm-")
        self.addCleanup(shutil.rmtree, folder)
        self.house = RunningHub(folder)
        self.addCleanup(self.house.stop)
        self.house.wait_until_ready()
        self.owner = Caller(self.house, self.house.facts["connection_strings"]["iothubowner"])
        self.addCleanup(self.owner.close)
        for start in range(0, DEVICES, BULK):
            self.owner.expect(200, "POST", "/devices", [
                {"id": f"s{n}", "importMode": "create", "status": "enabled",
                 "authentication": {"type": "sas", "symmetricKey": {"primaryKey": KEY, "secondaryKey": KEY}}}
                for n in range(start, min(start + BULK, DEVICES))])

    def connect_packet(self, n):
        string = f"HostName=127.0.0.1;DeviceId=s{n};SharedAccessKey={KEY}"
        user = f"{fields(string)['HostName']}/s{n}/?api-version=2021-04-12"
        return packet(CONNECT << 4, text("MQTT") + bytes([4, 0b11000010, 0, 0]) + text(f"s{n}") + text(user) +
                      text(sas_token(string)))

    async def device(self, n, trust, tries):
        """Until it is connected, as a device does it; the connection stays open."""
        for tried in range(TRIES):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.house.facts["ports"]["mqtt"], ssl=trust,
                                                               ssl_handshake_timeout=PATIENCE_S)
                writer.write(self.connect_packet(n))
                answer = await reader.readexactly(4)
                self.assertEqual(answer, bytes([CONNACK << 4, 2, 0, 0]), f"s{n}")
                tries.append(tried + 1)
                return reader, writer
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05 * (tried + 1))
        self.fail(f"s{n} was refused {TRIES} times")

    async def goes_on(self, stop):
        """The device that was there before: each publication is acknowledged. Returns how many."""
        count = 0
        loop = asyncio.get_running_loop()
        string = self.house.facts["connection_strings"]["device"]
        client = await loop.run_in_executor(None, self.house.client, "device-1", string)
        while not stop.is_set():
            count += 1
            topic = text("devices/device-1/messages/events/") + struct.pack(">H", count % 65535 + 1)
            client.send(3 << 4 | 2, topic + json.dumps({"n": count}).encode())
            kind, answer = await loop.run_in_executor(None, client.receive)
            self.assertEqual((kind, struct.unpack(">H", answer)[0]), (4 << 4, count % 65535 + 1))
        client.close()
        return count

    async def storm(self):
        server = self.house.server_pid()
        before = status_kib(server, "VmRSS")
        with contextlib.suppress(PermissionError):  # not root: the peak is that since the server's start
            pathlib.Path(f"/proc/{server}/clear_refs").write_text("5", encoding="ascii")
        trust = ssl.create_default_context(cafile=self.house.facts["ca_file"])
        trust.check_hostname = False  # costs the client, not the server
        stop, tries = asyncio.Event(), []
        steady = asyncio.create_task(self.goes_on(stop))
        connections = await asyncio.gather(*(self.device(n, trust, tries) for n in range(DEVICES)))
        stop.set()
        acknowledged = await steady
        for _, writer in connections:
            writer.write(packet(PINGREQ << 4, b""))
        for reader, _ in connections:
            self.assertEqual(await reader.readexactly(2), bytes([PINGRESP << 4, 0]))
        peak = (status_kib(server, "VmHWM") - before) / DEVICES
        idle = (status_kib(server, "VmRSS") - before) / DEVICES
        for _, writer in connections:
            writer.transport.abort()
        return peak, idle, max(tries), acknowledged

    def test_everybody_comes_in_and_memory_is_bounded(self):
        peak, idle, tries, acknowledged = asyncio.run(asyncio.wait_for(self.storm(), PATIENCE_S))
        print(f"  {DEVICES} at once: server {peak:.1f} KiB each at the worst moment, {idle:.1f} KiB once connected; "
              f"{tries} tries at most; {acknowledged} publications of another device acknowledged meanwhile", flush=True)
        self.assertGreater(acknowledged, 0)
        self.assertLess(peak, PEAK_KIB_MAX)
        self.assertLess(idle, IDLE_KIB_MAX)


if __name__ == "__main__":
    unittest.main()
