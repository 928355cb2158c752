#include "common/ipc/descriptors.h"

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

void collect(const cmsghdr& part, std::vector<UniqueFd>& out) {
  if (part.cmsg_level != SOL_SOCKET || part.cmsg_type != SCM_RIGHTS) return;
  const std::size_t count = (part.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(&part) + i * sizeof(int), sizeof(int));
    out.emplace_back(fd);
  }
}

}  // namespace

Status send_descriptors(int socket, std::uint8_t word, std::span<const int> descriptors) {
  PAVISE_CHECK(descriptors.size() <= kDescriptorsMax);
  const std::size_t bytes = descriptors.size_bytes();
  Control control{};
  iovec part{&word, 1};
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
  do size = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  while (size < 0 && errno == EINTR);
  if (size != 1) return Error(kSocketFailed, std::string("sendmsg: ") + std::strerror(errno));
  return {};
}

Result<DescriptorPacket> receive_descriptors(int socket) {
  DescriptorPacket out;
  Control control{};
  iovec part{&out.word, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t size = 0;
  do size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  if (size < 0) return Error(kSocketFailed, std::string("recvmsg: ") + std::strerror(errno));
  if (size == 0) return kPeerClosed;
  for (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(header)))
    collect(*header, out.descriptors);
  if ((static_cast<unsigned>(message.msg_flags) & (MSG_CTRUNC | MSG_TRUNC)) != 0)
    return kPacketTooLong;
  return out;
}

}  // namespace pavise::ipc
