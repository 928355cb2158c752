// pavise-signer: holds the CA keys of the security service. Opens its keys and its socket, gives up
// every other power, and serves until SIGTERM. Messages: api/signer.cddl.
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "cloud/security/signer/core/signer_core.h"
#include "cloud/security/signer/keys/file_key_store.h"
#include "cloud/security/signer/process/options.h"
#include "cloud/security/signer/process/sandbox.h"
#include "cloud/security/signer/service/signer_service.h"

namespace pavise::security::signer {
namespace {

constexpr mode_t kSocketForOtherUser = 0666;  // who connects is then decided by SO_PEERCRED

void write_line(std::string_view line) {
  const std::string whole = "pavise-signer: " + std::string(line) + "\n";
  (void)!::write(STDERR_FILENO, whole.data(), whole.size());
}

// Readable when the process is asked to end.
Result<UniqueFd> stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return Error(ipc::kSocketFailed, "signals");
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!fd) return Error(ipc::kSocketFailed, "signalfd");
  return fd;
}

// OpenSSL reads its configuration at first use, which the sandbox would refuse.
Status warm_up() {
  PAVISE_TRY_ASSIGN(const auto key, crypto::P256PrivateKey::generate());
  const Digest256 digest = crypto::sha256(as_bytes("warm"));
  PAVISE_TRY_ASSIGN(const auto signature, key.sign_digest(digest));
  PAVISE_TRY(key.public_key().verify_digest(digest, signature));
  PAVISE_TRY(crypto::P256PrivateKey::from_pem(key.to_pem().view()));
  return {};
}

Status run(const ProcessOptions& options) {
  ::umask(0077);
  const SystemClock clock;
  PAVISE_TRY_ASSIGN(const UniqueFd stop, stop_signals());
  PAVISE_TRY(warm_up());
  PAVISE_TRY_ASSIGN(auto keys, FileKeyStore::open(options.keys_directory));
  PAVISE_TRY_ASSIGN(const auto listener, ipc::SeqpacketListener::listen_at(options.socket_path));
  if (options.allow_uid != ::geteuid() &&
      ::chmod(options.socket_path.c_str(), kSocketForOtherUser) != 0)
    return Error(ipc::kSocketFailed, options.socket_path);
  PAVISE_TRY(sandbox::apply(signer_sandbox(options.keys_directory, options.without_landlock)));
  PAVISE_TRY_ASSIGN(const auto core, SignerCore::open(std::move(keys), clock, write_line));
  write_line("ready");
  return serve(*core, listener, options.allow_uid, stop.get());
}

}  // namespace
}  // namespace pavise::security::signer

int main(int argc, char** argv) {
  namespace signer = pavise::security::signer;
  const auto options = signer::parse_options({argv + 1, argv + argc}, ::geteuid());
  if (!options) {
    std::fprintf(stderr, "%s\n", options.error().message().c_str());
    return 2;
  }
  if (const pavise::Status status = signer::run(*options); !status) {
    std::fprintf(stderr, "pavise-signer: %s\n", status.error().message().c_str());
    return 1;
  }
  return 0;
}
