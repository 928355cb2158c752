#include "cloud/hub/routing/router.h"

#include <algorithm>
#include <chrono>

namespace pavise::hub::routing {
namespace {

// For an endpoint whose record cannot be used: it says so until the record is mended.
class BrokenSink final : public Sink {
 public:
  explicit BrokenSink(Error error) : error_(std::move(error)) {}
  Outcome deliver(std::span<const Message>) override { return {.error = error_}; }

 private:
  const Error error_;
};

}  // namespace

Router::Router(Wiring wiring, SinkMaker make_sink)
    : wiring_(std::move(wiring)), make_sink_(std::move(make_sink)) {}

Router::~Router() {
  stop();
}

void Router::start() {
  subscription_ = wiring_.log.subscribe([this](const LogProgress&) {
    {
      const std::lock_guard lock(mutex_);
      ++commits_;
    }
    wakes_.notify_all();
  });
  supervisor_ = std::thread([this] { supervise(); });
}

void Router::stop() {
  if (subscription_) wiring_.log.unsubscribe(*subscription_);
  subscription_.reset();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (Worker& worker : workers_) worker.stopping = true;
  }
  wakes_.notify_all();
  if (supervisor_.joinable()) supervisor_.join();
  reap(true);
}

void Router::changed() {
  {
    const std::lock_guard lock(mutex_);
    changed_ = true;
  }
  wakes_.notify_all();
}

void Router::supervise() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!changed_) {
      wakes_.wait(lock, [this] { return stopping_ || changed_; });
      continue;
    }
    changed_ = false;
    following_ = true;
    lock.unlock();
    auto wanted = read_wanted();
    const bool known = wanted.has_value();
    if (known) follow(*std::move(wanted));
    lock.lock();
    following_ = !known;
    wakes_.notify_all();
    lock.unlock();
    reap(false);
    lock.lock();
    if (known) continue;
    // A store that fails is said by every other call.
    wakes_.wait_for(lock, std::chrono::milliseconds(kReloadRetryMs), [this] { return stopping_; });
    changed_ = true;
  }
}

Result<std::vector<Router::Wanted>> Router::read_wanted() {
  std::vector<Wanted> out;
  PAVISE_TRY(wiring_.queue.store().read([&](store::HubReader& reader) -> Status {
    out.clear();
    PAVISE_TRY_ASSIGN(const auto hubs, reader.hubs());
    for (const store::HubRecord& hub : hubs) {
      PAVISE_TRY_ASSIGN(auto endpoints, reader.routing_endpoints(hub.name));
      if (endpoints.empty()) continue;
      PAVISE_TRY_ASSIGN(const auto routes, reader.routes(hub.name));
      for (store::RoutingEndpointRecord& endpoint : endpoints) {
        Wanted wanted{hub, std::move(endpoint), {}, {}};
        for (const store::RouteRecord& route : routes) {
          if (route.endpoint != wanted.endpoint.name) continue;
          wanted.routes.push_back(route);
          wanted.signature += route.name + " " + route.etag + "\n";
        }
        out.push_back(std::move(wanted));
      }
    }
    return {};
  }));
  return out;
}

void Router::follow(std::vector<Wanted> wanted) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    for (Worker& worker : workers_) {
      if (worker.stopping) continue;
      const auto same = std::ranges::find_if(wanted, [&](const Wanted& each) {
        return each.endpoint.number == worker.number && each.endpoint.etag == worker.etag;
      });
      if (same == wanted.end()) {
        worker.stopping = true;
        continue;
      }
      if (same->signature != worker.routes) {
        worker.routes = same->signature;
        worker.next_plan = std::make_shared<const Plan>(same->routes);
      }
      wanted.erase(same);
    }
  }
  for (const Wanted& each : wanted) begin(each);
}

void Router::begin(const Wanted& wanted) {
  auto sink = make_sink_(wanted.endpoint);
  std::unique_ptr<Sink> used = sink ? *std::move(sink) : std::make_unique<BrokenSink>(sink.error());
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  Worker& worker = workers_.emplace_back();
  worker.number = wanted.endpoint.number;
  worker.etag = wanted.endpoint.etag;
  worker.routes = wanted.signature;
  worker.pump = std::make_unique<Pump>(wiring_, wanted.hub, wanted.endpoint, std::move(used),
                                       std::make_shared<const Plan>(wanted.routes));
  worker.thread = std::thread([this, &worker] { run(worker); });
}

void Router::run(Worker& worker) {
  std::unique_lock lock(mutex_);
  for (;;) {
    wakes_.wait(lock, [&] { return worker.stopping || !(changed_ || following_); });
    if (worker.stopping) break;
    if (worker.next_plan) worker.pump->use(std::move(worker.next_plan));
    worker.next_plan = nullptr;
    const std::uint64_t seen = commits_;
    const Offset until = wiring_.log.durable_end();
    lock.unlock();
    const Pump::Turn turn = worker.pump->step(until);
    lock.lock();
    const auto told = [&] { return worker.stopping || changed_ || following_; };
    if (turn.next == Pump::Next::at_end)
      wakes_.wait(lock, [&] { return told() || commits_ != seen; });
    else if (turn.next == Pump::Next::later)
      wakes_.wait_for(lock, std::chrono::milliseconds(turn.wait_ms), told);
  }
  lock.unlock();
  worker.pump->flush();
  lock.lock();
  worker.ended = true;
  // Nobody knows of an endpoint that is gone; one that was changed has another worker by now.
  const auto serves = [&](const Worker& each) {
    return each.number == worker.number && !each.stopping;
  };
  if (!stopping_ && std::ranges::none_of(workers_, serves)) wiring_.board.forget(worker.number);
  // The supervisor joins it with the next change; until then it only holds its memory.
}

void Router::reap(bool all) {
  std::list<Worker> gone;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = workers_.begin(); at != workers_.end();) {
      const auto next = std::next(at);
      if (all || at->ended) gone.splice(gone.end(), workers_, at);
      at = next;
    }
  }
  for (Worker& worker : gone) worker.thread.join();
}

}  // namespace pavise::hub::routing
