// Cloud-to-device messages, feedback, jobs and configurations.
#include "cloud/hub/store/queues_contract.h"

#include <gmock/gmock.h>

namespace pavise::hub::store {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Tx = HubTransaction;

TEST_P(QueuesContract, AMessageIsLockedAndCompletedInOrder) {
  MessageToDevice message = sample_message();
  message.payload = to_bytes(as_bytes("hello"));
  const auto first = enqueue(message);
  const auto second = enqueue();
  ASSERT_TRUE(first && second);
  EXPECT_LT(*first, *second);
  EXPECT_EQ(waiting(), 2U);
  reopen();
  const auto offered = lock();
  ASSERT_TRUE(offered);
  EXPECT_EQ(offered->sequence_number, *first);
  EXPECT_EQ(offered->properties, message.properties);
  EXPECT_EQ(as_text(offered->payload), "hello");
  EXPECT_EQ(offered->delivery_count, 0U);
  EXPECT_EQ(offered->enqueued_ms, kTestTime);
  EXPECT_THAT(offered->lock_token, SizeIs(36));
  const auto other = lock();
  EXPECT_EQ(other->sequence_number, *second);
  EXPECT_FALSE(lock()) << "both are locked";
  EXPECT_TRUE(settle(offered->lock_token, Settlement::complete));
  EXPECT_TRUE(settle(offered->lock_token, Settlement::complete).error().is(kLockLost));
  EXPECT_TRUE(settle("nonsense", Settlement::complete).error().is(kLockLost));
  EXPECT_TRUE(settle(other->lock_token, Settlement::reject));
  EXPECT_EQ(waiting(), 0U);
  EXPECT_GT(*enqueue(), *second) << "numbers are not used again";
}

TEST_P(QueuesContract, AnAbandonedMessageComesAgainAndCounts) {
  set_delivery_count(3);
  ASSERT_TRUE(enqueue());
  for (std::uint32_t count = 0; count < 2; ++count) {
    const auto offered = lock();
    ASSERT_TRUE(offered);
    EXPECT_EQ(offered->delivery_count, count);
    EXPECT_TRUE(settle(offered->lock_token, Settlement::abandon));
  }
  EXPECT_TRUE(settle(lock()->lock_token, Settlement::abandon));
  EXPECT_FALSE(lock()) << "given up after three";
  EXPECT_EQ(waiting(), 0U);
}

TEST_P(QueuesContract, ALockEndsAfterAMinuteAndCounts) {
  set_delivery_count(2);
  ASSERT_TRUE(enqueue());
  const auto first = lock();
  clock_.advance_ms(kMessageLockMs - 1);
  EXPECT_FALSE(lock());
  EXPECT_THAT(sweep().messages, IsEmpty());
  clock_.advance_ms(1);
  EXPECT_EQ(next_sweep(), kTestTime + kMessageLockMs);
  EXPECT_TRUE(settle(first->lock_token, Settlement::complete).error().is(kLockLost));
  EXPECT_THAT(sweep().messages, ElementsAre(device_id()));
  const auto second = lock();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->delivery_count, 1U);
  EXPECT_NE(second->lock_token, first->lock_token);
  clock_.advance_ms(kMessageLockMs);
  EXPECT_FALSE(lock()) << "without a sweep as well";
  EXPECT_EQ(waiting(), 0U);
}

TEST_P(QueuesContract, LocksEndWithTheirConnection) {
  ASSERT_TRUE(enqueue());
  ASSERT_TRUE(enqueue());
  const auto first = lock(kOwner);
  const auto other = lock(kOwner + 1);
  const auto released = run([](Tx& tx) { return tx.release_locks(kOwner); });
  EXPECT_THAT(released->messages, ElementsAre(device_id()));
  EXPECT_TRUE(settle(first->lock_token, Settlement::complete).error().is(kLockLost));
  EXPECT_TRUE(settle(other->lock_token, Settlement::complete)) << "another connection's";
  EXPECT_EQ(lock(kNoOwner)->delivery_count, 1U);
  EXPECT_THAT(run([](Tx& tx) { return tx.release_locks(kNoOwner); })->messages, IsEmpty())
      << "nobody's locks end by time only";
}

TEST_P(QueuesContract, ARestartEndsTheLocksOfConnectionsWithoutCounting) {
  ASSERT_TRUE(enqueue());
  ASSERT_TRUE(enqueue());
  const auto first = lock(kOwner);
  const auto second = lock(kNoOwner);
  reopen();
  EXPECT_TRUE(settle(first->lock_token, Settlement::complete).error().is(kLockLost));
  EXPECT_TRUE(settle(second->lock_token, Settlement::complete)) << "an HTTP client goes on";
  EXPECT_EQ(lock()->delivery_count, 0U);
}

TEST_P(QueuesContract, MessagesExpire) {
  MessageToDevice message = sample_message();
  message.expires_ms = kTestTime + 10;
  ASSERT_TRUE(enqueue(message));
  ASSERT_TRUE(enqueue());  // after the hub's default of an hour
  EXPECT_EQ(next_sweep(), kTestTime + 10);
  clock_.advance_ms(9);
  sweep();
  EXPECT_EQ(waiting(), 2U);
  clock_.advance_ms(1);
  sweep();
  EXPECT_EQ(waiting(), 1U);
  EXPECT_EQ(next_sweep(), kTestTime + 3'600'000);
  clock_.set_wall_ms(kTestTime + 3'600'000);
  EXPECT_FALSE(lock()) << "without a sweep as well";
  EXPECT_EQ(next_sweep(), std::nullopt);
  constexpr UnixMillis kTwoDays = UnixMillis{kMessageTtlSMax} * 1000;
  message.expires_ms = clock_.now_ms() + kTwoDays + 1;
  EXPECT_TRUE(enqueue(message).error().is(kBadExpiry));
  message.expires_ms = clock_.now_ms() + kTwoDays;
  EXPECT_TRUE(enqueue(message));
}

TEST_P(QueuesContract, FiftyMessagesWaitAtMost) {
  MessageToDevice brief = sample_message();
  brief.expires_ms = kTestTime + 1;
  ASSERT_TRUE(enqueue(brief));
  for (std::size_t i = 1; i < kMessagesWaitingMax; ++i) ASSERT_TRUE(enqueue());
  EXPECT_TRUE(enqueue().error().is(kQueueFull));
  make_device(store(), "d1", "m");
  MessageToDevice to_module = sample_message();
  to_module.module_id = "m";
  EXPECT_TRUE(enqueue(to_module)) << "a module's queue is its own";
  clock_.advance_ms(1);
  EXPECT_TRUE(enqueue()) << "one has expired";
  EXPECT_TRUE(enqueue().error().is(kQueueFull));
}

TEST_P(QueuesContract, MessagesHaveASizeAndAReceiver) {
  MessageToDevice message = sample_message();
  message.payload.resize(kMessageSizeMax - message.properties.size());
  EXPECT_TRUE(enqueue(message));
  message.payload.resize(message.payload.size() + 1);
  EXPECT_TRUE(enqueue(message).error().is(kMessageTooLarge));
  EXPECT_TRUE(enqueue(sample_message("nobody")).error().is(kDeviceNotFound));
  EXPECT_TRUE(enqueue(sample_message("not an id")).error().is(kDeviceNotFound));
  EXPECT_TRUE(run([](Tx& tx) { return tx.enqueue_message(hub_name("nobody"), sample_message()); })
                  .error()
                  .is(kHubNotFound));
  EXPECT_TRUE(run([](Tx& tx) { return tx.lock_message(device_id("no"), kOwner); })
                  .error()
                  .is(kDeviceNotFound));
}

TEST_P(QueuesContract, PurgeEmptiesTheQueue) {
  MessageToDevice message = sample_message();
  message.feedback = FeedbackWanted::negative;
  ASSERT_TRUE(enqueue(message));
  ASSERT_TRUE(enqueue());
  const auto locked = lock();
  const auto purged = run([](Tx& tx) { return tx.purge_messages(device_id()); });
  EXPECT_EQ(purged->messages, 2U);
  EXPECT_TRUE(purged->feedback_added);
  EXPECT_EQ(waiting(), 0U);
  EXPECT_TRUE(settle(locked->lock_token, Settlement::complete).error().is(kLockLost));
  EXPECT_THAT(feedback(), HasSubstr(R"("statusCode":"Purged")"));
}

TEST_P(QueuesContract, FeedbackIsWhatTheSenderWanted) {
  set_delivery_count(1);
  struct Row {
    FeedbackWanted wanted;
    std::optional<Settlement> settlement;  // nullopt: it expires
    std::string_view outcome;              // empty: none
  };
  const Row rows[] = {
      {FeedbackWanted::none, Settlement::complete, ""},
      {FeedbackWanted::none, Settlement::reject, ""},
      {FeedbackWanted::positive, Settlement::complete, "Success"},
      {FeedbackWanted::positive, Settlement::reject, ""},
      {FeedbackWanted::positive, std::nullopt, ""},
      {FeedbackWanted::negative, Settlement::complete, ""},
      {FeedbackWanted::negative, Settlement::reject, "Rejected"},
      {FeedbackWanted::negative, Settlement::abandon, "DeliveryCountExceeded"},
      {FeedbackWanted::negative, std::nullopt, "Expired"},
      {FeedbackWanted::full, Settlement::complete, "Success"},
      {FeedbackWanted::full, Settlement::reject, "Rejected"},
      {FeedbackWanted::full, std::nullopt, "Expired"},
  };
  for (const Row& row : rows) {
    MessageToDevice message = sample_message();
    message.feedback = row.wanted;
    ASSERT_TRUE(enqueue(message));
    if (row.settlement) {
      const auto settled = settle(lock()->lock_token, *row.settlement);
      EXPECT_EQ(settled->feedback_added, !row.outcome.empty());
    } else {
      clock_.advance_ms(3'600'000);
      EXPECT_THAT(sweep().feedback, SizeIs(row.outcome.empty() ? 0U : 1U));
    }
    const std::string body = feedback();
    if (row.outcome.empty()) {
      EXPECT_EQ(body, "");
    } else {
      EXPECT_THAT(body, HasSubstr(R"("statusCode":")" + std::string(row.outcome) + "\""));
    }
  }
}

TEST_P(QueuesContract, FeedbackHasTheShapeThatServicesRead) {
  MessageToDevice message = sample_message();
  message.feedback = FeedbackWanted::full;
  ASSERT_TRUE(enqueue(message));
  ASSERT_TRUE(settle(lock()->lock_token, Settlement::complete));
  const std::string generation =
      run([](Tx& tx) { return tx.identity(device_id()); })->generation_id;
  EXPECT_FALSE(lock_feedback()) << "a batch waits for more";
  EXPECT_EQ(next_sweep(), kTestTime + kFeedbackDelayMs);
  clock_.advance_ms(kFeedbackDelayMs);
  EXPECT_THAT(sweep().service_messages, ElementsAre(hub_name()));
  const auto batch = lock_feedback();
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->body_json, R"([{"originalMessageId":"m1",)"
                              R"("enqueuedTimeUtc":"2023-11-14T22:13:20.000Z",)"
                              R"("statusCode":"Success","description":"Success",)"
                              R"("deviceId":"d1","deviceGenerationId":")" +
                                  generation + R"("}])");
  EXPECT_FALSE(lock_feedback()) << "it is locked";
  const auto settle_it = [&](const std::string& token, Settlement settlement) {
    return run([&](Tx& tx) {
      return tx.settle_service_message(hub_name(), ServiceQueue::feedback, token, settlement);
    });
  };
  EXPECT_TRUE(settle_it(batch->lock_token, Settlement::abandon));
  const auto again = lock_feedback();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->body_json, batch->body_json);
  EXPECT_TRUE(settle_it(batch->lock_token, Settlement::complete).error().is(kLockLost));
  EXPECT_THAT(run([](Tx& tx) { return tx.release_locks(kOwner); })->service_messages,
              ElementsAre(hub_name()));
  const auto third = lock_feedback();
  clock_.advance_ms(60'000);
  EXPECT_THAT(sweep().service_messages, ElementsAre(hub_name())) << "the lock ended by time";
  EXPECT_TRUE(settle_it(third->lock_token, Settlement::complete).error().is(kLockLost));
  EXPECT_TRUE(settle_it(lock_feedback()->lock_token, Settlement::complete));
  EXPECT_FALSE(lock_feedback());
  EXPECT_EQ(next_sweep(), std::nullopt);
}

TEST_P(QueuesContract, AFullBatchOfFeedbackDoesNotWait) {
  MessageToDevice message = sample_message();
  message.feedback = FeedbackWanted::full;
  for (std::size_t i = 0; i < kFeedbackBatchMax + 1; ++i) {
    EXPECT_FALSE(lock_feedback());
    ASSERT_TRUE(enqueue(message));
    ASSERT_TRUE(settle(lock()->lock_token, Settlement::complete));
    if (i + 1 == kFeedbackBatchMax) {
      const auto batch = lock_feedback();
      ASSERT_TRUE(batch);
      std::size_t records = 0;
      for (std::size_t at = 0;
           (at = batch->body_json.find("originalMessageId", at)) != std::string::npos; ++at)
        ++records;
      EXPECT_EQ(records, kFeedbackBatchMax);
    }
  }
}

TEST_P(QueuesContract, FileNotificationsAreTheirOwnQueueAndExpire) {
  ASSERT_TRUE(
      run([](Tx& tx) { return tx.enqueue_file_notification(hub_name(), R"({"deviceId":"d1"})"); }));
  EXPECT_TRUE(run([](Tx& tx) {
                return tx.enqueue_file_notification(hub_name(),
                                                    std::string(kServiceMessageSizeMax + 1, ' '));
              })
                  .error()
                  .is(kMessageTooLarge));
  EXPECT_FALSE(lock_feedback());
  const auto lock_file = [&] {
    return *run([](Tx& tx) {
      return tx.lock_service_message(hub_name(), ServiceQueue::file_notifications, kNoOwner);
    });
  };
  EXPECT_EQ(lock_file()->body_json, R"({"deviceId":"d1"})");
  clock_.advance_ms(60'000);
  EXPECT_TRUE(lock_file()) << "the lock ended by time, without a sweep";
  clock_.advance_ms(3'600'000);
  EXPECT_FALSE(lock_file()) << "expired";
  EXPECT_EQ(next_sweep(), std::nullopt);
}

TEST_P(QueuesContract, FileNotificationsHaveTheirOwnSettings) {
  ASSERT_TRUE(run([](Tx& tx) {
    return tx.update_hub(hub_name(),
                         {.feedback = {7200, 10, 300},
                          .file_upload = {.enabled = true, .notification = {120, 2, 5}}},
                         {});
  }));
  ASSERT_TRUE(run([](Tx& tx) { return tx.enqueue_file_notification(hub_name(), "{}"); }));
  const auto lock_file = [&] {
    return *run([](Tx& tx) {
      return tx.lock_service_message(hub_name(), ServiceQueue::file_notifications, kNoOwner);
    });
  };
  ASSERT_TRUE(lock_file());
  clock_.advance_ms(4'999);
  EXPECT_FALSE(lock_file()) << "locked for five seconds";
  clock_.advance_ms(1);
  ASSERT_TRUE(lock_file()) << "the second delivery";
  clock_.advance_ms(5'000);
  EXPECT_FALSE(lock_file()) << "two deliveries are the most";
  ASSERT_TRUE(run([](Tx& tx) { return tx.enqueue_file_notification(hub_name(), "{}"); }));
  clock_.advance_ms(120'000);
  EXPECT_FALSE(lock_file()) << "expired";
}

// ---- jobs

TEST_P(QueuesContract, JobsAndTheirParts) {
  JobRecord job{.id = "j1",
                .type = JobType::schedule_update_twin,
                .status = JobStatus::scheduled,
                .query_condition = "tags.a = 1",
                .request_json = R"({"tags":{}})",
                .start_ms = kTestTime + 100,
                .max_execution_s = 60};
  const auto create = [&](const JobRecord& given) {
    return run([&](Tx& tx) { return tx.create_job(hub_name(), given); });
  };
  ASSERT_TRUE(create(job));
  EXPECT_TRUE(create(job).error().is(kJobExists));
  EXPECT_TRUE(create({.id = ""}).error().is(kBadJob));
  EXPECT_TRUE(create({.id = "x", .progress = 101}).error().is(kBadJob));
  EXPECT_TRUE(create({.id = "x", .request_json = std::string(kJobTextSizeMax + 1, ' ')})
                  .error()
                  .is(kBadJob));
  EXPECT_TRUE(create({.id = "j2",
                      .type = JobType::export_devices,
                      .status = JobStatus::queued,
                      .request_json = std::string(kJobTextSizeMax, ' ')}));
  const auto due = [&](UnixMillis now) {
    std::vector<std::string> out;
    const auto found = run([&](Tx& tx) { return tx.due_jobs(now, 10); });
    for (const auto& each : *found) out.push_back(each.hub.text() + "/" + each.job.id);
    return out;
  };
  EXPECT_THAT(due(kTestTime + 99), ElementsAre("acme/j2"));
  EXPECT_THAT(due(kTestTime + 100), ElementsAre("acme/j2", "acme/j1"));

  const iothub::Identity ids[] = {device_id("b"), device_id("a"), device_id("a", "m")};
  ASSERT_TRUE(run([&](Tx& tx) { return tx.add_device_jobs(hub_name(), "j1", ids); }));
  ASSERT_TRUE(run([&](Tx& tx) { return tx.add_device_jobs(hub_name(), "j1", ids); })) << "again";
  EXPECT_TRUE(run([&](Tx& tx) { return tx.add_device_jobs(hub_name(), "no", ids); })
                  .error()
                  .is(kJobNotFound));
  ASSERT_TRUE(run([&](Tx& tx) {
    return tx.update_device_job({.job = "j1",
                                 .id = device_id("a"),
                                 .status = DeviceJobStatus::completed,
                                 .end_ms = 5,
                                 .outcome_json = R"({"status":200})"});
  }));
  reopen();
  const auto read = run([](Tx& tx) { return tx.job(hub_name(), "j1"); });
  EXPECT_EQ(read->statistics, (JobStatistics{3, 0, 1, 0, 2}));
  EXPECT_EQ(read->query_condition, job.query_condition);
  EXPECT_EQ(read->request_json, job.request_json);
  EXPECT_EQ(read->created_ms, kTestTime);
  const auto parts = [&](std::optional<DeviceJobStatus> status, std::string after) {
    std::vector<std::string> out;
    const auto found =
        run([&](Tx& tx) { return tx.device_jobs(hub_name(), "j1", status, {after, 10}); });
    for (const auto& each : *found) out.push_back(each.id.client_id());
    return out;
  };
  EXPECT_THAT(parts({}, ""), ElementsAre("a", "a/m", "b"));
  EXPECT_THAT(parts({}, "a/m"), ElementsAre("b"));
  EXPECT_THAT(parts(DeviceJobStatus::completed, ""), ElementsAre("a"));
  const auto of_device = run([](Tx& tx) { return tx.jobs_of_device(device_id("a"), 10); });
  ASSERT_THAT(*of_device, SizeIs(1));
  EXPECT_EQ(of_device->front().outcome_json, R"({"status":200})");
  EXPECT_EQ(of_device->front().updated_ms, kTestTime);

  job.status = JobStatus::cancelled;
  ASSERT_TRUE(run([&](Tx& tx) { return tx.update_job(hub_name(), job); }));
  job.status = JobStatus::running;
  EXPECT_TRUE(run([&](Tx& tx) { return tx.update_job(hub_name(), job); }).error().is(kBadJob))
      << "an ended job stays ended";
  const auto list = [&](JobFilter filter) {
    std::vector<std::string> out;
    for (const auto& each : *run([&](Tx& tx) { return tx.jobs(hub_name(), filter, {}); }))
      out.push_back(each.id);
    return out;
  };
  EXPECT_THAT(list({}), ElementsAre("j1", "j2"));
  EXPECT_THAT(list({.type = JobType::export_devices}), ElementsAre("j2"));
  EXPECT_THAT(list({.status = JobStatus::cancelled}), ElementsAre("j1"));
  EXPECT_TRUE(run([](Tx& tx) { return tx.delete_job(hub_name(), "j1"); }));
  EXPECT_TRUE(run([](Tx& tx) { return tx.delete_job(hub_name(), "j1"); }).error().is(kJobNotFound));
  EXPECT_THAT(*run([](Tx& tx) { return tx.jobs_of_device(device_id("a"), 10); }), IsEmpty());
}

TEST_P(QueuesContract, WhatARunnerOfImportsAndExportsAsks) {
  const auto open = [&] {
    std::vector<std::string> out;
    const auto found = run([](Tx& tx) { return tx.open_transfers(10); });
    for (const auto& each : *found) out.push_back(each.job.id);
    return out;
  };
  const auto count = [&] {
    return *run([](Tx& tx) { return tx.count_open_transfers(hub_name()); });
  };
  const auto create = [&](const JobRecord& given) {
    return run([&](Tx& tx) { return tx.create_job(hub_name(), given); }).has_value();
  };
  ASSERT_TRUE(create({.id = "method", .status = JobStatus::running}));
  ASSERT_TRUE(create({.id = "z", .type = JobType::import_devices, .checkpoint = "c0"}));
  ASSERT_TRUE(create({.id = "a", .type = JobType::export_devices, .status = JobStatus::running}));
  ASSERT_TRUE(create({.id = "over", .type = JobType::export_devices, .status = JobStatus::failed}));
  EXPECT_THAT(open(), ElementsAre("z", "a"));
  EXPECT_EQ(count(), 2U);
  EXPECT_TRUE(run([](Tx& tx) { return tx.count_open_transfers(*iothub::HubName::parse("nobody")); })
                  .error()
                  .is(kHubNotFound));
  JobRecord job = *run([](Tx& tx) { return tx.job(hub_name(), "z"); });
  EXPECT_EQ(job.checkpoint, "c0");
  job.checkpoint = "c1";
  job.progress = 40;
  job.status = JobStatus::running;
  ASSERT_TRUE(run([&](Tx& tx) { return tx.update_job(hub_name(), job); }));
  EXPECT_EQ(run([](Tx& tx) { return tx.job(hub_name(), "z"); })->checkpoint, "c1");
  job.checkpoint = std::string(kJobTextSizeMax + 1, 'x');
  EXPECT_TRUE(run([&](Tx& tx) { return tx.update_job(hub_name(), job); }).error().is(kBadJob));
  job.checkpoint.pop_back();
  EXPECT_TRUE(run([&](Tx& tx) { return tx.update_job(hub_name(), job); }));
}

TEST_P(QueuesContract, WhatARunnerOfJobsAsks) {
  const auto due = [&](UnixMillis now, std::size_t of_hub = 10) {
    std::vector<std::string> out;
    const auto found = run([&](Tx& tx) { return tx.due_scheduled_jobs(now, of_hub, 10); });
    for (const auto& each : *found) out.push_back(each.job.id);
    return out;
  };
  const auto next = [&](UnixMillis after) {
    return *run([&](Tx& tx) { return tx.next_job_ms(after); });
  };
  const auto active = [&] { return *run([](Tx& tx) { return tx.count_active_jobs(hub_name()); }); };
  EXPECT_EQ(next(0), std::nullopt);
  const auto create = [&](const JobRecord& given) {
    return run([&](Tx& tx) { return tx.create_job(hub_name(), given); }).has_value();
  };
  ASSERT_TRUE(create({.id = "later", .status = JobStatus::scheduled, .start_ms = kTestTime + 9}));
  ASSERT_TRUE(create({.id = "now", .status = JobStatus::queued, .start_ms = kTestTime}));
  ASSERT_TRUE(create({.id = "import", .type = JobType::import_devices}));
  ASSERT_TRUE(create({.id = "over", .status = JobStatus::failed, .start_ms = 1, .end_ms = 5}));
  EXPECT_EQ(next(kTestTime - 1), kTestTime);
  EXPECT_EQ(next(kTestTime), kTestTime + 9);
  EXPECT_EQ(next(kTestTime + 9), std::nullopt);
  EXPECT_EQ(active(), 2U);
  EXPECT_THAT(due(kTestTime + 8), ElementsAre("now"));
  EXPECT_THAT(due(kTestTime + 9), ElementsAre("now", "later"));
  EXPECT_THAT(due(kTestTime + 9, 1), ElementsAre("now"));
  EXPECT_TRUE(run([](Tx& tx) { return tx.count_active_jobs(*iothub::HubName::parse("nobody")); })
                  .error()
                  .is(kHubNotFound));

  const iothub::Identity ids[] = {device_id("c"), device_id("a"), device_id("b")};
  ASSERT_TRUE(run([&](Tx& tx) { return tx.add_device_jobs(hub_name(), "now", ids); }));
  const auto take = [&](std::string_view job, std::size_t limit) {
    return run([&](Tx& tx) { return tx.take_device_jobs(hub_name(), job, limit); });
  };
  EXPECT_TRUE(take("no", 1).error().is(kJobNotFound));
  EXPECT_TRUE(take("now", 1).error().is(kBadJob)) << "it does not run yet";
  JobRecord job{.id = "now", .status = JobStatus::running, .start_ms = kTestTime};
  ASSERT_TRUE(run([&](Tx& tx) { return tx.update_job(hub_name(), job); }));
  ASSERT_TRUE(create({.id = "early", .status = JobStatus::queued, .start_ms = 1}));
  EXPECT_THAT(due(kTestTime), ElementsAre("now", "early")) << "what runs comes first";
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_job(hub_name(), "early"); }));
  const auto taken = take("now", 2);
  ASSERT_TRUE(taken);
  ASSERT_THAT(*taken, SizeIs(2));
  EXPECT_EQ(taken->front().id, device_id("a"));
  EXPECT_EQ(taken->front().status, DeviceJobStatus::running);
  EXPECT_EQ(taken->front().start_ms, kTestTime);
  EXPECT_EQ(run([](Tx& tx) { return tx.job(hub_name(), "now"); })->statistics,
            (JobStatistics{3, 0, 0, 2, 1}));

  const auto cancel = [&] { return *run([](Tx& tx) { return tx.cancel_device_jobs(10); }); };
  EXPECT_EQ(cancel(), 0U) << "the job has not ended";
  job.status = JobStatus::cancelled;
  job.end_ms = kTestTime;
  ASSERT_TRUE(run([&](Tx& tx) { return tx.update_job(hub_name(), job); }));
  EXPECT_TRUE(take("now", 1).error().is(kBadJob));
  EXPECT_EQ(cancel(), 1U) << "what runs is not taken back";
  EXPECT_EQ(cancel(), 0U);
  const auto fail = [&](std::size_t limit) {
    return *run([&](Tx& tx) { return tx.fail_running_device_jobs(R"({"error":1})", limit); });
  };
  EXPECT_EQ(fail(1), 1U);
  EXPECT_EQ(fail(10), 1U);
  EXPECT_EQ(fail(10), 0U);
  const auto parts =
      run([](Tx& tx) { return tx.device_jobs(hub_name(), "now", std::nullopt, {}); });
  EXPECT_EQ(parts->at(0).status, DeviceJobStatus::failed);
  EXPECT_EQ(parts->at(0).outcome_json, R"({"error":1})");
  EXPECT_EQ(parts->at(2).status, DeviceJobStatus::cancelled);
  EXPECT_EQ(parts->at(2).end_ms, kTestTime);

  const auto remove = [&](UnixMillis before, std::size_t limit) {
    return *run([&](Tx& tx) { return tx.delete_jobs_before(before, limit); });
  };
  EXPECT_EQ(remove(5, 10), 0U);
  EXPECT_EQ(remove(6, 10), 1U);
  EXPECT_EQ(remove(kTestTime + 1, 2), 2U) << "parts first";
  EXPECT_EQ(remove(kTestTime + 1, 2), 2U) << "the last part, and the job";
  EXPECT_EQ(remove(kTestTime + 1, 2), 0U);
  EXPECT_EQ(active(), 1U);
}

// One runner of jobs at a time.
TEST_P(QueuesContract, JobsAreClaimedOnce) {
  EXPECT_TRUE(store().claim_jobs());
  EXPECT_FALSE(store().claim_jobs());
  store().release_jobs();
  EXPECT_TRUE(store().claim_jobs());
}

// ---- configurations

TEST_P(QueuesContract, Configurations) {
  const auto create = [&](const ConfigurationRecord& given) {
    return run([&](Tx& tx) { return tx.create_configuration(hub_name(), given); });
  };
  const auto low = create({.id = "low", .content_json = "{}", .priority = 1});
  ASSERT_TRUE(low);
  ASSERT_TRUE(create({.id = "high", .target_condition = "tags.a = 1", .priority = 9}));
  clock_.advance_ms(1);
  ASSERT_TRUE(create({.id = "newer", .priority = 1}));
  EXPECT_TRUE(create({.id = "low"}).error().is(kConfigurationExists));
  EXPECT_TRUE(create({.id = "Upper"}).error().is(kBadConfiguration));
  EXPECT_TRUE(create({.id = "minus", .priority = -1}).error().is(kBadConfiguration));
  EXPECT_TRUE(create({.id = "big", .content_json = std::string(kConfigurationTextSizeMax + 1, ' ')})
                  .error()
                  .is(kBadConfiguration));
  std::vector<std::string> ids;
  for (const auto& each : *run([](Tx& tx) { return tx.configurations(hub_name()); }))
    ids.push_back(each.id);
  EXPECT_THAT(ids, ElementsAre("high", "newer", "low"));
  const auto update = [&](const IfMatch& if_match) {
    return run([&](Tx& tx) {
      return tx.update_configuration(hub_name(), {.id = "low", .priority = 20}, if_match);
    });
  };
  EXPECT_TRUE(update("other").error().is(kPreconditionFailed));
  const auto updated = update(low->etag);
  ASSERT_TRUE(updated);
  EXPECT_EQ(updated->created_ms, kTestTime);
  EXPECT_EQ(updated->updated_ms, kTestTime + 1);
  EXPECT_NE(updated->etag, low->etag);
  EXPECT_TRUE(run([&](Tx& tx) { return tx.delete_configuration(hub_name(), "low", low->etag); })
                  .error()
                  .is(kPreconditionFailed));
  EXPECT_TRUE(
      run([&](Tx& tx) { return tx.delete_configuration(hub_name(), "low", updated->etag); }));
  EXPECT_TRUE(update({}).error().is(kConfigurationNotFound));
  for (std::size_t i = 2; i < kConfigurationsMax; ++i)
    ASSERT_TRUE(create({.id = "n" + std::to_string(i)}));
  EXPECT_TRUE(create({.id = "last"}).error().is(kTooManyConfigurations));
}

}  // namespace pavise::hub::store
