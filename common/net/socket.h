// TCP with deadlines. Blocking only up to the deadline that the caller states, except for the
// name look-up (see dial).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/net/errors.h"

namespace pavise::net {

using Millis = std::chrono::milliseconds;

// A moment on the steady clock after which a call gives up.
class Deadline {
 public:
  static Deadline after(Millis span) { return Deadline(std::chrono::steady_clock::now() + span); }
  // Whole milliseconds left, rounded up, never negative.
  int left_ms() const;
  bool passed() const { return left_ms() == 0; }

 private:
  explicit Deadline(std::chrono::steady_clock::time_point at) : at_(at) {}
  std::chrono::steady_clock::time_point at_;
};

// Connects to the first address of `host` that answers; the socket is non-blocking, close-on-exec,
// with TCP_NODELAY. The name look-up itself is the C library's: it is bounded by resolv.conf
// (`timeout`, `attempts`), not by the deadline; a literal address needs none.
// kNameUnresolved, kRefused, kTimedOut, kUnreachable.
Result<UniqueFd> dial(const std::string& host, std::uint16_t port, Deadline deadline);

// Waits until the socket can be read (or written). kTimedOut at the deadline, kBroken.
Status wait_readable(int fd, Deadline deadline);
Status wait_writable(int fd, Deadline deadline);

}  // namespace pavise::net
