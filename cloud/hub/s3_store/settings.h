// Which object store, and who we are to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cloud/hub/s3_store/errors.h"
#include "common/base/bytes.h"
#include "protocol/s3/signature.h"

namespace pavise::hub::s3_store {

inline constexpr std::size_t kKeysFileSizeMax = 4096;
inline constexpr std::size_t kKeySizeMax = 256;  // of either key
inline constexpr std::size_t kRegionSizeMax = 64;

// How the bucket is named in requests.
enum class Style { path, virtual_host };

class Place {
 public:
  // `url` is https://HOST[:PORT]; http:// only for an address of this machine (127.0.0.0/8, [::1],
  // localhost). kBadPlace.
  static Result<Place> parse(std::string_view url, std::string bucket, std::string region,
                             Style style);

  const std::string& host() const { return host_; }  // to connect to
  std::uint16_t port() const { return port_; }
  bool tls() const { return tls_; }
  const std::string& region() const { return region_; }
  const std::string& host_header() const { return host_header_; }
  // Of an object, or with an empty key of the bucket; not percent-encoded.
  std::string path_of(std::string_view key) const;
  // "https://HOST[:PORT]/BUCKET", for people.
  std::string text() const;

 private:
  Place() = default;
  std::string host_;
  std::uint16_t port_ = 0;
  bool tls_ = true;
  std::string bucket_;
  std::string region_;
  std::string host_header_;
  Style style_ = Style::path;
};

// As the AWS tools keep them: lines `aws_access_key_id = …` and `aws_secret_access_key = …`, each
// once; empty lines, comments and one section header are passed over, all else is refused.
// kBadKeys, whose detail never has a part of the text.
Result<s3::Keys> parse_keys(ByteView text);
// From a file that nobody but its owner may read or write, at most kKeysFileSizeMax. kBadKeys.
Result<s3::Keys> read_keys(const std::string& path);

// All that a store needs. Shared by those who use it, never changed.
struct Settings {
  Place place;
  s3::Keys keys;
  std::string trust_anchors_pem;  // of a store with TLS
};

}  // namespace pavise::hub::s3_store
