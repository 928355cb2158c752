#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>

#include "device/apps/compartment/testing/hostile/attacks.h"

namespace pavise::device::hostile {

namespace {

void leak(const char* what) {
  std::printf("LEAK %s (%s)\n", what, std::strerror(errno));
  std::fflush(stdout);
}

std::string first_of(const char* path) {
  char text[2048] = {};
  const int fd = ::open(path, O_RDONLY);
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

// Which of the walls is not there yet.
void look_for_gaps() {
  const std::string status = first_of("/proc/self/status");
  for (const char* wall :
       {"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"})
    if (status.find(wall) == std::string::npos) leak(wall);
  if (::getuid() < 1000 || ::getpid() != 2) leak("who it is");
  for (int fd = 5; fd < 64; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) leak("a descriptor");
  for (int pid = 1; pid < 64; ++pid)
    if (pid != 2 && ::access(("/proc/" + std::to_string(pid)).c_str(), F_OK) == 0)
      leak("a process");
}

// One attempt at each wall.
void try_walls() {
  if (connect_to("10.0.2.2", "81") != EPERM) leak("connect");
  for (const char* path : {"/proc/1/root", "/proc/1/status", "/proc/sys/kernel/core_pattern",
                           "/sys/fs/cgroup", "/data/../../data/apps", "/dev/vda", "/dev/tpmrm0",
                           "/data/way/1/root/etc", "/data/root/sys"})
    if (::access(path, F_OK) == 0) leak(path);
  (void)!::symlink("/proc", "/data/way");
  (void)!::symlink("/..", "/data/root");
  if (::setuid(0) == 0) leak("setuid");
  if (::mknod("/data/node", S_IFCHR | 0600, makedev(1, 1)) == 0) leak("mknod");
  if (executable_memory() != EPERM) leak("executable memory");
  if (open_it("/proc/self/oom_score_adj", O_WRONLY) == 0) leak("oom_score_adj");
  const char words[] = "\1\2\3";
  for (const int channel : {kLauncher, kAgent})
    for (size_t size = 0; size <= 3; ++size)
      (void)::send(channel, words, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

int facts() {
  char host[65] = {};
  ::gethostname(host, 64);
  std::printf("pid %d uid %d gid %d host %s\n", ::getpid(), static_cast<int>(::getuid()),
              static_cast<int>(::getgid()), host);
  char text[2048] = {};
  const int fd = ::open("/proc/self/status", O_RDONLY);
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  if (size > 0)
    for (const char* key : {"CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp:"})
      if (const char* at = std::strstr(text, key))
        std::printf("%.*s\n", static_cast<int>(std::strcspn(at, "\n")), at);
  return 0;
}

int open_descriptors() {
  for (int fd = 0; fd < 64; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) std::printf("%d ", fd);
  std::printf("\n");
  return 0;
}

// All that it may have of processes, or so many, try without end, until this one ends them or it is
// ended.
int race(int processes) {
  look_for_gaps();
  int made = 0;
  for (pid_t child = 0; made != processes && (child = ::fork()) >= 0; ++made) {
    if (child != 0) continue;
    ::setsid();
    (void)::signal(SIGTERM, SIG_IGN);
    while (true) try_walls();
  }
  for (int i = 0; i < 20; ++i) try_walls();
  std::printf("raced with %d\n", made);
  std::fflush(stdout);
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  if (now.tv_nsec % 2 == 0) ::kill(::getpid(), SIGKILL);
  ::_exit(3);  // its children are left behind
}

}  // namespace pavise::device::hostile
