// The packet loop: one request at a time, from two clients.
#pragma once

#include <functional>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/ipc/seqpacket.h"

namespace pavise::monitor {

// The socket tells who asks.
enum class Client { init, agent };

// Makes the response to a packet; a request that cannot be served gets a response that says so.
using Answer = std::function<SecretBytes(Client, const Result<Bytes>& packet)>;

// A client that does not fetch its response within this time is gone.
inline constexpr int kSendDeadlineMs = 5'000;

// Serves until one of the clients closes its end, which is how the monitor is told to end. Blocks.
// Errors: kChannelBroken.
Status serve(const ipc::SeqpacketChannel& init, const ipc::SeqpacketChannel& agent,
             const Answer& answer);

}  // namespace pavise::monitor
