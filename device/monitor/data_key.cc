#include "device/monitor/data_key.h"

#include <algorithm>

namespace pavise::monitor {
namespace {

using pcr_policy::SignedPcrPolicy;
using root_of_trust::Counter;
using root_of_trust::RootOfTrust;

constexpr std::string_view kMagic = "PVD1";

struct BlobParts {
  std::uint64_t base;
  ByteView sealed;
};

Result<BlobParts> parse_blob(ByteView blob) {
  if (blob.size() > kBlobBytesMax) return Error(kForeignBlob, "size");
  ByteReader in(blob);
  const auto magic = in.take(kMagic.size());
  const auto base = in.be<std::uint64_t>();
  if (!base || as_text(*magic) != kMagic) return Error(kForeignBlob, "format");
  return BlobParts{.base = *base, .sealed = in.rest()};
}

Status check_epoch(const Counter& counter, std::uint64_t epoch) {
  if (epoch > kEpochMax) return Error(kEpochTooFar, std::to_string(epoch));
  if (epoch < counter.steps())
    return Error(kRolledBack, "epoch " + std::to_string(epoch) + ", the device has seen " +
                                  std::to_string(counter.steps()));
  if (epoch - counter.steps() > kEpochStepsPerBootMax)
    return Error(kEpochTooFar, std::to_string(epoch - counter.steps()) + " steps at once");
  return {};
}

// Unseals, and checks that the base inside is the TPM's.
Result<SecretBytes> open_blob(RootOfTrust& root, const SignedPcrPolicy& policy, ByteView blob,
                              const Counter& counter) {
  PAVISE_TRY_ASSIGN(const BlobParts parts, parse_blob(blob));
  if (parts.base != counter.base) return Error(kForeignBlob, "counter base");
  const auto opened = root.unseal(parts.sealed, policy);
  if (!opened && opened.error().is(root_of_trust::kBadSealedBlob))
    return Error(kForeignBlob, opened.error().message());
  if (!opened) return opened.error();
  if (opened->size() != kDataKeyBytes + sizeof counter.base)
    return Error(kForeignBlob, "size of the key");
  const auto base = ByteReader(opened->view().subspan(kDataKeyBytes)).be<std::uint64_t>();
  if (base != counter.base) return Error(kForeignBlob, "sealed counter base");
  return SecretBytes::copy_of(opened->view().first(kDataKeyBytes));
}

Result<DataKey> make_key(RootOfTrust& root, const SignedPcrPolicy& policy, const Counter& counter) {
  SecretBytes secret(kDataKeyBytes + sizeof counter.base);
  PAVISE_TRY(crypto::random_fill(secret.span().first(kDataKeyBytes)));
  const Bytes base = ByteWriter().be(counter.base).take();
  std::ranges::copy(base, secret.span().subspan(kDataKeyBytes).begin());
  PAVISE_TRY_ASSIGN(const Bytes sealed, root.seal(secret.view(), policy.key()));
  DataKey out;
  out.blob = ByteWriter().raw(as_bytes(kMagic)).raw(base).raw(sealed).take();
  out.is_new = true;
  PAVISE_TRY_ASSIGN(out.key, open_blob(root, policy, out.blob, counter));
  return out;
}

Status raise_counter(RootOfTrust& root, const Counter& counter, std::uint64_t epoch) {
  for (std::uint64_t steps = counter.steps(); steps < epoch;) {
    PAVISE_TRY_ASSIGN(const Counter raised, root.increment_counter());
    steps = raised.steps();
  }
  return {};
}

}  // namespace

Result<DataKey> obtain_data_key(RootOfTrust& root, const SignedPcrPolicy& policy, ByteView blob,
                                std::uint64_t epoch) {
  PAVISE_TRY_ASSIGN(const Counter counter, root.read_counter());
  PAVISE_TRY(check_epoch(counter, epoch));
  DataKey out;
  if (blob.empty()) {
    PAVISE_TRY_ASSIGN(out, make_key(root, policy, counter));
  } else {
    PAVISE_TRY_ASSIGN(out.key, open_blob(root, policy, blob, counter));
    out.blob = to_bytes(blob);
  }
  // Only a release that opened the data may lock the older ones out.
  PAVISE_TRY(raise_counter(root, counter, epoch));
  return out;
}

}  // namespace pavise::monitor
