// Brings one endpoint what its routes take of the event log: reads on from its cursor, judges,
// delivers, and only then moves the cursor. A state machine that its caller drives.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cloud/hub/events/retention.h"
#include "cloud/hub/routing/board.h"
#include "cloud/hub/routing/plan.h"
#include "cloud/hub/routing/sink.h"
#include "cloud/hub/store/store_queue.h"
#include "common/base/clock.h"

namespace pavise::hub::routing {

inline constexpr std::size_t kBatchMax = 100;                 // messages of one delivery
inline constexpr std::size_t kBatchBytesMax = 1024UL * 1024;  // a larger one goes alone
inline constexpr std::size_t kScannedMax = 20'000;            // records of one step
inline constexpr std::size_t kScannedBytesMax = 16UL * 1024 * 1024;
inline constexpr std::uint64_t kCursorLagMax = 10'000;  // of the stored cursor, where nothing went
inline constexpr int kRefusalsMax = 3;                  // of one message; then it is dropped
inline constexpr std::int64_t kRetryMsMin = 1'000;
inline constexpr std::int64_t kRetryMsMax = 60'000;
inline constexpr std::size_t kTwinsKeptMax = 1'000;  // read for one step

struct Wiring {
  store::StoreQueue& queue;
  SegmentLog& log;
  const Retention* retention;  // null: every hub has what the log has
  const Clock& clock;
  Board& board;
  // What conditions see of the twin; nullopt: there is none. Blocks on the store.
  std::function<std::optional<query::Document>(const iothub::Identity&)> twin;
  // What was dropped or cannot be delivered for now; may be empty.
  std::function<void(const iothub::HubName&, std::string_view endpoint, const Error&)> failed;
};

class Pump {
 public:
  // All must outlive it.
  Pump(const Wiring& wiring, const store::HubRecord& hub,
       const store::RoutingEndpointRecord& endpoint, std::unique_ptr<Sink> sink,
       std::shared_ptr<const Plan> plan);
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  // What was judged by the plan before and not delivered is judged anew.
  void use(std::shared_ptr<const Plan> plan);

  enum class Next { more, at_end, later };
  struct Turn {
    Next next = Next::more;
    std::int64_t wait_ms = 0;  // of `later`
  };
  // One page, one delivery at most; reads no record from offset `until` on. Blocks on disk and on
  // the endpoint.
  Turn step(Offset until);
  // Keeps the cursor where it is now; for a regular end.
  void flush();
  // The first record that was not looked at to its end.
  Offset cursor() const { return cursor_; }

 private:
  Result<bool> gather(Offset until);
  bool take(Record&& record);
  const query::Document* twin_of(const Message& message);
  void count_delivered(std::size_t count);
  Turn rest(const Error& error);
  Status save();
  void report(const std::optional<Error>& error);

  const Wiring& wiring_;
  const store::HubRecord hub_;
  const std::string endpoint_;
  const std::unique_ptr<Sink> sink_;
  std::shared_ptr<const Plan> plan_;
  Offset cursor_;
  store::RoutingProgress unsaved_;
  Offset saved_;

  std::vector<Message> batch_;
  std::size_t batch_bytes_ = 0;
  std::size_t done_ = 0;  // of the batch
  Offset scanned_to_;     // the batch holds all that counts below
  std::size_t send_max_ = kBatchMax;
  int refusals_ = 0;  // of the next message by itself
  int failures_ = 0;  // in a row
  Health health_;
  std::map<std::string, std::optional<query::Document>> twins_;
};

}  // namespace pavise::hub::routing
