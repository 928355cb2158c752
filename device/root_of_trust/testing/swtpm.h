// A software TPM for tests: state, certificates and sockets in a temporary directory of its own.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "device/root_of_trust/tpm2/tpm2.h"

namespace pavise::root_of_trust::testing {

inline constexpr ErrorInfo kSwtpmFailed{"PV-RTT-001", Retry::needs_operator,
                                        "the software TPM could not be started",
                                        "Install swtpm and swtpm-tools; see the detail."};

// A directory below /tmp that goes with its owner.
class TemporaryDirectory {
 public:
  TemporaryDirectory();  // checked
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The maker of software TPMs: a CA and, on demand, TPM states with an EK certificate by it. One
// takes about a second, so a program usually has a single one.
class SwtpmMaker {
 public:
  // For the whole program, made at first use; its first TPM's state is copied for each start().
  static Result<SwtpmMaker*> shared();

  // PEM files, for a verifier that shall trust TPMs of this maker.
  std::filesystem::path root_certificate() const;
  std::filesystem::path issuer_certificate() const;
  // Writes the state of a new TPM into an existing directory.
  Status make_state(const std::filesystem::path& directory) const;
  const std::filesystem::path& first_state() const { return first_state_; }

 private:
  SwtpmMaker() = default;
  Status set_up();
  TemporaryDirectory directory_;
  std::filesystem::path first_state_;
};

// A running swtpm. Not thread-safe. Killed and removed when destroyed, and when the test dies.
class Swtpm {
 public:
  enum class Who {
    same_tpm,   // the same EK and seeds as all others of this program that are so started: fast
    other_tpm,  // a TPM of its own
  };
  static Result<std::unique_ptr<Swtpm>> start(Who who = Who::same_tpm);
  ~Swtpm();
  Swtpm(const Swtpm&) = delete;
  Swtpm& operator=(const Swtpm&) = delete;

  TpmAddress address() const;
  const std::filesystem::path& directory() const { return directory_.path(); }
  // Stops and starts it: PCRs are zero again, transient objects are gone, NV stays. Close every
  // connection first.
  Status power_cycle();
  void stop();

 private:
  Swtpm() = default;
  Status run();
  std::string socket_path() const { return directory_.path() / "tpm.sock"; }
  TemporaryDirectory directory_;
  pid_t process_ = -1;
};

}  // namespace pavise::root_of_trust::testing
