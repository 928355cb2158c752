// Every row of the route table against every wrong caller, and the table against its description.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "cloud/server/routes/testing/api_house.h"
#include "cloud/server/routes/version.h"

namespace pavise::server {
namespace {

using security::Role;
using testing::ApiHouse;
using testing::device_named;
using testing::Said;
using testing::tenant_named;

constexpr std::string_view kSomeSha256 =
    "0000000000000000000000000000000000000000000000000000000000000000";

class EveryRoute : public ::testing::TestWithParam<std::size_t> {
 protected:
  EveryRoute() {
    house_.add_tenant(ours_);
    house_.add_tenant(theirs_);
    house_.add_device(device_named('a'), ours_);
    house_.add_hub("ours-hub", ours_);
  }
  const Route& route() const { return route_table()[GetParam()]; }

  std::string path() const {
    std::string text(route().pattern);
    const auto put = [&](std::string_view name, std::string_view value) {
      if (const auto at = text.find(name); at != std::string::npos)
        text.replace(at, name.size(), value);
    };
    put("{device}", device_named('a').text());
    put("{token}", "root");
    put("{vendor}", kSomeSha256);
    put("{release}", kSomeSha256);
    put("{hub}", "ours-hub");
    put("{certificate}", "none");
    put("{endpoint}", "none");
    put("{route}", "none");
    if (route().confinement == Confinement::device_in_query)
      text += "?device=" + device_named('a').text();
    if (route().confinement == Confinement::tenant_in_query) text += "?tenant=" + ours_.text();
    return text;
  }
  std::string body() const {
    if (route().body == BodyKind::none) return {};
    const bool names_tenant = route().confinement == Confinement::tenant_in_body ||
                              route().confinement == Confinement::optional_tenant_in_body;
    return names_tenant ? R"({"tenant":"ours"})" : "{}";
  }
  Said call_with(std::string_view token) {
    return house_.call(route().method, path(), token, body());
  }

  TenantId ours_ = tenant_named("ours");
  TenantId theirs_ = tenant_named("theirs");
  ApiHouse house_;
};

TEST_P(EveryRoute, RefusesACallWithoutToken) {
  const Said said = call_with("");
  EXPECT_EQ(said.status, 401);
  EXPECT_EQ(said.code(), "PV-API-001");
  EXPECT_EQ(said.raw.headers.back().name, "www-authenticate");
}

TEST_P(EveryRoute, RefusesAWrongToken) {
  const Said said = call_with("pavise_" + std::string(64, '0'));
  EXPECT_EQ(said.status, 401);
  EXPECT_EQ(said.code(), "PV-API-002");
}

TEST_P(EveryRoute, RefusesEveryRoleBelowItsOwn) {
  for (const Role role : {Role::operator_, Role::reader, Role::factory, Role::metrics}) {
    if (role_suffices(role, route().role)) continue;
    const Said said = call_with(house_.token(to_string(role), role));
    EXPECT_EQ(said.status, 403) << to_string(role);
    EXPECT_EQ(said.code(), "PV-API-003") << to_string(role);
  }
}

TEST_P(EveryRoute, RefusesATokenOfAnotherTenant) {
  const Said said = call_with(house_.token("foreign", Role::administrator, theirs_));
  switch (route().confinement) {
    case Confinement::filtered:
      EXPECT_THAT(said.raw.body, ::testing::Not(::testing::HasSubstr("ours")));
      return;
    case Confinement::device_in_path:
    case Confinement::device_in_query:
      EXPECT_EQ(said.status, 404);
      EXPECT_EQ(said.code(), "PV-TEN-003");
      return;
    case Confinement::hub_in_path:
      EXPECT_EQ(said.status, 404);
      EXPECT_EQ(said.code(), "PV-HST-010");
      EXPECT_EQ(house_.ended_hubs.size(), 0U);
      EXPECT_NE(house_.hub_store->index().hub(*iothub::HubName::parse("ours-hub")), nullptr);
      return;
    case Confinement::release_in_path:
      EXPECT_EQ(said.status, 404);
      return;
    case Confinement::service:
    case Confinement::service_hub_in_path:
    case Confinement::tenant_in_query:
    case Confinement::tenant_in_body:
    case Confinement::optional_tenant_in_body:
      EXPECT_EQ(said.status, 403);
      EXPECT_EQ(said.code(), "PV-API-004");
      return;
  }
}

TEST_P(EveryRoute, LetsItsOwnRoleThrough) {
  // Beyond the gate the sample bodies fail for their own reasons, never for the caller's.
  const bool whole_service = route().confinement == Confinement::service ||
                             route().confinement == Confinement::service_hub_in_path;
  const auto tenant = whole_service ? std::nullopt : std::optional(ours_);
  const Said said = call_with(house_.token("right", route().role, tenant));
  EXPECT_NE(said.status, 401);
  EXPECT_NE(said.status, 403) << said.raw.body;
  EXPECT_LT(said.status, 500) << said.raw.body;
}

TEST_P(EveryRoute, RefusesUnknownQueryParameters) {
  const std::string mark = path().find('?') == std::string::npos ? "?" : "&";
  const Said said = house_.call(route().method, path() + mark + "surprise=1", house_.admin, body());
  EXPECT_EQ(said.status, 400);
  EXPECT_EQ(said.code(), "PV-API-010");
}

TEST_P(EveryRoute, RefusesABodyThatItDoesNotExpect) {
  const bool takes_none = route().body == BodyKind::none;
  const Said said = house_.call(route().method, path(), house_.admin, takes_none ? "{}" : "[1]");
  EXPECT_EQ(said.status, 400);
  EXPECT_EQ(said.code(), takes_none ? "PV-API-011" : "PV-JSN-001");
}

std::string name_of(const ::testing::TestParamInfo<std::size_t>& info) {
  const Route& route = route_table()[info.param];
  std::string name = std::string(route.method) + std::string(route.pattern);
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, EveryRoute, ::testing::Range(std::size_t{0}, route_table().size()),
                         name_of);

// Lines of the description as people write it: paths at two spaces, methods at four.
std::set<std::string> described_operations() {
  std::ifstream file("api/openapi.yaml");
  std::set<std::string> out;
  std::string path;
  std::string line;
  bool in_paths = false;
  while (std::getline(file, line)) {
    if (!line.starts_with(' ')) in_paths = line == "paths:";
    if (!in_paths) continue;
    if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
    for (const std::string method : {"get", "post", "patch", "put", "delete"})
      if (line == "    " + method + ":") out.insert(method + " " + path);
  }
  return out;
}

TEST(RouteTable, IsWhatOpenApiDescribes) {
  std::set<std::string> rows;
  for (const Route& route : route_table()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    EXPECT_TRUE(rows.insert(method + " " + std::string(route.pattern)).second) << route.pattern;
  }
  EXPECT_EQ(rows, described_operations());
}

TEST(RouteTable, HasTheVersionOfItsDescription) {
  std::ifstream file("api/openapi.yaml");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(text, ::testing::HasSubstr("  version: " + std::string(kVersion) + "\n"));
}

}  // namespace
}  // namespace pavise::server
