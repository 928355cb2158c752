#include "device/monitor/monitor.h"

#include <algorithm>

#include "protocol/eventlog/event_log.h"

namespace pavise::monitor {
namespace {

using app_measurement::kAppPcr;
using root_of_trust::PcrMask;

Digest256 data_opened_digest() {
  return crypto::sha256(as_bytes(kDataOpenedText));
}

}  // namespace

Status Monitor::learn_past() {
  const auto log = eventlog::EventLog::parse(inputs_.event_log);
  if (!log) return {};  // nothing to compare with
  PAVISE_TRY_ASSIGN(const PcrMask mask, PcrMask::from_bits(1U << kDataOpenedPcr));
  PAVISE_TRY_ASSIGN(const auto values, root_.read_pcrs(mask));
  Digest256 expected = log->replay(1U << kDataOpenedPcr).at(kDataOpenedPcr);
  eventlog::extend(expected, data_opened_digest());
  if (values.at(kDataOpenedPcr) != expected) return {};
  asked_for_data_ = true;
  runtime_events_.push_back({kDataOpenedPcr, std::string(kDataOpenedText)});
  return {};
}

Result<DataKey> Monitor::open_data(ByteView blob, std::uint64_t epoch) {
  if (asked_for_data_) return kOpenedAlready;
  asked_for_data_ = true;
  auto key = obtain(blob, epoch);
  // A key must not go out while the TPM would still give it to somebody else.
  PAVISE_TRY(close_the_door());
  return key;
}

Result<DataKey> Monitor::obtain(ByteView blob, std::uint64_t epoch) {
  if (!inputs_.policy_key) return Error(kNoPolicy, "no policy key");
  const auto policy =
      pcr_policy::SignedPcrPolicy::parse(inputs_.signed_policy, *inputs_.policy_key);
  if (!policy) return Error(kNoPolicy, policy.error().message());
  return obtain_data_key(root_, *policy, blob, epoch);
}

Status Monitor::close_the_door() {
  if (const Status status = root_.extend(kDataOpenedPcr, data_opened_digest()); !status)
    return Error(kDoorStaysOpen, status.error().message());
  runtime_events_.push_back({kDataOpenedPcr, std::string(kDataOpenedText)});
  return {};
}

Result<WhoAmI> Monitor::identity() {
  PAVISE_TRY_ASSIGN(auto identity, root_.identity());
  PAVISE_TRY_ASSIGN(auto keys, root_.keys());
  return WhoAmI{.identity = std::move(identity), .keys = std::move(keys)};
}

Result<SecretBytes> Monitor::activate(ByteView id_object, ByteView encrypted_secret) {
  return root_.activate(id_object, encrypted_secret);
}

Result<root_of_trust::Quote> Monitor::attest(PcrMask pcrs, const attestor::Binding& binding) {
  return attestor::attest(root_, pcrs, binding);
}

Result<Bytes> Monitor::sign_tls(const Digest256& digest) {
  PAVISE_TRY_ASSIGN(const auto signature, root_.sign_tls(digest));
  return crypto::ecdsa_to_der(signature);
}

Result<Health> Monitor::status() {
  PAVISE_TRY_ASSIGN(const std::uint64_t pss_kib, inputs_.pss_kib());
  return Health{
      .pss_kib = pss_kib, .tpm_commands = root_.commands_sent(), .measured_apps = apps_.size()};
}

void Monitor::note_app(const std::string& text) {
  runtime_events_.push_back({kAppPcr, text});
  apps_.push_back(text);
}

// Notes the beginning of `texts` whose replay gives what PCR 13 holds.
Status Monitor::take_over_measured(std::span<const std::string> texts) {
  PAVISE_TRY_ASSIGN(const PcrMask mask, PcrMask::from_bits(1U << kAppPcr));
  PAVISE_TRY_ASSIGN(const auto values, root_.read_pcrs(mask));
  const Digest256& present = values.at(kAppPcr);
  Digest256 replayed = eventlog::initial_pcr(kAppPcr);
  std::size_t count = 0;
  for (; replayed != present && count < texts.size(); ++count)
    eventlog::extend(replayed, crypto::sha256(as_bytes(texts[count])));
  if (replayed != present || count < apps_.size()) return kAppsUnexplained;
  for (const std::string& text : texts.first(count).subspan(apps_.size())) note_app(text);
  return {};
}

Result<Digest256> Monitor::measure_apps(std::span<const std::string> texts) {
  app_measurement::AppEventList list;
  for (const std::string& text : texts) PAVISE_TRY(list.add(text));
  if (texts.size() < apps_.size() || !std::ranges::equal(texts.first(apps_.size()), apps_))
    return kAppsRewritten;
  PAVISE_TRY(take_over_measured(texts));
  for (const std::string& text : texts.subspan(apps_.size())) {
    PAVISE_TRY(root_.extend(kAppPcr, crypto::sha256(as_bytes(text))));
    note_app(text);
  }
  return app_measurement::pcr_after(apps_);
}

}  // namespace pavise::monitor
