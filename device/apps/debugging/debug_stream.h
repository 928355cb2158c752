// The bytes between a debugger far away and the one in the compartment.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace pavise::device {

inline constexpr ErrorInfo kOutOfStep{"PV-DBG-002", Retry::never,
                                      "the bytes of a debug session do not join those before",
                                      "Begin anew: pavise app debug DEVICE APP."};

// Bytes are counted from the beginning, in both directions: whoever had no answer asks again with
// the same numbers, and nothing counts twice or is lost. Not thread-safe; never blocks.
class DebugStream {
 public:
  static constexpr std::size_t kKeptBytesMax = 32UL * 1024;

  // `socket` is a stream socket.
  explicit DebugStream(UniqueFd socket) : socket_(std::move(socket)) {}

  // Passes on what is new of `data`, which begins at byte `at`. All that has been passed on so far:
  // less than at + data.size() while nobody reads. kOutOfStep: a gap.
  Result<std::uint64_t> put(std::uint64_t at, ByteView data);
  // What came from byte `received` on, at most kKeptBytesMax; it is kept until somebody says that
  // he has it. kOutOfStep: what was said to be there already, or what never was sent.
  Result<ByteView> get(std::uint64_t received);
  // Nothing comes behind what get() gave last.
  bool is_over() const { return ended_; }

 private:
  void fill();

  UniqueFd socket_;
  std::uint64_t put_ = 0;
  std::uint64_t kept_at_ = 0;  // place of kept_'s first byte
  Bytes kept_;
  bool ended_ = false;
};

}  // namespace pavise::device
