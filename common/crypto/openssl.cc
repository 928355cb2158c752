#include "common/crypto/openssl.h"

#include <openssl/err.h>

#include <ctime>

namespace pavise::crypto {

OwnedX509 read_certificate(ByteView der) {
  const unsigned char* at = as_uchar(der);
  OwnedX509 out(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (out != nullptr && at != as_uchar(der) + der.size()) out.reset();
  return out;
}

std::optional<UnixSeconds> unix_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return timegm(&parts);
}

std::string last_openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no reason given" : reason;
}

}  // namespace pavise::crypto
