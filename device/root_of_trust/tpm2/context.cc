#include "device/root_of_trust/tpm2/context.h"

#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tcti_device.h>
#include <tss2/tss2_tcti_swtpm.h>

#include <algorithm>
#include <cstdlib>

#include "protocol/tpm/public_area.h"

namespace pavise::root_of_trust::tpm2 {
namespace {

constexpr std::uint16_t kAesBits = 128;

const ErrorInfo* info_of_tpm_code(TSS2_RC code) {
  switch (code) {
    case TPM2_RC_LOCKOUT:
      return &kLockedOut;
    case TPM2_RC_FAILURE:
      return &kFailureMode;
    case TPM2_RC_TESTING:
    case TPM2_RC_RETRY:
    case TPM2_RC_YIELDED:
    case TPM2_RC_CANCELED:
    case TPM2_RC_NV_RATE:
    case TPM2_RC_NV_UNAVAILABLE:
      return &kBusy;
    case TPM2_RC_OBJECT_MEMORY:
    case TPM2_RC_SESSION_MEMORY:
    case TPM2_RC_MEMORY:
    case TPM2_RC_OBJECT_HANDLES:
    case TPM2_RC_SESSION_HANDLES:
      return &kOutOfSlots;
    case TPM2_RC_BAD_AUTH:
    case TPM2_RC_AUTH_FAIL:
    case TPM2_RC_AUTH_MISSING:
      return &kHierarchyLocked;
    default:
      return &kCommandFailed;
  }
}

using TctiInit = TSS2_RC (*)(TSS2_TCTI_CONTEXT*, std::size_t*, const char*);

}  // namespace

TSS2_RC bare_code(TSS2_RC rc) {
  const TSS2_RC code = rc & ~TSS2_RC_LAYER_MASK;
  if ((code & TPM2_RC_FMT1) != 0) return code & (TPM2_RC_FMT1 | 0x3FU);
  return code;
}

Error to_error(TSS2_RC rc, const char* command) {
  const TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
  std::string detail = std::string(command) + ": " + Tss2_RC_Decode(rc);
  if (layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER)
    return Error(*info_of_tpm_code(bare_code(rc)), std::move(detail));
  if (layer == TSS2_TCTI_RC_LAYER || layer == TSS2_RESMGR_RC_LAYER)
    return Error(kUnreachable, std::move(detail));
  return Error(kCommandFailed, std::move(detail));
}

Result<std::unique_ptr<Context>> Context::open(const TpmAddress& address) {
  // The library logs to stderr by itself; every failure is already in our Result.
  ::setenv("TSS2_LOG", "all+none", 0);
  const bool is_swtpm = address.kind() == TpmAddress::Kind::swtpm;
  const TctiInit init = is_swtpm ? Tss2_Tcti_Swtpm_Init : Tss2_Tcti_Device_Init;
  const std::string configuration = is_swtpm ? "path=" + address.path() : address.path();

  std::unique_ptr<Context> out(new Context);
  std::size_t size = 0;
  if (const TSS2_RC rc = init(nullptr, &size, nullptr); rc != TSS2_RC_SUCCESS)
    return to_error(rc, "TCTI");
  out->tcti_memory_ = std::make_unique<std::byte[]>(size);
  auto* const tcti = reinterpret_cast<TSS2_TCTI_CONTEXT*>(out->tcti_memory_.get());
  if (const TSS2_RC rc = init(tcti, &size, configuration.c_str()); rc != TSS2_RC_SUCCESS)
    return Error(kUnreachable, address.path() + ": " + Tss2_RC_Decode(rc));
  out->tcti_ = tcti;
  PAVISE_TRY(out->check(Esys_Initialize(&out->esys_, tcti, nullptr), "Esys_Initialize"));

  PAVISE_TRY(out->check_health());
  return out;
}

Status Context::check_health() {
  Owned<TPM2B_MAX_BUFFER> data;
  TSS2_RC self_test = TSS2_RC_SUCCESS;
  PAVISE_TRY(check(
      Esys_GetTestResult(esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, out(data), &self_test),
      "TPM2_GetTestResult"));
  // NEEDS_TEST is fine: the TPM tests an algorithm at its first use.
  if (self_test != TSS2_RC_SUCCESS && self_test != TPM2_RC_NEEDS_TEST)
    return to_error(self_test, "self-test");
  return {};
}

Context::~Context() {
  if (esys_ != nullptr) Esys_Finalize(&esys_);
  if (tcti_ != nullptr) Tss2_Tcti_Finalize(tcti_);
}

void Loaded::flush() {
  if (handle_ == ESYS_TR_NONE) return;
  if (!context_->check(Esys_FlushContext(context_->esys(), handle_), "TPM2_FlushContext")) {
    // The TPM has lost it already (reset, or used up); drop ESYS's record as well.
    (void)Esys_TR_Close(context_->esys(), &handle_);
  }
  handle_ = ESYS_TR_NONE;
}

Referenced::~Referenced() {
  if (handle_ != ESYS_TR_NONE) (void)Esys_TR_Close(context_->esys(), &handle_);
}

Result<Referenced> refer(Context& context, TPM2_HANDLE handle, const ErrorInfo& missing) {
  Referenced out(context);
  const TSS2_RC rc = Esys_TR_FromTPMPublic(context.esys(), handle, ESYS_TR_NONE, ESYS_TR_NONE,
                                           ESYS_TR_NONE, out.out());
  const Status status = context.check(rc, "Esys_TR_FromTPMPublic");
  if (status) return out;
  *out.out() = ESYS_TR_NONE;
  const TSS2_RC code = bare_code(rc);
  const bool from_tpm = (rc & TSS2_RC_LAYER_MASK) == TSS2_TPM_RC_LAYER ||
                        (rc & TSS2_RC_LAYER_MASK) == TSS2_RESMGR_TPM_RC_LAYER;
  if (from_tpm && (code == TPM2_RC_HANDLE || code == TPM2_RC_VALUE))
    return Error(missing, "handle 0x" + to_hex(ByteWriter().be(std::uint32_t{handle}).bytes()));
  return status.error();
}

Result<TPM2B_PUBLIC> to_tpm2b_public(ByteView tpmt_public) {
  TPM2B_PUBLIC out{};
  std::size_t offset = 0;
  const TSS2_RC rc = Tss2_MU_TPMT_PUBLIC_Unmarshal(as_uchar(tpmt_public), tpmt_public.size(),
                                                   &offset, &out.publicArea);
  if (rc != TSS2_RC_SUCCESS || offset != tpmt_public.size()) return to_error(rc, "TPMT_PUBLIC");
  return out;
}

Result<Bytes> to_bytes(const TPMT_PUBLIC& area) {
  Bytes out(sizeof(TPMT_PUBLIC) + 64);
  std::size_t offset = 0;
  const TSS2_RC rc =
      Tss2_MU_TPMT_PUBLIC_Marshal(&area, as_uchar(std::span(out)), out.size(), &offset);
  if (rc != TSS2_RC_SUCCESS) return to_error(rc, "TPMT_PUBLIC");
  out.resize(offset);
  return out;
}

Result<Bytes> to_bytes(const TPMT_SIGNATURE& signature) {
  Bytes out(sizeof(TPMT_SIGNATURE) + 64);
  std::size_t offset = 0;
  const TSS2_RC rc =
      Tss2_MU_TPMT_SIGNATURE_Marshal(&signature, as_uchar(std::span(out)), out.size(), &offset);
  if (rc != TSS2_RC_SUCCESS) return to_error(rc, "TPMT_SIGNATURE");
  out.resize(offset);
  return out;
}

Result<crypto::EcdsaRaw> to_raw(const TPMT_SIGNATURE& signature) {
  if (signature.sigAlg != TPM2_ALG_ECDSA) return Error(kForeignObject, "not an ECDSA signature");
  const auto& [hash, r, s] = signature.signature.ecdsa;
  return crypto::ecdsa_from_integers(std::as_bytes(std::span(r.buffer, r.size)),
                                     std::as_bytes(std::span(s.buffer, s.size)));
}

TPML_PCR_SELECTION to_selection(PcrMask mask) {
  TPML_PCR_SELECTION out{};
  out.count = 1;
  out.pcrSelections[0].hash = TPM2_ALG_SHA256;
  out.pcrSelections[0].sizeofSelect = 3;
  std::ranges::transform(mask.select_bytes(), out.pcrSelections[0].pcrSelect,
                         [](std::byte b) { return static_cast<BYTE>(b); });
  return out;
}

Result<Loaded> start_session(Context& context, ESYS_TR salt_key, TPM2_SE type,
                             TPMA_SESSION attributes) {
  TPMT_SYM_DEF symmetric{};
  symmetric.algorithm = TPM2_ALG_AES;
  symmetric.keyBits.aes = kAesBits;
  symmetric.mode.aes = TPM2_ALG_CFB;
  Loaded out(context);
  PAVISE_TRY(context.check(
      Esys_StartAuthSession(context.esys(), salt_key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                            ESYS_TR_NONE, nullptr, type, &symmetric, TPM2_ALG_SHA256, out.out()),
      "TPM2_StartAuthSession"));
  // Continued in any case: the flush is ours, in one place.
  PAVISE_TRY(
      context.check(Esys_TRSess_SetAttributes(
                        context.esys(), out.get(),
                        static_cast<TPMA_SESSION>(attributes | TPMA_SESSION_CONTINUESESSION), 0xFF),
                    "Esys_TRSess_SetAttributes"));
  return out;
}

Result<Primary> create_primary(Context& context, ESYS_TR hierarchy, ByteView template_area) {
  PAVISE_TRY_ASSIGN(const TPM2B_PUBLIC wanted, to_tpm2b_public(template_area));
  const TPM2B_SENSITIVE_CREATE sensitive{};
  const TPM2B_DATA outside{};
  const TPML_PCR_SELECTION no_pcrs{};
  Primary made{.object = Loaded(context), .area = nullptr};
  Owned<TPM2B_CREATION_DATA> data;
  Owned<TPM2B_DIGEST> hash;
  Owned<TPMT_TK_CREATION> ticket;
  PAVISE_TRY(context.check(
      Esys_CreatePrimary(context.esys(), hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                         &sensitive, &wanted, &outside, &no_pcrs, made.object.out(), out(made.area),
                         out(data), out(hash), out(ticket)),
      "TPM2_CreatePrimary"));
  return made;
}

Result<Primary> create_storage_root(Context& context) {
  tpm::PublicArea area;
  area.attributes = tpm::kFixedTpm | tpm::kFixedParent | tpm::kSensitiveDataOrigin |
                    tpm::kUserWithAuth | tpm::kNoDa | tpm::kRestricted | tpm::kDecrypt;
  area.symmetric = {tpm::kAlgAes, kAesBits, tpm::kAlgCfb};
  area.x = Bytes(32);
  area.y = Bytes(32);
  return create_primary(context, ESYS_TR_RH_OWNER, area.encode());
}

}  // namespace pavise::root_of_trust::tpm2
