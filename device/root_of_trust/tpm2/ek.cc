// The endorsement key: its certificate from NV, the key itself from the template of the TCG EK
// Credential Profile 2.3 that belongs to it, and TPM2_ActivateCredential with it.
#include <openssl/err.h>
#include <openssl/x509.h>

#include <array>
#include <optional>

#include "common/crypto/openssl.h"
#include "device/root_of_trust/tpm2/operations.h"
#include "protocol/tpm/public_area.h"

namespace pavise::root_of_trust::tpm2 {
namespace {

constexpr std::size_t kEkCertificateBytesMax = 4096;
// In this order, so that a TPM with several has one identity. A device that has RSA keeps it.
constexpr std::array kEkCertificateIndices = {kEkCertificateIndex, kEkCertificateIndexP256,
                                              kEkCertificateIndexP384};

Result<tpm::PublicArea> key_of(const X509* certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &raw);
  if (size <= 0) return Error(kNoEkCertificate, "no public key");
  const Bytes spki =
      pavise::to_bytes(std::as_bytes(std::span(raw, static_cast<std::size_t>(size))));
  OPENSSL_free(raw);
  const auto key = crypto::parse_subject_key(spki);
  if (!key) return Error(kNoEkCertificate, key.error().detail());
  auto area = tpm::endorsement_key_of(*key);
  if (!area) return Error(kNoEkCertificate, area.error().detail());
  return area;
}

// The first certificate that is there. One that is there but damaged is an error and never a reason
// to take the next: that would be another device id.
Result<Bytes> read_ek_certificate(Context& context) {
  for (const TPM2_HANDLE index : kEkCertificateIndices) {
    const auto found = refer(context, index, kNoEkCertificate);
    if (!found && found.error().is(kNoEkCertificate)) continue;
    if (!found) return found.error();
    return read_nv(context, index, kEkCertificateBytesMax, kNoEkCertificate);
  }
  return Error(kNoEkCertificate);
}

// What TPM2_CreatePrimary takes to make this key.
tpm::PublicArea template_of(const tpm::PublicArea& ek) {
  if (ek.type == tpm::kAlgRsa) return tpm::ek_template_l1(Bytes(tpm::kRsaModulusBytes));
  if (ek.curve == tpm::kCurveP384) return tpm::ek_template_h3({}, {});
  const Bytes zeros(tpm::kP256CoordinateBytesMax);
  return tpm::ek_template_l2(zeros, zeros);
}

// TPM2_PolicySecret(endorsement): what the authPolicy of templates L-1 and L-2 asks for.
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
    case TPM2_RC_ECC_POINT:
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
  PAVISE_TRY_ASSIGN(const Bytes raw, read_ek_certificate(context));
  const unsigned char* cursor = as_uchar(raw);
  const unsigned char* const begin = cursor;
  const crypto::OwnedX509 certificate(d2i_X509(nullptr, &cursor, static_cast<long>(raw.size())));
  if (!certificate) return Error(kNoEkCertificate, "not X.509");
  PAVISE_TRY_ASSIGN(const tpm::PublicArea ek, key_of(certificate.get()));
  Bytes ek_public = ek.encode();
  PAVISE_TRY_ASSIGN(DeviceId device, tpm::device_id_from_ek_public(ek_public));
  // Some makers pad the index after the certificate.
  const auto length = static_cast<std::size_t>(cursor - begin);
  return Identity{.device = std::move(device),
                  .ek_certificate = pavise::to_bytes(ByteView(raw).first(length)),
                  .ek_public = std::move(ek_public)};
}

Result<Primary> create_ek(Context& context, const Identity& identity) {
  PAVISE_TRY_ASSIGN(const tpm::PublicArea expected, tpm::PublicArea::parse(identity.ek_public));
  PAVISE_TRY_ASSIGN(
      Primary ek, create_primary(context, ESYS_TR_RH_ENDORSEMENT, template_of(expected).encode()));
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
  // Templates of the low range allow the policy only, those of the high range the empty password.
  const bool with_password = (ek.area->publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH) != 0;
  std::optional<Loaded> session;
  if (!with_password) {
    PAVISE_TRY_ASSIGN(Loaded started, start_ek_session(context));
    session.emplace(std::move(started));
  }
  Owned<TPM2B_DIGEST> result;
  const TSS2_RC rc = Esys_ActivateCredential(
      context.esys(), ak.get(), ek.object.get(), ESYS_TR_PASSWORD,
      session ? session->get() : ESYS_TR_PASSWORD, ESYS_TR_NONE, &credential, &secret, out(result));
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
