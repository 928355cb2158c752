#include "common/base/step_thread.h"

#include <chrono>

namespace pavise {

void StepThread::start() {
  thread_ = std::thread([this] { run(); });
}

void StepThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void StepThread::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  woken_changed_.notify_all();
}

void StepThread::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_ = false;
    lock.unlock();
    const std::int64_t wait_ms = step_();
    lock.lock();
    woken_changed_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                            [this] { return stopping_ || woken_; });
  }
}

}  // namespace pavise
