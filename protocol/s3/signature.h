// AWS Signature Version 4 in the Authorization header, payload signed in one piece ("Authenticating
// Requests: Using the Authorization Header" of Amazon's S3 documentation).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"

namespace pavise::s3 {

struct Keys {
  std::string access_key;
  SecretBytes secret;
};

using Fields = std::vector<std::pair<std::string, std::string>>;

// A request as it is signed. Path and values of the query are not encoded yet.
struct Request {
  std::string method;
  std::string path;  // begins with '/'
  Fields query{};
  // All of them are signed: names in lower case, "host" among them. Values without blanks at either
  // end or in a row.
  Fields headers{};
};

// Every byte but unreserved characters (RFC 3986 section 2.3) as %XX; '/' too unless it is kept.
std::string encoded(std::string_view text, bool keep_slashes);
// In the order and the encoding of the signature, which the request's target must have as well.
std::string canonical_query(const Fields& query);

// "20130524T000000Z", the header x-amz-date.
std::string timestamp(UnixSeconds time);
// Of the whole body, in hexadecimal: the header x-amz-content-sha256.
std::string payload_digest(ByteView body);

// The value of the Authorization header. Precondition: the headers have "x-amz-date" and
// "x-amz-content-sha256", and none twice.
std::string authorization(const Request& request, const Keys& keys, std::string_view region);

}  // namespace pavise::s3
