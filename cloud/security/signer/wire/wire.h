// Codec of api/signer.cddl. Free of I/O. Never blocks.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cloud/security/signer/api/signer.h"
#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::security::signer::wire {

inline constexpr std::size_t kPacketBytesMax = 65536;
inline constexpr std::size_t kLeavesPerBatchMax = 32;
inline constexpr std::size_t kListPageMax = 16;
inline constexpr std::size_t kCertificateBytesMax = 2048;
inline constexpr std::size_t kDnsNameBytesMax = 253;
inline constexpr std::size_t kIpTextBytesMax = 45;
inline constexpr std::size_t kErrorDetailBytesMax = 256;

struct CreateTenantCa {
  TenantId tenant;
};
struct SignLeaves {
  std::vector<LeafRequest> leaves;
};
struct MakeServerCertificate {
  ServerRequest request;
};
struct List {
  std::string after;
};
using Request = std::variant<CreateTenantCa, SignLeaves, MakeServerCertificate, List>;

// Errors of every parse_*: kSignerProtocol with the codec's reason.
Result<Request> parse_request(ByteView packet);
Bytes encode_request(const Request& request);

Bytes encode_refusal(const Error& error);
Bytes encode_response(const AuthorityCertificates& result);
Bytes encode_response(const std::vector<Result<Bytes>>& leaves);
Bytes encode_response(const ServerCertificate& result);
Bytes encode_response(const std::vector<TenantAuthority>& page);

// Also return the error that the signer answered, as one of signer.h's.
Result<AuthorityCertificates> parse_authority(ByteView packet);
// `count`: how many leaves were asked for; another number is a protocol error.
Result<std::vector<Result<Bytes>>> parse_leaves(ByteView packet, std::size_t count);
Result<ServerCertificate> parse_server_certificate(ByteView packet);
Result<std::vector<TenantAuthority>> parse_list(ByteView packet);

}  // namespace pavise::security::signer::wire
