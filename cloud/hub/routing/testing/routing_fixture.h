// A log in memory, a hub database in a folder, a hub with one endpoint, and a sink that a test
// rules.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "cloud/hub/routing/pump.h"
#include "cloud/hub/segment_log/testing/memory_log_directory.h"
#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/hub/store/testing/folder.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::hub::routing::testing {

// What sinks of a test got and how they answer.
class Receiver {
 public:
  using Answer = std::function<Outcome(std::span<const Message>)>;

  Outcome take(std::span<const Message> messages) {
    const std::lock_guard lock(mutex_);
    ++calls_;
    Outcome outcome = answer_ ? answer_(messages) : Outcome{.delivered = messages.size()};
    for (const Message& message : messages.first(outcome.delivered))
      bodies_.push_back(std::string(as_text(message.body)));
    changed_.notify_all();
    return outcome;
  }
  void answer(Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  std::vector<std::string> bodies() {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  int calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60),
                             [&] { return condition(bodies_, calls_); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Answer answer_;
  std::vector<std::string> bodies_;
  int calls_ = 0;
};

class ReceiverSink final : public Sink {
 public:
  explicit ReceiverSink(std::shared_ptr<Receiver> receiver) : receiver_(std::move(receiver)) {}
  Outcome deliver(std::span<const Message> messages) override { return receiver_->take(messages); }

 private:
  const std::shared_ptr<Receiver> receiver_;
};

class RoutingFixture : public ::testing::Test {
 protected:
  RoutingFixture() {
    hub_ = *queue_->call<store::HubRecord>([&](store::HubTransaction& tx) {
      return tx.create_hub(name_, *TenantId::parse("acme"), {});
    });
    make_endpoint("hook");
  }

  store::RoutingEndpointRecord make_endpoint(const std::string& name) {
    auto made = queue_->call<store::RoutingEndpointRecord>([&](store::HubTransaction& tx) {
      return tx.create_routing_endpoint(name_, {.name = name, .address = "https://hook.example/"},
                                        log_->durable_end());
    });
    EXPECT_TRUE(made);
    return *made;
  }
  store::RoutingEndpointRecord endpoint(const std::string& name = "hook") {
    store::RoutingEndpointRecord out;
    EXPECT_TRUE(queue_->store().read([&](store::HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(out, reader.routing_endpoint(name_, name));
      return {};
    }));
    return out;
  }
  store::RouteRecord make_route(const std::string& name, const std::string& condition = "true",
                                const std::string& to = "hook",
                                store::RouteSource source = store::RouteSource::device_messages) {
    auto made = queue_->call<store::RouteRecord>([&](store::HubTransaction& tx) {
      return tx.create_route(
          name_, {.name = name, .source = source, .endpoint = to, .condition = condition});
    });
    EXPECT_TRUE(made);
    return *made;
  }
  std::vector<store::RouteRecord> routes() {
    std::vector<store::RouteRecord> out;
    EXPECT_TRUE(queue_->store().read([&](store::HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(out, reader.routes(name_));
      return {};
    }));
    return out;
  }
  std::shared_ptr<const Plan> plan() { return std::make_shared<const Plan>(routes(), "hook"); }

  struct Sent {
    std::string device = "d1";
    std::string body;
    iothub::PropertyBag properties = {};
    std::string hub = "plant-1";
    std::string tenant = "acme";
    RecordOrigin origin = {};
  };
  void append(const Sent& sent) {
    RecordBatch batch;
    const std::string properties = sent.properties.encode();
    const std::string origin = sent.origin.encode();
    ASSERT_TRUE(batch.add({.time_ms = clock_.now_ms(),
                           .tenant = sent.tenant,
                           .device = sent.device,
                           .properties = properties,
                           .payload = as_bytes(sent.body),
                           .hub = sent.hub,
                           .origin = origin}));
    ASSERT_TRUE(log_->append_and_wait(batch));
  }
  void append(const std::string& body) { append(Sent{.body = body}); }
  void append_many(int count) {
    RecordBatch batch;
    for (int i = 0; i < count; ++i) {
      const std::string body = std::to_string(i);
      ASSERT_TRUE(batch.add({.time_ms = clock_.now_ms(),
                             .tenant = "acme",
                             .device = "d1",
                             .payload = as_bytes(body),
                             .hub = "plant-1"}));
    }
    ASSERT_TRUE(log_->append_and_wait(batch));
  }
  std::unique_ptr<Pump> pump() {
    return std::make_unique<Pump>(wiring_, hub_, endpoint(), std::make_unique<ReceiverSink>(to_),
                                  plan());
  }
  // Steps until there is nothing more to do, or it wants to wait.
  Pump::Turn run(Pump& pump) {
    for (;;) {
      const Pump::Turn turn = pump.step(log_->durable_end());
      if (turn.next != Pump::Next::more) return turn;
    }
  }

  const iothub::HubName name_ = *iothub::HubName::parse("plant-1");
  ManualClock clock_{1'700'000'000'000};
  store::Folder folder_;
  std::shared_ptr<hub::testing::MemoryDisk> disk_ = std::make_shared<hub::testing::MemoryDisk>();
  std::unique_ptr<SegmentLog> log_ =
      *SegmentLog::open(std::make_unique<hub::testing::MemoryLogDirectory>(disk_), {}, clock_);
  std::unique_ptr<store::HubStore> store_ = *store::open_sqlite_hub_store({folder_.file()}, clock_);
  std::unique_ptr<store::StoreQueue> queue_ = std::make_unique<store::StoreQueue>(*store_);
  Board board_;
  std::mutex failures_mutex_;
  std::vector<std::string> failures_;
  std::map<std::string, std::string> twins_;
  Wiring wiring_{.queue = *queue_,
                 .log = *log_,
                 .retention = nullptr,
                 .clock = clock_,
                 .board = board_,
                 .twin = [this](const iothub::Identity& id) -> std::optional<query::Document> {
                   const auto found = twins_.find(id.client_id());
                   if (found == twins_.end()) return std::nullopt;
                   return *query::Document::parse(found->second);
                 },
                 .failed =
                     [this](const iothub::HubName&, std::string_view endpoint, const Error& error) {
                       const std::lock_guard lock(failures_mutex_);
                       failures_.push_back(std::string(endpoint) + " " + std::string(error.code()));
                     }};
  store::HubRecord hub_{name_, *TenantId::parse("acme")};
  std::shared_ptr<Receiver> to_ = std::make_shared<Receiver>();
};

}  // namespace pavise::hub::routing::testing
