"""./run --hub and every `pavise hub` verb against it, with MQTT clients beside: mosquitto's, and one that answers methods.

PAVISE_PROGRAMS: folder with the programs (default build/release/bin)."""
import base64
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request

from sim.walk.house import alive
from tests.hub_alone.running_hub import RunningHub, fields, sas_token

DEVICE = "device-1"


def until(condition, what, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.05)


def metrics(port, ca, token):
    request = urllib.request.Request(f"https://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ca)) as answer:
        return answer.read().decode()


class HubAloneTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="pavise-hub-alone-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.house = RunningHub(cls.folder)
        cls.addClassCleanup(cls.house.stop)
        cls.house.wait_until_ready()
        cls.device_string = cls.house.facts["connection_strings"]["device"]

    def hub(self, *words):
        return self.house.hub(*words)

    def assert_refused(self, code, *words):
        done = self.house.try_cli("hub", *words)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr

    def test_it_says_what_clients_need(self):
        facts = self.house.facts
        self.assertTrue(facts["ok"])
        for port in facts["ports"].values():
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
        self.assertEqual(fields(self.device_string)["HostName"], "127.0.0.1")
        self.assertEqual(fields(self.device_string)["DeviceId"], DEVICE)
        self.assertEqual(fields(facts["connection_strings"]["iothubowner"])["SharedAccessKeyName"], "iothubowner")
        self.assertIn("BEGIN CERTIFICATE", pathlib.Path(facts["ca_file"]).read_text(encoding="utf-8"))
        self.assertEqual(set(facts["trust"]), {"Node.js", "Python", "C", "C#", "Java"})
        self.assertEqual(self.house.report.stat().st_mode & 0o077, 0, "it holds keys")

    def test_telemetry_of_mosquitto_arrives_with_its_properties(self):
        before = json.loads(self.house.cli("status", "-o", "json"))["telemetry_next_offset"]
        sent = self.house.mosquitto("mosquitto_pub", DEVICE, self.device_string, "-t",
                                    f"devices/{DEVICE}/messages/events/%24.ct=application%2Fjson&colour=red", "-m",
                                    '{"t":21.5}')
        self.assertEqual(sent.wait(20), 0, sent.stdout.read())
        sent.stdout.close()
        event = json.loads(self.house.cli("hub", "monitor-events", "-d", DEVICE, "--from", before, "--count", "1",
                                          "--timeout", "20", "-o", "json"))
        self.assertEqual(event["body"], {"t": 21.5})
        self.assertEqual(event["properties"], {"colour": "red"})
        self.assertEqual(event["system_properties"]["content-type"], "application/json")
        self.assertEqual(event["system_properties"]["iothub-connection-device-id"], DEVICE)
        self.assertEqual(event["system_properties"]["iothub-connection-auth-method"], "sas")
        self.assertIn('{"t":21.5}', self.house.cli("hub", "monitor-events", "--from", before, "--count", "1"))

    def test_a_wrong_key_is_refused(self):
        wrong = self.device_string.replace(fields(self.device_string)["SharedAccessKey"],
                                           base64.b64encode(bytes(32)).decode())
        client = self.house.client(DEVICE, self.device_string, sas_token(wrong))
        self.assertEqual(client.refused, 5)
        client.close()

    def test_a_method_is_answered(self):
        self.hub("device-identity", "create", "-d", "caller")
        string = self.hub("connection-string", "show", "--device", "caller")["connectionString"]
        offline = self.assert_refused(3, "invoke-device-method", "-d", "caller", "--method-name", "add")
        self.assertIn("DeviceNotOnline", offline)
        device = self.house.client("caller", string)
        self.addCleanup(device.close)
        self.assertEqual(device.refused, 0)
        device.subscribe("$iothub/methods/POST/#")

        def answer():
            topic, payload = device.next_message()
            request = topic.rsplit("$rid=", 1)[1]
            numbers = json.loads(payload)
            device.publish(f"$iothub/methods/res/201/?$rid={request}", json.dumps({"sum": sum(numbers)}).encode())

        answering = threading.Thread(target=answer)
        answering.start()
        result = self.hub("invoke-device-method", "-d", "caller", "--method-name", "add", "--method-payload", "[1,2,4]")
        answering.join(20)
        self.assertEqual(result, {"status": 201, "payload": {"sum": 7}})
        self.assertEqual(self.hub("device-identity", "show", "-d", "caller")["connectionState"], "Connected")

    def test_a_message_to_a_device_waits_for_mosquitto(self):
        self.hub("device-identity", "create", "-d", "sleeper")
        string = self.hub("connection-string", "show", "--device", "sleeper")["connectionString"]
        for number in range(2):
            self.hub("c2d-message", "send", "-d", "sleeper", "--data", f"hello {number}", "-p", "colour=red", "--ack", "full",
                     "--message-id", f"m{number}")
        self.assertEqual(self.hub("device-identity", "show", "-d", "sleeper")["cloudToDeviceMessageCount"], 2)
        listener = self.house.mosquitto("mosquitto_sub", "sleeper", string, "-t", "devices/sleeper/messages/devicebound/#",
                                        "-C", "2", "-v")
        out = listener.communicate(timeout=20)[0]
        self.assertEqual(listener.returncode, 0, out)
        first, second = out.strip().splitlines()
        topic, body = first.split(" ", 1)
        self.assertEqual(body, "hello 0")
        self.assertTrue(second.endswith("hello 1"))
        bag = urllib.parse.parse_qs(topic.split("/devicebound/", 1)[1])
        self.assertEqual(bag["colour"], ["red"])
        self.assertEqual(bag["$.mid"], ["m0"])
        self.assertEqual(bag["$.to"], ["/devices/sleeper/messages/devicebound"])
        self.hub("c2d-message", "send", "-d", "sleeper", "--data", "never seen")
        # mosquitto_sub acknowledged both before it left.
        self.assertEqual(self.hub("c2d-message", "purge", "-d", "sleeper")["totalMessagesPurged"], 1)
        self.assert_refused(3, "c2d-message", "send", "-d", "nobody", "--data", "x")

    def test_message_routing_is_a_switch(self):
        ca = pathlib.Path(self.house.facts["ca_file"])
        endpoint = ("message-endpoint", "create", "--en", "hook", "--type", "webhook", "--address", "https://127.0.0.1:1/",
                    "--ca", ca)
        self.assertIn("PV-HRT-007", self.house.try_cli("hub", *endpoint).stderr)
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="pavise-hub-alone-"))
        house = RunningHub(folder, "--message-routing")
        self.addCleanup(house.stop)
        house.wait_until_ready()
        house.hub(*endpoint)
        house.hub("message-route", "create", "--rn", "all", "--en", "hook")
        sent = house.mosquitto("mosquitto_pub", DEVICE, house.facts["connection_strings"]["device"], "-t",
                               f"devices/{DEVICE}/messages/events/", "-m", "x")
        self.assertEqual(sent.wait(20), 0, sent.stdout.read())
        sent.stdout.close()
        # Nobody listens there; that it tried is what counts.
        until(lambda: house.hub("message-endpoint", "show", "--en", "hook")["health"]["error"], "a delivery that failed")
        token = house.cli("token", "create", "prometheus", "--role", "metrics", "-o", "json")
        page = metrics(house.facts["ports"]["management"], house.facts["ca_file"], json.loads(token)["token"])
        labels = f'{{hub="{house.facts["hub"]}",endpoint="hook"}}'
        self.assertIn(f"pavise_routing_healthy{labels} 0", page)
        self.assertIn(f"pavise_routing_lag_records{labels} 1", page)
        self.assertIn(f"pavise_routing_delivered_total{labels} 0", page)
        self.assertNotIn(f"pavise_routing_failures_total{labels} 0", page)

    def test_acts_stand_in_the_audit_of_the_hub(self):
        self.hub("device-identity", "create", "-d", "audited")
        self.hub("device-identity", "update", "-d", "audited", "--status", "disabled")
        self.hub("device-identity", "delete", "-d", "audited")
        entries = json.loads(self.house.cli("audit", "--hub", self.house.facts["hub"], "-o", "json"))["entries"]
        told = [(each["action"], each["detail"], each["actor"]) for each in entries if each["subject"] == "audited"]
        self.assertEqual(told, [("device.delete", "", "policy iothubowner"),
                                ("device.update", "disabled, sas", "policy iothubowner"),
                                ("device.create", "enabled, sas", "policy iothubowner")])

    def test_identities_are_made_changed_and_removed(self):
        thumbprint = "AB" * 20
        made = self.hub("device-identity", "create", "-d", "thumb", "--auth-method", "x509_thumbprint",
                        "--primary-thumbprint", thumbprint)
        self.assertEqual(made["authentication"]["type"], "selfSigned")
        self.assertEqual(self.hub("connection-string", "show", "-d", "thumb")["connectionString"],
                         "HostName=127.0.0.1;DeviceId=thumb;x509=true")
        self.assert_refused(6, "device-identity", "create", "-d", "thumb")
        changed = self.hub("device-identity", "update", "-d", "thumb", "--status", "disabled", "--status-reason", "lost")
        self.assertEqual((changed["status"], changed["statusReason"]), ("disabled", "lost"))
        self.assertEqual(changed["authentication"]["x509Thumbprint"]["primaryThumbprint"], thumbprint)
        self.assert_refused(6, "device-identity", "update", "-d", "thumb", "--status", "enabled", "--etag", made["etag"])
        self.assertIn("thumb", [each["deviceId"] for each in self.hub("device-identity", "list")])
        self.hub("module-identity", "create", "-d", "thumb", "-m", "reader")
        self.assertEqual([each["moduleId"] for each in self.hub("module-identity", "list", "-d", "thumb")], ["reader"])
        self.hub("module-identity", "update", "-d", "thumb", "-m", "reader", "--auth-method", "x509_ca")
        self.assertEqual(self.hub("module-identity", "show", "-d", "thumb", "-m", "reader")["authentication"]["type"],
                         "certificateAuthority")
        self.hub("module-identity", "delete", "-d", "thumb", "-m", "reader")
        self.hub("device-identity", "delete", "-d", "thumb")
        self.assert_refused(3, "device-identity", "show", "-d", "thumb")

    def test_devices_are_exported_and_imported(self):
        for device in ("kept", "gone"):
            self.hub("device-identity", "create", "-d", device)
        self.hub("module-identity", "create", "-d", "kept", "-m", "reader")
        self.hub("device-twin", "update", "-d", "kept", "--tags", '{"floor":3}')
        key = self.hub("device-identity", "show", "-d", "kept")["authentication"]["symmetricKey"]["primaryKey"]
        with tempfile.TemporaryDirectory(prefix="pavise-hub-alone-") as folder:
            file = pathlib.Path(folder) / "devices.txt"
            self.assertEqual(self.hub("device-identity", "export", "--path", file, "--include-keys")["status"], "completed")
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)
            lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            kept = next(line for line in lines if line["id"] == "kept" and "moduleId" not in line)
            self.assertEqual(kept["authentication"]["symmetricKey"]["primaryKey"], key)
            self.hub("device-identity", "delete", "-d", "kept")
            mine = [line for line in lines if line["id"] == "kept"] + [{"id": "gone", "importMode": "delete"}]
            file.write_text("".join(json.dumps(line) + "\n" for line in mine), encoding="utf-8")
            self.assertEqual(self.hub("device-identity", "import", "--path", file)["errors"], [])
            self.assertEqual(self.hub("device-identity", "show", "-d", "kept")["authentication"]["symmetricKey"]["primaryKey"],
                             key)
            self.assertEqual(self.hub("device-twin", "show", "-d", "kept")["tags"], {"floor": 3})
            self.assertEqual([each["moduleId"] for each in self.hub("module-identity", "list", "-d", "kept")], ["reader"])
            self.assert_refused(3, "device-identity", "show", "-d", "gone")
            done = self.house.try_cli("hub", "device-identity", "import", "--path", file)
            self.assertEqual(done.returncode, 1)
            self.assertIn("line 3: gone DeviceNotFound", done.stderr)

    def test_twins_are_changed(self):
        self.hub("device-identity", "create", "-d", "twin")
        self.hub("device-twin", "update", "-d", "twin", "--tags", '{"floor":1}', "--desired", '{"interval":{"s":10}}')
        self.hub("device-twin", "update", "-d", "twin", "--desired", '{"interval":{"s":null,"m":2}}')
        twin = self.hub("device-twin", "show", "-d", "twin")
        self.assertEqual(twin["tags"], {"floor": 1})
        self.assertEqual(twin["properties"]["desired"]["interval"], {"m": 2})
        self.assertEqual(twin["properties"]["desired"]["$version"], 3)
        self.assertIn("desired, version 3", self.house.cli("hub", "device-twin", "show", "-d", "twin"))

    def test_twins_are_asked_for(self):
        for number in range(3):
            self.hub("device-identity", "create", "-d", f"asked-{number}")
            self.hub("device-twin", "update", "-d", f"asked-{number}", "--tags", f'{{"asked":true,"floor":{number % 2}}}')
        where = "FROM devices WHERE tags.asked = true"
        self.assertEqual([each["deviceId"] for each in self.hub("query", "-q", f"SELECT * {where}")],
                         ["asked-0", "asked-1", "asked-2"])
        self.assertEqual(self.hub("query", "-q", f"SELECT deviceId {where}", "--top", "2"),
                         [{"deviceId": "asked-0"}, {"deviceId": "asked-1"}])
        self.assertIn("floor  devices\n0      2\n1      1\n2 rows",
                      self.house.cli("hub", "query", "-q",
                                     f"SELECT tags.floor, COUNT() AS devices {where} GROUP BY tags.floor"))
        self.assertIn("at byte 28", self.assert_refused(1, "query", "-q", "SELECT * FROM devices WHERE "))

    def test_jobs_change_twins_and_can_be_cancelled(self):
        self.hub("device-identity", "create", "-d", "worked-on")
        done = self.hub("job", "create", "--job-id", "tag", "--job-type", "scheduleUpdateTwin", "-q",
                        "deviceId = 'worked-on'", "--twin-patch", '{"tags":{"done":1}}', "--wait", "30")
        self.assertEqual(done["status"], "completed")
        self.assertEqual(done["deviceJobStatistics"]["succeededCount"], 1)
        self.assertEqual(self.hub("device-twin", "show", "-d", "worked-on")["tags"], {"done": 1})
        self.hub("job", "create", "--job-id", "later", "--job-type", "scheduleDeviceMethod", "-q", "*", "--method-name", "m",
                 "--start-time", "2999-01-01T00:00:00Z")
        self.assertEqual([each["jobId"] for each in self.hub("job", "list", "--job-status", "scheduled")], ["later"])
        self.assertEqual(self.hub("job", "cancel", "--job-id", "later")["status"], "cancelled")
        self.assertIn("later", self.house.cli("hub", "job", "show", "--job-id", "later"))
        self.assert_refused(6, "job", "create", "--job-id", "tag", "--job-type", "scheduleUpdateTwin", "-q", "*",
                            "--twin-patch", '{"tags":{"done":2}}')

    def test_hubs_are_made_changed_and_removed(self):
        made = self.hub("create", "plant-2", "--partition-count", "2")
        self.assertEqual(made["host_name"], "plant-2.localhost")
        self.assertEqual(made["tenant"], "home")
        self.assertIn("PV-API-017", self.assert_refused(1, "create", "tenant-home"))
        self.hub("device-identity", "create", "-n", "plant-2", "-d", "only-here")
        self.assert_refused(3, "device-identity", "show", "-n", self.house.facts["hub"], "-d", "only-here")
        self.assertEqual(self.hub("update", "plant-2", "--disable-device-sas", "true")["settings"]["disable_device_sas"],
                         True)
        self.assertEqual(self.hub("show", "plant-2")["devices"], 1)
        self.assertEqual(len([hub for hub in self.hub("list")["hubs"] if not hub["of_tenant"]]), 2)
        token = self.hub("generate-sas-token", "-n", "plant-2", "--policy", "service", "--duration", "60")
        self.assertTrue(token["token"].startswith("SharedAccessSignature sr=plant-2.localhost"))
        self.hub("delete", "plant-2")
        self.assert_refused(3, "show", "plant-2")
        actions = [entry["action"] for entry in json.loads(self.house.cli("audit", "-o", "json"))["entries"]]
        for action in ("hub.create", "hub.update", "hub.delete", "hub.token"):
            self.assertIn(action, actions)

    def test_a_ca_counts_after_the_proof(self):
        folder = pathlib.Path(self.folder)

        def openssl(*words):
            subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

        def leaf(name, common_name):
            openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    f"/CN={common_name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr")
            openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
                    "-CAcreateserial", "-days", "2", "-out", folder / f"{name}.pem")

        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=Plant CA", "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
        self.hub("device-identity", "create", "-d", "by-ca", "--auth-method", "x509_ca")
        self.hub("certificate", "create", "--name", "root", "--path", folder / "ca.pem")
        leaf("by-ca", "by-ca")
        publish = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.house.facts["ports"]["mqtt"]), "--cafile",
                   self.house.facts["ca_file"], "--cert", folder / "by-ca.pem", "--key", folder / "by-ca.key", "-i", "by-ca",
                   "-u", "127.0.0.1/by-ca/?api-version=2021-04-12", "-q", "1", "-t", "devices/by-ca/messages/events/", "-m",
                   "{}"]
        self.assertNotEqual(subprocess.run(publish, check=False, capture_output=True).returncode, 0, "not verified yet")
        code = self.hub("certificate", "generate-verification-code", "--name", "root")["verification_code"]
        self.assertIn("PV-CAP-006",
                      self.assert_refused(6, "certificate", "verify", "--name", "root", "--path", folder / "by-ca.pem"))
        leaf("proof", code)
        self.assertTrue(self.hub("certificate", "verify", "--name", "root", "--path", folder / "proof.pem")["verified"])
        subprocess.run(publish, check=True, capture_output=True)
        self.hub("certificate", "delete", "--name", "root")
        self.assertEqual(self.hub("certificate", "list")["certificates"], [])


class StartAndStopTest(unittest.TestCase):
    def folder(self):
        """Asked for before the hub in it is started: what comes later is cleaned up first."""
        return self.enterContext(tempfile.TemporaryDirectory(prefix="pavise-hub-alone-"))

    def start(self, folder, *words):
        house = RunningHub(folder, *words)
        self.addCleanup(house.stop)
        return house.wait_until_ready()

    def test_a_server_does_not_outlive_its_folder(self):
        folder = self.folder()
        house = self.start(folder)
        server = house.server_pid()
        shutil.rmtree(pathlib.Path(folder) / "state")
        house.stop()
        self.assertFalse(alive(server))

    def test_ctrl_c_stops_everything_and_the_state_comes_back(self):
        folder = self.folder()
        house = self.start(folder)
        first = house.facts
        server = house.server_pid()
        code, out = house.stop()
        self.assertEqual(code, 0, out)
        for part in ("NODE_EXTRA_CA_CERTS=", first["connection_strings"]["device"], "Stopping"):
            self.assertIn(part, out)
        self.assertFalse(alive(server))
        again = self.start(folder, "--once", "--host", "iot.example.com")
        out = again.process.communicate(timeout=30)[0]
        self.assertEqual(again.process.returncode, 0, out)
        self.assertIn("Every step held.", out)
        self.assertIn("reused", out)
        strings = again.facts["connection_strings"]
        self.assertEqual(fields(strings["device"])["HostName"], "iot.example.com")
        self.assertEqual(fields(strings["device"])["SharedAccessKey"],
                         fields(first["connection_strings"]["device"])["SharedAccessKey"])

    def test_a_method_of_a_job_is_not_called_twice_after_kill_9(self):
        folder = self.folder()
        house = self.start(folder)
        string = house.facts["connection_strings"]["device"]
        device = house.client(DEVICE, string)
        device.subscribe("$iothub/methods/POST/#")
        house.hub("job", "create", "--job-id", "once", "--job-type", "scheduleDeviceMethod", "-q",
                  f"deviceId = '{DEVICE}'", "--method-name", "open-the-gate")
        self.assertIn("open-the-gate", device.next_message()[0])
        # It is under way, and the device never says what it did.
        house.kill_server()
        device.close()
        again = self.start(folder)
        device = again.client(DEVICE, again.facts["connection_strings"]["device"])
        self.addCleanup(device.close)
        device.subscribe("$iothub/methods/POST/#")
        job = again.hub("job", "create", "--job-id", "after", "--job-type", "scheduleUpdateTwin", "-q", "*",
                        "--twin-patch", '{"tags":{"x":1}}', "--wait", "30")
        self.assertEqual(job["status"], "completed")
        self.assertEqual(again.hub("job", "show", "--job-id", "once")["deviceJobStatistics"],
                         {"deviceCount": 1, "failedCount": 1, "succeededCount": 0, "runningCount": 0, "pendingCount": 0})
        part, = again.hub("query", "-q", "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'once'")
        self.assertIn("PV-HJB-002", part["error"]["description"])
        device.tls.settimeout(2)
        with self.assertRaises(TimeoutError, msg="the method came a second time"):
            device.next_message()

    def test_a_port_in_use_is_named(self):
        port = self.start(self.folder()).facts["ports"]["mqtt"]
        second = RunningHub(self.folder(), "--mqtt-port", str(port), "--once")
        self.addCleanup(second.stop)
        out = second.process.communicate(timeout=60)[0]
        self.assertEqual(second.process.returncode, 1, out)
        self.assertIn(f"port {port} of 127.0.0.1", out)
        self.assertIn("--mqtt-port 0", out)


if __name__ == "__main__":
    unittest.main()
