// A control group behind a guard, and a network of its own, for tests: needs root.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "device/apps/egress/egress_guard.h"

namespace pavise::device::testing {

// The network namespace of this program from here on: the loopback with these IPv4 addresses more.
inline void enter_own_network(std::initializer_list<const char*> addresses) {
  PAVISE_CHECK(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0);
  PAVISE_CHECK(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  const UniqueFd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq up{};
  std::strncpy(up.ifr_name, "lo", IFNAMSIZ - 1);
  up.ifr_flags = IFF_UP | IFF_RUNNING;
  PAVISE_CHECK(::ioctl(control.get(), SIOCSIFFLAGS, &up) == 0);
  int number = 0;
  for (const char* address : addresses) {
    ifreq request{};
    std::strncpy(request.ifr_name, ("lo:" + std::to_string(++number)).c_str(), IFNAMSIZ - 1);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    ::inet_pton(AF_INET, address, &to.sin_addr);
    std::memcpy(&request.ifr_addr, &to, sizeof to);
    PAVISE_CHECK(::ioctl(control.get(), SIOCSIFADDR, &request) == 0);
  }
}

class GuardedGroup {
 public:
  GuardedGroup() {
    char path[] = "/tmp/pavise-egress-XXXXXX";
    root_ = ::mkdtemp(path);
    PAVISE_CHECK(::mount("none", root_.c_str(), "cgroup2", 0, nullptr) == 0);
    group_ = root_ / ("pavise-test-" + std::to_string(::getpid()));
    PAVISE_CHECK(std::filesystem::create_directory(group_));
    folder_ = UniqueFd(::open(group_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~GuardedGroup() {
    ::rmdir(group_.c_str());
    ::umount2(root_.c_str(), MNT_DETACH);
    ::rmdir(root_.c_str());
  }
  GuardedGroup(const GuardedGroup&) = delete;
  GuardedGroup& operator=(const GuardedGroup&) = delete;

  int folder() const { return folder_.get(); }
  const std::filesystem::path& path() const { return group_; }

  // A child in the group that does this and ends with what it answers.
  pid_t start(const std::function<int()>& act) const {
    const pid_t child = ::fork();
    if (child == 0) {
      std::ofstream(group_ / "cgroup.procs") << "0" << std::flush;
      ::_exit(act());
    }
    return child;
  }
  // What such a child answered.
  static int end_of(pid_t child) {
    int status = 0;
    PAVISE_CHECK(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  std::filesystem::path root_;
  std::filesystem::path group_;
  UniqueFd folder_;
};

}  // namespace pavise::device::testing
