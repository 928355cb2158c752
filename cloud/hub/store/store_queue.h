// One thread that executes store operations in groups, so that event loops never wait for SQL and
// one commit carries many requests.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cloud/hub/store/hub_store.h"
#include "common/metrics/metrics.h"

namespace pavise::hub::store {

inline constexpr std::size_t kStoreQueueMax =
    20'000;  // operations that were submitted and not yet answered
inline constexpr std::size_t kStoreGroupMax = 256;  // operations that share a commit

// Written by the queue's thread.
struct StoreQueueCounters {
  metrics::Counter operations;
  metrics::Counter operations_failed;
  metrics::SizeHistogram group_operations;  // that shared a commit
  metrics::LatencyHistogram commit_us;      // of a group
};

class StoreQueue {
 public:
  using OnDone = std::function<void(Status)>;

  explicit StoreQueue(HubStore& store);  // must outlive the queue
  ~StoreQueue();                         // executes what is queued, then stops
  StoreQueue(const StoreQueue&) = delete;
  StoreQueue& operator=(const StoreQueue&) = delete;

  HubStore& store() { return store_; }

  // `on_done` is called on the queue's thread after the commit is durable, in the order of the
  // submissions; or at once on this thread with kStoreBusy. It must not block. Thread-safe.
  // For `operation` see HubStore::Operation: it may run more than once.
  void submit(HubStore::Operation operation, OnDone on_done);

  // The same for an operation with an answer: `ask` returns Result<T>, `on_answer` takes one.
  template <class T>
  void submit(std::function<Result<T>(HubTransaction&)> ask,
              std::function<void(Result<T>)> on_answer) {
    auto answer = std::make_shared<std::optional<T>>();
    submit(
        [ask = std::move(ask), answer](HubTransaction& transaction) -> Status {
          PAVISE_TRY_ASSIGN(*answer, ask(transaction));
          return {};
        },
        [on_answer = std::move(on_answer), answer](const Status& status) {
          if (status)
            on_answer(*std::move(*answer));
          else
            on_answer(status.error());
        });
  }

  // Waits for the commit. For pool threads; never from `on_done`. The errors of the operation,
  // kStoreBusy.
  Status call(HubStore::Operation operation);
  template <class T>
  Result<T> call(std::function<Result<T>(HubTransaction&)> ask) {
    std::optional<T> answer;
    PAVISE_TRY(call([&](HubTransaction& transaction) -> Status {
      PAVISE_TRY_ASSIGN(answer, ask(transaction));
      return {};
    }));
    PAVISE_CHECK(answer.has_value());
    return *std::move(answer);
  }

  std::size_t waiting() const;  // submitted and not yet answered
  const StoreQueueCounters& counters() const { return counters_; }

 private:
  void run();
  void run_group(std::span<const HubStore::Operation> operations, std::span<const OnDone> on_done);

  HubStore& store_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::vector<HubStore::Operation> operations_;
  std::vector<OnDone> on_done_;
  std::size_t unanswered_ = 0;
  bool stopping_ = false;
  StoreQueueCounters counters_;
  std::thread thread_;
};

}  // namespace pavise::hub::store
