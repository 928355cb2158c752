// What pavise-names does: answers apps, asks the server of the network, has addresses pinned.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/ipc/seqpacket.h"
#include "device/apps/names/exchange.h"
#include "device/apps/names/name_wire.h"

namespace pavise::device {

inline constexpr ErrorInfo kNamesChannelBroken{
    "PV-NAM-003", Retry::later, "the resolver of apps lost its launcher",
    "It is started again; if it goes on, see the detail."};

inline constexpr std::size_t kNamedAppsMax = 32;
inline constexpr std::size_t kLookupsPerApp = 8;  // under way; more wait in the app's socket
inline constexpr std::size_t kNameConnectionsPerApp = 4;
// Of an app before the next one's turn: one that floods costs a wait for each so many, not for
// each.
inline constexpr std::size_t kQuestionsPerTurn = 16;
inline constexpr int kNameConnectionMs = 5000;          // for the question to come
inline constexpr int kPinWaitMs = 2000;                 // for the launcher to answer
inline constexpr std::size_t kRefusedNamesPerApp = 16;  // told apart between two reports
inline constexpr int kRefusedReportMs = 1000;           // not more often
// Two sockets for each app, its connections and lookups, and what the process itself has.
inline constexpr std::size_t kNameServerDescriptors =
    16 + kNamedAppsMax * (2 + kNameConnectionsPerApp + kLookupsPerApp);

// Each app has its sockets and its share of everything, and is served once a turn: one that floods
// waits for itself only. Not thread-safe.
class NameServer {
 public:
  // Without `upstream` every listed name is a failure of the server.
  NameServer(ipc::SeqpacketChannel launcher, std::optional<sockaddr_in> upstream,
             const Clock& clock);

  // Until the launcher closes its end. Blocks. kNamesChannelBroken, kNamesBadPacket.
  Status serve();

 private:
  struct App {
    UniqueFd datagrams;
    UniqueFd listener;
    std::vector<NamedPeer> peers;
    std::size_t lookups = 0;
    std::size_t connections = 0;
    std::map<std::string, std::uint32_t> refused = {};
    std::int64_t report_ms = 0;  // the next one, not before
  };
  // A question comes alone over a connection, which ends with the reply.
  struct Connection {
    std::uint32_t app;
    UniqueFd socket;
    std::int64_t deadline_ms;
    Bytes received = {};
    bool asked = false;
  };
  struct Asker {
    std::uint32_t app;
    std::optional<std::uint32_t> connection;  // else by datagram, from:
    sockaddr_in from = {};
  };
  struct Lookup {
    Asker asker;
    dns::Query query;
    std::vector<std::uint16_t> peers;
    Exchange exchange;
    std::optional<Decision> decision = {};  // waits for its pins
    std::int64_t pin_deadline_ms = 0;

    std::int64_t deadline_ms() const { return decision ? pin_deadline_ms : exchange.deadline_ms(); }
  };
  enum class Source { launcher, datagrams, listener, connection, lookup };
  struct Polled;

  Polled sources() const;
  int wait_ms(std::int64_t now_ms) const;
  Result<bool> obey();  // false: the launcher is gone
  Status obey(NameOrder order, std::vector<UniqueFd> descriptors);
  void remove(std::uint32_t app);
  void serve_source(Source source, std::uint32_t key);
  bool read_datagram(std::uint32_t number, App& app);  // false: there is none
  void accept_connection(std::uint32_t number, App& app);
  void read_connection(std::uint32_t number);
  void end_connection(std::uint32_t number);
  void ask(const Asker& asker, dns::Query query);
  void proceed(std::uint32_t number);
  void finish(std::uint32_t number, dns::Outcome outcome);
  void refuse(App& app, const std::string& name);
  void reply(const Asker& asker, ByteView message);
  void pass_deadlines(std::int64_t now_ms);
  void report_refused(std::uint32_t number, App& app, std::int64_t now_ms);

  ipc::SeqpacketChannel launcher_;
  std::optional<sockaddr_in> upstream_;
  const Clock& clock_;
  std::map<std::uint32_t, App> apps_;
  std::map<std::uint32_t, Connection> connections_;
  std::map<std::uint32_t, Lookup> lookups_;
  std::uint32_t next_number_ = 0;  // of connections and lookups
};

}  // namespace pavise::device
