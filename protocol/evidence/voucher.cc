#include "protocol/evidence/voucher.h"

#include "common/crypto/crypto.h"
#include "protocol/cbor/cbor.h"

namespace pavise::evidence {
namespace {

constexpr std::uint64_t kVoucherVersion = 1;
constexpr std::string_view kVoucherLabel = "pavise-voucher-v1";

}  // namespace

Result<Voucher> Voucher::parse(ByteView message) {
  if (message.size() > kVoucherBytesMax) return kMessageTooLong;
  cbor::Reader in(message);
  cbor::MapReader map(in, 5);
  map.required(1);
  in.require(in.uint() == kVoucherVersion);
  map.required(2);
  const auto device = DeviceId::parse(in.text(DeviceId::kLength, DeviceId::kLength));
  in.require(device.has_value());
  map.required(3);
  const auto serial = in.fixed<kVoucherSerialBytes>();
  map.required(4);
  const ByteView attest = in.bytes(1, kAttestBytesMax);
  map.required(5);
  const ByteView signature = in.bytes(1, kSignatureBytesMax);
  map.finish();
  PAVISE_TRY(in.finish());
  return Voucher{*device, serial, to_bytes(attest), to_bytes(signature)};
}

Bytes Voucher::encode() const {
  cbor::Writer out(attest.size() + signature.size() + 128);
  out.map(5).uint(1).uint(kVoucherVersion);
  out.uint(2).text(device.text());
  out.uint(3).bytes(serial);
  out.uint(4).bytes(attest);
  out.uint(5).bytes(signature);
  return out.take();
}

Digest256 voucher_binding(const DeviceId& device, const VoucherSerial& serial) {
  return crypto::sha256({as_bytes(kVoucherLabel), as_bytes(device.text()), serial});
}

}  // namespace pavise::evidence
