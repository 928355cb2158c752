// Shared by this module's .cc files only.
#pragma once

#include <openssl/err.h>

#include "common/base/bytes.h"
#include "common/crypto/crypto.h"
#include "common/crypto/openssl.h"

namespace pavise::crypto::internal {

// A failed call leaves entries in OpenSSL's per-thread error queue, where the next SSL_get_error()
// of an innocent connection on this thread would find them. So every failure path empties it.
inline Error fail(const ErrorInfo& info, std::string detail = {}) {
  ERR_clear_error();
  return Error(info, std::move(detail));
}

// The order n of the P-256 group, big-endian (FIPS 186-4, D.1.2.3).
inline constexpr std::array<unsigned char, 32> kOrder = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

// 1 <= scalar < n, as both halves of a signature must be.
bool in_scalar_range(ByteView scalar_32);

// Right-aligns a big-endian integer in 32 bytes. False if its value needs more.
bool pad_to_32(ByteView integer, std::span<std::byte, 32> out);

}  // namespace pavise::crypto::internal
