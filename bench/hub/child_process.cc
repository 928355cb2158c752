#include "bench/hub/child_process.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/result.h"

namespace pavise::bench {

ChildProcess::ChildProcess(const std::function<void(int channel)>& serve) {
  int ends[2];
  PAVISE_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  child_ = ::fork();
  PAVISE_CHECK(child_ >= 0);
  if (child_ == 0) {
    ::close(ends[0]);
    serve(ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  channel_ = ends[0];
}

ChildProcess::~ChildProcess() {
  ::close(channel_);
  ::waitpid(child_, nullptr, 0);
}

void ChildProcess::exchange(const void* task, std::size_t task_size, void* report,
                            std::size_t report_size) {
  PAVISE_CHECK(::write(channel_, task, task_size) == static_cast<ssize_t>(task_size));
  PAVISE_CHECK(::read(channel_, report, report_size) == static_cast<ssize_t>(report_size));
}

}  // namespace pavise::bench
