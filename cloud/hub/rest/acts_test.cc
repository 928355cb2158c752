// What the hub's audit keeps of calls.
#include <gmock/gmock.h>

#include "cloud/hub/rest/testing/rest_fixture.h"

namespace pavise::hub::rest {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ActsTest : public RestTest {
 protected:
  // "device.create dev: enabled, sas" for each act, the oldest first; they are forgotten.
  std::vector<std::string> told() {
    std::vector<std::string> out;
    for (const store::ActRecord& act : kept(1000)) {
      if (act.number <= seen_) break;
      std::string line = act.action + " " + act.subject;
      if (!act.detail.empty()) line += ": " + act.detail;
      out.insert(out.begin(), line);
    }
    const auto newest = kept(1);
    seen_ = newest.empty() ? 0 : newest[0].number;
    return out;
  }
  std::vector<store::ActRecord> kept(std::size_t limit) {
    std::vector<store::ActRecord> out;
    EXPECT_TRUE(store_->read([&](store::HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(out, reader.acts(kHub, 0, limit));
      return {};
    }));
    return out;
  }

 private:
  std::uint64_t seen_ = 0;
};

TEST_F(ActsTest, SayWhoDidWhatFromWhere) {
  make_device("dev");
  const store::ActRecord act = kept(1).at(0);
  EXPECT_EQ(act.actor, "policy all");
  EXPECT_EQ(act.peer, "192.0.2.1:4711");
  EXPECT_LE(std::abs(act.at_ms - clock_.now_ms()), 60'000);
  call("PUT", "/devices/other", "{}", {}, "write");
  EXPECT_EQ(kept(1).at(0).actor, "policy write");
  call("PUT", "/devices/dev/modules/m", "{}", {}, "dev");
  EXPECT_EQ(kept(1).at(0).actor, "device dev");
}

TEST_F(ActsTest, IdentitiesOneByOne) {
  make_device("dev");
  call("PUT", "/devices/dev", R"({"status":"disabled","capabilities":{"iotEdge":true}})",
       {{"if-match", "*"}});
  call("PUT", "/devices/dev/modules/m", "{}");
  call("DELETE", "/devices/dev/modules/m");
  call("DELETE", "/devices/dev", {}, {{"if-match", "*"}});
  EXPECT_THAT(
      told(),
      ElementsAre("device.create dev: enabled, sas", "device.update dev: disabled, sas, edge",
                  "module.create dev/m: enabled, sas", "module.delete dev/m", "device.delete dev"));
}

TEST_F(ActsTest, IdentitiesInBulk) {
  make_device("old");
  told();
  const Answer answer = call("POST", "/devices", R"([
      {"id":"new","importMode":"create","tags":{"a":1}},
      {"id":"old","importMode":"createOrUpdate","status":"disabled"},
      {"id":"old","importMode":"create"},
      {"id":"old","importMode":"updateTwin","tags":{"a":1}},
      {"id":"new","importMode":"delete"}])");
  EXPECT_EQ(answer.status, 400) << "one of them failed";
  EXPECT_THAT(told(), ElementsAre("device.create new: enabled, sas",
                                  "device.update old: disabled, sas", "device.delete new"))
      << "neither what failed nor twins";
}

TEST_F(ActsTest, ConfigurationsAndJobs) {
  make_device("dev");
  told();
  const std::string path = "/configurations/c";
  const std::string configuration =
      R"({"id":"c","content":{"deviceContent":{"properties.desired.a":1}},"targetCondition":"tags.x=1","priority":1})";
  ASSERT_EQ(call("PUT", path, configuration).status, 200);
  ASSERT_EQ(call("PUT", path, configuration, {{"if-match", "*"}}).status, 200);
  ASSERT_EQ(call("DELETE", path).status, 204);
  ASSERT_EQ(call("POST", "/devices/dev/applyConfigurationContent",
                 R"({"deviceContent":{"properties.desired.a":1}})")
                .status,
            204);
  const std::string job =
      R"({"jobId":"j","type":"scheduleUpdateTwin","updateTwin":{"tags":{"a":1}},"queryCondition":"*"})";
  ASSERT_EQ(call("PUT", "/jobs/v2/j", job).status, 200);
  ASSERT_EQ(call("POST", "/jobs/v2/j/cancel").status, 200);
  ASSERT_EQ(call("POST", "/jobs/v2/j/cancel").status, 200) << "has no effect";
  EXPECT_THAT(told(),
              ElementsAre("configuration.create c: tags.x=1", "configuration.update c: tags.x=1",
                          "configuration.delete c", "configuration.apply dev",
                          "job.create j: scheduleUpdateTwin", "job.cancel j"));
}

TEST_F(ActsTest, NothingOfWhatFailedAndNothingOfKeys) {
  const std::string key = "MDEyMzQ1Njc4OWFiY2RlZg==";
  make_device("dev", R"({"authentication":{"symmetricKey":{"primaryKey":")" + key +
                         R"(","secondaryKey":")" + key + R"("}}})");
  for (const store::ActRecord& act : kept(10))
    for (const std::string& text : {act.actor, act.peer, act.action, act.subject, act.detail})
      EXPECT_THAT(text, Not(HasSubstr(key)));
  told();
  EXPECT_EQ(make_device("dev").status, 409);
  EXPECT_EQ(call("DELETE", "/devices/gone").status, 404);
  EXPECT_EQ(call("PUT", "/devices/dev", "{}", {{"if-match", "\"old\""}}).status, 412);
  EXPECT_EQ(call("PUT", "/devices/x", "{}", {}, "read").status, 401);
  call("PATCH", "/twins/dev", R"({"tags":{"a":1}})");
  call("GET", "/devices/dev");
  EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace pavise::hub::rest
