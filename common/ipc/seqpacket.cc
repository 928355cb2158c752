#include "common/ipc/seqpacket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace pavise::ipc {
namespace {

Error failed(const char* call) {
  return {kSocketFailed, std::string(call) + ": " + strerror(errno)};
}

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Waits until the descriptor is ready for `events`; a negative deadline waits for ever.
Status wait_ready(int fd, short events, int deadline_ms) {
  const std::int64_t end = steady_ms() + deadline_ms;
  for (;;) {
    int left = -1;
    if (deadline_ms >= 0) left = static_cast<int>(std::max<std::int64_t>(0, end - steady_ms()));
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, left);
    if (ready > 0) return {};
    if (ready == 0) return kTimedOut;
    if (errno != EINTR) return failed("poll");
  }
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return Error(kSocketFailed, "socket path is empty or longer than 107 bytes");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace

Status SeqpacketChannel::send(ByteView packet, int deadline_ms) const {
  if (packet.empty() || packet.size() > kPacketBytesMax) return kPacketTooLong;
  for (;;) {
    const int flags = MSG_NOSIGNAL | (deadline_ms >= 0 ? MSG_DONTWAIT : 0);
    const ssize_t sent = ::send(fd_.get(), packet.data(), packet.size(), flags);
    if (sent >= 0) return {};
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET) return kPeerClosed;
    if (errno != EAGAIN) return failed("send");
    PAVISE_TRY(wait_ready(fd_.get(), POLLOUT, deadline_ms));
  }
}

Result<Bytes> SeqpacketChannel::receive(std::size_t bytes_max, int deadline_ms) const {
  for (;;) {
    if (deadline_ms > 0) PAVISE_TRY(wait_ready(fd_.get(), POLLIN, deadline_ms));
    // Ask for the length first: most packets are small, and the limit may be large.
    const int wait = deadline_ms >= 0 ? MSG_DONTWAIT : 0;
    std::byte probe{};
    const ssize_t length = ::recv(fd_.get(), &probe, 1, MSG_PEEK | MSG_TRUNC | wait);
    if (length < 0) {
      if (errno == EAGAIN && deadline_ms == 0) return kTimedOut;
      if (errno == EINTR || errno == EAGAIN) continue;
      if (errno == ECONNRESET) return kPeerClosed;
      return failed("recv");
    }
    if (length == 0) return kPeerClosed;
    const bool too_long = static_cast<std::size_t>(length) > bytes_max;
    Bytes packet(too_long ? 1 : static_cast<std::size_t>(length));
    const ssize_t got = ::recv(fd_.get(), packet.data(), packet.size(), MSG_TRUNC | wait);
    if (got < 0) return failed("recv");
    if (too_long || static_cast<std::size_t>(got) != packet.size()) return kPacketTooLong;
    return packet;
  }
}

Result<PeerCredentials> SeqpacketChannel::peer() const {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return failed("getsockopt");
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

Result<std::pair<SeqpacketChannel, SeqpacketChannel>> make_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return failed("socketpair");
  return std::pair{SeqpacketChannel(UniqueFd(ends[0])), SeqpacketChannel(UniqueFd(ends[1]))};
}

Result<SeqpacketListener> SeqpacketListener::listen_at(const std::string& path) {
  PAVISE_TRY_ASSIGN(const sockaddr_un address, address_of(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return failed("socket");
  struct stat existing{};
  if (::lstat(path.c_str(), &existing) == 0) {
    if (!S_ISSOCK(existing.st_mode))
      return Error(kSocketFailed, "something else stands at " + path);
    ::unlink(path.c_str());
  }
  // The mode must hold from the first moment, so it goes on before bind: fchmod of an unbound
  // socket sets the mode that bind gives the file.
  if (::fchmod(fd.get(), 0600) != 0) return failed("fchmod");
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return failed("bind");
  SeqpacketListener listener(std::move(fd), path);
  if (::listen(listener.fd(), SOMAXCONN) != 0) return failed("listen");
  return listener;
}

SeqpacketListener::~SeqpacketListener() {
  if (fd_.valid()) ::unlink(path_.c_str());
}

Result<SeqpacketChannel> SeqpacketListener::accept_from(uid_t uid, int deadline_ms) const {
  for (;;) {
    if (deadline_ms >= 0) PAVISE_TRY(wait_ready(fd_.get(), POLLIN, deadline_ms));
    UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return failed("accept");
    }
    SeqpacketChannel channel(std::move(fd));
    PAVISE_TRY_ASSIGN(const PeerCredentials peer, channel.peer());
    if (peer.uid != uid) return Error(kForeignPeer, "uid " + std::to_string(peer.uid));
    return channel;
  }
}

Result<SeqpacketChannel> connect_to(const std::string& path) {
  PAVISE_TRY_ASSIGN(const sockaddr_un address, address_of(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return failed("socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return failed("connect");
  return SeqpacketChannel(std::move(fd));
}

}  // namespace pavise::ipc
