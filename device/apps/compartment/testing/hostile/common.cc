#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "device/apps/compartment/testing/hostile/attacks.h"

namespace pavise::device::hostile {

int number(const char* text) {
  return static_cast<int>(std::strtol(text, nullptr, 10));
}

int open_it(const char* path, int flags) {
  const int fd = ::open(path, flags, 0600);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

sockaddr_in address_of(const char* host, const char* port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(number(port)));
  ::inet_pton(AF_INET, host, &out.sin_addr);
  return out;
}

int send_descriptors(int over, std::initializer_list<int> descriptors) {
  constexpr std::size_t kDescriptorsMax = 3;
  if (descriptors.size() > kDescriptorsMax) return EINVAL;
  const std::size_t size = descriptors.size() * sizeof(int);
  char byte = 1;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorsMax * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(size);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(header), descriptors.begin(), size);
  return outcome(::sendmsg(over, &message, MSG_NOSIGNAL));
}

}  // namespace pavise::device::hostile
