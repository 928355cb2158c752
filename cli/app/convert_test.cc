#include "cli/app/convert.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace pavise::cli::app {
namespace {

std::string file(const std::string& name) {
  std::ostringstream out;
  out << std::ifstream("cli/app/testdata/corpus/convert_fuzz/" + name).rdbuf();
  return out.str();
}

std::string lines(const Converted& converted) {
  std::string out;
  for (const Note& note : converted.notes)
    out += std::string(to_string(note.fate)) + " " + note.member + " " + note.words + "\n";
  return out;
}

TEST(Convert, TakesWhatHasAnEqualAndSaysWhatHasNone) {
  const auto out =
      convert_azure_manifest(file("everything.json"), {.tenant = TenantId::parse("home")});
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(out->manifest, R"({
  "schema_version": 1,
  "name": "fridge-monitor-v2",
  "component_id": "25025d2c-66da-4448-bae1-ac26fcdd3627",
  "version": "1.0.0",
  "entry_point": "/bin/app",
  "arguments": ["--ScopeID", "0ne00000000"],
  "capabilities": {
    "outgoing_tcp": ["global.azure-devices-provisioning.net", "hub.example.net", "192.0.2.7"],
    "listening_tcp": [8080],
    "listening_udp": [5353],
    "app_connections": ["005180bc-402f-4cb3-a662-72937dbcde47"],
    "mutable_storage": {
      "size_kib": 64
    },
    "device_authentication": "home",
    "gpio": ["SAMPLE_LED"],
    "uart": ["SAMPLE_UART"],
    "i2c": ["SAMPLE_I2C"],
    "spi": ["SAMPLE_SPI"],
    "pwm": ["FAN"],
    "adc": ["PROBE"],
    "network_configuration": true,
    "certificate_store": true,
    "system_time": true,
    "system_events": true,
    "update_deferral": true,
    "power_control": ["reboot", "power_profile"]
  },
  "budgets": {
    "memory_kib": 16384,
    "cpu_percent": 50,
    "processes": 16
  }
}
)");
  const std::string notes = lines(*out);
  for (const char* expected :
       {"maps /Name name: fridge-monitor-v2\n", "none /MallocVersion ",
        "better /TargetApplicationRuntimeVersion ", "decide /CmdArgs ",
        "none /Capabilities/AllowedConnections bad_host is left out: no host name in lower case\n",
        "better /Capabilities/AllowedConnections ", "decide /Capabilities/AllowedConnections ",
        "decide /Capabilities/Gpio 5 is left out", "decide /Capabilities/WifiConfig ",
        "none /Capabilities/TimeSyncConfig ", "better /Capabilities/HeapMemStats ",
        "better /Capabilities/MutableStorage ",
        "maps /Capabilities/CertStore certificate_store, which is the app's own: Wi-Fi",
        "none /Capabilities/DhcpService ",
        "none /Capabilities/MysteryPower not known here; left out\n", "decide  budgets are new"})
    EXPECT_NE(notes.find(expected), std::string::npos) << expected << "\n" << notes;
  EXPECT_EQ(notes.find("SntpService"), std::string::npos);  // it was not granted
}

TEST(Convert, GrantsNothingThatWasNotGranted) {
  const auto out = convert_azure_manifest(file("small.json"), {});
  ASSERT_TRUE(out);
  const auto manifest = manifest::Manifest::parse(as_bytes(out->manifest));
  EXPECT_EQ(manifest->name, "helloworld");
  EXPECT_EQ(manifest->capabilities.names(manifest::Hardware::gpio),
            std::vector<std::string>{"LED"});
  EXPECT_TRUE(manifest->capabilities.outgoing_tcp.empty());
  EXPECT_FALSE(manifest->capabilities.mutable_storage_kib);
}

TEST(Convert, AnotherTenantsIdentityIsNeverCarriedOver) {
  const auto out = convert_azure_manifest(file("everything.json"), {});
  ASSERT_TRUE(out);
  EXPECT_EQ(out->manifest.find("device_authentication"), std::string::npos);
  EXPECT_NE(lines(*out).find("decide /Capabilities/DeviceAuthentication left out"),
            std::string::npos);
}

TEST(Convert, RefusesWhatIsNoSuchManifest) {
  const struct {
    const char* text;
    const char* code;
    const char* detail;
  } rows[] = {
      {"", "PV-APP-008", "no JSON, from line 1 on"},
      {"[]", "PV-APP-008", "no JSON object"},
      {"{}", "PV-APP-008", "SchemaVersion is not 1"},
      {R"({"SchemaVersion":2})", "PV-APP-008", "SchemaVersion is not 1"},
      {R"({"SchemaVersion":1,"ApplicationType":"RealTimeCapable"})", "PV-APP-008",
       "an app of a real-time core; it stays on its own chip"},
      {R"({"SchemaVersion":1})", "PV-APP-008", "it has no text ComponentId"},
      {R"({"SchemaVersion":1,"ComponentId":"x","EntryPoint":"/bin/app"})", "PV-MAN-008",
       "/component_id: a UUID in lower case, not all zero"},
      {R"({"SchemaVersion":1,"ComponentId":"1689d8b2-c835-2e27-27ad-e894d6d15fa9"})", "PV-APP-008",
       "it has no text EntryPoint"},
      {R"({"SchemaVersion":1,"ComponentId":"1689d8b2-c835-2e27-27ad-e894d6d15fa9","EntryPoint":"a"})",
       "PV-MAN-008", "/entry_point: an absolute path of letters, digits and ._+-, up to 255"}};
  for (const auto& row : rows) {
    const auto outcome = convert_azure_manifest(row.text, {});
    ASSERT_FALSE(outcome) << row.text;
    EXPECT_EQ(outcome.error().code(), row.code) << row.text;
    EXPECT_EQ(outcome.error().detail(), row.detail);
  }
}

TEST(Convert, NamesFitWhateverTheyWere) {
  const auto name = [](const std::string& given) {
    const auto out = convert_azure_manifest(
        R"({"SchemaVersion":1,"ComponentId":"1689d8b2-c835-2e27-27ad-e894d6d15fa9","EntryPoint":"/a","Name":")" +
            given + "\"}",
        {});
    return out ? manifest::Manifest::parse(as_bytes(out->manifest))->name : out.error().detail();
  };
  EXPECT_EQ(name("7 Dwarfs"), "dwarfs");
  EXPECT_EQ(name("--"), "app");
  EXPECT_EQ(name(std::string(31, 'a') + "  b"), std::string(31, 'a'));
  EXPECT_EQ(name("A__B"), "a-b");
}

std::string with(const std::string& capabilities) {
  return R"({"SchemaVersion":1,"Name":"a","ComponentId":"25025d2c-66da-4448-bae1-ac26fcdd3627",)"
         R"("EntryPoint":"/bin/app","Capabilities":)" +
         capabilities + "}";
}

TEST(Convert, NothingIsLeftOutInSilence) {
  const std::pair<const char*, const char*> rows[] = {
      {R"({"Gpio":{"a":1}})", "none /Capabilities/Gpio left out: no list"},
      {R"({"AllowedTcpServerPorts":80})",
       "none /Capabilities/AllowedTcpServerPorts left out: no list"},
      {R"({"PowerControls":["Hibernate"]})",
       "none /Capabilities/PowerControls \"Hibernate\" is left out: not known here"},
      {R"({"CertStore":"yes"})", "none /Capabilities/CertStore left out: neither true nor false"},
      {R"({"MutableStorage":{"SizeKB":-8}})",
       "decide /Capabilities/MutableStorage left out: it has no SizeKB that is a size"},
      {R"(["Gpio"])", "none /Capabilities left out: no object"}};
  for (const auto& [capabilities, line] : rows) {
    const auto out = convert_azure_manifest(with(capabilities), {});
    ASSERT_TRUE(out) << capabilities << out.error().message();
    EXPECT_NE(lines(*out).find(line), std::string::npos) << lines(*out);
    EXPECT_EQ(out->manifest.find("capabilities"), std::string::npos) << out->manifest;
  }
}

TEST(Convert, SaysWhatTheirFileLacks) {
  const auto refusal = [](const std::string& text) {
    const auto out = convert_azure_manifest(text, {});
    return out ? std::string("converted")
               : std::string(out.error().code()) + " " + out.error().detail();
  };
  EXPECT_EQ(refusal(R"({"SchemaVersion":1,"Name":"a","ComponentId":7})"),
            "PV-APP-008 it has no text ComponentId");
  EXPECT_EQ(refusal("{\n\n  \"SchemaVersion\": 1,,\n}"), "PV-APP-008 no JSON, from line 3 on");
  EXPECT_EQ(refusal("{}\n{}"), "PV-APP-008 no JSON, from line 2 on");
  EXPECT_EQ(refusal(""), "PV-APP-008 no JSON, from line 1 on");
  EXPECT_EQ(refusal("\xef\xbb\xbf" + with("{}")), "converted") << "a byte order mark";
  EXPECT_EQ(refusal("\xef\xbb\xbf\xef\xbb\xbf" + with("{}")), "PV-APP-008 no JSON, from line 1 on");
}

}  // namespace
}  // namespace pavise::cli::app
