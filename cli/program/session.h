// What every command works with: options, the server, the two output streams, the exit code.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/api/hub_client.h"

namespace pavise::cli {

// Stable; documented in --help.
enum class Exit : int {
  ok = 0,
  failed = 1,
  usage = 2,
  not_found = 3,
  refused = 4,         // no token, or one that does not allow it
  unreachable = 5,     // no answer from the server, or one that is not trusted
  not_acceptable = 6,  // the present state, or what was sent, does not allow it
};

inline constexpr ErrorInfo kUnknownId{"PV-CLI-006", Retry::never, "no id begins like this",
                                      "See the ids: pavise device list (or release, vendor)."};
inline constexpr ErrorInfo kAmbiguousId{"PV-CLI-007", Retry::never, "several ids begin like this",
                                        "Write more characters of the id."};
inline constexpr ErrorInfo kBadAnswer{
    "PV-CLI-008", Retry::later, "the server's answer is not JSON",
    "Check that the URL of the context is that of a Pavise server."};
inline constexpr ErrorInfo kHubNotServed{
    "PV-CLI-010", Retry::needs_operator, "the server does not serve its hubs over HTTPS",
    "Start pavise-server with --hub-https-port 443 (or another port)."};
inline constexpr ErrorInfo kWhichHub{"PV-CLI-011", Retry::never,
                                     "no hub is named, and there is not exactly one",
                                     "Name it with --hub-name; see: pavise hub list."};
inline constexpr ErrorInfo kTransferFailed{"PV-CLI-012", Retry::later,
                                           "the hub could not do the import or export",
                                           "See the reason, and the job: GET /jobs/{id}."};
inline constexpr ErrorInfo kDeviceAway{"PV-CLI-013", Retry::later, "the device is not connected",
                                       "Switch it on, or wait; see: pavise device show DEVICE."};
inline constexpr ErrorInfo kImageWithoutMethods{
    "PV-CLI-014", Retry::needs_operator, "the device's image is too old to be asked about apps",
    "Update the image; see what it runs: pavise device evidence DEVICE."};
inline constexpr ErrorInfo kDeviceSilent{
    "PV-CLI-015", Retry::later, "the device did not answer in time",
    "Try again; see whether it is connected: pavise device show DEVICE."};
inline constexpr ErrorInfo kDeviceWithoutOwner{
    "PV-CLI-016", Retry::needs_operator, "the device has no owner",
    "Claim it: pavise device claim VOUCHER --tenant TENANT."};
inline constexpr ErrorInfo kNoSuchApp{"PV-CLI-017", Retry::never,
                                      "the device has no app of this name",
                                      "See the names: pavise app list DEVICE."};
inline constexpr ErrorInfo kBadDeviceAnswer{"PV-CLI-018", Retry::never,
                                            "the device's answer cannot be read",
                                            "Use programs and image of the same release."};
inline constexpr ErrorInfo kOtherOwner{
    "PV-CLI-021", Retry::never, "the package is for another owner than the device has",
    "Build it with --tenant and the name of the device's owner."};
inline constexpr ErrorInfo kAppEnded{"PV-CLI-022", Retry::never, "the app does not stay up",
                                     "See what it wrote: pavise app logs DEVICE APP."};
inline constexpr ErrorInfo kNoSuchDevice{
    "PV-CLI-020", Retry::never, "the context has no device of this name",
    "See the names: pavise context show; or give the first characters of an id."};
inline constexpr ErrorInfo kNothingSigns{
    "PV-CLI-019", Retry::never, "it is not said which key signs the app, and for which tenant",
    "Name them with --key and --tenant, or use a context that does: . .pavise/env of a ./run."};
inline constexpr ErrorInfo kWrongLine{"PV-CLI-023", Retry::never, "the command line cannot be used",
                                      "See --help of the command."};
inline constexpr ErrorInfo kPackageIsFolder{
    "PV-CLI-024", Retry::never, "the package is a folder",
    "Name the .pvimage in it that pavise app build made; or build and deploy in one: pavise app "
    "run FOLDER --on DEVICE."};
inline constexpr ErrorInfo kSocketPathTooLong{
    "PV-CLI-025", Retry::never, "the path of a socket would be too long",
    "Name a shorter folder in TMPDIR, or give a port: --port 0."};
inline constexpr ErrorInfo kNameTaken{"PV-CLI-026", Retry::never, "another device has this name",
                                      "Choose another, or forget it first: pavise device name "
                                      "NAME --forget."};
inline constexpr ErrorInfo kBadArgument{"PV-CLI-009", Retry::never, "an argument cannot be used",
                                        "See --help of the command."};

struct Streams {
  std::function<void(std::string_view)> out;
  std::function<void(std::string_view)> err;
  bool colour = false;    // on `out`
  bool in_place = false;  // `out` is a terminal: what is shown again may replace itself
  bool progress = false;  // `err` is a terminal: say so when something takes more than two seconds
  // Waits between two looks; tests own time.
  std::function<void(std::chrono::milliseconds)> pause = {};  // empty: sleeps
};

struct Options {
  bool json = false;
  std::string context;  // empty: the current one
  int timeout_s = 10;   // for one call
};

class Session {
 public:
  using View = std::string (*)(const boost::json::value&, bool colour);

  Session(const Options& options, Streams& streams) : options_(options), streams_(streams) {}

  // The answer of one call, or nullopt after the failure was printed and the exit code set.
  std::optional<boost::json::value> call(std::string_view method, const std::string& target,
                                         std::string body = {},
                                         std::vector<net::HttpHeader> headers = {},
                                         net::Millis extra_wait = {});
  // call(), then show() of the answer.
  Exit call_and_show(View view, std::string_view method, const std::string& target,
                     std::string body = {}, std::vector<net::HttpHeader> headers = {});
  // The last answer: as it came for JSON, else by the view.
  Exit show(View view, const boost::json::value& answer);

  // The id of the device that the context calls so, or whose id begins like this; nullopt after
  // printing why not.
  std::optional<std::string> device_id(const std::string& given);
  // What `given` stands for in this hub: in that of a tenant, where attested devices are, the id of
  // the device that the context calls so; else itself.
  std::string hub_device(const std::string& hub, const std::string& given) const;
  // The same for ids that are listed in one piece: GET `target`, member `list`, member `key`.
  std::optional<std::string> listed_id(const std::string& prefix, const std::string& target,
                                       std::string_view list, std::string_view key);

  // The hub that was named, or else the only one that people made; nullopt after printing why not.
  std::optional<std::string> hub_name(const std::string& given);
  // One call of that hub's own REST interface, with a token for this command.
  std::optional<boost::json::value> hub_call(const std::string& hub, std::string_view method,
                                             const std::string& target, std::string body = {},
                                             std::vector<net::HttpHeader> headers = {},
                                             net::Millis extra_wait = {});
  // The same, with whatever status it came; nullopt after printing why there is no answer. A token
  // that ended meanwhile is replaced once.
  std::optional<ApiReply> hub_reply(const std::string& hub, std::string_view method,
                                    const std::string& target, const std::string& body = {},
                                    const std::vector<net::HttpHeader>& headers = {},
                                    net::Millis extra_wait = {});
  // For answers that are no JSON.
  std::optional<std::string> hub_bytes(const std::string& hub, std::string_view method,
                                       const std::string& target,
                                       std::vector<net::HttpHeader> headers = {});

  // The rows of all pages of an answer that is a list, up to `rows_max` (0: all).
  std::optional<boost::json::value> hub_pages(const std::string& hub, std::string_view method,
                                              const std::string& target, const std::string& body,
                                              std::size_t rows_max);

  // From now on a failure that is the same as the one before is not printed again, until
  // forget_failure(): for verbs that go on and look again.
  void print_failures_once() { prints_once_ = true; }
  void forget_failure() { last_failure_.clear(); }

  // Prints the error to people (or programs, with -o json) and returns the exit code for it.
  Exit fail(const Error& error);
  // The same with a detail and a next step of its own; people see those alone.
  Exit fail(const ErrorInfo& info, std::string what, std::string next);
  // The same for what a server refused with this HTTP status.
  Exit fail(const ApiError& error, int status);

  // The context of this command. kNoContext, kUnknownContext, kBadContextFile, kFileUnreadable.
  Result<Context> context() const;

  void pause(std::chrono::milliseconds time);
  void print(std::string_view text) { streams_.out(text); }
  // For people; programs, which read JSON, get only errors besides the answer.
  void note(std::string_view text) {
    if (!json()) streams_.err(text);
  }
  bool json() const { return options_.json; }
  bool colour() const { return streams_.colour; }
  bool in_place() const { return streams_.in_place; }
  const Options& options() const { return options_; }
  const std::string& last_body() const { return last_body_; }
  Exit exit() const { return exit_; }

 private:
  friend class Work;
  Result<ApiClient*> client();
  Result<HubAccess> read_access(const boost::json::value& answer) const;
  bool open_hub(const std::string& hub);
  bool is_good(const Result<ApiReply>& reply, ApiError (*read_error)(const ApiReply&));
  std::optional<boost::json::value> answer_of(const Result<ApiReply>& reply,
                                              ApiError (*read_error)(const ApiReply&));
  Exit fail(const ApiError& error, Exit exit);

  Options options_;
  Streams& streams_;
  std::optional<ApiClient> client_;
  std::optional<HubClient> hub_client_;
  std::string last_body_;
  std::string last_continuation_;
  std::string last_failure_;  // only with prints_once_
  bool prints_once_ = false;
  int works_ = 0;
  Exit exit_ = Exit::ok;
};

// A line on `err` after two seconds, counted up each second, removed when the object goes.
class Progress {
 public:
  Progress(Streams& streams, std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void say(std::string what);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One such line for all calls of a session while the object lives.
class Work {
 public:
  Work(Session& session, std::string what)
      : session_(session), progress_(session.streams_, std::move(what)) {
    ++session_.works_;
  }
  ~Work() { --session_.works_; }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  void say(std::string what) { progress_.say(std::move(what)); }

 private:
  Session& session_;
  Progress progress_;
};

}  // namespace pavise::cli
