"""The server is killed in the middle of a hub's work: telemetry by MQTT and HTTPS, twins, the registry, messages to devices.

What was acknowledged must be there after the restart, and what was not is there whole or not at all.
PAVISE_KILL_ROUNDS: how often it is killed (default 3)."""
import collections
import http.client
import json
import os
import shutil
import struct
import tempfile
import threading
import time
import unittest

from tests.hub_alone.https import Caller
from tests.hub_alone.mqtt import PUBACK, PUBLISH, text
from tests.hub_alone.running_hub import RunningHub

ROUNDS = int(os.environ.get("PAVISE_KILL_ROUNDS", "3"))
# Each kind of work has done so much before the kill, wherever it is then.
DONE_MIN = 20
PATIENCE_S = 60
DEVICE = "device-1"
ENDED = (OSError, http.client.HTTPException, struct.error, json.JSONDecodeError)


class Work(threading.Thread):
    """Does step(n) for n = 0, 1, 2 ... until the server is gone; `done` is what was acknowledged."""

    def __init__(self, step):
        super().__init__(daemon=True)
        self.step = step
        self.done = []
        self.begun = -1
        self.failure = None

    def run(self):
        try:
            while True:
                self.begun += 1
                self.step(self.begun)
                self.done.append(self.begun)
        except ENDED:
            pass
        except Exception as error:  # shown by the test, which waits for this thread
            self.failure = error


class Load:
    """All kinds of work at once, in one round."""

    def __init__(self, test, house, number):
        self.house = house
        self.number = number
        self.owner_string = house.facts["connection_strings"]["iothubowner"]
        self.device_string = house.facts["connection_strings"]["device"]
        self.test = test
        self.connections = []
        self.completed, self.completing, self.sink_string = set(), set(), self.make_sink()
        self.works = {name: Work(make()) for name, make in {
            "telemetry": self.telemetry, "posts": self.posts, "reported": self.reported, "tags": self.tags,
            "registry": self.registry, "messages": self.messages, "receipts": self.receipts}.items()}

    def caller(self, connection_string):
        self.connections.append(Caller(self.house, connection_string))
        return self.connections[-1]

    def client(self, device, connection_string):
        self.connections.append(self.house.client(device, connection_string))
        return self.connections[-1]

    def make_sink(self):
        """A device of this round that gets messages."""
        name = f"sink-{self.number}"
        _, made = self.caller(self.owner_string).expect(200, "PUT", f"/devices/{name}", {"deviceId": name})
        host = self.owner_string.split(";")[0]
        return f"{host};DeviceId={name};SharedAccessKey={made['authentication']['symmetricKey']['primaryKey']}"

    def telemetry(self):
        client = self.client(DEVICE, self.device_string)

        def step(n):
            body = json.dumps({"round": self.number, "mqtt": n}).encode()
            client.send(PUBLISH << 4 | 2, text(f"devices/{DEVICE}/messages/events/") + struct.pack(">H", n % 65535 + 1) + body)
            kind, answer = client.receive()
            self.test.assertEqual((kind >> 4, struct.unpack(">H", answer)[0]), (PUBACK, n % 65535 + 1))
        return step

    def posts(self):
        device = self.caller(self.device_string)
        return lambda n: device.expect(204, "POST", f"/devices/{DEVICE}/messages/events", {"round": self.number, "https": n})

    def reported(self):
        client = self.client(f"sink-{self.number}", self.sink_string)
        client.subscribe("$iothub/twin/res/#")

        def step(n):
            client.publish(f"$iothub/twin/PATCH/properties/reported/?$rid={n}", json.dumps({"n": n}).encode())
            topic, _ = client.next_message()
            self.test.assertTrue(topic.startswith(f"$iothub/twin/res/204/?$rid={n}&"), topic)
        return step

    def tags(self):
        owner = self.caller(self.owner_string)
        return lambda n: owner.expect(200, "PATCH", f"/twins/sink-{self.number}", {"tags": {"n": n}, "properties": {
            "desired": {"n": n}}})

    def registry(self):
        owner = self.caller(self.owner_string)

        def step(n):
            name = f"r{self.number}-{n}"
            owner.expect(200, "PUT", f"/devices/{name}", {"deviceId": name})
            if n % 3 == 2:
                owner.expect(204, "DELETE", f"/devices/r{self.number}-{n - 1}", headers={"If-Match": "*"})
        return step

    def messages(self):
        owner = self.caller(self.owner_string)

        def step(n):
            while True:  # the queue has room for fifty
                status, _, data = owner.call("POST", f"/devices/sink-{self.number}/messages/devicebound", str(n).encode(),
                                             {"iothub-messageid": f"m{n}"})
                if status != 403:
                    break
                time.sleep(0.01)
            self.test.assertIn(status, (200, 201, 204), data)
        return step

    def receipts(self):
        device = self.caller(self.sink_string)
        path = f"/devices/sink-{self.number}/messages/devicebound"

        def step(_):
            while True:
                status, headers, body = device.call("GET", path)
                if status == 200:
                    break
                self.test.assertEqual(status, 204, body)
                time.sleep(0.01)
            message = int(body)
            self.completing.add(message)
            device.expect(204, "DELETE", f"{path}/{headers['ETag'].strip(chr(34))}")
            self.completed.add(message)
        return step

    def start(self):
        for work in self.works.values():
            work.start()

    def wait_until_busy(self):
        deadline = time.monotonic() + PATIENCE_S
        while any(len(work.done) < DONE_MIN for work in self.works.values()):
            counts = {name: len(work.done) for name, work in self.works.items()}
            failures = [work.failure for work in self.works.values() if work.failure]
            self.test.assertFalse(failures, counts)
            self.test.assertLess(time.monotonic(), deadline, counts)
            time.sleep(0.001)

    def wait_until_over(self):
        for name, work in self.works.items():
            work.join(PATIENCE_S)
            self.test.assertFalse(work.is_alive(), f"{name} still waits for a server that is gone")
            self.test.assertIsNone(work.failure, name)
        for connection in self.connections:
            connection.close()


class HubKill(unittest.TestCase):
    def all_events(self, house, expected):
        """Bodies, as JSON with sorted keys, and how often each is there; reads up to a last one of its own."""
        device = Caller(house, house.facts["connection_strings"]["device"])
        device.expect(204, "POST", f"/devices/{DEVICE}/messages/events", {"last": True})
        device.close()
        got, offset, count = collections.Counter(), 0, min(expected + 1, 1000)
        while not got['{"last": true}']:
            for line in house.cli("hub", "monitor-events", "-d", DEVICE, "--from", str(offset), "--count", str(count),
                                  "--timeout", str(PATIENCE_S), "-o", "json").splitlines():
                event = json.loads(line)
                got[json.dumps(event["body"], sort_keys=True)] += 1
                offset = int(event["offset"]) + 1
            count = max(1, min(expected + 1 - got.total(), 1000))
        del got['{"last": true}']
        return got

    def check_events(self, house, loads):
        got = self.all_events(house, sum(len(load.works[name].done) for load in loads for name in ("telemetry", "posts")))
        for load in loads:
            for name, key in (("telemetry", "mqtt"), ("posts", "https")):
                for n in load.works[name].done:
                    body = json.dumps({"round": load.number, key: n}, sort_keys=True)
                    self.assertEqual(got.pop(body, 0), 1, f"round {load.number}: {body} was acknowledged")
        # What is left had no answer; at most one of each kind and round was under way.
        self.assertLessEqual(len(got), 2 * len(loads), got)

    def check_state(self, house, load):
        owner = Caller(house, load.owner_string)
        _, twin = owner.expect(200, "GET", f"/twins/sink-{load.number}")
        for name, value in (("reported", twin["properties"]["reported"]["n"]), ("tags", twin["tags"]["n"])):
            self.assertIn(value, (load.works[name].done[-1], load.works[name].begun), name)
        self.assertEqual(twin["properties"]["desired"]["n"], twin["tags"]["n"], "half of a change")
        registry = load.works["registry"]
        for n in registry.done:
            deleted = n % 3 == 1 and n + 1 in registry.done
            under_way = n % 3 == 1 and n + 1 == registry.begun
            status = owner.call("GET", f"/devices/r{load.number}-{n}")[0]
            self.assertIn(status, (200, 404) if under_way else (404,) if deleted else (200,), f"r{load.number}-{n}")
        owner.close()

    def check_messages(self, house, load):
        """Each message is there or was completed, in order; the ones without an answer may be either."""
        device = Caller(house, load.sink_string)
        path = f"/devices/sink-{load.number}/messages/devicebound"
        left = []
        while True:
            status, headers, body = device.call("GET", path)
            if status != 200:
                break
            left.append(int(body))
            device.expect(204, "DELETE", f"{path}/{headers['ETag'].strip(chr(34))}")
        device.close()
        self.assertEqual(status, 204, body)
        self.assertEqual(sorted(set(left)), left, "each once, in order")
        sent, begun = set(load.works["messages"].done), load.works["messages"].begun
        self.assertFalse(load.completed & set(left), "a completed message came again")
        # One that was handed out, but did not arrive before the kill, is locked for a minute.
        owner = Caller(house, load.owner_string)
        _, record = owner.expect(200, "GET", f"/devices/sink-{load.number}")
        owner.close()
        locked = record["cloudToDeviceMessageCount"]
        self.assertLessEqual(locked, 1)
        self.assertLessEqual(len(sent - load.completing - set(left)), locked, "a message was lost")
        self.assertFalse(set(left) - sent - {begun}, "a message that nobody sent")

    def test_what_was_acknowledged_is_there(self):
        folder = tempfile.mkdtemp(prefix="pavise-hub-kill-")
        self.addCleanup(shutil.rmtree, folder)
        house = RunningHub(folder)
        self.addCleanup(lambda: house.stop())  # whichever runs then
        house.wait_until_ready()
        loads = []
        for number in range(ROUNDS):
            load = Load(self, house, number)
            loads.append(load)
            load.start()
            load.wait_until_busy()
            house.kill_server()
            load.wait_until_over()
            house = RunningHub(folder)
            house.wait_until_ready()
            self.check_state(house, load)
            self.check_messages(house, load)
            print(f"  round {number}:", {name: len(work.done) for name, work in load.works.items()}, flush=True)
        self.check_events(house, loads)


if __name__ == "__main__":
    unittest.main()
