// What is measured before an app may run: "pavise:app ID VERSION POLICY-DIGEST
// CONTENT-DIGEST", extended as SHA-256(text) into PCR 13, which belongs to apps alone (ADR 0030;
// README.md here has the grammar).
//
// Pure; thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/manifest/component_id.h"
#include "protocol/manifest/version.h"

namespace pavise::app_measurement {

// Errors: PV-APM-nnn.
inline constexpr ErrorInfo kNotAppEvent{"PV-APM-001", Retry::never,
                                        "a text is no measurement of an app",
                                        "Use launcher, monitor and service of one release."};
inline constexpr ErrorInfo kAppEventTwice{"PV-APM-002", Retry::never,
                                          "an app is measured twice in one boot",
                                          "Use launcher, monitor and service of one release."};
inline constexpr ErrorInfo kTooManyAppEvents{"PV-APM-003", Retry::needs_operator,
                                             "more apps are measured in one boot than can be",
                                             "Boot again; run at most 60 versions of apps a boot."};

inline constexpr unsigned kAppPcr = 13;
inline constexpr std::size_t kAppEventsMax = 60;  // of one boot; evidence holds 64 events in all
inline constexpr std::size_t kAppEventBytesMax = 192;
inline constexpr std::string_view kAppEventPrefix = "pavise:app ";

struct AppEvent {
  manifest::ComponentId component;
  manifest::Version version;
  Digest256 policy_digest{};   // of manifest and generated policy
  Digest256 content_digest{};  // root of the hash tree over the package's content

  // kNotAppEvent unless the text is exactly what text() gives.
  static Result<AppEvent> parse(std::string_view text);
  std::string text() const;
  bool operator==(const AppEvent&) const = default;
};

// What PCR 13 holds after these texts, from its initial value on.
Digest256 pcr_after(std::span<const std::string> texts);

// Those of one boot, in their order. Not thread-safe.
class AppEventList {
 public:
  // kNotAppEvent, kAppEventTwice, kTooManyAppEvents; then nothing is added.
  Status add(std::string_view text);
  const std::vector<AppEvent>& events() const { return events_; }
  std::vector<AppEvent> take() && { return std::move(events_); }

 private:
  std::vector<AppEvent> events_;
};

}  // namespace pavise::app_measurement
