#include "cloud/hub/transport/inbox.h"

#include <unistd.h>

namespace pavise::hub {

Result<std::unique_ptr<Inbox>> Inbox::create() {
  PAVISE_TRY_ASSIGN(Socket event, make_event_fd());
  return std::unique_ptr<Inbox>(new Inbox(std::move(event)));
}

void Inbox::post(Message message) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    wake = messages_.empty();
    // Commits come often; the last one says it all, unless a failure lies between.
    const auto* progress = std::get_if<LogProgress>(&message);
    auto* last = wake ? nullptr : std::get_if<LogProgress>(&messages_.back());
    if (progress != nullptr && last != nullptr && !progress->error && !last->error) {
      *last = *progress;
    } else {
      messages_.push_back(std::move(message));
    }
  }
  if (!wake) return;
  const std::uint64_t one = 1;
  // Fails only if the counter is full, and then the worker is being woken anyway.
  (void)!::write(event_.get(), &one, sizeof one);
}

std::vector<Message> Inbox::take() {
  std::uint64_t count = 0;
  (void)!::read(event_.get(), &count, sizeof count);
  const std::lock_guard lock(mutex_);
  return std::exchange(messages_, {});
}

}  // namespace pavise::hub
