// The server's own TLS key and certificate, made through the signer at the first start and again
// before they end.
#pragma once

#include <string>
#include <vector>

#include "cloud/security/signer/api/signer.h"
#include "cloud/server/bootstrap/files.h"
#include "common/base/clock.h"

namespace pavise::server {

inline constexpr std::string_view kIdentityFile = "tls.pem";          // 0600: key and chain
inline constexpr std::string_view kServiceCaFile = "service-ca.pem";  // 0644: trust anchor
// A start later than this makes a new pair, so that a server that runs on has weeks left.
inline constexpr UnixSeconds kIdentityRenewAfterS = security::signer::kServerValidityS / 2;
inline constexpr std::size_t kIdentityBytesMax = 64UL * 1024;

struct ServerNames {
  std::vector<std::string> dns;
  std::vector<std::string> ip;
};
// Sorts each of the texts to the IP addresses or the DNS names. kBadCommandLine: neither, or more
// than kServerNamesMax.
Result<ServerNames> parse_names(const std::vector<std::string>& texts);

struct ServerIdentity {
  std::string chain_pem;  // leaf, then the service's root
  SecretBytes key_pem;
  UnixSeconds made = 0;
};

// Reads the pair from `directory`, or makes one when there is none, it is older than
// kIdentityRenewAfterS, or it was made for other names. Writes both files; killed at any moment,
// the next start finds a whole pair or makes one. kStateUnusable; those of Signer. Blocks.
Result<ServerIdentity> load_or_make_identity(const std::string& directory, const ServerNames& names,
                                             security::signer::Signer& signer, const Clock& clock);

}  // namespace pavise::server
