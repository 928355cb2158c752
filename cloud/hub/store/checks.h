// What a name, a key or a field may look like, and what the store makes up itself. Private to the
// store.
#pragma once

#include <string>
#include <string_view>

#include "cloud/hub/store/records.h"

namespace pavise::hub::store {

// 1 to `size_max` characters of A-Z a-z 0-9 and those in `more`.
bool is_name(std::string_view text, std::size_t size_max, std::string_view more);
bool is_configuration_id(std::string_view text);
// A whole host name in lower case.
bool is_host_name(std::string_view text);
// Printable UTF-8 of at most `size_max` bytes: no control characters.
bool is_plain_text(std::string_view text, std::size_t size_max);
// base64 of kKeySizeMin to kKeySizeMax bytes.
bool is_key(std::string_view text);

// Upper case; empty stays empty; nullopt: neither SHA-1 nor SHA-256 in hex.
std::optional<std::string> thumbprint(std::string_view text);

// kBadIdentity with the name of the field.
Status check_fields(const iothub::Identity& id, const IdentityFields& fields);

// Fills empty keys.
Status generate_missing(std::string& primary, std::string& secondary);

// Random, so that a resource which was deleted and made again has another one; looks like IoT
// Hub's: base64 of a decimal number.
Result<std::string> new_etag();
Result<std::string> new_uuid();
// 18 digits: 100 ns steps since the year 1, the last four digits random.
Result<std::uint64_t> new_generation(UnixMillis now_ms);

}  // namespace pavise::hub::store
