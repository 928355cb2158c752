// The runner of jobs over a real store, step by step; methods and time are the test's.
#include "cloud/hub/jobs/job_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "cloud/hub/jobs/outcome.h"
#include "cloud/hub/session/close_reasons.h"
#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/hub/store/sqlite_schema.h"
#include "cloud/hub/store/testing/folder.h"
#include "common/sqlite/database.h"

namespace pavise::hub::jobs {
namespace {

namespace json = boost::json;
using store::DeviceJobStatus;
using store::HubTransaction;
using store::JobRecord;
using store::JobStatistics;
using store::JobStatus;
using store::JobType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr UnixMillis kNow = 1'800'000'000'000;
const iothub::HubName kHub = *iothub::HubName::parse("plant-1");

class JobEngineTest : public ::testing::Test {
 protected:
  struct Call {
    MethodInvocation invocation;
    MethodBroker::Done done;
  };

  JobEngineTest() {
    open();
    EXPECT_TRUE(queue_->call([](HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_hub(kHub, *TenantId::parse("acme"), {}));
      return {};
    }));
    start();
  }

  void open() {
    store_ = *store::open_sqlite_hub_store({.path = folder_.file()}, clock_);
    queue_ = std::make_unique<store::StoreQueue>(*store_);
  }
  JobServices services() {
    return {.queue = *queue_,
            .clock = clock_,
            .invoke_method =
                [this](MethodInvocation invocation, MethodBroker::Done done) {
                  calls_.push_back({std::move(invocation), std::move(done)});
                  if (at_once_) answer(calls_.size() - 1, *at_once_);
                },
            .desired_changed =
                [this](const iothub::Identity& id, std::uint64_t version, const std::string& body) {
                  told_.push_back(id.device() + " " + std::to_string(version) + " " + body);
                },
            .connected = [](const iothub::Identity& id) { return id.device() == "online"; },
            .failed = [this](const Error& error) { failures_.push_back(error.message()); }};
  }
  void start() {
    engine_ = *JobEngine::create(services(), [this] { ++wakes_; });
  }
  // As after kill -9: what was committed is all that is left.
  void restart() {
    engine_.reset();
    queue_.reset();
    store_.reset();
    calls_.clear();
    open();
    start();
  }

  void answer(std::size_t call, Result<MethodReply> reply) {
    MethodBroker::Done done = std::exchange(calls_[call].done, {});
    ASSERT_TRUE(done) << "answered twice";
    done(std::move(reply));
  }
  // Until there is nothing more to do now.
  std::int64_t settle() {
    for (int steps = 0; steps < 10'000; ++steps)
      if (const std::int64_t wait_ms = engine_->step(); wait_ms > 0) return wait_ms;
    ADD_FAILURE() << "it never rests";
    return 0;
  }

  static iothub::Identity device(const std::string& id) {
    return *iothub::Identity::make(kHub, id);
  }
  void add(const std::vector<std::string>& ids, int floor = 1) {
    ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
      for (const std::string& id : ids) {
        PAVISE_TRY(transaction.create_identity(device(id), {}));
        PAVISE_TRY(transaction.change_twin(device(id),
                                           R"({"tags":{"floor":)" + std::to_string(floor) + "}}",
                                           store::TwinChangeKind::merge, {}));
      }
      return {};
    }));
  }
  void add_many(std::size_t count) {
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < count; ++i) {
      std::string digits = std::to_string(i);
      ids.push_back("d" + std::string(5 - digits.size(), '0') + digits);
    }
    add(ids);
  }
  void schedule(JobRecord job) {
    if (job.start_ms == 0) job.start_ms = clock_.now_ms();
    if (job.query_condition.empty()) job.query_condition = "*";
    if (job.max_execution_s == 0) job.max_execution_s = 3600;
    ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_job(kHub, job));
      return {};
    }));
    engine_->changed();
  }
  void schedule_method(const std::string& id, const std::string& more = {}) {
    schedule(
        {.id = id, .request_json = R"({"methodName":"reboot","payload":{"in_s":5})" + more + "}"});
  }
  void schedule_twin(const std::string& id, const std::string& request) {
    schedule({.id = id, .type = JobType::schedule_update_twin, .request_json = request});
  }
  void cancel(const std::string& id) {
    ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
      PAVISE_TRY_ASSIGN(JobRecord job, transaction.job(kHub, id));
      job.status = JobStatus::cancelled;
      job.end_ms = clock_.now_ms();
      return transaction.update_job(kHub, job);
    }));
    engine_->changed();
  }
  JobRecord job(const std::string& id) {
    return *queue_->call<JobRecord>(
        [&](HubTransaction& transaction) { return transaction.job(kHub, id); });
  }
  std::vector<store::DeviceJobRecord> parts(const std::string& id) {
    using Parts = std::vector<store::DeviceJobRecord>;
    return *queue_->call<Parts>([&](HubTransaction& transaction) {
      return transaction.device_jobs(kHub, id, std::nullopt, {});
    });
  }
  std::vector<std::string> called() const {
    std::vector<std::string> out;
    out.reserve(calls_.size());
    for (const Call& call : calls_) out.push_back(call.invocation.identity.device());
    return out;
  }

  store::Folder folder_;
  ManualClock clock_{kNow};
  std::unique_ptr<store::HubStore> store_;
  std::unique_ptr<store::StoreQueue> queue_;
  std::vector<Call> calls_;
  std::optional<Result<MethodReply>> at_once_;
  std::vector<std::string> told_, failures_;
  std::atomic<int> wakes_ = 0;
  std::unique_ptr<JobEngine> engine_;
};

// ---- methods

TEST_F(JobEngineTest, AMethodIsCalledOnTheDevicesThatMatch) {
  add({"a", "b"});
  add({"c"}, 2);
  schedule({.id = "j",
            .query_condition = "tags.floor = 1",
            .request_json = R"({"methodName":"reboot","payload":{"in_s":5},)"
                            R"("responseTimeoutInSeconds":9,"connectTimeoutInSeconds":4})"});
  settle();
  EXPECT_THAT(called(), ElementsAre("a", "b"));
  EXPECT_EQ(calls_[0].invocation.name, "reboot");
  EXPECT_EQ(calls_[0].invocation.payload_json, R"({"in_s":5})");
  EXPECT_EQ(calls_[0].invocation.response_timeout_ms, 9'000);
  EXPECT_EQ(calls_[0].invocation.connect_timeout_ms, 4'000);
  EXPECT_EQ(job("j").status, JobStatus::running);
  EXPECT_EQ(job("j").start_ms, kNow);
  EXPECT_EQ(job("j").statistics, (JobStatistics{2, 0, 0, 2, 0}));

  clock_.advance_ms(1'000);
  answer(0, MethodReply{200, R"({"ok":true})"});
  EXPECT_GT(wakes_, 0);
  settle();
  EXPECT_EQ(job("j").statistics, (JobStatistics{2, 0, 1, 1, 0}));
  answer(1, MethodReply{500, "null"});
  settle();
  const JobRecord done = job("j");
  EXPECT_EQ(done.status, JobStatus::completed);
  EXPECT_EQ(done.end_ms, kNow + 1'000);
  EXPECT_EQ(done.statistics, (JobStatistics{2, 0, 2, 0, 0})) << "any answer is an outcome";
  const auto all = parts("j");
  EXPECT_EQ(all[0].start_ms, kNow);
  EXPECT_EQ(all[0].end_ms, kNow + 1'000);
  EXPECT_EQ(all[0].outcome_json,
            R"({"outcome":{"deviceMethodResponse":{"status":200,"payload":{"ok":true}}}})");
  EXPECT_EQ(failures_, std::vector<std::string>{});
}

TEST_F(JobEngineTest, WhatFailsSaysWhy) {
  add({"away", "gone", "odd", "slow"});
  schedule_method("j");
  engine_->step();  // who is concerned
  ASSERT_TRUE(queue_->call([](HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.delete_identity(device("gone"), {}));
    return {};
  }));
  settle();
  ASSERT_THAT(called(), ElementsAre("away", "odd", "slow"));
  answer(0, Error(kDeviceNotListening));
  answer(1, MethodReply{200, "{"});
  answer(2, Error(kMethodTimedOut));
  settle();
  EXPECT_EQ(job("j").status, JobStatus::completed);
  EXPECT_EQ(job("j").statistics, (JobStatistics{4, 4, 0, 0, 0}));
  const auto all = parts("j");
  const auto error = [&](std::size_t i) {
    return json::parse(all[i].outcome_json).at("error").as_object();
  };
  EXPECT_EQ(error(0)["code"], "DeviceNotOnline");
  EXPECT_EQ(error(1)["code"], "DeviceNotFound");
  EXPECT_EQ(error(2)["code"], "GenericBadGateway");
  EXPECT_EQ(error(3)["code"], "GatewayTimeout");
  EXPECT_THAT(std::string(error(0)["description"].as_string()), HasSubstr("PV-HUB-"));
}

TEST_F(JobEngineTest, AJobForNobodyIsCompleted) {
  schedule_method("j");
  settle();
  EXPECT_EQ(job("j").status, JobStatus::completed);
  EXPECT_EQ(job("j").statistics, JobStatistics{});
}

TEST_F(JobEngineTest, TheConditionKnowsWhoIsConnected) {
  add({"offline", "online"});
  schedule({.id = "j",
            .query_condition = "connectionState = 'Connected'",
            .request_json = R"({"methodName":"m"})"});
  settle();
  EXPECT_THAT(called(), ElementsAre("online"));
}

TEST_F(JobEngineTest, ABoundedNumberOfMethodsIsUnderWay) {
  add_many(kMethodsUnderWayMax + 1);
  schedule_method("j");
  settle();
  EXPECT_THAT(calls_, SizeIs(kMethodsUnderWayMax));
  EXPECT_EQ(job("j").statistics,
            (JobStatistics{kMethodsUnderWayMax + 1, 0, 0, kMethodsUnderWayMax, 1}));
  settle();
  EXPECT_THAT(calls_, SizeIs(kMethodsUnderWayMax)) << "nothing until one has ended";
  answer(7, MethodReply{200, "1"});
  settle();
  ASSERT_THAT(calls_, SizeIs(kMethodsUnderWayMax + 1));
  for (std::size_t i = 0; i < calls_.size(); ++i)
    if (i != 7) answer(i, MethodReply{200, "1"});
  settle();
  EXPECT_EQ(job("j").status, JobStatus::completed);
  EXPECT_EQ(job("j").statistics.succeeded, kMethodsUnderWayMax + 1);
}

// A job with devices that do not answer does not stop the others.
TEST_F(JobEngineTest, JobsShareWhatMayBeUnderWay) {
  add_many(kMethodsUnderWayMax);
  schedule({.id = "one",
            .query_condition = "deviceId = 'd00000'",
            .request_json = R"({"methodName":"quick"})"});
  schedule_method("slow");
  settle();
  std::size_t quick = 0;
  for (const Call& call : calls_) quick += call.invocation.name == "quick" ? 1 : 0;
  EXPECT_EQ(quick, 1U);
  EXPECT_EQ(calls_.size(), 1 + kMethodsUnderWayMax / 2) << "half is kept for the other";
}

// ---- twins

TEST_F(JobEngineTest, TwinsAreChangedAndTheirDevicesTold) {
  add({"a", "b"});
  add({"c"}, 2);
  schedule({.id = "t",
            .type = JobType::schedule_update_twin,
            .query_condition = "tags.floor = 1",
            .request_json = R"({"etag":"*","tags":{"x":1},"properties":{"desired":{"y":2}}})"});
  settle();
  EXPECT_EQ(job("t").status, JobStatus::completed);
  EXPECT_EQ(job("t").statistics, (JobStatistics{2, 0, 2, 0, 0}));
  EXPECT_THAT(told_, ElementsAre(R"(a 2 {"y":2,"$version":2})", R"(b 2 {"y":2,"$version":2})"));
  const auto twin = *queue_->call<store::TwinRecord>(
      [](HubTransaction& transaction) { return transaction.twin(device("b")); });
  EXPECT_THAT(twin.tags_json, HasSubstr(R"("x":1)"));
  EXPECT_EQ(parts("t")[0].outcome_json, std::string(kTwinOutcome));
}

TEST_F(JobEngineTest, ManyTwinsInPortions) {
  add_many(2 * kTwinsPerCommit + 1);
  schedule_twin("t", R"({"tags":{"x":1}})");
  settle();
  EXPECT_EQ(job("t").statistics.succeeded, 2 * kTwinsPerCommit + 1);
  EXPECT_EQ(job("t").status, JobStatus::completed);
}

TEST_F(JobEngineTest, ATwinThatCannotBeChangedFailsItsPartOnly) {
  add({"a", "b"});
  const std::string large(4'000, 'x');
  ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.change_twin(device("a"),
                                       R"({"tags":{"p":")" + large + R"(","q":")" + large + "\"}}",
                                       store::TwinChangeKind::merge, {}));
    return {};
  }));
  schedule_twin("t", R"({"tags":{"r":")" + large + "\"}}");
  settle();
  EXPECT_EQ(job("t").status, JobStatus::completed);
  EXPECT_EQ(job("t").statistics, (JobStatistics{2, 1, 1, 0, 0}));
  EXPECT_THAT(parts("t")[0].outcome_json, HasSubstr("MessageTooLarge"));
}

TEST_F(JobEngineTest, AnEtagIsAskedOfEachTwin) {
  add({"a"});
  const auto twin = *queue_->call<store::TwinRecord>(
      [](HubTransaction& transaction) { return transaction.twin(device("a")); });
  schedule_twin("stale", R"({"etag":"\"AAAAAAAAAAA=\"","tags":{"x":1}})");
  schedule_twin("fresh", R"({"etag":")" + twin.etag + R"(","tags":{"x":1}})");
  settle();
  EXPECT_THAT(parts("stale")[0].outcome_json, HasSubstr("PreconditionFailed"));
  EXPECT_EQ(job("fresh").statistics.succeeded, 1U);
}

// ---- time

TEST_F(JobEngineTest, AJobWaitsForItsTime) {
  add({"a"});
  schedule({.id = "j",
            .status = JobStatus::scheduled,
            .request_json = R"({"methodName":"m"})",
            .start_ms = kNow + 5'000});
  EXPECT_EQ(settle(), 5'000);
  clock_.advance_ms(4'999);
  EXPECT_EQ(settle(), 1);
  EXPECT_THAT(calls_, SizeIs(0));
  EXPECT_EQ(job("j").status, JobStatus::scheduled);
  clock_.advance_ms(1);
  settle();
  EXPECT_THAT(calls_, SizeIs(1));
  EXPECT_EQ(job("j").start_ms, kNow + 5'000);
}

TEST_F(JobEngineTest, AJobThatIsOverTimeFails) {
  add_many(kMethodsUnderWayMax + 3);
  schedule({.id = "j",
            .request_json = R"({"methodName":"m","responseTimeoutInSeconds":300})",
            .max_execution_s = 10});
  const std::int64_t wait_ms = settle();
  EXPECT_EQ(wait_ms, 10'000);
  EXPECT_EQ(calls_[0].invocation.response_timeout_ms, 10'000) << "not longer than the job";
  clock_.advance_ms(10'000);
  settle();
  EXPECT_EQ(job("j").status, JobStatus::failed);
  EXPECT_THAT(job("j").failure_reason, HasSubstr("PV-HJB-003"));
  EXPECT_EQ(job("j").end_ms, kNow + 10'000);
  EXPECT_EQ(job("j").statistics,
            (JobStatistics{kMethodsUnderWayMax + 3, 3, 0, kMethodsUnderWayMax, 0}));
  answer(0, MethodReply{200, "1"});
  settle();
  EXPECT_EQ(job("j").statistics.succeeded, 1U) << "what was under way still says how it ended";
  EXPECT_EQ(job("j").status, JobStatus::failed);
}

TEST_F(JobEngineTest, ALastAnswerAtTheLastMomentIsNoFailure) {
  add_many(kMethodsUnderWayMax);
  schedule({.id = "j", .request_json = R"({"methodName":"m"})", .max_execution_s = 10});
  settle();
  ASSERT_THAT(calls_, SizeIs(kMethodsUnderWayMax));
  clock_.advance_ms(10'000);
  for (std::size_t i = 0; i < calls_.size(); ++i) answer(i, Error(kMethodTimedOut));
  settle();
  EXPECT_EQ(job("j").status, JobStatus::completed);
}

// ---- cancelling

TEST_F(JobEngineTest, CancelLeavesWhatIsUnderWay) {
  add_many(kMethodsUnderWayMax + 2);
  schedule_method("j");
  settle();
  cancel("j");
  settle();
  EXPECT_EQ(job("j").statistics,
            (JobStatistics{kMethodsUnderWayMax + 2, 2, 0, kMethodsUnderWayMax, 0}));
  answer(0, MethodReply{200, "1"});
  settle();
  EXPECT_THAT(calls_, SizeIs(kMethodsUnderWayMax)) << "none is called any more";
  EXPECT_EQ(job("j").statistics.succeeded, 1U);
  EXPECT_EQ(job("j").status, JobStatus::cancelled);
  const auto all = parts("j");
  EXPECT_EQ(all.back().status, DeviceJobStatus::cancelled);
}

TEST_F(JobEngineTest, CancelBeforeItsTime) {
  add({"a"});
  schedule({.id = "j",
            .status = JobStatus::scheduled,
            .request_json = R"({"methodName":"m"})",
            .start_ms = kNow + 5'000});
  settle();
  cancel("j");
  clock_.advance_ms(10'000);
  settle();
  EXPECT_THAT(calls_, SizeIs(0));
  EXPECT_EQ(job("j").status, JobStatus::cancelled);
}

TEST_F(JobEngineTest, AHubThatGoesTakesItsJobsAlong) {
  add_many(kMethodsUnderWayMax + 1);
  schedule_method("j");
  settle();
  ASSERT_TRUE(
      queue_->call([](HubTransaction& transaction) { return transaction.delete_hub(kHub, {}); }));
  answer(0, MethodReply{200, "1"});
  settle();
  EXPECT_THAT(calls_, SizeIs(kMethodsUnderWayMax));
  EXPECT_EQ(failures_, std::vector<std::string>{});
}

// ---- restarts

TEST_F(JobEngineTest, AfterACrashNoMethodIsCalledTwice) {
  add_many(kMethodsUnderWayMax + 2);
  schedule_method("j");
  settle();
  answer(0, MethodReply{200, "1"});
  engine_->step();  // written; nothing else was begun in its place yet, or it was
  restart();
  at_once_ = MethodReply{200, "2"};
  settle();
  const JobRecord done = job("j");
  EXPECT_EQ(done.status, JobStatus::completed);
  const std::size_t unknown = done.statistics.failed;
  EXPECT_EQ(done.statistics.succeeded, 1 + calls_.size());
  EXPECT_EQ(unknown + done.statistics.succeeded, kMethodsUnderWayMax + 2);
  EXPECT_GE(unknown, kMethodsUnderWayMax - 1);
  std::size_t said = 0;
  for (const auto& part : parts("j")) {
    if (part.status != DeviceJobStatus::failed) continue;
    EXPECT_THAT(part.outcome_json, HasSubstr("PV-HJB-002"));
    ++said;
  }
  EXPECT_EQ(said, unknown);
  EXPECT_THAT(called(), ::testing::Not(::testing::Contains("d00000")));
}

TEST_F(JobEngineTest, ACrashWhileItLooksForDevices) {
  add_many(1'500);  // more than one step reads
  schedule_method("j");
  engine_->step();
  EXPECT_EQ(job("j").status, JobStatus::queued);
  EXPECT_EQ(job("j").statistics.devices, 1'000U);
  restart();
  at_once_ = MethodReply{200, "1"};
  settle();
  EXPECT_EQ(job("j").status, JobStatus::completed);
  EXPECT_EQ(job("j").statistics, (JobStatistics{1'500, 0, 1'500, 0, 0}));
  EXPECT_THAT(calls_, SizeIs(1'500));
}

TEST_F(JobEngineTest, ACrashBetweenTwinsChangesEachOnce) {
  add_many(kTwinsPerCommit + 10);
  schedule_twin("t", R"({"properties":{"desired":{"x":1}}})");
  engine_->step();
  engine_->step();
  EXPECT_EQ(job("t").statistics, (JobStatistics{kTwinsPerCommit + 10, 0, kTwinsPerCommit, 0, 10}));
  restart();
  settle();
  EXPECT_EQ(job("t").statistics.succeeded, kTwinsPerCommit + 10);
  EXPECT_THAT(told_, SizeIs(kTwinsPerCommit + 10));
  for (const std::string& each : told_) EXPECT_THAT(each, HasSubstr(" 2 {")) << "changed once";
}

TEST_F(JobEngineTest, PartsOfAJobThatWasCancelledBeforeACrash) {
  add({"a"});
  schedule_method("j");
  engine_->step();
  cancel("j");
  restart();
  settle();
  EXPECT_THAT(calls_, SizeIs(0));
  EXPECT_EQ(parts("j")[0].status, DeviceJobStatus::cancelled);
}

// ---- several at a time

TEST_F(JobEngineTest, TenJobsOfAHubRunAtATime) {
  add({"a"});
  for (std::size_t i = 0; i <= kJobsRunningOfHubMax; ++i)
    schedule({.id = "j" + std::to_string(100 + i),
              .request_json = R"({"methodName":"m"})",
              .start_ms = kNow - 1'000 + static_cast<UnixMillis>(i)});
  EXPECT_GT(settle(), 0) << "the one that waits makes no work";
  EXPECT_THAT(calls_, SizeIs(kJobsRunningOfHubMax));
  EXPECT_EQ(job("j110").statistics.devices, 0U);
  answer(3, MethodReply{200, "1"});
  settle();
  EXPECT_THAT(calls_, SizeIs(kJobsRunningOfHubMax + 1));
}

TEST_F(JobEngineTest, OneEngineForAStore) {
  const auto second = JobEngine::create(services());
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(kJobsClaimed));
  engine_.reset();
  EXPECT_TRUE(JobEngine::create(services()));
}

TEST_F(JobEngineTest, EndedJobsAreKeptForThirtyDays) {
  schedule_method("j");
  settle();
  clock_.advance_ms(kJobHistoryMs);
  settle();
  EXPECT_EQ(job("j").status, JobStatus::completed);
  clock_.advance_ms(kTidyEveryMs);
  settle();
  EXPECT_FALSE(queue_->call<JobRecord>(
      [](HubTransaction& transaction) { return transaction.job(kHub, "j"); }));
}

TEST_F(JobEngineTest, AStoredJobThatCannotBeReadFails) {
  schedule({.id = "j", .request_json = "{"});
  schedule({.id = "k", .query_condition = "tags.a =", .request_json = R"({"methodName":"m"})"});
  settle();
  EXPECT_EQ(job("j").status, JobStatus::failed);
  EXPECT_THAT(job("j").failure_reason, HasSubstr("PV-HJB-004"));
  EXPECT_THAT(job("k").failure_reason, HasSubstr("PV-QRY-001"));
}

// A twin that cannot be read ends the jobs that look at it, and no others.
TEST_F(JobEngineTest, ADamagedTwinEndsTheJobsOfItsHubOnly) {
  add({"a"});
  const auto other = *iothub::HubName::parse("plant-2");
  ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.create_hub(other, *TenantId::parse("acme"), {}));
    PAVISE_TRY(transaction.create_identity(*iothub::Identity::make(other, "b"), {}));
    const JobRecord job{.id = "j",
                        .query_condition = "*",
                        .request_json = R"({"methodName":"m"})",
                        .start_ms = kNow,
                        .max_execution_s = 60};
    PAVISE_TRY(transaction.create_job(kHub, job));
    PAVISE_TRY(transaction.create_job(other, job));
    return {};
  }));
  engine_.reset();
  queue_.reset();
  store_.reset();
  {
    const auto db = *sqlite::Database::open(folder_.file(), sqlite::Database::Access::read_write, 0,
                                            store::kSqliteErrors);
    ASSERT_TRUE(db->execute("UPDATE twins SET document = 'x'"));
  }
  open();
  start();
  settle();
  EXPECT_THAT(called(), ElementsAre("b"));
  EXPECT_EQ(job("j").status, JobStatus::failed);
  EXPECT_THAT(job("j").failure_reason, HasSubstr("PV-TWD-010"));
  EXPECT_EQ(failures_, std::vector<std::string>{});
}

TEST_F(JobEngineTest, AnAnswerAfterTheEndOfTheEngineIsNothing) {
  add({"a"});
  schedule_method("j");
  settle();
  engine_.reset();
  wakes_ = 0;
  answer(0, MethodReply{200, "1"});
  EXPECT_EQ(wakes_, 0);
}

}  // namespace
}  // namespace pavise::hub::jobs
