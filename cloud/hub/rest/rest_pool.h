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
// Calls that bring or take bytes of files; what they carry is bounded by the room for bodies.
inline constexpr std::size_t kFileCallsWaitingMax = 256;

// Calls that were answered. Written by several threads; such a call costs far more.
struct RestCounters {
  static constexpr std::size_t kStatusMax = 600;
  std::array<metrics::SharedCounter, kStatusMax> by_status;
  metrics::SharedLatencyHistogram answered_us;  // from the whole request on
};

// `file_threads` are for calls that bring or take bytes of files, and for nothing else: these may
// wait for a slow disk or an object store that does not answer, and no other call waits with them.
class RestPool final : public HttpServing {
 public:
  // Threads wait most of their time for a shared commit, so there are more of them than processors.
  RestPool(const Services& services, unsigned threads, unsigned file_threads);
  ~RestPool() override;  // answers what is queued, then stops

  const RestCounters& counters() const { return counters_; }
  std::size_t waiting() const;  // calls that no thread has begun
  // ServerBusy at once when kCallsWaitingMax calls wait, or kFileCallsWaitingMax of files.
  void serve(HttpRequest request, std::function<void(HttpResponse)> done) override;
  std::optional<HttpHeadVerdict> judge(const HttpHead& head) override;

 private:
  struct Item {
    HttpRequest request;
    std::function<void(HttpResponse)> done;
  };
  struct Lane {
    std::size_t waiting_max = 0;
    std::condition_variable work{};
    std::deque<Item> items{};
  };
  void run(Lane& lane);

  RestCounters counters_;
  RestApi api_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  Lane calls_{kCallsWaitingMax};
  Lane files_{kFileCallsWaitingMax};
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pavise::hub::rest
