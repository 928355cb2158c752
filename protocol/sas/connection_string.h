// Connection strings: "HostName=...;DeviceId=...;SharedAccessKey=..." (reference: iothub-dps-wire
// A2, D3). Names are compared without case, order is free, each name comes once, one ';' may end
// it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/sas/errors.h"

namespace pavise::sas {

inline constexpr std::size_t kConnectionStringSizeMax = 4096;
inline constexpr std::size_t kHostNameSizeMax = 253;

// A device (DeviceId), a module (ModuleId too), a hub policy (SharedAccessKeyName) or an Event Hub
// (Endpoint=sb://host/ and EntityPath).
struct ConnectionString {
  // kBadConnectionString (the detail names the part, never its value), kBadKey.
  // Refused: unknown or repeated names, empty values, no host, a module without a device, a device
  // and a policy together, more than one of key, signature and x509=true, or none of them.
  static Result<ConnectionString> parse(std::string_view text);

  // The canonical order of the official tools. Holds the key, hence secret. kBadConnectionString:
  // the value holds a ';', which the form cannot carry.
  Result<SecretBytes> print() const;

  bool is_event_hub = false;  // host from Endpoint, not from HostName
  std::string host;
  std::optional<std::string> gateway_host;
  std::optional<std::string> device_id;
  std::optional<std::string> module_id;
  std::optional<std::string> policy;
  std::optional<std::string> entity_path;
  SecretBytes key;        // decoded; empty if there is none
  SecretBytes signature;  // a ready token (SharedAccessSignature=); empty if there is none
  bool x509 = false;
};

}  // namespace pavise::sas
