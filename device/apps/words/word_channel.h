// The launcher's end of one app's descriptor 3, from one start of the app to its end. The app is
// hostile: it may say too much, read nothing, or send what holds up whoever closes it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "device/apps/words/allowance.h"
#include "protocol/app_wire/app_wire.h"

namespace pavise::device {

inline constexpr ErrorInfo kNoWordChannel{"PV-WRD-001", Retry::later,
                                          "an app's channel to its launcher cannot be made",
                                          "See the detail for the system's reason."};

// Packets that are taken at once, and then one each so often. What is more waits in the kernel, and
// the app finds its descriptor full.
inline constexpr std::int64_t kWordsAtOnce = 32;
inline constexpr std::int64_t kWordEveryMs = 50;

// Not thread-safe. No call waits.
class WordChannel {
 public:
  struct Made;
  static Result<Made> make();  // kNoWordChannel
  WordChannel() = default;     // closed
  WordChannel(WordChannel&&) = default;
  WordChannel& operator=(WordChannel&& other) noexcept;
  ~WordChannel() { close(); }

  // To be polled; -1: closed, or nothing is taken before heard_again_ms().
  int polled(std::int64_t now_ms) const;
  // INT64_MAX: it is heard now, or closed.
  std::int64_t heard_again_ms(std::int64_t now_ms) const;

  // What the app said since. What is no packet is left out; who sends descriptors has no channel
  // any more, as who closed its end.
  std::vector<app_wire::FromApp> read(std::int64_t now_ms);
  // One packet, with what goes with it. False: the app does not read, or is gone; it never gets it.
  bool send(ByteView packet, std::span<const int> descriptors = {});
  void close();

  // Words about the app's conduct, each kind once.
  std::optional<std::string> take_complaint();

 private:
  explicit WordChannel(UniqueFd socket) : socket_(std::move(socket)) {}
  void complain(unsigned kind, std::string words);

  UniqueFd socket_;
  Allowance allowance_{kWordsAtOnce, kWordEveryMs};
  std::int64_t quiet_until_ms_ = 0;
  unsigned complained_ = 0;  // kinds
  std::vector<std::string> complaints_;
};

struct WordChannel::Made {
  WordChannel ours;
  UniqueFd theirs;
};

}  // namespace pavise::device
