// The policy of pavise-names on the kernel at hand: what it must not do ends it.
#include "device/apps/names/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "device/apps/names/exchange.h"

namespace pavise::device {
namespace {

constexpr std::uint16_t kPort = 5300;

int in_sandbox(const std::function<int()>& act) {
  const uid_t user = ::geteuid() == 0 ? 54322 : ::geteuid();
  const pid_t child = ::fork();
  if (child == 0) {
    if (!sandbox::apply(names_policy(user, kPort))) ::_exit(99);
    ::_exit(act());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

int connect_error(int type, std::uint16_t port) {
  const sockaddr_in at = loopback(port);
  const int fd = ::socket(AF_INET, type, 0);
  if (fd < 0) return errno;
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 ? 0 : errno;
}

TEST(NamesSandbox, WhatItDoesWorksInside) {
  const int status = in_sandbox([] {
    Exchange exchange(loopback(kPort), {"a.example", dns::kTypeA}, 0);
    if (exchange.descriptor() < 0) return 1;
    (void)exchange.proceed(0);
    if (::accept4(0, nullptr, nullptr, SOCK_CLOEXEC) >= 0) return 2;
    if (connect_error(SOCK_STREAM, kPort) != ECONNREFUSED) return 3;
    return 0;
  });
  ASSERT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(NamesSandbox, OtherServicesAreOutOfReach) {
  if (sandbox::landlock_abi() < 4) GTEST_SKIP() << "this kernel's Landlock knows no ports";
  const int status = in_sandbox([] { return connect_error(SOCK_STREAM, kPort + 1); });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), EACCES);
}

TEST(NamesSandbox, ForbiddenActsEndIt) {
  const struct {
    const char* name;
    std::function<int()> act;
  } rows[] = {
      {"open to read", [] { return ::open("/etc/passwd", O_RDONLY | O_CLOEXEC); }},
      {"open to write", [] { return ::open("/tmp/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600); }},
      {"exec", [] { return ::execl("/bin/true", "true", static_cast<char*>(nullptr)); }},
      {"fork", [] { return static_cast<int>(::fork()); }},
      {"listen", [] { return ::listen(0, 1); }},
      {"another user", [] { return ::setuid(0); }},
      {"signal to another", [] { return ::kill(::getppid(), 0); }},
  };
  for (const auto& row : rows) {
    const int status = in_sandbox(row.act);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << row.name;
  }
}

TEST(NamesSandbox, OtherKindsOfSocketsAreRefused) {
  for (const int family : {AF_UNIX, AF_NETLINK, AF_PACKET}) {
    const int status =
        in_sandbox([family] { return ::socket(family, SOCK_DGRAM, 0) < 0 ? errno : 0; });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), EAFNOSUPPORT) << family;
  }
}

}  // namespace
}  // namespace pavise::device
