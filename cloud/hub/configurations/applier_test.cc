// Configurations over a real store: when twins are looked at, what is counted, what outlives a
// kill.
#include "cloud/hub/configurations/applier.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "cloud/hub/configurations/applier_thread.h"
#include "cloud/hub/store/sqlite_hub_store.h"

namespace pavise::hub::configurations {
namespace {

using Tx = store::HubTransaction;

const iothub::HubName kHub = *iothub::HubName::parse("acme");

iothub::Identity device(std::size_t i, std::string_view module_id = {}) {
  std::string digits = std::to_string(i);
  digits.insert(0, 5 - digits.size(), '0');
  return *iothub::Identity::make(kHub, "d" + digits, module_id);
}

std::string document(const store::TwinRecord& twin) {
  return R"({"deviceId":")" + twin.identity.id.device() + R"(","moduleId":")" +
         twin.identity.id.module_id() + R"(","tags":)" + twin.tags_json +
         R"(,"properties":{"desired":)" + twin.desired_json + R"(,"reported":)" +
         twin.reported_json + R"(},"configurations":)" + twin.configurations_json + "}";
}

class ApplierTest : public ::testing::Test {
 protected:
  ApplierTest() {
    std::string pattern = ::testing::TempDir() + "pavise-applier-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    open();
    write([](Tx& tx) { return tx.create_hub(kHub, *TenantId::parse("acme"), {}); });
  }
  ~ApplierTest() override {
    close();
    std::filesystem::remove_all(folder_);
  }
  void open() {
    store_ = store::open_sqlite_hub_store({.path = folder_ + "/hub.db"}, clock_).value();
    queue_ = std::make_unique<store::StoreQueue>(*store_);
    begin({});
  }
  void close() {
    applier_.reset();
    queue_.reset();
    store_.reset();
  }
  Wiring wiring() {
    return {.document = &document,
            .desired_changed = [this](const iothub::Identity& id, std::uint64_t version,
                                      const std::string& body) {
              told_.push_back(id.client_id() + " " + std::to_string(version) + " " + body);
            }};
  }
  void begin(const Bounds& bounds) {
    bounds_ = bounds;
    applier_.reset();
    applier_ = std::make_unique<Applier>(*queue_, clock_, board_, wiring(), bounds);
  }

  template <class Ask>
  void write(const Ask& ask) {
    ASSERT_TRUE(queue_->call([&](Tx& tx) -> Status {
      PAVISE_TRY(ask(tx));
      return {};
    }));
  }
  void make_devices(std::size_t count) {
    write([&](Tx& tx) -> Status {
      for (std::size_t i = 0; i < count; ++i) PAVISE_TRY(tx.create_identity(device(i), {}));
      return {};
    });
  }
  void tag(std::size_t i, const std::string& tags) {
    write([&](Tx& tx) {
      return tx.change_twin(device(i), R"({"tags":)" + tags + "}", store::TwinChangeKind::merge,
                            {});
    });
  }
  void configure(const std::string& id, const std::string& settings,
                 const std::string& target = "*", std::int32_t priority = 0,
                 const std::string& queries = "{}") {
    write([&](Tx& tx) {
      return tx.create_configuration(kHub, {.id = id,
                                            .content_json = R"({"deviceContent":)" + settings + "}",
                                            .target_condition = target,
                                            .priority = priority,
                                            .metrics_json = R"({"queries":)" + queries + "}"});
    });
  }
  void remove(const std::string& id) {
    write([&](Tx& tx) { return tx.delete_configuration(kHub, id, {}); });
  }
  store::TwinRecord twin(const iothub::Identity& id) {
    std::optional<store::TwinRecord> out;
    EXPECT_TRUE(store_->read([&](store::HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(out, reader.twin(id));
      return {};
    }));
    return *out;
  }
  std::uint64_t version(std::size_t i) { return twin(device(i)).version; }
  bool has(std::size_t i, const std::string& text) {
    return twin(device(i)).desired_json.find(text) != std::string::npos;
  }

  // Works for so long, as its thread would. The number of steps.
  int run(std::int64_t for_ms) {
    const std::int64_t end_ms = clock_.steady_ms() + for_ms;
    int steps = 0;
    while (applier_->due_ms() <= end_ms) {
      clock_.advance_ms(std::max<std::int64_t>(0, applier_->due_ms() - clock_.steady_ms()));
      EXPECT_TRUE(applier_->step());
      ++steps;
    }
    clock_.advance_ms(end_ms - clock_.steady_ms());
    return steps;
  }
  std::string counts(const std::string& id) {
    const auto counts = board_.counts(kHub, id);
    if (!counts) return "none";
    std::string out = std::to_string(counts->targeted) + " " + std::to_string(counts->applied);
    for (const auto& [name, count] : counts->metrics)
      out += " " + name + "=" + std::to_string(count);
    return out;
  }

  std::string folder_;
  ManualClock clock_{1'700'000'000'000};
  Board board_;
  Bounds bounds_;
  std::unique_ptr<store::HubStore> store_;
  std::unique_ptr<store::StoreQueue> queue_;
  std::unique_ptr<Applier> applier_;
  std::vector<std::string> told_;
};

constexpr const char* kFan = R"({"properties.desired.fan":{"on":true}})";

TEST_F(ApplierTest, ANewConfigurationIsAppliedAtOnceAndTold) {
  make_devices(3);
  tag(1, R"({"floor":3})");
  run(2'000);
  configure("fan", kFan, "tags.floor = 3");
  run(1'000);
  EXPECT_EQ(told_, std::vector<std::string>{R"(d00001 2 {"fan":{"on":true},"$version":2})"});
  EXPECT_EQ(twin(device(1)).configurations_json, R"({"fan":{"status":"Applied"}})");
  EXPECT_EQ(counts("fan"), "1 1");
  EXPECT_EQ(version(0), 1U) << "nobody else was written to";
}

TEST_F(ApplierTest, NothingIsWrittenTwice) {
  make_devices(2);
  configure("fan", kFan);
  run(10'000);
  const auto before = version(0);
  run(24 * 3'600'000);
  EXPECT_EQ(version(0), before);
  EXPECT_EQ(told_.size(), 2U);
}

TEST_F(ApplierTest, AWrittenTwinIsLookedAtWithinASecond) {
  make_devices(2);
  configure("fan", kFan, "tags.floor = 3 AND properties.reported.model = 'x'");
  run(5'000);
  tag(1, R"({"floor":3})");
  write([](Tx& tx) { return tx.merge_reported(device(1), R"({"model":"x"})", {}); });
  run(bounds_.gather_ms - 1);
  EXPECT_FALSE(has(1, "fan")) << "writes are gathered";
  run(1 + bounds_.rest_ms);
  EXPECT_TRUE(has(1, "fan"));
  write([](Tx& tx) { return tx.merge_reported(device(1), R"({"model":"y"})", {}); });
  run(bounds_.gather_ms + bounds_.rest_ms);
  EXPECT_FALSE(has(1, "fan")) << "no longer targeted";
  EXPECT_EQ(twin(device(1)).configurations_json, "{}");
  EXPECT_EQ(counts("fan"), "0 0");
}

TEST_F(ApplierTest, ADeviceThatIsMadeLaterIsConfiguredToo) {
  configure("fan", kFan);
  run(5'000);
  make_devices(1);
  run(bounds_.gather_ms + bounds_.rest_ms);
  EXPECT_TRUE(has(0, "fan"));
}

TEST_F(ApplierTest, TheNextOneAppliesWhenTheHighestIsDeleted) {
  make_devices(1);
  configure("low", R"({"properties.desired.a":1})", "*", 1);
  configure("high", R"({"properties.desired.a":2})", "*", 2);
  run(5'000);
  EXPECT_TRUE(has(0, R"("a":2)"));
  EXPECT_EQ(counts("low"), "1 0") << "targeted, but outdone";
  EXPECT_EQ(counts("high"), "1 1");
  remove("high");
  run(5'000);
  EXPECT_TRUE(has(0, R"("a":1)"));
  EXPECT_EQ(counts("low"), "1 1");
  EXPECT_EQ(counts("high"), "none");
  remove("low");
  run(5'000);
  EXPECT_FALSE(has(0, R"("a")"));
  EXPECT_EQ(applier_->due_ms(), INT64_MAX) << "without configurations there is nothing to do";
  tag(0, R"({"x":1})");
  EXPECT_EQ(applier_->due_ms(), INT64_MAX);
}

TEST_F(ApplierTest, OfEqualPrioritiesTheNewestWins) {
  make_devices(1);
  configure("a", R"({"properties.desired.a":"older"})", "*", 5);
  clock_.advance_ms(1);
  configure("b", R"({"properties.desired.a":"newer"})", "*", 5);
  run(5'000);
  EXPECT_TRUE(has(0, "newer"));
}

TEST_F(ApplierTest, AnotherPriorityOrTargetCountsAtOnce) {
  make_devices(2);
  configure("a", R"({"properties.desired.a":1})", "*", 1);
  configure("b", R"({"properties.desired.a":2})", "*", 2);
  run(5'000);
  write([](Tx& tx) -> Status {
    PAVISE_TRY_ASSIGN(auto record, tx.configuration(kHub, "a"));
    record.priority = 3;
    record.target_condition = "deviceId = 'd00001'";
    PAVISE_TRY(tx.update_configuration(kHub, record, {}));
    return {};
  });
  run(5'000);
  EXPECT_TRUE(has(0, R"("a":2)"));
  EXPECT_TRUE(has(1, R"("a":1)"));
}

TEST_F(ApplierTest, ModulesAreConfigured) {
  make_devices(2);
  write([](Tx& tx) -> Status {
    PAVISE_TRY(tx.create_identity(device(0, "m"), {}));
    PAVISE_TRY(tx.create_identity(device(1, "n"), {}));
    PAVISE_TRY(tx.create_configuration(
        kHub, {.id = "mod",
               .content_json = R"({"moduleContent":{"properties.desired.a":1}})",
               .target_condition = "FROM devices.modules WHERE moduleId = 'm'"}));
    return {};
  });
  run(5'000);
  EXPECT_EQ(told_, std::vector<std::string>{R"(d00000/m 2 {"a":1,"$version":2})"});
  EXPECT_EQ(counts("mod"), "1 1");
}

TEST_F(ApplierTest, MetricsCountRows) {
  make_devices(5);
  for (std::size_t i = 0; i < 4; ++i) tag(i, i % 2 == 0 ? R"({"floor":0})" : R"({"floor":1})");
  configure(
      "fan", kFan, "tags.floor = 1", 0,
      R"({"applied":"SELECT deviceId FROM devices WHERE configurations.[[fan]].status = 'Applied'",)"
      R"("all":"SELECT deviceId FROM devices","first":"SELECT TOP 2 deviceId FROM devices",)"
      R"("floors":"SELECT tags.floor, COUNT() AS n FROM devices GROUP BY tags.floor",)"
      R"("modules":"SELECT * FROM devices.modules"})");
  run(5'000);
  EXPECT_EQ(counts("fan"), "2 2 all=5 applied=2 first=2 floors=3 modules=0");
  tag(0, R"({"floor":1})");
  run(bounds_.recount_ms + 5'000);
  EXPECT_EQ(counts("fan"), "3 3 all=5 applied=3 first=2 floors=3 modules=0");
}

TEST_F(ApplierTest, AStepIsAPageAtMost) {
  make_devices(250);
  configure("fan", kFan);
  int most = 0;
  std::size_t before = 0;
  const std::int64_t end_ms = clock_.steady_ms() + 10'000;
  while (applier_->due_ms() <= end_ms) {
    clock_.advance_ms(std::max<std::int64_t>(0, applier_->due_ms() - clock_.steady_ms()));
    ASSERT_TRUE(applier_->step());
    EXPECT_GE(applier_->due_ms(), clock_.steady_ms() + bounds_.rest_ms) << "others get their turn";
    most = std::max(most, static_cast<int>(told_.size() - before));
    before = told_.size();
  }
  EXPECT_EQ(told_.size(), 250U);
  EXPECT_EQ(most, 100);
}

TEST_F(ApplierTest, MoreWrittenTwinsThanAreRememberedMeansAll) {
  begin({.touched_max = 2});
  make_devices(5);
  configure("fan", kFan, "tags.floor = 1");
  run(5'000);
  for (std::size_t i = 0; i < 5; ++i) tag(i, R"({"floor":1})");
  run(5'000);
  EXPECT_EQ(told_.size(), 5U);
}

TEST_F(ApplierTest, AtTheStartAllIsLookedAt) {
  make_devices(2);
  configure("fan", kFan);
  run(5'000);
  applier_.reset();
  configure("more", R"({"properties.desired.more":1})");
  remove("fan");
  close();
  told_.clear();
  open();
  run(5'000);
  EXPECT_FALSE(has(0, "fan"));
  EXPECT_TRUE(has(1, "more"));
  EXPECT_EQ(told_.size(), 2U);
  applier_.reset();
  remove("more");
  close();
  open();
  run(5'000);
  EXPECT_FALSE(has(1, "more")) << "also when the last one went just before the end";
}

TEST_F(ApplierTest, WhatDoesNotFitTogetherLeavesOutTheLowest) {
  make_devices(1);
  const auto big = [](const std::string& name) {
    std::string parts;
    for (int i = 0; i < 5; ++i)
      parts += (i == 0 ? "" : ",") + ("\"p" + std::to_string(i)) + "\":\"" +
               std::string(4'000, 'x') + "\"";
    return R"({"properties.desired.)" + name + "\":{" + parts + "}}";
  };
  configure("high", big("high"), "*", 2);
  configure("low", big("low"), "*", 1);
  run(5'000);
  EXPECT_TRUE(has(0, R"("high")"));
  EXPECT_FALSE(has(0, R"("low")"));
  EXPECT_EQ(counts("high"), "1 1");
  EXPECT_EQ(counts("low"), "1 0");
  const auto before = version(0);
  run(2 * bounds_.round_ms);
  EXPECT_EQ(version(0), before);
  remove("high");
  run(5'000);
  EXPECT_TRUE(has(0, R"("low")"));
}

TEST_F(ApplierTest, AHubThatIsDeletedIsForgotten) {
  make_devices(1);
  configure("fan", kFan);
  run(5'000);
  write([](Tx& tx) { return tx.delete_hub(kHub, {}); });
  run(5'000);
  EXPECT_EQ(counts("fan"), "none");
  EXPECT_EQ(applier_->due_ms(), INT64_MAX);
}

// A process that is killed at any step of a rollout: the next one ends with the same twins, each of
// which was written once.
TEST_F(ApplierTest, KilledAtAnyStep) {
  constexpr std::size_t kDevices = 12;
  make_devices(kDevices);
  configure("fan", kFan);
  close();
  std::filesystem::copy(folder_, folder_ + ".template");
  for (int steps = 1; steps < 12; ++steps) {
    std::filesystem::remove_all(folder_);
    std::filesystem::copy(folder_ + ".template", folder_);
    const pid_t child = ::fork();
    if (child == 0) {
      open();
      begin({.page = 3});
      for (int i = 0; i < steps; ++i) {
        clock_.advance_ms(bounds_.rest_ms);
        (void)applier_->step().has_value();
      }
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    open();
    run(5'000);
    for (std::size_t i = 0; i < kDevices; ++i) {
      ASSERT_TRUE(has(i, "fan")) << steps;
      ASSERT_EQ(version(i), 2U) << steps;
    }
    ASSERT_EQ(counts("fan"), "12 12");
    close();
  }
  std::filesystem::remove_all(folder_ + ".template");
  open();
}

TEST_F(ApplierTest, ItsThreadWakesForNews) {
  make_devices(1);
  const SystemClock system;
  std::promise<std::string> told;
  Wiring wired = wiring();
  wired.desired_changed = [&](const iothub::Identity& id, std::uint64_t, const std::string& body) {
    told.set_value(id.client_id() + " " + body);
  };
  applier_.reset();
  applier_ = std::make_unique<Applier>(*queue_, system, board_, wired);
  const ApplierThread thread(*applier_, system, {});
  configure("fan", kFan);
  EXPECT_EQ(told.get_future().get(), R"(d00000 {"fan":{"on":true},"$version":2})");
}

}  // namespace
}  // namespace pavise::hub::configurations
