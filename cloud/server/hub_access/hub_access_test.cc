#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "cloud/hub/twin_store/twin_store.h"
#include "cloud/server/hub_access/log_telemetry.h"
#include "cloud/server/hub_access/store_twins.h"
#include "cloud/server/routes/errors.h"

namespace pavise::server {
namespace {

class HubAccess : public ::testing::Test {
 protected:
  HubAccess() {
    std::string pattern = ::testing::TempDir() + "pavise-hub-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    log_ = *hub::SegmentLog::open(*hub::open_log_directory(folder_ + "/log"), {}, clock_);
    store_ = *hub::open_sqlite_twin_store(folder_ + "/twins.db");
  }
  ~HubAccess() override {
    log_.reset();
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

  // As the hub does it, without connections.
  TwinCalls calls() {
    using Kind = hub::TwinCommand::Kind;
    TwinCalls calls;
    calls.twin_json = [this](const DeviceId& device) -> Result<std::string> {
      PAVISE_TRY_ASSIGN(auto answer, store_->execute({.kind = Kind::get, .device = device}));
      return std::move(answer.body);
    };
    calls.merge_desired = [this](const DeviceId& device, std::string_view patch,
                                 std::optional<std::uint64_t> if_version) -> Result<std::uint64_t> {
      PAVISE_TRY_ASSIGN(const auto answer, store_->execute({.kind = Kind::merge_desired,
                                                            .device = device,
                                                            .json = std::string(patch),
                                                            .if_version = if_version}));
      return answer.version;
    };
    calls.forget = [this](const DeviceId& device) -> Status {
      const auto answer = store_->execute({.kind = Kind::remove, .device = device});
      return answer ? Status() : Status(answer.error());
    };
    return calls;
  }

  DeviceId first_ = *DeviceId::parse(std::string(64, 'a'));
  DeviceId second_ = *DeviceId::parse(std::string(64, 'b'));
  ManualClock clock_{1};
  std::string folder_;
  std::unique_ptr<hub::SegmentLog> log_;
  std::unique_ptr<hub::TwinStore> store_;
};

TEST_F(HubAccess, PagesThroughTelemetry) {
  LogTelemetry telemetry(*log_);
  EXPECT_TRUE(telemetry.read(0, 10, {}, {})->items.empty());
  for (int i = 0; i < 3; ++i) append(i == 1 ? second_ : first_, i == 1 ? "other" : "acme", "x");
  const auto page = telemetry.read(0, 2, {}, {});
  ASSERT_EQ(page->items.size(), 2U);
  EXPECT_EQ(page->items[0].properties.size(), 2U);
  EXPECT_EQ(page->items[0].properties[1].second, "v");
  EXPECT_EQ(telemetry.read(page->next_offset, 2, {}, {})->items.size(), 1U);
  EXPECT_EQ(telemetry.read(0, 10, TenantId::parse("acme"), {})->items.size(), 2U);
  EXPECT_EQ(telemetry.read(0, 10, {}, second_)->items.size(), 1U);
  EXPECT_EQ(telemetry.read(0, 10, TenantId::parse("acme"), second_)->items.size(), 0U);
  EXPECT_EQ(telemetry.read(0, 10, TenantId::parse("acme"), second_)->next_offset,
            telemetry.next_offset())
      << "nothing matched, and still the reader moves on";
}

TEST_F(HubAccess, ReadsAndChangesTwins) {
  StoreTwins twins(calls());
  const auto empty = twins.read(first_);
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->desired, "{}");
  const auto changed = twins.change_desired(first_, R"({"a":1})", empty->desired_version);
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->desired, R"({"a":1})");
  EXPECT_GT(changed->desired_version, empty->desired_version);
  EXPECT_TRUE(twins.change_desired(first_, "{}", empty->desired_version).error().is(kTwinChanged));
  EXPECT_FALSE(twins.change_desired(first_, R"({"a.b":1})", {}));
  ASSERT_TRUE(twins.forget(first_));
  EXPECT_EQ(twins.read(first_)->desired, "{}");
}

}  // namespace
}  // namespace pavise::server
