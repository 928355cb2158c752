// A socket whose other end is hostile. Whatever it sends, nobody waits for it. Descriptors that
// come along are the trap: without room for them the kernel closes them in the name of the
// receiver, and the last close of a TCP connection with SO_LINGER, or of a serial port whose other
// side is not ready, waits: for as long as the sender chose.
#pragma once

#include <cstddef>
#include <span>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/ipc/seqpacket.h"

namespace pavise::ipc {

// The longest that a close of what came along may wait. All of one packet together.
inline constexpr int kUntrustedCloseMs = 20;

struct UntrustedPacket {
  std::size_t size = 0;           // of the packet: more than the buffer has if it was cut
  bool with_descriptors = false;  // they are closed
};

// Takes one packet, if one is there: kTimedOut if not. kPeerClosed, kSocketFailed. Takes over the
// signal SIGALRM in this process.
Result<UntrustedPacket> receive_untrusted(int socket, std::span<std::byte> buffer);
// Closes our end, and with it what waits there to be read.
void close_untrusted(UniqueFd socket);

}  // namespace pavise::ipc
