// The query string that lets a device put one file: a shared access signature in the form of the
// storage protocol, made and checked with a key that only this hub has.
#pragma once

#include <string>
#include <string_view>

#include "cloud/hub/files/errors.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"

namespace pavise::hub::files {

inline constexpr std::size_t kUploadKeySize = 32;
inline constexpr std::size_t kTokenQuerySizeMax = 4096;
inline constexpr std::size_t kTokenPairsMax = 32;

struct UploadGrant {
  std::string upload_id;
  UnixMillis expires_ms = 0;  // whole seconds
};

// A container's URI lets its holder read, write and delete the files in it.
struct ContainerGrant {
  std::string container_id;
  UnixMillis expires_ms = 0;  // whole seconds
};

class UploadTokens {
 public:
  explicit UploadTokens(SecretBytes key) : key_(std::move(key)) {}

  // "?sv=…&sr=b&si=…&se=…&sp=cw&sig=…". `blob` is the decoded path below the container.
  std::string make(std::string_view blob, const UploadGrant& grant) const;
  // Whether this query lets its sender write `blob` now. Other parameters are passed over.
  // kBadUploadToken (one answer for every reason but time), kUploadExpired. Constant time in the
  // signature.
  Result<UploadGrant> check(std::string_view blob, std::string_view query, UnixMillis now_ms) const;

  // "?sv=…&sr=c&se=…&sp=rwd&sig=…", for all files of a container, and whether this query lets its
  // sender use them now; otherwise as above.
  std::string make_container(const ContainerGrant& grant) const;
  Result<ContainerGrant> check_container(std::string_view id, std::string_view query,
                                         UnixMillis now_ms) const;

 private:
  Digest256 sign(std::string_view blob, std::string_view id, std::string_view end) const;
  Digest256 sign_container(std::string_view id, std::string_view end) const;

  SecretBytes key_;
};

// "2026-11-25T19:00:00Z" as Unix milliseconds; no other form, no other years than 1970 to 9999.
Result<UnixMillis> parse_token_time(std::string_view text);

}  // namespace pavise::hub::files
