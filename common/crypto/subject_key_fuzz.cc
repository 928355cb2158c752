#include "common/crypto/crypto.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise::crypto;
  const auto key = parse_subject_key(std::as_bytes(std::span(data, size)));
  if (!key || key->kind == SubjectKey::Kind::rsa) return 0;
  PAVISE_CHECK(key->x.size() == key->y.size());
  // What was read as a point is one.
  PAVISE_CHECK(agree_once(*key).has_value());
  return 0;
}
