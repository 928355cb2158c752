// One thread for each endpoint of all hubs, and one that follows what administrators change.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "cloud/hub/routing/pump.h"

namespace pavise::hub::routing {

inline constexpr std::int64_t kReloadRetryMs = 10'000;

using SinkMaker = std::function<Result<std::unique_ptr<Sink>>(const store::RoutingEndpointRecord&)>;

// All functions are thread-safe.
class Router {
 public:
  // What the wiring names must outlive it. Nothing runs yet.
  Router(Wiring wiring, SinkMaker make_sink);
  ~Router();  // stop()
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // Called once.
  void start();
  // Waits for the deliveries that are under way, which have deadlines. Idempotent.
  void stop();
  // Endpoints, routes or hubs were made, changed or deleted: what the log gets from now on is
  // judged by them as they are now, and what was not yet looked at, too. Does not block.
  void changed();

 private:
  // Its fields are under mutex_, but for the pump, which is its thread's own.
  struct Worker {
    std::int64_t number = 0;
    std::string etag;
    std::string routes;  // which the plan was made of
    std::shared_ptr<const Plan> next_plan;
    bool stopping = false;
    bool ended = false;
    std::unique_ptr<Pump> pump;
    std::thread thread;
  };
  struct Wanted {
    store::HubRecord hub;
    store::RoutingEndpointRecord endpoint;
    std::vector<store::RouteRecord> routes;
    std::string signature;
  };

  void supervise();
  Result<std::vector<Wanted>> read_wanted();
  void follow(std::vector<Wanted> wanted);
  void begin(const Wanted& wanted);
  void run(Worker& worker);
  void reap(bool all);

  const Wiring wiring_;
  const SinkMaker make_sink_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  bool changed_ = true;
  // Nobody reads on meanwhile: what is sent after a change was confirmed is judged by it.
  bool following_ = false;
  bool stopping_ = false;
  std::uint64_t commits_ = 0;  // of the log
  std::list<Worker> workers_;  // only the supervisor adds and removes, and stop() after it
  std::optional<std::uint64_t> subscription_;
  std::thread supervisor_;
};

}  // namespace pavise::hub::routing
