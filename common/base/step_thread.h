// A thread that does one step after the other, and waits as long as the last one said.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace pavise {

class StepThread {
 public:
  // `step` returns for how many milliseconds there is nothing to do, unless it is woken.
  explicit StepThread(std::function<std::int64_t()> step) : step_(std::move(step)) {}
  ~StepThread() { stop(); }
  StepThread(const StepThread&) = delete;
  StepThread& operator=(const StepThread&) = delete;

  void start();  // called once
  // Waits for the end of the step that is under way. Idempotent.
  void stop();
  void wake();  // thread-safe; does not block

 private:
  void run();

  const std::function<std::int64_t()> step_;
  std::mutex mutex_;
  std::condition_variable woken_changed_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pavise
