#include "device/factory/options.h"

#include <string_view>
#include <utility>

namespace pavise::factory {

constexpr std::size_t kIntermediatesMax = 4;  // as the service takes them

const char* const kHelp =
    "pavise-factory provision --tpm TPM --server URL --ca FILE (--token-file FILE | "
    "--token-stdin)\n"
    "                         --out FOLDER [--device-listener URL]\n"
    "\n"
    "Makes a device: puts its keys into the TPM, registers its EK certificate, binds its\n"
    "attestation key and writes FOLDER/voucher.cbor, voucher.txt and device-id. May be repeated.\n"
    "\n"
    "  --tpm              device:/dev/tpmrm0, or swtpm:/path/to/socket\n"
    "  --server           management API, for example https://127.0.0.1:8443\n"
    "  --device-listener  default: port 8444 of the server's host\n"
    "  --ca               trust anchor of the service, PEM\n"
    "  --intermediate     certificate between the EK's and the vendor's root, PEM; up to four "
    "times\n"
    "  --token-file       token of the factory role; - reads standard input, as --token-stdin "
    "does\n"
    "\n"
    "Example:\n"
    "  pavise-factory provision --tpm swtpm:/run/vtpm/sock --server https://127.0.0.1:8443 \\\n"
    "    --ca service-ca.pem --token-file factory.token --out devices/line-1\n"
    "\n"
    "Exit codes: 0 done, 1 failed (may be repeated), 2 wrong command line.\n";

Result<Options> Options::parse(std::span<const char* const> arguments) {
  Options out;
  if (arguments.empty()) return Error(kUsage, "no command");
  const std::string_view command = arguments.front();
  if (command == "--help" || command == "-h") {
    out.help = true;
    return out;
  }
  if (command != "provision") return Error(kUsage, "unknown command " + std::string(command));

  const std::pair<std::string_view, std::string*> options[] = {
      {"--tpm", &out.tpm},        {"--server", &out.server},
      {"--ca", &out.ca_file},     {"--device-listener", &out.listener},
      {"--out", &out.out_folder}, {"--token-file", &out.token_file}};
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--help" || name == "-h") {
      out.help = true;
      return out;
    }
    if (name == "--token-stdin") {
      out.token_file = "-";
      continue;
    }
    if (name == "--intermediate" && i + 1 < arguments.size()) {
      out.intermediate_files.emplace_back(arguments[++i]);
      if (out.intermediate_files.size() > kIntermediatesMax)
        return Error(kUsage, "more than four --intermediate");
      continue;
    }
    std::string* value = nullptr;
    for (const auto& [known, target] : options)
      if (known == name) value = target;
    if (value == nullptr) return Error(kUsage, "unknown option " + std::string(name));
    if (i + 1 == arguments.size() || *arguments[i + 1] == '\0')
      return Error(kUsage, std::string(name) + " wants a value");
    if (!value->empty()) return Error(kUsage, std::string(name) + " stands twice");
    *value = arguments[++i];
  }
  for (const auto& [name, value] : options)
    if (value->empty() && name != "--device-listener")
      return Error(kUsage, std::string(name) + " is missing");
  // The form of tpm2-tools' TCTI is accepted, too.
  constexpr std::string_view kTctiForm = "swtpm:path=";
  if (out.tpm.starts_with(kTctiForm)) out.tpm.replace(0, kTctiForm.size(), "swtpm:");
  return out;
}

}  // namespace pavise::factory
