#include "device/apps/debugging/grants.h"

#include <algorithm>

namespace pavise::device {

UnixSeconds Grants::second_of(const Held& held) const {
  const std::int64_t left_ms = held.ends_steady_ms - around_.clock.steady_ms();
  const UnixSeconds by_steady =
      held.terms.not_after - (std::max<std::int64_t>(left_ms, 0) + 999) / 1000;
  return std::max(around_.clock.now_s(), by_steady);
}

// What is not kept now is kept the next time; if never, its rest counts again after a new start.
void Grants::see(const Held& held) const {
  if (const auto taken = around_.taken()) (void)(*taken)->see(held.terms, second_of(held));
}

void Grants::forget_expired() {
  std::erase_if(held_, [this](const Held& held) {
    if (!has_expired(held)) return false;
    see(held);
    return true;
  });
}

void Grants::on_time() {
  forget_expired();
  const std::int64_t now_ms = around_.clock.steady_ms();
  if (held_.empty() || now_ms < seen_at_ms_ + kSeenEveryMs) return;
  seen_at_ms_ = now_ms;
  for (const Held& held : held_) see(held);
}

Result<dev_grant::Terms> Grants::take(ByteView bytes) {
  PAVISE_TRY_ASSIGN(const dev_grant::Grant grant, dev_grant::Grant::parse(bytes));
  if (!here_) {
    PAVISE_TRY_ASSIGN(here_, around_.device());
  }
  const UnixMillis now_ms = around_.clock.now_ms();
  PAVISE_TRY_ASSIGN(dev_grant::Terms terms,
                    grant.accept(around_.owner_keys, *here_, now_ms / 1000));
  forget_expired();
  const auto same = std::ranges::find(held_, terms.component,
                                      [](const Held& held) { return held.terms.component; });
  if (same != held_.end() && same->terms.not_after >= terms.not_after) {
    // Its time passes, too, while the longer one holds.
    PAVISE_TRY_ASSIGN(TakenGrants* const taken, around_.taken());
    PAVISE_TRY(taken->take(terms, now_ms / 1000));
    return same->terms;
  }
  if (same == held_.end() && held_.size() == kGrantsHeldMax) return kTooManyGrants;
  PAVISE_TRY_ASSIGN(TakenGrants* const taken, around_.taken());
  PAVISE_TRY_ASSIGN(const UnixSeconds seen, taken->take(terms, now_ms / 1000));
  const std::int64_t left_ms = terms.not_after * 1000 - std::max(now_ms, seen * 1000);
  const Held held{.terms = terms, .ends_steady_ms = around_.clock.steady_ms() + left_ms};
  if (same == held_.end()) {
    held_.push_back(held);
  } else {
    see(*same);
    *same = held;
  }
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
