#include "device/apps/names/exchange.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace pavise::device {
namespace {

constexpr std::uint8_t kOtherCase = 0x20;

void fill_random(std::span<std::byte> out) {
  PAVISE_CHECK(::getrandom(out.data(), out.size(), 0) == static_cast<ssize_t>(out.size()));
}

std::uint16_t random_id() {
  std::array<std::byte, 2> out{};
  fill_random(out);
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(out[0]) << 8U |
                                    std::to_integer<unsigned>(out[1]));
}

// Letters in a case that has to be guessed.
std::string spelled_at_random(std::string name) {
  std::array<std::byte, dns::kNameMax> random{};
  fill_random(std::span(random).first(name.size()));
  for (std::size_t i = 0; i < name.size(); ++i)
    if (name[i] >= 'a' && name[i] <= 'z' && (random.at(i) & std::byte{1}) != std::byte{0})
      name[i] = static_cast<char>(name[i] ^ kOtherCase);
  return name;
}

UniqueFd connected(const sockaddr_in& server, int type) {
  UniqueFd out(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (out && ::connect(out.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0 &&
      errno != EINPROGRESS)
    out.reset();
  return out;
}

}  // namespace

dns::Address mapped(const sockaddr_in& place) {
  dns::Address out{};
  out[10] = out[11] = 0xff;
  std::memcpy(out.data() + 12, &place.sin_addr, 4);
  return out;
}

Exchange::Exchange(const sockaddr_in& server, dns::Question question, std::int64_t now_ms)
    : server_(server), question_(std::move(question)) {
  ask_by_datagram(now_ms);
}

short Exchange::events() const {
  return to_send_.empty() ? POLLIN : POLLOUT;
}

void Exchange::ask_by_datagram(std::int64_t now_ms) {
  deadline_ms_ = now_ms + kDatagramWaitsMs.at(datagrams_++);
  id_ = random_id();
  sent_ = {spelled_at_random(question_.name), question_.type};
  socket_ = connected(server_, SOCK_DGRAM);
  if (!socket_) return;  // the network may come
  const Bytes query = dns::encode_query(id_, sent_);
  (void)!::send(socket_.get(), query.data(), query.size(), MSG_NOSIGNAL);
  sockaddr_in own{};
  socklen_t size = sizeof own;
  if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &size) == 0)
    own_ = mapped(own);
}

std::optional<Result<dns::Answer>> Exchange::ask_by_stream(std::int64_t now_ms) {
  stream_ = true;
  deadline_ms_ = now_ms + kStreamWaitMs;
  id_ = random_id();
  ByteWriter out;
  out.sized<std::uint16_t>(dns::encode_query(id_, question_));
  to_send_ = out.take();
  socket_ = connected(server_, SOCK_STREAM);
  if (!socket_) return Error(kNameNotAnswered, std::strerror(errno));
  return std::nullopt;
}

std::optional<Result<dns::Answer>> Exchange::read_datagram(std::int64_t now_ms) {
  std::array<std::byte, dns::kDatagramBytesMax> buffer{};
  const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
  // Nothing there, or somebody says that the server is not: that may be a lie, too.
  if (size < 0) return std::nullopt;
  if (static_cast<std::size_t>(size) <= buffer.size()) {
    auto answer =
        dns::Answer::parse(ByteView(buffer).first(static_cast<std::size_t>(size)), id_, sent_);
    if (answer && !answer->truncated) return answer;
  }
  return ask_by_stream(now_ms);
}

std::optional<Result<dns::Answer>> Exchange::read_stream() {
  if (!to_send_.empty()) {
    const ssize_t sent = ::send(socket_.get(), to_send_.data(), to_send_.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN)) return std::nullopt;
    if (sent != static_cast<ssize_t>(to_send_.size()))
      return Error(kNameNotAnswered, std::strerror(errno));
    to_send_.clear();
    return std::nullopt;
  }
  std::array<std::byte, 2048> buffer{};
  const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (size < 0 && errno == EAGAIN) return std::nullopt;
  if (size <= 0) return Error(kNameNotAnswered, "the connection ended");
  append(received_, ByteView(buffer).first(static_cast<std::size_t>(size)));
  ByteReader from(received_);
  const auto length = from.be<std::uint16_t>();
  if (length && *length > dns::kMessageBytesMax) return Error(kNameNotAnswered, "a long answer");
  if (!length || from.remaining() < *length) return std::nullopt;
  auto answer = dns::Answer::parse(from.rest().first(*length), id_, question_);
  if (answer && answer->truncated) return Error(kNameNotAnswered, "cut off over TCP");
  return answer;
}

std::optional<Result<dns::Answer>> Exchange::proceed(std::int64_t now_ms) {
  if (socket_) {
    if (auto answer = stream_ ? read_stream() : read_datagram(now_ms)) return answer;
  }
  if (now_ms < deadline_ms_) return std::nullopt;
  if (stream_ || datagrams_ == kDatagramWaitsMs.size()) return Error(kNameNotAnswered);
  ask_by_datagram(now_ms);
  return std::nullopt;
}

}  // namespace pavise::device
