"""Birth, claim, attestation, telemetry, twin, disconnection: the real programs, one after the other."""
import json
import unittest

from tests.host_walk.apps_peer import LIST, LOGS, STOP, AppsPeer
from tests.host_walk.house import NAME, House, measure_apps, run, until


class HostWalkTest(unittest.TestCase):
    def test_a_device_is_born_claimed_attested_and_speaks(self):
        house = self.enterContext(House())
        house.start_server("--hub-https-port", "0")
        house.keep_token()
        device = house.make_device()
        launcher = AppsPeer()
        self.addCleanup(launcher.close)
        house.switch_on(launcher=launcher.agent_end)
        house.agent_says("refused PV-ATT-018")  # nothing is released yet
        house.publish_release()
        house.agent_says("attested, certificate until 2")
        house.agent_says(f"connected to hub {NAME}")
        house.agent_says("telemetry 1 acknowledged")
        self.assertTrue(house.cli_json("device", "evidence", device[:8])["accepted"])
        page = house.cli_json("telemetry", "watch", device[:8], "--from", "0", "--count", "1", "--timeout", "10")
        self.assertLess(page["items"][0]["body"]["agent_pss_kib"], 8 * 1024)

        house.cli("twin", "update", device[:8], "--set", "telemetry_interval_s=2")
        until(lambda: house.cli_json("twin", "show", device)["reported"].get("telemetry_interval_s", {}).get("ac") == 200,
              "the device's answer to the desired property")
        self.see_and_move_apps(house, device, launcher)

        house.cli("device", "disable", device[:8])
        until(lambda: not house.cli_json("device", "show", device)["connected"], "the disconnection", timeout_s=1.5)
        house.cli("device", "enable", device[:8])
        until(lambda: house.cli_json("device", "show", device)["connected"], "the reconnection")
        self.assertIn("hub listener", house.cli("doctor"))

    def see_and_move_apps(self, house, device, launcher):
        self.assertEqual(house.cli_json("app", "list", device[:8])["apps"][0]["component_id"],
                         "00010203-0405-0607-0809-0a0b0c0d0e0f")
        self.assertIn("blink  running  4.0 MiB  8.0 MiB  50 %", house.cli("app", "stats", device[:8]))
        self.assertEqual(house.cli("app", "logs", device[:8], "blink", "--since", "2"), "     3 [     3.000] line 3\n")
        self.assertEqual(house.cli("app", "stop", device[:8], "blink"), "blink: ending\n")
        # The agent has told it the time, with the service's word.
        self.assertTrue(launcher.times[-1][2])
        # The first one is the agent's, before its first evidence.
        self.assertEqual(launcher.asked, [(LIST,), (LIST,), (LIST,), (LOGS, "blink", 2), (STOP, "blink")])
        self.assert_refused(house, 3, "PV-AIP-003", "app", "restart", device, "other")
        self.assert_refused(house, 3, "PV-CLI-017", "app", "restart", device, "../init")

        # A launcher that hangs costs its answers, and not the device's connection.
        launcher.silent = True
        for _ in range(2):
            self.assert_refused(house, 1, "PV-AGT-023", "app", "list", device)
        launcher.close()
        self.assert_refused(house, 1, "PV-AGT-024", "app", "list", device)
        house.agent_says("PV-AGT-024: the launcher of apps has ended")
        self.assertEqual(house.agent_log().count("connected to hub"), 1)

    def assert_refused(self, house, exit_code, code, *words):
        done = house.try_cli(*words, "-o", "json")
        self.assertEqual(done.returncode, exit_code, done.stderr)
        self.assertEqual(json.loads(done.stderr)["error"]["code"], code)

    def test_a_tpm_with_an_endorsement_key_on_a_curve_only_does_the_same(self):
        # swtpm_setup certifies RSA-2048 and P-384; without the first the second is the device's identity.
        house = self.enterContext(House())
        run("tpm2_nvundefine", "-C", "p", "0x01c00002", "-T", house.tpm.address)
        house.start_server()
        house.keep_token()
        device = house.make_device()
        house.publish_release()
        house.switch_on()
        house.agent_says("attested, certificate until 2")
        house.agent_says("telemetry 1 acknowledged")
        self.assertTrue(house.cli_json("device", "evidence", device[:8])["accepted"])

    def test_evidence_says_which_apps_the_device_may_run(self):
        house = self.enterContext(House())
        house.start_server()
        house.keep_token()
        device = house.make_device()
        house.publish_release()

        def attested_apps(texts):
            house.switch_off()
            house.switch_on(apps=texts)
            house.agent_says("attested, certificate until 2")
            shown = house.cli_json("device", "show", device[:8])["apps"]
            self.assertEqual(shown, house.cli_json("device", "evidence", device[:8])["apps"])
            return [f"pavise:app {app['component_id']} {app['version']} {app['policy_digest']} {app['content_digest']}"
                    for app in shown]

        first, second = (f"pavise:app 0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10 1.0.{number} {'5f' * 32} {'0e' * 32}"
                         for number in (1, 2))
        self.assertEqual(attested_apps([]), [])
        self.assertEqual(attested_apps([first]), [first])
        # The same boot: each monitor is told all of it, and extends what is new.
        self.assertEqual(attested_apps([first, second]), [first, second])
        self.assertIn("0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10  1.0.2    5f5f5f5f5f5f", house.cli("device", "show", device[:8]))

        # The device is on: the agent notices, and attests again.
        third = first.replace("1.0.1", "1.0.3")
        measure_apps(house.measurer, [first, second, third])
        until(lambda: len(house.cli_json("device", "show", device[:8])["apps"] or []) == 3, "evidence with the third app")

        # An app that started without a word.
        house.switch_off()
        run("tpm2_pcrextend", "-T", house.tpm.address, f"13:sha256={'77' * 32}")
        with self.assertRaisesRegex(AssertionError, "PV-MON-014"):
            house.switch_on(apps=[first, second, third])
        house.switch_off()
        house.switch_on()
        house.agent_says("refused PV-ATT-011")
        self.assertIn("PCR 13", house.cli_json("device", "evidence", device[:8])["reason"])
        self.assertIsNone(house.cli_json("device", "show", device[:8])["apps"])


if __name__ == "__main__":
    unittest.main()
