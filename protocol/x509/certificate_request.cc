#include "protocol/x509/certificate_request.h"

namespace pavise::x509 {

using der::Tag;

Result<Bytes> certificate_request_info(std::string_view common_name,
                                       const crypto::P256PublicKey& key) {
  PAVISE_TRY_ASSIGN(const Bytes name,
                    encode_name({.organization = {}, .common_name = common_name}));
  static constexpr std::array kVersion0{std::byte{0}};
  return der::element(Tag::kSequence, {der::element(Tag::kInteger, kVersion0), name, key.spki_der(),
                                       der::element(Tag::kContext0, ByteView())});
}

Result<CertificateRequest> CertificateRequest::parse(ByteView bytes) {
  if (bytes.size() > kRequestBytesMax) return kMalformedRequest;
  der::Reader outer(bytes);
  const auto request = outer.take(Tag::kSequence);
  if (!request || !outer.at_end()) return kMalformedRequest;

  der::Reader parts(*request);
  ByteView info_whole;
  const auto info = parts.take_both(Tag::kSequence, &info_whole);
  const auto algorithm = parts.take_whole(Tag::kSequence);
  const auto signature_bits = parts.take(Tag::kBitString);
  if (!info || !algorithm || !signature_bits || !parts.at_end() || signature_bits->empty())
    return kMalformedRequest;
  if (!equal(*algorithm, ecdsa_with_sha256()))
    return Error(kUnsupportedRequest, "not signed by ECDSA with SHA-256");

  der::Reader fields(*info);
  const auto version = fields.take(Tag::kInteger);
  const auto name = fields.take(Tag::kSequence);
  const auto spki = fields.take_whole(Tag::kSequence);
  if (!version || !name || !spki) return kMalformedRequest;
  if (version->size() != 1 || (*version)[0] != std::byte{0})
    return Error(kUnsupportedRequest, "not version 1");
  if (!fields.at_end()) {
    const auto attributes = fields.take(Tag::kContext0);
    if (!attributes || !fields.at_end()) return kMalformedRequest;
    if (!attributes->empty()) return Error(kUnsupportedRequest, "it has attributes");
  }
  const auto subject = decode_name(*name);
  if (!subject || !subject->organization.empty())
    return Error(kUnsupportedRequest, "the subject is not just a common name");

  PAVISE_TRY_ASSIGN(auto key, crypto::P256PublicKey::from_spki_der(*spki));
  if ((*signature_bits)[0] != std::byte{0}) return kMalformedRequest;
  PAVISE_TRY_ASSIGN(const auto signature, crypto::ecdsa_from_der(signature_bits->subspan(1)));
  return CertificateRequest(std::string(subject->common_name), std::move(key),
                            crypto::sha256(info_whole), signature);
}

}  // namespace pavise::x509
