// What the hub says of its devices: written with the change, kept until the event log has it.
#include "cloud/hub/store/device_events_contract.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace pavise::hub::store {

namespace json = boost::json;
using testing::ElementsAre;
using testing::IsEmpty;
using Tx = HubTransaction;

TEST_P(DeviceEventsContract, AHubThatWantsNoneHasNone) {
  make_hub(store());
  make_device(store());
  ASSERT_TRUE(run([](Tx& tx) { return tx.merge_reported(device_id(), R"({"x":1})", {}); }));
  ASSERT_TRUE(report(true));
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_identity(device_id(), {}); }));
  EXPECT_THAT(events(), IsEmpty());
}

TEST_P(DeviceEventsContract, EachSourceIsWantedByItself) {
  const auto everything = [&](std::string_view hub) {
    const iothub::Identity id = device_id("d1", {}, hub);
    ASSERT_TRUE(run([&](Tx& tx) { return tx.create_identity(id, {}); }));
    ASSERT_TRUE(run([&](Tx& tx) { return tx.merge_reported(id, "{}", {}); }));
    const Activity activities[] = {{id, 1, 1, true}};
    ASSERT_TRUE(run_status([&](Tx& tx) { return tx.note_activity(activities); }));
  };
  int row = 0;
  for (const EventSource source :
       {EventSource::twin_changes, EventSource::device_lifecycle, EventSource::connection_state}) {
    const std::string hub = "hub-" + std::to_string(++row);
    ASSERT_TRUE(run([&](Tx& tx) {
      return tx.create_hub(hub_name(hub), *TenantId::parse("tenant"),
                           {.event_sources = static_cast<EventSources>(source)});
    }));
    everything(hub);
    ASSERT_EQ(events().size(), static_cast<std::size_t>(row));
    EXPECT_EQ(events().back().source, source);
  }
  EXPECT_THAT(told(), ElementsAre("updateTwin", "createDeviceIdentity", "deviceConnected"));
}

TEST_P(DeviceEventsContract, TheLifeOfADeviceAndItsModule) {
  make_hub_with(static_cast<EventSources>(EventSource::device_lifecycle));
  const IdentityRecord made = make_device(store());
  make_device(store(), "d1", "m");
  ASSERT_TRUE(run([](Tx& tx) { return tx.merge_reported(device_id(), R"({"x":1})", {}); }));
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_identity(device_id(), {}); }));
  EXPECT_THAT(told(), ElementsAre("createDeviceIdentity", "createModuleIdentity",
                                  "deleteModuleIdentity", "deleteDeviceIdentity"));
  const DeviceEvent event = events().back();
  EXPECT_EQ(event.id, device_id());
  EXPECT_EQ(event.tenant.text(), "tenant");
  EXPECT_EQ(event.generation_id, made.generation_id);
  EXPECT_EQ(event.at_ms, kTestTime);
  const json::object body = last_body();
  EXPECT_EQ(body.at("deviceId"), "d1");
  EXPECT_EQ(body.at("properties").at("reported").at("x"), 1) << "the twin as it was";
  EXPECT_EQ(json::parse(events()[2].body_json).at("moduleId"), "m");
}

TEST_P(DeviceEventsContract, ATwinChangeTellsWhatWasWritten) {
  make_hub_with(static_cast<EventSources>(EventSource::twin_changes));
  make_device(store());
  const auto reported = [&](std::string_view patch) {
    ASSERT_TRUE(run([&](Tx& tx) { return tx.merge_reported(device_id(), patch, {}); }));
  };
  const auto changed = [&](std::string_view body, TwinChangeKind kind) {
    ASSERT_TRUE(run([&](Tx& tx) { return tx.change_twin(device_id(), body, kind, {}); }));
  };
  reported(R"({"a":{"x":1,"y":2},"b":3})");
  reported(R"({"a":{"x":7},"b":null})");
  json::object body = last_body();
  json::object& section = body.at("properties").at("reported").as_object();
  EXPECT_EQ(section.at("a"), json::parse(R"({"x":7})")) << "only the change";
  EXPECT_TRUE(section.at("b").is_null());
  EXPECT_EQ(section.at("$version"), 3);
  const json::value& metadata = section.at("$metadata");
  EXPECT_TRUE(metadata.at("a").at("x").as_object().contains("$lastUpdated"));
  EXPECT_FALSE(metadata.at("a").as_object().contains("y"));
  EXPECT_FALSE(metadata.as_object().contains("b"));
  EXPECT_EQ(body.at("version"), 3);

  changed(R"({"tags":{"site":"n"},"properties":{"desired":{"p":1,"$version":9}}})",
          TwinChangeKind::merge);
  body = last_body();
  EXPECT_EQ(body.at("tags"), json::parse(R"({"site":"n"})"));
  EXPECT_EQ(body.at("properties").at("desired").at("p"), 1);
  EXPECT_EQ(body.at("properties").at("desired").at("$version"), 2);
  changed(R"({"tags":null,"properties":{"desired":null}})", TwinChangeKind::merge);
  body = last_body();
  EXPECT_EQ(body.at("tags"), json::parse(R"({"site":null})")) << "by its members";
  EXPECT_TRUE(body.at("properties").at("desired").at("p").is_null());
  changed(R"({"tags":{"site":"n"},"properties":{"desired":{"p":1}}})", TwinChangeKind::merge);
  changed(R"({"properties":{"desired":{"q":2}}})", TwinChangeKind::replace);
  body = last_body();
  EXPECT_FALSE(body.at("properties").at("desired").as_object().contains("p"));
  EXPECT_EQ(body.at("tags").at("site"), "n") << "the whole of it";
  changed("{}", TwinChangeKind::merge);
  EXPECT_FALSE(run([](Tx& tx) { return tx.merge_reported(device_id(), "[]", {}); }));
  EXPECT_THAT(told(), ElementsAre("updateTwin", "updateTwin", "updateTwin", "updateTwin",
                                  "updateTwin", "replaceTwin"))
      << "what changed nothing is not told";
}

TEST_P(DeviceEventsContract, ABodyHasALimit) {
  make_hub_with(kAllEventSources);
  make_device(store());
  std::string many = "{";
  for (int i = 0; i < 2'300; ++i) many += "\"k" + std::to_string(10'000 + i) + "\":1,";
  many.back() = '}';
  ASSERT_TRUE(run([&](Tx& tx) { return tx.merge_reported(device_id(), many, {}); }));
  EXPECT_LE(events().back().body_json.size(), kDeviceEventBodyMax);
  json::object section = last_body().at("properties").at("reported").as_object();
  EXPECT_EQ(section.size(), 2'302U) << "small enough for its metadata";
  ASSERT_TRUE(run([&](Tx& tx) {
    return tx.change_twin(device_id(), R"({"properties":{"desired":)" + many + "}}",
                          TwinChangeKind::merge, {});
  }));
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_identity(device_id(), {}); }));
  EXPECT_LE(events().back().body_json.size(), kDeviceEventBodyMax);
  section = last_body().at("properties").at("reported").as_object();
  EXPECT_EQ(section.size(), 2'301U) << "$metadata is left out";

  make_device(store());
  std::string nulls = R"({"tags":{)";
  for (int i = 0; i < 20'000; ++i) nulls += "\"k" + std::to_string(100'000 + i) + "\":null,";
  nulls.back() = '}';
  ASSERT_TRUE(run(
      [&](Tx& tx) { return tx.change_twin(device_id(), nulls + "}", TwinChangeKind::merge, {}); }));
  EXPECT_EQ(events().back().body_json, R"({"version":2})");
}

TEST_P(DeviceEventsContract, AConnectionIsToldWhenItChanges) {
  make_hub_with(kAllEventSources);
  make_device(store());
  ASSERT_TRUE(report(false)) << "nothing new";
  ASSERT_TRUE(report(true, kTestTime + 5));
  ASSERT_TRUE(report(true, kTestTime + 6));
  EXPECT_EQ(events().back().at_ms, kTestTime + 5);
  ASSERT_TRUE(report(false));
  EXPECT_THAT(told(), ElementsAre("createDeviceIdentity", "deviceConnected", "deviceDisconnected"));
  const auto sequence = [&](std::size_t i) {
    return std::string(json::parse(events()[i].body_json).at("sequenceNumber").as_string());
  };
  EXPECT_EQ(sequence(1).size(), 64U);
  EXPECT_LT(sequence(1), sequence(2)) << "as text";
}

TEST_P(DeviceEventsContract, AConnectionThatAKillEndedIsToldAtTheNextStart) {
  make_hub_with(kAllEventSources);
  make_device(store());
  ASSERT_TRUE(report(true));
  clock_.advance_ms(1'000);
  reopen();
  EXPECT_EQ(told().back(), "deviceDisconnected");
  EXPECT_EQ(events().back().at_ms, kTestTime + 1'000);
  EXPECT_EQ(run([](Tx& tx) { return tx.identity(device_id()); })->connection_updated_ms,
            kTestTime + 1'000);
  const std::size_t before = events().size();
  reopen();
  EXPECT_EQ(events().size(), before) << "once";
}

TEST_P(DeviceEventsContract, TheyStayUntilTheyAreDeletedAndKeepTheirOrder) {
  make_hub_with(kAllEventSources);
  for (const char* name : {"a", "b", "c"}) make_device(store(), name);
  reopen();
  EXPECT_EQ(events(2).size(), 2U);
  const auto all = events();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].id.device(), "a");
  EXPECT_LT(all[0].number, all[1].number);
  ASSERT_TRUE(run_status([&](Tx& tx) { return tx.delete_device_events(all[1].number); }));
  EXPECT_EQ(events().front().number, all[2].number);
  ASSERT_TRUE(run_status([&](Tx& tx) { return tx.delete_device_events(all[2].number); }));
  make_device(store(), "d");
  EXPECT_GT(events().front().number, all[2].number) << "a number is not used twice";
  ASSERT_TRUE(run_status([](Tx& tx) { return tx.delete_hub(hub_name(), {}); }));
  EXPECT_THAT(events(), IsEmpty()) << "what belongs to a hub goes with it";
}

TEST_P(DeviceEventsContract, WhatFailsTellsNothing) {
  make_hub_with(kAllEventSources);
  make_device(store());
  EXPECT_FALSE(run_status([](Tx& tx) -> Status {
    PAVISE_TRY(tx.merge_reported(device_id(), R"({"x":1})", {}));
    return kQueueFull;
  }));
  EXPECT_THAT(told(), ElementsAre("createDeviceIdentity"));
}

}  // namespace pavise::hub::store
