#include "cloud/security/attestation/state_match.h"

#include <algorithm>
#include <array>

#include "common/crypto/crypto.h"
#include "protocol/app_measurement/app_event.h"

namespace pavise::attestation {
namespace {

using namespace std::string_view_literals;
using app_measurement::kAppPcr;
using release::ReferenceSet;

constexpr unsigned kStubPcr = 11;
constexpr std::string_view kRootHashKey = "pavise.roothash";
constexpr std::size_t kHexShown = 12;
constexpr std::size_t kReasonMax = 400;

struct Actual {
  Digest256 digest{};
  const eventlog::Event* event;  // none: a runtime event
  std::string_view text;         // of the runtime event
};
struct Expected {
  Digest256 digest{};
  std::string_view component;
  std::string_view name;
};

// The state, and what the app events among its extends make of PCR 13. Which apps they name is the
// owner's business; that they explain the PCR is not.
struct Explained : ProvenState {
  Digest256 apps_pcr = eventlog::initial_pcr(kAppPcr);
  std::size_t apps = 0;

  explicit Explained(const ProvenState& state) : ProvenState(state) {
    for (const RuntimeExtend& extend : runtime) {
      if (extend.pcr != kAppPcr || !app_measurement::AppEvent::parse(extend.text)) continue;
      eventlog::extend(apps_pcr, extend.digest);
      ++apps;
    }
  }
};

bool in(std::uint32_t mask, unsigned pcr) {
  return (mask >> pcr & 1U) != 0;
}
std::string short_hex(const Digest256& digest) {
  return to_hex(digest).substr(0, kHexShown) + "…";
}

// Value that a release demands of a PCR; PCRs that it does not fix must be untouched, unless they
// are the firmware's or that of apps.
std::optional<Digest256> demanded(const Explained& state, const ReferenceSet& set, unsigned pcr) {
  if (const Digest256* value = set.pcr(pcr)) return *value;
  if (pcr == kAppPcr) return state.apps_pcr;
  if (in(kPlatformPcrs, pcr)) return std::nullopt;
  return eventlog::initial_pcr(pcr);
}

// Number of PCRs that differ; a PCR that is fixed but not quoted differs.
unsigned differences(const Explained& state, const ReferenceSet& set) {
  unsigned count = 0;
  for (unsigned pcr = 0; pcr < eventlog::kPcrCount; ++pcr) {
    if (!in(state.mask, pcr)) {
      count += set.pcr(pcr) != nullptr ? 1 : 0;
    } else if (const auto value = demanded(state, set, pcr)) {
      count += *value != state.values[pcr] ? 1 : 0;
    }
  }
  return count;
}

// Every quoted firmware PCR must be in the profile, with its value.
bool profile_matches(const ProvenState& state, const ReferenceSet& set,
                     const release::PlatformProfile& profile) {
  bool any = false;
  for (unsigned pcr = 0; pcr < eventlog::kPcrCount; ++pcr) {
    if (!in(state.mask & kPlatformPcrs, pcr) || set.pcr(pcr) != nullptr) continue;
    const auto row = std::ranges::find(profile.pcrs, pcr, &release::PcrValue::pcr);
    if (row == profile.pcrs.end() || row->digest != state.values[pcr]) return false;
    any = true;
  }
  return any;
}

const release::PlatformProfile* find_platform(const ProvenState& state, const ReferenceSet& set) {
  for (const release::PlatformProfile& profile : set.platforms)
    if (profile_matches(state, set, profile)) return &profile;
  return nullptr;
}

std::vector<Actual> actual_extends(const ProvenState& state, unsigned pcr) {
  std::vector<Actual> out;
  for (const eventlog::Event& event : state.log.events())
    if (event.pcr == pcr) out.push_back({event.digest, &event, {}});
  for (const RuntimeExtend& extend : state.runtime)
    if (extend.pcr == pcr) out.push_back({extend.digest, nullptr, extend.text});
  return out;
}

std::vector<Expected> expected_extends(const ReferenceSet& set, unsigned pcr) {
  std::vector<Expected> out;
  for (const release::ReferenceEvent& event : set.events)
    if (event.pcr == pcr) out.push_back({event.digest, event.component, event.name});
  for (const release::RuntimeEvent& event : set.runtime)
    if (event.pcr == pcr)
      out.push_back({crypto::sha256(as_bytes(event.text)), "running system", event.text});
  return out;
}

Measurement paired(unsigned pcr, const Actual& actual, const Expected& expected) {
  Measurement out{.pcr = static_cast<std::uint8_t>(pcr),
                  .digest = actual.digest,
                  .expected = expected.digest,
                  .component = std::string(expected.component),
                  .name = std::string(expected.name),
                  .state = MeasurementState::matches,
                  .words = {}};
  if (actual.digest == expected.digest) {
    out.words = "as released";
  } else {
    out.state = MeasurementState::differs;
    out.words = out.component + " differs: measured " + short_hex(actual.digest) + ", released " +
                short_hex(expected.digest);
  }
  return out;
}
Measurement missing(unsigned pcr, const Expected& expected) {
  Measurement out{.pcr = static_cast<std::uint8_t>(pcr),
                  .digest = std::nullopt,
                  .expected = expected.digest,
                  .component = std::string(expected.component),
                  .name = std::string(expected.name),
                  .state = MeasurementState::differs,
                  .words = {}};
  out.words = out.component + " is missing: it was not measured";
  return out;
}
Measurement surplus(const ProvenState& state, unsigned pcr, const Actual& actual) {
  // A hint, from unmeasured data.
  const std::string label = actual.event != nullptr
                                ? eventlog::text_hint(state.log.data(*actual.event))
                                : std::string(actual.text);
  Measurement out{.pcr = static_cast<std::uint8_t>(pcr),
                  .digest = actual.digest,
                  .expected = std::nullopt,
                  .component = "something else",
                  .name = label,
                  .state = MeasurementState::unknown,
                  .words = {}};
  out.words = "measured " + short_hex(actual.digest) + ", of which the release says nothing" +
              (label.empty() ? "" : " (it calls itself \"" + label + "\")");
  return out;
}

// Equal from the front, equal from the back, and position by position between: positions decide,
// because labels can be forged. Linear in the number of extends.
void compare_extends(const ProvenState& state, const ReferenceSet& set, unsigned pcr,
                     std::vector<Measurement>& out) {
  const std::vector<Actual> actual = actual_extends(state, pcr);
  const std::vector<Expected> expected = expected_extends(set, pcr);
  const std::size_t shorter = std::min(actual.size(), expected.size());
  std::size_t front = 0;
  while (front < shorter && actual[front].digest == expected[front].digest) ++front;
  std::size_t back = 0;
  while (back < shorter - front &&
         actual[actual.size() - 1 - back].digest == expected[expected.size() - 1 - back].digest)
    ++back;
  const std::size_t paired_end = shorter - back;
  for (std::size_t i = 0; i < paired_end; ++i) out.push_back(paired(pcr, actual[i], expected[i]));
  for (std::size_t i = paired_end; i < expected.size() - back; ++i)
    out.push_back(missing(pcr, expected[i]));
  for (std::size_t i = paired_end; i < actual.size() - back; ++i)
    out.push_back(surplus(state, pcr, actual[i]));
  for (std::size_t i = 0; i < back; ++i)
    out.push_back(
        paired(pcr, actual[actual.size() - back + i], expected[expected.size() - back + i]));
}

Measurement app_pcr(const Explained& state) {
  const Digest256& measured = state.values[kAppPcr];
  const bool explained = measured == state.apps_pcr;
  return {.pcr = kAppPcr,
          .digest = measured,
          .expected = state.apps_pcr,
          .component = "apps",
          .name = "PCR 13",
          .state = explained ? MeasurementState::matches : MeasurementState::differs,
          .words = explained ? std::to_string(state.apps) + " measured, each with what it may do"
                             : "PCR 13 was extended by something that is no app"};
}

Measurement whole_pcr(const Explained& state, const ReferenceSet& set, unsigned pcr,
                      const release::PlatformProfile* platform) {
  Measurement out;
  out.pcr = static_cast<std::uint8_t>(pcr);
  out.digest = state.values[pcr];
  out.expected = demanded(state, set, pcr);
  out.component = in(kPlatformPcrs, pcr) ? "firmware" : "PCR " + std::to_string(pcr);
  out.name = "PCR " + std::to_string(pcr);
  if (out.expected) {
    const bool same = *out.expected == *out.digest;
    out.state = same ? MeasurementState::matches : MeasurementState::differs;
    const bool untouched = *out.expected == eventlog::initial_pcr(pcr);
    if (same)
      out.words = untouched ? "nothing measured, as released" : "as released";
    else
      out.words = out.component + (untouched ? " was extended; no release does that" : " differs");
  } else if (platform != nullptr) {
    out.expected = out.digest;
    out.state = MeasurementState::matches;
    out.words = "firmware of platform " + platform->name;
  } else {
    out.words = "firmware that is in no platform profile of the release";
  }
  return out;
}

void measure(const Explained& state, StateMatch& match) {
  const ReferenceSet& set = *match.nearest;
  for (unsigned pcr = 0; pcr < eventlog::kPcrCount; ++pcr) {
    if (!in(state.mask, pcr)) continue;
    const bool listed = std::ranges::any_of(
        set.events, [pcr](const release::ReferenceEvent& event) { return event.pcr == pcr; });
    if (listed)
      compare_extends(state, set, pcr, match.measurements);
    else if (pcr == kAppPcr && set.pcr(pcr) == nullptr && state.apps != 0)
      match.measurements.push_back(app_pcr(state));
    else
      match.measurements.push_back(whole_pcr(state, set, pcr, match.platform));
  }
}

bool some_release_has_root(std::span<const ReferenceSet> releases, std::string_view hash) {
  return std::ranges::any_of(releases, [hash](const ReferenceSet& set) {
    const release::Component* root = set.component(release::kRootFileSystem);
    return root != nullptr && to_hex(root->digest) == hash;
  });
}

// The root hash is on the measured command line: a changed root file system shows as a changed
// command line, which says little to a person.
std::string root_file_system_words(const ProvenState& state,
                                   std::span<const ReferenceSet> releases) {
  if (!cmdline_is_measured(state.log, state.cmdline_claim)) return {};
  const auto hash = from_hex(cmdline_value(state.cmdline_claim, kRootHashKey));
  if (!hash || hash->size() != sizeof(Digest256)) return {};
  if (some_release_has_root(releases, to_hex(*hash))) return {};
  return "root file system differs: " + to_hex(*hash).substr(0, kHexShown) +
         "… is not of any released version";
}

// PCR 11 names the parts of the image; PCR 4 (the image as a whole) differs with any of them, so it
// is worth words only when it differs alone.
std::string explain(const ProvenState& state, std::span<const ReferenceSet> releases,
                    const StateMatch& match) {
  std::string out = root_file_system_words(state, releases);
  const bool root_explains_cmdline = !out.empty();
  const auto differs = [](const Measurement& m) {
    return m.state == MeasurementState::differs ||
           (m.state == MeasurementState::unknown && !in(kPlatformPcrs, m.pcr));
  };
  const bool stub_differs = std::ranges::any_of(
      match.measurements, [&](const Measurement& m) { return m.pcr == kStubPcr && differs(m); });
  for (const Measurement& m : match.measurements) {
    if (!differs(m) || (m.pcr == 4 && stub_differs)) continue;
    if (root_explains_cmdline && m.component.contains("command line")) continue;
    if (out.size() + m.words.size() > kReasonMax) break;
    out += (out.empty() ? "" : "; ") + m.words;
  }
  for (const release::PcrValue& value : match.nearest->pcrs)
    if (!in(state.mask, value.pcr) && out.size() < kReasonMax)
      out += (out.empty() ? "" : "; ") + ("PCR " + std::to_string(value.pcr)) + " was not quoted";
  return out + " (compared with " + match.nearest->name + " " + match.nearest->version + ")";
}

}  // namespace

StateMatch match_state(const ProvenState& proven, std::span<const ReferenceSet> releases) {
  PAVISE_CHECK(!releases.empty());
  const Explained state(proven);
  StateMatch out;
  unsigned fewest = UINT32_MAX;
  for (const ReferenceSet& set : releases) {
    const unsigned count = differences(state, set);
    if (count >= fewest) continue;
    fewest = count;
    out.nearest = &set;
    if (count == 0) break;
  }
  if (fewest == 0) out.release = out.nearest;
  out.platform = find_platform(state, *out.nearest);
  measure(state, out);
  if (out.release == nullptr) out.reason = explain(state, releases, out);
  return out;
}

bool cmdline_is_measured(const eventlog::EventLog& log, std::string_view cmdline) {
  if (cmdline.empty()) return false;
  // The stub extends the section's name with its zero, then the section's content. The content is
  // what the image build put there; the kernel shows it without a final new line or zero.
  static const Digest256 name = crypto::sha256(as_bytes(".cmdline\0"sv));
  const std::array candidates{crypto::sha256(as_bytes(cmdline)),
                              crypto::sha256({as_bytes(cmdline), as_bytes("\n"sv)}),
                              crypto::sha256({as_bytes(cmdline), as_bytes("\0"sv)})};
  bool after_name = false;
  for (const eventlog::Event& event : log.events()) {
    if (event.pcr != kStubPcr) continue;
    if (after_name) return std::ranges::find(candidates, event.digest) != candidates.end();
    after_name = event.digest == name;
  }
  return false;
}

std::string_view cmdline_value(std::string_view cmdline, std::string_view key) {
  while (!cmdline.empty()) {
    const std::size_t space = cmdline.find(' ');
    const std::string_view word = cmdline.substr(0, space);
    if (word.starts_with(key) && word.size() > key.size() && word[key.size()] == '=')
      return word.substr(key.size() + 1);
    if (space == std::string_view::npos) break;
    cmdline.remove_prefix(space + 1);
  }
  return {};
}

}  // namespace pavise::attestation
