"""A really full disk under the server: refusals with a code, nothing acknowledged is lost, and it goes on by itself
when there is space again."""
import json
import re
import unittest

from tests.faults.small_disk import SmallDisk, leave_the_mounts_of_others
from tests.host_walk.house import TENANT, House, until

DISK_MIB = 32
TRIES = 4000  # more writes than the space that is left in blocks already taken can hold


def setUpModule():
    leave_the_mounts_of_others()


class DiskFull(unittest.TestCase):
    def setUp(self):
        self.house = House()
        self.addCleanup(self.house.resources.close)
        self.disk = SmallDisk(self.house.folder / "disk", DISK_MIB)
        self.house.resources.callback(self.disk.unmount)
        self.house.state = self.disk.folder / "state"
        self.house.__enter__()
        self.house.start_server()
        self.house.keep_token()
        self.house.make_device()
        self.house.publish_release()

    def sequences(self):
        return [item["body"]["sequence"] for item in self.house.stored()]

    def refused(self, act, code):
        """Repeats `act` (it gets a number) until the service refuses it, which must be with this code. What succeeded
        before: blocks that a file had already taken."""
        for number in range(TRIES):
            answer = act(number)
            if answer.returncode != 0:
                self.assertIn(code, answer.stderr)
                return number
        raise AssertionError("never refused")

    def tokens(self):
        return {item["name"] for item in self.house.cli_json("token", "list")["tokens"]}

    def speak(self):
        self.house.switch_on()
        self.house.agent_says("telemetry 1 acknowledged")

    def test_telemetry_is_kept_by_the_device_until_there_is_space(self):
        house = self.house
        self.speak()
        self.disk.fill()
        until(lambda: "PV-LGS-002" in house.said_by_server(), "the server's word that the disk is full", 60)
        stored = self.sequences()

        # What people see.
        status, doctor = house.try_cli("status"), house.try_cli("doctor")
        self.assertEqual(status.returncode, 0, status)
        self.assertRegex(status.stdout, r"storage +full, 0 of 32 MiB free; telemetry is refused: PV-LGS-002: the disk")
        self.assertEqual(doctor.returncode, 1, doctor)
        self.assertRegex(doctor.stdout, r"storage +failed +full")
        self.assertIn("next, for storage: Free space", doctor.stdout)

        # Nothing was acknowledged that is not on the disk: what the device dropped or skipped would be a gap.
        self.assertEqual(self.sequences(), stored)
        self.disk.make_room()
        until(lambda: max(self.sequences()) > max(stored) + 2, "telemetry goes on without a restart", 90)
        self.assertEqual(sorted(set(self.sequences())), list(range(1, max(self.sequences()) + 1)))
        self.assertEqual(self.sequences()[:len(stored)], stored)
        self.assertIsNone(house.cli_json("status")["storage"]["telemetry_refused"])
        self.assertIn("telemetry.stored_again", house.said_by_server())

        house.kill_server()
        house.start_server()
        self.assertEqual(self.sequences()[:len(stored)], stored)

    def test_management_calls_are_refused_and_done_again(self):
        house = self.house
        house.cli("device", "release", house.device)
        self.assertEqual(house.try_factory().returncode, 0)
        before = self.tokens()
        self.disk.fill()
        count = self.refused(lambda n: house.try_cli("token", "create", f"reader{n}", "--role", "reader"), "PV-REG-002")
        self.assertEqual(self.tokens(), before | {f"reader{n}" for n in range(count)})
        answer = house.try_cli("tenant", "create", "another")
        self.assertRegex(answer.stderr, r"PV-(SGN-005|REG-002): ")
        self.refused(lambda n: house.try_cli("device", "claim", house.folder / "device/voucher.txt", "--tenant", TENANT),
                     "PV-REG-002")
        self.assertEqual(house.cli_json("device", "show", house.device)["state"], "unclaimed")

        self.disk.make_room()
        house.cli("device", "claim", house.folder / "device/voucher.txt", "--tenant", TENANT)
        house.cli("tenant", "create", "another")
        house.cli("token", "create", f"reader{count}", "--role", "reader")
        house.kill_server()
        house.start_server()
        self.assertEqual(self.tokens(), before | {f"reader{n}" for n in range(count + 1)})
        self.speak()

    def test_a_device_is_refused_its_certificate_and_comes_again(self):
        house = self.house
        self.disk.fill()
        self.refused(lambda n: house.try_cli("token", "create", f"reader{n}", "--role", "reader"), "PV-REG-002")
        offset = len(house.said_by_server())
        house.switch_on()
        said = until(lambda: re.search(r"(refused|attestation failed).*PV-[A-Z]{3}-\d{3}.*", house.agent_log()),
                     "a refusal")[0]
        self.assertIn("PV-ATS-009", said)  # the cause is no business of a device: it is the operator's
        until(lambda: "PV-REG-002" in house.said_by_server(offset), "the cause in the server's log")
        self.assertIsNone(house.cli_json("device", "show", house.device)["certificate"])
        self.disk.make_room()
        house.agent_says("telemetry 1 acknowledged", 60)
        self.assertTrue(house.cli_json("device", "evidence", house.device)["accepted"])

    def test_a_start_on_a_full_disk_says_so_and_loses_nothing(self):
        house = self.house
        self.speak()
        house.switch_off()
        stored = self.sequences()
        self.disk.fill()
        house.kill_server()
        offset = len(house.said_by_server())
        house.launch_server()
        if house.server_answers():  # with the blocks that it had
            self.assertEqual(house.cli_json("status")["storage"]["state"], "full")
        else:
            self.assertRegex(house.said_by_server(offset), r"pavise-server: PV-[A-Z]{3}-\d{3}: .*No space left")
        house.kill_server()
        self.disk.make_room()
        house.start_server()
        self.assertEqual(self.sequences(), stored)
        self.assertEqual(json.loads(house.cli("device", "list", "-o", "json"))["devices"][0]["tenant"], TENANT)


if __name__ == "__main__":
    unittest.main()
