#include "cloud/hub/routing/router.h"

#include <gmock/gmock.h>
#include <poll.h>

#include <latch>

#include "cloud/hub/routing/errors.h"
#include "cloud/hub/routing/testing/routing_fixture.h"

namespace pavise::hub::routing {
namespace {

constexpr ErrorInfo kDown{"PV-TST-001", Retry::later, "down", "wait"};

class RouterTest : public testing::RoutingFixture {
 protected:
  // Each endpoint has a receiver by its name.
  std::shared_ptr<testing::Receiver> receiver(const std::string& name) {
    const std::lock_guard lock(receivers_mutex_);
    auto& found = receivers_[name];
    if (!found) found = std::make_shared<testing::Receiver>();
    return found;
  }
  void start() {
    router_ = std::make_unique<Router>(
        wiring_,
        [this](const store::RoutingEndpointRecord& record) -> Result<std::unique_ptr<Sink>> {
          if (record.address.ends_with("/broken")) return kNoAuthorities;
          return std::unique_ptr<Sink>(
              std::make_unique<testing::ReceiverSink>(receiver(record.name)));
        });
    router_->start();
  }
  static auto has(std::vector<std::string> expected) {
    return [expected = std::move(expected)](const std::vector<std::string>& bodies, int) {
      return bodies == expected;
    };
  }

  std::mutex receivers_mutex_;
  std::map<std::string, std::shared_ptr<testing::Receiver>> receivers_;
  std::unique_ptr<Router> router_;
};

TEST_F(RouterTest, BringsWhatComesWithoutBeingAsked) {
  make_route("all");
  start();
  append("1");
  EXPECT_TRUE(receiver("hook")->wait(has({"1"})));
  append("2");
  EXPECT_TRUE(receiver("hook")->wait(has({"1", "2"})));
  router_->stop();
  EXPECT_EQ(endpoint().cursor, log_->durable_end());
}

TEST_F(RouterTest, FollowsRoutesAndEndpointsThatChange) {
  start();
  make_route("all");
  router_->changed();
  append("1");
  EXPECT_TRUE(receiver("hook")->wait(has({"1"})));
  make_endpoint("second");
  make_route("also", "true", "second");
  router_->changed();
  append("2");
  EXPECT_TRUE(receiver("second")->wait(has({"2"})));
  EXPECT_TRUE(receiver("hook")->wait(has({"1", "2"})));
}

TEST_F(RouterTest, ADeadOrHangingEndpointStopsNeitherTheOthersNorTheEnd) {
  make_endpoint("hangs");
  make_endpoint("lives");
  make_route("a");
  make_route("b", "true", "hangs");
  make_route("c", "true", "lives");
  receiver("hook")->answer([](std::span<const Message>) { return Outcome{.error = Error(kDown)}; });
  std::latch release(1);
  receiver("hangs")->answer([&](std::span<const Message>) {
    release.wait();
    return Outcome{.error = Error(kDown)};
  });
  start();
  append("1");
  EXPECT_TRUE(receiver("hook")->wait([](const auto&, int calls) { return calls > 0; }));
  EXPECT_TRUE(receiver("lives")->wait(has({"1"})));
  append("2");
  EXPECT_TRUE(receiver("lives")->wait(has({"1", "2"})));
  release.count_down();
  router_->stop();
  EXPECT_EQ(endpoint("hook").cursor, 0U);
}

TEST_F(RouterTest, AnEndpointThatCannotBeUsedSaysWhy) {
  ASSERT_TRUE(queue_->call<store::RoutingEndpointRecord>([&](store::HubTransaction& tx) {
    return tx.update_routing_endpoint(
        name_, {.name = "hook", .address = "https://hook.example/broken"}, {});
  }));
  make_route("all");
  make_endpoint("lives");
  make_route("also", "true", "lives");
  start();
  append("1");
  EXPECT_TRUE(receiver("lives")->wait(has({"1"})));
  router_->stop();
  const auto health = board_.health(endpoint("hook").number);
  ASSERT_TRUE(health);
  EXPECT_EQ(endpoint("hook").cursor, 0U) << "nothing is lost by it";

  ASSERT_TRUE(queue_->call<store::RoutingEndpointRecord>([&](store::HubTransaction& tx) {
    return tx.update_routing_endpoint(name_, {.name = "hook", .address = "https://hook.example/"},
                                      {});
  }));
  start();
  EXPECT_TRUE(receiver("hook")->wait(has({"1"}))) << "what waited comes when it is mended";
}

TEST_F(RouterTest, AnEndpointThatIsDeletedGetsNoMore) {
  make_route("all");
  start();
  append("1");
  EXPECT_TRUE(receiver("hook")->wait(has({"1"})));
  const std::int64_t number = endpoint().number;
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& tx) -> Status {
    PAVISE_TRY(tx.delete_route(name_, "all", {}));
    return tx.delete_routing_endpoint(name_, "hook", {});
  }));
  make_endpoint("second");
  make_route("also", "true", "second");
  router_->changed();
  append("2");
  EXPECT_TRUE(receiver("second")->wait(has({"2"})));
  for (int i = 0; i < 6000 && board_.health(number); ++i) ::poll(nullptr, 0, 10);
  EXPECT_FALSE(board_.health(number));
  append("3");
  EXPECT_TRUE(receiver("second")->wait(has({"2", "3"})));
  router_->stop();
  EXPECT_THAT(receiver("hook")->bodies(), ::testing::Contains("1"));
  EXPECT_THAT(receiver("hook")->bodies(), ::testing::Not(::testing::Contains("3")));
}

}  // namespace
}  // namespace pavise::hub::routing
