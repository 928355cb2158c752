// The thread around the engine: it is woken, and it ends.
#include "cloud/hub/jobs/job_runner.h"

#include <gtest/gtest.h>

#include <future>

#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/hub/store/testing/folder.h"

namespace pavise::hub::jobs {
namespace {

using store::HubTransaction;

TEST(JobRunner, ExecutesWhatIsMadeWhileItRests) {
  const store::Folder folder;
  const SystemClock clock;
  const auto hub = *iothub::HubName::parse("plant-1");
  const auto store = *store::open_sqlite_hub_store({.path = folder.file()}, clock);
  store::StoreQueue queue(*store);
  std::promise<MethodInvocation> called;
  const auto device = *iothub::Identity::make(hub, "a");
  ASSERT_TRUE(queue.call([&](HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.create_hub(hub, *TenantId::parse("acme"), {}));
    PAVISE_TRY(transaction.create_identity(device, {}));
    return {};
  }));
  MethodBroker::Done done;
  const JobServices services{.queue = queue,
                             .clock = clock,
                             .invoke_method =
                                 [&](MethodInvocation invocation, MethodBroker::Done answer) {
                                   done = std::move(answer);
                                   called.set_value(std::move(invocation));
                                 },
                             .desired_changed = {},
                             .connected = [](const iothub::Identity&) { return false; }};
  auto runner = *JobRunner::create(services);
  EXPECT_TRUE(JobRunner::create(services).error().is(kJobsClaimed));
  runner->start();
  ASSERT_TRUE(queue.call([&](HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.create_job(hub, {.id = "j",
                                            .query_condition = "*",
                                            .request_json = R"({"methodName":"m"})",
                                            .start_ms = clock.now_ms(),
                                            .max_execution_s = 60}));
    return {};
  }));
  runner->changed();
  EXPECT_EQ(called.get_future().get().identity, device);
  runner->stop();
  runner->changed();  // by a call that came late
  runner.reset();
  done(MethodReply{200, "1"});  // late: the next runner says that it does not know
  EXPECT_TRUE(JobRunner::create(services)) << "one that was never started ends, too";
}

}  // namespace
}  // namespace pavise::hub::jobs
