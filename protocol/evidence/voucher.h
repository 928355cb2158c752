// The voucher: made in the factory, handed to the owner, claims a device once.
#pragma once

#include <array>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "protocol/evidence/limits.h"

namespace pavise::evidence {

using VoucherSerial = std::array<std::byte, kVoucherSerialBytes>;

struct Voucher {
  DeviceId device;
  VoucherSerial serial{};
  Bytes attest;     // TPMS_ATTEST of type QUOTE by the AK
  Bytes signature;  // TPMT_SIGNATURE

  // Structure only; the signature is checked by whoever knows the AK. Errors: kMessageTooLong,
  // PV-CBR-nnn.
  static Result<Voucher> parse(ByteView message);
  Bytes encode() const;
};

// qualifyingData of the voucher's attestation: SHA-256("pavise-voucher-v1" ‖ device id ‖ serial).
Digest256 voucher_binding(const DeviceId& device, const VoucherSerial& serial);

}  // namespace pavise::evidence
