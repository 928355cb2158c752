// CRC-32C (Castagnoli, RFC 3720 appendix B.4): detects accidental damage, not forgery.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"

namespace pavise::hub {

// Continues `crc` (0 to start) over `data`. Uses the processor's instruction where there is one.
std::uint32_t crc32c(ByteView data, std::uint32_t crc = 0);

// The same without special instructions; for tests and other processors.
std::uint32_t crc32c_portable(ByteView data, std::uint32_t crc = 0);

}  // namespace pavise::hub
