// Sealing under TPM2_PolicyAuthorize (TPM 2.0 part 3, 23.16): the object names the policy key, the
// key's signature names the allowed PCR values. So the next signed release opens what this one
// sealed, without sealing again.
//
// The blob: version (1 byte), then the two parts that differ between objects, each with a 16-bit
// length: the public area's unique digest, and the private area. All else of the public area is
// made from constants, so nothing of a foreign public area is ever interpreted.
#include <algorithm>

#include "device/root_of_trust/tpm2/operations.h"

namespace pavise::root_of_trust::tpm2 {
namespace {

constexpr std::uint8_t kBlobVersion = 1;
constexpr std::size_t kUniqueBytes = 32;
constexpr std::size_t kPrivateBytesMax = 400;

TPM2B_PUBLIC sealed_area(const crypto::P256PublicKey& policy_key) {
  TPM2B_PUBLIC area{};
  area.publicArea.type = TPM2_ALG_KEYEDHASH;
  area.publicArea.nameAlg = TPM2_ALG_SHA256;
  // No userWithAuth: the policy is the only way in.
  area.publicArea.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                     TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_NODA;
  area.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
  fill(area.publicArea.authPolicy, area.publicArea.authPolicy.buffer,
       pcr_policy::authorized_policy(policy_key));
  return area;
}

struct BlobParts {
  ByteView unique;
  ByteView private_area;
};

Result<BlobParts> parse_blob(ByteView blob) {
  if (blob.size() > kSealedBlobBytesMax) return Error(kBadSealedBlob, "size");
  ByteReader in(blob);
  const auto version = in.be<std::uint8_t>();
  const auto unique = in.sized<std::uint16_t>(kUniqueBytes);
  const auto private_area = in.sized<std::uint16_t>(kPrivateBytesMax);
  if (!in.at_end() || *version != kBlobVersion || unique->size() != kUniqueBytes)
    return Error(kBadSealedBlob, "format");
  return BlobParts{.unique = *unique, .private_area = *private_area};
}

// The entry that fits the PCRs as they are, if any.
Result<pcr_policy::Entry> fitting_entry(Context& context,
                                        const pcr_policy::SignedPcrPolicy& policy) {
  for (const pcr_policy::Entry& entry : policy.entries()) {
    PAVISE_TRY_ASSIGN(const PcrValues values, read_pcrs(context, entry.mask));
    if (pcr_policy::composite_digest(values) == entry.composite) return entry;
  }
  return kStateNotAllowed;
}

// Has the TPM check the policy key's signature; the ticket is good for this TPM and boot only.
Result<Owned<TPMT_TK_VERIFIED>> verify_entry(Context& context, const crypto::P256PublicKey& key,
                                             const pcr_policy::Entry& entry) {
  PAVISE_TRY_ASSIGN(const TPM2B_PUBLIC area, to_tpm2b_public(pcr_policy::policy_key_public(key)));
  Loaded loaded(context);
  PAVISE_TRY(
      context.check(Esys_LoadExternal(context.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                      nullptr, &area, ESYS_TR_RH_OWNER, loaded.out()),
                    "TPM2_LoadExternal"));
  TPM2B_DIGEST digest{};
  fill(digest, digest.buffer, pcr_policy::authorization_digest(entry.policy_digest()));
  TPMT_SIGNATURE signature{};
  signature.sigAlg = TPM2_ALG_ECDSA;
  auto& ecdsa = signature.signature.ecdsa;
  ecdsa.hash = TPM2_ALG_SHA256;
  fill(ecdsa.signatureR, ecdsa.signatureR.buffer, ByteView(entry.signature).first(32));
  fill(ecdsa.signatureS, ecdsa.signatureS.buffer, ByteView(entry.signature).subspan(32));
  Owned<TPMT_TK_VERIFIED> ticket;
  PAVISE_TRY(
      context.check(Esys_VerifySignature(context.esys(), loaded.get(), ESYS_TR_NONE, ESYS_TR_NONE,
                                         ESYS_TR_NONE, &digest, &signature, out(ticket)),
                    "TPM2_VerifySignature"));
  return ticket;
}

Status authorize_session(Context& context, ESYS_TR session, const crypto::P256PublicKey& key,
                         const pcr_policy::Entry& entry) {
  PAVISE_TRY_ASSIGN(const auto ticket, verify_entry(context, key, entry));
  const TPM2B_DIGEST present{};  // empty: the PCRs as they are
  const TPML_PCR_SELECTION selection = to_selection(entry.mask);
  PAVISE_TRY(context.check(Esys_PolicyPCR(context.esys(), session, ESYS_TR_NONE, ESYS_TR_NONE,
                                          ESYS_TR_NONE, &present, &selection),
                           "TPM2_PolicyPCR"));
  TPM2B_DIGEST approved{};
  fill(approved, approved.buffer, entry.policy_digest());
  TPM2B_NONCE reference{};
  fill(reference, reference.buffer, as_bytes(pcr_policy::kPolicyReference));
  TPM2B_NAME name{};
  fill(name, name.name, pcr_policy::policy_key_name(key));
  const TSS2_RC rc = Esys_PolicyAuthorize(context.esys(), session, ESYS_TR_NONE, ESYS_TR_NONE,
                                          ESYS_TR_NONE, &approved, &reference, &name, ticket.get());
  const Status status = context.check(rc, "TPM2_PolicyAuthorize");
  // The digest differs if a PCR was extended between our reading and the TPM's.
  if (!status && bare_code(rc) == TPM2_RC_VALUE) return kStateNotAllowed;
  return status;
}

bool is_policy_refusal(TSS2_RC rc) {
  return bare_code(rc) == TPM2_RC_POLICY_FAIL || bare_code(rc) == TPM2_RC_PCR_CHANGED;
}

// Load of a blob that this TPM did not make, or that was changed.
bool is_foreign_blob(TSS2_RC rc) {
  const TSS2_RC code = bare_code(rc);
  return code == TPM2_RC_INTEGRITY || code == TPM2_RC_SIZE || code == TPM2_RC_BINDING ||
         code == TPM2_RC_VALUE || code == TPM2_RC_INSUFFICIENT || code == TPM2_RC_TYPE ||
         code == TPM2_RC_SENSITIVE;
}

Result<Loaded> load_blob(Context& context, ESYS_TR parent, const BlobParts& parts,
                         const crypto::P256PublicKey& policy_key) {
  TPM2B_PUBLIC area = sealed_area(policy_key);
  fill(area.publicArea.unique.keyedHash, area.publicArea.unique.keyedHash.buffer, parts.unique);
  TPM2B_PRIVATE private_area{};
  fill(private_area, private_area.buffer, parts.private_area);
  Loaded object(context);
  const TSS2_RC rc = Esys_Load(context.esys(), parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                               &private_area, &area, object.out());
  const Status status = context.check(rc, "TPM2_Load");
  if (!status && is_foreign_blob(rc)) return Error(kBadSealedBlob, status.error().detail());
  if (!status) return status.error();
  return object;
}

}  // namespace

Result<Bytes> seal(Context& context, ByteView secret, const crypto::P256PublicKey& policy_key) {
  PAVISE_TRY_ASSIGN(const Primary root, create_storage_root(context));
  PAVISE_TRY_ASSIGN(const Loaded session,
                    start_session(context, root.object.get(), TPM2_SE_HMAC, TPMA_SESSION_DECRYPT));
  const TPM2B_PUBLIC area = sealed_area(policy_key);
  const TPM2B_DATA outside{};
  const TPML_PCR_SELECTION no_pcrs{};
  TPM2B_SENSITIVE_CREATE sensitive{};
  fill(sensitive.sensitive.data, sensitive.sensitive.data.buffer, secret);
  Owned<TPM2B_PRIVATE> private_area;
  Owned<TPM2B_PUBLIC> made;
  Owned<TPM2B_CREATION_DATA> data;
  Owned<TPM2B_DIGEST> hash;
  Owned<TPMT_TK_CREATION> ticket;
  const Status status =
      context.check(Esys_Create(context.esys(), root.object.get(), session.get(), ESYS_TR_NONE,
                                ESYS_TR_NONE, &sensitive, &area, &outside, &no_pcrs,
                                out(private_area), out(made), out(data), out(hash), out(ticket)),
                    "TPM2_Create");
  wipe(std::as_writable_bytes(std::span(&sensitive, 1)));
  PAVISE_TRY(status);
  const auto& unique = made->publicArea.unique.keyedHash;
  if (unique.size != kUniqueBytes || private_area->size > kPrivateBytesMax)
    return Error(kCommandFailed, "TPM2_Create: unexpected sizes");
  return ByteWriter()
      .be(kBlobVersion)
      .sized<std::uint16_t>(std::as_bytes(std::span(unique.buffer, unique.size)))
      .sized<std::uint16_t>(std::as_bytes(std::span(private_area->buffer, private_area->size)))
      .take();
}

Result<SecretBytes> unseal(Context& context, ByteView blob,
                           const pcr_policy::SignedPcrPolicy& policy) {
  PAVISE_TRY_ASSIGN(const BlobParts parts, parse_blob(blob));
  PAVISE_TRY_ASSIGN(const pcr_policy::Entry entry, fitting_entry(context, policy));
  PAVISE_TRY_ASSIGN(const Primary root, create_storage_root(context));
  PAVISE_TRY_ASSIGN(const Loaded object,
                    load_blob(context, root.object.get(), parts, policy.key()));
  PAVISE_TRY_ASSIGN(const Loaded session, start_session(context, root.object.get(), TPM2_SE_POLICY,
                                                        TPMA_SESSION_ENCRYPT));
  PAVISE_TRY(authorize_session(context, session.get(), policy.key(), entry));
  Owned<TPM2B_SENSITIVE_DATA> data;
  const TSS2_RC rc = Esys_Unseal(context.esys(), object.get(), session.get(), ESYS_TR_NONE,
                                 ESYS_TR_NONE, out(data));
  const Status status = context.check(rc, "TPM2_Unseal");
  if (!status)
    return is_policy_refusal(rc) ? Error(kStateNotAllowed, status.error().detail())
                                 : status.error();
  SecretBytes secret = SecretBytes::copy_of(std::as_bytes(std::span(data->buffer, data->size)));
  wipe(std::as_writable_bytes(std::span(data->buffer)));
  return secret;
}

}  // namespace pavise::root_of_trust::tpm2
