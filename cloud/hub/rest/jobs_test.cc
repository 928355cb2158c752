// The calls of scheduled jobs. What becomes of a job is the runner's (cloud/hub/jobs).
#include "cloud/hub/rest/routes.h"
#include "cloud/hub/rest/testing/rest_fixture.h"
#include "common/base/time_text.h"

namespace pavise::hub::rest {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

constexpr const char* kMethod =
    R"({"jobId":"j","type":"scheduleDeviceMethod","queryCondition":"*",)"
    R"("cloudToDeviceMethod":{"methodName":"reboot","payload":{"in_s":5},"responseTimeoutInSeconds":30},)"
    R"("startTime":"2026-11-25T00:00:00.000Z","maxExecutionTimeInSeconds":60})";
constexpr const char* kTwin =
    R"({"type":"scheduleUpdateTwin","queryCondition":"tags.floor = 1",)"
    R"("updateTwin":{"etag":"*","tags":{"a":1},"properties":{"desired":{"b":2}}}})";

class JobsTest : public RestTest {
 protected:
  Answer put(const std::string& id, const std::string& body) {
    return call("PUT", "/jobs/v2/" + id + "?api-version=2021-04-12", body);
  }
  // The body with one member as given; "" takes it away.
  static std::string with(const char* body, const std::string& name, const std::string& value) {
    json::object out = json::parse(body).as_object();
    out.erase("jobId");
    if (value.empty()) {
      out.erase(name);
    } else {
      out[name] = json::parse(value);
    }
    return json::serialize(out);
  }
  void refused(const std::string& body, std::string_view error, std::string_view words) {
    const Answer answer = put("refused", body);
    EXPECT_EQ(answer.error(), error) << body;
    EXPECT_NE(answer.text.find(words), std::string::npos) << answer.text;
    EXPECT_EQ(call("GET", "/jobs/v2/refused").error(), "JobNotFound");
  }
  std::vector<std::string> listed(const std::string& query = {}, Headers headers = {}) {
    const Answer answer = call("GET", "/jobs/v2/query" + query, {}, std::move(headers));
    EXPECT_EQ(answer.status, 200) << answer.text;
    EXPECT_EQ(answer.header("x-ms-item-type"), "jobResponse");
    token_ = answer.header("x-ms-continuation");
    std::vector<std::string> out;
    for (const json::value& job : answer.body.as_array())
      out.emplace_back(job.at("jobId").as_string());
    return out;
  }
  std::string token_;
};

using Names = std::vector<std::string>;

TEST_F(JobsTest, AMethodJobComesBackAsItWasGiven) {
  const Answer made = put("j", kMethod);
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(jobs_changed_, 1);
  EXPECT_EQ(made.body.at("jobId"), "j");
  EXPECT_EQ(made.body.at("type"), "scheduleDeviceMethod");
  EXPECT_EQ(made.body.at("status"), "queued") << "its time is over";
  EXPECT_EQ(made.body.at("queryCondition"), "*");
  EXPECT_EQ(made.body.at("maxExecutionTimeInSeconds"), 60);
  EXPECT_EQ(made.body.at("cloudToDeviceMethod"), json::parse(kMethod).at("cloudToDeviceMethod"));
  EXPECT_TRUE(made.body.at("endTime").is_null());
  EXPECT_EQ(made.body.at("deviceJobStatistics").at("deviceCount"), 0);
  EXPECT_EQ(call("GET", "/jobs/v2/j").body, made.body);
  EXPECT_EQ(put("j", kMethod).error(), "JobAlreadyExists");
  EXPECT_EQ(jobs_changed_, 1);
}

TEST_F(JobsTest, ATwinJobIsScheduled) {
  const std::string start = utc_text(clock_.now_ms() + 3'600'000);
  const Answer made = put("t", with(kTwin, "startTime", "\"" + start + "\""));
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(made.body.at("status"), "queued") << "as whatever was just made";
  EXPECT_EQ(call("GET", "/jobs/v2/t").body.at("status"), "scheduled");
  EXPECT_EQ(made.body.at("startTime"), json::string(start));
  EXPECT_EQ(made.body.at("updateTwin"), json::parse(kTwin).at("updateTwin"));
  EXPECT_EQ(made.body.at("maxExecutionTimeInSeconds"), kJobExecutionDefaultS);
}

TEST_F(JobsTest, WhatIsNoJob) {
  refused("x", "IotHubFormatError", "not JSON");
  refused(with(kMethod, "jobId", "\"other\""), "IotHubFormatError", "ids in body and path");
  for (const char* type : {"", "\"export\"", "\"unknown\"", "7"})
    refused(with(kMethod, "type", type), "IotHubFormatError", "type");
  refused(with(kMethod, "queryCondition", ""), "IotHubFormatError", "queryCondition");
  refused(with(kMethod, "queryCondition", "\"tags.a = \""), "ArgumentInvalid", "at byte 9");
  refused(with(kMethod, "startTime", "\"tomorrow\""), "IotHubFormatError", "startTime");
  refused(with(kMethod, "cloudToDeviceMethod", ""), "IotHubFormatError", "cloudToDeviceMethod");
  refused(with(kMethod, "cloudToDeviceMethod", R"({"methodName":""})"), "IotHubFormatError",
          "methodName");
  refused(with(kTwin, "updateTwin", "[]"), "IotHubFormatError", "updateTwin");
  refused(with(kTwin, "updateTwin", "{}"), "IotHubFormatError", "neither tags nor");
  refused(with(kTwin, "updateTwin", R"({"tags":{"a.b":1}})"), "ArgumentInvalid", "property name");
  refused(with(kTwin, "updateTwin", R"({"tags":{},"etag":7})"), "IotHubFormatError", "etag");
  for (const char* id : {"query", "QUERY", "a%20b"})
    EXPECT_EQ(put(id, with(kMethod, "jobId", "")).error(), "ArgumentInvalid") << id;
  EXPECT_EQ(jobs_changed_, 0);
}

TEST_F(JobsTest, LimitsAtNAndOneMore) {
  const auto seconds = [](std::int64_t s) {
    return with(kMethod, "maxExecutionTimeInSeconds", std::to_string(s));
  };
  EXPECT_EQ(put("zero", seconds(0)).body.at("maxExecutionTimeInSeconds"), kJobExecutionDefaultS);
  EXPECT_EQ(put("most", seconds(kJobExecutionMaxS)).status, 200);
  refused(seconds(kJobExecutionMaxS + 1), "IotHubFormatError", "maxExecutionTimeInSeconds");
  refused(seconds(-1), "IotHubFormatError", "maxExecutionTimeInSeconds");
  const auto payload = [](std::size_t size) {
    return with(kMethod, "cloudToDeviceMethod",
                R"({"methodName":"m","payload":")" + std::string(size - 2, 'x') + "\"}");
  };
  EXPECT_EQ(put("large", payload(kMethodPayloadMax)).status, 200);
  refused(payload(kMethodPayloadMax + 1), "MessageTooLarge", "128 KiB");
  const std::string plain = with(kMethod, "jobId", "");
  EXPECT_EQ(put(std::string(store::kJobIdSizeMax, 'j'), plain).status, 200);
  EXPECT_EQ(put(std::string(store::kJobIdSizeMax + 1, 'j'), plain).error(), "ArgumentInvalid");
}

TEST_F(JobsTest, AHundredJobsOfAHubMayBeUnderWay) {
  const std::string body = with(kMethod, "jobId", "");
  for (std::uint64_t i = 0; i < kActiveJobsMax; ++i)
    ASSERT_EQ(put("j" + std::to_string(i), body).status, 200);
  const Answer more = put("more", body);
  EXPECT_EQ(more.status, 429);
  EXPECT_EQ(more.error(), "ThrottlingMaxActiveJobCountExceeded");
  EXPECT_EQ(call("POST", "/jobs/v2/j7/cancel").status, 200);
  EXPECT_EQ(put("more", body).status, 200);
}

TEST_F(JobsTest, Cancel) {
  ASSERT_EQ(put("j", kMethod).status, 200);
  ASSERT_TRUE(queue_->call([](store::HubTransaction& transaction) {
    const iothub::Identity ids[] = {*iothub::Identity::make(kHub, "a"),
                                    *iothub::Identity::make(kHub, "b")};
    return transaction.add_device_jobs(kHub, "j", ids);
  }));
  const Answer cancelled = call("POST", "/jobs/v2/j/cancel");
  ASSERT_EQ(cancelled.status, 200) << cancelled.text;
  EXPECT_EQ(cancelled.body.at("status"), "cancelled");
  EXPECT_FALSE(cancelled.body.at("endTime").is_null());
  EXPECT_EQ(cancelled.body.at("deviceJobStatistics").at("failedCount"), 2);
  EXPECT_EQ(cancelled.body.at("deviceJobStatistics").at("pendingCount"), 0);
  EXPECT_EQ(jobs_changed_, 2);
  EXPECT_EQ(call("POST", "/jobs/v2/j/cancel").body, cancelled.body) << "again changes nothing";
  const Answer parts = call("POST", "/devices/query", R"({"query":"SELECT * FROM devices.jobs"})");
  EXPECT_EQ(parts.body.at(1).at("status"), "canceled");
  EXPECT_EQ(call("POST", "/jobs/v2/no/cancel").error(), "JobNotFound");
}

TEST_F(JobsTest, WhatHasEndedIsNotCancelled) {
  ASSERT_TRUE(queue_->call([](store::HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.create_job(
        kHub, {.id = "done", .status = store::JobStatus::completed, .end_ms = 1}));
    PAVISE_TRY(transaction.create_job(kHub, {.id = "in", .type = store::JobType::import_devices}));
    return {};
  }));
  EXPECT_EQ(call("POST", "/jobs/v2/done/cancel").error(), "InvalidOperation");
  EXPECT_EQ(call("POST", "/jobs/v2/in/cancel").error(), "ArgumentInvalid");
}

TEST_F(JobsTest, ListsByTypeAndStatusPageByPage) {
  for (int i = 10; i < 40; ++i)
    ASSERT_EQ(put("m" + std::to_string(i), with(kMethod, "jobId", "")).status, 200);
  ASSERT_EQ(put("t1", kTwin).status, 200);
  ASSERT_EQ(put("t2", with(kTwin, "startTime", "\"2999-01-01T00:00:00Z\"")).status, 200);
  EXPECT_EQ(listed().size(), 32U);
  EXPECT_EQ(token_, "");
  EXPECT_EQ(listed("?jobType=scheduleUpdateTwin"), (Names{"t1", "t2"}));
  EXPECT_EQ(listed("?jobType=scheduleUpdateTwin&jobStatus=scheduled"), Names{"t2"});
  EXPECT_EQ(listed("?jobStatus=enqueued").size(), 31U);
  EXPECT_EQ(listed("?jobStatus=completed"), Names{});
  Names all;
  std::string token;
  do {
    const Names page =
        listed("?jobStatus=queued", {{"x-ms-max-item-count", "12"}, {"x-ms-continuation", token}});
    EXPECT_LE(page.size(), 12U);
    all.insert(all.end(), page.begin(), page.end());
    token = token_;
  } while (!token.empty() && all.size() < 100);
  EXPECT_EQ(all.size(), 31U);
  EXPECT_TRUE(std::ranges::is_sorted(all));
  EXPECT_EQ(call("GET", "/jobs/v2/query?jobType=x").error(), "ArgumentInvalid");
  EXPECT_EQ(call("GET", "/jobs/v2/query?jobStatus=x").error(), "ArgumentInvalid");
  listed({}, {{"x-ms-max-item-count", "5"}});
  ASSERT_NE(token_, "");
  const Headers of_another{{"x-ms-continuation", token_}};
  EXPECT_EQ(call("GET", "/jobs/v2/query?jobStatus=queued", {}, of_another).error(),
            "ArgumentInvalid");
}

TEST_F(JobsTest, APageOfJobsHoldsABoundedNumberOfBytes) {
  for (const char* id : {"a", "b", "c"}) ASSERT_EQ(put(id, kTwin).status, 200);
  begin({.bytes = 1});
  EXPECT_EQ(listed(), Names{"a"});
  EXPECT_NE(token_, "");
}

}  // namespace
}  // namespace pavise::hub::rest
