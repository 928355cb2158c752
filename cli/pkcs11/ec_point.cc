#include "cli/pkcs11/ec_point.h"

#include "cli/pkcs11/errors.h"

namespace pavise::cli::pkcs11 {
namespace {

constexpr std::array<std::byte, 10> kP256{
    std::byte{0x06}, std::byte{0x08}, std::byte{0x2a}, std::byte{0x86}, std::byte{0x48},
    std::byte{0xce}, std::byte{0x3d}, std::byte{0x03}, std::byte{0x01}, std::byte{0x07}};
constexpr std::size_t kPointBytes = 65;
constexpr std::byte kOctetString{0x04};

}  // namespace

bool is_p256(ByteView ec_params) {
  return equal(ec_params, kP256);
}

Result<crypto::P256PublicKey> parse_ec_point(ByteView ec_point) {
  if (ec_point.size() == kPointBytes + 2 && ec_point[0] == kOctetString &&
      ec_point[1] == std::byte{kPointBytes})
    ec_point = ec_point.subspan(2);
  if (ec_point.size() != kPointBytes)
    return Error(kTokenFailed,
                 "a public key of " + std::to_string(ec_point.size()) + " bytes is no P-256 point");
  return crypto::P256PublicKey::from_point(ec_point);
}

}  // namespace pavise::cli::pkcs11
