// The thread that executes scheduled jobs.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "cloud/hub/jobs/job_engine.h"

namespace pavise::hub::jobs {

class JobRunner {
 public:
  // Nothing is executed yet. kJobsClaimed.
  static Result<std::unique_ptr<JobRunner>> create(JobServices services);
  ~JobRunner();  // stop()
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // Called once.
  void start();
  // Waits for the end of the step that is under way. Methods that are under way then are settled by
  // the next runner. To be called before what answers methods ends. Idempotent.
  void stop();

  // A job was made or cancelled. Thread-safe; does not block.
  void changed() { engine_->changed(); }

 private:
  JobRunner() = default;
  void run();
  void wake();

  std::mutex mutex_;
  std::condition_variable woken_changed_;
  bool woken_ = false;
  bool stopping_ = false;
  std::unique_ptr<JobEngine> engine_;
  std::thread thread_;
};

}  // namespace pavise::hub::jobs
