#include "cloud/hub/transport/connection.h"

#include <sys/socket.h>

#include <cerrno>

#include "cloud/hub/transport/hub_options.h"

namespace pavise::hub {

Connection::Connection(ConnectionHost& host, ConnectionRef self_ref, Socket accepted,
                       const TlsServer& tls_server, std::int64_t handshake_deadline_ms)
    : self(self_ref),
      socket(std::move(accepted)),
      tls(tls_server),
      host_(host),
      handshake_deadline_ms_(handshake_deadline_ms) {}

Result<std::uint64_t> Connection::append(const RecordView& record) {
  return host_.queue_record(*this, record);
}
void Connection::ask_twin(TwinCommand command, std::uint32_t token) {
  host_.queue_twin(*this, std::move(command), token);
}
void Connection::announce(const DeviceId& device) {
  host_.announce(*this, device);
}
std::optional<SubscriptionSet> Connection::load_subscriptions(const DeviceId& device) {
  return host_.table().load_subscriptions(device);
}
void Connection::store_subscriptions(const DeviceId& device,
                                     std::optional<SubscriptionSet> subscriptions) {
  host_.table().store_subscriptions(device, subscriptions);
}

bool Connection::send(ByteView ciphertext) {
  if (outbound_.empty()) {
    while (!ciphertext.empty()) {
      const ssize_t n =
          ::send(socket.get(), ciphertext.data(), ciphertext.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n >= 0) {
        ciphertext = ciphertext.subspan(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        break;
      } else if (errno != EINTR) {
        return false;
      }
    }
  }
  if (outbound_.size() + ciphertext.size() > kOutboundBytesMax) return false;
  pavise::append(outbound_, ciphertext);
  return true;
}

bool Connection::flush() {
  const Bytes waiting = std::exchange(outbound_, {});
  return send(waiting);
}

}  // namespace pavise::hub
