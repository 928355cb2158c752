// The monitor's operations, free of sockets and files.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "device/attestor/attestor.h"
#include "device/monitor/data_key.h"
#include "device/monitor/errors.h"
#include "device/root_of_trust/root_of_trust.h"
#include "protocol/app_measurement/app_event.h"

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
  std::size_t measured_apps;
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

  // ---- the launcher's of apps -----------------------------------------------------------------
  // Extends PCR 13 by what is new in `texts`, all app events of this boot in their order; returns
  // what it holds then. The list may only grow. What PCR 13 holds is read each time and has to be a
  // beginning of the list: so a monitor that was started again, or that never learned whether the
  // TPM took an extend, goes on where the TPM is. An error leaves later texts unmeasured; the same
  // call may come again. PV-APM-nnn, kAppsRewritten, kAppsUnexplained, and those of RootOfTrust.
  Result<Digest256> measure_apps(std::span<const std::string> texts);

  const Bytes& event_log() const { return inputs_.event_log; }
  const std::vector<RuntimeEvent>& runtime_events() const { return runtime_events_; }

 private:
  Result<DataKey> obtain(ByteView blob, std::uint64_t epoch);
  Status close_the_door();
  Status take_over_measured(std::span<const std::string> texts);
  void note_app(const std::string& text);

  root_of_trust::RootOfTrust& root_;
  Inputs inputs_;
  std::vector<RuntimeEvent> runtime_events_;
  std::vector<std::string> apps_;  // those of runtime_events_ in PCR 13
  bool asked_for_data_ = false;
};

}  // namespace pavise::monitor
