"""A launcher of apps in a few lines, on the other end of the agent's socket (api/apps.cddl)."""
import contextlib
import socket
import threading

LIST, START, STOP, RESTART, LOGS = range(1, 6)
TIME = 12
STATES = {START: 2, STOP: 4, RESTART: 5}  # right after: starting, ending, killing


def head(major, number):
    for extra, size in ((24, 1), (25, 2), (26, 4)):
        if number < 24:
            return bytes([major << 5 | number])
        if number < 1 << 8 * size:
            return bytes([major << 5 | extra]) + number.to_bytes(size, "big")
    raise ValueError(number)


def encoded(value):
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encoded, value))
    return head(5, len(value)) + b"".join(encoded(part) for pair in value.items() for part in pair)


def decoded(data, at=0):
    """What begins at `at` (maps, numbers, texts, true and false only), and where it ends."""
    major, number = data[at] >> 5, data[at] & 31
    at += 1
    if number >= 24:
        size = 1 << number - 24
        number = int.from_bytes(data[at:at + size], "big")
        at += size
    if major == 0:
        return number, at
    if major == 3:
        return data[at:at + number].decode(), at + number
    if major == 7 and number in (20, 21):
        return number == 21, at
    assert major == 5, major
    out = {}
    for _ in range(number):
        key, at = decoded(data, at)
        out[key], at = decoded(data, at)
    return out, at


class AppsPeer:
    """One app, blink, which has written three lines of which the first is gone. `agent_end` is for the agent."""

    def __init__(self):
        self.end, self.agent_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.state, self.asked, self.times, self.silent = 3, [], [], False
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while packet := self.end.recv(65536):
                if not self.silent:
                    self.end.send(encoded(self.answer(decoded(packet)[0])))

    def answer(self, request):
        operation, arguments = request[1], request.get(2, {})
        if operation == TIME:  # said each minute, asked by nobody
            self.times.append(arguments)
            return {1: True, 2: {1: arguments[1]}}
        self.asked.append((operation, *arguments.values()))
        if operation != LIST and arguments[1] != "blink":
            return {1: False, 2: "PV-AIP-003", 3: "the device has no app of this name", 4: "See the names."}
        if operation == LIST:
            return {1: True, 2: [{1: "blink", 2: bytes(range(16)), 3: "1.2.3", 4: self.state, 5: 2, 6: 4 << 20,
                                  7: 8 << 20, 8: 0, 9: "started", 10: bytes(32), 11: 0, 12: bytes(32)}]}
        if operation == LOGS:
            lines = [[number, 1000 * number, f"line {number}"] for number in (2, 3) if number > arguments[2]]
            return {1: True, 2: {1: 2, 2: 3, 3: lines}}
        self.state = STATES[operation]
        return {1: True, 2: {1: self.state}}

    def close(self):
        with contextlib.suppress(OSError):
            self.end.shutdown(socket.SHUT_RDWR)
        self.end.close()
