#include "cloud/hub/data/activity_book.h"

#include <algorithm>
#include <chrono>

namespace pavise::hub {

ActivityBook::ActivityBook(store::StoreQueue& queue, const Clock& clock, IsConnected is_connected,
                           std::int64_t write_every_ms)
    : queue_(queue),
      clock_(clock),
      is_connected_(std::move(is_connected)),
      write_every_ms_(write_every_ms) {
  writer_ = std::thread([this] { keep_writing(); });
}

ActivityBook::~ActivityBook() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
  writer_.join();
  // A disk that fails now has failed every other call, too.
  do {
    if (!write(true)) return;
  } while (waiting() != 0);
}

ActivityBook::Noted* ActivityBook::note_of(const iothub::Identity& identity) {
  if (const auto found = noted_.find(identity); found != noted_.end()) return &found->second;
  if (noted_.size() + round_.size() >= kActivityKnownMax) return nullptr;
  return &noted_[identity];
}

void ActivityBook::note_active(const iothub::Identity& identity) {
  const UnixMillis now_ms = clock_.now_ms();
  const std::lock_guard lock(mutex_);
  if (Noted* const noted = note_of(identity)) noted->last_activity_ms = now_ms;
}

void ActivityBook::note_connection(const iothub::Identity& identity, bool connected) {
  const UnixMillis now_ms = clock_.now_ms();
  const std::lock_guard lock(mutex_);
  Noted* const noted = note_of(identity);
  if (noted == nullptr) return;
  noted->connection_updated_ms = now_ms;
  noted->report = true;
  if (connected) noted->last_activity_ms = now_ms;
}

void ActivityBook::take_due_reports(std::int64_t now_ms, std::vector<store::Activity>& out) {
  for (auto at = reports_.begin(); at != reports_.end();) {
    Report& report = at->second;
    const bool due = now_ms - report.last_ms >= kConnectionReportEveryMs;
    if (due && report.changed_ms == 0) {
      at = reports_.erase(at);
      continue;
    }
    if (due && out.size() < kActivityPerWriteMax) {
      out.push_back({at->first, report.changed_ms, 0, true});
      report = {now_ms, 0};
    }
    ++at;
  }
}

// Otherwise it is remembered that there is something to report.
bool ActivityBook::may_report(const iothub::Identity& identity, const Noted& noted,
                              std::int64_t now_ms) {
  const auto found = reports_.find(identity);
  if (found == reports_.end()) {
    if (reports_.size() >= kActivityKnownMax) {
      noted_[identity] = noted;  // comes again; it has just left the round, so there is room
      return false;
    }
    reports_[identity] = {now_ms, 0};
    return true;
  }
  Report& report = found->second;
  if (now_ms - report.last_ms < kConnectionReportEveryMs) {
    report.changed_ms = noted.connection_updated_ms;
    return false;
  }
  report = {now_ms, 0};
  return true;
}

std::vector<store::Activity> ActivityBook::take(bool at_end) {
  std::vector<store::Activity> out;
  const std::lock_guard lock(mutex_);
  // At the end nothing waits for its minute.
  const std::int64_t now_ms = clock_.steady_ms() + (at_end ? kConnectionReportEveryMs : 0);
  take_due_reports(now_ms, out);
  if (round_.empty()) round_.swap(noted_);
  for (auto at = round_.begin(); at != round_.end() && out.size() < kActivityPerWriteMax;) {
    const auto node = round_.extract(at++);
    const Noted& noted = node.mapped();
    store::Activity activity{node.key(), noted.connection_updated_ms, noted.last_activity_ms};
    if (noted.report && may_report(node.key(), noted, now_ms)) activity.report_connected = true;
    out.push_back(std::move(activity));
  }
  return out;
}

void ActivityBook::put_back(std::span<const store::Activity> activities) {
  const std::lock_guard lock(mutex_);
  for (const store::Activity& each : activities) {
    if (each.report_connected) reports_.erase(each.id);
    Noted* const noted = note_of(each.id);
    if (noted == nullptr) continue;
    noted->connection_updated_ms =
        std::max(noted->connection_updated_ms, each.connection_updated_ms);
    noted->last_activity_ms = std::max(noted->last_activity_ms, each.last_activity_ms);
    noted->report = noted->report || each.report_connected.has_value();
  }
}

Status ActivityBook::write(bool at_end) {
  std::vector<store::Activity> taken = take(at_end);
  // Asked now and not when it was noted: workers note in no common order.
  for (store::Activity& each : taken)
    if (each.report_connected) each.report_connected = is_connected_(each.id);
  std::span<const store::Activity> left(taken);
  while (!left.empty()) {
    const auto part = left.first(std::min(left.size(), kActivityPerOperationMax));
    const Status written = queue_.call(
        [part](store::HubTransaction& transaction) { return transaction.note_activity(part); });
    if (!written) {
      put_back(left);
      return written;
    }
    left = left.subspan(part.size());
  }
  return {};
}

std::size_t ActivityBook::waiting() const {
  const std::lock_guard lock(mutex_);
  return noted_.size() + round_.size();
}

void ActivityBook::keep_writing() {
  std::unique_lock lock(mutex_);
  while (!wakes_.wait_for(lock, std::chrono::milliseconds(write_every_ms_),
                          [this] { return stopping_; })) {
    lock.unlock();
    // A failing disk is said by every other call; this one comes again in a few seconds.
    (void)write().has_value();
    lock.lock();
  }
}

}  // namespace pavise::hub
