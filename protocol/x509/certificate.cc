#include "protocol/x509/certificate.h"

namespace pavise::x509 {

using der::Tag;

Result<Certificate> Certificate::parse(ByteView bytes) {
  if (bytes.size() > kCertificateBytesMax) return kMalformedCertificate;
  Certificate out;
  der::Reader outer(bytes);
  const auto certificate = outer.take(Tag::kSequence);
  if (!certificate || !outer.at_end()) return kMalformedCertificate;

  der::Reader parts(*certificate);
  const auto tbs = parts.take_both(Tag::kSequence, &out.tbs_);
  const auto outer_algorithm = parts.take_whole(Tag::kSequence);
  const auto signature = parts.take(Tag::kBitString);
  if (!tbs || !outer_algorithm || !signature || !parts.at_end()) return kMalformedCertificate;
  if (signature->size() < 2 || (*signature)[0] != std::byte{0}) return kMalformedCertificate;
  out.signature_ = signature->subspan(1);

  der::Reader fields(*tbs);
  const auto version = fields.take(Tag::kContext0);
  const auto serial = fields.take(Tag::kInteger);
  const auto algorithm = fields.take_whole(Tag::kSequence);
  const auto issuer = fields.take_whole(Tag::kSequence);
  const auto validity = fields.take(Tag::kSequence);
  const auto subject = fields.take_both(Tag::kSequence, &out.subject_name_);
  const auto spki = fields.take_whole(Tag::kSequence);
  const auto extensions = fields.take(Tag::kContext3);
  if (!version || !serial || !algorithm || !issuer || !validity || !subject || !spki ||
      !extensions || !fields.at_end())
    return kMalformedCertificate;
  static constexpr std::array kVersion3{std::byte{2}, std::byte{1}, std::byte{2}};
  if (!equal(*version, kVersion3)) return kMalformedCertificate;
  if (!equal(*algorithm, ecdsa_with_sha256()) || !equal(*outer_algorithm, ecdsa_with_sha256()))
    return kMalformedCertificate;

  if (serial->empty() || serial->size() > 20 || ((*serial)[0] & std::byte{0x80}) != std::byte{0})
    return kMalformedCertificate;
  const bool sign_byte = serial->size() > 1 && (*serial)[0] == std::byte{0};
  if (sign_byte && ((*serial)[1] & std::byte{0x80}) == std::byte{0}) return kMalformedCertificate;
  out.serial_ = sign_byte ? serial->subspan(1) : *serial;

  der::Reader period(*validity);
  const auto not_before = der::take_time(period);
  const auto not_after = der::take_time(period);
  if (!not_before || !not_after || !period.at_end()) return kMalformedCertificate;
  out.not_before_ = *not_before;
  out.not_after_ = *not_after;

  const auto name = decode_name(*subject);
  if (!name) return kMalformedCertificate;
  out.subject_ = *name;
  out.issuer_name_ = *issuer;
  out.spki_ = *spki;
  return out;
}

}  // namespace pavise::x509
