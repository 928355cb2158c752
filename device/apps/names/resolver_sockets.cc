#include "device/apps/names/resolver_sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace pavise::device {
namespace {

constexpr int kBacklog = 8;

std::string host_of(std::uint8_t number) {
  return "127.0.53." + std::to_string(number);
}

Result<UniqueFd> bound(std::uint8_t number, std::uint16_t port, int type) {
  UniqueFd out(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  const dns::Address address = resolver_address(number);
  std::memcpy(&at.sin_addr, address.data() + 12, 4);
  const int on = 1;
  if (!out ||
      // Connections of before that still linger are none of the new app's.
      (type == SOCK_STREAM &&
       ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) ||
      ::bind(out.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      (type == SOCK_STREAM && ::listen(out.get(), kBacklog) != 0))
    return Error(kResolverNotBound, host_of(number) + ": " + std::strerror(errno));
  return out;
}

}  // namespace

dns::Address resolver_address(std::uint8_t number) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 53, number};
}

std::string resolver_text(std::uint8_t number) {
  return "nameserver " + host_of(number) + "\n";
}

Result<ResolverSockets> bind_resolver(std::uint8_t number, std::uint16_t port) {
  PAVISE_TRY_ASSIGN(UniqueFd datagrams, bound(number, port, SOCK_DGRAM));
  PAVISE_TRY_ASSIGN(UniqueFd listener, bound(number, port, SOCK_STREAM));
  return ResolverSockets{std::move(datagrams), std::move(listener)};
}

}  // namespace pavise::device
