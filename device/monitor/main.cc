// Wires the monitor: TPM, files, sockets; then closes the sandbox and serves.
#include <fcntl.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "common/base/unique_fd.h"
#include "device/memory/memory_report.h"
#include "device/memory/startup_pages.h"
#include "device/monitor/dispatch.h"
#include "device/monitor/monitor.h"
#include "device/monitor/options.h"
#include "device/monitor/sandbox.h"
#include "device/monitor/server.h"
#include "protocol/eventlog/event_log.h"

namespace {

using namespace pavise;
using namespace pavise::monitor;

constexpr std::size_t kKeyFileBytesMax = 1024;

void say(const std::string& line) {
  const std::string text = "pavise-monitor: " + line + '\n';
  (void)!::write(STDERR_FILENO, text.data(), text.size());
}

// A whole file of at most bytes_max; files of securityfs have no size beforehand.
Result<Bytes> read_file(const std::string& path, std::size_t bytes_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return Error(kFile, path);
  Bytes content(bytes_max + 1);
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(fd.get(), content.data() + size, content.size() - size);
    if (got < 0) return Error(kFile, path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > bytes_max) return Error(kFile, path + " is too long");
  content.resize(size);
  return content;
}

// A missing or broken file costs the data key or the verifier's consent, each of which says so; the
// device must still be able to attest and be refused.
Bytes read_or_say(const std::string& path, std::size_t bytes_max) {
  auto content = read_file(path, bytes_max);
  if (content) return *std::move(content);
  say(content.error().message());
  return {};
}

Inputs read_inputs(const Options& options, const device::MemoryReport& memory) {
  Inputs inputs;
  inputs.event_log = read_or_say(options.event_log_path, eventlog::kLogBytesMax);
  inputs.signed_policy = read_or_say(options.pcr_policy_path, pcr_policy::kFileBytesMax);
  const Bytes pem = read_or_say(options.policy_key_path, kKeyFileBytesMax);
  if (auto key = crypto::P256PublicKey::from_pem(as_text(pem)))
    inputs.policy_key = *std::move(key);
  else
    say(key.error().message());
  inputs.pss_kib = [&memory] { return memory.pss_kib(); };
  return inputs;
}

// Before anything else is opened, which could get that number.
Channels take_channels(const Options& options) {
  Channels out{.init = ipc::SeqpacketChannel(UniqueFd(options.init_fd)),
               .agent = ipc::SeqpacketChannel(UniqueFd(options.agent_fd)),
               .apps = std::nullopt};
  if (::fcntl(options.apps_fd, F_GETFD) >= 0) out.apps.emplace(UniqueFd(options.apps_fd));
  return out;
}

Status run(const Options& options) {
  const Channels channels = take_channels(options);
  PAVISE_TRY_ASSIGN(const auto address, root_of_trust::TpmAddress::parse(options.tpm));
  PAVISE_TRY_ASSIGN(const auto root, root_of_trust::open_tpm2(address));
  const device::MemoryReport memory;
  Monitor monitor(*root, read_inputs(options, memory));
  PAVISE_TRY(monitor.learn_past());
  // What is loaded at first use is loaded while it still can be. A failure will be told to the
  // agent.
  (void)monitor.identity();
  PAVISE_TRY(sandbox::apply(sandbox_policy(address.kind())));
  return serve(channels, [&monitor](Client client, const Result<Bytes>& packet) {
    SecretBytes response = answer(monitor, client, packet);
    // Requests come minutes apart.
    device::release_startup_pages();
    return response;
  });
}

}  // namespace

int main(int argc, char** argv) {
  // The library would open its configuration file at some later moment, inside the sandbox.
  (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  const std::vector<const char*> arguments(argv + 1, argv + argc);
  const auto options = parse_options(arguments);
  if (!options) {
    say(options.error().message());
    return 2;
  }
  if (const Status status = run(*options); !status) {
    say(status.error().message());
    return 1;
  }
  return 0;
}
