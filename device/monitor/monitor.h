// The monitor's operations, free of sockets and files.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "device/attestor/attestor.h"
#include "device/monitor/data_key.h"
#include "device/monitor/errors.h"
#include "device/root_of_trust/root_of_trust.h"

namespace pavise::monitor {

// What the monitor extended after the firmware's log ended: SHA-256(text) into `pcr`.
struct RuntimeEvent {
  unsigned pcr;
  std::string text;
  bool operator==(const RuntimeEvent&) const = default;
};

inline constexpr unsigned kDataOpenedPcr = 11;
inline constexpr std::string_view kDataOpenedText = "pavise:data-opened";

struct WhoAmI {
  root_of_trust::Identity identity;
  root_of_trust::DeviceKeys keys;
};

struct Health {
  std::uint64_t pss_kib;
  std::uint64_t tpm_commands;
};

// What was read at the start, before the sandbox closed.
struct Inputs {
  Bytes event_log;                                  // firmware's, empty if there is none
  Bytes signed_policy;                              // file; judged when the data key is asked for
  std::optional<crypto::P256PublicKey> policy_key;  // from the measured root; absent: no data key
  std::function<Result<std::uint64_t>()> pss_kib;
};

// Not thread-safe. Calls block for their TPM commands.
class Monitor {
 public:
  // `root` must outlive it.
  Monitor(root_of_trust::RootOfTrust& root, Inputs inputs)
      : root_(root), inputs_(std::move(inputs)) {}

  // After a restart in the same boot: learns from PCR 11 whether the data key was asked for. A PCR
  // that cannot be explained is left for the verifier to refuse. Errors: of RootOfTrust.
  Status learn_past();

  // ---- init's ---------------------------------------------------------------------------------
  // At most once per boot. Whatever comes of it, the event "pavise:data-opened" is measured before
  // this returns, after which nobody can unseal until the next boot. kOpenedAlready, kNoPolicy,
  // kDoorStaysOpen, and all of obtain_data_key().
  Result<DataKey> open_data(ByteView blob, std::uint64_t epoch);

  // ---- the agent's ----------------------------------------------------------------------------
  Result<WhoAmI> identity();
  Result<SecretBytes> activate(ByteView id_object, ByteView encrypted_secret);
  Result<root_of_trust::Quote> attest(root_of_trust::PcrMask pcrs,
                                      const attestor::Binding& binding);
  Result<Bytes> sign_tls(const Digest256& digest);  // DER
  Result<Health> status();                          // kMemoryUnknown

  const Bytes& event_log() const { return inputs_.event_log; }
  const std::vector<RuntimeEvent>& runtime_events() const { return runtime_events_; }

 private:
  Result<DataKey> obtain(ByteView blob, std::uint64_t epoch);
  Status close_the_door();

  root_of_trust::RootOfTrust& root_;
  Inputs inputs_;
  std::vector<RuntimeEvent> runtime_events_;
  bool asked_for_data_ = false;
};

}  // namespace pavise::monitor
