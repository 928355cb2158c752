#include "device/apps/debugging/debug_stream.h"

#include <sys/socket.h>

#include <cerrno>

namespace pavise::device {

Result<std::uint64_t> DebugStream::put(std::uint64_t at, ByteView data) {
  if (at > put_) return kOutOfStep;
  if (put_ - at >= data.size()) return put_;
  data = data.subspan(put_ - at);
  while (!data.empty() && !ended_) {
    const ssize_t size =
        ::send(socket_.get(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;  // full, or get() will see that it is over
    put_ += static_cast<std::uint64_t>(size);
    data = data.subspan(static_cast<std::size_t>(size));
  }
  return put_;
}

void DebugStream::fill() {
  while (kept_.size() < kKeptBytesMax && !ended_) {
    const std::size_t before = kept_.size();
    kept_.resize(kKeptBytesMax);
    const ssize_t size =
        ::recv(socket_.get(), kept_.data() + before, kKeptBytesMax - before, MSG_DONTWAIT);
    const int why = errno;
    kept_.resize(before + (size > 0 ? static_cast<std::size_t>(size) : 0U));
    if (size < 0 && why == EINTR) continue;
    if (size < 0 && why == EAGAIN) return;
    ended_ = size <= 0;
  }
}

Result<ByteView> DebugStream::get(std::uint64_t received) {
  if (received < kept_at_ || received - kept_at_ > kept_.size()) return kOutOfStep;
  const auto known = static_cast<std::ptrdiff_t>(received - kept_at_);
  kept_.erase(kept_.begin(), kept_.begin() + known);
  kept_at_ = received;
  fill();
  return ByteView(kept_);
}

}  // namespace pavise::device
