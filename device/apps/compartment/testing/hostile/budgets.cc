#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "device/apps/compartment/testing/hostile/attacks.h"

namespace pavise::device::hostile {

int fork_without_end() {
  for (int made = 0;; ++made) {
    const pid_t child = ::fork();
    if (child < 0) {
      std::printf("made %d\n", made);
      return errno;
    }
    if (child == 0)
      while (true) ::pause();
  }
}

int eat_memory() {
  constexpr size_t kPiece = 1U << 20U;
  while (true) {
    void* const memory =
        ::mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return errno;
    std::memset(memory, 1, kPiece);
  }
}

// More than any budget of a processor, with all processes that it may have.
int burn() {
  while (::fork() > 0) {
  }
  volatile unsigned count = 0;
  while (true) count = count + 1;
}

int leave_orphans() {
  if (::fork() == 0) {
    ::setsid();
    while (true) ::pause();
  }
  if (::fork() == 0) {
    if (::fork() == 0) ::_exit(0);
    ::_exit(0);
  }
  return 0;
}

int wait_for_end(bool obeys) {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  std::puts("waiting");
  std::fflush(stdout);
  while (true) {
    int signal = 0;
    ::sigwait(&term, &signal);
    if (obeys) {
      std::puts("asked to end");
      std::fflush(stdout);
      ::_exit(7);
    }
  }
}

}  // namespace pavise::device::hostile
