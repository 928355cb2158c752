// One event loop with its own listener and its own connections, on one thread.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <queue>
#include <thread>
#include <unordered_set>
#include <vector>

#include "cloud/hub/events/event_reader.h"
#include "cloud/hub/events/partition_claims.h"
#include "cloud/hub/ports/gatekeeper.h"
#include "cloud/hub/ports/hub_data.h"
#include "cloud/hub/segment_log/segment_log.h"
#include "cloud/hub/transport/body_room.h"
#include "cloud/hub/transport/connection.h"
#include "cloud/hub/transport/hub_options.h"
#include "cloud/hub/transport/inbox.h"
#include "cloud/hub/transport/method_broker.h"
#include "cloud/hub/transport/metrics.h"
#include "common/base/clock.h"

namespace pavise::hub {

// An identity that sends is noted as active this often.
inline constexpr std::int64_t kNoteActiveEveryMs = 5'000;

// What all workers of a hub share. Everything must outlive them.
struct WorkerShared {
  const HubOptions& options;
  const TlsServer& tls;
  Gatekeeper& gatekeeper;
  SegmentLog& log;
  HubData& data;
  const Clock& clock;
  ConnectionTable& table;
  MethodBroker& methods;
  EventReader& events;
  OperationCounters& operations;
  PartitionClaims<ConnectionRef>& claims;
  std::vector<std::unique_ptr<Inbox>>& inboxes;  // one per worker, by number
  std::atomic<std::uint64_t>& open_connections;
};

// One of 64 bits, by the device's hash: sets of devices that may hold too many, never too few.
inline std::uint64_t device_bit(std::string_view device) {
  return std::uint64_t{1} << (std::hash<std::string_view>{}(device) % 64);
}

struct Listener {
  Protocol protocol;
  Socket socket;
};

class Worker final : public ConnectionHost {
 public:
  // kHubStartFailed.
  static Result<std::unique_ptr<Worker>> create(WorkerShared shared, std::uint32_t number,
                                                std::vector<Listener> listeners);
  ~Worker() override;  // the thread must have been stopped
  void start();
  // Ends every connection, waits for the thread. What was queued is handed to the log.
  void stop();
  const WorkerCounters& counters() const { return counters_; }
  const HubCountersMap& hub_counters() const { return hub_counters_; }

 private:
  struct Timer {
    std::int64_t due_ms;
    std::uint32_t slot;
    std::uint32_t generation;
    bool operator>(const Timer& other) const { return due_ms > other.due_ms; }
  };
  // A batch of records on its way to the disk.
  struct Commit {
    Offset end;                  // durable when the log has reached this
    std::uint64_t number_begin;  // this worker's numbers of its records
    std::uint64_t number_end;
    std::uint64_t begun_us;
    std::vector<ConnectionRef> connections;  // whose records are in it, each once
  };

  Worker(WorkerShared shared, std::uint32_t number, std::vector<Listener> listeners, Socket epoll);

  // ConnectionHost
  Result<Principal> authenticate(Connection& from, const Claim& claim) override;
  void attach(Connection& from, const Principal& principal, Channels channels) override;
  void detach(Connection& from, const iothub::Identity& identity, Channels channels) override;
  void note_refusal(Connection& from, std::string_view device, std::string_view tracking_id,
                    const Error& why) override;
  void leave(Connection& from, const iothub::Identity& identity) override;
  Result<std::uint64_t> queue_record(Connection& from, const RecordView& record) override;
  void ask_twin(Connection& from, const iothub::Identity& identity, TwinRequest request,
                Token token) override;
  void answer_method(Connection& from, std::uint64_t call, Result<MethodReply> reply) override;
  void next_message(Connection& from, const iothub::Identity& identity, Token token) override;
  void settle_message(Connection& from, const iothub::Identity& identity,
                      const std::string& lock_token, Settlement settlement, Token token) override;
  ConnectionTable& table() override { return shared_.table; }
  void keep_subscriptions(const iothub::Identity& identity, std::uint8_t subscriptions) override {
    shared_.data.keep_subscriptions(identity, subscriptions);
  }
  void send_message(Connection& from, const iothub::HubName& hub, MessageToDevice message,
                    Token token) override;
  void next_service_message(Connection& from, const iothub::HubName& hub, ServiceQueue queue,
                            Token token) override;
  void settle_service_message(Connection& from, const iothub::HubName& hub, ServiceQueue queue,
                              const std::string& lock_token, Settlement settlement,
                              Token token) override;
  HubData::HubFacts facts(const iothub::HubName& hub) override { return shared_.data.facts(hub); }
  void describe_partition(Connection& from, const iothub::HubName& hub, unsigned partition,
                          Token token) override;
  void find_offset(Connection& from, const iothub::HubName& hub, unsigned partition,
                   UnixMillis at_or_after, Token token) override;
  void read_events(Connection& from, const iothub::HubName& hub, const EventQuery& query,
                   Token token) override;
  PartitionGrant claim_partition(Connection& from, const iothub::HubName& hub,
                                 const std::string& consumer_group, unsigned partition,
                                 std::optional<std::int64_t> epoch, Token reader) override;
  void release_partition(Connection& from, const iothub::HubName& hub,
                         const std::string& consumer_group, unsigned partition,
                         Token reader) override;
  void serve(Connection& from, HttpRequest request, Token token) override;
  std::optional<HttpHeadVerdict> judge(const HttpHead& head) override;
  bool take_body_room(std::size_t bytes, HttpBodyKind kind, const std::string& owner) override {
    return body_room_.take(bytes, kind, owner);
  }
  void give_body_room(std::size_t bytes, HttpBodyKind kind, const std::string& owner) override {
    body_room_.give(bytes, kind, owner);
  }

  void run();
  void turn();
  int wait_ms() const;
  SessionNow now() const;

  void accept_some(const Listener& listener);
  void watch_listeners(std::uint32_t events);
  void pause_accepting();
  void resume_accepting_if_due();
  void give_memory_back_if_due();
  void adopt(Socket socket, Protocol protocol);

  void on_ready(Connection& connection, std::uint32_t events);
  void receive(Connection& connection);
  void take_ciphertext(Connection& connection, ByteView in);
  void finish_handshake(Connection& connection);
  std::unique_ptr<ProtocolSession> make_session(Connection& connection);
  void note_established(Connection& connection);
  void resume_reading(Connection& connection);
  void deliver(Connection& connection);
  void note_blocked(Connection& connection);
  void watch(Connection& connection);
  void end(Connection& connection, Error reason);
  void bury();

  void handle(LogProgress& progress);
  void handle(EndOfRights& message);
  void handle(ForSession& message);
  void handle(ServiceQueueFilled& message);
  void handle(StopWorker& message);

  void tell(Connection& connection, SessionEvent event);
  void after_step(Connection& connection);
  void wake_event_readers();
  PartitionKey partition_key(const iothub::HubName& hub, unsigned partition) const;
  // Hands the answer to a session's request, if the session is still there.
  template <class Event, class T>
  std::function<void(Result<T>)> answer_with(const Connection& from, Token token);

  void note_active(Connection& from, const iothub::Identity& identity);
  void note_sender(const RecordView& record);
  void note_proved(Connection& from, const Principal& principal);
  void note_batch_senders();
  void hand_batch_to_log();
  void fail_commit(const Commit& commit);
  void set_timer(Connection& connection);
  void run_timers();
  Connection* find(ConnectionRef connection);
  LockOwner lock_owner(const Connection& connection) const;
  void count_end(const Connection& connection);
  HubEvent event_of(const Connection& connection) const;
  void report(const std::function<void(const HubEvent&)>& listener, const Connection& connection,
              const Error* reason) const;

  WorkerShared shared_;
  const std::uint32_t number_;
  std::vector<Listener> listeners_;
  Socket epoll_;
  std::thread thread_;
  bool stopping_ = false;

  std::vector<std::unique_ptr<Connection>> connections_;  // by slot
  std::vector<std::uint32_t> generations_;                // by slot
  std::vector<std::uint64_t> devices_at_;                 // by slot: device_bit() of all attached
  std::vector<std::uint32_t> free_slots_;
  std::vector<ConnectionRef> ended_;  // to close at the end of the turn
  std::size_t handshaking_ = 0;
  std::size_t handshaking_most_ = 0;  // since memory was given back
  std::int64_t give_back_again_ms_ = 0;
  BodyRoom body_room_;
  std::vector<ConnectionRef> event_readers_;  // that found nothing more; told when there is
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  bool accepting_ = true;
  std::int64_t accept_again_ms_ = 0;

  RecordBatch batch_;
  std::uint64_t batch_number_ = 1;
  std::uint64_t next_record_ = 0;
  std::uint64_t batch_first_record_ = 0;
  std::vector<ConnectionRef> batch_connections_;
  std::unordered_set<std::uint64_t> senders_;  // noted as active since senders_since_ms_, by hash
  std::int64_t senders_since_ms_ = 0;
  std::deque<Commit> commits_;

  Bytes plain_out_;   // scratch of one turn: session output
  Bytes cipher_out_;  // scratch of one turn: TLS output
  Bytes receive_buffer_;
  Bytes plain_buffer_;
  std::uint64_t turn_begun_us_ = 0;
  WorkerCounters counters_;
  HubCountersMap hub_counters_;
};

}  // namespace pavise::hub
