#include "cloud/hub/jobs/job_runner.h"

#include <chrono>

namespace pavise::hub::jobs {

Result<std::unique_ptr<JobRunner>> JobRunner::create(JobServices services) {
  std::unique_ptr<JobRunner> runner(new JobRunner);
  PAVISE_TRY_ASSIGN(runner->engine_, JobEngine::create(std::move(services),
                                                       [self = runner.get()] { self->wake(); }));
  return runner;
}

JobRunner::~JobRunner() {
  stop();
  engine_.reset();  // before what it wakes
}

void JobRunner::start() {
  thread_ = std::thread([this] { run(); });
}

void JobRunner::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void JobRunner::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  woken_changed_.notify_all();
}

void JobRunner::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_ = false;
    lock.unlock();
    const std::int64_t wait_ms = engine_->step();
    lock.lock();
    woken_changed_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                            [this] { return stopping_ || woken_; });
  }
}

}  // namespace pavise::hub::jobs
