#include "cloud/hub/configurations/applier_thread.h"

#include <algorithm>
#include <chrono>

namespace pavise::hub::configurations {

namespace {
constexpr std::int64_t kWaitMaxMs = 3'600'000;  // what a condition variable is asked for at most
}

ApplierThread::ApplierThread(Applier& applier, const Clock& clock,
                             std::function<void(const Error&)> failed)
    : applier_(applier), clock_(clock), failed_(std::move(failed)) {
  applier_.on_sooner([this] {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    wakes_.notify_all();
  });
  thread_ = std::thread([this] { run(); });
}

ApplierThread::~ApplierThread() {
  applier_.on_sooner({});
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
  thread_.join();
}

void ApplierThread::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_ = false;
    const std::int64_t wait_ms = std::min(applier_.due_ms() - clock_.steady_ms(), kWaitMaxMs);
    if (wait_ms > 0) {
      wakes_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                      [this] { return stopping_ || woken_; });
      continue;
    }
    lock.unlock();
    const Status status = applier_.step();
    if (!status && failed_) failed_(status.error());
    lock.lock();
  }
}

}  // namespace pavise::hub::configurations
