// Executes scheduled jobs, step by step: who is concerned, one part after the other, the end.
//
// A job that is due is first `scheduled` or `queued`: the twins that its condition matches become
// its parts, then it is `running`, with the devices that it concerns fixed. It is `completed` when
// each part has an outcome of its own, whatever that is, and `failed` when its time is over before.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cloud/hub/jobs/errors.h"
#include "cloud/hub/store/store_queue.h"
#include "cloud/hub/transport/method_broker.h"
#include "common/base/clock.h"
#include "protocol/query/query.h"

namespace pavise::hub::jobs {

inline constexpr std::size_t kJobsRunningOfHubMax = 10;  // at a time; others wait for their turn
inline constexpr std::size_t kJobsRunningMax = 32;       // of all hubs
inline constexpr std::size_t kMethodsUnderWayMax = 200;  // of all jobs
inline constexpr std::size_t kTwinsPerCommit = 50;
inline constexpr std::int64_t kJobHistoryMs = 30LL * 24 * 3600 * 1000;  // documented
inline constexpr std::int64_t kRetryMs = 1'000;     // after a failure of the store
inline constexpr std::int64_t kWaitMaxMs = 60'000;  // the wall clock may jump
inline constexpr std::int64_t kTidyEveryMs = 3'600'000;

// None of the functions blocks.
struct JobServices {
  store::StoreQueue& queue;
  const Clock& clock;
  std::function<void(MethodInvocation, MethodBroker::Done)> invoke_method;
  // Called on the queue's thread, so that notifications leave in the order of their versions.
  std::function<void(const iothub::Identity&, std::uint64_t version, std::string body)>
      desired_changed;
  std::function<bool(const iothub::Identity&)> connected;
  // A step failed and is done again; for the log. May be empty.
  std::function<void(const Error&)> failed = {};
};

// What other threads tell the engine.
class JobInbox {
 public:
  struct Finished {
    store::DeviceJobRecord part;
    Result<MethodReply> reply;
  };

  explicit JobInbox(std::function<void()> wake) : wake_(std::move(wake)) {}
  void finished(Finished one);
  void changed();
  void close();  // nobody is woken from now on

  std::vector<Finished> take_finished();
  bool take_changed();
  bool empty();

 private:
  void wake();

  std::mutex mutex_;
  std::function<void()> wake_;
  std::vector<Finished> finished_;
  bool changed_ = true;
};

// Not thread-safe, but for the inbox. One for each store: kJobsClaimed.
class JobEngine {
 public:
  // `wake` is called from any thread when step() is due earlier than it last said.
  static Result<std::unique_ptr<JobEngine>> create(JobServices services,
                                                   std::function<void()> wake = {});
  ~JobEngine();
  JobEngine(const JobEngine&) = delete;
  JobEngine& operator=(const JobEngine&) = delete;

  // Does a bounded part of what is due; blocks on the store. Returns for how many milliseconds
  // there is nothing to do, unless it is woken; 0: there is more now.
  std::int64_t step();
  // A job was made or cancelled. Thread-safe.
  void changed() { inbox_->changed(); }

 private:
  struct Active {
    iothub::HubName hub;
    store::JobRecord job;
    query::Condition condition;
    MethodInvocation method;  // its identity is that of nobody
    store::IfMatch twin_if_match = {};
    bool selecting = false;
    std::string selected_to = {};  // the last device that the condition was asked of
    bool all_taken = false;        // no part is pending
    bool ended = false;
    std::size_t under_way = 0;
  };

  explicit JobEngine(JobServices services, std::function<void()> wake);
  Status work();
  Status recover();
  Status write_finished();
  Status look();
  Status look_at(Active& active);
  Status begin(store::HubReader::DueJob due);
  Status fail(const iothub::HubName& hub, store::JobRecord job, const Error& why);
  Status select(Active& active);
  Status run(Active& active);
  Result<bool> has_pending(const Active& active);
  Status call_methods(Active& active);
  Status update_twins(Active& active);
  Status end(Active& active, store::JobStatus status, const std::string& reason);
  Status tidy();
  // What the store says about a job that was taken away meanwhile is no failure.
  Status settle(Active& active, const Status& status);

  std::size_t running_of(const iothub::HubName& hub) const;
  std::size_t methods_under_way() const;
  std::size_t methods_free(const Active& active) const;
  UnixMillis deadline_ms(const Active& active) const;
  std::int64_t wait_ms();

  JobServices services_;
  std::shared_ptr<JobInbox> inbox_;
  std::vector<std::unique_ptr<Active>> active_;
  std::deque<JobInbox::Finished> finished_;
  bool recovered_ = false;
  bool look_again_ = true;
  bool cancelling_ = true;  // parts of ended jobs may still be pending
  UnixMillis next_look_ms_ = 0;
  std::int64_t next_tidy_ms_ = INT64_MIN;
};

}  // namespace pavise::hub::jobs
