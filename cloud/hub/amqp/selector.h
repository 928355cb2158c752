// The filter with which an Event Hubs client says where to begin (reference D3).
#pragma once

#include <string_view>

#include "cloud/hub/amqp/errors.h"
#include "common/base/clock.h"
#include "protocol/amqp/codec/value.h"

namespace pavise::hub {

inline constexpr std::string_view kSelectorFilter = "apache.org:selector-filter:string";
inline constexpr std::size_t kSelectorSizeMax = 512;

struct StartAt {
  enum class By { beginning, end, offset, time };
  By by = By::beginning;
  std::uint64_t offset = 0;  // first that is wanted
  UnixMillis time_ms = 0;    // first that is wanted
  bool operator==(const StartAt&) const = default;

  // "amqp.annotation.x-opt-offset > '12'" and its relatives; spaces and quotes are free.
  // kBadFilter.
  static Result<StartAt> parse(std::string_view selector);
  // Of an attach: without a selector from the beginning. kBadFilter.
  static Result<StartAt> from_filter(const amqp::Map& filter);
};

}  // namespace pavise::hub
