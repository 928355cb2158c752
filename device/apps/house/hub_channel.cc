#include "device/apps/house/hub_channel.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "device/apps/compartment/compartment.h"

namespace pavise::device {

Result<std::array<UniqueFd, 2>> channel_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error(kAppNotStarted, std::string("channel: ") + std::strerror(errno));
  return std::array{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<UniqueFd> HubChannel::open() {
  PAVISE_TRY_ASSIGN(auto ends, channel_pair());
  agents_end_ = std::move(ends[0]);
  introduced_ = false;
  return std::move(ends[1]);
}

Status HubChannel::introduce(const Introduce& introduce) {
  if (!agents_end_) return {};
  const bool again = std::exchange(introduced_, true);
  return introduce(again ? app_ + '+' : app_, agents_end_.get());
}

}  // namespace pavise::device
