// What the fuzz drivers of the SDK have in common.
#pragma once

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "sdk/source/testing/placed.h"

namespace sdk_testing {

inline void check(bool holds) {
  if (!holds) abort();
}

// The other end of a channel that the app has at `number`. What the app says is thrown away.
class OtherEnd {
 public:
  explicit OtherEnd(int number) {
    std::array<int, 2> ends{};
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
    ours_ = pavise::Descriptor(ends[0]);
    const pavise::Descriptor theirs(ends[1]);
    check(::dup2(theirs.get(), number) == number);
    check(::setenv("PAVISE_APP", "blink", 1) == 0);
  }
  // One packet, which the app reads in its loop. One without bytes would be the channel's end.
  void say(const std::uint8_t* data, std::size_t size, pavise::EventLoop& loop) {
    if (size == 0 || ::send(ours_.get(), data, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
    loop.run(0);
    while (::recv(ours_.get(), answer_.data(), answer_.size(), MSG_DONTWAIT) > 0) {
    }
  }

 private:
  pavise::Descriptor ours_;
  std::array<char, PAVISE_HUB_PACKET_BYTES_MAX> answer_{};
};

}  // namespace sdk_testing
