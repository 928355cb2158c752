#include "cloud/hub/jobs/job_engine.h"

#include <algorithm>
#include <future>

#include "cloud/hub/jobs/outcome.h"
#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/method_json.h"

namespace pavise::hub::jobs {

using store::DeviceJobStatus;
using store::HubReader;
using store::HubTransaction;
using store::JobRecord;
using store::JobStatus;
using store::JobType;

namespace {

constexpr std::size_t kTwinsPerRead = 100;  // a twin has up to 80 KB
constexpr std::size_t kReadsPerStep = 10;
constexpr std::size_t kFinishedPerCommit = 64;        // an answer has up to 128 KiB
constexpr std::size_t kDueMax = 2 * kJobsRunningMax;  // a job has up to 256 KB of text
constexpr std::size_t kPartsPerCommit = store::kPageSizeMax;

bool is_gone(const Error& error) {
  return error.is(store::kJobNotFound) || error.is(store::kHubNotFound);
}

// Of the store as a whole, and perhaps passing.
bool is_store_failure(const Error& error) {
  return error.is(store::kStoreFailed) || error.is(store::kStoreFull) ||
         error.is(store::kStoreCorrupt) || error.is(store::kStoreLocked) ||
         error.is(store::kStoreBusy);
}

}  // namespace

// ---- the inbox

void JobInbox::finished(Finished one) {
  {
    const std::lock_guard lock(mutex_);
    finished_.push_back(std::move(one));
  }
  wake();
}

void JobInbox::changed() {
  {
    const std::lock_guard lock(mutex_);
    changed_ = true;
  }
  wake();
}

void JobInbox::wake() {
  const std::lock_guard lock(mutex_);
  if (wake_) wake_();
}

void JobInbox::close() {
  const std::lock_guard lock(mutex_);
  wake_ = {};
}

std::vector<JobInbox::Finished> JobInbox::take_finished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(finished_, {});
}

bool JobInbox::take_changed() {
  const std::lock_guard lock(mutex_);
  return std::exchange(changed_, false);
}

bool JobInbox::empty() {
  const std::lock_guard lock(mutex_);
  return finished_.empty() && !changed_;
}

// ---- the engine

Result<std::unique_ptr<JobEngine>> JobEngine::create(JobServices services,
                                                     std::function<void()> wake) {
  if (!services.queue.store().claim_jobs()) return kJobsClaimed;
  return std::unique_ptr<JobEngine>(new JobEngine(std::move(services), std::move(wake)));
}

JobEngine::JobEngine(JobServices services, std::function<void()> wake)
    : services_(std::move(services)), inbox_(std::make_shared<JobInbox>(std::move(wake))) {}

JobEngine::~JobEngine() {
  inbox_->close();  // methods may still be under way, and answer later
  services_.queue.store().release_jobs();
}

std::int64_t JobEngine::step() {
  if (const Status done = work(); !done) {
    if (services_.failed) services_.failed(done.error());
    look_again_ = true;
    return kRetryMs;
  }
  return wait_ms();
}

Status JobEngine::work() {
  if (!recovered_) PAVISE_TRY(recover());
  PAVISE_TRY(write_finished());
  if (inbox_->take_changed()) look_again_ = true;
  if (look_again_ || services_.clock.now_ms() >= next_look_ms_) PAVISE_TRY(look());
  // What one job meets does not stop the others.
  Status outcome;
  for (const auto& active : active_) {
    if (active->ended) continue;
    Status done = settle(*active, active->selecting ? select(*active) : run(*active));
    if (outcome && !done) outcome = std::move(done);
  }
  const auto over = [](const auto& active) { return active->ended && active->under_way == 0; };
  // There is room for another.
  if (std::erase_if(active_, over) > 0) look_again_ = true;
  PAVISE_TRY(tidy());
  return outcome;
}

// What a former process had under way: nobody knows how it ended.
Status JobEngine::recover() {
  const std::string outcome = error_outcome(kOutcomeUnknown);
  for (std::size_t rows = kPartsPerCommit; rows == kPartsPerCommit;) {
    PAVISE_TRY_ASSIGN(rows, services_.queue.call<std::size_t>([&](HubTransaction& transaction) {
      return transaction.fail_running_device_jobs(outcome, kPartsPerCommit);
    }));
  }
  recovered_ = true;
  return {};
}

Status JobEngine::write_finished() {
  for (JobInbox::Finished& one : inbox_->take_finished()) finished_.push_back(std::move(one));
  while (!finished_.empty()) {
    const std::size_t size = std::min(kFinishedPerCommit, finished_.size());
    const UnixMillis now_ms = services_.clock.now_ms();
    PAVISE_TRY(services_.queue.call([&](HubTransaction& transaction) -> Status {
      for (std::size_t i = 0; i < size; ++i) {
        store::DeviceJobRecord part = finished_[i].part;
        part.status = finished_[i].reply ? DeviceJobStatus::completed : DeviceJobStatus::failed;
        part.end_ms = now_ms;
        const auto outcome = method_outcome(finished_[i].reply);
        if (!outcome) part.status = DeviceJobStatus::failed;
        part.outcome_json = outcome ? *outcome : error_outcome(outcome.error());
        const Status written = transaction.update_device_job(part);
        if (!written && !is_gone(written.error())) return written;
      }
      return {};
    }));
    for (std::size_t i = 0; i < size; ++i) {
      const store::DeviceJobRecord& part = finished_.front().part;
      for (const auto& active : active_)
        if (active->under_way > 0 && active->hub == part.id.hub() && active->job.id == part.job)
          --active->under_way;
      finished_.pop_front();
    }
  }
  return {};
}

// ---- which jobs there are

Status JobEngine::look() {
  look_again_ = false;
  for (const auto& active : active_)
    if (!active->ended) PAVISE_TRY(look_at(*active));
  const UnixMillis now_ms = services_.clock.now_ms();
  std::vector<HubReader::DueJob> due;
  std::optional<UnixMillis> next;
  PAVISE_TRY(services_.queue.store().read([&](HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(due, reader.due_scheduled_jobs(now_ms, kJobsRunningOfHubMax, kDueMax));
    PAVISE_TRY_ASSIGN(next, reader.next_job_ms(now_ms));
    return {};
  }));
  for (HubReader::DueJob& each : due) {
    const auto same = [&](const auto& active) {
      return active->hub == each.hub && active->job.id == each.job.id;
    };
    if (std::ranges::any_of(active_, same)) continue;
    // What ran before has its place: there were no more of them then.
    if (each.job.status != JobStatus::running &&
        (active_.size() >= kJobsRunningMax || running_of(each.hub) >= kJobsRunningOfHubMax))
      continue;
    PAVISE_TRY(begin(std::move(each)));
  }
  // One that is due and has no place waits until another ends.
  next_look_ms_ = next.value_or(now_ms + kWaitMaxMs);
  return {};
}

Status JobEngine::look_at(Active& active) {
  JobStatus status = JobStatus::running;
  const Status read = services_.queue.store().read([&](HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(const JobRecord job, reader.job(active.hub, active.job.id));
    status = job.status;
    return {};
  });
  if (!read) return settle(active, read);
  if (is_final(status)) active.ended = cancelling_ = true;
  return {};
}

Status JobEngine::begin(HubReader::DueJob due) {
  auto nobody = iothub::Identity::make(due.hub, "nobody");
  PAVISE_CHECK(nobody.has_value());
  auto condition = query::Condition::parse(due.job.query_condition);
  if (!condition) return fail(due.hub, std::move(due.job), condition.error());
  const auto request = rest::object_of(due.job.request_json);
  if (!request) return fail(due.hub, std::move(due.job), kJobUnusable);
  auto active = std::make_unique<Active>(
      Active{.hub = due.hub,
             .job = std::move(due.job),
             .condition = *std::move(condition),
             .method = {.identity = *std::move(nobody), .name = {}, .payload_json = {}}});
  active->selecting = active->job.status != JobStatus::running;
  if (active->job.type == JobType::schedule_device_method) {
    auto method = rest::method_of(*request, active->method.identity);
    if (!method) return fail(active->hub, active->job, kJobUnusable);
    active->method = *std::move(method);
  } else {
    const auto etag = rest::text_member(*request, "etag");
    if (!etag) return fail(active->hub, active->job, kJobUnusable);
    active->twin_if_match = if_match_of(*etag);
  }
  active_.push_back(std::move(active));
  return {};
}

Status JobEngine::fail(const iothub::HubName& hub, JobRecord job, const Error& why) {
  job.status = JobStatus::failed;
  job.end_ms = services_.clock.now_ms();
  job.failure_reason = why.message();
  Status written = services_.queue.call(
      [&](HubTransaction& transaction) { return transaction.update_job(hub, job); });
  cancelling_ = true;
  if (written || is_gone(written.error()) || written.error().is(store::kBadJob)) return {};
  return written;
}

Status JobEngine::settle(Active& active, const Status& status) {
  if (status || is_store_failure(status.error())) return status;
  active.ended = cancelling_ = true;
  // Cancelled, or deleted with its hub.
  if (is_gone(status.error()) || status.error().is(store::kBadJob)) return {};
  // A twin that cannot be read ends this job, not those of other hubs.
  return fail(active.hub, active.job, status.error());
}

// ---- a job's parts

Status JobEngine::select(Active& active) {
  for (std::size_t reads = 0; reads < kReadsPerStep; ++reads) {
    std::vector<store::TwinRecord> twins;
    PAVISE_TRY(services_.queue.store().read([&](HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(twins, reader.twins(active.hub, false,
                                            {.after = active.selected_to, .limit = kTwinsPerRead}));
      return {};
    }));
    std::vector<iothub::Identity> matching;
    for (const store::TwinRecord& twin : twins) {
      const iothub::Identity& id = twin.identity.id;
      PAVISE_TRY_ASSIGN(const auto document,
                        query::Document::parse(rest::twin_document(twin, services_.connected(id))));
      if (active.condition.matches(document)) matching.push_back(id);
    }
    const bool at_end = twins.size() < kTwinsPerRead;
    JobRecord job = active.job;
    if (at_end) {
      job.status = JobStatus::running;
      job.start_ms = services_.clock.now_ms();
    }
    if (at_end || !matching.empty())
      PAVISE_TRY(services_.queue.call([&](HubTransaction& transaction) -> Status {
        PAVISE_TRY(transaction.add_device_jobs(active.hub, job.id, matching));
        return at_end ? transaction.update_job(active.hub, job) : Status();
      }));
    if (at_end) {
      active.job = std::move(job);
      active.selecting = false;
      return {};
    }
    active.selected_to = twins.back().identity.id.client_id();
  }
  return {};
}

Status JobEngine::run(Active& active) {
  if (!active.all_taken && services_.clock.now_ms() >= deadline_ms(active)) {
    PAVISE_TRY_ASSIGN(const bool pending, has_pending(active));
    if (pending) return end(active, JobStatus::failed, Error(kJobOverTime).message());
    active.all_taken = true;
  }
  if (!active.all_taken)
    PAVISE_TRY(active.job.type == JobType::schedule_device_method ? call_methods(active)
                                                                  : update_twins(active));
  if (active.all_taken && active.under_way == 0) return end(active, JobStatus::completed, {});
  return {};
}

Result<bool> JobEngine::has_pending(const Active& active) {
  bool out = false;
  PAVISE_TRY(services_.queue.store().read([&](HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(const auto parts,
                      reader.device_jobs(active.hub, active.job.id, DeviceJobStatus::pending,
                                         {.after = {}, .limit = 1}));
    out = !parts.empty();
    return {};
  }));
  return out;
}

Status JobEngine::call_methods(Active& active) {
  const std::size_t free = methods_free(active);
  if (free == 0) return {};
  using Parts = std::vector<store::DeviceJobRecord>;
  PAVISE_TRY_ASSIGN(Parts parts, services_.queue.call<Parts>([&](HubTransaction& transaction) {
    return transaction.take_device_jobs(active.hub, active.job.id, free);
  }));
  active.all_taken = parts.size() < free;
  active.under_way += parts.size();
  // From here on it is durable that the parts run: after a crash none of them is called again.
  const std::int64_t left_ms =
      std::max<std::int64_t>(deadline_ms(active) - services_.clock.now_ms(), 1);
  for (store::DeviceJobRecord& part : parts) {
    MethodInvocation call = active.method;
    call.identity = part.id;
    call.connect_timeout_ms = std::min(call.connect_timeout_ms, left_ms);
    call.response_timeout_ms = std::min(call.response_timeout_ms, left_ms);
    const bool known = services_.queue.store().index().contains(part.id);
    MethodBroker::Done done = [inbox = inbox_, part = std::move(part)](Result<MethodReply> reply) {
      inbox->finished({part, std::move(reply)});
    };
    if (known)
      services_.invoke_method(std::move(call), std::move(done));
    else
      done(store::kDeviceNotFound);
  }
  return {};
}

// Change and outcome are one commit, so that a part is never half done.
Status JobEngine::update_twins(Active& active) {
  struct Told {
    iothub::Identity id;
    std::uint64_t version = 0;
    std::string body;
  };
  struct Portion {
    std::size_t parts = 0;
    std::vector<Told> told;
  };
  const auto ask = [&](HubTransaction& transaction) -> Result<Portion> {
    PAVISE_TRY_ASSIGN(auto parts,
                      transaction.take_device_jobs(active.hub, active.job.id, kTwinsPerCommit));
    Portion out{.parts = parts.size(), .told = {}};
    for (store::DeviceJobRecord& part : parts) {
      auto changed = transaction.change_twin(part.id, active.job.request_json,
                                             store::TwinChangeKind::merge, active.twin_if_match);
      if (!changed && is_store_failure(changed.error())) return changed.error();
      part.status = changed ? DeviceJobStatus::completed : DeviceJobStatus::failed;
      part.end_ms = part.start_ms;
      part.outcome_json = changed ? std::string(kTwinOutcome) : error_outcome(changed.error());
      PAVISE_TRY(transaction.update_device_job(part));
      if (changed && !changed->desired_notification.empty())
        out.told.push_back(
            {part.id, changed->desired_version, std::move(changed->desired_notification)});
    }
    return out;
  };
  auto promise = std::make_shared<std::promise<Result<std::size_t>>>();
  auto answer = promise->get_future();
  services_.queue.submit<Portion>(ask, [this, promise](Result<Portion> portion) {
    if (!portion) return promise->set_value(portion.error());
    for (Told& each : portion->told)
      services_.desired_changed(each.id, each.version, std::move(each.body));
    promise->set_value(portion->parts);
  });
  PAVISE_TRY_ASSIGN(const std::size_t parts, answer.get());
  active.all_taken = parts < kTwinsPerCommit;
  return {};
}

Status JobEngine::end(Active& active, JobStatus status, const std::string& reason) {
  JobRecord job = active.job;
  job.status = status;
  job.end_ms = services_.clock.now_ms();
  job.failure_reason = reason;
  PAVISE_TRY(services_.queue.call(
      [&](HubTransaction& transaction) { return transaction.update_job(active.hub, job); }));
  active.ended = true;
  cancelling_ = cancelling_ || status != JobStatus::completed;
  return {};
}

// ---- what is left of jobs that have ended

Status JobEngine::tidy() {
  if (cancelling_) {
    PAVISE_TRY_ASSIGN(const std::size_t rows,
                      services_.queue.call<std::size_t>([](HubTransaction& transaction) {
                        return transaction.cancel_device_jobs(kPartsPerCommit);
                      }));
    cancelling_ = rows == kPartsPerCommit;
  }
  if (services_.clock.steady_ms() < next_tidy_ms_) return {};
  const UnixMillis before_ms = services_.clock.now_ms() - kJobHistoryMs;
  PAVISE_TRY_ASSIGN(const std::size_t rows,
                    services_.queue.call<std::size_t>([&](HubTransaction& transaction) {
                      return transaction.delete_jobs_before(before_ms, kPartsPerCommit);
                    }));
  if (rows < kPartsPerCommit) next_tidy_ms_ = services_.clock.steady_ms() + kTidyEveryMs;
  return {};
}

// ---- how much at a time, and when

std::size_t JobEngine::running_of(const iothub::HubName& hub) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      active_, [&](const auto& active) { return active->hub == hub && !active->ended; }));
}

std::size_t JobEngine::methods_under_way() const {
  std::size_t out = 0;
  for (const auto& active : active_) out += active->under_way;
  return out;
}

// Jobs share what may be under way, so that one with devices that do not answer does not stop the
// others.
std::size_t JobEngine::methods_free(const Active& active) const {
  const auto sharing =
      static_cast<std::size_t>(std::ranges::count_if(active_, [](const auto& each) {
        return each->job.type == JobType::schedule_device_method &&
               (each->under_way > 0 || (!each->selecting && !each->all_taken && !each->ended));
      }));
  const std::size_t share =
      std::max<std::size_t>(kMethodsUnderWayMax / std::max<std::size_t>(sharing, 1), 1);
  const std::size_t all = methods_under_way();
  if (active.under_way >= share || all >= kMethodsUnderWayMax) return 0;
  return std::min(share - active.under_way, kMethodsUnderWayMax - all);
}

UnixMillis JobEngine::deadline_ms(const Active& active) const {
  return active.job.start_ms + active.job.max_execution_s * 1000;
}

std::int64_t JobEngine::wait_ms() {
  if (look_again_ || cancelling_ || !inbox_->empty()) return 0;
  const UnixMillis now_ms = services_.clock.now_ms();
  std::int64_t out = std::min(kWaitMaxMs, next_look_ms_ - now_ms);
  out = std::min(out, next_tidy_ms_ - services_.clock.steady_ms());
  for (const auto& active : active_) {
    if (active->ended || active->all_taken) continue;  // an answer wakes
    const bool methods = active->job.type == JobType::schedule_device_method;
    if (active->selecting || !methods || methods_free(*active) > 0) return 0;
    out = std::min(out, deadline_ms(*active) - now_ms);
  }
  return std::max<std::int64_t>(out, 0);
}

}  // namespace pavise::hub::jobs
