#include "cloud/hub/data/activity_book.h"

#include <algorithm>
#include <chrono>

namespace pavise::hub {

ActivityBook::ActivityBook(store::StoreQueue& queue, const Clock& clock,
                           std::int64_t write_every_ms)
    : queue_(queue), clock_(clock), write_every_ms_(write_every_ms) {
  writer_ = std::thread([this] { keep_writing(); });
}

ActivityBook::~ActivityBook() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
  writer_.join();
  while (waiting() != 0)
    if (!write()) return;  // a disk that fails now has failed every other call, too
}

ActivityBook::Noted* ActivityBook::note_of(const iothub::Identity& identity) {
  if (const auto found = noted_.find(identity); found != noted_.end()) return &found->second;
  if (noted_.size() >= kActivityKnownMax) return nullptr;
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
  if (connected) noted->last_activity_ms = now_ms;
}

std::vector<store::Activity> ActivityBook::take() {
  std::vector<store::Activity> out;
  const std::lock_guard lock(mutex_);
  out.reserve(std::min(noted_.size(), kActivityPerWriteMax));
  for (auto at = noted_.begin(); at != noted_.end() && out.size() < kActivityPerWriteMax;) {
    out.push_back({at->first, at->second.connection_updated_ms, at->second.last_activity_ms});
    at = noted_.erase(at);
  }
  return out;
}

void ActivityBook::put_back(std::span<const store::Activity> activities) {
  const std::lock_guard lock(mutex_);
  for (const store::Activity& each : activities) {
    Noted* const noted = note_of(each.id);
    if (noted == nullptr) continue;
    noted->connection_updated_ms =
        std::max(noted->connection_updated_ms, each.connection_updated_ms);
    noted->last_activity_ms = std::max(noted->last_activity_ms, each.last_activity_ms);
  }
}

Status ActivityBook::write() {
  const std::vector<store::Activity> taken = take();
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
  return noted_.size();
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
