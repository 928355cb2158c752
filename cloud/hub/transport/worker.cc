#include "cloud/hub/transport/worker.h"

#include <malloc.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "cloud/hub/amqp/session.h"
#include "cloud/hub/http/http_session.h"
#include "cloud/hub/session/session.h"
#include "protocol/iothub/fault.h"
#include "protocol/websocket/handshake.h"

namespace pavise::hub {
namespace {

constexpr int kEventsPerTurn = 64;
constexpr int kAcceptsPerTurn = 64;
constexpr int kReceivesPerTurn = 4;  // then the others' turn
constexpr std::size_t kReceiveBuffer = 64UL * 1024;
constexpr std::size_t kPlainBuffer = 17UL * 1024;  // more than one TLS record
constexpr std::size_t kBatchBytesMax = 64UL * 1024 * 1024;
constexpr std::int64_t kAcceptPauseMs = 200;
// So many handshakes at once are a storm, after which memory is given back, at most this often.
constexpr std::size_t kStormHandshakes = 256;
constexpr std::int64_t kGiveBackEveryMs = 10'000;
constexpr std::uint64_t kInboxTag = UINT64_MAX;
// Listeners have the tags below: kFirstListenerTag, one less for the next.
constexpr std::uint64_t kFirstListenerTag = UINT64_MAX - 1;
constexpr std::size_t kListenersMax = 8;
constexpr std::uint16_t kAmqpsPort = 5671;

std::uint64_t tag_of(ConnectionRef connection) {
  return std::uint64_t{connection.generation} << 32U | connection.slot;
}

bool watch_fd(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  return ::epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

Worker::Worker(WorkerShared shared, std::uint32_t number, std::vector<Listener> listeners,
               Socket epoll)
    : shared_(shared),
      number_(number),
      listeners_(std::move(listeners)),
      epoll_(std::move(epoll)),
      receive_buffer_(kReceiveBuffer),
      plain_buffer_(kPlainBuffer) {}

Worker::~Worker() = default;

Result<std::unique_ptr<Worker>> Worker::create(WorkerShared shared, std::uint32_t number,
                                               std::vector<Listener> listeners) {
  PAVISE_CHECK(listeners.size() <= kListenersMax);
  PAVISE_TRY_ASSIGN(Socket epoll, make_epoll());
  const int inbox = shared.inboxes[number]->event_fd();
  if (!watch_fd(epoll.get(), EPOLL_CTL_ADD, inbox, EPOLLIN, kInboxTag))
    return Error(kHubStartFailed, "epoll_ctl");
  std::uint64_t tag = kFirstListenerTag;
  for (const Listener& listener : listeners)
    if (!watch_fd(epoll.get(), EPOLL_CTL_ADD, listener.socket.get(), EPOLLIN, tag--))
      return Error(kHubStartFailed, "epoll_ctl");
  return std::unique_ptr<Worker>(
      new Worker(shared, number, std::move(listeners), std::move(epoll)));
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  shared_.inboxes[number_]->post(StopWorker{});
  thread_.join();
}

SessionNow Worker::now() const {
  return {shared_.clock.steady_ms(), shared_.clock.now_ms()};
}

void Worker::run() {
  while (!stopping_) turn();
  for (const auto& connection : connections_) {
    if (!connection) continue;
    end(*connection, kServerStopping);
    deliver(*connection);
  }
  hand_batch_to_log();  // wills
  bury();
}

int Worker::wait_ms() const {
  if (!batch_.empty() || !ended_.empty()) return 0;
  std::int64_t due = timers_.empty() ? INT64_MAX : timers_.top().due_ms;
  if (!accepting_) due = std::min(due, accept_again_ms_);
  if (due == INT64_MAX) return -1;
  return static_cast<int>(std::clamp<std::int64_t>(due - shared_.clock.steady_ms(), 0, 60'000));
}

void Worker::turn() {
  epoll_event events[kEventsPerTurn];
  const int wait = wait_ms();
  if (turn_begun_us_ != 0) counters_.busy_us.add(metrics::steady_us() - turn_begun_us_);
  const int count = ::epoll_wait(epoll_.get(), events, kEventsPerTurn, wait);
  turn_begun_us_ = metrics::steady_us();
  for (int i = 0; i < count; ++i) {
    const std::uint64_t tag = events[i].data.u64;
    if (tag <= kFirstListenerTag && tag > kFirstListenerTag - listeners_.size()) {
      accept_some(listeners_[kFirstListenerTag - tag]);
    } else if (tag == kInboxTag) {
      for (Message& message : shared_.inboxes[number_]->take())
        std::visit([this](auto& m) { handle(m); }, message);
    } else {
      const auto slot = static_cast<std::uint32_t>(events[i].data.u64);
      const auto generation = static_cast<std::uint32_t>(events[i].data.u64 >> 32U);
      Connection* connection = find({number_, slot, generation});
      if (connection != nullptr) on_ready(*connection, events[i].events);
    }
  }
  run_timers();
  resume_accepting_if_due();
  bury();
  give_memory_back_if_due();
  hand_batch_to_log();
  // What a session writes goes out before another one's step, or it would reach the other's client.
  PAVISE_CHECK(plain_out_.empty());
}

// A handshake needs twice the memory of a connection; the allocator would keep for ever what many
// needed at once.
void Worker::give_memory_back_if_due() {
  handshaking_most_ = std::max(handshaking_most_, handshaking_);
  if (handshaking_ != 0 || handshaking_most_ < kStormHandshakes) return;
  const std::int64_t now_ms = shared_.clock.steady_ms();
  if (now_ms < give_back_again_ms_) return;
  handshaking_most_ = 0;
  give_back_again_ms_ = now_ms + kGiveBackEveryMs;
  ::malloc_trim(0);
}

// --- Accepting ---------------------------------------------------------------------------------

void Worker::accept_some(const Listener& listener) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    Socket socket(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.get() >= 0) {
      adopt(std::move(socket), listener.protocol);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
      pause_accepting();
    if (errno != EINTR && errno != ECONNABORTED) return;
  }
}

void Worker::pause_accepting() {
  // Out of descriptors: a listener that stays ready would spin the loop.
  watch_listeners(0);
  accepting_ = false;
  accept_again_ms_ = shared_.clock.steady_ms() + kAcceptPauseMs;
}

void Worker::resume_accepting_if_due() {
  if (accepting_ || shared_.clock.steady_ms() < accept_again_ms_) return;
  watch_listeners(EPOLLIN);
  accepting_ = true;
}

void Worker::watch_listeners(std::uint32_t events) {
  std::uint64_t tag = kFirstListenerTag;
  for (const Listener& listener : listeners_)
    watch_fd(epoll_.get(), EPOLL_CTL_MOD, listener.socket.get(), events, tag--);
}

void Worker::adopt(Socket socket, Protocol protocol) {
  counters_.accepted.add();
  if (handshaking_ >= shared_.options.handshakes_max ||
      shared_.open_connections.load(std::memory_order_relaxed) >= shared_.options.connections_max) {
    counters_.refused_by_limit.add();
    return;
  }
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(connections_.size());
    connections_.emplace_back();
    generations_.push_back(0);
    devices_at_.push_back(0);
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  const ConnectionRef self{number_, slot, ++generations_[slot]};
  devices_at_[slot] = 0;
  const std::int64_t deadline = shared_.clock.steady_ms() + kHandshakeTimeoutMs;
  connections_[slot] =
      std::make_unique<Connection>(*this, self, protocol, std::move(socket), shared_.tls, deadline);
  Connection& connection = *connections_[slot];
  if (shared_.options.on_session || shared_.options.on_closed || shared_.options.on_refused)
    connection.peer = peer_address(connection.socket.get());
  shared_.open_connections.fetch_add(1, std::memory_order_relaxed);
  ++handshaking_;
  connection.epoll_events = EPOLLIN;
  if (!watch_fd(epoll_.get(), EPOLL_CTL_ADD, connection.socket.get(), EPOLLIN, tag_of(self)))
    return end(connection, Error(kPeerClosed, "epoll_ctl"));
  set_timer(connection);
  receive(connection);  // the ClientHello has often come already
}

// --- Reading -----------------------------------------------------------------------------------

void Worker::on_ready(Connection& connection, std::uint32_t events) {
  if (connection.ended) return;
  if ((events & EPOLLOUT) != 0) {
    if (!connection.flush()) return end(connection, kReaderTooSlow);
    note_blocked(connection);
  }
  if (connection.paused) {
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) end(connection, kPeerClosed);
  } else if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
    receive(connection);
  }
  watch(connection);
}

void Worker::receive(Connection& connection) {
  for (int i = 0; i < kReceivesPerTurn && !connection.ended && !connection.paused; ++i) {
    const ssize_t n =
        ::recv(connection.socket.get(), receive_buffer_.data(), receive_buffer_.size(), 0);
    if (n == 0) {
      end(connection, kPeerClosed);
      break;
    }
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        end(connection, Error(kPeerClosed, std::generic_category().message(errno)));
      break;
    }
    const auto size = static_cast<std::size_t>(n);
    counters_.received_bytes.add(size);
    take_ciphertext(connection, ByteView(receive_buffer_).first(size));
    if (size < receive_buffer_.size()) break;  // the socket is empty
  }
  deliver(connection);
}

void Worker::take_ciphertext(Connection& connection, ByteView in) {
  if (!connection.session) {
    const auto step = connection.tls.handshake(in, cipher_out_);
    if (step == TlsStream::Step::failed) {
      counters_.handshakes_failed.add();
      return end(connection, Error(kTlsFailed, connection.tls.failure()));
    }
    if (step == TlsStream::Step::need_more) return;
    finish_handshake(connection);
  }
  ProtocolSession& session = *connection.session;
  while (!connection.ended) {
    if (!session.wants_input()) {
      connection.paused = true;
      connection.stash.assign(in.begin(), in.end());
      return;
    }
    std::size_t size = 0;
    const auto step = connection.tls.read(in, plain_buffer_, size, cipher_out_);
    if (step == TlsStream::Step::need_more) return;
    if (step == TlsStream::Step::failed)
      return end(connection, Error(kPeerClosed, connection.tls.failure()));
    session.on_bytes(ByteView(plain_buffer_).first(size), now(), plain_out_);
    note_established(connection);
    if (session.closed()) return end(connection, *session.closed());
    set_timer(connection);
  }
}

void Worker::finish_handshake(Connection& connection) {
  (connection.tls.resumed() ? counters_.handshakes_resumed : counters_.handshakes_full).add();
  connection.session = make_session(connection);
  set_timer(connection);
}

std::unique_ptr<ProtocolSession> Worker::make_session(Connection& connection) {
  const auto make = [this, &connection](Protocol protocol,
                                        SessionNow at) -> std::unique_ptr<ProtocolSession> {
    if (protocol == Protocol::mqtt) return std::make_unique<Session>(connection, at);
    return std::make_unique<AmqpSession>(
        AmqpOptions{.connection_id = std::to_string(lock_owner(connection)),
                    .port = shared_.options.amqp_port.value_or(kAmqpsPort)},
        connection, connection, at);
  };
  if (connection.protocol != Protocol::https) return make(connection.protocol, now());
  return std::make_unique<HttpSession>(
      connection,
      [make, &connection](std::string_view subprotocol, SessionNow at) {
        const bool mqtt = subprotocol == websocket::kMqtt;
        connection.spoken = mqtt ? Spoken::mqtt_websocket : Spoken::amqp_websocket;
        return make(mqtt ? Protocol::mqtt : Protocol::amqp, at);
      },
      now());
}

// A client that has proved something makes room for the next stranger.
void Worker::note_established(Connection& connection) {
  if (connection.established || !connection.session->established()) return;
  connection.established = true;
  connection.counted_as = connection.spoken;
  --handshaking_;
  counters_.sessions.add();
  if (connection.counters == nullptr) connection.counters = &hub_counters_.of_none();
  connection.counters->connects[static_cast<std::size_t>(connection.counted_as)].add();
  report(shared_.options.on_session, connection, nullptr);
}

void Worker::resume_reading(Connection& connection) {
  if (!connection.paused || connection.ended || !connection.session->wants_input()) return;
  connection.paused = false;
  const Bytes stash = std::exchange(connection.stash, {});
  take_ciphertext(connection, stash);
}

// --- Writing -----------------------------------------------------------------------------------

// Sends what the session wrote in this turn, as one record and one system call.
void Worker::deliver(Connection& connection) {
  append(plain_out_, std::exchange(connection.farewell, {}));
  if (!plain_out_.empty()) {
    if (connection.tls.write(plain_out_, cipher_out_) == TlsStream::Step::failed)
      end(connection, Error(kPeerClosed, connection.tls.failure()));
    plain_out_.clear();
  }
  const bool cut = connection.ended && connection.ended->is(iothub::kFaultCutsTcp);
  if (connection.ended && !cut) connection.tls.close_notify(cipher_out_);
  if (!cipher_out_.empty()) {
    counters_.sent_bytes.add(cipher_out_.size());
    if (!connection.send(cipher_out_)) end(connection, kReaderTooSlow);
    cipher_out_.clear();
  }
  if (cut) reset_on_close(connection.socket);
  note_blocked(connection);
  watch(connection);
}

// What can wait is held back while the client does not read, instead of being buffered here.
void Worker::note_blocked(Connection& connection) {
  if (connection.ended || !connection.session) return;
  if (connection.blocked == connection.has_outbound()) return;
  connection.blocked = connection.has_outbound();
  connection.session->set_output_blocked(connection.blocked, plain_out_);
  after_step(connection);
}

void Worker::watch(Connection& connection) {
  if (connection.ended) return;
  const std::uint32_t wanted =
      (connection.paused ? 0U : static_cast<std::uint32_t>(EPOLLIN)) |
      (connection.has_outbound() ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  if (wanted == connection.epoll_events) return;
  if (!watch_fd(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), wanted,
                tag_of(connection.self)))
    return end(connection, Error(kPeerClosed, "epoll_ctl"));
  connection.epoll_events = wanted;
}

// --- Ending ------------------------------------------------------------------------------------

void Worker::end(Connection& connection, Error reason) {
  if (connection.ended) return;
  if (connection.session)
    connection.session->close(reason, connection.farewell);  // leaves the will
  connection.ended = std::move(reason);
  ended_.push_back(connection.self);
}

void Worker::bury() {
  for (const ConnectionRef ref : std::exchange(ended_, {})) {
    const std::unique_ptr<Connection> connection = std::move(connections_[ref.slot]);
    free_slots_.push_back(ref.slot);
    counters_.closed.add();
    shared_.open_connections.fetch_sub(1, std::memory_order_relaxed);
    if (!connection->established) --handshaking_;
    count_end(*connection);
    for (const Connection::Attached& one : connection->attached)
      if (shared_.table.remove(one.identity, ref))
        shared_.data.note_connection(one.identity, false);
    if (!connection->attached.empty()) shared_.methods.on_connection_ended(ref);
    if (connection->claims_partitions) shared_.claims.release_all(ref);
    if (connection->holds_locks) shared_.data.release_messages(lock_owner(*connection));
    report(shared_.options.on_closed, *connection, &*connection->ended);
  }
}

// What follows each step of a session that did not begin with bytes from its client.
void Worker::after_step(Connection& connection) {
  note_established(connection);
  if (connection.session->closed()) {
    end(connection, *connection.session->closed());
  } else {
    resume_reading(connection);
    set_timer(connection);
  }
  deliver(connection);
}

// --- Messages ----------------------------------------------------------------------------------

Connection* Worker::find(ConnectionRef ref) {
  if (ref.slot >= connections_.size()) return nullptr;
  Connection* connection = connections_[ref.slot].get();
  if (connection == nullptr || !(connection->self == ref) || connection->ended) return nullptr;
  return connection;
}

// A walk over all connections, of which the bits let pass what is of other devices: an index by
// device would cost every one of them more. Each write to a registry comes by here.
void Worker::handle(EndOfRights& message) {
  const RightsChanged& change = *message.change;
  const bool whole_hub = change.device.empty() && change.hub.has_value();
  const std::uint64_t bit = device_bit(change.device);
  const auto concerned = [&](const Connection::Attached& one) {
    return change.concerns(one.identity);
  };
  for (std::size_t slot = 0; slot < connections_.size(); ++slot) {
    if (!whole_hub && (devices_at_[slot] & bit) == 0) continue;
    Connection* const connection = connections_[slot].get();
    if (connection == nullptr || connection->ended || !connection->session) continue;
    const bool by_policy = whole_hub && std::ranges::find(connection->policies_of, *change.hub) !=
                                            connection->policies_of.end();
    if (!by_policy && std::ranges::none_of(connection->attached, concerned) &&
        std::ranges::none_of(connection->proved, concerned))
      continue;
    if (whole_hub) {
      end(*connection, change.reason);
    } else {
      connection->session->on_rights_changed(change, now(), plain_out_);
    }
    after_step(*connection);
  }
}

void Worker::handle(ForSession& message) {
  Connection* connection = find(message.connection);
  if (connection == nullptr || !connection->session) return;
  const auto* offered = std::get_if<MessageOffered>(&message.event);
  if (offered != nullptr && offered->message && *offered->message &&
      connection->counters != nullptr) {
    connection->counters->messages_out.add();
    connection->counters->bytes_out.add((*offered->message)->payload.size());
  }
  tell(*connection, std::move(message.event));
}

void Worker::tell(Connection& connection, SessionEvent event) {
  connection.session->on_event(event, now(), plain_out_);
  after_step(connection);
}

void Worker::handle(ServiceQueueFilled& message) {
  for (const auto& connection : connections_)
    if (connection != nullptr && !connection->ended && connection->waits_for_service_messages)
      tell(*connection, ServiceMessageWaiting{message.hub, message.queue});
}

void Worker::wake_event_readers() {
  for (const ConnectionRef ref : std::exchange(event_readers_, {})) {
    Connection* connection = find(ref);
    if (connection == nullptr) continue;
    connection->waits_for_events = false;
    tell(*connection, EventsArrived{});
  }
}

void Worker::handle(StopWorker&) {
  stopping_ = true;
}

// --- Records -----------------------------------------------------------------------------------

Result<std::uint64_t> Worker::queue_record(Connection& from, const RecordView& record) {
  // Not handed over here: that may end connections, and this one is in the middle of its turn.
  if (batch_.size_bytes() >= kBatchBytesMax) return kLogBusy;
  PAVISE_TRY(batch_.add(record));
  counters_.messages.add();
  counters_.message_bytes.add(record.payload.size());
  if (from.counters != nullptr) {
    from.counters->messages_in.add();
    from.counters->bytes_in.add(record.payload.size());
  }
  if (from.attached.size() > 1) note_sender(record);
  if (from.last_batch != batch_number_) {
    from.last_batch = batch_number_;
    batch_connections_.push_back(from.self);
  }
  return next_record_++;
}

void Worker::hand_batch_to_log() {
  if (batch_.empty()) return;
  note_batch_senders();
  Commit commit{0, batch_first_record_, next_record_, turn_begun_us_,
                std::exchange(batch_connections_, {})};
  batch_first_record_ = next_record_;
  ++batch_number_;
  const auto range = shared_.log.append(batch_);
  if (range) {
    commit.end = range->end;
    commits_.push_back(std::move(commit));
  } else {
    batch_.clear();
    fail_commit(commit);
    bury();
  }
}

void Worker::fail_commit(const Commit& commit) {
  counters_.messages_lost.add(commit.number_end - commit.number_begin);
  for (const ConnectionRef ref : commit.connections) {
    Connection* connection = find(ref);
    if (connection == nullptr) continue;
    connection->session->on_not_stored(commit.number_begin, commit.number_end, plain_out_);
    after_step(*connection);
  }
}

void Worker::handle(LogProgress& progress) {
  while (!commits_.empty() && commits_.front().end <= progress.durable_end) {
    const Commit commit = std::move(commits_.front());
    commits_.pop_front();
    counters_.durable_us.add(metrics::steady_us() - commit.begun_us,
                             commit.number_end - commit.number_begin);
    for (const ConnectionRef ref : commit.connections) {
      Connection* connection = find(ref);
      if (connection == nullptr) continue;
      connection->session->on_durable(commit.number_end, plain_out_);
      after_step(*connection);
    }
  }
  if (!progress.error) return wake_event_readers();
  while (!commits_.empty() && commits_.front().end <= progress.failed_end) {
    const Commit commit = std::move(commits_.front());
    commits_.pop_front();
    fail_commit(commit);
  }
}

// --- Time --------------------------------------------------------------------------------------

void Worker::set_timer(Connection& connection) {
  const std::int64_t due = connection.deadline_ms();
  // A later deadline keeps its earlier timer, which then sets itself anew.
  if (connection.timer_ms != 0 && connection.timer_ms <= due) return;
  connection.timer_ms = due;
  timers_.push({due, connection.self.slot, connection.self.generation});
}

void Worker::run_timers() {
  const SessionNow at = now();
  while (!timers_.empty() && timers_.top().due_ms <= at.steady_ms) {
    const Timer timer = timers_.top();
    timers_.pop();
    Connection* connection = find({number_, timer.slot, timer.generation});
    if (connection == nullptr || connection->timer_ms != timer.due_ms) continue;
    connection->timer_ms = 0;
    if (connection->session) {
      connection->session->on_time(at, plain_out_);
      after_step(*connection);
    } else if (at.steady_ms >= connection->deadline_ms()) {
      end(*connection, Error(kConnectTimeout, "during the TLS handshake"));
      deliver(*connection);
    } else {
      set_timer(*connection);
    }
  }
}

}  // namespace pavise::hub
