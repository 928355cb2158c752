#include "protocol/manifest/manifest.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "common/crypto/crypto.h"

namespace pavise::manifest {
namespace {

std::string file(const std::string& name) {
  std::ifstream in("protocol/manifest/testdata/" + name, std::ios::binary);
  EXPECT_TRUE(in) << name;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

Result<Manifest> parse(std::string_view text) {
  return Manifest::parse(as_bytes(text));
}

// The smallest manifest with one more top-level member, or a capability, in it.
std::string with(const std::string& member) {
  std::string out = file("good/smallest.json");
  return out.insert(1, member + ",");
}
std::string with_capability(const std::string& member) {
  return with("\"capabilities\":{" + member + "}");
}
std::string list_of(std::size_t count, const std::string& before, const std::string& after) {
  std::string out = "[";
  for (std::size_t i = 0; i < count; ++i)
    out.append(i != 0 ? "," : "").append(before).append(std::to_string(i + 10)).append(after);
  return out + "]";
}

TEST(Manifest, ReadsEveryMember) {
  const std::string text = file("good/everything.json");
  const auto m = parse(text);
  ASSERT_TRUE(m) << m.error().message();
  EXPECT_EQ(m->name, "fridge-monitor");
  EXPECT_EQ(m->component_id.text(), "6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e02");
  EXPECT_EQ(m->version.text(), "1.20.9999");
  EXPECT_EQ(m->security_epoch, 3U);
  EXPECT_EQ(m->entry_point, "/app/bin/fridge-monitor_1.2+x");
  EXPECT_EQ(m->arguments, (std::vector<std::string>{
                              "--scope", "0ne\xc3\xa9 \"quoted\" \\ \xf0\x9f\x98\x80", ""}));
  const Capabilities& c = m->capabilities;
  ASSERT_EQ(c.outgoing_tcp.size(), 10U);
  EXPECT_EQ(c.outgoing_tcp[0].name, "hub.example.com");
  EXPECT_EQ(c.outgoing_tcp[0].port, 8883);
  EXPECT_EQ(c.outgoing_tcp[1].kind, Destination::Kind::wildcard);
  EXPECT_EQ(c.outgoing_tcp[2].network.prefix, 24);
  EXPECT_EQ(c.outgoing_udp.size(), 2U);
  EXPECT_EQ(c.listening_tcp, (std::vector<std::uint16_t>{1, 8080, 65535}));
  EXPECT_EQ(c.listening_udp, (std::vector<std::uint16_t>{5353}));
  EXPECT_EQ(c.mutable_storage_kib, 1024U);
  EXPECT_EQ(c.names(Hardware::gpio), (std::vector<std::string>{"LED_RED", "BUTTON_A"}));
  EXPECT_EQ(c.names(Hardware::adc), (std::vector<std::string>{"PROBE"}));
  EXPECT_EQ(c.device_authentication->text(), "acme-2");
  EXPECT_EQ(c.app_connections.size(), 1U);
  EXPECT_TRUE(c.system_time && c.network_configuration && c.update_deferral && c.system_events);
  EXPECT_TRUE(c.power_reboot && c.power_down && c.power_profile);
  EXPECT_FALSE(c.certificate_store);
  EXPECT_EQ(m->budgets.memory_kib, 16384U);
  EXPECT_EQ(m->budgets.cpu_percent, 150U);
  EXPECT_EQ(m->budgets.processes, 16U);
  EXPECT_EQ(m->lifecycle.restart, Restart::on_failure);
  EXPECT_EQ(m->lifecycle.restart_delay_ms, 500U);
  EXPECT_EQ(m->lifecycle.restart_delay_max_ms, 120'000U);
  EXPECT_EQ(m->lifecycle.stop_timeout_ms, 10'000U);
  EXPECT_EQ(m->lifecycle.start_after.size(), 1U);
  EXPECT_EQ(m->lifecycle.health_check->start_timeout_ms, 20'000U);
  EXPECT_EQ(m->lifecycle.health_check->interval_ms, 60'000U);
  EXPECT_EQ(m->digest, crypto::sha256(as_bytes(text)));
}

TEST(Manifest, GrantsNothingThatIsNotWritten) {
  for (const char* name : {"good/smallest.json", "good/empty_lists.json"}) {
    const auto m = parse(file(name));
    ASSERT_TRUE(m) << name << m.error().message();
    const Capabilities& c = m->capabilities;
    EXPECT_TRUE(c.outgoing_tcp.empty() && c.outgoing_udp.empty());
    EXPECT_TRUE(c.listening_tcp.empty() && c.listening_udp.empty());
    for (const auto& names : c.hardware) EXPECT_TRUE(names.empty());
    EXPECT_TRUE(c.app_connections.empty());
    EXPECT_FALSE(c.mutable_storage_kib);
    EXPECT_FALSE(c.device_authentication);
    EXPECT_FALSE(c.system_time || c.network_configuration || c.update_deferral || c.system_events ||
                 c.certificate_store || c.power_reboot || c.power_down || c.power_profile);
    EXPECT_EQ(m->security_epoch, 0U);
    EXPECT_EQ(m->lifecycle.restart, Restart::always);
    EXPECT_FALSE(m->lifecycle.health_check);
  }
}

// testdata/refused.json: the text, the code, and the place. The same cases are shown to the
// published schema by tests/app_manifest.
TEST(Manifest, RefusesWithCodeAndPlace) {
  const boost::json::value cases = boost::json::parse(file("refused.json"));
  std::size_t count = 0;
  for (const boost::json::value& row : cases.as_array()) {
    const auto text = row.at("text").as_string();
    const auto outcome = parse({text.data(), text.size()});
    ASSERT_FALSE(outcome) << row.at("name");
    EXPECT_EQ(outcome.error().code(), row.at("code").as_string().c_str())
        << row.at("name") << " " << outcome.error().message();
    EXPECT_EQ(pointer_of(outcome.error()), row.at("pointer").as_string().c_str())
        << row.at("name") << " " << outcome.error().message();
    ++count;
  }
  EXPECT_GT(count, 140U);
}

TEST(Manifest, SizeHoldsAtNAndNPlusOne) {
  std::string text = file("good/smallest.json");
  text.resize(kManifestBytesMax, ' ');
  EXPECT_TRUE(parse(text));
  text.push_back(' ');
  const auto outcome = parse(text);
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(kTooLarge));
  EXPECT_EQ(pointer_of(outcome.error()), "");
}

TEST(Manifest, ListsHoldAtNAndNPlusOne) {
  const struct {
    std::string member;
    std::size_t max;
    std::string before, after;
  } rows[] = {{"outgoing_tcp", kDestinationsMax, "\"h", ".example\""},
              {"outgoing_udp", kDestinationsMax, "\"h", ".example\""},
              {"listening_tcp", kPortsMax, "", ""},
              {"listening_udp", kPortsMax, "", ""},
              {"gpio", kHardwareMax, "\"P", "\""},
              {"adc", kHardwareMax, "\"P", "\""},
              {"app_connections", kPeersMax, "\"6f1c7a52-90f1-4d0c-8f61-0c4f6a6b40", "\""}};
  for (const auto& row : rows) {
    const auto text = [&row](std::size_t count) {
      return with_capability("\"" + row.member + "\":" + list_of(count, row.before, row.after));
    };
    const auto full = parse(text(row.max));
    EXPECT_TRUE(full) << row.member << full.error().message();
    const auto over = parse(text(row.max + 1));
    ASSERT_FALSE(over) << row.member;
    EXPECT_TRUE(over.error().is(kTooMany));
    EXPECT_EQ(pointer_of(over.error()), "/capabilities/" + row.member);
  }
  EXPECT_TRUE(parse(with("\"arguments\":" + list_of(kArgumentsMax, "\"", "\""))));
  EXPECT_FALSE(parse(with("\"arguments\":" + list_of(kArgumentsMax + 1, "\"", "\""))));
}

TEST(Manifest, TextsHoldAtNAndNPlusOne) {
  const auto changed = [](const std::string& from, const std::string& to) {
    std::string out = file("good/smallest.json");
    return out.replace(out.find(from), from.size(), to);
  };
  const auto name = [&](std::size_t n) {
    return changed("\"name\":\"a\"", "\"name\":\"" + std::string(n, 'a') + "\"");
  };
  EXPECT_TRUE(parse(name(kNameLengthMax)));
  EXPECT_FALSE(parse(name(kNameLengthMax + 1)));
  const auto entry = [&](std::size_t n) {
    return changed("\"/a\"", "\"/" + std::string(n - 1, 'a') + "\"");
  };
  EXPECT_TRUE(parse(entry(kEntryPointLengthMax)));
  EXPECT_FALSE(parse(entry(kEntryPointLengthMax + 1)));
  const auto argument = [](std::size_t n) {  // characters, not bytes
    std::string text;
    for (std::size_t i = 0; i < n; ++i) text += "\xc3\xa9";
    return with("\"arguments\":[\"" + text + "\"]");
  };
  EXPECT_TRUE(parse(argument(kArgumentCharactersMax)));
  EXPECT_FALSE(parse(argument(kArgumentCharactersMax + 1)));
  const auto pin = [](std::size_t n) {
    return with_capability("\"pwm\":[\"" + std::string(n, 'P') + "\"]");
  };
  EXPECT_TRUE(parse(pin(kHardwareNameLengthMax)));
  EXPECT_FALSE(parse(pin(kHardwareNameLengthMax + 1)));
}

TEST(Manifest, NumbersHoldAtBothEnds) {
  const struct {
    std::string before, after;
    std::uint32_t min, max;
  } rows[] = {
      {"\"security_epoch\":", "", 0, kSecurityEpochMax},
      {"\"capabilities\":{\"mutable_storage\":{\"size_kib\":", "}}", kStorageKibMin,
       kStorageKibMax},
      {"\"lifecycle\":{\"restart_delay_ms\":", "}", kRestartDelayMsMin, kRestartDelayMsMax},
      {"\"lifecycle\":{\"stop_timeout_ms\":", "}", kStopTimeoutMsMin, kStopTimeoutMsMax},
      {"\"lifecycle\":{\"health_check\":{\"interval_ms\":", "}}", kHealthMsMin, kHealthMsMax},
  };
  for (const auto& row : rows) {
    const auto text = [&row](std::int64_t value) {
      return with(row.before + std::to_string(value) + row.after);
    };
    EXPECT_TRUE(parse(text(row.min))) << row.before;
    EXPECT_TRUE(parse(text(row.max))) << row.before;
    for (const std::int64_t value : {std::int64_t{row.min} - 1, std::int64_t{row.max} + 1}) {
      const auto outcome = parse(text(value));
      ASSERT_FALSE(outcome) << row.before << value;
      EXPECT_TRUE(outcome.error().is(kOutOfRange));
    }
  }
}

TEST(Manifest, ManyMembersAreRefusedBeforeTheyAreCompared) {
  std::string text = "{";
  for (int i = 0; i < 6000; ++i) text += "\"m" + std::to_string(i) + "\":0,";
  text += "\"last\":0}";
  const auto outcome = parse(text);
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(kUnknownMember));
}

TEST(Manifest, NamesFromTheTextCannotDisturbAMessage) {
  const auto outcome = parse(with("\"\\u001b[2J/x: y\":1"));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().detail(), "/?: not known here");
}

TEST(Manifest, VersionsAreOrderedByNumber) {
  EXPECT_LT(*Version::parse("1.9.0"), *Version::parse("1.10.0"));
  EXPECT_LT(*Version::parse("1.10.9999"), *Version::parse("2.0.0"));
  EXPECT_TRUE(Version::parse("9999.9999.9999"));
  for (const char* bad : {"", "1", "1.2", "1.2.", "1.2.3.", "1.2.10000", "+1.2.3", "1. 2.3",
                          "1.2.3a", "00.1.2", "70000.1.1"})
    EXPECT_FALSE(Version::parse(bad)) << bad;
}

TEST(ComponentId, HasOneSpelling) {
  const auto id = ComponentId::parse("01234567-89ab-cdef-0123-456789abcdef");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->text(), "01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_EQ(ComponentId::from_bytes(id->bytes()), id);
  EXPECT_FALSE(ComponentId::from_bytes(Bytes(16)));
  EXPECT_FALSE(ComponentId::from_bytes(ByteView(id->bytes()).first(15)));
  for (const char* bad :
       {"", "01234567-89AB-cdef-0123-456789abcdef", "0123456789abcdef0123456789abcdef",
        "01234567-89ab-cdef-0123-456789abcde-", "g1234567-89ab-cdef-0123-456789abcdef",
        "{1234567-89ab-cdef-0123-456789abcde}"})
    EXPECT_FALSE(ComponentId::parse(bad)) << bad;
}

}  // namespace
}  // namespace pavise::manifest
