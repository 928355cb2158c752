#include "cloud/security/attestation/ek_certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <optional>

#include "common/crypto/crypto.h"
#include "common/crypto/openssl.h"

namespace pavise::attestation {
namespace {

using Certificate = crypto::OwnedX509;
using Store = crypto::Owned<X509_STORE, X509_STORE_free>;
using StoreContext = crypto::Owned<X509_STORE_CTX, X509_STORE_CTX_free>;
using Bio = crypto::Owned<BIO, BIO_free_all>;
using Names = crypto::Owned<GENERAL_NAMES, GENERAL_NAMES_free>;
using Usages = crypto::Owned<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;

void free_stack(STACK_OF(X509) * stack) {
  sk_X509_free(stack);  // the certificates belong to somebody else
}
using BorrowedStack = crypto::Owned<STACK_OF(X509), free_stack>;

constexpr std::string_view kUsageEk = "2.23.133.8.1";
constexpr std::string_view kManufacturer = "2.23.133.2.1";
constexpr std::string_view kModel = "2.23.133.2.2";
constexpr std::string_view kVersion = "2.23.133.2.3";
constexpr std::size_t kTextMax = 128;
constexpr int kSecurityLevel = 2;  // 112 bits: RSA-2048, P-224, SHA-224 and up

std::string oid_text(const ASN1_OBJECT* object) {
  char text[80];
  const int size = OBJ_obj2txt(text, sizeof text, object, 1);
  return size > 0 && size < static_cast<int>(sizeof text) ? std::string(text) : std::string();
}

// Printable ASCII, others as '?': it comes from outside and goes to people.
std::string clean(std::string_view text) {
  std::string out(text.substr(0, kTextMax));
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return out;
}

std::string one_line(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return clean({data, static_cast<std::size_t>(size)});
}

Certificate parse_der(ByteView der) {
  if (der.size() > kEkCertificateBytesMax) return nullptr;
  return crypto::read_certificate(der);
}

bool has_tpm_attribute(const GENERAL_NAME* name, std::string_view oid) {
  if (name->type != GEN_DIRNAME) return false;
  const X509_NAME* directory = name->d.directoryName;
  for (int i = 0; i < X509_NAME_entry_count(directory); ++i)
    if (oid_text(X509_NAME_ENTRY_get_object(X509_NAME_get_entry(directory, i))) == oid) return true;
  return false;
}

// The alternative name that the EK Credential Profile demands: who made the TPM, which, which
// version.
bool names_a_tpm(X509* leaf) {
  const Names names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (std::ranges::all_of(std::array{kManufacturer, kModel, kVersion},
                            [name](std::string_view oid) { return has_tpm_attribute(name, oid); }))
      return true;
  }
  return false;
}

// An RSA key decrypts a seed, one on a curve agrees on it. Without the extension all is allowed.
bool usage_fits(X509* leaf) {
  const EVP_PKEY* key = X509_get0_pubkey(leaf);
  const bool on_curve = key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
  return (X509_get_key_usage(leaf) & (on_curve ? KU_KEY_AGREEMENT : KU_KEY_ENCIPHERMENT)) != 0;
}

bool has_ek_usage(const EXTENDED_KEY_USAGE* usages) {
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages); ++i)
    if (oid_text(sk_ASN1_OBJECT_value(usages, i)) == kUsageEk) return true;
  return false;
}

// RFC 5280, 4.2.1.3 and 4.2.1.12 as the EK Credential Profile uses them.
Status check_purpose(X509* leaf) {
  const std::uint32_t flags = X509_get_extension_flags(leaf);
  if ((flags & EXFLAG_CA) != 0) return Error(kEkCertificatePurpose, "it is a CA");
  if (!usage_fits(leaf)) return Error(kEkCertificatePurpose, "key usage");
  int critical = 0;
  const Usages usages(static_cast<EXTENDED_KEY_USAGE*>(
      X509_get_ext_d2i(leaf, NID_ext_key_usage, &critical, nullptr)));
  if (usages || critical != -1) {
    if (usages && has_ek_usage(usages.get())) return {};
    return Error(kEkCertificatePurpose, "extended key usage");
  }
  // A vendor's CA may issue for servers and people, too: without the extended usage, key usage and
  // names together have to say what the key is.
  if ((flags & EXFLAG_KUSAGE) == 0) return Error(kEkCertificatePurpose, "key usage");
  if (!names_a_tpm(leaf)) return Error(kEkCertificatePurpose, "it does not say that it is a TPM's");
  return {};
}

// OpenSSL counts every critical extension that it knows as handled. Of those an EK certificate may
// have only the ones whose meaning is checked here.
Status check_critical_extensions(X509* leaf) {
  for (int i = 0; i < X509_get_ext_count(leaf); ++i) {
    X509_EXTENSION* extension = X509_get_ext(leaf, i);
    if (X509_EXTENSION_get_critical(extension) == 0) continue;
    switch (OBJ_obj2nid(X509_EXTENSION_get_object(extension))) {
      case NID_basic_constraints:
      case NID_key_usage:
      case NID_ext_key_usage:
      case NID_subject_alt_name:
        continue;
      default:
        return Error(kEkCertificateMalformed, "a critical extension that is not known");
    }
  }
  return {};
}

// OpenSSL takes a certificate without basic constraints for a CA if its key usage says so, and a
// self-signed one of version 1 in any case. RFC 5280, 4.2.1.9 does not.
Status check_issuers(X509_STORE_CTX* context) {
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context);
  for (int i = 1; i < sk_X509_num(chain); ++i)
    if ((X509_get_extension_flags(sk_X509_value(chain, i)) & EXFLAG_CA) == 0)
      return Error(kEkCertificateUntrusted, "an issuer has no basic constraints of a CA");
  return {};
}

Status verify_chain(X509* leaf, std::span<const Bytes> intermediates, X509_STORE* store,
                    UnixSeconds now_s) {
  if (intermediates.size() > kVendorRootsMax)
    return Error(kEkCertificateMalformed, "too many intermediates");
  std::vector<Certificate> owned;
  const BorrowedStack untrusted(sk_X509_new_null());
  const StoreContext context(X509_STORE_CTX_new());
  if (!untrusted || !context) return crypto::kCryptoFailed;
  for (const Bytes& der : intermediates) {
    owned.push_back(parse_der(der));
    if (!owned.back() || sk_X509_push(untrusted.get(), owned.back().get()) == 0)
      return Error(kEkCertificateMalformed, "an intermediate certificate");
  }
  if (X509_STORE_CTX_init(context.get(), store, leaf, untrusted.get()) != 1)
    return crypto::kCryptoFailed;
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, now_s);
  X509_VERIFY_PARAM_set_depth(parameters, kChainDepthMax);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  // Without a level OpenSSL takes any key and any hash: SHA-1, whose collisions can be bought, and
  // RSA keys that can be factored. An anchor's own signature is not looked at.
  X509_VERIFY_PARAM_set_auth_level(parameters, kSecurityLevel);
  const int result = X509_verify_cert(context.get());
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (result != 1 || error != X509_V_OK)
    return Error(kEkCertificateUntrusted, X509_verify_cert_error_string(error));
  return check_issuers(context.get());
}

Result<tpm::PublicArea> endorsement_key(X509* leaf) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &raw);
  if (size <= 0) return crypto::kCryptoFailed;
  const Bytes spki = to_bytes(std::as_bytes(std::span(raw, static_cast<std::size_t>(size))));
  OPENSSL_free(raw);
  const auto key = crypto::parse_subject_key(spki);
  if (!key) return Error(kEkCertificateKey, key.error().detail());
  auto ek = tpm::endorsement_key_of(*key);
  if (!ek) return Error(kEkCertificateKey, ek.error().detail());
  return ek;
}

// TCG attributes in a directoryName of the subject alternative name; for display only.
void read_tpm_attributes(X509* leaf, EkCertificate& out) {
  const Names names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DIRNAME) continue;
    const X509_NAME* directory = name->d.directoryName;
    for (int k = 0; k < X509_NAME_entry_count(directory); ++k) {
      const X509_NAME_ENTRY* entry = X509_NAME_get_entry(directory, k);
      const ASN1_STRING* value = X509_NAME_ENTRY_get_data(entry);
      const std::string text = clean({reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                                      static_cast<std::size_t>(ASN1_STRING_length(value))});
      const std::string oid = oid_text(X509_NAME_ENTRY_get_object(entry));
      if (oid == kManufacturer) out.manufacturer = text;
      if (oid == kModel) out.model = text;
      if (oid == kVersion) out.version = text;
    }
  }
  ERR_clear_error();
}

}  // namespace

struct VendorRoots::Impl {
  Store store;
  std::vector<Certificate> certificates;
};

Result<VendorRoots> VendorRoots::parse_pem(ByteView pem) {
  if (pem.empty() || pem.size() > kVendorPemBytesMax) return Error(kVendorRoots, "size");
  auto impl = std::make_shared<Impl>();
  impl->store.reset(X509_STORE_new());
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!impl->store || !bio) return crypto::kCryptoFailed;
  while (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (impl->certificates.size() == kVendorRootsMax)
      return Error(kVendorRoots, "more than 64 certificates");
    if ((X509_get_extension_flags(next.get()) & EXFLAG_CA) == 0)
      return Error(kVendorRoots, one_line(X509_get_subject_name(next.get())) + " is no CA");
    if (X509_STORE_add_cert(impl->store.get(), next.get()) != 1) return crypto::kCryptoFailed;
    impl->certificates.push_back(std::move(next));
  }
  const auto reason = ERR_GET_REASON(ERR_peek_last_error());
  ERR_clear_error();
  if (impl->certificates.empty() || reason != PEM_R_NO_START_LINE)
    return Error(kVendorRoots, "not PEM certificates");
  return VendorRoots(std::move(impl));
}

std::size_t VendorRoots::size() const {
  return impl_->certificates.size();
}

std::vector<std::string> VendorRoots::subjects() const {
  std::vector<std::string> out;
  for (const Certificate& certificate : impl_->certificates)
    out.push_back(one_line(X509_get_subject_name(certificate.get())));
  return out;
}

Result<EkCertificate> verify_ek_certificate(ByteView certificate_der,
                                            std::span<const Bytes> intermediates,
                                            const VendorRoots& roots, UnixSeconds now_s) {
  const Certificate leaf = parse_der(certificate_der);
  if (!leaf) return kEkCertificateMalformed;
  if ((X509_get_extension_flags(leaf.get()) & EXFLAG_INVALID) != 0) {
    ERR_clear_error();
    return Error(kEkCertificateMalformed, "an extension");
  }
  PAVISE_TRY(check_critical_extensions(leaf.get()));
  PAVISE_TRY(check_purpose(leaf.get()));
  PAVISE_TRY(verify_chain(leaf.get(), intermediates, roots.impl().store.get(), now_s));
  PAVISE_TRY_ASSIGN(tpm::PublicArea ek, endorsement_key(leaf.get()));
  Bytes name = ek.full_name();
  const DeviceId device = tpm::device_id_from_name(name);
  EkCertificate out{.ek = std::move(ek),
                    .ek_name = std::move(name),
                    .device = device,
                    .issuer = one_line(X509_get_issuer_name(leaf.get())),
                    .manufacturer = {},
                    .model = {},
                    .version = {},
                    .fingerprint = crypto::sha256(certificate_der)};
  read_tpm_attributes(leaf.get(), out);
  return out;
}

}  // namespace pavise::attestation
