#include "cloud/hub/configurations/applier.h"

#include <algorithm>
#include <future>

#include "protocol/twin/twin.h"

namespace pavise::hub::configurations {

using store::TwinRecord;

namespace {

constexpr std::int64_t kNever = INT64_MAX;
// A look at all twins never takes more than a tenth of the time.
constexpr std::int64_t kRestFactor = 10;

std::optional<query::Document> document_of(const Wiring& wiring, const TwinRecord& twin) {
  auto document = query::Document::parse(wiring.document(twin));
  if (!document) return std::nullopt;  // nothing can be asked of it
  return *std::move(document);
}

// A twin after it was looked at.
struct Seen {
  TwinRecord twin;
  std::vector<Standing> standings;
  std::optional<store::TwinChanged> changed;
};

// In the transaction, so that it holds for the twin as it is then. When the settings of all do not
// fit into the twin together, those of the lowest are left out, one after the other.
Result<Seen> apply(store::HubTransaction& transaction, const iothub::Identity& id, const Plan& plan,
                   const Wiring& wiring) {
  PAVISE_TRY_ASSIGN(TwinRecord twin, transaction.twin(id));
  const auto document = document_of(wiring, twin);
  const query::Document* const shown =
      document && plan.looks_at(id.is_module()) ? &*document : nullptr;
  std::size_t in_effect = SIZE_MAX;
  for (;;) {
    PAVISE_TRY_ASSIGN(Decision decision, plan.decide(twin, shown, in_effect));
    if (!decision.change) return Seen{std::move(twin), std::move(decision.standings), {}};
    auto changed = transaction.configure_twin(id, *decision.change);
    if (changed) return Seen{changed->twin, std::move(decision.standings), *std::move(changed)};
    in_effect = std::min(in_effect, decision.standings.size());
    if (!changed.error().is(twin::kSectionTooLarge) || in_effect == 0) return changed.error();
    --in_effect;
  }
}

}  // namespace

struct Applier::Tally {
  explicit Tally(std::shared_ptr<const Plan> with) : plan(std::move(with)) {
    for (const Definition& each : plan->definitions()) {
      targeted.push_back(0);
      applied.push_back(0);
      auto& mine = metrics.emplace_back();
      for (const Metric& metric : each.metrics) {
        Rows rows;
        if (metric.query.aggregates()) rows.groups.emplace(metric.query);
        mine.push_back(std::move(rows));
      }
    }
  }

  void add(const TwinRecord& twin, const std::vector<Standing>& standings,
           const query::Document* document) {
    for (const Standing& each : standings) {
      ++targeted[each.definition];
      if (each.applied) ++applied[each.definition];
    }
    if (document == nullptr) return;
    for (std::size_t i = 0; i < metrics.size(); ++i)
      for (std::size_t m = 0; m < metrics[i].size(); ++m) {
        const query::Query& query = plan->definitions()[i].metrics[m].query;
        const bool of_modules = query.collection() == query::Collection::modules;
        if (of_modules != twin.identity.id.is_module() || !query.matches(*document)) continue;
        Rows& rows = metrics[i][m];
        ++rows.count;
        // Beyond the most groups there can be, more are not told apart.
        if (rows.groups) (void)rows.groups->add(*document).has_value();
      }
  }

  CountsOfHub counts() const {
    CountsOfHub out;
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      const Definition& each = plan->definitions()[i];
      Counts& counts = out[each.id];
      counts.targeted = targeted[i];
      counts.applied = applied[i];
      for (std::size_t m = 0; m < metrics[i].size(); ++m) {
        const Rows& rows = metrics[i][m];
        const std::uint64_t count = rows.groups ? rows.groups->rows().size() : rows.count;
        counts.metrics[each.metrics[m].name] =
            std::min(count, each.metrics[m].query.top().value_or(UINT64_MAX));
      }
    }
    return out;
  }

  struct Rows {
    std::uint64_t count = 0;
    std::optional<query::Aggregation> groups;
  };
  std::shared_ptr<const Plan> plan;
  std::vector<std::uint64_t> targeted;  // of each definition, as the next
  std::vector<std::uint64_t> applied;
  std::vector<std::vector<Rows>> metrics;
};

Applier::Applier(store::StoreQueue& queue, const Clock& clock, Board& board, Wiring wiring,
                 Bounds bounds)
    : queue_(queue), clock_(clock), board_(board), wiring_(std::move(wiring)), bounds_(bounds) {
  queue_.store().watch([this](const store::Touched& touched) { note(touched); });
}

Applier::~Applier() {
  queue_.store().watch({});
}

// On the thread of the store, for every commit: only remembers.
void Applier::note(const store::Touched& touched) {
  const std::int64_t now_ms = clock_.steady_ms();
  const std::lock_guard lock(mutex_);
  std::int64_t due_ms = kNever;
  for (const iothub::HubName& hub : touched.configurations) {
    changed_.insert(hub);
    active_.insert(hub);
    due_ms = now_ms;
  }
  for (const iothub::Identity& id : touched.twins) {
    if (!active_.contains(id.hub())) continue;
    if (touched_.size() >= bounds_.touched_max && !touched_.contains(id)) {
      overflown_.insert(id.hub());
      continue;
    }
    touched_.insert(id);
    touched_due_ms_ = std::min(touched_due_ms_, now_ms + bounds_.gather_ms);
    due_ms = std::min(due_ms, touched_due_ms_);
  }
  if (due_ms >= due_ms_.load()) return;
  due_ms_ = due_ms;
  if (sooner_) sooner_();
}

void Applier::on_sooner(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  sooner_ = std::move(call);
}

// What was applied or deleted just before the last end may not have reached every twin: each hub is
// looked at once.
Status Applier::begin() {
  std::vector<store::HubRecord> all;
  PAVISE_TRY(queue_.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(all, reader.hubs());
    return {};
  }));
  const std::lock_guard lock(mutex_);
  for (const store::HubRecord& each : all) {
    hubs_[each.name];
    active_.insert(each.name);
  }
  begun_ = true;
  return {};
}

void Applier::take_notes() {
  const std::lock_guard lock(mutex_);
  for (const iothub::HubName& name : changed_) hubs_[name].stale = true;
  changed_.clear();
  if (!touched_.empty()) return;
  for (const iothub::HubName& name : overflown_) hubs_[name].round_due_ms = 0;
  overflown_.clear();
}

Status Applier::read_plan(const iothub::HubName& name, Hub& hub) {
  std::vector<store::ConfigurationRecord> records;
  PAVISE_TRY(queue_.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(records, reader.configurations(name));
    return {};
  }));
  hub.plan = std::make_shared<Plan>(records);
  hub.stale = false;
  hub.round_due_ms = 0;
  return {};
}

void Applier::forget(const iothub::HubName& name) {
  board_.forget(name);
  const std::lock_guard lock(mutex_);
  // Unless there is news of it already.
  if (!changed_.contains(name)) active_.erase(name);
  hubs_.erase(name);  // `name` may be its key
}

Status Applier::look_at(const std::shared_ptr<const Plan>& plan,
                        const std::vector<TwinRecord>& twins, Tally* tally) {
  const auto count = [&](const TwinRecord& twin, const std::vector<Standing>& standings,
                         const query::Document* document) {
    if (tally != nullptr) tally->add(twin, standings, document);
  };
  std::vector<std::future<Result<Seen>>> under_way;
  for (const TwinRecord& twin : twins) {
    const iothub::Identity& id = twin.identity.id;
    std::optional<query::Document> document;
    if (plan->looks_at(id.is_module())) document = document_of(wiring_, twin);
    const auto decision = plan->decide(twin, document ? &*document : nullptr);
    if (!decision) continue;  // it cannot be read
    if (!decision->change) {
      count(twin, decision->standings, document ? &*document : nullptr);
      continue;
    }
    auto done = std::make_shared<std::promise<Result<Seen>>>();
    under_way.push_back(done->get_future());
    queue_.submit<Seen>(
        [this, id, plan](store::HubTransaction& transaction) {
          return apply(transaction, id, *plan, wiring_);
        },
        [this, id, done](Result<Seen> seen) {
          if (seen && seen->changed && !seen->changed->desired_notification.empty())
            wiring_.desired_changed(id, seen->changed->desired_version,
                                    seen->changed->desired_notification);
          done->set_value(std::move(seen));
        });
  }
  Status failed;
  for (auto& each : under_way) {
    Result<Seen> seen = each.get();
    if (seen) {
      const auto document = document_of(wiring_, seen->twin);
      count(seen->twin, seen->standings, document ? &*document : nullptr);
    } else if (seen.error().retry() != Retry::never) {  // deleted meanwhile, or not to be written
      failed = seen.error();
    }
  }
  return failed;
}

Status Applier::look_at_touched(std::int64_t now_ms) {
  std::vector<iothub::Identity> ids;
  {
    const std::lock_guard lock(mutex_);
    while (!touched_.empty() && ids.size() < bounds_.page)
      ids.push_back(std::move(touched_.extract(touched_.begin()).value()));
    touched_due_ms_ = touched_.empty() ? kNever : now_ms;
  }
  std::map<iothub::HubName, std::vector<TwinRecord>> twins;
  Status status = queue_.store().read([&](store::HubReader& reader) -> Status {
    for (const iothub::Identity& id : ids) {
      auto twin = reader.twin(id);
      if (twin) twins[id.hub()].push_back(*std::move(twin));
    }
    return {};
  });
  for (const auto& [name, of_hub] : twins) {
    const auto found = hubs_.find(name);
    if (found == hubs_.end() || !found->second.plan) continue;
    Hub& hub = found->second;
    const Status looked = look_at(hub.plan, of_hub, nullptr);
    if (!looked) status = looked;
    hub.round_due_ms = std::min(
        hub.round_due_ms, now_ms + std::max(bounds_.recount_ms, hub.round_took_ms * kRestFactor));
  }
  if (status) return {};
  const std::lock_guard lock(mutex_);
  touched_.insert(ids.begin(), ids.end());
  touched_due_ms_ = now_ms + bounds_.retry_ms;
  return status;
}

// A page of the look at all twins of a hub: devices, then modules.
Status Applier::go_on(const iothub::HubName& name, Hub& hub, std::int64_t now_ms) {
  if (!hub.round) {
    hub.round = std::make_unique<Round>();
    hub.round->begin_ms = now_ms;
    hub.round->tally = std::make_unique<Tally>(hub.plan);
    hub.round_due_ms = kNever;
  }
  Round& round = *hub.round;
  std::vector<TwinRecord> twins;
  PAVISE_TRY(queue_.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(
        twins, reader.twins(name, round.of_modules, {.after = round.after, .limit = bounds_.page}));
    return {};
  }));
  const bool at_end = twins.size() < bounds_.page;
  std::string after = twins.empty() ? round.after : twins.back().identity.id.client_id();
  // With other configurations than at its begin, a round applies but does not count.
  Tally* const tally = round.tally->plan == hub.plan ? round.tally.get() : nullptr;
  const Status looked = look_at(hub.plan, twins, tally);
  round.whole = round.whole && looked;
  PAVISE_TRY(looked);
  round.after = std::move(after);
  if (!at_end) return {};
  round.after.clear();
  if (!std::exchange(round.of_modules, true)) return {};
  end_round(name, hub, now_ms);
  return {};
}

void Applier::end_round(const iothub::HubName& name, Hub& hub, std::int64_t now_ms) {
  const std::unique_ptr<Round> round = std::move(hub.round);
  hub.round_took_ms = now_ms - round->begin_ms;
  if (!round->whole || round->tally->plan != hub.plan) {
    hub.round_due_ms = now_ms;
    return;
  }
  if (hub.plan->empty()) return forget(name);
  board_.put(name, round->tally->counts());
  hub.round_due_ms = std::min(hub.round_due_ms, now_ms + bounds_.round_ms);
}

// Hubs take turns.
std::map<iothub::HubName, Applier::Hub>::value_type* Applier::next_round(std::int64_t now_ms) {
  const auto due = [&](const auto& each) {
    return each.second.plan && (each.second.round || each.second.round_due_ms <= now_ms);
  };
  const auto from = last_hub_ ? hubs_.upper_bound(*last_hub_) : hubs_.begin();
  auto found = std::find_if(from, hubs_.end(), due);
  if (found == hubs_.end()) found = std::find_if(hubs_.begin(), from, due);
  if (found == hubs_.end() || !due(*found)) return nullptr;
  last_hub_ = found->first;
  return &*found;
}

std::int64_t Applier::next_due(std::int64_t now_ms) const {
  std::int64_t out = touched_due_ms_;
  for (const auto& [name, hub] : hubs_)
    out = std::min(out, hub.stale || hub.round ? now_ms : hub.round_due_ms);
  if (!changed_.empty() || !overflown_.empty()) out = std::min(out, now_ms);
  return out == kNever ? kNever : std::max(out, now_ms + bounds_.rest_ms);
}

Status Applier::work(std::int64_t now_ms) {
  if (!begun_) return begin();
  take_notes();
  for (auto& [name, hub] : hubs_) {
    if (!hub.stale) continue;
    Status read = read_plan(name, hub);
    if (read || !read.error().is(store::kHubNotFound)) return read;
    forget(name);
    return {};
  }
  bool touched_due = false;
  {
    const std::lock_guard lock(mutex_);
    touched_due = touched_due_ms_ <= now_ms;
  }
  auto* const due = next_round(now_ms);
  if (touched_due && (due == nullptr || !touched_had_turn_)) {
    touched_had_turn_ = true;
    return look_at_touched(now_ms);
  }
  touched_had_turn_ = false;
  if (due == nullptr) return {};
  const iothub::HubName name = due->first;
  Status went = go_on(name, due->second, now_ms);
  if (went || !went.error().is(store::kHubNotFound)) return went;
  forget(name);
  return {};
}

Status Applier::step() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms < due_ms_.load()) return {};
  Status status = work(now_ms);
  const std::lock_guard lock(mutex_);
  due_ms_ = status ? next_due(now_ms) : now_ms + bounds_.retry_ms;
  return status;
}

}  // namespace pavise::hub::configurations
