// A process of its own for the clients of a benchmark, which is told what to do over a socket.
#pragma once

#include <sys/types.h>

#include <functional>
#include <type_traits>

namespace pavise::bench {

class ChildProcess {
 public:
  // Forks; call before any thread is started. The child runs `serve` with its end of the socket and
  // ends when that returns.
  explicit ChildProcess(const std::function<void(int channel)>& serve);
  ~ChildProcess();  // hangs up and waits for the child's end
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Sends the task as it lies in memory and blocks until the report is there. Ends the benchmark if
  // the child died.
  template <class Report, class Task>
  Report ask(const Task& task) {
    static_assert(std::is_trivially_copyable_v<Task> && std::is_trivially_copyable_v<Report>);
    Report report;
    exchange(&task, sizeof task, &report, sizeof report);
    return report;
  }

 private:
  void exchange(const void* task, std::size_t task_size, void* report, std::size_t report_size);

  pid_t child_ = -1;
  int channel_ = -1;
};

}  // namespace pavise::bench
