// The endorsement key: its certificate from NV, the key itself from the template L-1 of the TCG EK
// Credential Profile 2.3, and TPM2_ActivateCredential with it.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "device/root_of_trust/tpm2/operations.h"
#include "protocol/tpm/public_area.h"

namespace pavise::root_of_trust::tpm2 {
namespace {

constexpr std::size_t kEkCertificateBytesMax = 4096;

struct X509Free {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct BnFree {
  void operator()(BIGNUM* number) const { BN_free(number); }
};

Result<std::unique_ptr<BIGNUM, BnFree>> rsa_number(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
    return Error(kNoEkCertificate, "not an RSA key");
  return std::unique_ptr<BIGNUM, BnFree>(number);
}

Result<Bytes> modulus_of(const X509* certificate) {
  const EVP_PKEY* const key = X509_get0_pubkey(certificate);
  if (key == nullptr) return Error(kNoEkCertificate, "no public key");
  PAVISE_TRY_ASSIGN(const auto modulus, rsa_number(key, OSSL_PKEY_PARAM_RSA_N));
  PAVISE_TRY_ASSIGN(const auto exponent, rsa_number(key, OSSL_PKEY_PARAM_RSA_E));
  Bytes out(tpm::kRsaModulusBytes);
  if (BN_num_bits(modulus.get()) != 2048 ||
      BN_is_word(exponent.get(), tpm::kRsaDefaultExponent) != 1 ||
      BN_bn2binpad(modulus.get(), as_uchar(std::span(out)), static_cast<int>(out.size())) < 0)
    return Error(kNoEkCertificate, "not RSA-2048 with exponent 65537");
  return out;
}

// TPM2_PolicySecret(endorsement): what the EK's authPolicy of template L-1 asks for.
Result<Loaded> start_ek_session(Context& context) {
  PAVISE_TRY_ASSIGN(Loaded session, start_session(context, ESYS_TR_NONE, TPM2_SE_POLICY, 0));
  Owned<TPM2B_TIMEOUT> timeout;
  Owned<TPMT_TK_AUTH> ticket;
  PAVISE_TRY(context.check(Esys_PolicySecret(context.esys(), ESYS_TR_RH_ENDORSEMENT, session.get(),
                                             ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, nullptr,
                                             nullptr, nullptr, 0, out(timeout), out(ticket)),
                           "TPM2_PolicySecret"));
  return session;
}

bool is_refusal(Context& context, TSS2_RC rc) {
  const TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
  if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER) return false;
  switch (bare_code(rc)) {
    case TPM2_RC_INTEGRITY:
    case TPM2_RC_VALUE:
    case TPM2_RC_SIZE:
    case TPM2_RC_INSUFFICIENT:
    case TPM2_RC_SCHEME:
      return true;
    case TPM2_RC_FAILURE:
      // libtpms says so when RSA-OAEP does not decrypt, and is as well as before.
      return context.check_health().has_value();
    default:
      return false;
  }
}

}  // namespace

Result<Identity> read_identity(Context& context) {
  PAVISE_TRY_ASSIGN(const Bytes raw, read_nv(context, kEkCertificateIndex, kEkCertificateBytesMax,
                                             kNoEkCertificate));
  const unsigned char* cursor = as_uchar(raw);
  const unsigned char* const begin = cursor;
  const std::unique_ptr<X509, X509Free> certificate(
      d2i_X509(nullptr, &cursor, static_cast<long>(raw.size())));
  if (!certificate) return Error(kNoEkCertificate, "not X.509");
  PAVISE_TRY_ASSIGN(const Bytes modulus, modulus_of(certificate.get()));
  Bytes ek_public = tpm::ek_template_l1(modulus).encode();
  PAVISE_TRY_ASSIGN(DeviceId device, tpm::device_id_from_ek_public(ek_public));
  // Some makers pad the index after the certificate.
  const auto length = static_cast<std::size_t>(cursor - begin);
  return Identity{.device = std::move(device),
                  .ek_certificate = pavise::to_bytes(ByteView(raw).first(length)),
                  .ek_public = std::move(ek_public)};
}

Result<Primary> create_ek(Context& context, const Identity& identity) {
  const Bytes zeros(tpm::kRsaModulusBytes);
  PAVISE_TRY_ASSIGN(Primary ek, create_primary(context, ESYS_TR_RH_ENDORSEMENT,
                                               tpm::ek_template_l1(zeros).encode()));
  PAVISE_TRY_ASSIGN(const Bytes area, to_bytes(ek.area->publicArea));
  if (area != identity.ek_public) return kEkMismatch;
  return ek;
}

Result<SecretBytes> activate(Context& context, const Identity& identity, ByteView id_object,
                             ByteView encrypted_secret) {
  TPM2B_ID_OBJECT credential{};
  TPM2B_ENCRYPTED_SECRET secret{};
  if (id_object.size() > sizeof credential.credential ||
      encrypted_secret.size() > sizeof secret.secret)
    return kBadArgument;
  fill(credential, credential.credential, id_object);
  fill(secret, secret.secret, encrypted_secret);

  PAVISE_TRY_ASSIGN(const Referenced ak, refer(context, kAkHandle, kNotProvisioned));
  PAVISE_TRY_ASSIGN(const Primary ek, create_ek(context, identity));
  PAVISE_TRY_ASSIGN(const Loaded session, start_ek_session(context));
  Owned<TPM2B_DIGEST> result;
  const TSS2_RC rc =
      Esys_ActivateCredential(context.esys(), ak.get(), ek.object.get(), ESYS_TR_PASSWORD,
                              session.get(), ESYS_TR_NONE, &credential, &secret, out(result));
  const Status status = context.check(rc, "TPM2_ActivateCredential");
  if (!status)
    return is_refusal(context, rc) ? Error(kCredentialRefused, status.error().detail())
                                   : status.error();
  SecretBytes yielded =
      SecretBytes::copy_of(std::as_bytes(std::span(result->buffer, result->size)));
  wipe(std::as_writable_bytes(std::span(result->buffer)));
  return yielded;
}

}  // namespace pavise::root_of_trust::tpm2
