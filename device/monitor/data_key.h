// The key of the data partition: sealed to the measured state, guarded against older releases.
//
// The blob: magic "PVD1", the counter's base (8 bytes, big-endian), the sealed part. What is sealed
// is the key and the same base again, so that nobody can move the base of existing data.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "device/monitor/errors.h"
#include "device/root_of_trust/root_of_trust.h"
#include "protocol/pcr_policy/pcr_policy.h"

namespace pavise::monitor {

inline constexpr std::size_t kDataKeyBytes = 64;  // AES-256-XTS: two keys
inline constexpr std::size_t kBlobBytesMax = 4096;
inline constexpr std::uint64_t kEpochMax = 1'000'000;
// NV memory wears out: one boot may not be made to write it without end.
inline constexpr std::uint64_t kEpochStepsPerBootMax = 64;

struct DataKey {
  SecretBytes key;  // kDataKeyBytes
  Bytes blob;       // to keep beside the data
  bool is_new = false;
};

// Gives the key in `blob`, or a new one if it is empty, to a release of this security epoch; raises
// the counter to the epoch afterwards. A new key is unsealed once, so a state that could not open
// it again gets none. Blocks for some ten TPM commands, plus one for each step of the counter.
// Errors: kRolledBack, kEpochTooFar, kForeignBlob; root_of_trust::kStateNotAllowed,
// kNotProvisioned and all others of RootOfTrust.
Result<DataKey> obtain_data_key(root_of_trust::RootOfTrust& root,
                                const pcr_policy::SignedPcrPolicy& policy, ByteView blob,
                                std::uint64_t epoch);

}  // namespace pavise::monitor
