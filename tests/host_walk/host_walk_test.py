"""Birth, claim, attestation, telemetry, twin, disconnection: the real programs, one after the other."""
import unittest

from tests.host_walk.house import NAME, House, run, until


class HostWalkTest(unittest.TestCase):
    def test_a_device_is_born_claimed_attested_and_speaks(self):
        house = self.enterContext(House())
        house.start_server()
        house.keep_token()
        device = house.make_device()
        house.switch_on()
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

        house.cli("device", "disable", device[:8])
        until(lambda: not house.cli_json("device", "show", device)["connected"], "the disconnection", timeout_s=1.5)
        house.cli("device", "enable", device[:8])
        until(lambda: house.cli_json("device", "show", device)["connected"], "the reconnection")
        self.assertIn("hub listener", house.cli("doctor"))

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


if __name__ == "__main__":
    unittest.main()
