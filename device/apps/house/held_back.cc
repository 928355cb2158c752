#include "device/apps/house/held_back.h"

namespace pavise::device {

std::optional<std::uint64_t> HeldBack::take(std::uint64_t periods, std::int64_t now_ms) {
  const bool is_over = now_ms - since_ms_ >= kHeldBackSpanMs;
  const std::uint64_t grown = periods > before_ ? periods - before_ : 0;
  const bool is_news = grown >= kHeldBackFrom && (is_over || !told_);
  if (!is_over && !is_news) return std::nullopt;
  before_ = periods;
  since_ms_ = now_ms;
  told_ = is_news;
  if (!is_news) return std::nullopt;
  return grown;
}

}  // namespace pavise::device
