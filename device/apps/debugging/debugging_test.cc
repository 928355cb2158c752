#include "device/apps/debugging/debugging.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <map>

#include "protocol/erofs/testing/images.h"

namespace pavise::device {
namespace {

constexpr UnixSeconds kNow = 1'795'000'000;

manifest::ComponentId component(unsigned number) {
  return *manifest::ComponentId::from_bytes(Bytes(16, static_cast<std::byte>(number)));
}

// Two apps, blink (1) and pump (2).
class FakeDebuggees final : public Debuggees {
 public:
  Result<manifest::ComponentId> component_of(std::string_view name) override {
    if (name == "blink") return component(1);
    if (name == "pump") return component(2);
    return Error(apps_ipc::kUnknownApp, std::string(name));
  }
  Result<std::string> name_of(const manifest::ComponentId& which) override {
    if (which == component(1)) return std::string("blink");
    if (which == component(2)) return std::string("pump");
    return kAppNotHere;
  }
  Status debug(std::string_view name, UniqueFd console, UnixSeconds /*until*/) override {
    called.push_back("debug " + std::string(name));
    if (!has_debugger) return kNoDebugger;
    consoles[std::string(name)] = std::move(console);
    return {};
  }
  void let_go(std::string_view name) override {
    called.push_back("let go " + std::string(name));
    consoles.erase(std::string(name));
  }

  std::vector<std::string> called;
  bool has_debugger = true;
  std::map<std::string, UniqueFd> consoles;
};

class DebuggingTest : public ::testing::Test {
 protected:
  void grant(unsigned app, UnixSeconds seconds = 3600) {
    const auto made = dev_grant::Grant::sign({.device = here,
                                              .component = component(app),
                                              .not_before = clock.now_s(),
                                              .not_after = clock.now_s() + seconds},
                                             key);
    EXPECT_TRUE(debugging.take_grant(made.value().encode()));
  }
  std::string begin(std::string_view name) {
    const auto begun = debugging.begin(name);
    return begun ? std::to_string(begun->session) : std::string(begun.error().code());
  }
  std::string exchange(apps_ipc::Exchange request) {
    const auto out = debugging.exchange(request);
    if (!out) return std::string(out.error().code());
    return std::to_string(out->taken) + " " + std::string(as_text(out->data)) +
           (out->over ? " over" : "");
  }

  DeviceId here = *DeviceId::parse(std::string(64, 'a'));
  crypto::P256PrivateKey key = crypto::P256PrivateKey::generate().value();
  ManualClock clock{kNow * 1000};
  FakeDebuggees apps;
  erofs::testing::Folder folder;
  TakenGrants taken = TakenGrants::open(folder / "taken").value();
  Debugging debugging{apps,
                      Grants({.owner_keys = {key.public_key()},
                              .device = [this] { return Result<DeviceId>(here); },
                              .taken = [this] { return Result<TakenGrants*>(&taken); },
                              .clock = clock}),
                      clock, 0};
};

TEST_F(DebuggingTest, NothingWithoutAGrantForThisVeryApp) {
  EXPECT_EQ(begin("blink"), "PV-DBG-003");
  grant(2);
  EXPECT_EQ(begin("blink"), "PV-DBG-003");
  EXPECT_EQ(begin("nobody"), "PV-AIP-003");
  EXPECT_TRUE(apps.called.empty());
  EXPECT_EQ(exchange({.name = "blink", .session = 0}), "PV-DBG-004");
  EXPECT_EQ(exchange({.name = "blink", .session = 1}), "PV-DBG-004");
}

TEST_F(DebuggingTest, AGrantSaysForWhichAppAndUntilWhen) {
  const dev_grant::Terms terms{
      .device = here, .component = component(1), .not_before = kNow, .not_after = kNow + 60};
  const auto taken = debugging.take_grant(dev_grant::Grant::sign(terms, key).value().encode());
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->name, "blink");
  EXPECT_EQ(taken->until_s, static_cast<std::uint64_t>(kNow) + 60);
  dev_grant::Terms absent = terms;
  absent.component = component(9);
  EXPECT_TRUE(debugging.take_grant(dev_grant::Grant::sign(absent, key).value().encode())
                  .error()
                  .is(kAppNotHere));
}

TEST_F(DebuggingTest, BytesGoBothWays) {
  grant(1);
  ASSERT_EQ(begin("blink"), "1");
  const int console = apps.consoles.at("blink").get();
  EXPECT_EQ(exchange({.name = "blink", .session = 1, .data = to_bytes(as_bytes("$?#3f"))}), "5 ");
  std::array<char, 16> heard{};
  EXPECT_EQ(::recv(console, heard.data(), heard.size(), MSG_DONTWAIT), 5);
  ASSERT_EQ(::send(console, "+$S05#b8", 8, 0), 8);
  EXPECT_EQ(exchange({.name = "blink", .session = 1, .at = 5}), "5 +$S05#b8");
  EXPECT_EQ(exchange({.name = "blink", .session = 1, .at = 6}), "PV-DBG-002");
  apps.consoles.clear();
  EXPECT_EQ(exchange({.name = "blink", .session = 1, .at = 5, .received = 8}), "5  over");
}

TEST_F(DebuggingTest, EndsByItsDeveloper) {
  grant(1);
  ASSERT_EQ(begin("blink"), "1");
  EXPECT_EQ(exchange({.name = "blink", .session = 1, .end = true}), "0  over");
  EXPECT_EQ(apps.called.back(), "let go blink");
  EXPECT_EQ(exchange({.name = "blink", .session = 1}), "PV-DBG-004");
  EXPECT_EQ(begin("blink"), "2") << "the grant holds on";
}

TEST_F(DebuggingTest, EndsWithItsGrant) {
  grant(1, 60);
  grant(2, 600);
  ASSERT_EQ(begin("blink"), "1");
  ASSERT_EQ(begin("pump"), "2");
  EXPECT_LE(debugging.wait_ms(), 1000);
  clock.advance_ms(30'000);
  EXPECT_EQ(exchange({.name = "blink", .session = 1}), "0 ");
  EXPECT_EQ(exchange({.name = "pump", .session = 2}), "0 ");
  clock.advance_ms(30'000);
  debugging.on_time();
  EXPECT_EQ(apps.called.back(), "let go blink");
  EXPECT_EQ(exchange({.name = "blink", .session = 1}), "PV-DBG-004");
  EXPECT_EQ(exchange({.name = "pump", .session = 2}), "0 ");
  EXPECT_EQ(begin("blink"), "PV-DBG-003");
}

TEST_F(DebuggingTest, AnExchangeAfterTheGrantIsTooLate) {
  grant(1, 60);
  ASSERT_EQ(begin("blink"), "1");
  clock.advance_ms(60'000);
  EXPECT_EQ(exchange({.name = "blink", .session = 1, .data = Bytes(1)}), "PV-DBG-004");
  EXPECT_EQ(apps.called.back(), "let go blink");
}

TEST_F(DebuggingTest, EndsWhenNobodyAsksAnyMore) {
  grant(1);
  ASSERT_EQ(begin("blink"), "1");
  clock.advance_ms(kDebugIdleMs - 1);
  EXPECT_EQ(exchange({.name = "blink", .session = 1}), "0 ");
  clock.advance_ms(kDebugIdleMs);
  debugging.on_time();
  EXPECT_EQ(apps.called.back(), "let go blink");
  EXPECT_GT(debugging.wait_ms(), 1'000'000);
}

TEST_F(DebuggingTest, TheOneWhoComesLaterHasTheSession) {
  grant(1);
  ASSERT_EQ(begin("blink"), "1");
  ASSERT_EQ(begin("blink"), "2");
  EXPECT_EQ(exchange({.name = "blink", .session = 1}), "PV-DBG-004");
  EXPECT_EQ(exchange({.name = "blink", .session = 2}), "0 ");
  EXPECT_EQ(exchange({.name = "pump", .session = 2}), "PV-DBG-004");
}

TEST_F(DebuggingTest, TheNextLauncherHasOtherNumbers) {
  Debugging next{apps,
                 Grants({.owner_keys = {key.public_key()},
                         .device = [this] { return Result<DeviceId>(here); },
                         .taken = [this] { return Result<TakenGrants*>(&taken); },
                         .clock = clock}),
                 clock, 7'000};
  const auto made = dev_grant::Grant::sign({.device = here,
                                            .component = component(1),
                                            .not_before = clock.now_s(),
                                            .not_after = clock.now_s() + 60},
                                           key);
  ASSERT_TRUE(next.take_grant(made.value().encode()));
  EXPECT_EQ(next.begin("blink").value().session, 7'001U);
  EXPECT_TRUE(next.exchange({.name = "blink", .session = 1}).error().is(kNoSession));
}

TEST_F(DebuggingTest, APackageWithoutADebuggerRunsOn) {
  grant(1);
  apps.has_debugger = false;
  EXPECT_EQ(begin("blink"), "PV-DBG-006");
  EXPECT_EQ(exchange({.name = "blink", .session = 1}), "PV-DBG-004");
}

}  // namespace
}  // namespace pavise::device
