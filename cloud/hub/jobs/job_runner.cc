#include "cloud/hub/jobs/job_runner.h"

namespace pavise::hub::jobs {

JobRunner::JobRunner() : thread_([this] { return engine_->step(); }) {}

Result<std::unique_ptr<JobRunner>> JobRunner::create(JobServices services) {
  std::unique_ptr<JobRunner> runner(new JobRunner);
  PAVISE_TRY_ASSIGN(runner->engine_, JobEngine::create(std::move(services), [self = runner.get()] {
                      self->thread_.wake();
                    }));
  return runner;
}

JobRunner::~JobRunner() {
  stop();
  engine_.reset();  // before what it wakes
}

}  // namespace pavise::hub::jobs
