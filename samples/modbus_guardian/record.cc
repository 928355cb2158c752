#include "samples/modbus_guardian/record.h"

namespace modbus_guardian {

void Record::note(std::string_view peer, std::string_view what, std::string_view detail,
                  std::int64_t now_ms) {
  time_passed(now_ms);
  const std::string thing = std::string(peer) + ": " + std::string(what);
  if (const auto known = repeats_.find(thing); known != repeats_.end()) {
    ++known->second;
    return;
  }
  if (repeats_.size() == kRecordThingsMax ||
      things_of_[std::string(peer)] == kRecordThingsOfOnePeerMax) {
    ++untold_;
    return;
  }
  if (repeats_.empty()) period_ends_ms_ = now_ms + kRecordPeriodMs;
  ++things_of_[std::string(peer)];
  repeats_.emplace(thing, 0);
  write_(detail.empty() ? thing : thing + ": " + std::string(detail));
}

void Record::time_passed(std::int64_t now_ms) {
  if (!repeats_.empty() && now_ms >= period_ends_ms_) end_period();
}

void Record::end_period() {
  for (const auto& [thing, times] : repeats_)
    if (times > 0) write_(thing + ": " + std::to_string(times) + " times more");
  if (untold_ > 0) write_("and " + std::to_string(untold_) + " times something else");
  repeats_.clear();
  things_of_.clear();
  untold_ = 0;
}

}  // namespace modbus_guardian
