#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/server/hub_access/hub_twins.h"
#include "cloud/server/hub_access/log_telemetry.h"
#include "cloud/server/routes/errors.h"

namespace pavise::server {
namespace {

class HubAccess : public ::testing::Test {
 protected:
  HubAccess() {
    std::string pattern = ::testing::TempDir() + "pavise-hub-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    log_ = *hub::SegmentLog::open(*hub::open_log_directory(folder_ + "/log"), {}, clock_);
    store_ = *hub::store::open_sqlite_hub_store({.path = folder_ + "/hub.db"}, clock_);
    queue_ = std::make_unique<hub::store::StoreQueue>(*store_);
  }
  ~HubAccess() override {
    log_.reset();
    queue_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void append(const DeviceId& device, std::string_view tenant, std::string_view payload) {
    hub::RecordBatch batch;
    ASSERT_TRUE(batch.add({.time_ms = 5,
                           .tenant = tenant,
                           .device = device.text(),
                           .properties = "%24.ct=text&k=v",
                           .payload = as_bytes(payload)}));
    ASSERT_TRUE(log_->append_and_wait(batch));
  }

  HubCalls calls() {
    return {
        .desired_changed =
            [this](const iothub::Identity& identity, std::uint64_t version, std::string body) {
              told_.push_back(identity.device() + " " + std::to_string(version) + " " + body);
            },
        .forget =
            [this](const iothub::Identity& identity) {
              forgotten_.push_back(identity.hub().text());
            },
        .rights_changed =
            [this](const hub::RightsChanged& change) { barred_.push_back(change.hub->text()); }};
  }

  TenantId acme_ = *TenantId::parse("acme");
  std::vector<std::string> told_, forgotten_, barred_;
  DeviceId first_ = *DeviceId::parse(std::string(64, 'a'));
  DeviceId second_ = *DeviceId::parse(std::string(64, 'b'));
  ManualClock clock_{1};
  std::string folder_;
  std::unique_ptr<hub::SegmentLog> log_;
  std::unique_ptr<hub::store::HubStore> store_;
  std::unique_ptr<hub::store::StoreQueue> queue_;
};

TEST_F(HubAccess, PagesThroughTelemetry) {
  LogTelemetry telemetry(*log_);
  const TelemetryFilter all;
  const TelemetryFilter acme{.tenant = acme_};
  const TelemetryFilter neither{.tenant = acme_, .device = second_.text()};
  EXPECT_TRUE(telemetry.read(0, 10, all)->items.empty());
  for (int i = 0; i < 3; ++i) append(i == 1 ? second_ : first_, i == 1 ? "other" : "acme", "x");
  const auto page = telemetry.read(0, 2, all);
  ASSERT_EQ(page->items.size(), 2U);
  EXPECT_EQ(page->items[0].properties.size(), 2U);
  EXPECT_EQ(page->items[0].properties[1].second, "v");
  EXPECT_EQ(telemetry.read(page->next_offset, 2, all)->items.size(), 1U);
  EXPECT_EQ(telemetry.read(0, 10, acme)->items.size(), 2U);
  EXPECT_EQ(telemetry.read(0, 10, {.device = second_.text()})->items.size(), 1U);
  EXPECT_EQ(telemetry.read(0, 10, neither)->items.size(), 0U);
  EXPECT_EQ(telemetry.read(0, 10, neither)->next_offset, telemetry.next_offset())
      << "nothing matched, and still the reader moves on";
}

TEST_F(HubAccess, ReadsWhatOneHubReceived) {
  const auto plant = *iothub::HubName::parse("plant-1");
  const auto add = [&](std::string_view hub, std::string_view device, UnixMillis time_ms,
                       const std::string& source = "twinChangeEvents") {
    hub::RecordBatch batch;
    const std::string origin = hub::RecordOrigin{"m1", "sas", "7", source}.encode();
    ASSERT_TRUE(batch.add({.time_ms = time_ms,
                           .tenant = "acme",
                           .device = device,
                           .payload = as_bytes("x"),
                           .hub = hub,
                           .origin = origin}));
    ASSERT_TRUE(log_->append_and_wait(batch));
  };
  add("plant-1", "thermo", 4);
  add("plant-1", "thermo", 5);
  add("plant-2", "thermo", 5);
  add("plant-1", "pump", 5);
  add("plant-1", first_.text(), 5);
  LogTelemetry telemetry(*log_);
  const auto page = telemetry.read(0, 10, {.hub = plant, .since_ms = 5});
  ASSERT_EQ(page->items.size(), 3U) << "ids of any kind, received since the hub was made";
  EXPECT_EQ(page->items[0].device, "thermo");
  EXPECT_EQ(page->items[0].hub, "plant-1");
  EXPECT_EQ(page->items[0].module_id, "m1");
  EXPECT_EQ(page->items[0].auth_method, "sas");
  EXPECT_EQ(page->items[0].generation_id, "7");
  EXPECT_EQ(page->items[0].source, "twinChangeEvents");
  EXPECT_EQ(telemetry.read(0, 10, {.device = "pump", .hub = plant})->items.size(), 1U);
  EXPECT_TRUE(telemetry.read(0, 10, {})->items.empty()) << "none of them is an attested device";
}

TEST_F(HubAccess, WithoutAHubOnlyWhatAttestedDevicesSent) {
  const auto add = [&](std::string_view hub, std::string_view auth_method) {
    hub::RecordBatch batch;
    const std::string origin = hub::RecordOrigin{"", std::string(auth_method), "7", ""}.encode();
    ASSERT_TRUE(batch.add({.time_ms = 5,
                           .tenant = "acme",
                           .device = first_.text(),
                           .payload = as_bytes(auth_method),
                           .hub = hub,
                           .origin = auth_method.empty() ? "" : origin}));
    ASSERT_TRUE(log_->append_and_wait(batch));
  };
  add("plant-1", "sas");
  add("plant-1", "x509");
  add("plant-1", "hub");
  add("plant-1", "");
  add("plant-1", "attested");
  add("", "");  // before there were hubs
  LogTelemetry telemetry(*log_);
  const auto page = telemetry.read(0, 10, {.device = first_.text()});
  ASSERT_EQ(page->items.size(), 2U) << "another device of that name is another device";
  EXPECT_EQ(page->items[0].auth_method, "attested");
  EXPECT_EQ(page->items[1].hub, "");
}

TEST_F(HubAccess, ReadsAndChangesTwins) {
  HubTwins twins(*queue_, calls());
  EXPECT_TRUE(twins.read(acme_, first_).error().is(hub::store::kHubNotFound));
  ASSERT_TRUE(twins.tenant_created(acme_));
  ASSERT_TRUE(twins.tenant_created(acme_)) << "twice is no mistake";
  const auto empty = twins.read(acme_, first_);
  ASSERT_TRUE(empty) << "before the device ever connected";
  EXPECT_EQ(empty->desired, "{}");
  const auto changed = twins.change_desired(acme_, first_, R"({"a":1})", empty->desired_version);
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->desired, R"({"a":1})");
  EXPECT_GT(changed->desired_version, empty->desired_version);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_TRUE(told_[0].starts_with(first_.text() + " " + std::to_string(changed->desired_version)));
  EXPECT_TRUE(
      twins.change_desired(acme_, first_, "{}", empty->desired_version).error().is(kTwinChanged));
  EXPECT_FALSE(twins.change_desired(acme_, first_, R"({"a.b":1})", {}));
  EXPECT_EQ(told_.size(), 1U) << "what did not happen is not told";
}

TEST_F(HubAccess, ForgettingReachesEveryHubAndSparesOtherEntries) {
  HubTwins twins(*queue_, calls());
  ASSERT_TRUE(twins.tenant_created(acme_));
  const auto other = *iothub::HubName::parse("plant-1");
  const auto elsewhere = *iothub::Identity::make(other, first_.text());
  ASSERT_TRUE(twins.change_desired(acme_, first_, R"({"secret":1})", {}));
  ASSERT_TRUE(queue_->call([&](hub::store::HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.create_hub(other, acme_, {}));
    PAVISE_TRY(transaction.ensure_attested(elsewhere));
    return {};
  }));
  ASSERT_TRUE(twins.forget(first_));
  EXPECT_FALSE(store_->index().contains(elsewhere));
  EXPECT_EQ(forgotten_.size(), 2U);
  EXPECT_EQ(barred_, forgotten_) << "a session that is still there ends";
  EXPECT_EQ(twins.read(acme_, first_)->desired, "{}");
  ASSERT_TRUE(twins.forget(second_)) << "was never there";
}

}  // namespace
}  // namespace pavise::server
