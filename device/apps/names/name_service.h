// The launcher's side: starts pavise-names, tells it about apps, hears what it wants, and believes
// it no more than it has to.
//
//   PAVISE_TRY_ASSIGN(NameService names, NameService::start({.user = kNamesUid}));
//   PAVISE_TRY_ASSIGN(ResolverSockets sockets, bind_resolver(number));
//   PAVISE_TRY(names.add_app(number, std::move(sockets), policy.named_peers));
//   ... poll names.descriptor(), then:
//   NameEvents events = names.take();
//   for (const PinRequest& request : events.pins) names.confirm(request, pinned_all(request));
//   if (names.ended()) ... after a back-off: names.restart()
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/ipc/seqpacket.h"
#include "device/apps/names/name_wire.h"
#include "device/apps/names/resolver_sockets.h"

namespace pavise::device {

inline constexpr ErrorInfo kNamesNotStarted{
    "PV-NAM-005", Retry::later, "the resolver of apps cannot be started",
    "See the detail. Until it runs, apps reach what they list by address only."};
inline constexpr ErrorInfo kNamesAppRefused{
    "PV-NAM-006", Retry::never, "an app cannot have names resolved",
    "Stop another app that lists names; the detail has the limit."};

inline constexpr int kNamesHandOverMs = 1000;
inline constexpr std::size_t kNameEventsMax = 16;  // of one take()

// One peer to be let through the guard of the app.
struct NamePin {
  dns::Address address;
  int socket_type;
  std::uint16_t port;  // 0: every port

  bool operator==(const NamePin&) const = default;
};

// Addresses that the app will be told when they are pinned.
struct PinRequest {
  pid_t process = -1;  // that asked, and the number that it gave
  std::uint32_t number = 0;
  std::uint32_t app = 0;
  std::uint32_t lifetime_s = 0;
  std::vector<NamePin> pins{};  // at most kPinsMax
};

struct NameEvents {
  std::vector<PinRequest> pins{};
  std::vector<RefusedName> refused{};
};

// Not thread-safe. What comes from the process is checked: a pin is for an app that there is, at
// a type and port that the app lists by name, for an address that may_be_pinned(), for
// kPinSecondsMin to kPinSecondsMax. Anything else ends the process.
class NameService {
 public:
  struct Spec {
    std::string program = "/usr/bin/pavise-names";
    uid_t user = 0;          // and group; not root
    std::string upstream{};  // "192.0.2.1" or "192.0.2.1:53"; empty: what DHCP told the kernel
  };

  // Returns when the process was made, not when it serves. It prints to our standard error, has our
  // environment, and ends with us. Call it from the only thread. kNamesNotStarted.
  static Result<NameService> start(Spec spec);
  ~NameService();
  NameService(NameService&&) = default;
  NameService& operator=(NameService&&) = delete;

  int descriptor() const;  // readable when take() has something to tell; -1: ended
  pid_t process() const { return process_.pid; }

  // Keeps the sockets until remove_app() and hands them over after each start. Blocks for
  // kNamesHandOverMs at most. When the process does not take it, it has ended; that is no error
  // here. kNamesAppRefused: the number is in use, more than kNamedAppsMax apps or kNamedPeersMax
  // peers.
  Status add_app(std::uint32_t app, ResolverSockets sockets, std::vector<NamedPeer> peers);
  void remove_app(std::uint32_t app);

  // At most kNameEventsMax, in a fixed time: what is left keeps the descriptor readable.
  NameEvents take();
  // The app is told the addresses when `done`, else that the server failed. Without effect if the
  // process that asked has ended.
  void confirm(const PinRequest& request, bool done);

  bool ended() const { return !channel_; }
  // Starts it anew and hands over all apps; questions of between wait in their sockets.
  // kNamesNotStarted.
  Status restart();

 private:
  struct App {
    std::uint32_t number;
    ResolverSockets sockets;
    std::vector<NamedPeer> peers;
  };
  // Ends what it names with it.
  struct Process {
    pid_t pid = -1;

    Process() = default;
    explicit Process(pid_t started) : pid(started) {}
    Process(Process&& other) noexcept : pid(std::exchange(other.pid, -1)) {}
    Process& operator=(Process&& other) noexcept {
      end();
      pid = std::exchange(other.pid, -1);
      return *this;
    }
    ~Process() { end(); }
    void end();
  };

  explicit NameService(Spec spec) : spec_(std::move(spec)) {}
  Status launch();
  void hand_over(std::uint32_t handle, const App& app);
  void tell(const NameOrder& order);
  std::map<std::uint32_t, App>::const_iterator find(std::uint32_t number) const;
  std::optional<PinRequest> checked(const PinsWanted& wanted, const App& app) const;
  void end();

  Spec spec_;
  std::optional<ipc::SeqpacketChannel> channel_;
  Process process_;
  // By handle, what the process knows them by: an app that gets the number of one before it does
  // not get what that one had asked for.
  std::map<std::uint32_t, App> apps_;
  std::uint32_t next_handle_ = 0;
};

}  // namespace pavise::device
