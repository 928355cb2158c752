// NV memory: the anti-rollback counter and its base (TPM 2.0 part 3, 31).
#include <algorithm>

#include "device/root_of_trust/tpm2/operations.h"

namespace pavise::root_of_trust::tpm2 {
namespace {

constexpr UINT16 kCounterBytes = 8;
constexpr TPMA_NV kReadableByAll = TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA;
// Anybody may increment, which can only close data, never open it; the index type allows no other
// write. The base is written once, then locked until it is deleted.
constexpr TPMA_NV kCounterAttributes =
    kReadableByAll | TPMA_NV_AUTHWRITE | (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT);
constexpr TPMA_NV kBaseAttributes = kReadableByAll | TPMA_NV_AUTHWRITE | TPMA_NV_WRITEDEFINE;
constexpr TPMA_NV kStateBits = TPMA_NV_WRITTEN | TPMA_NV_WRITELOCKED | TPMA_NV_READLOCKED;

struct Index {
  Referenced reference;
  TPMA_NV attributes;
  std::size_t size;
};

Result<Index> find_index(Context& context, TPM2_HANDLE handle, const ErrorInfo& missing) {
  PAVISE_TRY_ASSIGN(Referenced reference, refer(context, handle, missing));
  Owned<TPM2B_NV_PUBLIC> area;
  Owned<TPM2B_NAME> name;
  PAVISE_TRY(context.check(Esys_NV_ReadPublic(context.esys(), reference.get(), ESYS_TR_NONE,
                                              ESYS_TR_NONE, ESYS_TR_NONE, out(area), out(name)),
                           "TPM2_NV_ReadPublic"));
  return Index{.reference = std::move(reference),
               .attributes = area->nvPublic.attributes,
               .size = area->nvPublic.dataSize};
}

Result<Index> find_own(Context& context, TPM2_HANDLE handle, TPMA_NV attributes) {
  PAVISE_TRY_ASSIGN(Index index, find_index(context, handle, kNotProvisioned));
  if ((index.attributes & ~kStateBits) != attributes || index.size != kCounterBytes)
    return Error(kForeignObject, "NV index");
  return index;
}

Result<Index> define(Context& context, TPM2_HANDLE handle, TPMA_NV attributes) {
  TPM2B_NV_PUBLIC wanted{};
  wanted.nvPublic.nvIndex = handle;
  wanted.nvPublic.nameAlg = TPM2_ALG_SHA256;
  wanted.nvPublic.attributes = attributes;
  wanted.nvPublic.dataSize = kCounterBytes;
  const TPM2B_AUTH no_authorisation{};
  Referenced reference(context);
  PAVISE_TRY(context.check(
      Esys_NV_DefineSpace(context.esys(), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                          ESYS_TR_NONE, &no_authorisation, &wanted, reference.out()),
      "TPM2_NV_DefineSpace"));
  return Index{.reference = std::move(reference), .attributes = attributes, .size = kCounterBytes};
}

Result<Index> find_or_define(Context& context, TPM2_HANDLE handle, TPMA_NV attributes) {
  auto found = find_own(context, handle, attributes);
  if (found || !found.error().is(kNotProvisioned)) return found;
  return define(context, handle, attributes);
}

Result<Bytes> read_index(Context& context, const Index& index) {
  Bytes content;
  // The TPM hands out at most its TPM_PT_NV_BUFFER_MAX at once; 512 is below that of all we know.
  constexpr std::size_t kChunkBytes = 512;
  while (content.size() < index.size) {
    const std::size_t chunk = std::min(kChunkBytes, index.size - content.size());
    Owned<TPM2B_MAX_NV_BUFFER> data;
    PAVISE_TRY(context.check(
        Esys_NV_Read(context.esys(), index.reference.get(), index.reference.get(), ESYS_TR_PASSWORD,
                     ESYS_TR_NONE, ESYS_TR_NONE, static_cast<UINT16>(chunk),
                     static_cast<UINT16>(content.size()), out(data)),
        "TPM2_NV_Read"));
    if (data->size != chunk) return Error(kCommandFailed, "TPM2_NV_Read: short answer");
    append(content, std::as_bytes(std::span(data->buffer, data->size)));
  }
  return content;
}

Result<std::uint64_t> read_number(Context& context, const Index& index) {
  if ((index.attributes & TPMA_NV_WRITTEN) == 0) return Error(kNotProvisioned, "counter");
  PAVISE_TRY_ASSIGN(const Bytes content, read_index(context, index));
  return *ByteReader(content).be<std::uint64_t>();
}

Status increment(Context& context, const Index& index) {
  return context.check(
      Esys_NV_Increment(context.esys(), index.reference.get(), index.reference.get(),
                        ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
      "TPM2_NV_Increment");
}

Status write_and_lock(Context& context, const Index& index, std::uint64_t value) {
  TPM2B_MAX_NV_BUFFER data{};
  fill(data, data.buffer, ByteWriter().be(value).bytes());
  if ((index.attributes & TPMA_NV_WRITTEN) == 0) {
    PAVISE_TRY(
        context.check(Esys_NV_Write(context.esys(), index.reference.get(), index.reference.get(),
                                    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, 0),
                      "TPM2_NV_Write"));
  }
  return context.check(
      Esys_NV_WriteLock(context.esys(), index.reference.get(), index.reference.get(),
                        ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
      "TPM2_NV_WriteLock");
}

}  // namespace

Status provision_counter(Context& context) {
  {
    PAVISE_TRY_ASSIGN(const Index counter,
                      find_or_define(context, kCounterIndex, kCounterAttributes));
    // The first increment gives it its value.
    if ((counter.attributes & TPMA_NV_WRITTEN) == 0) PAVISE_TRY(increment(context, counter));
  }
  PAVISE_TRY_ASSIGN(const Index counter, find_own(context, kCounterIndex, kCounterAttributes));
  PAVISE_TRY_ASSIGN(const std::uint64_t value, read_number(context, counter));
  PAVISE_TRY_ASSIGN(const Index base, find_or_define(context, kCounterBaseIndex, kBaseAttributes));
  if ((base.attributes & TPMA_NV_WRITELOCKED) == 0)
    PAVISE_TRY(write_and_lock(context, base, value));
  return {};
}

Result<Counter> read_counter(Context& context) {
  PAVISE_TRY_ASSIGN(const Index counter, find_own(context, kCounterIndex, kCounterAttributes));
  PAVISE_TRY_ASSIGN(const Index base, find_own(context, kCounterBaseIndex, kBaseAttributes));
  // An open base could still be changed: whoever made it was not provision().
  if ((base.attributes & TPMA_NV_WRITELOCKED) == 0) return Error(kNotProvisioned, "counter base");
  PAVISE_TRY_ASSIGN(const std::uint64_t value, read_number(context, counter));
  PAVISE_TRY_ASSIGN(const std::uint64_t base_value, read_number(context, base));
  if (value < base_value) return Error(kForeignObject, "counter below its base");
  return Counter{.base = base_value, .value = value};
}

Status increment_counter(Context& context) {
  PAVISE_TRY_ASSIGN(const Index counter, find_own(context, kCounterIndex, kCounterAttributes));
  return increment(context, counter);
}

Result<Bytes> read_nv(Context& context, TPM2_HANDLE handle, std::size_t bytes_max,
                      const ErrorInfo& missing) {
  PAVISE_TRY_ASSIGN(const Index index, find_index(context, handle, missing));
  if (index.size > bytes_max || (index.attributes & TPMA_NV_WRITTEN) == 0)
    return Error(missing, "size or state of the NV index");
  return read_index(context, index);
}

}  // namespace pavise::root_of_trust::tpm2
