// ESYS with an owner for everything it hands out. Not for use outside this folder.
#pragma once

#include <tss2/tss2_esys.h>

#include <algorithm>
#include <memory>

#include "device/root_of_trust/root_of_trust.h"
#include "device/root_of_trust/tpm2/tpm2.h"

namespace pavise::root_of_trust::tpm2 {

struct EsysFree {
  void operator()(void* pointer) const { Esys_Free(pointer); }
};
// What ESYS allocates. The out() of a call: `Esys_Foo(..., out(result))`.
template <class T>
using Owned = std::unique_ptr<T, EsysFree>;
template <class T>
class OutPointer {
 public:
  explicit OutPointer(Owned<T>& target) : target_(target) {}
  ~OutPointer() { target_.reset(raw_); }
  OutPointer(const OutPointer&) = delete;
  OutPointer& operator=(const OutPointer&) = delete;
  operator T**() { return &raw_; }  // NOLINT(google-explicit-constructor)

 private:
  Owned<T>& target_;
  T* raw_ = nullptr;
};
template <class T>
OutPointer<T> out(Owned<T>& target) {
  return OutPointer<T>(target);
}

// Maps a TSS2 response code to our table. Precondition: rc is not success.
Error to_error(TSS2_RC rc, const char* command);
// The code without layer, and for format-1 codes without parameter, handle and session number.
TSS2_RC bare_code(TSS2_RC rc);

class Context {
 public:
  static Result<std::unique_ptr<Context>> open(const TpmAddress& address);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  ESYS_CONTEXT* esys() { return esys_; }
  std::uint64_t commands_sent() const { return commands_; }
  // Asks for the result of the self-test: kFailureMode, kBusy, kUnreachable.
  Status check_health();
  // Wraps every ESYS call: counts it, maps its code.
  Status check(TSS2_RC rc, const char* command) {
    ++commands_;
    if (rc == TSS2_RC_SUCCESS) return {};
    return to_error(rc, command);
  }

 private:
  Context() = default;
  std::unique_ptr<std::byte[]> tcti_memory_;
  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
  std::uint64_t commands_ = 0;
};

// A transient object or session inside the TPM: flushed when this goes.
class Loaded {
 public:
  explicit Loaded(Context& context) : context_(&context) {}
  Loaded(Loaded&& other) noexcept : context_(other.context_), handle_(other.handle_) {
    other.handle_ = ESYS_TR_NONE;
  }
  Loaded& operator=(Loaded&&) = delete;
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
  ~Loaded() { flush(); }

  ESYS_TR get() const { return handle_; }
  ESYS_TR* out() { return &handle_; }
  void flush();

 private:
  Context* context_;
  ESYS_TR handle_ = ESYS_TR_NONE;
};

// ESYS's record of a persistent object or NV index; nothing inside the TPM.
class Referenced {
 public:
  explicit Referenced(Context& context) : context_(&context) {}
  Referenced(Referenced&& other) noexcept : context_(other.context_), handle_(other.handle_) {
    other.handle_ = ESYS_TR_NONE;
  }
  Referenced& operator=(Referenced&&) = delete;
  Referenced(const Referenced&) = delete;
  Referenced& operator=(const Referenced&) = delete;
  ~Referenced();

  ESYS_TR get() const { return handle_; }
  ESYS_TR* out() { return &handle_; }

 private:
  Context* context_;
  ESYS_TR handle_ = ESYS_TR_NONE;
};

// Refers to a persistent object or NV index. `missing` if there is none at that handle.
Result<Referenced> refer(Context& context, TPM2_HANDLE handle, const ErrorInfo& missing);

Result<TPM2B_PUBLIC> to_tpm2b_public(ByteView tpmt_public);
Result<Bytes> to_bytes(const TPMT_PUBLIC& area);
Result<Bytes> to_bytes(const TPMT_SIGNATURE& signature);
Result<crypto::EcdsaRaw> to_raw(const TPMT_SIGNATURE& signature);
TPML_PCR_SELECTION to_selection(PcrMask mask);

// Copies into a TPM2B; precondition: it fits (checked).
template <class Sized>
void fill(Sized& target, std::span<BYTE> room, ByteView bytes) {
  PAVISE_CHECK(bytes.size() <= room.size());
  std::ranges::copy(bytes, std::as_writable_bytes(room).begin());
  target.size = static_cast<UINT16>(bytes.size());
}

// A session salted with `salt_key`, with AES-128-CFB parameter encryption in the direction(s) given
// by `attributes` (TPMA_SESSION_DECRYPT: to the TPM, TPMA_SESSION_ENCRYPT: from it).
Result<Loaded> start_session(Context& context, ESYS_TR salt_key, TPM2_SE type,
                             TPMA_SESSION attributes);

// A primary key with empty authorisation.
struct Primary {
  Loaded object;
  Owned<TPM2B_PUBLIC> area;
};
Result<Primary> create_primary(Context& context, ESYS_TR hierarchy, ByteView template_area);
// The storage root key: P-256, in the owner hierarchy, made from the TCG SRK template H-2.
Result<Primary> create_storage_root(Context& context);

}  // namespace pavise::root_of_trust::tpm2
