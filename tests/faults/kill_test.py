"""The server or its signer is killed at each call by which it changes a file or speaks, at every step of the walk.

Each point begins with a copy of the same state. What was acknowledged must be there after the restart, the
interrupted step can be done again, and nothing is done by half. PAVISE_KILL_STRIDE: of the points that lie this far
apart each is tried (default 1); the rest of the walk is walked after every eighth of those."""
import json
import os
import shutil
import unittest

from tests.faults.steps import STEPS, everything, finish, the_device
from tests.faults.stop_points import StopPoints
from tests.host_walk.house import House, copy_state, until

STRIDE = int(os.environ.get("PAVISE_KILL_STRIDE", "1"))
START_STRIDE = STRIDE if STRIDE > 1 else int(os.environ.get("PAVISE_KILL_START_STRIDE", "4"))
SPEAK_STRIDE = STRIDE if STRIDE > 1 else int(os.environ.get("PAVISE_KILL_SPEAK_STRIDE", "5"))
SPOKEN = 3
FINISH_EVERY = 8
POINTS_MAX = 400  # more calls than this in one step would be a loop


class Kill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = cls.enterClassContext(House())
        cls.points = StopPoints(cls.house.folder)
        cls.house.sign_release()

    def setUp(self):
        self.tried = 0
        self.points.disarm()  # the last point of the test before was beyond its last call
        shutil.rmtree(self.house.state, ignore_errors=True)

    def tearDown(self):
        self.house.switch_off()
        self.house.kill_server()
        print(f"  {self.tried} points", end=" ", flush=True)

    def restart(self):
        """As an operator would: nothing but a second start, which must have nothing to complain about."""
        self.points.disarm()
        self.house.kill_server()
        self.offset = offset = len(self.house.said_by_server())
        self.house.start_server(environment=self.points.environment)
        until(lambda: "server.ready" in self.house.said_by_server(offset), "the server's word that it is ready")
        self.assertNotIn('"level":"error"', self.house.said_by_server(offset))

    def assert_clear(self, answer):
        self.assertIn(answer.returncode, (1, 5, 6), answer)
        self.assertRegex(answer.stderr, r"PV-[A-Z]{3}-\d{3}: ")
        self.assertLess(len(answer.stderr.splitlines()), 10, answer.stderr)

    def audit_count(self, action):
        entries = json.loads(self.house.cli("audit", "--limit", "1000", "-o", "json"))["entries"]
        return sum(entry["action"] == action for entry in entries)

    # -- one step, killed at its n-th call ------------------------------------------------------------
    def kill_in(self, step, golden, ahead):
        """True if the step makes so many calls."""
        house = self.house
        house.switch_off()
        house.kill_server()
        copy_state(golden, house.state)
        house.start_server(environment=self.points.environment)
        before, audited = everything(house), self.audit_count(step.audited)
        stops = self.points.stops
        self.points.arm(ahead)
        answer = step.act(house)
        self.points.disarm()
        if self.points.stops == stops:
            self.assertEqual(answer.returncode, 0, answer)
            return False
        self.tried += 1
        if answer.returncode != 0:
            self.assert_clear(answer)
        self.restart()
        after = everything(house)
        for kind, items in before.items():
            for identity, item in items.items():
                if step.name not in ("claim", "factory", "disable", "enable", "token removed"):
                    self.assertEqual(after[kind].get(identity), item, f"{kind} {identity} was there before")
        if answer.returncode == 0:
            self.assertTrue(step.done(house), "it was acknowledged")
        self.complete(step)
        if step.audited:
            self.assertEqual(self.audit_count(step.audited), audited + 1, "an act and its audit entry go together")
        return True

    def complete(self, step):
        """Does an interrupted step again, by what the service says of it."""
        if not step.done(self.house):
            answer = step.act(self.house)
            self.assertEqual(answer.returncode, 0, answer)
        elif step.name == "factory":  # its outcome is the voucher, which the factory may not have got
            self.assertEqual(step.act(self.house).returncode, 0)
        self.assertTrue(step.done(self.house))

    def test_no_step_of_the_walk_is_lost_or_left_by_half(self):
        house, golden = self.house, self.house.folder / "golden"
        house.start_server(environment=self.points.environment)
        house.keep_token()
        for step in STEPS:
            house.stop_server()
            copy_state(house.state, golden)
            for ahead in range(1, POINTS_MAX, STRIDE):
                with self.subTest(step=step.name, call=ahead):
                    if not self.kill_in(step, golden, ahead):
                        break  # all of its calls were tried; it is done
                    if self.tried % FINISH_EVERY == 0:
                        finish(house)
            self.assertTrue(step.done(house), step.name)

    # -- the device, while it attests and speaks ---------------------------------------------------
    def test_the_device_comes_through_by_itself_and_no_telemetry_is_lost(self):
        house, golden = self.house, self.house.folder / "golden"
        house.start_server(environment=self.points.environment)
        house.keep_token()
        for step in STEPS[:6]:
            self.assertEqual(step.act(house).returncode, 0, step.name)
        house.stop_server()
        copy_state(house.state, golden)
        for ahead in range(1, POINTS_MAX, SPEAK_STRIDE):
            with self.subTest(call=ahead):
                self.kill_while_the_device_speaks(golden, ahead)
            if not self.device_was_interrupted:
                break
        self.assertGreater(self.tried, 20 // SPEAK_STRIDE)

    def kill_while_the_device_speaks(self, golden, ahead):
        house = self.house
        house.switch_off()
        house.kill_server()
        copy_state(golden, house.state)
        shutil.rmtree(house.data, ignore_errors=True)
        house.start_server(environment=self.points.environment)
        stops = self.points.stops
        self.points.arm(ahead)
        house.switch_on()
        until(lambda: self.points.stops != stops or self.written() >= SPOKEN, "a stop or enough telemetry")
        self.device_was_interrupted = self.points.stops != stops
        if not self.device_was_interrupted:
            return
        self.tried += 1
        self.restart()
        device = the_device(house)
        self.assertEqual(device["last_attested"] is None, device["certificate"] is None, "verdict and certificate")
        already = self.written()
        until(lambda: self.written() >= already + 2, "the device's telemetry after the restart", 60)
        self.assertTrue(house.cli_json("device", "evidence", house.device)["accepted"])
        # The agent keeps what was not acknowledged and sends it again, so a gap would be a loss of what was.
        self.assertEqual(sorted(set(self.stored())), list(range(1, max(self.stored()) + 1)))
        self.assertNotIn("dropped", house.stored()[-1]["body"])

    def written(self):
        """Messages in the files, seen without asking the server: that would be further calls of it."""
        return sum(file.read_bytes().count(b'"sequence":')
                   for file in (self.house.state / "data/telemetry").glob("*.seg"))

    def stored(self):
        return [item["body"]["sequence"] for item in self.house.stored()]

    # -- the first start ------------------------------------------------------------------------------
    def test_a_first_start_that_was_killed_is_followed_by_one_that_works(self):
        house = self.house
        for ahead in range(1, POINTS_MAX, START_STRIDE):
            with self.subTest(call=ahead):
                shutil.rmtree(house.state, ignore_errors=True)
                stops = self.points.stops
                self.points.arm(ahead)
                house.launch_server(environment=self.points.environment)
                house.server_answers()
                if house.server.poll() is None and self.points.stops == stops:
                    break
                self.tried += 1
                shown = house.shown_token()
                self.restart()
                self.assert_a_way_in(shown)
            house.kill_server()
        self.assertGreater(self.tried, 100 // START_STRIDE)

    def assert_a_way_in(self, shown):
        """A token that was shown is good; one that was not shown can be had, and the server says how."""
        house = self.house
        if not shown:
            try:
                until(house.shown_token, "a token", 1)
            except AssertionError:
                self.assertIn("--new-admin-token", house.said_by_server(self.offset))
                house.kill_server()
                house.start_server("--new-admin-token", environment=self.points.environment)
        else:
            (house.folder / "first").write_text(f"{shown}\n", encoding="utf-8")
        house.keep_token()
        self.assertEqual(house.try_cli("status").returncode, 0)


if __name__ == "__main__":
    unittest.main()
