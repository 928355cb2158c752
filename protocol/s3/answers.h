// What an object store says in the bodies of its answers, as far as anybody here needs it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "protocol/s3/errors.h"

namespace pavise::s3 {

inline constexpr std::size_t kErrorCodeSizeMax = 64;
inline constexpr std::size_t kListedMax = 1000;  // keys of one page, the protocol's own limit
inline constexpr std::size_t kListedKeySizeMax = 1024;  // the protocol's own limit

// "SignatureDoesNotMatch" of an error's body: letters and digits only. Empty: it says none.
std::string error_code(ByteView body);

// One page of ListObjectsV2.
struct Listing {
  std::vector<std::string> keys;  // in the store's order
  bool truncated = false;         // there are more
};
// Keys of other characters than letters, digits, '/', '-', '.' and '_' are left out: nothing that
// we wrote has them. kBadListing: it is none, or has more or longer keys than it may.
Result<Listing> parse_listing(ByteView body);

}  // namespace pavise::s3
