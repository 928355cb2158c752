// Silicon vendors and the registration of devices from their EK certificates.
#include <algorithm>
#include <iterator>

#include "cloud/security/attestation/ek_certificate.h"
#include "cloud/security/tenancy/tenancy.h"
#include "common/crypto/crypto.h"

namespace pavise::security {
namespace {

constexpr std::string_view kPemBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kPemEnd = "-----END CERTIFICATE-----";
constexpr std::size_t kPemLineLength = 64;

std::string pem_of(ByteView der) {
  const std::string base64 = to_base64(der);
  std::string out{kPemBegin};
  for (std::size_t at = 0; at < base64.size(); at += kPemLineLength)
    out.append("\n").append(base64, at, kPemLineLength);
  return out.append("\n").append(kPemEnd).append("\n");
}

// The DER of the one certificate in `text`.
Result<Bytes> der_of(std::string_view text) {
  const auto begin = text.find(kPemBegin);
  const auto end = text.find(kPemEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin)
    return Error(kVendorRootInvalid, "no certificate in the PEM text");
  if (text.find(kPemBegin, end) != std::string_view::npos)
    return Error(kVendorRootInvalid, "more than one certificate in the PEM text");
  std::string base64;
  std::ranges::copy_if(text.substr(begin + kPemBegin.size(), end - begin - kPemBegin.size()),
                       std::back_inserter(base64),
                       [](char c) { return c != '\n' && c != '\r' && c != ' '; });
  auto der = from_base64(base64);
  if (!der) return Error(kVendorRootInvalid, "the PEM text is not base64");
  return *std::move(der);
}

}  // namespace

Result<VendorRootRecord> Tenancy::add_vendor_root(std::string_view actor, std::string_view name,
                                                  ByteView certificate) {
  if (certificate.size() > attestation::kVendorPemBytesMax)
    return Error(kVendorRootInvalid, "too large");
  Bytes der = to_bytes(certificate);
  if (as_text(certificate).find(kPemBegin) != std::string_view::npos) {
    PAVISE_TRY_ASSIGN(der, der_of(as_text(certificate)));
  }
  const auto checked = attestation::VendorRoots::parse_pem(as_bytes(pem_of(der)));
  if (!checked) return Error(kVendorRootInvalid, checked.error().detail());
  VendorRootRecord record{to_hex(crypto::sha256(der)), std::string(name), std::move(der),
                          clock_.now_s()};
  PAVISE_TRY_ASSIGN(const auto known, registry_.vendor_roots());
  const auto same = std::ranges::find(known, record.fingerprint, &VendorRootRecord::fingerprint);
  if (same != known.end()) return *same;
  if (known.size() >= attestation::kVendorRootsMax)
    return Error(kVendorRootInvalid,
                 "more than " + std::to_string(attestation::kVendorRootsMax) + " roots");
  PAVISE_TRY(registry_.add_vendor_root(
      record, audit(actor, "vendor.add", record.fingerprint, record.name)));
  return record;
}

Status Tenancy::remove_vendor_root(std::string_view actor, std::string_view fingerprint) {
  return registry_.remove_vendor_root(fingerprint, audit(actor, "vendor.remove", fingerprint));
}

Result<std::vector<VendorRootRecord>> Tenancy::vendor_roots() {
  return registry_.vendor_roots();
}

Result<DeviceRecord> Tenancy::register_device(std::string_view actor, ByteView ek_certificate,
                                              const std::vector<Bytes>& intermediates) {
  PAVISE_TRY_ASSIGN(const auto records, registry_.vendor_roots());
  if (records.empty()) return Error(kVendorUntrusted, "no vendor root is registered");
  std::string pem;
  for (const VendorRootRecord& record : records) pem += pem_of(record.certificate);
  PAVISE_TRY_ASSIGN(const auto roots, attestation::VendorRoots::parse_pem(as_bytes(pem)));
  const auto checked =
      attestation::verify_ek_certificate(ek_certificate, intermediates, roots, clock_.now_s());
  if (!checked && checked.error().is(attestation::kEkCertificateUntrusted))
    return Error(kVendorUntrusted, checked.error().detail());
  if (!checked) return checked.error();

  DeviceRecord record{.id = checked->device};
  record.ek_certificate = to_bytes(ek_certificate);
  record.ek_public = checked->ek.encode();
  record.created = clock_.now_s();
  const std::string words =
      checked->manufacturer + " " + checked->model + ", issued by " + checked->issuer;
  PAVISE_TRY_ASSIGN(auto stored, registry_.add_device(record, audit(actor, "device.register",
                                                                    record.id.text(), words)));
  authority_.device_added(stored);
  return stored;
}

}  // namespace pavise::security
