#include "device/apps/policy/app_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "device/apps/compartment/app_filter.h"
#include "device/apps/egress/testing/network_text.h"

namespace pavise::device {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

manifest::Manifest good(const std::string& name) {
  std::ifstream in("protocol/manifest/testdata/good/" + name, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return manifest::Manifest::parse(as_bytes(out.str())).value();
}

HardwareDefinition board() {
  HardwareDefinition out;
  const auto at = [&](manifest::Hardware kind) -> auto& {
    return out.by_kind.at(static_cast<std::size_t>(kind));
  };
  at(manifest::Hardware::gpio) = {{"LED_RED", {"/dev/gpiochip0", 17}},
                                  {"BUTTON_A", {"/dev/gpiochip1", 2}}};
  at(manifest::Hardware::uart) = {{"UART0", {"/dev/ttyS1"}}};
  at(manifest::Hardware::i2c) = {{"SENSORS", {"/dev/i2c-0"}}};
  at(manifest::Hardware::spi) = {{"FLASH", {"/dev/spidev0.0"}}};
  at(manifest::Hardware::pwm) = {{"FAN", {"/dev/pwm0"}}};
  at(manifest::Hardware::adc) = {{"PROBE", {"/dev/adc0"}}};
  return out;
}

TEST(AppPolicy, AnAppWithoutCapabilitiesHasNothing) {
  const auto policy = make_app_policy(good("smallest.json"), {});
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_THAT(policy->arguments, ElementsAre("/a"));
  EXPECT_FALSE(policy->network);
  EXPECT_THAT(policy->peers, IsEmpty());
  EXPECT_THAT(policy->ports, IsEmpty());
  EXPECT_THAT(policy->devices, IsEmpty());
  EXPECT_EQ(policy->storage_bytes, 0U);
  EXPECT_EQ(policy->certificate_bytes, 0U);
  EXPECT_EQ(policy->budget.memory_bytes_max, 256U * 1024);
  EXPECT_EQ(policy->budget.processes_max, 2U);
  EXPECT_EQ(policy->budget.cpu_per_mille, 10U);
  EXPECT_EQ(policy->life.health_interval_ms, 0);
  EXPECT_THAT(policy->grants.peers, IsEmpty());
  EXPECT_FALSE(policy->grants.system_events || policy->grants.update_deferral ||
               policy->grants.restart || policy->grants.power_off || policy->grants.power_profile ||
               policy->grants.system_time);
}

TEST(AppPolicy, EveryCapabilityFindsItsWall) {
  const auto policy = make_app_policy(good("everything.json"), board());
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_TRUE(policy->network);
  EXPECT_THAT(policy->arguments, testing::SizeIs(4));
  EXPECT_THAT(policy->peers, ElementsAre(Peers{network_of("192.0.2.0/24"), SOCK_STREAM, 502},
                                         Peers{network_of("10.0.0.0/8"), SOCK_STREAM, 0},
                                         Peers{network_of("198.51.100.7"), SOCK_STREAM, 0},
                                         Peers{network_of("2001:db8::1"), SOCK_STREAM, 443},
                                         Peers{network_of("2001:db8::/32"), SOCK_STREAM, 0},
                                         Peers{network_of("224.0.0.251"), SOCK_DGRAM, 5353}));
  EXPECT_THAT(policy->named_peers,
              testing::Contains(NamedPeer{"hub.example.com", false, SOCK_STREAM, 8883}));
  EXPECT_THAT(policy->named_peers,
              testing::Contains(NamedPeer{"example.com", true, SOCK_STREAM, 0}));
  EXPECT_THAT(policy->named_peers,
              testing::Contains(NamedPeer{"ntp.example.com", false, SOCK_DGRAM, 123}));
  EXPECT_THAT(policy->ports,
              ElementsAre(ListeningPort{SOCK_STREAM, 1}, ListeningPort{SOCK_STREAM, 8080},
                          ListeningPort{SOCK_STREAM, 65535}, ListeningPort{SOCK_DGRAM, 5353}));
  EXPECT_EQ(policy->devices.size(), 5U);
  EXPECT_THAT(policy->lines, ElementsAre(GpioLine{"LED_RED", "/dev/gpiochip0", 17},
                                         GpioLine{"BUTTON_A", "/dev/gpiochip1", 2}));
  EXPECT_EQ(policy->budget.open_files_max, kOpenFilesMax + 2);
  EXPECT_EQ(policy->storage_bytes, 1024U * 1024);
  EXPECT_EQ(policy->life.restart, RestartWhen::on_failure);
  EXPECT_EQ(policy->life.restart_delay_ms, 500);
  EXPECT_EQ(policy->life.stop_timeout_ms, 10'000);
  EXPECT_EQ(policy->life.first_health_ms, 20'000);
  EXPECT_EQ(policy->life.health_interval_ms, 60'000);
  EXPECT_THAT(policy->grants.peers, testing::SizeIs(1));
  EXPECT_TRUE(policy->grants.system_events && policy->grants.update_deferral &&
              policy->grants.restart && policy->grants.power_off && policy->grants.power_profile &&
              policy->grants.system_time);
}

TEST(AppPolicy, AStoreOfCertificatesIsGrantedByItself) {
  manifest::Manifest keeps = good("smallest.json");
  keeps.capabilities.certificate_store = true;
  const auto policy = make_app_policy(keeps, {});
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_EQ(policy->certificate_bytes, kCertificateStoreBytes);
  EXPECT_EQ(policy->storage_bytes, 0U);
}

// Nothing in its /dev, and no requests but those of lines.
TEST(AppPolicy, AGpioNameIsALineAndNoNode) {
  manifest::Manifest blink = good("smallest.json");
  blink.capabilities.hardware.at(static_cast<std::size_t>(manifest::Hardware::gpio)) = {"LED_RED"};
  const auto policy = make_app_policy(blink, board());
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_THAT(policy->devices, IsEmpty());
  EXPECT_THAT(policy->lines, ElementsAre(GpioLine{"LED_RED", "/dev/gpiochip0", 17}));
  const auto filter = make_app_filter({.gpio_lines = true}).value();
  ASSERT_EQ(policy->filter.size(), filter.size());
  EXPECT_EQ(std::memcmp(policy->filter.data(), filter.data(), filter.size() * sizeof filter[0]), 0);
}

TEST(AppPolicy, HardwareThatTheDeviceDoesNotHaveIsRefused) {
  HardwareDefinition other = board();
  other.by_kind.at(static_cast<std::size_t>(manifest::Hardware::uart)).clear();
  const auto policy = make_app_policy(good("everything.json"), other);
  ASSERT_FALSE(policy);
  EXPECT_TRUE(policy.error().is(kNoSuchHardware));
  EXPECT_THAT(policy.error().message(), HasSubstr("uart UART0"));
}

TEST(AppPolicy, TheDigestStandsForAllOfIt) {
  const auto digest = [](const manifest::Manifest& of, const HardwareDefinition& hardware) {
    return make_app_policy(of, hardware).value().digest;
  };
  const manifest::Manifest all = good("everything.json");
  const Digest256 first = digest(all, board());
  EXPECT_EQ(digest(all, board()), first);
  HardwareDefinition moved = board();
  moved.by_kind.at(static_cast<std::size_t>(manifest::Hardware::i2c))["SENSORS"] = {"/dev/i2c-1"};
  EXPECT_NE(digest(all, moved), first);
  for (const HardwarePlace& other :
       {HardwarePlace{"/dev/gpiochip0", 18}, HardwarePlace{"/dev/gpiochip2", 17}}) {
    moved = board();
    moved.by_kind.at(static_cast<std::size_t>(manifest::Hardware::gpio))["LED_RED"] = other;
    EXPECT_NE(digest(all, moved), first);
  }
  // Whatever of the manifest's meaning changes changes it, also with the same digest of its bytes.
  const auto changed = [&](auto change) {
    manifest::Manifest other = all;
    change(other);
    return digest(other, board());
  };
  EXPECT_NE(changed([](auto& m) { m.digest[0] ^= std::byte{1}; }), first);
  EXPECT_NE(changed([](auto& m) { m.arguments.pop_back(); }), first);
  EXPECT_NE(changed([](auto& m) { m.budgets.memory_kib *= 2; }), first);
  EXPECT_NE(changed([](auto& m) { m.budgets.processes += 1; }), first);
  EXPECT_NE(changed([](auto& m) { m.budgets.cpu_percent += 1; }), first);
  EXPECT_NE(changed([](auto& m) { m.capabilities.mutable_storage_kib = 5; }), first);
  EXPECT_NE(changed([](auto& m) { m.capabilities.certificate_store ^= true; }), first);
  EXPECT_NE(changed([](auto& m) { m.capabilities.outgoing_tcp[0].port = 1; }), first);
  EXPECT_NE(changed([](auto& m) { m.capabilities.outgoing_tcp[2].network.prefix = 25; }), first);
  EXPECT_NE(changed([](auto& m) {
              std::swap(m.capabilities.listening_tcp, m.capabilities.listening_udp);
            }),
            first);
  EXPECT_NE(changed([](auto& m) { m.lifecycle.stop_timeout_ms += 1; }), first);
  EXPECT_NE(changed([](auto& m) { m.capabilities.app_connections.clear(); }), first);
  EXPECT_NE(changed([](auto& m) { m.capabilities.system_events = false; }), first);
  EXPECT_NE(changed([](auto& m) { m.capabilities.update_deferral = false; }), first);
  EXPECT_NE(changed([](auto& m) { m.capabilities.power_reboot = false; }), first);
  EXPECT_NE(changed([](auto& m) { m.capabilities.power_down = false; }), first);
  EXPECT_NE(changed([](auto& m) { m.capabilities.power_profile = false; }), first);
  EXPECT_NE(changed([](auto& m) { m.capabilities.system_time = false; }), first);
}

// What is measured of an app under a debugger is not what is measured of the app.
TEST(AppPolicy, ADebuggerStandsBeforeTheProgramAndChangesTheDigest) {
  const manifest::Manifest manifest = good("everything.json");
  const AppPolicy plain = make_app_policy(manifest, board()).value();
  const auto debug = make_debug_policy(manifest, plain);
  ASSERT_TRUE(debug) << debug.error().message();
  EXPECT_NE(debug->digest, plain.digest);
  EXPECT_EQ(make_debug_policy(manifest, plain)->digest, debug->digest);
  EXPECT_EQ(debug->arguments[0], "/.debug/loader");
  EXPECT_EQ(std::vector(debug->arguments.end() - 4, debug->arguments.end()), plain.arguments);
  EXPECT_TRUE(debug->debugger);
  EXPECT_FALSE(plain.debugger);
  // All walls but the filter stand where they stood.
  EXPECT_EQ(debug->peers, plain.peers);
  EXPECT_EQ(debug->network, plain.network);
  EXPECT_EQ(debug->devices.size(), plain.devices.size());
  EXPECT_EQ(debug->storage_bytes, plain.storage_bytes);
  EXPECT_EQ(debug->budget.cpu_per_mille, plain.budget.cpu_per_mille);
  EXPECT_EQ(debug->budget.memory_bytes_max, plain.budget.memory_bytes_max + kDebuggerMemoryBytes);
  EXPECT_NE(debug->filter.size(), plain.filter.size());
}

}  // namespace
}  // namespace pavise::device
