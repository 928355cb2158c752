// Open descriptors from one process to another over a local socket (unix(7), SCM_RIGHTS).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/ipc/seqpacket.h"

namespace pavise::ipc {

inline constexpr std::size_t kDescriptorsMax = 8;  // of one packet

struct DescriptorPacket {
  std::uint8_t word = 0;  // what they are, as both sides agreed
  std::vector<UniqueFd> descriptors;
};

// One packet of one byte with at most kDescriptorsMax descriptors, which stay the caller's as well.
// Blocks while the socket is full. kSocketFailed.
Status send_descriptors(int socket, std::uint8_t word, std::span<const int> descriptors);
// Blocks for a packet unless the socket is non-blocking. They are close-on-exec; what is more than
// kDescriptorsMax is closed, and the packet refused. kPeerClosed, kPacketTooLong, kSocketFailed.
Result<DescriptorPacket> receive_descriptors(int socket);

struct PacketWithDescriptors {
  Bytes packet;
  std::vector<UniqueFd> descriptors;
};

// The same for packets of any length, up to a deadline. Errors of SeqpacketChannel::send();
// kPacketTooLong also for more than kDescriptorsMax descriptors.
Status send_with_descriptors(int socket, ByteView packet, std::span<const int> descriptors,
                             int deadline_ms = kNoDeadline);
// Does not wait: kTimedOut, if nothing is there. kPeerClosed, kPacketTooLong (what was refused is
// gone), kSocketFailed.
Result<PacketWithDescriptors> receive_with_descriptors(int socket,
                                                       std::size_t bytes_max = kPacketBytesMax);

}  // namespace pavise::ipc
