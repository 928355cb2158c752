#include "common/net/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

namespace pavise::net {
namespace {

struct AddressFree {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, AddressFree>;

std::string peer_text(const std::string& host, std::uint16_t port) {
  return host + " port " + std::to_string(port);
}

Result<AddressList> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST;
  const std::string service = std::to_string(port);
  addrinfo* found = nullptr;
  // A literal address must not wait for a name server.
  int code = getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
  if (code == EAI_NONAME) {
    hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
    code = getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
  }
  if (code != 0) return Error(kNameUnresolved, host + ": " + gai_strerror(code));
  return AddressList(found);
}

Status wait_for(int fd, short events, Deadline deadline) {
  while (true) {
    pollfd entry{fd, events, 0};
    const int ready = poll(&entry, 1, deadline.left_ms());
    if (ready > 0) return {};  // errors show in the call that follows
    if (ready == 0) {
      if (deadline.passed()) return kTimedOut;
      continue;
    }
    if (errno != EINTR) return Error(kBroken, std::strerror(errno));
  }
}

Error connect_error(int code, const std::string& peer) {
  switch (code) {
    case ECONNREFUSED:
      return {kRefused, peer};
    case ETIMEDOUT:
      return {kTimedOut, peer};
    default:
      return {kUnreachable, peer + ": " + std::strerror(code)};
  }
}

Result<UniqueFd> connect_to(const addrinfo& address, const std::string& peer, Deadline deadline) {
  UniqueFd socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return connect_error(errno, peer);
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS) return connect_error(errno, peer);
  if (auto waited = wait_writable(socket.get(), deadline); !waited)
    return Error(waited.error().info(), peer);
  int code = 0;
  socklen_t size = sizeof code;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
  if (code != 0) return connect_error(code, peer);
  return socket;
}

}  // namespace

int Deadline::left_ms() const {
  const auto left = std::chrono::ceil<Millis>(at_ - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

Status wait_readable(int fd, Deadline deadline) {
  return wait_for(fd, POLLIN, deadline);
}

Status wait_writable(int fd, Deadline deadline) {
  return wait_for(fd, POLLOUT, deadline);
}

Result<UniqueFd> dial(const std::string& host, std::uint16_t port, Deadline deadline) {
  if (host.empty() || host.find('\0') != std::string::npos)
    return Error(kNameUnresolved, "empty or malformed host name");
  PAVISE_TRY_ASSIGN(const AddressList addresses, look_up(host, port));
  Error last(kNameUnresolved, host);
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    auto socket = connect_to(*address, peer_text(host, port), deadline);
    if (socket) return socket;
    last = socket.error();
  }
  return last;
}

}  // namespace pavise::net
