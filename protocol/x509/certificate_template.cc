#include "protocol/x509/certificate_template.h"

#include <algorithm>

#include "protocol/x509/der.h"

namespace pavise::x509 {
namespace {

using der::element;
using der::Tag;

constexpr auto bytes_of(auto... values) {
  return std::array<std::byte, sizeof...(values)>{static_cast<std::byte>(values)...};
}

// OID contents under 2.5.29 and 1.3.6.1.5.5.7.3.
constexpr auto kSubjectKeyIdOid = bytes_of(0x55, 0x1d, 0x0e);
constexpr auto kKeyUsageOid = bytes_of(0x55, 0x1d, 0x0f);
constexpr auto kSubjectAltNameOid = bytes_of(0x55, 0x1d, 0x11);
constexpr auto kBasicConstraintsOid = bytes_of(0x55, 0x1d, 0x13);
constexpr auto kAuthorityKeyIdOid = bytes_of(0x55, 0x1d, 0x23);
constexpr auto kExtendedKeyUsageOid = bytes_of(0x55, 0x1d, 0x25);
constexpr auto kServerAuth = bytes_of(0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 3, 1);
constexpr auto kClientAuth = bytes_of(0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 3, 2);

constexpr auto kTrue = bytes_of(0x01, 0x01, 0xff);
// BIT STRING contents in DER: unused bits, then the flags.
constexpr auto kDigitalSignature = bytes_of(0x03, 0x02, 7, 0x80);
constexpr auto kCertAndCrlSign = bytes_of(0x03, 0x02, 1, 0x06);
constexpr auto kVersion3 = bytes_of(0xa0, 0x03, 0x02, 0x01, 0x02);

constexpr auto kContextDns = static_cast<Tag>(0x82);  // GeneralName [2]
constexpr auto kContextUri = static_cast<Tag>(0x86);  // GeneralName [6]
constexpr auto kContextIp = static_cast<Tag>(0x87);   // GeneralName [7]
constexpr auto kContextKeyId = static_cast<Tag>(0x80);

Bytes extension(ByteView oid, bool critical, ByteView value) {
  return element(Tag::kSequence,
                 {element(Tag::kObjectId, oid), critical ? ByteView(kTrue) : ByteView(),
                  element(Tag::kOctetString, value)});
}

Bytes key_id_extensions(const Issuer& issuer, const crypto::P256PublicKey& key) {
  Bytes out = extension(kAuthorityKeyIdOid, false,
                        element(Tag::kSequence, element(kContextKeyId, issuer.key_id)));
  append(out, extension(kSubjectKeyIdOid, false, element(Tag::kOctetString, key_id(key))));
  return out;
}

Bytes end_entity_extensions(const Issuer& issuer, const crypto::P256PublicKey& key,
                            ByteView purpose, ByteView alternative_names) {
  Bytes out = key_id_extensions(issuer, key);
  append(out, extension(kKeyUsageOid, true, kDigitalSignature));
  append(out, extension(kBasicConstraintsOid, true, element(Tag::kSequence, ByteView())));
  append(out, extension(kExtendedKeyUsageOid, false, element(Tag::kSequence, purpose)));
  append(out, extension(kSubjectAltNameOid, false, element(Tag::kSequence, alternative_names)));
  return out;
}

Result<Bytes> certificate(const Serial& serial, const Issuer& issuer, const Validity& validity,
                          const Name& subject, const crypto::P256PublicKey& key,
                          ByteView extensions) {
  if (validity.not_before < 0 || validity.not_after <= validity.not_before ||
      validity.not_after > 253402300799)  // the end of year 9999
    return Error(kBadTemplate, "the validity is no period");
  if (std::ranges::all_of(serial, [](std::byte b) { return b == std::byte{0}; }))
    return Error(kBadTemplate, "the serial is zero");
  PAVISE_TRY_ASSIGN(const Bytes subject_name, encode_name(subject));
  const Bytes period =
      element(Tag::kSequence, {der::time(validity.not_before), der::time(validity.not_after)});
  return element(Tag::kSequence, {kVersion3, der::unsigned_integer(serial), ecdsa_with_sha256(),
                                  issuer.name, period, subject_name, key.spki_der(),
                                  element(Tag::kContext3, element(Tag::kSequence, extensions))});
}

}  // namespace

Result<Bytes> device_leaf(const Serial& serial, const Issuer& issuer, const Validity& validity,
                          const DeviceId& device, const TenantId& tenant,
                          const crypto::P256PublicKey& key) {
  const std::string uri = "urn:pavise:device:" + device.text();
  const Bytes extensions =
      end_entity_extensions(issuer, key, kClientAuth, element(kContextUri, as_bytes(uri)));
  return certificate(serial, issuer, validity,
                     {.organization = tenant.text(), .common_name = device.text()}, key,
                     extensions);
}

Result<Bytes> certificate_authority(const Serial& serial, const Issuer& issuer,
                                    const Validity& validity, const Name& subject, int path_length,
                                    const crypto::P256PublicKey& key) {
  if (path_length < 0 || path_length > 127) return Error(kBadTemplate, "path length");
  const auto length = bytes_of(0x02, 0x01, path_length);
  Bytes extensions = key_id_extensions(issuer, key);
  append(extensions, extension(kKeyUsageOid, true, kCertAndCrlSign));
  append(extensions,
         extension(kBasicConstraintsOid, true, element(Tag::kSequence, {kTrue, length})));
  return certificate(serial, issuer, validity, subject, key, extensions);
}

Result<Bytes> server(const Serial& serial, const Issuer& issuer, const Validity& validity,
                     const Name& subject, std::span<const std::string> dns_names,
                     std::span<const Bytes> ip_addresses, const crypto::P256PublicKey& key) {
  const std::size_t count = dns_names.size() + ip_addresses.size();
  if (count == 0 || count > kSubjectAltNamesMax)
    return Error(kBadTemplate, "a server needs 1 to 32 names or addresses");
  Bytes names;
  for (const std::string& dns : dns_names) {
    if (dns.empty() || dns.size() > 253) return Error(kBadTemplate, "DNS name");
    append(names, element(kContextDns, as_bytes(dns)));
  }
  for (const Bytes& ip : ip_addresses) {
    if (ip.size() != 4 && ip.size() != 16) return Error(kBadTemplate, "IP address");
    append(names, element(kContextIp, ip));
  }
  return certificate(serial, issuer, validity, subject, key,
                     end_entity_extensions(issuer, key, kServerAuth, names));
}

}  // namespace pavise::x509
