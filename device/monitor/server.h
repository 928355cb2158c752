// The packet loop: one request at a time, from two or three clients.
#pragma once

#include <functional>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/ipc/seqpacket.h"

namespace pavise::monitor {

// The socket tells who asks.
enum class Client { init, agent, apps };

// Makes the response to a packet; a request that cannot be served gets a response that says so.
using Answer = std::function<SecretBytes(Client, const Result<Bytes>& packet)>;

// A client that does not fetch its response within this time is gone.
inline constexpr int kSendDeadlineMs = 5'000;

// The sockets of all clients.
struct Channels {
  ipc::SeqpacketChannel init;
  ipc::SeqpacketChannel agent;
  std::optional<ipc::SeqpacketChannel> apps;  // a device without apps has none
};

// Serves until init or the agent closes its end, which is how the monitor is told to end. The
// launcher of apps may go: the device attests on, and init decides. Blocks. kChannelBroken, of
// init's or the agent's socket.
Status serve(const Channels& channels, const Answer& answer);

}  // namespace pavise::monitor
