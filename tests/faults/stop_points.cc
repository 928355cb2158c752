// Preloaded into the server and its signer (LD_PRELOAD): counts the calls by which a process
// changes files or speaks, and ends the process like SIGKILL before the one that a test chose. A
// write is first done by half: what a killed process left must be readable by the next one.
//
// PAVISE_STOP_POINTS names a file of 24 bytes that the test shares: calls so far, the call to stop
// at (0: never), and the number of stops.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>

namespace {

struct StopPoints {
  std::atomic<std::uint64_t> calls;
  std::atomic<std::uint64_t> stop_at;
  std::atomic<std::uint64_t> stops;
};
static_assert(sizeof(StopPoints) == 24 && std::atomic<std::uint64_t>::is_always_lock_free);

StopPoints* points = nullptr;

// Before the sandbox closes.
[[gnu::constructor]] void open_stop_points() {
  const char* const path = std::getenv("PAVISE_STOP_POINTS");
  if (path == nullptr) return;
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* const shared =
      ::mmap(nullptr, sizeof(StopPoints), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (shared != MAP_FAILED) points = static_cast<StopPoints*>(shared);
}

bool is_the_stop() {
  return points != nullptr && points->calls.fetch_add(1) + 1 == points->stop_at.load();
}

[[noreturn]] void stop() {
  points->stops.fetch_add(1);
  for (;;) ::raise(SIGKILL);
}

void point() {
  if (is_the_stop()) stop();
}

bool is_file(int fd) {
  struct stat info{};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  static auto* const real = next<decltype(write)>("write");
  if (is_file(fd) && is_the_stop()) {
    (void)!real(fd, data, size / 2);
    stop();
  }
  return real(fd, data, size);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  static auto* const real = next<decltype(pwrite64)>("pwrite64");
  if (is_the_stop()) {
    (void)!real(fd, data, size / 2, offset);
    stop();
  }
  return real(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  return pwrite64(fd, data, size, offset);
}

int fsync(int fd) {
  static auto* const real = next<decltype(fsync)>("fsync");
  point();
  return real(fd);
}

int fdatasync(int fd) {
  static auto* const real = next<decltype(fdatasync)>("fdatasync");
  point();
  return real(fd);
}

int ftruncate64(int fd, off64_t size) noexcept {
  static auto* const real = next<decltype(ftruncate64)>("ftruncate64");
  point();
  return real(fd, size);
}

int ftruncate(int fd, off_t size) noexcept {
  return ftruncate64(fd, size);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = next<decltype(rename)>("rename");
  point();
  return real(from, to);
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  static auto* const real = next<decltype(renameat)>("renameat");
  point();
  return real(from_folder, from, to_folder, to);
}

int unlink(const char* path) noexcept {
  static auto* const real = next<decltype(unlink)>("unlink");
  point();
  return real(path);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  static auto* const real = next<decltype(unlinkat)>("unlinkat");
  point();
  return real(folder, path, flags);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static auto* const real = next<decltype(mkdir)>("mkdir");
  point();
  return real(path, mode);
}

ssize_t send(int fd, const void* data, size_t size, int flags) {
  static auto* const real = next<decltype(send)>("send");
  point();
  return real(fd, data, size, flags);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static auto* const real = next<decltype(sendmsg)>("sendmsg");
  point();
  return real(fd, message, flags);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
