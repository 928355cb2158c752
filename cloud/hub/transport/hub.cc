#include "cloud/hub/transport/hub.h"

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "cloud/hub/transport/worker.h"

namespace pavise::hub {

namespace {
constexpr std::chrono::milliseconds kReopenEvery{1000};
}

class Hub::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(HubOptions options, std::unique_ptr<TlsServer> tls, security::DeviceAuthority& authority,
       SegmentLog& log, TwinStore& twins, const Clock& clock)
      : options_(std::move(options)),
        tls_(std::move(tls)),
        authority_(authority),
        log_(log),
        clock_(clock),
        twins_(std::make_unique<TwinQueue>(twins)) {}
  ~Core() { stop(); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status start();
  void stop();
  std::uint16_t port() const { return port_; }
  Result<TwinAnswer> execute(TwinCommand command);
  ConnectionTable& table() { return table_; }
  HubMetrics metrics() const;

 private:
  Status make_workers();
  Status trust_issuers();
  void tell_device(const DeviceId& device, const TwinAnswer& answer);
  void keep_log_open();

  const HubOptions options_;
  const std::unique_ptr<TlsServer> tls_;
  security::DeviceAuthority& authority_;
  SegmentLog& log_;
  const Clock& clock_;
  ConnectionTable table_;
  std::atomic<std::uint64_t> open_connections_{0};
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<Inbox>> inboxes_;
  std::mutex twins_mutex_;  // guards the pointer, not the queue
  std::unique_ptr<TwinQueue> twins_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::uint64_t log_subscription_ = 0;

  std::mutex keeper_mutex_;
  std::condition_variable keeper_wakes_;
  bool log_failed_ = false;
  bool stopped_ = false;
  std::thread keeper_;
};

Status Hub::Core::start() {
  PAVISE_TRY(make_workers());
  PAVISE_TRY(trust_issuers());
  log_subscription_ = log_.subscribe([this](const LogProgress& progress) {
    for (const auto& inbox : inboxes_) inbox->post(progress);
    if (!progress.error) return;
    const std::lock_guard lock(keeper_mutex_);
    log_failed_ = true;
    keeper_wakes_.notify_all();
  });
  log_failed_ = log_.failure().has_value();
  keeper_ = std::thread([this] { keep_log_open(); });
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
  for (unsigned i = 0; i < threads; ++i) {
    PAVISE_TRY_ASSIGN(Socket listener, listen_on(options_.address, port_));
    if (i == 0) {
      PAVISE_TRY_ASSIGN(port_, local_port(listener));
    }
    const WorkerShared shared{options_, *tls_,    authority_,       log_, *twins_, clock_,
                              table_,   inboxes_, open_connections_};
    PAVISE_TRY_ASSIGN(auto worker, Worker::create(shared, i, std::move(listener)));
    workers_.push_back(std::move(worker));
  }
  return {};
}

Status Hub::Core::trust_issuers() {
  // There is no way to unsubscribe, so the callbacks must bear that the hub is gone.
  const std::weak_ptr<Core> weak = weak_from_this();
  authority_.subscribe(
      [weak](const DeviceId& device) {
        if (const auto core = weak.lock())
          for (const auto& inbox : core->inboxes_) inbox->post(BarDevice{device});
      },
      [weak](ByteView issuer) {
        // An issuer that is no certificate would be the authority's own mistake.
        if (const auto core = weak.lock()) (void)core->tls_->add_issuer(issuer).has_value();
      });
  for (const Bytes& issuer : authority_.issuer_certificates()) PAVISE_TRY(tls_->add_issuer(issuer));
  return {};
}

// While the disk is full the log refuses records. Devices keep their messages and come again, so
// nothing but a retry is needed once there is space.
void Hub::Core::keep_log_open() {
  std::unique_lock lock(keeper_mutex_);
  for (;;) {
    keeper_wakes_.wait(lock, [this] { return stopped_ || log_failed_; });
    if (keeper_wakes_.wait_for(lock, kReopenEvery, [this] { return stopped_; })) return;
    const auto failure = log_.failure();
    log_failed_ = failure.has_value();
    if (!failure || !failure->is(kDiskFull)) {
      log_failed_ = false;  // a failing disk is a person's task
      continue;
    }
    lock.unlock();
    const bool open = log_.reopen().has_value();
    lock.lock();
    if (open) log_failed_ = false;
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
  for (const auto& worker : workers_) worker->stop();
  if (log_subscription_ != 0) log_.unsubscribe(log_subscription_);
  std::unique_ptr<TwinQueue> twins;
  {
    const std::lock_guard lock(twins_mutex_);
    twins = std::move(twins_);
  }
}

void Hub::Core::tell_device(const DeviceId& device, const TwinAnswer& answer) {
  if (answer.body.empty()) return;
  const auto body = std::make_shared<const std::string>(answer.body);
  for (const ConnectionRef ref : table_.connections_of(device))
    inboxes_[ref.worker]->post(DesiredChanged{ref, answer.version, body});
}

Result<TwinAnswer> Hub::Core::execute(TwinCommand command) {
  const bool tells_device = command.kind == TwinCommand::Kind::merge_desired ||
                            command.kind == TwinCommand::Kind::replace_desired;
  auto promise = std::make_shared<std::promise<Result<TwinAnswer>>>();
  auto answer = promise->get_future();
  {
    const std::lock_guard lock(twins_mutex_);
    if (twins_ == nullptr) return kHubStopped;
    const DeviceId device = command.device;
    // On the queue's thread, so that notifications leave in the order of their versions.
    twins_->submit(std::move(command),
                   [this, promise, device, tells_device](Result<TwinAnswer> result) {
                     if (tells_device && result) tell_device(device, *result);
                     promise->set_value(std::move(result));
                   });
  }
  return answer.get();
}

HubMetrics Hub::Core::metrics() const {
  HubMetrics sum;
  for (const auto& worker : workers_) worker->counters().add_to(sum);
  sum.open_connections = open_connections_.load(std::memory_order_relaxed);
  return sum;
}

// --- Hub ---------------------------------------------------------------------------------------

Result<std::unique_ptr<Hub>> Hub::start(HubOptions options, security::DeviceAuthority& authority,
                                        SegmentLog& log, TwinStore& twins, const Clock& clock) {
  if (options.host_name.empty()) return Error(kHubStartFailed, "no host name given");
  PAVISE_TRY_ASSIGN(
      auto tls,
      TlsServer::create({.certificate_chain_pem = options.certificate_chain_pem,
                         .private_key_pem = SecretBytes::copy_of(options.private_key_pem.view()),
                         .session_cache_max = options.connections_max}));
  auto core =
      std::make_shared<Core>(std::move(options), std::move(tls), authority, log, twins, clock);
  PAVISE_TRY(core->start());
  return std::unique_ptr<Hub>(new Hub(std::move(core)));
}

Hub::~Hub() {
  core_->stop();
}

std::uint16_t Hub::port() const {
  return core_->port();
}

void Hub::stop() {
  core_->stop();
}

Result<std::uint64_t> Hub::merge_desired(const DeviceId& device, std::string_view patch_json,
                                         std::optional<std::uint64_t> if_version) {
  PAVISE_TRY_ASSIGN(const TwinAnswer answer,
                    core_->execute({TwinCommand::Kind::merge_desired, device,
                                    std::string(patch_json), if_version}));
  return answer.version;
}

Result<std::uint64_t> Hub::replace_desired(const DeviceId& device, std::string_view json,
                                           std::optional<std::uint64_t> if_version) {
  PAVISE_TRY_ASSIGN(
      const TwinAnswer answer,
      core_->execute({TwinCommand::Kind::replace_desired, device, std::string(json), if_version}));
  return answer.version;
}

Result<std::string> Hub::twin_json(const DeviceId& device) {
  PAVISE_TRY_ASSIGN(TwinAnswer answer, core_->execute({TwinCommand::Kind::get, device}));
  return std::move(answer.body);
}

Status Hub::forget(const DeviceId& device) {
  core_->table().store_subscriptions(device, std::nullopt);
  PAVISE_TRY(core_->execute({TwinCommand::Kind::remove, device}));
  return {};
}

std::optional<ConnectionInfo> Hub::connection(const DeviceId& device) const {
  return core_->table().info(device);
}

std::size_t Hub::connected_count() const {
  return core_->table().announced_count();
}

HubMetrics Hub::metrics() const {
  return core_->metrics();
}

}  // namespace pavise::hub
