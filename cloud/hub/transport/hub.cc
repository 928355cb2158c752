#include "cloud/hub/transport/hub.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "cloud/hub/transport/worker.h"

namespace pavise::hub {

namespace {
constexpr std::int64_t kReopenEveryMs = 1'000;
constexpr unsigned kEventThreads = 2;
constexpr std::size_t kMethodNameShownMax = 100;
}  // namespace

class Hub::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(HubOptions options, std::unique_ptr<TlsServer> tls, Gatekeeper& gatekeeper, SegmentLog& log,
       HubData& data, const Clock& clock)
      : options_(std::move(options)),
        tls_(std::move(tls)),
        gatekeeper_(gatekeeper),
        log_(log),
        data_(data),
        clock_(clock),
        events_(std::make_unique<EventReader>(log, options_.retention, kEventThreads)) {}
  ~Core() { stop(); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status start();
  void stop();
  std::uint16_t port() const { return port_; }
  std::uint16_t amqp_port() const { return amqp_port_; }
  std::uint16_t https_port() const { return https_port_; }
  void invoke_method(MethodInvocation invocation, MethodBroker::Done done);
  void tell(const iothub::Identity& identity, Channel channel, SessionEvent event);
  void tell_services(const iothub::HubName& hub, ServiceQueue queue);
  ConnectionTable& table() { return table_; }
  HubMetrics metrics() const;
  std::map<std::string, HubActivity, std::less<>> activity() const;
  void count_anew(const iothub::HubName& hub);
  OperationCounters& operations() { return operations_; }

 private:
  Status make_workers();
  Status listen(Protocol protocol, std::uint16_t& port, std::vector<Listener>& listeners) const;
  void hear_of_rights();
  void keep();
  void wake_keeper();
  std::map<std::string, HubActivity, std::less<>> counted() const;

  struct CountedAnew {
    HubActivity before;
    std::uint64_t since_us;
  };
  const HubOptions options_;
  const std::unique_ptr<TlsServer> tls_;
  Gatekeeper& gatekeeper_;
  SegmentLog& log_;
  HubData& data_;
  const Clock& clock_;
  ConnectionTable table_;
  OperationCounters operations_;
  mutable std::mutex anew_mutex_;
  std::map<std::string, CountedAnew, std::less<>> anew_;  // of hubs with earlier ones
  std::atomic<std::uint64_t> open_connections_{0};
  std::uint16_t port_ = 0;
  std::uint16_t amqp_port_ = 0;
  std::uint16_t https_port_ = 0;
  std::vector<std::unique_ptr<Inbox>> inboxes_;
  MethodBroker methods_{clock_, table_,
                        [this](ConnectionRef to, MethodCalled event) {
                          inboxes_[to.worker]->post(ForSession{to, std::move(event)});
                        },
                        [this] { wake_keeper(); }};
  PartitionClaims<ConnectionRef> claims_;
  std::unique_ptr<EventReader> events_;  // ends first: its answers go into the inboxes
  std::vector<std::unique_ptr<Worker>> workers_;
  std::uint64_t log_subscription_ = 0;

  std::mutex keeper_mutex_;
  std::condition_variable keeper_wakes_;
  bool log_failed_ = false;
  bool calls_changed_ = false;
  bool stopped_ = false;
  std::thread keeper_;
};

Status Hub::Core::start() {
  PAVISE_TRY(data_.restore_subscriptions(
      [this](const iothub::Identity& identity, std::uint8_t subscriptions) {
        table_.store_subscriptions(identity, subscriptions);
      }));
  PAVISE_TRY(make_workers());
  hear_of_rights();
  log_subscription_ = log_.subscribe([this](const LogProgress& progress) {
    for (const auto& inbox : inboxes_) inbox->post(progress);
    if (!progress.error) return;
    const std::lock_guard lock(keeper_mutex_);
    log_failed_ = true;
    keeper_wakes_.notify_all();
  });
  {
    const std::lock_guard lock(keeper_mutex_);
    log_failed_ = log_failed_ || log_.failure().has_value();
  }
  keeper_ = std::thread([this] { keep(); });
  for (const auto& worker : workers_) worker->start();
  return {};
}

Status Hub::Core::make_workers() {
  unsigned threads = options_.threads;
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < threads; ++i) {
    PAVISE_TRY_ASSIGN(auto inbox, Inbox::create());
    inboxes_.push_back(std::move(inbox));
  }
  port_ = options_.port;
  amqp_port_ = options_.amqp_port.value_or(0);
  https_port_ = options_.https_port.value_or(0);
  for (unsigned i = 0; i < threads; ++i) {
    std::vector<Listener> listeners;
    PAVISE_TRY(listen(Protocol::mqtt, port_, listeners));
    if (options_.amqp_port) PAVISE_TRY(listen(Protocol::amqp, amqp_port_, listeners));
    if (options_.https_port) PAVISE_TRY(listen(Protocol::https, https_port_, listeners));
    const WorkerShared shared{options_, *tls_,    gatekeeper_,      log_,     data_,
                              clock_,   table_,   methods_,         *events_, operations_,
                              claims_,  inboxes_, open_connections_};
    PAVISE_TRY_ASSIGN(auto worker, Worker::create(shared, i, std::move(listeners)));
    workers_.push_back(std::move(worker));
  }
  return {};
}

// The first thread may take any free port; the others share it.
Status Hub::Core::listen(Protocol protocol, std::uint16_t& port,
                         std::vector<Listener>& listeners) const {
  PAVISE_TRY_ASSIGN(Socket socket, listen_on(options_.address, port));
  PAVISE_TRY_ASSIGN(port, local_port(socket));
  listeners.push_back({protocol, std::move(socket)});
  return {};
}

void Hub::Core::hear_of_rights() {
  // There is no way to unsubscribe, so the callback must bear that the hub is gone.
  gatekeeper_.subscribe([weak = weak_from_this()](const RightsChanged& change) {
    const auto core = weak.lock();
    if (core == nullptr) return;
    const auto shared = std::make_shared<const RightsChanged>(change);
    for (const auto& inbox : core->inboxes_) inbox->post(EndOfRights{shared});
  });
}

// What is due by time: method calls, and the log's way back. While the disk is full the log refuses
// records; devices keep their messages and come again, so nothing but a retry is needed.
void Hub::Core::keep() {
  std::unique_lock lock(keeper_mutex_);
  std::int64_t reopen_ms = INT64_MAX;
  std::int64_t calls_ms = INT64_MAX;
  while (!stopped_) {
    const std::int64_t now_ms = clock_.steady_ms();
    if (log_failed_ && reopen_ms == INT64_MAX) reopen_ms = now_ms + kReopenEveryMs;
    const std::int64_t wait_ms = std::min(reopen_ms, calls_ms) - now_ms;
    const auto woken = [this] { return stopped_ || calls_changed_; };
    if (wait_ms > 24L * 3600 * 1000) {
      keeper_wakes_.wait(lock, [&] { return woken() || (log_failed_ && reopen_ms == INT64_MAX); });
    } else {
      keeper_wakes_.wait_for(lock, std::chrono::milliseconds(std::max<std::int64_t>(0, wait_ms)),
                             woken);
    }
    calls_changed_ = false;
    lock.unlock();
    calls_ms = methods_.expire();
    const bool due = clock_.steady_ms() >= reopen_ms;
    const auto failure = due ? log_.failure() : std::nullopt;
    // Any other failure than a full disk is a person's task.
    const bool again = failure && failure->is(kDiskFull) && !log_.reopen().has_value();
    lock.lock();
    if (!due) continue;
    reopen_ms = INT64_MAX;
    log_failed_ = again;
  }
}

void Hub::Core::stop() {
  {
    const std::lock_guard lock(keeper_mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  keeper_wakes_.notify_all();
  if (keeper_.joinable()) keeper_.join();
  methods_.end_all(Error(kHubStopped));
  for (const auto& worker : workers_) worker->stop();
  events_.reset();
  if (log_subscription_ != 0) log_.unsubscribe(log_subscription_);
}

void Hub::Core::tell(const iothub::Identity& identity, Channel channel, SessionEvent event) {
  if (const auto connection = table_.find(identity, channel))
    inboxes_[connection->worker]->post(ForSession{*connection, std::move(event)});
}

void Hub::Core::tell_services(const iothub::HubName& hub, ServiceQueue queue) {
  for (const auto& inbox : inboxes_) inbox->post(ServiceQueueFilled{hub, queue});
}

void Hub::Core::invoke_method(MethodInvocation invocation, MethodBroker::Done done) {
  SlowOperation noted{.operation = Operation::method,
                      .device = invocation.identity.client_id(),
                      .name = invocation.name.substr(0, kMethodNameShownMax),
                      .begun_us = metrics::steady_us()};
  auto hub = invocation.identity.hub();
  methods_.invoke(std::move(invocation),
                  [this, hub = std::move(hub), noted = std::move(noted),
                   done = std::move(done)](Result<MethodReply> reply) mutable {
                    noted.us = metrics::steady_us() - noted.begun_us;
                    noted.at_ms = clock_.now_ms();
                    if (!reply) noted.failure = &reply.error().info();
                    operations_.note(hub, std::move(noted));
                    done(std::move(reply));
                  });
}

void Hub::Core::wake_keeper() {
  const std::lock_guard lock(keeper_mutex_);
  calls_changed_ = true;
  keeper_wakes_.notify_all();
}

HubMetrics Hub::Core::metrics() const {
  HubMetrics sum;
  for (const auto& worker : workers_) worker->counters().add_to(sum);
  sum.open_connections = open_connections_.load(std::memory_order_relaxed);
  sum.method_calls_waiting = methods_.waiting();
  return sum;
}

std::map<std::string, HubActivity, std::less<>> Hub::Core::activity() const {
  auto sums = counted();
  const std::lock_guard lock(anew_mutex_);
  for (const auto& [hub, anew] : anew_)
    if (const auto found = sums.find(hub); found != sums.end())
      take_off(found->second, anew.before, anew.since_us);
  return sums;
}

void Hub::Core::count_anew(const iothub::HubName& hub) {
  auto sums = counted();
  const auto found = sums.find(hub.text());
  if (found == sums.end()) return;
  found->second.slowest.clear();
  const std::lock_guard lock(anew_mutex_);
  anew_.insert_or_assign(hub.text(), CountedAnew{std::move(found->second), metrics::steady_us()});
}

// By name since the start.
std::map<std::string, HubActivity, std::less<>> Hub::Core::counted() const {
  std::map<std::string, HubActivity, std::less<>> sums;
  for (const auto& worker : workers_) worker->hub_counters().add_to(sums);
  operations_.add_to(sums, clock_.now_ms());
  return sums;
}

// --- Hub ---------------------------------------------------------------------------------------

Result<std::unique_ptr<Hub>> Hub::start(HubOptions options, Gatekeeper& gatekeeper, SegmentLog& log,
                                        HubData& data, const Clock& clock) {
  if (options.https_port && options.http == nullptr)
    return Error(kHubStartFailed, "an HTTPS port without anybody who answers");
  PAVISE_TRY_ASSIGN(
      auto tls,
      TlsServer::create({.certificate_chain_pem = options.certificate_chain_pem,
                         .private_key_pem = SecretBytes::copy_of(options.private_key_pem.view()),
                         .session_cache_max = options.connections_max}));
  auto core =
      std::make_shared<Core>(std::move(options), std::move(tls), gatekeeper, log, data, clock);
  PAVISE_TRY(core->start());
  return std::unique_ptr<Hub>(new Hub(std::move(core)));
}

Hub::~Hub() {
  core_->stop();
}

std::uint16_t Hub::port() const {
  return core_->port();
}

void Hub::service_message_waiting(const iothub::HubName& hub, ServiceQueue queue) {
  core_->tell_services(hub, queue);
}

std::uint16_t Hub::amqp_port() const {
  return core_->amqp_port();
}

std::uint16_t Hub::https_port() const {
  return core_->https_port();
}

std::size_t Hub::connected_count(const iothub::HubName& hub) const {
  return core_->table().count(hub);
}

void Hub::stop() {
  core_->stop();
}

void Hub::desired_changed(const iothub::Identity& identity, std::uint64_t version,
                          std::string body) {
  core_->tell(
      identity, Channel::twin,
      DesiredChanged{identity, version, std::make_shared<const std::string>(std::move(body))});
}

void Hub::message_waiting(const iothub::Identity& identity) {
  core_->tell(identity, Channel::messages, MessageWaiting{identity});
}

void Hub::invoke_method(MethodInvocation invocation, MethodBroker::Done done) {
  core_->invoke_method(std::move(invocation), std::move(done));
}

void Hub::forget(const iothub::Identity& identity) {
  core_->table().store_subscriptions(identity, std::nullopt);
}

void Hub::forget(const iothub::HubName& hub) {
  core_->table().drop_subscriptions(hub);
}

std::optional<ConnectionInfo> Hub::connection(const iothub::Identity& identity) const {
  const auto served = core_->table().find(identity);
  if (!served) return std::nullopt;
  return served->info;
}

std::size_t Hub::connected_count() const {
  return core_->table().count();
}

HubMetrics Hub::metrics() const {
  return core_->metrics();
}

std::map<std::string, HubActivity, std::less<>> Hub::activity() const {
  return core_->activity();
}

void Hub::count_anew(const iothub::HubName& hub) {
  core_->count_anew(hub);
}

void Hub::count_refused_call(const iothub::HubName* hub, const ErrorInfo& why) {
  core_->operations().note_refused_call(hub, why);
}

void Hub::count_messages(const iothub::HubName& hub, std::uint64_t count, std::uint64_t bytes) {
  core_->operations().note_messages(hub, count, bytes);
}

}  // namespace pavise::hub
