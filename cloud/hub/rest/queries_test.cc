// POST /devices/query: what comes out, page by page, and what is refused.
#include "cloud/hub/rest/method_json.h"
#include "cloud/hub/rest/routes.h"
#include "cloud/hub/rest/testing/rest_fixture.h"

namespace pavise::hub::rest {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

class QueryTest : public RestTest {
 protected:
  // d000, d001, ...: each third on floor 0, 1 and 2.
  void add_devices(int count) {
    ASSERT_TRUE(queue_->call([&](store::HubTransaction& transaction) -> Status {
      for (int i = 0; i < count; ++i) {
        const auto id = device(i);
        PAVISE_TRY(transaction.create_identity(id, {}));
        PAVISE_TRY(transaction.change_twin(
            id,
            json::serialize(
                json::object{{"tags", {{"floor", i % 3}}},
                             {"properties", {{"desired", {{"pad", std::string(pad_, 'p')}}}}}}),
            store::TwinChangeKind::merge, {}));
      }
      return {};
    }));
  }
  static iothub::Identity device(int i) {
    std::string digits = std::to_string(i);
    return *iothub::Identity::make(kHub, "d" + std::string(3 - digits.size(), '0') + digits);
  }
  Answer query(const std::string& text, Headers headers = {}) {
    return call("POST", "/devices/query?api-version=2021-04-12",
                json::serialize(json::object{{"query", text}}), std::move(headers));
  }
  // Rows of each page, as clients go through them.
  std::vector<std::vector<std::string>> pages(const std::string& text,
                                              const std::string& size = {}) {
    std::vector<std::vector<std::string>> out;
    std::string token;
    do {
      Headers headers;
      if (!size.empty()) headers.emplace_back("x-ms-max-item-count", size);
      if (!token.empty()) headers.emplace_back("x-ms-continuation", token);
      const Answer answer = query(text, headers);
      EXPECT_EQ(answer.status, 200) << answer.text;
      if (answer.status != 200) break;
      std::vector<std::string>& page = out.emplace_back();
      for (const json::value& row : answer.body.as_array()) page.push_back(json::serialize(row));
      token = answer.header("x-ms-continuation");
    } while (!token.empty() && out.size() < 1000);
    return out;
  }
  std::vector<std::size_t> sizes(const std::string& text, const std::string& size = {}) {
    std::vector<std::size_t> out;
    for (const auto& page : pages(text, size)) out.push_back(page.size());
    return out;
  }

  std::size_t pad_ = 1;
};

using Sizes = std::vector<std::size_t>;

TEST_F(QueryTest, WholeTwinsByCondition) {
  add_devices(4);
  connected_ = "d001";
  const Answer answer = query("SELECT * FROM devices WHERE tags.floor = 1");
  ASSERT_EQ(answer.status, 200) << answer.text;
  EXPECT_EQ(answer.header("x-ms-item-type"), "twin");
  EXPECT_EQ(answer.header("x-ms-continuation"), "");
  ASSERT_EQ(answer.body.as_array().size(), 1U);
  EXPECT_EQ(answer.body.at(0), call("GET", "/twins/d001").body) << "the same document";
  EXPECT_EQ(query("select * from devices where connectionState = 'Connected'").body, answer.body);
}

TEST_F(QueryTest, ProjectionsAndAggregatesAreRaw) {
  add_devices(7);
  const Answer rows =
      query("SELECT deviceId, tags.floor AS level FROM devices WHERE tags.floor = 2");
  EXPECT_EQ(rows.header("x-ms-item-type"), "raw");
  EXPECT_EQ(rows.text, R"([{"deviceId":"d002","level":2},{"deviceId":"d005","level":2}])");
  const Answer groups =
      query("SELECT tags.floor, COUNT() AS devices FROM devices GROUP BY tags.floor");
  EXPECT_EQ(groups.header("x-ms-item-type"), "raw");
  EXPECT_EQ(groups.text,
            R"([{"floor":0,"devices":3},{"floor":1,"devices":2},{"floor":2,"devices":2}])");
  EXPECT_EQ(query("SELECT COUNT() AS all FROM devices").text, R"([{"all":7}])");
}

TEST_F(QueryTest, Modules) {
  add_devices(2);
  for (const std::string& path : std::vector<std::string>{
           "/devices/d000/modules/m1", "/devices/d000/modules/m2", "/devices/d001/modules/m1"})
    ASSERT_EQ(call("PUT", path, "{}").status, 200);
  EXPECT_EQ(query("SELECT deviceId, moduleId FROM devices.modules WHERE moduleId = 'm1'").text,
            R"([{"deviceId":"d000","moduleId":"m1"},{"deviceId":"d001","moduleId":"m1"}])");
  EXPECT_EQ(query("SELECT * FROM devices.modules").header("x-ms-item-type"), "twin");
  EXPECT_EQ(sizes("SELECT * FROM devices.modules", "1"), (Sizes{1, 1, 1}));
}

TEST_F(QueryTest, PartsOfJobs) {
  const auto make = [&](const std::string& id, store::JobType type, std::vector<int> devices) {
    ASSERT_TRUE(queue_->call([&](store::HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_job(kHub, {.id = id, .type = type}));
      std::vector<iothub::Identity> ids;
      for (const int i : devices) ids.push_back(device(i));
      PAVISE_TRY(transaction.add_device_jobs(kHub, id, ids));
      return transaction.update_device_job(
          {.job = id,
           .id = ids.front(),
           .status = store::DeviceJobStatus::completed,
           .start_ms = 1,
           .end_ms = 2,
           .outcome_json = R"({"outcome":{"deviceMethodResponse":{"status":200,"payload":7}}})"});
    }));
  };
  make("empty-first", store::JobType::schedule_update_twin, {5});
  make("reboot", store::JobType::schedule_device_method, {1, 2, 3});
  const Answer all = query("SELECT * FROM devices.jobs");
  EXPECT_EQ(all.header("x-ms-item-type"), "deviceJob");
  ASSERT_EQ(all.body.as_array().size(), 4U) << all.text;
  const json::value& first = all.body.at(1);
  EXPECT_EQ(first.at("deviceId"), "d001");
  EXPECT_EQ(first.at("jobId"), "reboot");
  EXPECT_EQ(first.at("jobType"), "scheduleDeviceMethod");
  EXPECT_EQ(first.at("status"), "completed");
  EXPECT_EQ(first.at("startTimeUtc"), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(first.at("outcome").at("deviceMethodResponse").at("payload"), 7);
  EXPECT_EQ(all.body.at(2).at("status"), "pending");
  EXPECT_TRUE(all.body.at(2).at("endTimeUtc").is_null());
  EXPECT_EQ(sizes("SELECT * FROM devices.jobs", "1"), (Sizes{1, 1, 1, 1}));
  EXPECT_EQ(sizes("SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = 'd002'"), (Sizes{1}));
  EXPECT_EQ(query("SELECT deviceId FROM devices.jobs").error(), "ArgumentInvalid");
}

// What method_reply_json() lets through is shown.
TEST_F(QueryTest, ADeepAnswerOfADeviceIsShown) {
  const std::string deepest = std::string(31, '[') + std::string(31, ']');
  const auto reply = method_reply_json({200, deepest});
  ASSERT_TRUE(reply);
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.create_job(kHub, {.id = "j"}));
    const iothub::Identity ids[] = {device(1)};
    PAVISE_TRY(transaction.add_device_jobs(kHub, "j", ids));
    return transaction.update_device_job({.job = "j",
                                          .id = device(1),
                                          .status = store::DeviceJobStatus::completed,
                                          .outcome_json = R"({"outcome":{"deviceMethodResponse":)" +
                                                          json::serialize(*reply) + "}}"});
  }));
  EXPECT_NE(query("SELECT * FROM devices.jobs").text.find(deepest), std::string::npos);
}

TEST_F(QueryTest, PagesHoldWhatIsAskedFor) {
  add_devices(101);
  EXPECT_EQ(sizes("SELECT * FROM devices"), (Sizes{100, 1})) << "the default";
  EXPECT_EQ(sizes("SELECT * FROM devices", "101"), (Sizes{101})) << "the last page says so";
  EXPECT_EQ(sizes("SELECT deviceId FROM devices WHERE tags.floor = 0", "17"), (Sizes{17, 17}));
  EXPECT_EQ(sizes("SELECT TOP 5 * FROM devices", "2"), (Sizes{2, 2, 1}));
  EXPECT_EQ(sizes("SELECT TOP 4 * FROM devices", "2"), (Sizes{2, 2}));
  EXPECT_EQ(sizes("SELECT deviceId, COUNT() FROM devices GROUP BY deviceId", "40"),
            (Sizes{40, 40, 21}));
  std::vector<std::string> all;
  for (const auto& page : pages("SELECT deviceId FROM devices", "7"))
    all.insert(all.end(), page.begin(), page.end());
  ASSERT_EQ(all.size(), 101U);
  EXPECT_TRUE(std::ranges::is_sorted(all));
  EXPECT_EQ(sizes("SELECT * FROM devices WHERE deviceId = 'no'"), (Sizes{0}));
}

TEST_F(QueryTest, PageSizes) {
  add_devices(1);
  for (const char* size : {"1", "1000", "1001", "99999999999999999999999"})
    EXPECT_EQ(query("SELECT * FROM devices", {{"x-ms-max-item-count", size}}).status, 200) << size;
  for (const char* size : {"0", "-1", "x", "1x", "1.5"}) {
    const Answer answer = query("SELECT * FROM devices", {{"x-ms-max-item-count", size}});
    EXPECT_EQ(answer.status, 400) << size;
    EXPECT_EQ(answer.error(), "ArgumentInvalid") << size;
  }
}

TEST_F(QueryTest, AtMostAThousandRowsOnAPage) {
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& transaction) -> Status {
    for (std::size_t i = 0; i <= kQueryPageMax; ++i)
      PAVISE_TRY(
          transaction.create_identity(*iothub::Identity::make(kHub, "d" + std::to_string(i)), {}));
    return {};
  }));
  EXPECT_EQ(sizes("SELECT deviceId FROM devices", "1000"), (Sizes{1000, 1}));
  EXPECT_EQ(sizes("SELECT deviceId FROM devices", "1001"), (Sizes{1000, 1}));
}

TEST_F(QueryTest, ACallLooksAtABoundedNumberOfDocuments) {
  add_devices(10);
  begin({.documents = 5, .store_page = 3});
  EXPECT_EQ(sizes("SELECT * FROM devices"), (Sizes{5, 5}));
  EXPECT_EQ(sizes("SELECT * FROM devices WHERE deviceId = 'd009'"), (Sizes{0, 1}))
      << "a page may be empty and yet not be the last";
  begin({.documents = 10, .store_page = 3});
  EXPECT_EQ(sizes("SELECT * FROM devices"), (Sizes{10}));
}

TEST_F(QueryTest, APageHoldsABoundedNumberOfBytes) {
  pad_ = 1000;
  add_devices(6);
  const std::size_t row =
      query("SELECT deviceId, properties.desired.pad FROM devices").text.size() / 6;
  begin({.bytes = 2 * row + 2});
  EXPECT_EQ(sizes("SELECT deviceId, properties.desired.pad FROM devices"), (Sizes{2, 2, 2}));
  begin({.bytes = 1});
  EXPECT_EQ(sizes("SELECT deviceId, properties.desired.pad FROM devices"),
            (Sizes{1, 1, 1, 1, 1, 1}))
      << "one row always fits";
  EXPECT_EQ(sizes("SELECT deviceId, COUNT() FROM devices GROUP BY deviceId"),
            (Sizes{1, 1, 1, 1, 1, 1}));
}

TEST_F(QueryTest, ACallTakesABoundedTime) {
  add_devices(3);
  begin({.page_ms = 0});
  EXPECT_EQ(sizes("SELECT * FROM devices"), (Sizes{1, 1, 1})) << "it always gets on";
  begin({.aggregate_ms = 0});
  const Answer answer = query("SELECT COUNT() FROM devices");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.error(), "RequestTimedOut");
}

TEST_F(QueryTest, BadQueriesSayWhere) {
  const auto refused = [&](const std::string& text, std::string_view words) {
    const Answer answer = query(text);
    EXPECT_EQ(answer.status, 400) << text;
    EXPECT_EQ(answer.error(), "ArgumentInvalid") << text;
    EXPECT_NE(answer.text.find(words), std::string::npos) << answer.text;
  };
  refused("SELECT * FROM devices WHERE", "at byte 27");
  refused("SELEC * FROM devices", "at byte 0");
  refused("SELECT * FROM devices WHERE a = 'x", "at byte 32");
  refused("SELECT * FROM devices GROUP BY a", "GROUP BY");
  refused("SELECT * FROM devices WHERE " + std::string(40, '(') + "a" + std::string(40, ')'),
          "nested too deeply");
  std::string longest = "SELECT * FROM devices WHERE a = '";
  longest += std::string(query::kTextSizeMax - longest.size() - 1, 'x') + "'";
  EXPECT_EQ(query(longest).status, 200);
  refused(longest + " ", "longer than 8192 bytes");
}

TEST_F(QueryTest, BadBodies) {
  for (const char* body : {"", "x", "[]", "{}", R"({"query":7})", R"({"query":""})"}) {
    const Answer answer = call("POST", "/devices/query", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(answer.error(), "IotHubFormatError") << body;
  }
}

TEST_F(QueryTest, TokensAreBoundToTheQuery) {
  add_devices(3);
  const std::string text = "SELECT * FROM devices";
  const Answer first = query(text, {{"x-ms-max-item-count", "1"}});
  const std::string token = first.header("x-ms-continuation");
  ASSERT_FALSE(token.empty());
  EXPECT_EQ(query(text, {{"x-ms-continuation", token}}).body.as_array().size(), 2U);
  EXPECT_EQ(query(text, {{"x-ms-continuation", ""}}).body.as_array().size(), 3U);
  std::string turned = token;
  turned[4] = turned[4] == 'A' ? 'B' : 'A';
  for (const std::string& bad : {std::string("x"), std::string("null"), turned,
                                 token.substr(0, token.size() - 4), token + token}) {
    const Answer answer = query(text, {{"x-ms-continuation", bad}});
    EXPECT_EQ(answer.status, 400) << bad;
    EXPECT_EQ(answer.error(), "ArgumentInvalid") << bad;
  }
  EXPECT_EQ(query(text + " WHERE true", {{"x-ms-continuation", token}}).status, 400);
}

TEST(ContinuationTest, ComesBackAsItWas) {
  const Continuation all{.given = 1ULL << 40, .job = "j", .after = "d/m"};
  EXPECT_EQ(*Continuation::parse(all.text("q"), "q"), all);
  EXPECT_EQ(*Continuation::parse(Continuation{}.text("q"), "q"), Continuation{});
  EXPECT_TRUE(Continuation::parse(all.text("q"), "p").error().is(kBadContinuation));
  const Continuation longest{.given = 1,
                             .job = std::string(128, 'j'),
                             .after = std::string(128, 'd') + "/" + std::string(128, 'm')};
  ASSERT_EQ(longest.after.size(), kContinuationIdSizeMax);
  EXPECT_LE(longest.text("q").size(), kContinuationSizeMax);
  EXPECT_EQ(*Continuation::parse(longest.text("q"), "q"), longest);
  for (const Continuation& bad :
       {Continuation{.job = "a b"}, Continuation{.after = "a\tb"}, Continuation{.after = "a/b/c"},
        Continuation{.after = "/"}, Continuation{.after = std::string(129, 'd')}})
    EXPECT_FALSE(Continuation::parse(bad.text("q"), "q")) << bad.after;
  EXPECT_FALSE(Continuation::parse(std::string(kContinuationSizeMax + 4, 'A'), "q"));
}

// The ninth of eight is refused.
TEST_F(QueryTest, ABoundedNumberIsUnderWay) {
  Shared shared;
  std::vector<std::unique_ptr<QueryTurn>> turns;
  for (unsigned i = 0; i < kQueriesUnderWayMax; ++i) {
    turns.push_back(std::make_unique<QueryTurn>(shared));
    EXPECT_TRUE(turns.back()->granted());
  }
  EXPECT_FALSE(QueryTurn(shared).granted());
  turns.pop_back();
  EXPECT_TRUE(QueryTurn(shared).granted());
}

}  // namespace
}  // namespace pavise::hub::rest
