#include "device/apps/words/word_channel.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/ipc/descriptors.h"
#include "common/ipc/untrusted.h"

namespace pavise::device {
namespace {

enum Complaint : unsigned { kTooMuch = 1, kNoPacket = 2, kDescriptors = 4, kDoesNotRead = 8 };

}  // namespace

Result<WordChannel::Made> WordChannel::make() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error(kNoWordChannel, std::strerror(errno));
  return Made{WordChannel(UniqueFd(ends[0])), UniqueFd(ends[1])};
}

WordChannel& WordChannel::operator=(WordChannel&& other) noexcept {
  close();
  socket_ = std::move(other.socket_);
  allowance_ = other.allowance_;
  quiet_until_ms_ = other.quiet_until_ms_;
  complained_ = other.complained_;
  complaints_ = std::move(other.complaints_);
  return *this;
}

void WordChannel::close() {
  if (socket_) ipc::close_untrusted(std::move(socket_));
}

int WordChannel::polled(std::int64_t now_ms) const {
  return now_ms < quiet_until_ms_ ? -1 : socket_.get();
}

std::int64_t WordChannel::heard_again_ms(std::int64_t now_ms) const {
  return socket_ && now_ms < quiet_until_ms_ ? quiet_until_ms_ : INT64_MAX;
}

std::vector<app_wire::FromApp> WordChannel::read(std::int64_t now_ms) {
  std::vector<app_wire::FromApp> out;
  quiet_until_ms_ = 0;
  while (socket_) {
    if (!allowance_.take(now_ms)) {
      quiet_until_ms_ = allowance_.next_ms();
      complain(kTooMuch, "says too much to its launcher: it is heard " +
                             std::to_string(1000 / kWordEveryMs) + " times a second");
      break;
    }
    std::array<std::byte, app_wire::kPacketBytesMax + 1> buffer{};
    const auto packet = ipc::receive_untrusted(socket_.get(), buffer);
    if (!packet && packet.error().is(ipc::kTimedOut)) break;
    if (packet && packet->with_descriptors)
      complain(kDescriptors, "sent descriptors to its launcher, and has no channel to it any more");
    if (!packet || packet->with_descriptors) {
      close();
      break;
    }
    auto word = app_wire::parse_from_app(
        ByteView(buffer).first(std::min(packet->size, app_wire::kPacketBytesMax + 1)));
    if (word)
      out.push_back(*std::move(word));
    else
      complain(kNoPacket, word.error().message());
  }
  return out;
}

bool WordChannel::send(ByteView packet, std::span<const int> descriptors) {
  if (!socket_) return false;
  const Status sent = ipc::send_with_descriptors(socket_.get(), packet, descriptors, 0);
  if (!sent && sent.error().is(ipc::kTimedOut))
    complain(kDoesNotRead, "does not read what its launcher says, and misses it");
  return sent.has_value();
}

void WordChannel::complain(unsigned kind, std::string words) {
  if ((complained_ & kind) != 0) return;
  complained_ |= kind;
  complaints_.push_back(std::move(words));
}

std::optional<std::string> WordChannel::take_complaint() {
  if (complaints_.empty()) return std::nullopt;
  std::string out = std::move(complaints_.front());
  complaints_.erase(complaints_.begin());
  return out;
}

}  // namespace pavise::device
