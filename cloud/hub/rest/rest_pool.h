// Threads that answer HTTP calls, so that event loops never wait for the store.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "cloud/hub/rest/rest_api.h"
#include "common/metrics/metrics.h"

namespace pavise::hub::rest {

inline constexpr std::size_t kCallsWaitingMax = 2'000;

// Calls that were answered. Written by several threads; such a call costs far more.
struct RestCounters {
  static constexpr std::size_t kStatusMax = 600;
  std::array<metrics::SharedCounter, kStatusMax> by_status;
  metrics::SharedLatencyHistogram answered_us;  // from the whole request on
};

class RestPool final : public HttpServing {
 public:
  // Threads wait most of their time for a shared commit, so there are more of them than processors.
  RestPool(const Services& services, unsigned threads);
  ~RestPool() override;  // answers what is queued, then stops

  const RestCounters& counters() const { return counters_; }
  std::size_t waiting() const;  // calls that no thread has begun
  // ServerBusy at once when kCallsWaitingMax calls wait.
  void serve(HttpRequest request, std::function<void(HttpResponse)> done) override;
  std::optional<HttpHeadVerdict> judge(const HttpHead& head) override;

 private:
  struct Item {
    HttpRequest request;
    std::function<void(HttpResponse)> done;
  };
  void run();

  RestCounters counters_;
  RestApi api_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Item> items_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pavise::hub::rest
