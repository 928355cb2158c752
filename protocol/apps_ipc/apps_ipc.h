// The messages between the agent and the launcher of apps (api/apps.cddl). Both sides parse: the
// launcher does not trust the process with the network, and what an app wrote must not confuse the
// agent. Encoding is deterministic CBOR.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/manifest/app_name.h"
#include "protocol/manifest/component_id.h"

namespace pavise::apps_ipc {

// Errors: PV-AIP-nnn, besides those of protocol/cbor.
inline constexpr ErrorInfo kUnknownOperation{"PV-AIP-001", Retry::never,
                                             "the launcher has no operation of this number",
                                             "Use agent and launcher of the same release."};
inline constexpr ErrorInfo kBadRequest{"PV-AIP-002", Retry::never,
                                       "the request to the launcher cannot be read",
                                       "Use agent and launcher of the same release."};
inline constexpr ErrorInfo kUnknownApp{"PV-AIP-003", Retry::never,
                                       "the device has no app of this name",
                                       "See the names: pavise app list DEVICE."};

inline constexpr std::size_t kMessageBytesMax = 96UL * 1024;
inline constexpr std::size_t kPartBytesMax = 64UL * 1024;  // of a package, in one request
inline constexpr std::size_t kAppsMax = 64;
inline constexpr std::size_t kVersionBytesMax = 14;  // "9999.9999.9999"
inline constexpr std::size_t kEventBytesMax = 200;
inline constexpr std::size_t kLineBytesMax = 400;
// Of the lines in one answer, where each counts as its text and kLineCostBytes.
inline constexpr std::size_t kPageBytesMax = 32UL * 1024;
inline constexpr std::size_t kLineCostBytes = 22;
inline constexpr std::size_t kCodeBytesMax = 16;
inline constexpr std::size_t kReasonBytesMax = 512;
inline constexpr std::size_t kNextStepBytesMax = 256;

// Of a debugger's bytes in one exchange, to the app and from it.
inline constexpr std::size_t kDebugInBytesMax = 2UL * 1024;
inline constexpr std::size_t kDebugOutBytesMax = 32UL * 1024;
inline constexpr std::size_t kGrantBytesMax = 256;

inline constexpr std::uint64_t kTimeMaxS = 4'102'444'800;  // 2100-01-01T00:00:00Z

enum class Op : std::uint8_t {
  kList = 1,
  kStart = 2,
  kStop = 3,
  kRestart = 4,
  kLogs = 5,
  kReceive = 6,
  kInstall = 7,
  kRemove = 8,
  kGrant = 9,
  kDebug = 10,
  kExchange = 11,
  kTellTime = 12,
};

// Text that a person may be shown: UTF-8 without control characters.
bool is_presentable(std::string_view text);
// Any bytes as such text: what is not UTF-8 or would move a cursor becomes '?', a tab a space, and
// the end beyond `bytes_max` is cut between characters. Never longer than what is given.
std::string presentable(std::string_view raw, std::size_t bytes_max);

// ---- requests; names are those of manifests (manifest::is_app_name)
// ------------------------------
struct List {};
struct Start {
  std::string name;
};
struct Stop {
  std::string name;
};
struct Restart {
  std::string name;
};
struct Logs {
  std::string name;
  std::uint64_t after = 0;  // lines with a greater number
};
// The next part of a package of `size` bytes; offset 0 begins anew.
struct Receive {
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  Bytes data = {};  // 1 to kPartBytesMax
};
// The package that was received, as whole as this says.
struct Install {
  std::uint64_t size = 0;
  Digest256 sha256{};
};
struct Remove {
  std::string name;
};
// A development grant (docs/formats/dev-grant.md), as it is; the launcher judges it.
struct GiveGrant {
  Bytes grant;
};
struct Debug {
  std::string name;
};
// Bytes between a debugger and the one in the compartment, as two streams with counted bytes: what
// comes twice, because an answer was lost, counts once.
struct Exchange {
  std::string name;
  std::uint64_t session = 0;
  std::uint64_t at = 0;        // place of the first byte of `data` in what is sent
  Bytes data = {};             // may be empty
  std::uint64_t received = 0;  // bytes that have arrived here, and need not be kept any more
  bool end = false;            // of the session
};
// What the agent knows of the time: apps that may set the clock are held to it.
struct TellTime {
  std::uint64_t later_than_s = 0;  // Unix seconds, up to kTimeMaxS
  bool vouched = false;            // the service said so since the device was started
};
using Request = std::variant<List, Start, Stop, Restart, Logs, Receive, Install, Remove, GiveGrant,
                             Debug, Exchange, TellTime>;

Op operation(const Request& request);
// Precondition: good names.
Bytes encode(const Request& request);
// Errors of protocol/cbor, kUnknownOperation.
Result<Request> parse_request(ByteView message);

// ---- results
// -------------------------------------------------------------------------------------
enum class AppState : std::uint8_t { stopped, waiting, starting, running, ending, killing };
std::string_view to_string(AppState state);

// Where an app came from: with the device's image, or later.
enum class AppSource : std::uint8_t { image, deployed };
std::string_view to_string(AppSource source);

struct AppStatus {
  std::string name;
  manifest::ComponentId component_id;
  std::string version;
  AppState state = AppState::stopped;
  std::uint64_t restarts = 0;
  std::uint64_t memory_bytes = 0;  // 0: not known
  std::uint64_t memory_limit_bytes = 0;
  std::uint64_t missed_health = 0;
  std::string last_event = {};  // may be empty
  Digest256 policy_digest{};
  AppSource source = AppSource::image;
  Digest256 content_digest{};  // root of the hash tree over its content

  bool operator==(const AppStatus&) const = default;
};
using AppList = std::vector<AppStatus>;

// What became of a start, stop or restart: it goes on after the answer.
struct Acted {
  AppState state = AppState::stopped;
};

struct Received {
  std::uint64_t bytes = 0;  // what the device has of the package now
};

struct Installed {
  std::string name;
  std::string version;
  AppState state = AppState::stopped;
  std::string replaced = {};  // version; empty: it is new
};

struct Removed {
  AppSource left = AppSource::deployed;  // image: that one is back; deployed: there is none
};

struct LogLine {
  std::uint64_t sequence = 0;  // counts from 1 since the launcher started
  std::uint64_t boot_ms = 0;   // milliseconds since the kernel started
  std::string text;

  bool operator==(const LogLine&) const = default;
};
// The first lines after the number that was asked for, oldest first; the next page is asked for
// with the last one's number. `oldest` and `newest` are the numbers of the lines that are kept, 0
// while there are none: who asks for what is older than `oldest` missed something, and a `newest`
// below what was read already says that the launcher started anew.
struct LogPage {
  std::uint64_t oldest = 0;
  std::uint64_t newest = 0;
  std::vector<LogLine> lines;
};

struct GrantTaken {
  std::string name;           // of the app that may be debugged
  std::uint64_t until_s = 0;  // Unix seconds
};
struct DebugBegun {
  std::uint64_t session = 0;  // from 1
  std::uint64_t until_s = 0;
};
struct Exchanged {
  std::uint64_t taken = 0;  // bytes of what is sent that need not be sent again
  Bytes data = {};          // from `received` on
  bool over = false;        // nothing follows `data`
};

struct TimeHeard {
  std::uint64_t later_than_s = 0;  // what the launcher goes by, which never falls
};

struct Refusal {
  std::string code;    // PV-...
  std::string reason;  // what failed, in words
  std::string next_step;
};
template <class T>
using Answer = std::variant<T, Refusal>;

// Whole responses, always within the limits: texts are made presentable, apps beyond kAppsMax and
// lines beyond a page are left out. Precondition: good names, versions of manifests.
Bytes encode(const AppList& apps);
Bytes encode(const Acted& acted);
Bytes encode(const LogPage& page);
Bytes encode(const Received& received);
Bytes encode(const Installed& installed);
Bytes encode(const Removed& removed);
Bytes encode(const GrantTaken& taken);
Bytes encode(const DebugBegun& begun);
Bytes encode(const Exchanged& exchanged);
Bytes encode(const TimeHeard& heard);
Bytes encode_refusal(const Error& error);

// The answer to the request of that kind. Errors of protocol/cbor: the message is bent.
Result<Answer<AppList>> parse_list(ByteView message);
Result<Answer<Acted>> parse_acted(ByteView message);
Result<Answer<LogPage>> parse_logs(ByteView message);
Result<Answer<Received>> parse_received(ByteView message);
Result<Answer<Installed>> parse_installed(ByteView message);
Result<Answer<Removed>> parse_removed(ByteView message);
Result<Answer<GrantTaken>> parse_grant_taken(ByteView message);
Result<Answer<DebugBegun>> parse_debug_begun(ByteView message);
Result<Answer<Exchanged>> parse_exchanged(ByteView message);
Result<Answer<TimeHeard>> parse_time_heard(ByteView message);

}  // namespace pavise::apps_ipc
