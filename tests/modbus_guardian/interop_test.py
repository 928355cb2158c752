"""The Modbus guardian between pymodbus's client, as a control room, and pymodbus's server, as the machine.

PAVISE_MODBUS_GUARDIAN: the program."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from pymodbus.client import ModbusTcpClient
from pymodbus.diag_message import ReturnQueryDataRequest
from pymodbus.file_message import FileRecord, ReadFileRecordRequest
from pymodbus.mei_message import ReadDeviceInformationRequest
from pymodbus.other_message import ReportSlaveIdRequest

from tests.modbus_guardian.machine import Machine

GUARDIAN = os.environ.get("PAVISE_MODBUS_GUARDIAN")
RULES = """version 1
machine 127.0.0.1:{machine}
listen {listen}
answer_within_ms {answer}
client 127.0.0.0/24
read unit 1 holding 100-119
read unit 1 input 0-31
read unit 1 coils 0-15
read unit 1 discrete 0-15
read unit 1 holding 2000
read unit 2 holding 0-9
identify unit 1
"""
DEADLINE_S = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def grant(name, what, writes=1, client="127.0.0.1", start=-3600, end=3600):
    now = time.time()
    return f"grant {name} client {client} unit 1 {what} from {stamp(now + start)} until {stamp(now + end)} writes {writes}\n"


def to_unit_1(request):
    request.unit_id = 1
    return request


class GuardianTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pavise-modbus-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.image, self.data = self.folder / "image", self.folder / "data"
        self.image.mkdir()
        self.data.mkdir()
        self.machine = Machine()
        self.addCleanup(self.machine.stop)
        self.guardian = None
        self.addCleanup(self.end_guardian)

    def start(self, answer_ms=10_000):
        """Until it listens; another took the port in between at worst."""
        for _ in range(20):
            self.port = free_port()
            (self.image / "rules").write_text(RULES.format(machine=self.machine.port, listen=self.port, answer=answer_ms))
            self.guardian = subprocess.Popen([GUARDIAN, self.image, self.data], stdout=subprocess.PIPE, text=True)
            line = self.guardian.stdout.readline()
            while "no write is let through" in line:
                line = self.guardian.stdout.readline()
            if "guards" in line:
                return
            self.end_guardian()
            self.assertIn("Address already in use", line)
        self.fail("no port")

    def end_guardian(self):
        if not self.guardian:
            return None
        self.guardian.terminate()
        out, _ = self.guardian.communicate()
        code, self.guardian = self.guardian.returncode, None
        self.last_code = code
        return out

    def client(self, source="127.0.0.1"):
        out = ModbusTcpClient("127.0.0.1", self.port, timeout=DEADLINE_S, source_address=(source, 0))
        self.assertTrue(out.connect())
        self.addCleanup(out.close)
        return out

    def refused(self, answer, code):
        self.assertTrue(answer.isError(), answer)
        self.assertEqual(answer.exception_code, code, answer)

    def test_reads_what_is_listed(self):
        self.start()
        client = self.client()
        self.assertEqual(client.read_holding_registers(100, 20, slave=1).registers, list(range(100, 120)))
        self.assertEqual(client.read_input_registers(5, 2, slave=1).registers, [5, 6])
        self.assertEqual(client.read_coils(0, 16, slave=1).bits, [True, False] * 8)
        # The fourth is beyond the request: nobody hears of it.
        self.assertEqual(client.read_discrete_inputs(2, 3, slave=1).bits, [True, False, True] + [False] * 5)
        identity = client.execute(to_unit_1(ReadDeviceInformationRequest(1, 0)))
        self.assertEqual(identity.information, {0: b"Pressworks", 1: b"P9", 2: b"1.7"})

    def test_refuses_the_rest_before_the_machine_hears_of_it(self):
        self.start()
        client = self.client()
        self.refused(client.read_holding_registers(99, 2, slave=1), 2)
        self.refused(client.read_holding_registers(100, 21, slave=1), 2)
        self.refused(client.read_holding_registers(100, 1, slave=3), 2)
        self.refused(client.write_register(100, 7, slave=1), 1)
        self.refused(client.write_registers(100, [7, 7], slave=1), 1)
        self.refused(client.write_coil(0, False, slave=1), 1)
        self.refused(client.write_coils(0, [False] * 8, slave=1), 1)
        self.refused(client.mask_write_register(address=100, and_mask=0, or_mask=7, slave=1), 1)
        self.refused(client.readwrite_registers(read_address=100, read_count=1, write_address=100, write_registers=[7], slave=1), 1)
        self.refused(client.execute(to_unit_1(ReturnQueryDataRequest(0))), 1)
        self.refused(client.execute(to_unit_1(ReportSlaveIdRequest())), 1)
        self.refused(client.execute(to_unit_1(ReadFileRecordRequest([FileRecord(file_number=1, record_number=0, record_length=2)]))), 1)
        self.assertEqual(self.machine.requests, [])
        self.assertEqual(self.machine.holding(100), [100])
        self.assertIn("127.0.0.1: refused function 6, no grant: unit 1, writes holding 100-100", (self.data / "record").read_text())

    def test_a_grant_lets_a_write_through_until_it_is_used_up(self):
        (self.image / "grants").write_text(grant("packed", "holding 100-101", writes=2) + grant("over", "coils 0-7", end=-1))
        self.start()
        client = self.client()
        self.assertFalse(client.write_registers(100, [7, 8], slave=1).isError())
        self.assertEqual(self.machine.holding(100, 3), [7, 8, 102])
        self.refused(client.write_registers(100, [7, 8, 9], slave=1), 1)
        self.refused(client.write_coil(0, False, slave=1), 1)
        self.assertIn("by grant packed", self.end_guardian())
        self.start()
        client = self.client()
        self.assertFalse(client.write_register(101, 9, slave=1).isError())
        self.refused(client.write_register(101, 10, slave=1), 1)
        self.assertEqual(self.machine.holding(101), [9])
        self.end_guardian()
        (self.data / "grants").write_text(grant("packed", "holding 101"))  # no second grant of one name
        self.start()
        self.refused(self.client().write_register(101, 11, slave=1), 1)
        self.end_guardian()
        (self.data / "grants").write_text(grant("fresh", "holding 101"))
        (self.data / "uses").write_text("used packed")  # what was used is not known any more
        self.start()
        self.refused(self.client().write_register(101, 11, slave=1), 1)

    def test_a_grant_that_comes_while_it_runs(self):
        self.start()
        client = self.client()
        self.refused(client.write_register(102, 1, slave=1), 1)
        (self.data / "next").write_text(grant("later", "holding 102", writes=1000))
        os.rename(self.data / "next", self.data / "grants")
        until = time.monotonic() + DEADLINE_S
        while client.write_register(102, 2, slave=1).isError():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        self.assertEqual(self.machine.holding(102), [2])
        (self.data / "grants").write_text("grant later client anybody\n")
        while not client.write_register(102, 3, slave=1).isError():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)

    def test_an_address_that_is_no_client(self):
        self.start()
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S, source_address=("127.0.1.1", 0)) as stranger:
            self.assertEqual(stranger.recv(1), b"")
        self.assertIn("127.0.1.1: refused: no client of the rules", self.end_guardian())
        self.assertEqual(self.last_code, 0)

    def test_several_clients_and_requests_in_one_segment(self):
        self.start()
        read = bytes.fromhex("000700000006010300640001")
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as one, \
                socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as other:
            one.sendall(read * 3 + bytes.fromhex("000800000006010600640001"))
            for byte in read:
                other.sendall(bytes([byte]))
            self.assertEqual(other.makefile("rb").read(11).hex(), "00070000000501030200 64".replace(" ", ""))
            self.assertEqual(one.makefile("rb").read(42).hex(), "0007000000050103020064" * 3 + "000800000003018601")
        self.assertEqual(self.machine.requests, [3] * 4)

    def test_what_is_no_modbus_is_closed(self):
        self.start()
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as browser:
            browser.sendall(b"GET / HTTP/1.1\r\n\r\n")
            try:
                self.assertEqual(browser.recv(1), b"")
            except ConnectionResetError:
                pass  # it did not read to the end
        self.assertEqual(self.client().read_input_registers(1, 1, slave=1).registers, [1])

    def test_a_machine_that_goes_and_comes_back(self):
        self.start()
        client = self.client()
        self.assertEqual(client.read_input_registers(1, 1, slave=1).registers, [1])
        self.machine.stop()
        self.machine.start_again()
        until = time.monotonic() + DEADLINE_S
        while (answer := client.read_input_registers(2, 1, slave=1)).isError():
            self.assertEqual(answer.exception_code, 0x0B)
            self.assertLess(time.monotonic(), until)
        self.assertEqual(answer.registers, [2])

    def test_an_exception_of_the_machine_is_passed_on(self):
        self.start()
        self.refused(self.client().read_holding_registers(2000, 1, slave=1), 2)
        self.assertEqual(self.machine.requests, [3])

    def test_a_unit_that_does_not_answer(self):
        self.start(answer_ms=200)
        client = self.client()
        self.refused(client.read_holding_registers(0, 1, slave=2), 0x0B)
        self.assertEqual(client.read_input_registers(1, 1, slave=1).registers, [1])

    def test_rules_that_are_not_understood_end_it(self):
        (self.image / "rules").write_text("version 1\nallow all\n")
        run = subprocess.run([GUARDIAN, self.image, self.data], stdout=subprocess.PIPE, text=True, check=False, timeout=DEADLINE_S)
        self.assertEqual((run.returncode, run.stdout), (1, "ends: rules: line 2: no such statement\n"))
        (self.image / "rules").unlink()
        run = subprocess.run([GUARDIAN, self.image, self.data], stdout=subprocess.PIPE, text=True, check=False, timeout=DEADLINE_S)
        self.assertEqual(run.returncode, 1)


if __name__ == "__main__":
    unittest.main()
