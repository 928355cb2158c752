#include "common/ipc/descriptors.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace pavise::ipc {
namespace {

union Control {
  std::array<char, CMSG_SPACE(sizeof(int) * kDescriptorsMax)> bytes;
  cmsghdr align;
};

Error failed(const char* call) {
  return {kSocketFailed, std::string(call) + ": " + std::strerror(errno)};
}

void collect(const cmsghdr& part, std::vector<UniqueFd>& out) {
  if (part.cmsg_level != SOL_SOCKET || part.cmsg_type != SCM_RIGHTS) return;
  const std::size_t count = (part.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(&part) + i * sizeof(int), sizeof(int));
    out.emplace_back(fd);
  }
}

// As sendmsg(2).
ssize_t send_once(int socket, ByteView packet, std::span<const int> descriptors, int flags) {
  const std::size_t bytes = descriptors.size_bytes();
  Control control{};
  iovec part{const_cast<std::byte*>(packet.data()), packet.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (bytes != 0) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(header), descriptors.data(), bytes);
  }
  ssize_t size = 0;
  do size = ::sendmsg(socket, &message, MSG_NOSIGNAL | flags);
  while (size < 0 && errno == EINTR);
  return size;
}

// How much of `packet` was filled.
Result<std::size_t> receive_once(int socket, std::span<std::byte> packet,
                                 std::vector<UniqueFd>& descriptors, int flags) {
  Control control{};
  iovec part{packet.data(), packet.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t size = 0;
  do size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
  while (size < 0 && errno == EINTR);
  if (size == 0 || (size < 0 && errno == ECONNRESET)) return kPeerClosed;
  if (size < 0 && errno == EAGAIN && flags != 0) return kTimedOut;
  if (size < 0) return failed("recvmsg");
  for (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(header)))
    collect(*header, descriptors);
  if ((static_cast<unsigned>(message.msg_flags) & (MSG_CTRUNC | MSG_TRUNC)) != 0)
    return kPacketTooLong;
  return static_cast<std::size_t>(size);
}

}  // namespace

Status send_descriptors(int socket, std::uint8_t word, std::span<const int> descriptors) {
  PAVISE_CHECK(descriptors.size() <= kDescriptorsMax);
  if (send_once(socket, std::as_bytes(std::span(&word, 1)), descriptors, 0) != 1)
    return failed("sendmsg");
  return {};
}

Result<DescriptorPacket> receive_descriptors(int socket) {
  DescriptorPacket out;
  PAVISE_TRY_ASSIGN(
      [[maybe_unused]] const std::size_t size,
      receive_once(socket, std::as_writable_bytes(std::span(&out.word, 1)), out.descriptors, 0));
  return out;
}

Status send_with_descriptors(int socket, ByteView packet, std::span<const int> descriptors,
                             int deadline_ms) {
  if (packet.empty() || packet.size() > kPacketBytesMax || descriptors.size() > kDescriptorsMax)
    return kPacketTooLong;
  for (;;) {
    if (send_once(socket, packet, descriptors, MSG_DONTWAIT) >= 0) return {};
    if (errno == EPIPE || errno == ECONNRESET) return kPeerClosed;
    if (errno != EAGAIN) return failed("sendmsg");
    // When another takes the room that was made the wait begins anew; there is one sender.
    pollfd room{socket, POLLOUT, 0};
    const int ready = ::poll(&room, 1, deadline_ms);
    if (ready == 0) return kTimedOut;
    if (ready < 0 && errno != EINTR) return failed("poll");
  }
}

Result<PacketWithDescriptors> receive_with_descriptors(int socket, std::size_t bytes_max) {
  PacketWithDescriptors out;
  out.packet.resize(bytes_max);
  PAVISE_TRY_ASSIGN(const std::size_t size,
                    receive_once(socket, out.packet, out.descriptors, MSG_DONTWAIT));
  out.packet.resize(size);
  return out;
}

}  // namespace pavise::ipc
