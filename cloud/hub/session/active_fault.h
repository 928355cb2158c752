// A fault that a message asked for (protocol/iothub/fault.h), on its way through time.
#pragma once

#include "protocol/iothub/fault.h"

namespace pavise::hub {

// What was sent before a fault has reached the client, who would else repeat what asked for it.
inline constexpr std::int64_t kFaultRestMs = 100;

class ActiveFault {
 public:
  ActiveFault(iothub::Fault fault, std::uint64_t record, std::int64_t now_ms)
      : fault_(std::move(fault)), record_(record), due_ms_(now_ms + fault_.delay_ms) {}

  const iothub::Fault& fault() const { return fault_; }
  // For the log: "KillTcp" is told by the code, the reason is the client's.
  std::string detail() const { return fault_.reason.empty() ? "" : "reason: " + fault_.reason; }

  void on_durable(std::uint64_t number_end) { acknowledged_ |= record_ < number_end; }
  // True, once, when what is to be cut is to be cut now.
  bool strikes(std::int64_t now_ms) {
    if (refusal() != nullptr || now_ms < due_ms_) return false;
    if (rested_) return true;
    rested_ = acknowledged_;
    due_ms_ = now_ms + kFaultRestMs;
    return false;
  }
  // With what telemetry is refused now; nullptr: with nothing.
  const ErrorInfo* refuses(std::int64_t now_ms) const {
    return now_ms >= due_ms_ && now_ms < due_ms_ + fault_.duration_ms ? refusal() : nullptr;
  }
  // Steady time at which strikes() wants to be asked.
  std::int64_t deadline_ms() const { return refusal() == nullptr ? due_ms_ : INT64_MAX; }

 private:
  const ErrorInfo* refusal() const { return iothub::refusal_of(fault_.kind); }

  iothub::Fault fault_;
  std::uint64_t record_;
  std::int64_t due_ms_;
  bool acknowledged_ = false;
  bool rested_ = false;
};

}  // namespace pavise::hub
