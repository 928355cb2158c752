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

#include "common/ipc/descriptors.h"

namespace pavise::device {
namespace {

constexpr int kChannel = 3;
constexpr std::int32_t kReady = 0;  // the first answer; no process has that number

// A child of our parent: it is the one that waits for it and ends it.
pid_t fork_sibling() {
  return static_cast<pid_t>(
      ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, 0UL));
}

std::int32_t serve_one(const std::string& cgroup_root, std::span<const ChildSpec> specs,
                       const ipc::DescriptorPacket& request) {
  if (request.word >= specs.size() || request.descriptors.empty()) return -EINVAL;
  const pid_t pid = fork_sibling();
  if (pid < 0) return -errno;
  if (pid == 0) {
    std::vector<int> sockets;
    for (const UniqueFd& fd : std::span(request.descriptors).first(request.descriptors.size() - 1))
      sockets.push_back(fd.get());
    run_child(cgroup_root, specs[request.word], sockets, request.descriptors.back().get());
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
  while (::send(kChannel, &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer)) {
    // The descriptors go with it: they are the program's alone then, and others notice its end.
    const auto request = ipc::receive_descriptors(kChannel);
    if (request)
      answer = serve_one(cgroup_root, specs, *request);
    else if (request.error().is(ipc::kPacketTooLong))
      answer = -EINVAL;
    else
      break;
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
  if (const Status sent =
          ipc::send_descriptors(channel_.get(), static_cast<std::uint8_t>(index), descriptors);
      !sent)
    return Error(kLauncherGone, sent.error().message());
  PAVISE_TRY_ASSIGN(const std::int32_t answer, receive_answer(channel_.get()));
  if (answer <= 0) return Error(kChildNotStarted, std::strerror(-answer));
  return RunningChild{answer, std::move(pipe.read_end)};
}

}  // namespace pavise::device
