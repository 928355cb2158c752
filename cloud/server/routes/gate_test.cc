#include "cloud/server/routes/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/server/routes/errors.h"
#include "cloud/server/routes/testing/api_house.h"

namespace pavise::server {
namespace {

using security::Role;
using testing::ApiHouse;

TEST(MatchRoute, FindsTheRowAndTheName) {
  const auto match = match_route(route_table(), "GET", "/api/v1/devices/abc/evidence");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->route->pattern, "/devices/{device}/evidence");
  EXPECT_EQ(match->names, std::vector<std::string>{"abc"});
}

TEST(MatchRoute, FindsTwoNames) {
  const auto match =
      match_route(route_table(), "DELETE", "/api/v1/hubs/plant-1/certificates/root.2");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->names, (std::vector<std::string>{"plant-1", "root.2"}));
}

TEST(MatchRoute, PrefersTheLiteralPath) {
  EXPECT_EQ(match_route(route_table(), "POST", "/api/v1/devices/claim")->route->pattern,
            "/devices/claim");
}

TEST(MatchRoute, FindsTheMetricsWherePrometheusLooks) {
  for (const char* path : {"/metrics", "/api/v1/metrics"})
    EXPECT_EQ(match_route(route_table(), "GET", path)->route->pattern, "/metrics") << path;
  EXPECT_FALSE(match_route(route_table(), "GET", "/status"));
}

TEST(MatchRoute, RefusesEveryOtherPath) {
  for (const char* path :
       {"/", "/api/v1", "/api/v1/", "/api/v1/tenants/", "/api/v1//tenants", "/api/v2/tenants",
        "/api/v1/devices//twin", "/api/v1/devices/a/b/twin", "/api/v1/devices/a/twin/",
        "/API/v1/tenants", "/api/v1/hubs/a/certificates/", "/api/v1/hubs//certificates",
        "/api/v1/hubs/a/b/c", "/api/v1/tenants%2f", "/api/v1/../v1/tenants"})
    EXPECT_TRUE(match_route(route_table(), "GET", path).error().is(kNoSuchPath)) << path;
}

TEST(MatchRoute, NamesTheMethodsThatExist) {
  const auto match = match_route(route_table(), "PUT", "/api/v1/tenants");
  ASSERT_FALSE(match);
  EXPECT_TRUE(match.error().is(kNoSuchMethod));
  EXPECT_EQ(match.error().detail(), "GET, POST");
}

TEST(RoleSuffices, IsATableOfItsOwn) {
  const Role all[] = {Role::administrator, Role::operator_, Role::reader, Role::factory,
                      Role::metrics};
  const bool expected[5][5] = {// needed: admin, operator, reader, factory, metrics
                               {true, true, true, true, true},       // held: admin
                               {false, true, true, false, false},    // operator
                               {false, false, true, false, false},   // reader
                               {false, false, false, true, false},   // factory
                               {false, false, false, false, true}};  // metrics
  for (std::size_t held = 0; held < 5; ++held)
    for (std::size_t needed = 0; needed < 5; ++needed)
      EXPECT_EQ(role_suffices(all[held], all[needed]), expected[held][needed]);
}

TEST(Gate, LimitsFailedAuthenticationsOfOneAddress) {
  ApiHouse house;
  for (std::size_t i = 0; i < kFailuresMax; ++i)
    EXPECT_EQ(house.call("GET", "/status", "wrong").status, 401);
  const auto limited = house.call("GET", "/status", "wrong");
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.code(), "PV-API-007");
  EXPECT_EQ(house.call("GET", "/status", house.admin).status, 200)
      << "a good token passes from the same address";
  house.peer = "192.0.2.2";
  EXPECT_EQ(house.call("GET", "/status", "wrong").status, 401);
}

TEST(Gate, TakesBearerTokensOnly) {
  ApiHouse house;
  for (const std::string& header :
       {"Basic " + house.admin, house.admin, "bearer" + house.admin, "Bearer  " + house.admin})
    EXPECT_EQ(house.call("GET", "/status", "", "", {{"authorization", header}}).status, 401)
        << header;
}

TEST(Gate, TellsNothingToWhoHasNoToken) {
  ApiHouse house;
  for (const char* path : {"/nowhere", "/devices/x", "/tenants"})
    EXPECT_EQ(house.call("GET", path, "").code(), "PV-API-001");
}

// Else anybody could push what matters out of the log.
TEST(Gate, LogsFewRefusalsOfOneStranger) {
  ApiHouse house;
  const auto lines = [&] { return std::ranges::count(house.log.lines, '\n'); };
  for (std::size_t i = 0; i < 3 * kLinesPerPeerMax; ++i)
    EXPECT_EQ(house.call("GET", "/status", "").status, 401);
  EXPECT_EQ(lines(), static_cast<std::ptrdiff_t>(kLinesPerPeerMax) + 1);
  EXPECT_THAT(house.log.lines, ::testing::HasSubstr("log.held_back"));
  EXPECT_EQ(house.call("GET", "/nowhere", house.admin).status, 404);
  EXPECT_EQ(lines(), static_cast<std::ptrdiff_t>(kLinesPerPeerMax) + 2) << "not a stranger";
  house.peer = "192.0.2.2";
  EXPECT_EQ(house.call("GET", "/status", "").status, 401);
  EXPECT_EQ(lines(), static_cast<std::ptrdiff_t>(kLinesPerPeerMax) + 3) << "another one";
}

TEST(Gate, JudgesAHeadByItsTokenAlone) {
  ApiHouse house;
  http::Request head;
  head.method = "POST";
  head.path = "/api/v1/nowhere";
  head.peer = "192.0.2.9";
  EXPECT_EQ(house.api->judge_head(head)->status, 401);
  head.headers = {{"authorization", "Bearer wrong"}};
  EXPECT_EQ(house.api->judge_head(head)->status, 401);
  head.headers = {{"authorization", "Bearer " + house.admin}};
  EXPECT_FALSE(house.api->judge_head(head));
}

TEST(Gate, NeedsTheJsonType) {
  ApiHouse house;
  http::Request request;
  request.method = "POST";
  request.path = "/api/v1/tenants";
  request.body = "{}";
  request.headers = {{"authorization", "Bearer " + house.admin}, {"content-type", "text/plain"}};
  EXPECT_EQ(house.api->handle(request).status, 415);
  request.headers[1].value = "application/json; charset=utf-8";
  EXPECT_EQ(house.api->handle(request).status, 400);
}

TEST(Gate, LogsRefusalsWithoutTheToken) {
  ApiHouse house;
  const auto said = house.call("GET", "/status", "pavise_secret");
  EXPECT_THAT(house.log.lines, ::testing::HasSubstr("PV-API-002"));
  EXPECT_THAT(
      house.log.lines,
      ::testing::HasSubstr(std::string(said.json.at("error").at("tracking_id").as_string())));
  EXPECT_THAT(house.log.lines, ::testing::Not(::testing::HasSubstr("pavise_secret")));
}

TEST(Query, ParsesStrictly) {
  constexpr std::array<std::string_view, 2> kKnown = {"a", "b"};
  const auto good = Query::parse("a=x%20y&b=", kKnown);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->text("a"), "x y");
  EXPECT_EQ(good->text("b"), "");
  EXPECT_TRUE(Query::parse("", kKnown));
  for (const char* wrong : {"a", "a=%", "a=%2", "a=%zz", "a=%00", "a=1&a=2", "c=1", "&a=1", "=1"})
    EXPECT_TRUE(Query::parse(wrong, kKnown).error().is(kBadQuery)) << wrong;
}

TEST(Query, LimitsNumbers) {
  constexpr std::array<std::string_view, 1> kKnown = {"n"};
  const auto number = [&](std::string_view text) {
    return Query::parse(text, kKnown)->number("n", 1, 1000, 7);
  };
  EXPECT_EQ(*number(""), 7U);
  EXPECT_EQ(*number("n=1"), 1U);
  EXPECT_EQ(*number("n=1000"), 1000U);
  for (const char* wrong :
       {"n=0", "n=1001", "n=-1", "n=+1", "n=", "n=1x", "n=99999999999999999999"})
    EXPECT_FALSE(number(wrong)) << wrong;
}

}  // namespace
}  // namespace pavise::server
