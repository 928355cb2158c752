#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "device/apps/compartment/testing/hostile/attacks.h"

namespace pavise::device::hostile {

int copy(const char* from, const char* to) {
  const int in = ::open(from, O_RDONLY);
  const int out = ::open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
  if (in < 0 || out < 0) return errno;
  char piece[4096];
  ssize_t size = 0;
  while ((size = ::read(in, piece, sizeof piece)) > 0)
    if (::write(out, piece, static_cast<size_t>(size)) != size) return errno;
  ::close(out);
  return 0;
}

int run_program(const char* path) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) {
    ::execl(path, path, "nothing", nullptr);
    ::_exit(errno);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int executable_memory() {
  void* const memory =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int made = outcome(::mprotect(memory, 4096, PROT_READ | PROT_EXEC));
  ::munmap(memory, 4096);
  return made;
}

int fill(const char* path) {
  const int fd = ::open(path, O_WRONLY | O_CREAT, 0600);
  if (fd < 0) return errno;
  static char piece[65536];
  std::memset(piece, 1, sizeof piece);
  size_t written = 0;
  ssize_t size = 0;
  while ((size = ::write(fd, piece, sizeof piece)) > 0) written += static_cast<size_t>(size);
  std::printf("wrote %zu\n", written);
  return errno;
}

}  // namespace pavise::device::hostile
