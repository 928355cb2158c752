// Whether a voucher was signed inside the TPM of the device that it names.
#pragma once

#include <optional>

#include "cloud/security/registry/records.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/evidence/voucher.h"

namespace pavise::security {

// `ak_public` is the TPMT_PUBLIC bound to voucher.device. With `not_before`, the voucher must
// not be older than that moment of the TPM's clock. kVoucherInvalid (tenancy.h) with the reason.
// Does not block.
Status check_voucher(const evidence::Voucher& voucher, ByteView ak_public,
                     const std::optional<ClockMark>& not_before);

}  // namespace pavise::security
