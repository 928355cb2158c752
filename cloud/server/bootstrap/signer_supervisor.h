// Keeps pavise-signer running as a child. A small process of its own does it, forked before the
// server closes its sandbox: the server itself can start no program afterwards.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace pavise::server {

struct SignerCommand {
  std::string program;
  std::string keys_directory;  // made by the signer
  std::string socket_path;
  bool without_landlock = false;  // this kernel has none
};

// Lives as long as the server: when it is destroyed, or the server dies in any way, the supervisor
// stops the signer (SIGTERM, after five seconds SIGKILL) and ends.
class SignerSupervisor {
 public:
  // Call it while the process has one thread. Restarts the signer whenever it ends, at first at
  // once, then after waits that double up to five seconds. kSignerAbsent: no such program, or no
  // process could be made.
  static Result<SignerSupervisor> start(const SignerCommand& command);
  // Ends supervisor and signer, and waits for it.
  void stop();
  ~SignerSupervisor() { stop(); }
  SignerSupervisor(SignerSupervisor&&) noexcept;
  SignerSupervisor& operator=(SignerSupervisor&&) = delete;

 private:
  SignerSupervisor(UniqueFd lifeline, int pid) : lifeline_(std::move(lifeline)), pid_(pid) {}

  UniqueFd lifeline_;
  int pid_ = -1;
};

}  // namespace pavise::server
