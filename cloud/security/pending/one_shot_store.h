// Questions that wait for their one answer: at most one per device, bounded in number and time, in
// memory only. Asking a device again forgets its earlier question; the first answer, good or bad,
// ends a question.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"

namespace pavise::security {

using SessionId = std::array<std::byte, 16>;

// Thread-safe; every call is O(1) on average, whatever the number of questions.
template <class T>
class OneShotStore {
 public:
  OneShotStore(const Clock& clock, std::int64_t lifetime_ms, std::size_t count_max)
      : clock_(clock), lifetime_ms_(lifetime_ms), count_max_(count_max) {}

  // The random id of the question; nothing when count_max questions are open. kNoEntropy.
  Result<std::optional<SessionId>> ask(const DeviceId& device, T question) {
    SessionId id{};
    PAVISE_TRY(crypto::random_fill(id));
    const std::int64_t now = clock_.steady_ms();
    const std::lock_guard lock(mutex_);
    while (!open_.empty() && open_.front().ends_ms <= now) erase(open_.begin());
    if (const auto earlier = by_device_.find(device); earlier != by_device_.end())
      erase(earlier->second);
    if (open_.size() >= count_max_) return std::optional<SessionId>{};
    // All live equally long, so the list stays in the order of expiry.
    open_.push_back({std::string(as_text(id)), device, std::move(question), now + lifetime_ms_});
    const auto entry = std::prev(open_.end());
    by_session_.emplace(entry->session, entry);
    by_device_.emplace(device, entry);
    return std::optional(id);
  }

  // Takes the question out. Nothing when there is none of this id or its time is over.
  std::optional<T> take(ByteView session) {
    const std::int64_t now = clock_.steady_ms();
    const std::lock_guard lock(mutex_);
    const auto found = by_session_.find(std::string(as_text(session)));
    if (found == by_session_.end()) return std::nullopt;
    const bool over = found->second->ends_ms <= now;
    std::optional<T> question(std::move(found->second->question));
    erase(found->second);
    if (over) return std::nullopt;
    return question;
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return open_.size();
  }

 private:
  struct Entry {
    std::string session;
    DeviceId device;
    T question;
    std::int64_t ends_ms;
  };
  using Iterator = typename std::list<Entry>::iterator;

  void erase(Iterator entry) {
    by_session_.erase(entry->session);
    by_device_.erase(entry->device);
    open_.erase(entry);
  }

  const Clock& clock_;
  const std::int64_t lifetime_ms_;
  const std::size_t count_max_;
  mutable std::mutex mutex_;
  std::list<Entry> open_;
  std::unordered_map<std::string, Iterator> by_session_;
  std::unordered_map<DeviceId, Iterator> by_device_;
};

}  // namespace pavise::security
