// What somebody installs, and what the file of something installed may have become.
#include <pavise/internal/certificate_file.h>
#include <pavise/internal/x509.h>

#include <cstring>

#include "sdk/source/testing/fuzz.h"

namespace {

using sdk_testing::check;

void check_name(const char* name) {
  const std::size_t size = ::strnlen(name, PAVISE_CERTIFICATE_NAME_BYTES_MAX + 1);
  check(size <= PAVISE_CERTIFICATE_NAME_BYTES_MAX);
  for (std::size_t i = 0; i < size; ++i) check(static_cast<unsigned char>(name[i]) >= 0x20);
}

void describe(const std::uint8_t* data, std::size_t size) {
  pavise_certificate out{};
  const int outcome = x509_describe(data, size, &out);
  check_name(out.subject);
  check_name(out.issuer);
  check(outcome != 0 || out.not_before_s <= out.not_after_s);
}

// Whatever its bytes are, it comes back as it was installed, and no other way.
void keep(const std::uint8_t* data, std::size_t size) {
  static certificate_file file;
  static pavise_credential out;
  pavise_certificate_kind kind = PAVISE_ROOT_CA;
  if (certificate_file_read(data, size, &kind, &out) == 0) {
    certificate_file_make(&file, kind, out.certificate, out.certificate_size, out.key,
                          out.key_size);
    check(size == sizeof file.bytes && std::memcmp(file.bytes, data, size) == 0);
  } else {
    check(out.certificate_size == 0 && out.key_size == 0);
  }
  const std::size_t some =
      size < PAVISE_CERTIFICATE_BYTES_MAX ? size : PAVISE_CERTIFICATE_BYTES_MAX;
  if (some == 0) return;
  certificate_file_make(&file, PAVISE_CLIENT_CERTIFICATE, data, some, data, some);
  check(certificate_file_read(file.bytes, sizeof file.bytes, &kind, &out) == 0);
  check(kind == PAVISE_CLIENT_CERTIFICATE && out.certificate_size == some && out.key_size == some);
  check(std::memcmp(out.certificate, data, some) == 0 && std::memcmp(out.key, data, some) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0 && data[0] == 'P')
    keep(data, size);
  else
    describe(data, size);
  return 0;
}
