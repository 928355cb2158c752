"""A device's program with the official Python client, over MQTT and over MQTT in WebSockets."""
import asyncio
import datetime
import json
import queue
import subprocess
import time

import azure.storage.blob
from azure.iot.device import IoTHubDeviceClient, IoTHubModuleClient, Message, MethodResponse, X509
from azure.iot.device import aio, exceptions
from azure.iot.hub.models import CloudToDeviceMethod, Twin, TwinProperties

from tests.hub_alone.running_hub import sas_token
from tests.interop.azure_python.program import NAME, TIMEOUT_S, Events, Program, unique

TRANSPORTS = {"MQTT": False, "MQTT in WebSockets": True}


def self_signed(folder, name):
    """A certificate of its own; returns its X509 and its thumbprint."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    told = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"], check=True,
                          capture_output=True, text=True).stdout
    return X509(str(certificate), str(key)), told.strip().split("=", 1)[1].replace(":", "")


class DeviceTest(Program):
    def over_each(self, body):
        for name, websockets in TRANSPORTS.items():
            with self.subTest(name):
                body(websockets)

    def connected(self, string, maker=IoTHubDeviceClient, **words):
        client = maker.create_from_connection_string(string, server_verification_cert=self.house.ca, **words)
        self.addCleanup(client.shutdown)
        client.connect()
        return client

    def test_telemetry_with_all_properties(self):
        def body(websockets):
            device, string = self.new_device()
            client = self.connected(string, websockets=websockets)
            message = Message('{"temperature":21.5}', message_id="m 1/ä", content_encoding="utf-8",
                              content_type="application/json")
            message.correlation_id = "c&1"
            message.user_id = "somebody"
            message.custom_properties.update({"a b": "c=d&e", "empty": "", "größe": "100 %"})
            client.send_message(message)
            client.send_message("second")
            events = Events(self, self.house, device)
            event = events.next()
            self.assertEqual(event.body_as_json(), {"temperature": 21.5})
            self.assertEqual((event.message_id, event.correlation_id, event.content_type),
                             ("m 1/ä", "c&1", "application/json"))
            self.assertEqual({name.decode(): value.decode() for name, value in event.properties.items()},
                             {"a b": "c=d&e", "empty": "", "größe": "100 %"})
            self.assertEqual(event.system_properties[b"user-id"], b"somebody")
            self.assertEqual(json.loads(event.system_properties[b"iothub-connection-auth-method"])["scope"], "device")
            self.assertEqual(events.next().body_as_str(), "second")
        self.over_each(body)

    def test_a_message_of_256_kib_and_one_that_is_larger(self):
        device, string = self.new_device()
        client = self.connected(string)
        client.send_message("x" * (255 * 1024))
        with self.assertRaises(ValueError):
            client.send_message("x" * (256 * 1024 + 1))
        self.assertEqual(len(Events(self, self.house, device).next().body_as_str()), 255 * 1024)

    def test_twin(self):
        def body(websockets):
            device, string = self.new_device()
            client = self.connected(string, websockets=websockets)
            changes = queue.Queue()
            client.on_twin_desired_properties_patch_received = changes.put
            twin = client.get_twin()
            self.assertEqual((twin["desired"], twin["reported"]), ({"$version": 1}, {"$version": 1}))
            client.patch_twin_reported_properties({"firmware": {"version": "1.2", "größe": 7}, "gone": None})
            registry = self.registry()
            self.assertEqual(registry.get_twin(device).properties.reported["firmware"], {"version": "1.2", "größe": 7})
            registry.update_twin(device, Twin(properties=TwinProperties(desired={"interval": 5, "a": {"b": [1, "x", True]}})), "*")
            self.assertEqual(changes.get(timeout=TIMEOUT_S), {"interval": 5, "a": {"b": [1, "x", True]}, "$version": 2})
            registry.update_twin(device, Twin(properties=TwinProperties(desired={"a": None})), "*")
            self.assertEqual(changes.get(timeout=TIMEOUT_S), {"a": None, "$version": 3})
            self.assertEqual(client.get_twin()["desired"], {"interval": 5, "$version": 3})
        self.over_each(body)

    def test_a_reported_patch_that_is_too_large_is_refused(self):
        _, string = self.new_device()
        client = self.connected(string)
        with self.assertRaises(exceptions.ClientError):
            client.patch_twin_reported_properties({f"k{i}": "x" * 4000 for i in range(10)})
        client.patch_twin_reported_properties({"k": "x" * 4000})

    def test_direct_methods(self):
        def body(websockets):
            device, string = self.new_device()
            client = self.connected(string, websockets=websockets)
            heard = queue.Queue()

            def answer(request):
                heard.put((request.name, request.payload))
                client.send_method_response(MethodResponse.create_from_method_request(request, 207, {"heard": request.payload}))
            client.on_method_request_received = answer
            registry = self.registry()
            for payload in ({"seconds": 5}, "text", "", [1, 2], 7):
                got = registry.invoke_device_method(device, CloudToDeviceMethod(
                    method_name="re boot", payload=payload, response_timeout_in_seconds=30))
                self.assertEqual((got.status, got.payload), (207, {"heard": payload}))
                self.assertEqual(heard.get(timeout=TIMEOUT_S), ("re boot", payload))
        self.over_each(body)

    def test_messages_to_the_device(self):
        def body(websockets):
            device, string = self.new_device()
            registry = self.registry()
            registry.send_c2d_message(device, "while away", {"messageId": "first", "contentType": "text/plain"})
            client = self.connected(string, websockets=websockets)
            messages = queue.Queue()
            client.on_message_received = messages.put
            message = messages.get(timeout=TIMEOUT_S)
            self.assertEqual((message.data, message.message_id, message.content_type), (b"while away", "first", "text/plain"))
            registry.send_c2d_message(device, "öpen", {"urgency": "high & low", "correlationId": "c/1", "contentEncoding": "utf-8"})
            message = messages.get(timeout=TIMEOUT_S)
            self.assertEqual((message.data.decode(), message.correlation_id, message.content_encoding),
                             ("öpen", "c/1", "utf-8"))
            self.assertEqual(message.custom_properties["urgency"], "high & low")
            self.wait_until(lambda: registry.get_device(device).cloud_to_device_message_count == 0, "both are completed")
        self.over_each(body)

    def test_file_upload(self):
        device, string = self.new_device()
        client = self.connected(string)
        for name, size in (("log 1.txt", 100), ("folder/größe.bin", 9 * 1024 * 1024)):
            info = client.get_storage_info_for_blob(name)
            self.assertEqual(info["blobName"], f"{device}/{name}")
            url = f"https://{info['hostName']}/{info['containerName']}/{info['blobName']}{info['sasToken']}"
            blob = azure.storage.blob.BlobClient.from_blob_url(url, max_single_put_size=1 << 20, max_block_size=1 << 20)
            text = b"x" * size
            blob.upload_blob(text, overwrite=True)
            client.notify_blob_upload_status(info["correlationId"], True, 200, "OK: " + name)
        info = client.get_storage_info_for_blob("never.txt")
        client.notify_blob_upload_status(info["correlationId"], False, 500, "no disk")

    def test_a_module(self):
        def body(websockets):
            device, _ = self.new_device()
            client = self.connected(self.new_module(device, "meter"), IoTHubModuleClient, websockets=websockets)
            message = Message("reading")
            client.send_message_to_output(message, "upstream out")
            event = Events(self, self.house, device).next()
            self.assertEqual(event.system_properties[b"iothub-connection-module-id"], b"meter")
            self.assertEqual(event.body_as_str(), "reading")

            changes, registry = queue.Queue(), self.registry()
            client.on_twin_desired_properties_patch_received = changes.put
            client.patch_twin_reported_properties({"a": 1})
            self.assertEqual(registry.get_module_twin(device, "meter").properties.reported["a"], 1)
            registry.update_module_twin(device, "meter", Twin(properties=TwinProperties(desired={"b": 2})), "*")
            self.assertEqual(changes.get(timeout=TIMEOUT_S)["b"], 2)
            client.on_method_request_received = lambda request: client.send_method_response(
                MethodResponse.create_from_method_request(request, 200, {"ok": True}))
            got = registry.invoke_device_module_method(device, "meter", CloudToDeviceMethod(method_name="read", payload={}))
            self.assertEqual((got.status, got.payload), (200, {"ok": True}))
        self.over_each(body)

    def by_certificate(self, device, x509, websockets):
        client = IoTHubDeviceClient.create_from_x509_certificate(
            x509, NAME, device, server_verification_cert=self.house.ca, websockets=websockets)
        self.addCleanup(client.shutdown)
        client.connect()
        client.send_message("by certificate")
        event = Events(self, self.house, device).next()
        self.assertEqual(json.loads(event.system_properties[b"iothub-connection-auth-method"])["type"], "x509")
        return client

    def test_a_certificate_by_thumbprint(self):
        def body(websockets):
            device = unique("thumb")
            x509, thumbprint = self_signed(self.house.folder, device)
            self.registry().create_device_with_x509(device, thumbprint, "0" * 64, "enabled")
            client = self.by_certificate(device, x509, websockets)
            info = client.get_storage_info_for_blob("x.txt")
            client.notify_blob_upload_status(info["correlationId"], False, 500, "none")
        self.over_each(body)

    def trust(self, name, ca):
        """Registers a CA with the proof that its key is there."""
        self.house.cli("hub", "certificate", "create", "--name", name, "--path", ca.certificate_file)
        made = self.house.hub("certificate", "generate-verification-code", "--name", name)
        key, request, proof = (self.house.folder / f"{name}.proof.{end}" for end in ("key", "csr", "pem"))
        subprocess.run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={made['verification_code']}",
                        "-keyout", key, "-out", request], check=True, capture_output=True)
        subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", ca.certificate_file, "-CAkey", ca.key_file,
                        "-CAcreateserial", "-days", "2", "-out", proof], check=True, capture_output=True)
        self.house.cli("hub", "certificate", "verify", "--name", name, "--path", proof)

    def test_a_certificate_of_a_registered_ca(self):
        ca_x509, _ = self_signed(self.house.folder, unique("ca"))
        ca = unique("plant")
        self.trust(ca, ca_x509)

        def body(websockets):
            device = unique("signed")
            key, request, certificate = (self.house.folder / f"{device}.{end}" for end in ("key", "csr", "pem"))
            subprocess.run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={device}", "-keyout", key,
                            "-out", request], check=True, capture_output=True)
            subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", ca_x509.certificate_file, "-CAkey",
                            ca_x509.key_file, "-CAcreateserial", "-days", "2", "-out", certificate], check=True,
                           capture_output=True)
            self.registry().create_device_with_certificate_authority(device, "enabled")
            self.by_certificate(device, X509(str(certificate), str(key)), websockets)
        self.over_each(body)

    def test_the_client_comes_back_after_the_hub_was_killed(self):
        def body(websockets):
            device, string = self.new_device()
            client = self.connected(string, websockets=websockets, keep_alive=5)
            changes, messages = queue.Queue(), queue.Queue()
            client.on_twin_desired_properties_patch_received = changes.put
            client.on_message_received = messages.put
            client.send_message("before")
            self.house.restart()
            self.wait_until(lambda: client.connected, "it comes back by itself")
            client.send_message("after")
            events = Events(self, self.house, device)
            self.assertEqual([events.next().body_as_str() for _ in range(2)], ["before", "after"])
            registry = self.registry()
            registry.update_twin(device, Twin(properties=TwinProperties(desired={"again": 1})), "*")
            self.assertEqual(changes.get(timeout=TIMEOUT_S)["again"], 1)
            registry.send_c2d_message(device, "still there")
            self.assertEqual(messages.get(timeout=TIMEOUT_S).data, b"still there")
        self.over_each(body)

    def test_a_token_is_renewed(self):
        """The client renews 120 seconds before the end; with a life of 125 after 5 seconds."""
        def body(websockets):
            device, string = self.new_device()
            client = self.connected(string, websockets=websockets, sastoken_ttl=125)
            states, changes = queue.Queue(), queue.Queue()
            client.on_twin_desired_properties_patch_received = changes.put
            client.on_connection_state_change = lambda: states.put(client.connected)
            self.assertEqual([states.get(timeout=TIMEOUT_S) for _ in range(2)], [False, True])
            client.send_message("renewed")
            self.assertEqual(Events(self, self.house, device).next().body_as_str(), "renewed")
            self.registry().update_twin(device, Twin(properties=TwinProperties(desired={"a": 1})), "*")
            self.assertEqual(changes.get(timeout=TIMEOUT_S)["a"], 1)
        self.over_each(body)

    def test_a_token_of_the_application(self):
        _, string = self.new_device()
        client = IoTHubDeviceClient.create_from_sastoken(sas_token(string, 300), server_verification_cert=self.house.ca)
        self.addCleanup(client.shutdown)
        client.connect()
        client.send_message("one")
        client.update_sastoken(sas_token(string, 600))
        client.send_message("two")

    def test_who_is_not_authorised(self):
        def body(websockets):
            _, string = self.new_device()
            _, other = self.new_device()
            wrong = string.rsplit("SharedAccessKey=", 1)[0] + "SharedAccessKey=" + other.rsplit("SharedAccessKey=", 1)[1]
            client = IoTHubDeviceClient.create_from_connection_string(
                wrong, server_verification_cert=self.house.ca, websockets=websockets, connection_retry=False)
            self.addCleanup(client.shutdown)
            with self.assertRaises(exceptions.CredentialError):
                client.connect()
        self.over_each(body)

    def test_the_older_of_two_connections_ends(self):
        _, string = self.new_device()
        older = self.connected(string, connection_retry=False)
        newer = self.connected(string, connection_retry=False)
        self.wait_until(lambda: not older.connected, "the older ends")
        newer.send_message("mine")

    def test_the_asynchronous_client(self):
        device, string = self.new_device()
        registry = self.registry()

        async def program(websockets):
            client = aio.IoTHubDeviceClient.create_from_connection_string(
                string, server_verification_cert=self.house.ca, websockets=websockets)
            await client.connect()
            try:
                await asyncio.gather(*(client.send_message(str(number)) for number in range(50)))
                self.assertIn("$version", (await client.get_twin())["desired"])
                changed = asyncio.Queue()
                client.on_twin_desired_properties_patch_received = changed.put
                called = asyncio.get_running_loop().run_in_executor(
                    None, registry.update_twin, device, Twin(properties=TwinProperties(desired={"n": time.time()})), "*")
                await asyncio.wait_for(changed.get(), TIMEOUT_S)
                await called
            finally:
                await client.shutdown()
        for websockets in (False, True):
            asyncio.run(program(websockets))
        events = Events(self, self.house, device)
        self.assertEqual(sorted(int(events.next().body_as_str()) for _ in range(100)), sorted([*range(50)] * 2))

    def test_a_message_that_expires(self):
        device, string = self.new_device()
        client = self.connected(string)
        message = Message("soon")
        message.expiry_time_utc = datetime.datetime.utcnow() + datetime.timedelta(hours=1)
        client.send_message(message)
        self.assertEqual(Events(self, self.house, device).next().body_as_str(), "soon")
