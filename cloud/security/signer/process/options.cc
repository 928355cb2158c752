#include "cloud/security/signer/process/options.h"

#include <charconv>
#include <string_view>

namespace pavise::security::signer {
namespace {

Result<uid_t> parse_uid(std::string_view text) {
  uid_t uid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (error != std::errc{} || end != text.data() + text.size())
    return Error(kSignerUsage, "--allow-uid wants a number");
  return uid;
}

}  // namespace

Result<ProcessOptions> parse_options(std::span<const char* const> arguments, uid_t own_uid) {
  ProcessOptions out;
  out.allow_uid = own_uid;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--without-landlock") {
      out.without_landlock = true;
      continue;
    }
    if (i + 1 == arguments.size()) return Error(kSignerUsage, std::string(name));
    const std::string_view value = arguments[++i];
    if (name == "--keys") {
      out.keys_directory = value;
    } else if (name == "--socket") {
      out.socket_path = value;
    } else if (name == "--allow-uid") {
      PAVISE_TRY_ASSIGN(out.allow_uid, parse_uid(value));
    } else {
      return Error(kSignerUsage, std::string(name));
    }
  }
  if (out.keys_directory.empty()) return Error(kSignerUsage, "--keys is missing");
  if (out.socket_path.empty()) return Error(kSignerUsage, "--socket is missing");
  return out;
}

}  // namespace pavise::security::signer
