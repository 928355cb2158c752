// Keeps twins as configurations want them: looks at all twins of a hub when it starts, when its
// configurations change and every few minutes, and in between at twins that others wrote, and
// counts what it sees. It has no state of its own that matters: what was applied stands in the
// twins.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "cloud/hub/configurations/board.h"
#include "cloud/hub/configurations/plan.h"
#include "cloud/hub/store/store_queue.h"
#include "common/base/clock.h"

namespace pavise::hub::configurations {

struct Bounds {
  std::int64_t round_ms = 300'000;   // from one look at all twins to the next, as documented
  std::int64_t recount_ms = 60'000;  // at the earliest, when twins were written meanwhile
  std::int64_t gather_ms = 1'000;    // a twin that was written is looked at so much later
  std::int64_t rest_ms = 20;         // between two steps, so that others get their turn
  std::int64_t retry_ms = 10'000;    // after the store failed or was busy
  std::size_t page = 100;            // twins of a step
  std::size_t touched_max = 50'000;  // written twins that are remembered; beyond: all are looked at
};

struct Wiring {
  // A twin as queries see it. Must not block.
  std::function<std::string(const store::TwinRecord&)> document;
  // On the queue's thread, in the order of versions. Must not block.
  std::function<void(const iothub::Identity&, std::uint64_t version, std::string body)>
      desired_changed;
};

class Applier {
 public:
  // All must outlive it. Watches the store until it ends.
  Applier(store::StoreQueue& queue, const Clock& clock, Board& board, Wiring wiring,
          Bounds bounds = {});
  ~Applier();
  Applier(const Applier&) = delete;
  Applier& operator=(const Applier&) = delete;

  // One piece of work, if one is due: a page of twins at most. Blocks on the store. From one
  // thread. On an error of the store it is tried again after `retry_ms`.
  Status step();
  // On the clock's steady time; thread-safe.
  std::int64_t due_ms() const { return due_ms_.load(); }
  // Called, from any thread, when due_ms() became earlier; must not call back. Empty: nobody is
  // told any more, once this returned.
  void on_sooner(std::function<void()> call);

 private:
  // Counts of one look at all twins.
  struct Tally;
  struct Round {
    bool of_modules = false;
    std::string after;
    std::int64_t begin_ms = 0;
    std::unique_ptr<Tally> tally;
    bool whole = true;  // nothing failed, so that the counts are right
  };
  struct Hub {
    std::shared_ptr<const Plan> plan;
    bool stale = true;  // the plan must be read anew
    std::int64_t round_due_ms = 0;
    std::int64_t round_took_ms = 0;
    std::unique_ptr<Round> round;  // under way
  };

  void note(const store::Touched& touched);
  Status begin();
  void take_notes();
  Status read_plan(const iothub::HubName& name, Hub& hub);
  Status look_at_touched(std::int64_t now_ms);
  Status go_on(const iothub::HubName& name, Hub& hub, std::int64_t now_ms);
  void end_round(const iothub::HubName& name, Hub& hub, std::int64_t now_ms);
  Status look_at(const std::shared_ptr<const Plan>& plan,
                 const std::vector<store::TwinRecord>& twins, Tally* tally);
  void forget(const iothub::HubName& name);
  std::map<iothub::HubName, Hub>::value_type* next_round(std::int64_t now_ms);
  Status work(std::int64_t now_ms);
  // Under the mutex.
  std::int64_t next_due(std::int64_t now_ms) const;

  store::StoreQueue& queue_;
  const Clock& clock_;
  Board& board_;
  const Wiring wiring_;
  const Bounds bounds_;
  std::atomic<std::int64_t> due_ms_{0};

  // Of step() only.
  bool begun_ = false;
  std::map<iothub::HubName, Hub> hubs_;
  std::optional<iothub::HubName> last_hub_;  // whose round had the last turn
  bool touched_had_turn_ = false;

  std::mutex mutex_;
  std::function<void()> sooner_;
  std::set<iothub::HubName> active_;   // hubs whose written twins are noted
  std::set<iothub::HubName> changed_;  // hubs whose configurations changed
  std::set<iothub::HubName> overflown_;
  std::unordered_set<iothub::Identity> touched_;
  std::int64_t touched_due_ms_ = INT64_MAX;
};

}  // namespace pavise::hub::configurations
