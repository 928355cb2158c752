#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "common/base/unique_fd.h"
#include "device/factory/https_services.h"
#include "device/factory/options.h"
#include "device/root_of_trust/tpm2/tpm2.h"

namespace pavise::factory {
namespace {

constexpr std::uint16_t kDefaultListenerPort = 8444;
constexpr std::size_t kFileSizeMax = 64UL * 1024;

Result<std::string> read_text(const std::string& path) {
  const UniqueFd opened(path == "-" ? dup(STDIN_FILENO) : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out(kFileSizeMax, '\0');
  std::size_t size = 0;
  while (opened && size < out.size()) {
    const ssize_t got = read(opened.get(), out.data() + size, out.size() - size);
    if (got < 0) return Error(kFileFailed, path);
    if (got == 0) {
      out.resize(size);
      return out;
    }
    size += static_cast<std::size_t>(got);
  }
  return Error(kFileFailed, path);
}

Result<ServiceAddresses> addresses_of(const Options& options) {
  PAVISE_TRY_ASSIGN(const net::Url management, net::Url::parse(options.server));
  net::Url listener{management.host, kDefaultListenerPort};
  if (!options.listener.empty()) {
    PAVISE_TRY_ASSIGN(listener, net::Url::parse(options.listener));
  }
  PAVISE_TRY_ASSIGN(std::string ca_pem, read_text(options.ca_file));
  PAVISE_TRY_ASSIGN(std::string token, read_text(options.token_file));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  ServiceAddresses out{management, listener, std::move(ca_pem), std::move(token)};
  for (const std::string& path : options.intermediate_files) {
    PAVISE_TRY_ASSIGN(std::string pem, read_text(path));
    out.intermediates_pem.push_back(std::move(pem));
  }
  return out;
}

Status run(const Options& options) {
  PAVISE_TRY_ASSIGN(const auto address, root_of_trust::TpmAddress::parse(options.tpm));
  PAVISE_TRY_ASSIGN(ServiceAddresses addresses, addresses_of(options));
  PAVISE_TRY_ASSIGN(const auto root, root_of_trust::open_tpm2(address));
  HttpsServices services(std::move(addresses));
  PAVISE_TRY_ASSIGN(const Provisioned outcome,
                    provision(*root, services, [](const std::string& line) {
                      std::fprintf(stderr, "pavise-factory: %s\n", line.c_str());
                    }));
  PAVISE_TRY(write_outcome(options.out_folder, outcome));
  std::printf("%s\n", outcome.device.text().c_str());
  return {};
}

}  // namespace
}  // namespace pavise::factory

int main(int argc, char** argv) {
  using namespace pavise;
  std::signal(SIGPIPE, SIG_IGN);
  const auto options =
      factory::Options::parse({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)});
  if (!options) {
    std::fprintf(stderr, "pavise-factory: %s\n", options.error().message().c_str());
    return 2;
  }
  if (options->help) {
    std::fputs(factory::kHelp, stdout);
    return 0;
  }
  if (const Status done = factory::run(*options); !done) {
    std::fprintf(stderr, "pavise-factory: %s\n", done.error().message().c_str());
    return 1;
  }
  return 0;
}
