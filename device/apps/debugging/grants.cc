#include "device/apps/debugging/grants.h"

#include <algorithm>

namespace pavise::device {

void Grants::forget_expired() {
  std::erase_if(held_, [this](const Held& held) {
    return clock_.now_s() >= held.terms.not_after || clock_.steady_ms() >= held.ends_steady_ms;
  });
}

Result<dev_grant::Terms> Grants::take(ByteView bytes) {
  PAVISE_TRY_ASSIGN(const dev_grant::Grant grant, dev_grant::Grant::parse(bytes));
  if (!here_) {
    PAVISE_TRY_ASSIGN(here_, device_());
  }
  const UnixMillis now_ms = clock_.now_ms();
  PAVISE_TRY_ASSIGN(dev_grant::Terms terms, grant.accept(keys_, *here_, now_ms / 1000));
  forget_expired();
  const auto same = std::ranges::find(held_, terms.component,
                                      [](const Held& held) { return held.terms.component; });
  const Held held{.terms = terms,
                  .ends_steady_ms = clock_.steady_ms() + terms.not_after * 1000 - now_ms};
  if (same != held_.end()) {
    if (same->terms.not_after < terms.not_after) *same = held;
    return same->terms;
  }
  if (held_.size() == kGrantsHeldMax) return kTooManyGrants;
  held_.push_back(held);
  return terms;
}

std::optional<UnixSeconds> Grants::until(const manifest::ComponentId& component) {
  forget_expired();
  const auto found =
      std::ranges::find(held_, component, [](const Held& held) { return held.terms.component; });
  if (found == held_.end()) return std::nullopt;
  return found->terms.not_after;
}

}  // namespace pavise::device
