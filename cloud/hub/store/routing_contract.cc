// Routes, their endpoints, and how far each endpoint got.
#include "cloud/hub/store/routing_contract.h"

#include <gmock/gmock.h>

namespace pavise::hub::store {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Tx = HubTransaction;

namespace {

// What another version might ask for.
// NOLINTBEGIN(clang-analyzer-optin.core.EnumCastOutOfRange)
const auto kUnknownKind = static_cast<EndpointKind>(4);
const auto kUnknownSource = static_cast<RouteSource>(5);
// NOLINTEND(clang-analyzer-optin.core.EnumCastOutOfRange)

RoutingEndpointRecord webhook(std::string name = "alarms") {
  return {.name = std::move(name), .address = "https://alarms.example/in", .secret = "Bearer x"};
}
RouteRecord to(std::string endpoint, std::string name = "hot") {
  return {.name = std::move(name), .endpoint = std::move(endpoint), .condition = "t > 30"};
}

}  // namespace

Result<RoutingEndpointRecord> RoutingContract::create(const RoutingEndpointRecord& record,
                                                      std::string_view hub) {
  return run([&](Tx& tx) { return tx.create_routing_endpoint(hub_name(hub), record, 5); });
}
Result<RoutingEndpointRecord> RoutingContract::update(const RoutingEndpointRecord& record,
                                                      const IfMatch& if_match) {
  return run([&](Tx& tx) { return tx.update_routing_endpoint(hub_name(), record, if_match); });
}
Result<RouteRecord> RoutingContract::create(const RouteRecord& record) {
  return run([&](Tx& tx) { return tx.create_route(hub_name(), record); });
}
RoutingEndpointRecord RoutingContract::endpoint(std::string_view name) {
  return *run([&](Tx& tx) { return tx.routing_endpoint(hub_name(), name); });
}
Status RoutingContract::execute(const HubStore::Operation& operation) {
  return store().execute(operation);
}

TEST_P(RoutingContract, AnEndpointKeepsWhatItWasGiven) {
  const RoutingEndpointRecord given{.name = "bus",
                                    .kind = EndpointKind::nats,
                                    .address = "nats.example:4222",
                                    .topic = "plant.telemetry",
                                    .user = "hub",
                                    .secret = "s3cret",
                                    .ca_pem = "-----BEGIN CERTIFICATE-----\n"};
  ASSERT_TRUE(create(given));
  reopen();
  const RoutingEndpointRecord kept = endpoint("bus");
  EXPECT_EQ(kept.kind, EndpointKind::nats);
  EXPECT_EQ(kept.address, given.address);
  EXPECT_EQ(kept.topic, given.topic);
  EXPECT_EQ(kept.user, given.user);
  EXPECT_EQ(kept.secret, given.secret);
  EXPECT_EQ(kept.ca_pem, given.ca_pem);
  EXPECT_TRUE(kept.tls);
  EXPECT_EQ(kept.cursor, 5U);
  EXPECT_EQ(kept.created_ms, kTestTime);
  EXPECT_FALSE(kept.etag.empty());
  EXPECT_TRUE(create(given).error().is(kEndpointExists));
}

TEST_P(RoutingContract, AnEndpointIsCheckedAndItsSecretIsInNoError) {
  const auto refused = [&](auto change, std::string_view what) {
    RoutingEndpointRecord record = webhook();
    record.secret = "S3CRET";
    change(record);
    const auto made = create(record);
    ASSERT_FALSE(made) << what;
    EXPECT_TRUE(made.error().is(kBadEndpoint)) << what;
    EXPECT_THAT(made.error().detail(), HasSubstr(what));
    EXPECT_THAT(made.error().message(), Not(HasSubstr("S3CRET")));
  };
  using Record = RoutingEndpointRecord;
  refused([](Record& r) { r.name = "events"; }, "name");
  refused([](Record& r) { r.name = "a/b"; }, "name");
  refused([](Record& r) { r.name = std::string(kRouteNameSizeMax + 1, 'a'); }, "name");
  refused([](Record& r) { r.kind = kUnknownKind; }, "type");
  refused([](Record& r) { r.address = ""; }, "address");
  refused([](Record& r) { r.address = std::string(kEndpointAddressSizeMax + 1, 'a'); }, "address");
  refused([](Record& r) { r.address = "https://a\r\nb"; }, "address");
  refused([](Record& r) { r.topic = "t"; }, "topic");
  refused([](Record& r) { r.kind = EndpointKind::kafka; }, "topic");
  refused([](Record& r) { r.user = std::string(kEndpointUserSizeMax + 1, 'a'); }, "user");
  refused([](Record& r) { r.secret = "S3CRET\r\nEvil: 1"; }, "secret");
  refused([](Record& r) { r.secret = std::string(kEndpointSecretSizeMax + 1, 'a'); }, "secret");
  refused([](Record& r) { r.ca_pem = std::string(kEndpointCaSizeMax + 1, 'a'); }, "ca");
  refused([](Record& r) { r.tls = false; }, "tls");
  refused(
      [](Record& r) {
        r.kind = EndpointKind::nats;
        r.topic = "t";
        r.tls = false;
      },
      "tls");

  RoutingEndpointRecord longest = webhook(std::string(kRouteNameSizeMax, 'a'));
  longest.address = std::string(kEndpointAddressSizeMax, 'a');
  longest.user = std::string(kEndpointUserSizeMax, 'a');
  longest.secret = std::string(kEndpointSecretSizeMax, 'a');
  longest.ca_pem = std::string(kEndpointCaSizeMax, 'a');
  EXPECT_TRUE(create(longest));
  EXPECT_TRUE(create(RoutingEndpointRecord{.name = "plain",
                                           .kind = EndpointKind::kafka,
                                           .address = "127.0.0.1:9092",
                                           .topic = std::string(kEndpointTopicSizeMax, 't'),
                                           .tls = false}));
}

TEST_P(RoutingContract, AnEndpointChangesButForItsKindAndItsPlace) {
  const auto made = create(webhook());
  RoutingEndpointRecord changed = webhook();
  changed.address = "https://other.example";
  changed.secret = "";
  changed.cursor = 999;
  changed.number = 999;
  EXPECT_TRUE(update(changed, "stale").error().is(kPreconditionFailed));
  const auto after = update(changed, made->etag);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->number, made->number);
  EXPECT_EQ(after->address, changed.address);
  EXPECT_EQ(after->secret, "");
  EXPECT_EQ(after->cursor, 5U);
  EXPECT_NE(after->etag, made->etag);
  changed.kind = EndpointKind::nats;
  changed.topic = "t";
  EXPECT_TRUE(update(changed, {}).error().is(kBadEndpoint));
  EXPECT_TRUE(update(webhook("nobody"), {}).error().is(kEndpointNotFound));
}

TEST_P(RoutingContract, ThereIsRoomForTenEndpointsInAHubAndForSixtyFourInAll) {
  for (std::size_t i = 0; i < kRoutingEndpointsMax; ++i)
    ASSERT_TRUE(create(webhook("e" + std::to_string(i))));
  EXPECT_TRUE(create(webhook("more")).error().is(kTooManyEndpoints));
  std::size_t made = kRoutingEndpointsMax;
  for (int hub = 0; made < kRoutingEndpointsOfStoreMax; ++hub) {
    const std::string name = "hub-" + std::to_string(hub);
    make_hub(store(), name);
    for (std::size_t i = 0; i < kRoutingEndpointsMax && made < kRoutingEndpointsOfStoreMax; ++i) {
      ASSERT_TRUE(create(webhook("e" + std::to_string(i)), name));
      ++made;
    }
  }
  make_hub(store(), "last");
  EXPECT_TRUE(create(webhook(), "last").error().is(kTooManyEndpoints));
  ASSERT_TRUE(execute([](Tx& tx) { return tx.delete_routing_endpoint(hub_name(), "e0", {}); }));
  EXPECT_TRUE(create(webhook(), "last"));
}

TEST_P(RoutingContract, HowFarAnEndpointGotIsKeptAndNeverGoesBack) {
  const std::int64_t number = create(webhook())->number;
  const auto note = [&](RoutingProgress progress) {
    return execute([progress](Tx& tx) { return tx.note_routing(progress); });
  };
  ASSERT_TRUE(note({.number = number, .cursor = 70, .delivered = 60, .gaps = 1}));
  ASSERT_TRUE(note({.number = number, .cursor = 50, .delivered = 2, .dead_letters = 3}));
  ASSERT_TRUE(note({.number = number + 1, .cursor = 1000})) << "one that is gone";
  reopen();
  const RoutingEndpointRecord kept = endpoint("alarms");
  EXPECT_EQ(kept.cursor, 70U);
  EXPECT_EQ(kept.delivered, 62U);
  EXPECT_EQ(kept.dead_letters, 3U);
  EXPECT_EQ(kept.gaps, 1U);
}

TEST_P(RoutingContract, AnEndpointThatIsMadeAgainIsAnother) {
  const auto first = create(webhook());
  ASSERT_TRUE(execute([](Tx& tx) { return tx.delete_routing_endpoint(hub_name(), "alarms", {}); }));
  const auto second = create(webhook());
  EXPECT_NE(second->number, first->number) << "what still runs for the first must not move it";
  EXPECT_TRUE(execute([](Tx& tx) { return tx.delete_routing_endpoint(hub_name(), "alarms", "x"); })
                  .error()
                  .is(kPreconditionFailed));
}

TEST_P(RoutingContract, ARouteLeadsToAnEndpointThatExists) {
  EXPECT_TRUE(create(to("alarms")).error().is(kEndpointNotFound));
  ASSERT_TRUE(create(webhook()));
  ASSERT_TRUE(create(to("alarms")));
  ASSERT_TRUE(create(to("events", "all")));
  EXPECT_TRUE(create(to("events", "all")).error().is(kRouteExists));
  const auto removed =
      execute([](Tx& tx) { return tx.delete_routing_endpoint(hub_name(), "alarms", {}); });
  EXPECT_TRUE(removed.error().is(kEndpointInUse));
  EXPECT_EQ(removed.error().detail(), "hot");
  ASSERT_TRUE(execute([](Tx& tx) { return tx.delete_route(hub_name(), "hot", {}); }));
  EXPECT_TRUE(execute([](Tx& tx) { return tx.delete_routing_endpoint(hub_name(), "alarms", {}); }));
}

TEST_P(RoutingContract, RoutesAreMadeChangedListedAndDeleted) {
  RouteRecord route = to("events");
  const auto made = create(route);
  ASSERT_TRUE(made);
  route.source = RouteSource::twin_changes;
  route.condition = "true";
  route.enabled = false;
  const auto update = [&](const IfMatch& if_match) {
    return run([&](Tx& tx) { return tx.update_route(hub_name(), route, if_match); });
  };
  EXPECT_TRUE(update("stale").error().is(kPreconditionFailed));
  ASSERT_TRUE(update(made->etag));
  reopen();
  const auto kept = run([](Tx& tx) { return tx.routes(hub_name()); });
  ASSERT_EQ(kept->size(), 1U);
  EXPECT_EQ(kept->front().source, RouteSource::twin_changes);
  EXPECT_EQ(kept->front().condition, "true");
  EXPECT_FALSE(kept->front().enabled);
  EXPECT_NE(kept->front().etag, made->etag);
  EXPECT_TRUE(execute([](Tx& tx) { return tx.delete_route(hub_name(), "hot", "stale"); })
                  .error()
                  .is(kPreconditionFailed));
  ASSERT_TRUE(execute([](Tx& tx) { return tx.delete_route(hub_name(), "hot", {}); }));
  EXPECT_TRUE(update({}).error().is(kRouteNotFound));
  EXPECT_THAT(*run([](Tx& tx) { return tx.routes(hub_name()); }), IsEmpty());
}

TEST_P(RoutingContract, ARouteIsChecked) {
  const auto refused = [&](auto change) {
    RouteRecord record = to("events");
    change(record);
    const auto made = create(record);
    EXPECT_TRUE(!made && made.error().is(kBadRoute));
  };
  refused([](RouteRecord& r) { r.name = "$fallback"; });
  refused([](RouteRecord& r) { r.name = std::string(kRouteNameSizeMax + 1, 'a'); });
  refused([](RouteRecord& r) { r.source = kUnknownSource; });
  refused([](RouteRecord& r) { r.condition = ""; });
  refused([](RouteRecord& r) { r.condition = std::string(kRouteConditionSizeMax + 1, 'a'); });
  RouteRecord longest = to("events", std::string(kRouteNameSizeMax, 'a'));
  longest.condition = std::string(kRouteConditionSizeMax, 'a');
  EXPECT_TRUE(create(longest));
}

TEST_P(RoutingContract, AHubHasAHundredRoutes) {
  for (std::size_t i = 0; i < kRoutesMax; ++i)
    ASSERT_TRUE(create(to("events", "r" + std::to_string(i))));
  EXPECT_TRUE(create(to("events", "more")).error().is(kTooManyRoutes));
}

TEST_P(RoutingContract, TheyGoWithTheirHub) {
  ASSERT_TRUE(create(webhook()));
  ASSERT_TRUE(create(to("alarms")));
  ASSERT_TRUE(execute([](Tx& tx) { return tx.delete_hub(hub_name(), {}); }));
  EXPECT_TRUE(run([](Tx& tx) { return tx.routes(hub_name()); }).error().is(kHubNotFound));
  make_hub(store());
  EXPECT_THAT(*run([](Tx& tx) { return tx.routes(hub_name()); }), IsEmpty());
  EXPECT_THAT(*run([](Tx& tx) { return tx.routing_endpoints(hub_name()); }), IsEmpty());
}

}  // namespace pavise::hub::store
