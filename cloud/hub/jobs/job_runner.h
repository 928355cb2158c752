// The thread that executes scheduled jobs.
#pragma once

#include <memory>

#include "cloud/hub/jobs/job_engine.h"
#include "common/base/step_thread.h"

namespace pavise::hub::jobs {

class JobRunner {
 public:
  // Nothing is executed yet. kJobsClaimed.
  static Result<std::unique_ptr<JobRunner>> create(JobServices services);
  ~JobRunner();  // stop()
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // Called once.
  void start() { thread_.start(); }
  // Waits for the end of the step that is under way. Methods that are under way then are settled by
  // the next runner. To be called before what answers methods ends. Idempotent.
  void stop() { thread_.stop(); }

  // A job was made or cancelled. Thread-safe; does not block.
  void changed() { engine_->changed(); }

 private:
  JobRunner();

  StepThread thread_;
  std::unique_ptr<JobEngine> engine_;
};

}  // namespace pavise::hub::jobs
