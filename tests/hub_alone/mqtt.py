"""A small MQTT 3.1.1 client: enough for a device that answers methods on the connection that heard them."""
import socket
import ssl
import struct

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP = 1, 2, 3, 4, 8, 9, 12, 13


def text(value):
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def packet(first, body):
    size, encoded = len(body), b""
    while True:
        size, digit = divmod(size, 128)
        encoded += bytes([digit | (128 if size else 0)])
        if not size:
            return bytes([first]) + encoded + body


class Client:
    """Connects at once; CleanSession 1, no keep-alive. Not thread-safe."""

    def __init__(self, port, ca, client_id, user, password):
        trust = ssl.create_default_context(cafile=ca)
        plain = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.tls = trust.wrap_socket(plain, server_hostname="127.0.0.1")
        flags = 0b11000010  # user name, password, clean session
        self.send(CONNECT << 4, text("MQTT") + bytes([4, flags, 0, 0]) + text(client_id) + text(user) + text(password))
        kind, body = self.receive()
        assert kind >> 4 == CONNACK, kind
        self.refused = body[1]

    def close(self):
        self.tls.close()

    def send(self, first, body):
        self.tls.sendall(packet(first, body))

    def exactly(self, count):
        out = b""
        while len(out) < count:
            part = self.tls.recv(count - len(out))
            if not part:
                raise ConnectionError("the hub closed the connection")
            out += part
        return out

    def receive(self):
        first = self.exactly(1)[0]
        size, shift = 0, 0
        while True:
            digit = self.exactly(1)[0]
            size |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return first, self.exactly(size)

    def subscribe(self, topic_filter):
        self.send(SUBSCRIBE << 4 | 2, struct.pack(">H", 1) + text(topic_filter) + b"\0")
        kind, body = self.receive()
        assert kind >> 4 == SUBACK and body[2] == 0, body

    def publish(self, topic, payload):
        self.send(PUBLISH << 4, text(topic) + payload)

    def next_message(self):
        """Topic and payload of the next QoS 0 message."""
        kind, body = self.receive()
        assert kind >> 4 == PUBLISH and not kind & 6, kind
        size = struct.unpack(">H", body[:2])[0]
        return body[2:2 + size].decode(), body[2 + size:]
