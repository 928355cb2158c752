// One thread that executes twin commands in groups, so that the event loops never wait for SQL.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "cloud/hub/twin_store/twin_store.h"

namespace pavise::hub {

inline constexpr std::size_t kTwinQueueMax = 20'000;

inline constexpr ErrorInfo kTwinQueueFull{"PV-HUB-025", Retry::later,
                                          "too many twin requests wait for the database",
                                          "Send again later."};

class TwinQueue {
 public:
  using OnAnswer = std::function<void(Result<TwinAnswer>)>;

  explicit TwinQueue(TwinStore& store);  // must outlive the queue
  ~TwinQueue();                          // executes what is queued, then stops
  TwinQueue(const TwinQueue&) = delete;
  TwinQueue& operator=(const TwinQueue&) = delete;

  // `on_answer` is called on the queue's thread, in the order of the submissions; or at once on
  // this thread with kTwinQueueFull. It must not block. Thread-safe.
  void submit(TwinCommand command, OnAnswer on_answer);

 private:
  void run();

  TwinStore& store_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::vector<TwinCommand> commands_;
  std::vector<OnAnswer> answers_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pavise::hub
