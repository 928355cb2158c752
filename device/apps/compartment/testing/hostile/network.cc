#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "device/apps/compartment/testing/hostile/attacks.h"

namespace pavise::device::hostile {

namespace {

// The first address of a name as its resolver has it, into `out`; else an errno or 1000 + DNS code.
int resolve(const char* name, in_addr& out) {
  char text[64] = {};
  const int file = ::open("/etc/resolv.conf", O_RDONLY);
  if (file < 0 || ::read(file, text, sizeof text - 1) <= 0) return ENOENT;
  char address[16] = {};
  if (std::sscanf(text, "nameserver %15s", address) != 1) return EINVAL;
  const sockaddr_in to = address_of(address, "53");
  std::string question("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  for (std::string_view rest = name; !rest.empty();) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    question += static_cast<char>(label.size());
    question += label;
    rest.remove_prefix(label.size() == rest.size() ? label.size() : label.size() + 1);
  }
  question += std::string("\x00\x00\x01\x00\x01", 5);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  char answer[512];
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
      ::send(fd, question.data(), question.size(), 0) < 0)
    return errno;
  const ssize_t size = ::recv(fd, answer, sizeof answer, 0);
  ::close(fd);
  if (size < 12) return EPROTO;
  if ((answer[3] & 0xf) != 0) return 1000 + (answer[3] & 0xf);
  if (size < 4) return EPROTO;
  std::memcpy(&out, answer + size - 4, 4);  // of one record, the data stands last
  return 0;
}

}  // namespace

int connect_to(const char* host, const char* port) {
  const sockaddr_in to = address_of(host, port);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  const int connected = outcome(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to));
  ::close(fd);
  return connected;
}

int listen_on(const char* port) {
  const sockaddr_in at = address_of("0.0.0.0", port);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) return errno;
  return outcome(::listen(fd, 4));
}

int connect_by_name(const char* name, const char* port) {
  constexpr int kLater = 1002;  // SERVFAIL: the resolver could not find out in time
  in_addr address{};
  int failed = resolve(name, address);
  for (int tries = 1; failed == kLater && tries < 30; ++tries) {
    ::sleep(1);
    failed = resolve(name, address);
  }
  if (failed != 0) return failed;
  char text[INET_ADDRSTRLEN] = {};
  return connect_to(::inet_ntop(AF_INET, &address, text, sizeof text), port);
}

int connect_by_ipv6() {
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(81);
  ::inet_pton(AF_INET6, "::ffff:10.0.2.2", &to.sin6_addr);
  const int fd = ::socket(AF_INET6, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  return outcome(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to));
}

int set_option(const char* level, const char* name) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  const ::linger value{};
  return outcome(::setsockopt(fd, number(level), number(name), &value, sizeof value));
}

}  // namespace pavise::device::hostile
