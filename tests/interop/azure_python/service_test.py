"""A service's program with the official Python clients: azure-iot-hub and azure-eventhub."""
import json
import queue
import threading
import time
import unittest

import azure.eventhub
import msrest.exceptions
import uamqp
from azure.core.credentials import AccessToken
from azure.iot.device import IoTHubDeviceClient, MethodResponse
from azure.iot.hub import IoTHubConfigurationManager, IoTHubJobManager, IoTHubRegistryManager
from azure.iot.hub.models import (CloudToDeviceMethod, Configuration, ConfigurationContent, ExportImportDevice, JobRequest,
                                  QuerySpecification, Twin, TwinProperties)

from tests.hub_alone.running_hub import sas_token
from tests.interop.azure_python.program import HUB, NAME, TIMEOUT_S, Events, Program, unique


class ServiceTest(Program):
    def test_registry(self):
        registry, device = self.registry(), unique("registry")
        made = registry.create_device_with_sas(device, None, None, "enabled")
        self.assertEqual((made.device_id, made.status, made.authentication.type), (device, "enabled", "sas"))
        with self.assertRaises(msrest.exceptions.HttpOperationError) as again:
            registry.create_device_with_sas(device, None, None, "enabled")
        self.assertEqual(again.exception.response.status_code, 409)
        changed = registry.update_device_with_sas(device, made.etag, made.authentication.symmetric_key.primary_key,
                                                  made.authentication.symmetric_key.secondary_key, "disabled")
        self.assertEqual(registry.get_device(device).status, "disabled")
        with self.assertRaises(msrest.exceptions.HttpOperationError) as outdated:
            registry.delete_device(device, made.etag)
        self.assertEqual(outdated.exception.response.status_code, 412)
        self.assertIn(device, [each.device_id for each in registry.get_devices(1000)])
        module = registry.create_module_with_sas(device, "m", "somebody", None, None)
        self.assertEqual([each.module_id for each in registry.get_modules(device)], ["m"])
        self.assertEqual(registry.get_module(device, "m").managed_by, "somebody")
        registry.delete_module(device, "m", module.etag)
        registry.delete_device(device, changed.etag)
        with self.assertRaises(msrest.exceptions.HttpOperationError) as gone:
            registry.get_device(device)
        self.assertEqual(gone.exception.response.status_code, 404)

    def test_devices_in_bulk(self):
        registry, device = self.registry(), unique("bulk")
        result = registry.bulk_create_or_update_devices(
            [ExportImportDevice(id=f"{device}-{number}", status="enabled", import_mode="create") for number in range(3)])
        self.assertTrue(result.is_successful)
        self.assertEqual(registry.get_device(f"{device}-2").status, "enabled")

    def test_twins(self):
        device, _ = self.new_device()
        registry = self.registry()
        twin = registry.update_twin(device, Twin(tags={"site": "a"}, properties=TwinProperties(desired={"n": 1})), "*")
        self.assertEqual((twin.tags, twin.properties.desired["n"]), ({"site": "a"}, 1))
        with self.assertRaises(msrest.exceptions.HttpOperationError):
            registry.update_twin(device, Twin(tags={"site": "b"}), "AAAAAAAAAAA=")
        replaced = registry.replace_twin(device, Twin(tags={"plant": "x"}, properties=TwinProperties(desired={"m": 2})), twin.etag)
        self.assertEqual(replaced.tags, {"plant": "x"})
        self.assertNotIn("n", replaced.properties.desired)

    def test_query(self):
        registry, site = self.registry(), unique("site")
        names = sorted(self.new_device()[0] for _ in range(3))
        for name in names:
            registry.update_twin(name, Twin(tags={"site": site}), "*")
        query = QuerySpecification(query=f"SELECT * FROM devices WHERE tags.site = '{site}'")
        first = registry.query_iot_hub(query, None, 2)
        second = registry.query_iot_hub(query, first.continuation_token, 2)
        self.assertEqual(sorted(each.device_id for each in first.items + second.items), names)
        self.assertIsNone(second.continuation_token)
        with self.assertRaises(msrest.exceptions.HttpOperationError):
            registry.query_iot_hub(QuerySpecification(query="SELECT FROM nothing"))

    def test_statistics(self):
        registry = self.registry()
        self.new_device()
        self.assertGreater(registry.get_device_registry_statistics().total_device_count, 0)
        self.assertGreaterEqual(registry.get_service_statistics().connected_device_count, 0)

    def test_a_method_of_a_device_that_is_away(self):
        device, _ = self.new_device()
        with self.assertRaises(msrest.exceptions.HttpOperationError) as away:
            self.registry().invoke_device_method(device, CloudToDeviceMethod(method_name="m", payload={}))
        self.assertEqual(away.exception.response.status_code, 404)
        self.assertIn("DeviceNotOnline", away.exception.response.headers["iothub-errorcode"])

    def test_messages_over_amqp_in_websockets(self):
        device, string = self.new_device()
        registry = self.registry(transport_type=uamqp.TransportType.AmqpOverWebsocket)
        registry.send_c2d_message(device, "through the proxy", {"a": "b"})
        client = IoTHubDeviceClient.create_from_connection_string(string, server_verification_cert=self.house.ca)
        self.addCleanup(client.shutdown)
        client.connect()
        messages = queue.Queue()
        client.on_message_received = messages.put
        message = messages.get(timeout=TIMEOUT_S)
        self.assertEqual((message.data, message.custom_properties["a"]), (b"through the proxy", "b"))

    def test_feedback(self):
        device, string = self.new_device()
        order = unique("order")
        self.registry().send_c2d_message(device, "x", {"messageId": order, "iothub-ack": "full"})
        client = IoTHubDeviceClient.create_from_connection_string(string, server_verification_cert=self.house.ca)
        self.addCleanup(client.shutdown)
        client.connect()
        client.on_message_received = lambda message: None
        records = self.feedback(order)
        self.assertEqual([(each["deviceId"], each["statusCode"]) for each in records], [(device, "Success")])

    def feedback(self, order):
        """As a program with uamqp reads it; the registry manager has no reader."""
        def token():
            return AccessToken(sas_token(self.house.owner), int(time.time()) + 3600)
        auth = uamqp.authentication.JWTTokenAuth(audience=f"https://{NAME}", uri=f"https://{NAME}", get_token=token,
                                                 token_type=b"servicebus.windows.net:sastoken")
        auth.update_token()
        client = uamqp.ReceiveClient(f"amqps://{NAME}/messages/serviceBound/feedback", auth=auth)
        self.addCleanup(client.close)
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            for message in client.receive_message_batch(timeout=1000):
                records = json.loads(b"".join(message.get_data()))
                message.accept()
                ours = [each for each in records if each["originalMessageId"] == order]
                if ours:
                    return ours
            self.assertLess(time.monotonic(), deadline, "no feedback")

    def test_configurations(self):
        manager = IoTHubConfigurationManager.from_connection_string(self.house.owner)
        name = unique("configuration").lower()
        wanted = Configuration(id=name, content=ConfigurationContent(device_content={"properties.desired.x": {"a": 1}}),
                               target_condition="tags.site='nowhere'", priority=3, labels={"by": "test"})
        made = manager.create_configuration(wanted)
        self.assertEqual((made.id, made.priority), (name, 3))
        made.priority = 4
        self.assertEqual(manager.update_configuration(made, made.etag).priority, 4)
        self.assertIn(name, [each.id for each in manager.get_configurations(100)])
        manager.delete_configuration(name)

    def test_scheduled_jobs(self):
        device, _ = self.new_device()
        manager, name = IoTHubJobManager.from_connection_string(self.house.owner), unique("job")
        manager.create_scheduled_job(name, JobRequest(
            job_id=name, type="scheduleUpdateTwin", max_execution_time_in_seconds=60,
            update_twin=Twin(etag="*", properties=TwinProperties(desired={"by": "job"})),
            query_condition=f"deviceId = '{device}'"))
        self.wait_until(lambda: manager.get_scheduled_job(name).status == "completed", "the job ends")
        self.assertEqual(self.registry().get_twin(device).properties.desired["by"], "job")

    def test_a_policy_without_the_right(self):
        key = self.house.hub("connection-string", "show", "--policy", "registryRead")["connectionString"]
        registry = IoTHubRegistryManager.from_connection_string(key)
        with self.assertRaises(msrest.exceptions.HttpOperationError) as refused:
            registry.create_device_with_sas(unique("no"), None, None, "enabled")
        self.assertIn(refused.exception.response.status_code, (401, 403))


class ReadingTest(Program):
    """azure-eventhub with its own AMQP, which is the default since 5.11."""

    def send(self, device, string, *texts):
        client = IoTHubDeviceClient.create_from_connection_string(string, server_verification_cert=self.house.ca)
        client.connect()
        for text in texts:
            client.send_message(text)
        client.shutdown()

    def test_properties_of_the_endpoint(self):
        with azure.eventhub.EventHubConsumerClient.from_connection_string(self.house.events, "$Default") as client:
            self.assertEqual(client.get_eventhub_properties()["eventhub_name"], HUB)
            for partition in client.get_partition_ids():
                self.assertEqual(client.get_partition_properties(partition)["id"], partition)

    def test_a_wrong_key_is_refused(self):
        other = self.house.events.replace("SharedAccessKey=", "SharedAccessKey=AAAA", 1)
        with azure.eventhub.EventHubConsumerClient.from_connection_string(other, "$Default", retry_total=0) as client:
            with self.assertRaises(azure.eventhub.exceptions.EventHubError):
                client.get_eventhub_properties()

    def test_events_from_a_position_with_an_owner(self):
        device, string = self.new_device()
        self.send(device, string, "one", "two", "three")
        events = Events(self, self.house, device)
        arrived = [events.next() for _ in range(3)]
        self.assertEqual([event.body_as_str() for event in arrived], ["one", "two", "three"])
        partition = self.partition_of(device, arrived[0])
        got = queue.Queue()
        client = azure.eventhub.EventHubConsumerClient.from_connection_string(self.house.events, "$Default")
        thread = threading.Thread(target=client.receive, daemon=True, kwargs={
            "on_event": lambda _context, event: got.put(event), "partition_id": partition, "owner_level": 1,
            "starting_position": arrived[0].sequence_number, "starting_position_inclusive": False})
        thread.start()
        self.addCleanup(thread.join, TIMEOUT_S)
        self.addCleanup(client.close)
        ours = []
        while len(ours) < 2:
            event = got.get(timeout=TIMEOUT_S)
            if event.system_properties[b"iothub-connection-device-id"].decode() == device:
                ours.append(event.body_as_str())
        self.assertEqual(ours, ["two", "three"])

    def partition_of(self, device, event):
        with azure.eventhub.EventHubConsumerClient.from_connection_string(self.house.events, "$Default") as client:
            for partition in client.get_partition_ids():
                facts = client.get_partition_properties(partition)
                if facts["beginning_sequence_number"] <= event.sequence_number <= facts["last_enqueued_sequence_number"] \
                        and not facts["is_empty"] and self.holds(client, partition, event):
                    return partition
        raise AssertionError(f"no partition has the event of {device}")

    def holds(self, client, partition, event):
        found = threading.Event()
        got = queue.Queue()
        thread = threading.Thread(target=client.receive, daemon=True, kwargs={
            "on_event": lambda _context, each: got.put(each), "partition_id": partition, "max_wait_time": 2,
            "starting_position": event.sequence_number, "starting_position_inclusive": True})
        thread.start()
        first = got.get(timeout=TIMEOUT_S)
        if first is not None and first.sequence_number == event.sequence_number:
            found.set()
        client.close()
        thread.join(TIMEOUT_S)
        return found.is_set()


if __name__ == "__main__":
    unittest.main()
