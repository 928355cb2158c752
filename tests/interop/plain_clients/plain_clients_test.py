"""Clients that only know their protocol, Debian's own: paho over MQTT, curl over HTTPS, qpid-proton and uamqp over AMQP."""
import collections
import json
import queue
import shutil
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.parse

import paho.mqtt.client
import proton
import proton.utils
import uamqp

from tests.hub_alone.running_hub import RunningHub, fields, sas_token

TIMEOUT_S = 30
API = "api-version=2021-04-12"
PARTITIONS = 4
AccessToken = collections.namedtuple("AccessToken", "token expires_on")


class PlainClientsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="pavise-plain-clients-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.house = RunningHub(cls.folder)
        cls.addClassCleanup(cls.house.stop)
        cls.house.wait_until_ready()
        cls.owner = cls.house.facts["connection_strings"]["iothubowner"]

    def new_device(self, name):
        """Its connection string."""
        self.house.hub("device-identity", "create", "-d", name)
        return self.house.hub("connection-string", "show", "-d", name)["connectionString"]

    def next_offset(self):
        return json.loads(self.house.cli("status", "-o", "json"))["telemetry_next_offset"]

    def event_of(self, device, since):
        return json.loads(self.house.cli("hub", "monitor-events", "-d", device, "--from", since, "--count", "1",
                                         "--timeout", TIMEOUT_S, "-o", "json"))

    # --- paho ----------------------------------------------------------------------------------------

    def paho(self, device, string, password=None):
        client = paho.mqtt.client.Client(client_id=device, clean_session=False)
        client.tls_set(ca_certs=self.house.facts["ca_file"], tls_version=ssl.PROTOCOL_TLS_CLIENT)
        client.username_pw_set(f"{fields(string)['HostName']}/{device}/?{API}", password or sas_token(string))
        codes, acknowledged, messages = queue.Queue(), queue.Queue(), queue.Queue()
        client.on_connect = lambda _client, _data, _flags, code: codes.put(code)
        client.on_publish = lambda _client, _data, number: acknowledged.put(number)
        client.on_subscribe = lambda _client, _data, number, granted: acknowledged.put((number, granted))
        client.on_message = lambda _client, _data, message: messages.put(message)
        client.connect("127.0.0.1", self.house.facts["ports"]["mqtt"])
        client.loop_start()
        self.addCleanup(client.loop_stop)
        self.addCleanup(client.disconnect)
        return client, codes.get(timeout=TIMEOUT_S), acknowledged, messages

    def test_paho_speaks_mqtt(self):
        string, since = self.new_device("paho"), self.next_offset()
        client, code, acknowledged, messages = self.paho("paho", string)
        self.assertEqual(code, 0)
        number = client.publish("devices/paho/messages/events/%24.ct=application%2Fjson&site=a", '{"t":1}', qos=1).mid
        self.assertEqual(acknowledged.get(timeout=TIMEOUT_S), number)
        self.assertEqual(self.event_of("paho", since)["body"], {"t": 1})

        number = client.subscribe([("devices/paho/messages/devicebound/#", 1), ("$iothub/twin/res/#", 0)])[1]
        self.assertEqual(acknowledged.get(timeout=TIMEOUT_S), (number, (1, 0)))
        self.house.hub("c2d-message", "send", "-d", "paho", "--data", "open the valve", "-p", "urgency=high")
        message = messages.get(timeout=TIMEOUT_S)
        self.assertEqual((message.payload, message.qos), (b"open the valve", 1))
        self.assertIn("urgency=high", message.topic.split("/devicebound/", 1)[1])
        client.publish("$iothub/twin/GET/?$rid=7", "")
        answer = messages.get(timeout=TIMEOUT_S)
        self.assertEqual(answer.topic, "$iothub/twin/res/200/?$rid=7")
        self.assertEqual(json.loads(answer.payload)["desired"], {"$version": 1})

    def test_paho_hears_that_a_wrong_key_is_not_authorised(self):
        string = self.new_device("paho-wrong")
        client, code, _, _ = self.paho("paho-wrong", string, sas_token(self.new_device("paho-other")))
        self.assertEqual(code, paho.mqtt.client.CONNACK_REFUSED_NOT_AUTHORIZED)
        client.disconnect()

    # --- curl ----------------------------------------------------------------------------------------

    def curl(self, token, method, path, *words):
        """Status, headers by lower-case name, body."""
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--include", "--max-time", str(TIMEOUT_S), "--cacert",
             self.house.facts["ca_file"], "--request", method, "--header", f"Authorization: {token}", *words,
             f"https://127.0.0.1:{self.house.facts['ports']['https']}{path}"],
            capture_output=True, check=True, stdin=subprocess.DEVNULL)
        head, body = done.stdout.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        return int(first.split()[1]), {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body

    def test_curl_speaks_https(self):
        string, since = self.new_device("curl"), self.next_offset()
        token = sas_token(string)
        status, _, _ = self.curl(token, "POST", f"/devices/curl/messages/events?{API}", "--header", "iothub-app-site: a",
                                 "--header", "iothub-contenttype: application/json", "--header",
                                 "iothub-contentencoding: utf-8", "--data", '{"t":2}')
        self.assertEqual(status, 204)
        self.assertEqual(self.event_of("curl", since)["body"], {"t": 2})

        self.house.hub("c2d-message", "send", "-d", "curl", "--data", "open the valve", "-p", "urgency=high")
        waiting = f"/devices/curl/messages/devicebound?{API}"
        status, headers, body = self.curl(token, "GET", waiting)
        self.assertEqual((status, body, headers["iothub-app-urgency"]), (200, b"open the valve", "high"))
        lock = urllib.parse.quote(headers["etag"].strip('"'))
        self.assertEqual(self.curl(token, "DELETE", f"/devices/curl/messages/devicebound/{lock}?{API}")[0], 204)
        self.assertEqual(self.curl(token, "GET", waiting)[0], 204)

        status, _, body = self.curl(sas_token(self.owner), "GET", f"/devices/curl?{API}")
        self.assertEqual((status, json.loads(body)["deviceId"]), (200, "curl"))

    def test_curl_hears_that_a_wrong_key_is_not_authorised(self):
        self.new_device("curl-wrong")
        status, headers, body = self.curl(sas_token(self.new_device("curl-other")), "POST",
                                          f"/devices/curl-wrong/messages/events?{API}", "--data", "x")
        self.assertEqual((status, headers["iothub-errorcode"]), (401, "IotHubUnauthorizedAccess"))
        self.assertIn("Message", json.loads(body))

    # --- qpid-proton ---------------------------------------------------------------------------------

    def proton(self, user, token):
        trust = proton.SSLDomain(proton.SSLDomain.MODE_CLIENT)
        trust.set_trusted_ca_db(self.house.facts["ca_file"])
        trust.set_peer_authentication(proton.SSLDomain.VERIFY_PEER)
        connection = proton.utils.BlockingConnection(
            f"amqps://127.0.0.1:{self.house.facts['ports']['amqp']}", timeout=TIMEOUT_S, ssl_domain=trust, allowed_mechs="PLAIN",
            user=user, password=token)
        self.addCleanup(connection.close)
        return connection

    def test_proton_speaks_amqp(self):
        string, since = self.new_device("proton"), self.next_offset()
        device = self.proton("proton@sas.hub", sas_token(string))
        telemetry = proton.Message(body=b'{"t":3}', content_type="application/json", properties={"site": "a"}, inferred=True)
        telemetry.content_encoding = "utf-8"
        sent = device.create_sender("/devices/proton/messages/events").send(telemetry)
        self.assertEqual(sent.remote_state, proton.Delivery.ACCEPTED)
        self.assertEqual(self.event_of("proton", since)["body"], {"t": 3})

        messages = device.create_receiver("/devices/proton/messages/devicebound", credit=1)
        service = self.proton("iothubowner@sas.root.hub", sas_token(self.owner))
        order = proton.Message(address="/devices/proton/messages/devicebound", body=b"open the valve", id="m1", inferred=True,
                               properties={"urgency": "high", "iothub-ack": "full"})
        sent = service.create_sender("/messages/devicebound").send(order)
        self.assertEqual(sent.remote_state, proton.Delivery.ACCEPTED)
        message = messages.receive(timeout=TIMEOUT_S)
        self.assertEqual((bytes(message.body), message.id, message.properties["urgency"]), (b"open the valve", "m1", "high"))
        messages.accept()
        messages.close()  # a blocking client sends only while it waits

        feedback = service.create_receiver("/messages/serviceBound/feedback", credit=1)
        batch = feedback.receive(timeout=TIMEOUT_S)
        feedback.accept()
        record, = json.loads(bytes(batch.body))
        self.assertEqual((record["originalMessageId"], record["deviceId"], record["statusCode"]), ("m1", "proton", "Success"))

    def test_proton_hears_that_a_wrong_key_is_not_authorised(self):
        self.new_device("proton-wrong")
        with self.assertRaises(proton.ConnectionException) as refused:
            self.proton("proton-wrong@sas.hub", sas_token(self.new_device("proton-other")))
        self.assertIn("unauthorized", str(refused.exception))

    # --- uamqp ---------------------------------------------------------------------------------------

    def uamqp(self, client, address, auth, **words):
        made = client(address, auth=auth, **words)
        self.addCleanup(made.close)
        return made

    def token_of_the_owner(self):
        """As azure-iot-hub for Python makes its own."""
        auth = uamqp.authentication.JWTTokenAuth(
            audience="https://127.0.0.1", uri="https://127.0.0.1", port=self.house.facts["ports"]["amqp"],
            get_token=lambda: AccessToken(sas_token(self.owner), int(time.time()) + 3600), verify=self.house.facts["ca_file"],
            token_type=b"servicebus.windows.net:sastoken")
        auth.update_token()
        return auth

    def test_uamqp_sends_to_a_device_and_hears_feedback(self):
        string = self.new_device("uamqp")
        properties = uamqp.message.MessageProperties(message_id="u1", to="/devices/uamqp/messages/devicebound")
        sender = self.uamqp(uamqp.SendClient, "amqps://127.0.0.1/messages/devicebound", self.token_of_the_owner())
        sender.queue_message(uamqp.Message("open the valve", properties=properties,
                                           application_properties={"urgency": "high", "iothub-ack": "full"}))
        self.assertEqual(sender.send_all_messages(close_on_done=False), [uamqp.constants.MessageState.SendComplete])

        client, _, _, messages = self.paho("uamqp", string)
        client.subscribe("devices/uamqp/messages/devicebound/#", 1)
        message = messages.get(timeout=TIMEOUT_S)
        self.assertEqual(message.payload, b"open the valve")
        self.assertIn("urgency=high", message.topic)

        feedback = self.uamqp(uamqp.ReceiveClient, "amqps://127.0.0.1/messages/serviceBound/feedback", self.token_of_the_owner())
        batch, = self.some(feedback)
        record, = json.loads(b"".join(batch.get_data()))
        self.assertEqual((record["originalMessageId"], record["deviceId"], record["statusCode"]), ("u1", "uamqp", "Success"))

    def some(self, client):
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            found = client.receive_message_batch(timeout=500)
            if found:
                return found
        raise AssertionError("nothing came")

    def test_uamqp_reads_events_with_the_key_of_a_policy(self):
        """As a client of Event Hubs that knows SASL PLAIN alone."""
        device = self.new_device("uamqp-events")
        self.curl(sas_token(device), "POST", f"/devices/uamqp-events/messages/events?{API}", "--data", "hello")
        key = fields(self.owner)["SharedAccessKey"]
        clients = []
        for partition in range(PARTITIONS):
            source = uamqp.address.Source(f"amqps://127.0.0.1/hub1/ConsumerGroups/$Default/Partitions/{partition}")
            source.set_filter(b"amqp.annotation.x-opt-offset > '-1'")
            auth = uamqp.authentication.SASLPlain("127.0.0.1", "iothubowner", key, port=self.house.facts["ports"]["amqp"],
                                                  verify=self.house.facts["ca_file"])
            clients.append(self.uamqp(uamqp.ReceiveClient, source, auth))
        deadline = time.monotonic() + TIMEOUT_S
        found = []
        while not found and time.monotonic() < deadline:
            for client in clients:
                found += [event for event in client.receive_message_batch(timeout=200)
                          if event.annotations[b"iothub-connection-device-id"] == b"uamqp-events"]
        self.assertEqual([b"".join(event.get_data()) for event in found], [b"hello"])


if __name__ == "__main__":
    unittest.main()
