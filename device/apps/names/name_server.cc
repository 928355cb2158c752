#include "device/apps/names/name_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "common/ipc/descriptors.h"

namespace pavise::device {

struct NameServer::Polled {
  std::vector<pollfd> descriptors;
  std::vector<std::pair<Source, std::uint32_t>> sources;

  void add(int descriptor, short events, Source source, std::uint32_t key) {
    descriptors.push_back({descriptor, events, 0});
    sources.emplace_back(source, key);
  }
};

NameServer::NameServer(ipc::SeqpacketChannel launcher, std::optional<sockaddr_in> upstream,
                       const Clock& clock)
    : launcher_(std::move(launcher)), upstream_(upstream), clock_(clock) {}

// What an app has too much of already is left where it is: in its sockets.
NameServer::Polled NameServer::sources() const {
  Polled out;
  out.add(launcher_.fd(), POLLIN, Source::launcher, 0);
  for (const auto& [number, app] : apps_) {
    if (app.lookups < kLookupsPerApp)
      out.add(app.datagrams.get(), POLLIN, Source::datagrams, number);
    if (app.connections < kNameConnectionsPerApp)
      out.add(app.listener.get(), POLLIN, Source::listener, number);
  }
  for (const auto& [number, connection] : connections_)
    if (!connection.asked && apps_.at(connection.app).lookups < kLookupsPerApp)
      out.add(connection.socket.get(), POLLIN, Source::connection, number);
  for (const auto& [number, lookup] : lookups_)
    if (!lookup.decision)
      out.add(lookup.exchange.descriptor(), lookup.exchange.events(), Source::lookup, number);
  return out;
}

int NameServer::wait_ms(std::int64_t now_ms) const {
  std::int64_t next = std::numeric_limits<std::int64_t>::max();
  for (const auto& [number, lookup] : lookups_) next = std::min(next, lookup.deadline_ms());
  for (const auto& [number, connection] : connections_)
    if (!connection.asked) next = std::min(next, connection.deadline_ms);
  for (const auto& [number, app] : apps_)
    if (!app.refused.empty()) next = std::min(next, app.report_ms);
  if (next == std::numeric_limits<std::int64_t>::max()) return -1;
  return static_cast<int>(std::max<std::int64_t>(0, next - now_ms));
}

Status NameServer::serve() {
  for (;;) {
    Polled polled = sources();
    const int ready =
        ::poll(polled.descriptors.data(), polled.descriptors.size(), wait_ms(clock_.steady_ms()));
    if (ready < 0 && errno != EINTR) return Error(kNamesChannelBroken, std::strerror(errno));
    for (std::size_t i = 0; ready > 0 && i < polled.sources.size(); ++i) {
      if (polled.descriptors[i].revents == 0) continue;
      const auto [source, key] = polled.sources[i];
      if (source != Source::launcher) {
        serve_source(source, key);
        continue;
      }
      PAVISE_TRY_ASSIGN(const bool goes_on, obey());
      if (!goes_on) return {};
    }
    pass_deadlines(clock_.steady_ms());
  }
}

// Whoever it was about may be gone since the poll.
void NameServer::serve_source(Source source, std::uint32_t key) {
  const auto app = apps_.find(key);
  switch (source) {
    case Source::launcher:
      return;
    case Source::datagrams:
      if (app == apps_.end()) return;
      for (std::size_t read = 0; read < kQuestionsPerTurn && app->second.lookups < kLookupsPerApp &&
                                 read_datagram(key, app->second);
           ++read) {
      }
      return;
    case Source::listener:
      if (app != apps_.end()) accept_connection(key, app->second);
      return;
    case Source::connection:
      if (connections_.contains(key)) read_connection(key);
      return;
    case Source::lookup:
      if (lookups_.contains(key)) proceed(key);
      return;
  }
}

Result<bool> NameServer::obey() {
  auto got = ipc::receive_with_descriptors(launcher_.fd());
  if (!got && got.error().is(ipc::kPeerClosed)) return false;
  if (!got && got.error().is(ipc::kTimedOut)) return true;
  if (!got) return Error(kNamesChannelBroken, got.error().message());
  PAVISE_TRY_ASSIGN(NameOrder order, parse_order(got->packet));
  PAVISE_TRY(obey(std::move(order), std::move(got->descriptors)));
  return true;
}

Status NameServer::obey(NameOrder order, std::vector<UniqueFd> descriptors) {
  if (auto* const add = std::get_if<AddApp>(&order)) {
    if (descriptors.size() != 2 || apps_.contains(add->app) || apps_.size() == kNamedAppsMax)
      return Error(kNamesBadPacket, "app " + std::to_string(add->app));
    ::fcntl(descriptors[1].get(), F_SETFL, O_NONBLOCK);
    apps_.emplace(add->app, App{.datagrams = std::move(descriptors[0]),
                                .listener = std::move(descriptors[1]),
                                .peers = std::move(add->peers)});
  } else if (const auto* const gone = std::get_if<RemoveApp>(&order)) {
    remove(gone->app);
  } else if (const auto* const made = std::get_if<PinsMade>(&order)) {
    const auto lookup = lookups_.find(made->number);
    if (lookup != lookups_.end() && lookup->second.decision)
      finish(made->number, made->done ? dns::Outcome::ok : dns::Outcome::server_failure);
  }
  return {};
}

void NameServer::remove(std::uint32_t app) {
  std::erase_if(lookups_, [app](const auto& entry) { return entry.second.asker.app == app; });
  std::erase_if(connections_, [app](const auto& entry) { return entry.second.app == app; });
  apps_.erase(app);
}

bool NameServer::read_datagram(std::uint32_t number, App& app) {
  std::array<std::byte, dns::kDatagramBytesMax> buffer{};
  Asker asker{.app = number, .connection = {}};
  socklen_t from_size = sizeof asker.from;
  const ssize_t size =
      ::recvfrom(app.datagrams.get(), buffer.data(), buffer.size(), MSG_TRUNC | MSG_DONTWAIT,
                 reinterpret_cast<sockaddr*>(&asker.from), &from_size);
  if (size < 0) return false;
  if (static_cast<std::size_t>(size) > buffer.size()) return true;
  auto query = dns::Query::parse(ByteView(buffer).first(static_cast<std::size_t>(size)));
  if (query) ask(asker, *std::move(query));
  return true;
}

void NameServer::accept_connection(std::uint32_t number, App& app) {
  UniqueFd socket(::accept4(app.listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) return;
  ++app.connections;
  connections_.emplace(next_number_++,
                       Connection{.app = number,
                                  .socket = std::move(socket),
                                  .deadline_ms = clock_.steady_ms() + kNameConnectionMs});
}

void NameServer::read_connection(std::uint32_t number) {
  Connection& connection = connections_.at(number);
  std::array<std::byte, dns::kDatagramBytesMax> buffer{};
  const ssize_t size = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) return end_connection(number);
  append(connection.received, ByteView(buffer).first(static_cast<std::size_t>(size)));
  ByteReader from(connection.received);
  const auto length = from.be<std::uint16_t>();
  if (length && *length > dns::kDatagramBytesMax) return end_connection(number);
  if (!length || from.remaining() < *length) return;
  auto query = dns::Query::parse(from.rest().first(*length));
  if (!query) return end_connection(number);
  connection.asked = true;
  ask({.app = connection.app, .connection = number}, *std::move(query));
}

void NameServer::end_connection(std::uint32_t number) {
  const auto connection = connections_.find(number);
  if (connection == connections_.end()) return;
  --apps_.at(connection->second.app).connections;
  connections_.erase(connection);
}

void NameServer::ask(const Asker& asker, dns::Query query) {
  App& app = apps_.at(asker.app);
  std::vector<std::uint16_t> peers = peers_of(app.peers, query.question.name);
  const bool has_addresses =
      query.question.type == dns::kTypeA || query.question.type == dns::kTypeAaaa;
  if (!peers.empty() && has_addresses && upstream_) {
    ++app.lookups;
    Exchange exchange(*upstream_, query.question, clock_.steady_ms());
    lookups_.emplace(next_number_++, Lookup{.asker = asker,
                                            .query = std::move(query),
                                            .peers = std::move(peers),
                                            .exchange = std::move(exchange)});
    return;
  }
  dns::Outcome outcome = dns::Outcome::ok;  // a listed name has addresses only
  if (peers.empty()) {
    refuse(app, query.question.name);
    outcome = dns::Outcome::refused;
  } else if (has_addresses) {
    outcome = dns::Outcome::server_failure;
  }
  reply(asker, dns::encode_reply(query, outcome, {}, 0));
}

void NameServer::proceed(std::uint32_t number) {
  Lookup& lookup = lookups_.at(number);
  const std::int64_t now = clock_.steady_ms();
  if (lookup.decision) {
    if (now >= lookup.pin_deadline_ms) finish(number, dns::Outcome::server_failure);
    return;
  }
  const auto answer = lookup.exchange.proceed(now);
  if (!answer) return;
  if (!*answer) return finish(number, dns::Outcome::server_failure);
  App& app = apps_.at(lookup.asker.app);
  Decision decision = decide(app.peers, lookup.peers, **answer,
                             {.own = lookup.exchange.own_address(),
                              .server = mapped(lookup.exchange.server()),
                              .server_port = ntohs(lookup.exchange.server().sin_port)});
  if (decision.outcome == dns::Outcome::refused) refuse(app, lookup.query.question.name);
  if (decision.pins.empty()) return finish(number, decision.outcome);
  const Bytes wanted = encode(PinsWanted{.number = number,
                                         .app = lookup.asker.app,
                                         .lifetime_s = decision.lifetime_s,
                                         .pins = std::move(decision.pins)});
  if (!launcher_.send(wanted, 0)) return finish(number, dns::Outcome::server_failure);
  lookup.decision = std::move(decision);
  lookup.pin_deadline_ms = now + kPinWaitMs;
}

void NameServer::finish(std::uint32_t number, dns::Outcome outcome) {
  const auto found = lookups_.find(number);
  const Lookup lookup = std::move(found->second);
  lookups_.erase(found);
  --apps_.at(lookup.asker.app).lookups;
  const Decision told =
      outcome == dns::Outcome::ok ? lookup.decision.value_or(Decision{}) : Decision{};
  reply(lookup.asker, dns::encode_reply(lookup.query, outcome, told.addresses, told.lifetime_s));
}

void NameServer::reply(const Asker& asker, ByteView message) {
  if (!asker.connection) {
    (void)!::sendto(apps_.at(asker.app).datagrams.get(), message.data(), message.size(),
                    MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&asker.from),
                    sizeof asker.from);
    return;
  }
  const auto connection = connections_.find(*asker.connection);
  if (connection == connections_.end()) return;
  ByteWriter out;
  out.sized<std::uint16_t>(message);
  // It is the first on its connection: there is room, or the app has lost it.
  (void)!::send(connection->second.socket.get(), out.bytes().data(), out.size(),
                MSG_DONTWAIT | MSG_NOSIGNAL);
  end_connection(*asker.connection);
}

void NameServer::refuse(App& app, const std::string& name) {
  if (app.refused.empty()) app.report_ms = std::max(app.report_ms, clock_.steady_ms());
  const bool known = app.refused.contains(name);
  ++app.refused[known || app.refused.size() < kRefusedNamesPerApp ? name : std::string()];
}

void NameServer::report_refused(std::uint32_t number, App& app, std::int64_t now_ms) {
  if (app.refused.empty() || now_ms < app.report_ms) return;
  app.report_ms = now_ms + kRefusedReportMs;
  while (!app.refused.empty()) {
    const auto first = app.refused.begin();
    const RefusedName told{.app = number, .attempts = first->second, .name = first->first};
    if (!launcher_.send(encode(told), 0)) return;  // later
    app.refused.erase(first);
  }
}

void NameServer::pass_deadlines(std::int64_t now_ms) {
  std::vector<std::uint32_t> due;
  for (const auto& [number, lookup] : lookups_)
    if (now_ms >= lookup.deadline_ms()) due.push_back(number);
  for (const std::uint32_t number : due) proceed(number);
  due.clear();
  for (const auto& [number, connection] : connections_)
    if (!connection.asked && now_ms >= connection.deadline_ms) due.push_back(number);
  for (const std::uint32_t number : due) end_connection(number);
  for (auto& [number, app] : apps_) report_refused(number, app, now_ms);
}

}  // namespace pavise::device
