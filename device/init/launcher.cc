#include "device/init/launcher.h"

#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>

namespace pavise::device {
namespace {

constexpr int kChannel = 3;
constexpr std::int32_t kReady = 0;  // the first answer; no process has that number

// One byte says which program, the descriptors are its sockets and then its output.
using Descriptors = std::vector<UniqueFd>;
struct Request {
  std::uint8_t index;
  Descriptors descriptors;
};

union Control {
  std::array<char, CMSG_SPACE(sizeof(int) * (kLaunchSocketsMax + 1))> bytes;
  cmsghdr align;
};

// false: the peer is gone. An unreadable request has an index that no program has.
bool receive(Request& out) {
  std::uint8_t index = 0;
  Control control{};
  iovec part{&index, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t size = 0;
  do size = ::recvmsg(kChannel, &message, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  if (size <= 0) return false;
  out.index = index;
  out.descriptors.clear();
  for (const cmsghdr* part_of = CMSG_FIRSTHDR(&message); part_of != nullptr;
       part_of = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(part_of))) {
    if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part_of) + i * sizeof(int), sizeof(int));
      out.descriptors.emplace_back(fd);
    }
  }
  return true;
}

// A child of our parent: it is the one that waits for it and ends it.
pid_t fork_sibling() {
  return static_cast<pid_t>(
      ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, 0UL));
}

std::int32_t serve_one(const std::string& cgroup_root, std::span<const ChildSpec> specs,
                       const Request& request) {
  if (request.index >= specs.size() || request.descriptors.empty()) return -EINVAL;
  const pid_t pid = fork_sibling();
  if (pid < 0) return -errno;
  if (pid == 0) {
    std::vector<int> sockets;
    for (const UniqueFd& fd : std::span(request.descriptors).first(request.descriptors.size() - 1))
      sockets.push_back(fd.get());
    run_child(cgroup_root, specs[request.index], sockets, request.descriptors.back().get());
  }
  return pid;
}

[[noreturn]] void live(const std::string& cgroup_root, std::span<const ChildSpec> specs,
                       int channel, const std::function<Status()>& confine) {
  if (channel != kChannel && ::dup2(channel, kChannel) != kChannel) ::_exit(1);
  if (::close_range(kChannel + 1, ~0U, 0) != 0) ::_exit(1);
  if (const Status confined = confine(); !confined) {
    const std::string line = "pavise-init: launcher: " + confined.error().message() + '\n';
    (void)!::write(STDERR_FILENO, line.data(), line.size());
    ::_exit(1);
  }
  std::int32_t answer = kReady;
  Request request{};
  while (::send(kChannel, &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer) &&
         receive(request)) {
    answer = serve_one(cgroup_root, specs, request);
    // The program's alone now: others must notice when it ends.
    request.descriptors.clear();
  }
  ::_exit(0);
}

Result<std::int32_t> receive_answer(int channel) {
  std::int32_t answer = 0;
  ssize_t size = 0;
  do size = ::recv(channel, &answer, sizeof(answer), 0);
  while (size < 0 && errno == EINTR);
  if (size != sizeof(answer)) return Error(kLauncherGone, "no answer");
  return answer;
}

}  // namespace

Result<Launcher> Launcher::fork(const std::string& cgroup_root, const std::vector<ChildSpec>& specs,
                                const std::function<Status()>& confine) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error(kLauncherGone, std::strerror(errno));
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return Error(kLauncherGone, std::strerror(errno));
  if (pid == 0) live(cgroup_root, specs, theirs.get(), confine);
  theirs = UniqueFd();  // so that its end is noticed
  return Launcher(pid, std::move(ours)).ready();
}

Result<Launcher> Launcher::ready() && {
  PAVISE_TRY_ASSIGN(const std::int32_t answer, receive_answer(channel_.get()));
  if (answer != kReady) return Error(kLauncherGone, "another first answer");
  return std::move(*this);
}

Result<RunningChild> Launcher::start_child(std::size_t index, const std::vector<int>& sockets) {
  PAVISE_CHECK(index < 0xff && sockets.size() <= kLaunchSocketsMax);
  PAVISE_TRY_ASSIGN(OutputPipe pipe, make_output_pipe());
  std::vector<int> descriptors = sockets;
  descriptors.push_back(pipe.write_end.get());
  const std::size_t bytes = descriptors.size() * sizeof(int);
  auto which = static_cast<std::uint8_t>(index);
  Control control{};
  iovec part{&which, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(bytes);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(bytes);
  std::memcpy(CMSG_DATA(header), descriptors.data(), bytes);
  if (::sendmsg(channel_.get(), &message, MSG_NOSIGNAL) != 1)
    return Error(kLauncherGone, std::strerror(errno));
  PAVISE_TRY_ASSIGN(const std::int32_t answer, receive_answer(channel_.get()));
  if (answer <= 0) return Error(kChildNotStarted, std::strerror(-answer));
  return RunningChild{answer, std::move(pipe.read_end)};
}

}  // namespace pavise::device
