#include "device/init/monitor_link.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "protocol/monitor_ipc/monitor_ipc.h"

namespace pavise::device {
namespace {

constexpr std::size_t kAnswerBytesMax = 2 * kSealedBlobBytesMax;

// One packet, into memory that wipes itself: it holds the key.
Result<SecretBytes> receive(int channel) {
  pollfd polled{channel, POLLIN, 0};
  if (::poll(&polled, 1, kMonitorAnswerMs) != 1) return Error(kMonitorSilent, "time is up");
  SecretBytes packet(kAnswerBytesMax);
  const ssize_t size = ::recv(channel, packet.span().data(), packet.size(), MSG_TRUNC);
  if (size == 0) return Error(kMonitorSilent, "it ended");
  if (size < 0) return Error(kMonitorSilent, std::strerror(errno));
  if (static_cast<std::size_t>(size) > packet.size()) return Error(kMonitorSilent, "too long");
  return SecretBytes::copy_of(packet.view().first(static_cast<std::size_t>(size)));
}

}  // namespace

Result<DataKey> ask_open_data(int channel, ByteView blob, std::uint32_t epoch) {
  const Bytes request =
      monitor_ipc::encode(monitor_ipc::OpenData{.blob = to_bytes(blob), .epoch = epoch});
  if (::send(channel, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size()))
    return Error(kMonitorSilent, std::strerror(errno));
  PAVISE_TRY_ASSIGN(const SecretBytes packet, receive(channel));
  auto answer = monitor_ipc::parse_open_data(packet.view());
  if (!answer && answer.error().is(monitor_ipc::kRefused))
    return Error(kDataRefused, answer.error().detail());
  if (!answer) return std::move(answer).error();
  return DataKey{std::move(answer->key), std::move(answer->blob), answer->blob_is_new};
}

}  // namespace pavise::device
