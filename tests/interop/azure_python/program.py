"""What the tests share: the hub of this process, and readers and services by the official clients."""
import os
import queue
import threading
import time
import unittest
import uuid

import azure.eventhub
from azure.iot.hub import IoTHubRegistryManager

from tests.hub_alone.running_hub import fields
from tests.interop.azure_python.surroundings import HUB, NAME, Surroundings

TIMEOUT_S = 60


def unique(name):
    return f"{name}-{uuid.uuid4().hex[:8]}"


class Events:
    """The telemetry of one device, as the Event Hubs client reads it."""

    def __init__(self, test, house, device):
        self.device = device
        self.arrived = queue.Queue()
        self.client = azure.eventhub.EventHubConsumerClient.from_connection_string(house.events, "$Default")
        thread = threading.Thread(target=self.client.receive, kwargs={
            "on_event": self.take, "on_error": self.fail, "starting_position": "-1"}, daemon=True)
        thread.start()
        test.addCleanup(thread.join, TIMEOUT_S)
        test.addCleanup(self.client.close)

    def take(self, _partition, event):
        if event.system_properties.get(b"iothub-connection-device-id", b"").decode() == self.device:
            self.arrived.put(event)

    def fail(self, _partition, error):
        self.arrived.put(error)

    def next(self, source="Telemetry"):
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            event = self.arrived.get(timeout=max(0.1, deadline - time.monotonic()))
            if isinstance(event, Exception):
                raise event
            if event.system_properties[b"iothub-message-source"].decode() == source:
                return event


class Program(unittest.TestCase):
    """A test with the hub, which all tests of this process share."""

    house: Surroundings

    @classmethod
    def setUpClass(cls):
        cls.house = Surroundings.shared()

    def registry(self, **words):
        manager = IoTHubRegistryManager.from_connection_string(self.house.owner, **words)
        if manager.amqp_svc_client:
            self.addCleanup(manager.amqp_svc_client.disconnect_sync)
        return manager

    def new_device(self, name="device"):
        """Its id and its connection string."""
        device = unique(name)
        made = self.registry().create_device_with_sas(device, None, None, "enabled")
        return device, f"HostName={NAME};DeviceId={device};SharedAccessKey={made.authentication.symmetric_key.primary_key}"

    def new_module(self, device, module):
        made = self.registry().create_module_with_sas(device, module, "", None, None)
        return (f"HostName={NAME};DeviceId={device};ModuleId={module};"
                f"SharedAccessKey={made.authentication.symmetric_key.primary_key}")

    def wait_until(self, holds, what):
        deadline = time.monotonic() + TIMEOUT_S
        while not holds():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)
