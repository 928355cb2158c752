#include "cloud/hub/ca_proof/ca_proof.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <optional>

#include "common/crypto/crypto.h"
#include "common/crypto/openssl.h"

namespace pavise::hub {
namespace {

constexpr int kSecurityBitsMin = 112;

using BioPtr = crypto::Owned<BIO, BIO_free_all>;

crypto::OwnedX509 parse(ByteView der) {
  if (der.size() > kCaCertificateSizeMax) return nullptr;
  crypto::OwnedX509 out = crypto::read_certificate(der);
  // X509_get_extension_flags() parses the extensions; one that is malformed spoils the whole.
  if (out != nullptr && (X509_get_extension_flags(out.get()) & EXFLAG_INVALID) != 0) {
    ERR_clear_error();
    return nullptr;
  }
  return out;
}

Status check_time(const X509* certificate, UnixMillis now_ms) {
  const auto not_before = crypto::unix_time(X509_get0_notBefore(certificate));
  const auto not_after = crypto::unix_time(X509_get0_notAfter(certificate));
  if (!not_before || !not_after) return kNotACertificate;
  if (now_ms < *not_before * 1000 || now_ms >= *not_after * 1000) return kCaNotValidNow;
  return {};
}

std::string subject_of(const X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (out == nullptr) return {};
  // Control characters come escaped.
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0,
                     XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  std::string subject(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  if (subject.size() > kCaSubjectSizeMax) {
    std::size_t end = kCaSubjectSizeMax;
    // Not in the middle of a UTF-8 character.
    while (end > 0 && (static_cast<unsigned char>(subject[end]) & 0xC0U) == 0x80U) --end;
    subject.resize(end);
  }
  return subject;
}

// The only common name; nullopt when there is none, or more than one.
std::optional<std::string> common_name(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return std::nullopt;
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return std::nullopt;
  std::string out(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return out;
}

}  // namespace

Result<CaFacts> read_ca_certificate(ByteView der, UnixMillis now_ms) {
  const crypto::OwnedX509 ca = parse(der);
  if (ca == nullptr) return kNotACertificate;
  const std::uint32_t flags = X509_get_extension_flags(ca.get());
  // Version 1 certificates, and others without the extension, say nothing of being a CA.
  if ((flags & EXFLAG_BCONS) == 0 || (flags & EXFLAG_CA) == 0) return kNotACa;
  if ((X509_get_key_usage(ca.get()) & KU_KEY_CERT_SIGN) == 0) return kNotACa;
  const EVP_PKEY* key = X509_get0_pubkey(ca.get());
  if (key == nullptr) {
    ERR_clear_error();
    return kNotACertificate;
  }
  if (EVP_PKEY_get_security_bits(key) < kSecurityBitsMin) return kCaTooWeak;
  PAVISE_TRY(check_time(ca.get(), now_ms));
  const auto not_after = crypto::unix_time(X509_get0_notAfter(ca.get()));
  if (!not_after) return kNotACertificate;
  return CaFacts{subject_of(ca.get()), *not_after * 1000};
}

Result<std::string> new_verification_code() {
  Bytes random(kVerificationCodeBytes);
  PAVISE_TRY(crypto::random_fill(random));
  std::string code = to_hex(random);
  for (char& c : code)
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  return code;
}

Status check_possession(ByteView ca_der, ByteView proof_der, std::string_view code,
                        UnixMillis now_ms) {
  if (code.empty()) return kNoVerificationCode;
  const crypto::OwnedX509 ca = parse(ca_der);
  const crypto::OwnedX509 proof = parse(proof_der);
  if (ca == nullptr || proof == nullptr) return kNotACertificate;
  if (common_name(proof.get()) != code) return kOtherCode;
  PAVISE_TRY(check_time(ca.get(), now_ms));
  PAVISE_TRY(check_time(proof.get(), now_ms));
  // The signature alone shows who holds the key; names can be copied.
  EVP_PKEY* key = X509_get0_pubkey(ca.get());
  const int verified = key == nullptr ? 0 : X509_verify(proof.get(), key);
  ERR_clear_error();
  if (verified != 1) return kOtherIssuer;
  return {};
}

}  // namespace pavise::hub
