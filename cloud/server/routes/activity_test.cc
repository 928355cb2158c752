#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "cloud/hub/session/close_reasons.h"
#include "cloud/server/routes/testing/api_house.h"

namespace pavise::server {
namespace {

namespace json = boost::json;
using security::Role;
using testing::ApiHouse;
using testing::Said;
using testing::tenant_named;

class Activity : public ::testing::Test {
 protected:
  Activity() {
    house_.add_tenant(acme_);
    house_.add_tenant(other_);
    house_.add_hub("ours", acme_);
    house_.add_hub("theirs", other_);
    for (const char* name : {"ours", "theirs", "removed", ""}) {
      hub::HubActivity& hub = house_.activity[name];
      hub.hub = name;
      hub.messages_in = 7;
      hub.connections[0] = 2;
    }
    hub::HubActivity& ours = house_.activity["ours"];
    ours.refused = {{&hub::kClientIdMismatch, 3}};
    ours.closed = {{&hub::kClientDisconnected, 50}, {&hub::kKeepAliveTimeout, 4}};
    ours.slowest = {{.operation = hub::Operation::method,
                     .device = "thermo",
                     .name = "reboot",
                     .us = 1'500,
                     .failure = &hub::kDeviceNotListening,
                     .at_ms = testing::kStartMs}};
  }
  static std::vector<std::string> names(const Said& said) {
    std::vector<std::string> out;
    for (const json::value& hub : said.json.at("hubs").as_array())
      out.push_back(hub.at("hub").is_null() ? "null" : std::string(hub.at("hub").as_string()));
    return out;
  }

  TenantId acme_ = tenant_named("acme");
  TenantId other_ = tenant_named("other");
  ApiHouse house_;
};

TEST_F(Activity, ShowsNumbersAndErrorsInWords) {
  const Said said = house_.call("GET", "/hubs/ours/activity", house_.admin);
  ASSERT_EQ(said.status, 200) << said.raw.body;
  const json::value& hub = said.json.at("hubs").at(0);
  EXPECT_EQ(hub.at("messages_in"), 7);
  EXPECT_EQ(hub.at("connections").at("mqtt"), 2);
  ASSERT_EQ(hub.at("errors").as_array().size(), 2U) << "a good-bye is no error";
  EXPECT_EQ(hub.at("errors").at(0).at("code"), json::value(hub::kKeepAliveTimeout.code));
  EXPECT_EQ(hub.at("errors").at(0).at("what"), json::value(hub::kKeepAliveTimeout.what));
  EXPECT_EQ(hub.at("errors").at(1).at("count"), 3);
  EXPECT_EQ(hub.at("slowest").at(0).at("milliseconds"), 1.5);
  EXPECT_EQ(hub.at("slowest").at(0).at("code"), json::value(hub::kDeviceNotListening.code));
}

TEST_F(Activity, ATenantSeesItsOwnHubsOnly) {
  const std::string bound = house_.token("bound", Role::reader, acme_);
  EXPECT_EQ(names(house_.call("GET", "/activity", bound)), std::vector<std::string>{"ours"});
  EXPECT_EQ(house_.call("GET", "/hubs/theirs/activity", bound).status, 404);
  EXPECT_EQ(house_.call("GET", "/activity?tenant=other", bound).status, 403);
  EXPECT_EQ(names(house_.call("GET", "/activity", house_.admin)),
            (std::vector<std::string>{"ours", "theirs", "null"}));
  EXPECT_EQ(names(house_.call("GET", "/activity?tenant=other", house_.admin)),
            std::vector<std::string>{"theirs"});
}

TEST_F(Activity, AHubThatDidNothingHasZeros) {
  house_.add_hub("idle", acme_);
  const Said said = house_.call("GET", "/hubs/idle/activity", house_.admin);
  ASSERT_EQ(said.status, 200);
  EXPECT_EQ(said.json.at("hubs").at(0).at("messages_in"), 0);
  EXPECT_EQ(said.json.at("hubs").at(0).at("operations").at("method").at("count"), 0);
}

}  // namespace
}  // namespace pavise::server
