// An app's channel to the hub, from the launcher's side: docs/formats/app-channels.md,
// descriptor 4. The launcher has a copy of the agent's end for as long as the app runs, so that an
// agent that was started again gets the same one. To the app the agent before was silent for a
// while.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace pavise::device {

// Gives the agent of now its end of a channel, which stays the caller's as well. `packet` says
// whose it is. Never waits.
using Introduce = std::function<Status(const std::string& packet, int agents_end)>;

// Two ends of packets. kAppNotStarted.
Result<std::array<UniqueFd, 2>> channel_pair();

// Not thread-safe.
class HubChannel {
 public:
  explicit HubChannel(std::string app) : app_(std::move(app)) {}

  // Makes one in the place of an earlier one: the app's end. kAppNotStarted.
  Result<UniqueFd> open();
  // To the agent of now; nothing without a channel. What introduce() says.
  Status introduce(const Introduce& introduce);
  void close() { agents_end_.reset(); }

 private:
  std::string app_;
  UniqueFd agents_end_;
  bool introduced_ = false;  // an agent may have had it
};

}  // namespace pavise::device
