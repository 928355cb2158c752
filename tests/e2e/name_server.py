"""A name server of the network, on the loopback: one address for each name that it knows, by UDP."""
import socket
import struct
import threading

NO_SUCH_NAME = 3


def name_of(question):
    """The name asked for, in lower case, and where the question ends."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode().lower())
        at += 1 + question[at]
    return ".".join(labels), at + 5


class NameServer:
    def __init__(self, addresses):
        self.addresses = addresses
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                question, asker = self.socket.recvfrom(512)
            except OSError:
                return  # closed
            name, end = name_of(question)
            self.asked.append(name)
            address = self.addresses.get(name)
            flags = 0x8180 if address else 0x8180 | NO_SUCH_NAME
            answer = question[:2] + struct.pack(">HHHHH", flags, 1, 1 if address else 0, 0, 0) + question[12:end]
            if address:  # the question's name, an address of the Internet, 60 s
                answer += b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
            self.socket.sendto(answer, asker)

    def close(self):
        self.socket.close()
