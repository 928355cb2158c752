#include "common/ipc/untrusted.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

namespace pavise::ipc {
namespace {

constexpr long kNanosecondsPerMs = 1'000'000;

// Signals to this thread, which end each wait of the kernel in the thread's name.
class Impatience {
 public:
  Impatience() { set(kUntrustedCloseMs * kNanosecondsPerMs); }
  Impatience(const Impatience&) = delete;
  Impatience& operator=(const Impatience&) = delete;
  ~Impatience() { set(0); }

 private:
  // Again and again: one that comes too early ends nothing.
  static void set(long every_ns) {
    static thread_local const timer_t timer = make();
    const itimerspec times{.it_interval = {.tv_sec = 0, .tv_nsec = every_ns},
                           .it_value = {.tv_sec = 0, .tv_nsec = every_ns}};
    PAVISE_CHECK(::timer_settime(timer, 0, &times, nullptr) == 0);
  }
  static timer_t make() {
    struct sigaction nothing{};
    nothing.sa_handler = [](int) {};
    ::sigemptyset(&nothing.sa_mask);
    sigset_t heard;
    ::sigemptyset(&heard);
    ::sigaddset(&heard, SIGALRM);
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGALRM;
    event._sigev_un._tid = ::gettid();
    timer_t timer = nullptr;
    PAVISE_CHECK(::sigaction(SIGALRM, &nothing, nullptr) == 0 &&
                 ::pthread_sigmask(SIG_UNBLOCK, &heard, nullptr) == 0 &&
                 ::timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    return timer;
  }
};

}  // namespace

Result<UntrustedPacket> receive_untrusted(int socket, std::span<std::byte> buffer) {
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ssize_t size = 0;
  int why = 0;
  {
    const Impatience impatience;
    size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_TRUNC);
    why = errno;
  }
  if (size > 0)
    return UntrustedPacket{static_cast<std::size_t>(size),
                           (static_cast<unsigned>(message.msg_flags) & MSG_CTRUNC) != 0};
  if (size == 0 || why == ECONNRESET) return kPeerClosed;
  if (why == EAGAIN || why == EINTR) return kTimedOut;
  return Error(kSocketFailed, std::string("recvmsg: ") + std::strerror(why));
}

void close_untrusted(UniqueFd socket) {
  const Impatience impatience;
  socket.reset();
}

}  // namespace pavise::ipc
