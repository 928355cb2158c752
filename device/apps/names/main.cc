// Wires the resolver of apps: finds the network's server, closes the sandbox, serves.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "device/apps/names/name_server.h"
#include "device/apps/names/options.h"
#include "device/apps/names/sandbox.h"

namespace {

using namespace pavise;

void say(const std::string& line) {
  const std::string text = "pavise-names: " + line + '\n';
  (void)!::write(STDERR_FILENO, text.data(), text.size());
}

std::optional<sockaddr_in> upstream_of_kernel() {
  const UniqueFd file(::open("/proc/net/pnp", O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> text{};
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : 0;
  if (size <= 0) return std::nullopt;
  return device::upstream_of_pnp({text.data(), static_cast<std::size_t>(size)});
}

Status run(const device::NamesOptions& options) {
  ipc::SeqpacketChannel launcher{UniqueFd(device::kNamesChannel)};
  const auto upstream = options.upstream ? options.upstream : upstream_of_kernel();
  if (!upstream) say("the network names no server: every name fails");
  PAVISE_TRY(sandbox::apply(device::names_policy(
      options.user, upstream ? ntohs(upstream->sin_port) : device::kNamePort)));
  const SystemClock clock;
  return device::NameServer(std::move(launcher), upstream, clock).serve();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<const char*> arguments(argv + 1, argv + argc);
  const auto options = device::parse_names_options(arguments);
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
