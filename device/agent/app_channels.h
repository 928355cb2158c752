// The apps that speak to the hub through this agent: one socket each (docs/formats/app-channels.md,
// descriptor 4). Apps are hostile: who breaks the rules loses its channel, and nobody else notices.
//
//   channels.add("fridge", std::move(socket));
//   ... poll channels.polled() until channels.next_wake_ms() ...
//   for (AppEvent& event : channels.turn(now_ms)) ...
#pragma once

#include <poll.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/unique_fd.h"
#include "device/agent/app_rate.h"
#include "protocol/app_channel/app_channel.h"

namespace pavise::agent {

// What one app may have under way: messages without a result, or whose result it has not read, and
// calls without an answer. With the largest messages the first is 1 MiB in the agent.
inline constexpr std::size_t kAppTelemetryMax = app_channel::kUnderWayMax;
inline constexpr std::size_t kAppCallsMax = 16;
// Packets that are read from one app before it is the next one's turn.
inline constexpr std::size_t kAppPacketsPerTurn = 4;

// One start of one app. The next start has another, so what was for this one does not reach that.
using AppChannelId = std::uint64_t;

struct AppTelemetry {
  AppChannelId channel = 0;
  std::string app;
  std::uint32_t id = 0;
  std::string content_type;
  std::string properties;  // percent-encoded
  Bytes body;
};
struct AppMethodAnswer {
  AppChannelId channel = 0;
  std::uint32_t id = 0;
  std::uint16_t status = 0;
  Bytes body;
};
// It closed its end, or broke the rules; its calls get no answers.
struct AppChannelEnded {
  AppChannelId channel = 0;
  std::string app;
  std::optional<Error> broken;  // kBadAppPacket
};
// It sends more than AppRate lets it: what it sends from now on waits in its own socket.
struct AppHeldBack {
  std::string app;
};
using AppEvent = std::variant<AppTelemetry, AppMethodAnswer, AppChannelEnded, AppHeldBack>;

// Ends the channel for everybody who has a copy of a descriptor of it.
void end_for_all(const UniqueFd& socket);

// Not thread-safe, never blocks.
class AppChannels {
 public:
  // Takes a SOCK_SEQPACKET socket, and tells the app whether the hub is connected. An earlier
  // channel of that name ends without an event. Others may have the socket, too: where a channel
  // ends here, it ends for all.
  AppChannelId add(std::string app, UniqueFd socket);
  // A channel that an agent before this one had. The app is asked what it has under way; until it
  // has said so it gets no results and no calls. What the other agent took and did not finish is
  // refused then (kAppResultLost), and answers to that one's calls are nobody's.
  AppChannelId take_over(std::string app, UniqueFd socket);
  void remove(std::string_view app);
  std::size_t size() const { return channels_.size(); }
  std::optional<AppChannelId> find_channel(std::string_view app) const;

  // What to wait for until the next turn(), and when that is due at the latest.
  std::vector<pollfd> polled() const;
  std::int64_t next_wake_ms() const;
  // Reads and writes what can be: at most kAppPacketsPerTurn packets of each app, and as much as
  // its AppRate has left, which is the same one for all of its starts. Answers to calls count
  // nothing. Times are of a steady clock.
  std::vector<AppEvent> turn(std::int64_t now_ms);

  // Of a message that is under way; else, and of a channel that has ended, nothing happens. It
  // waits in memory if the app is behind.
  void finish(AppChannelId channel, std::uint32_t id, bool accepted, std::string_view reason);
  // Calls the app of that name: the channel and the id that the answer will have. nullopt: there is
  // no such app, it is behind with reading, kAppCallsMax are under way, or the call is none (limits
  // of MethodCall).
  std::optional<std::pair<AppChannelId, std::uint32_t>> call(std::string_view app,
                                                             std::string_view name,
                                                             ByteView payload);
  // The answer is not waited for any more; if it comes it is dropped.
  void forget(AppChannelId channel, std::uint32_t id);
  // Told to all apps, of several changes the last one at least.
  void set_online(bool online);

 private:
  struct Result {
    std::uint32_t id;
    Bytes packet;
  };
  struct Channel {
    std::string app;
    UniqueFd socket;
    std::vector<std::uint32_t> telemetry;  // under way
    std::vector<std::uint32_t> calls;      // under way
    std::uint32_t last_call = 0;
    bool taken_over_waits = false;
    bool connection_waits = true;
    bool asked = false;          // what is under way
    std::deque<Result> results;  // that wait until the app reads
    bool waits_to_write() const {
      return taken_over_waits || connection_waits || (!asked && !results.empty());
    }
  };
  using Channels = std::map<AppChannelId, Channel>;

  Channels::const_iterator find(std::string_view app) const;
  Channel& insert(std::string app, UniqueFd socket);
  void flush(Channel& channel) const;
  void end(AppChannelId id);
  // False: the channel has ended; the event says why.
  bool read_one(AppChannelId id, Channel& channel, std::vector<AppEvent>& events, bool& more);
  Status take(AppChannelId id, Channel& channel, ByteView packet, std::vector<AppEvent>& events);
  static Status take(Channel& channel, const app_channel::UnderWay& under_way);
  void count(const Channel& channel, std::size_t bytes, std::vector<AppEvent>& events);
  const AppRate& rate(const Channel& channel) const { return rates_.at(channel.app); }

  Channels channels_;
  std::map<std::string, AppRate> rates_;  // of each app with a channel, or that has not long ended
  std::int64_t now_ms_ = 0;               // of the latest turn
  AppChannelId last_ = 0;
  bool online_ = false;
  Bytes packet_;  // made with the first channel
};

}  // namespace pavise::agent
