// Which servers this person talks to: the context file.
//
// {"current": "run", "contexts": {"run": {"url": "https://127.0.0.1:8443", "ca": "/path/to/ca.pem",
//  "token": "pavise_...", "devices": {"sim0": "3fa8...(64 hexadecimal characters)"},
//  "app": {"key": "/path/to/owner.pem", "tenant": "home"}}}}; `ca` is a path, or the certificates
// themselves in PEM. "devices" are names for devices; "app" is what signs apps when nothing is
// said.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace pavise::cli {

inline constexpr ErrorInfo kNoContext{"PV-CLI-001", Retry::needs_operator, "no server is known",
                                      "In the shell of a ./run: . .pavise/env. Else add one: "
                                      "pavise context add NAME --url URL --ca FILE "
                                      "--token-file FILE."};
inline constexpr ErrorInfo kBadContextFile{
    "PV-CLI-002", Retry::needs_operator, "the context file cannot be used",
    "Correct the file, or remove it and add the context again."};
inline constexpr ErrorInfo kUnknownContext{"PV-CLI-003", Retry::never,
                                           "there is no context of this name",
                                           "See the names: pavise context list."};
inline constexpr ErrorInfo kFileUnreadable{"PV-CLI-005", Retry::never,
                                           "a file cannot be read or written",
                                           "Check its path and its permissions."};

inline constexpr std::size_t kContextFileSizeMax = 256UL * 1024;
inline constexpr std::size_t kDeviceNameSizeMax = 63;

struct Context {
  std::string url;
  std::string ca;     // path or PEM
  std::string token;  // may be empty: then every call is refused
  std::map<std::string, std::string, std::less<>> devices = {};  // from name to id
  std::string app_key = {}, app_tenant = {};                     // may be empty

  // The id that has this name; nullptr if none has.
  const std::string* device(std::string_view name) const;
  // The trust anchors as PEM. kFileUnreadable.
  Result<std::string> ca_pem() const;
};

struct Contexts {
  std::string current;  // may be empty
  std::map<std::string, Context> all;

  // kBadContextFile.
  static Result<Contexts> parse(std::string_view json);
  std::string to_json() const;
  // The named one, or the current one for an empty name. kUnknownContext, kNoContext.
  Result<Context> find(const std::string& name) const;
};

// 1 to kDeviceNameSizeMax characters of a-z, 0-9 and '-', the first a letter, and one beyond 'f'
// among them: what could be the beginning of an id is no name.
bool is_device_name(std::string_view name);

// $PAVISE_CONTEXT, or contexts.json in $XDG_CONFIG_HOME/pavise or ~/.config/pavise.
std::string context_path();
// A missing file is no contexts. kBadContextFile, kFileUnreadable; also when others may read it.
Result<Contexts> load_contexts(const std::string& path);
// Atomically, mode 0600; makes the folder (0700). kFileUnreadable.
Status save_contexts(const std::string& path, const Contexts& contexts);

// Whole file, up to `size_max` bytes; "-" is standard input. kFileUnreadable.
Result<std::string> read_text_file(const std::string& path, std::size_t size_max);

}  // namespace pavise::cli
