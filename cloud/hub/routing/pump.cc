#include "cloud/hub/routing/pump.h"

#include <algorithm>

#include "cloud/hub/routing/errors.h"

namespace pavise::hub::routing {

Pump::Pump(const Wiring& wiring, const store::HubRecord& hub,
           const store::RoutingEndpointRecord& endpoint, std::unique_ptr<Sink> sink,
           std::shared_ptr<const Plan> plan)
    : wiring_(wiring),
      hub_(hub),
      endpoint_(endpoint.name),
      sink_(std::move(sink)),
      plan_(std::move(plan)),
      cursor_(endpoint.cursor),
      unsaved_{.number = endpoint.number},
      saved_(endpoint.cursor),
      scanned_to_(endpoint.cursor) {
  health_.hub = hub_.name.text();
  health_.endpoint = endpoint_;
  report({});
}

void Pump::use(std::shared_ptr<const Plan> plan) {
  plan_ = std::move(plan);
  batch_.clear();
  done_ = 0;
  refusals_ = 0;
  scanned_to_ = cursor_;
}

// nullptr: there is none.
const query::Document* Pump::twin_of(const Message& message) {
  const std::string key = message.device + "/" + message.module_id;
  auto found = twins_.find(key);
  if (found == twins_.end()) {
    if (twins_.size() >= kTwinsKeptMax) twins_.clear();
    const auto id = iothub::Identity::make(hub_.name, message.device, message.module_id);
    found = twins_.emplace(key, id ? wiring_.twin(*id) : std::nullopt).first;
  }
  const std::optional<query::Document>& twin = found->second;
  return twin ? &*twin : nullptr;
}

// Judges one record; false: there is no room for it in this batch.
bool Pump::take(Record&& record) {
  if (record.hub != hub_.name.text() || record.tenant != hub_.tenant.text() ||
      record.time_ms < hub_.created_ms || plan_->empty())
    return true;
  auto message = Message::of(std::move(record));
  if (!message || !plan_->takes(message->source)) return true;
  const query::Document* const twin = plan_->looks_at_twins() ? twin_of(*message) : nullptr;
  message->routes = plan_->takers(*message, twin);
  if (message->routes.empty()) return true;
  const std::size_t size = message->size_bytes();
  if (!batch_.empty() && batch_bytes_ + size > kBatchBytesMax) return false;
  batch_bytes_ += size;
  batch_.push_back(*std::move(message));
  return true;
}

// True: there may be more.
Result<bool> Pump::gather(Offset until) {
  batch_.clear();
  twins_.clear();
  batch_bytes_ = 0;
  done_ = 0;
  const Offset floor = wiring_.retention == nullptr ? wiring_.log.first_offset()
                                                    : wiring_.retention->floor(hub_.name.text());
  if (cursor_ < floor) {
    cursor_ = floor;
    ++unsaved_.gaps;
    ++health_.gaps;
    if (wiring_.failed) wiring_.failed(hub_.name, endpoint_, kNotRetained);
  }
  scanned_to_ = cursor_;
  std::size_t scanned = 0;
  std::size_t bytes = 0;
  // A batch's worth at first: where every record counts, more would be read again for the next one.
  ReadBudget budget{.records_max = kBatchMax, .bytes_max = kBatchBytesMax};
  while (scanned < kScannedMax && bytes < kScannedBytesMax) {
    PAVISE_TRY_ASSIGN(auto records, wiring_.log.read(scanned_to_, budget));
    if (records.empty() || records.front().offset >= until) return false;
    for (Record& record : records) {
      const Offset offset = record.offset;
      if (offset >= until) return false;
      bytes += record.payload.size() + record.properties.size();
      ++scanned;
      if (!take(std::move(record))) return true;
      scanned_to_ = offset + 1;
      if (batch_.size() >= kBatchMax) return true;
    }
    budget = {.records_max =
                  std::min(ReadBudget{}.records_max, kScannedMax - std::min(scanned, kScannedMax))};
  }
  return true;
}

Status Pump::save() {
  if (cursor_ == saved_ && unsaved_.delivered == 0 && unsaved_.dead_letters == 0 &&
      unsaved_.gaps == 0)
    return {};
  unsaved_.cursor = cursor_;
  PAVISE_TRY(wiring_.queue.call([progress = unsaved_](store::HubTransaction& transaction) {
    return transaction.note_routing(progress);
  }));
  saved_ = cursor_;
  unsaved_ = {.number = unsaved_.number};
  return {};
}

void Pump::flush() {
  (void)save().has_value();  // what is not kept is delivered again
}

void Pump::report(const std::optional<Error>& error) {
  health_.healthy = !error;
  health_.cursor = cursor_;
  if (error) {
    health_.error = error;
    health_.error_ms = wiring_.clock.now_ms();
  }
  wiring_.board.put(unsaved_.number, health_);
}

// The next of the batch.
void Pump::count_delivered(std::size_t count) {
  health_.delivered += count;
  for (const Message& message : std::span<const Message>(batch_).subspan(done_, count))
    for (const std::string& route : message.routes) ++health_.delivered_by_route[route];
}

Pump::Turn Pump::rest(const Error& error) {
  // Once: a dead endpoint would fill the log.
  if (failures_ == 0 && wiring_.failed) wiring_.failed(hub_.name, endpoint_, error);
  ++health_.failures;
  report(error);
  const std::int64_t wait_ms = std::min(kRetryMsMin << std::min(failures_, 10), kRetryMsMax);
  ++failures_;
  return {Next::later, wait_ms};
}

Pump::Turn Pump::step(Offset until) {
  // What was delivered is kept before anything else is.
  const bool counts = unsaved_.delivered + unsaved_.dead_letters + unsaved_.gaps != 0 ||
                      cursor_ - saved_ >= kCursorLagMax;
  if (counts)
    if (const Status saved = save(); !saved) return rest(saved.error());
  bool more = true;
  if (done_ == batch_.size()) {
    const auto gathered = gather(until);
    if (!gathered) return rest(gathered.error());
    more = *gathered;
    if (batch_.empty()) {
      cursor_ = scanned_to_;
      health_.cursor = cursor_;
      wiring_.board.put(unsaved_.number, health_);
      return {more ? Next::more : Next::at_end, 0};
    }
  }
  const std::size_t count = std::min(send_max_, batch_.size() - done_);
  const Outcome outcome = sink_->deliver(std::span<const Message>(batch_).subspan(done_, count));
  if (outcome.delivered != 0) {
    count_delivered(outcome.delivered);
    done_ += outcome.delivered;
    unsaved_.delivered += outcome.delivered;
    refusals_ = 0;
  }
  if (outcome.error && outcome.refused) {
    if (count - outcome.delivered > 1) {
      // One of them is the cause; the others must not suffer for it.
      send_max_ = std::max<std::size_t>(1, (count - outcome.delivered) / 2);
    } else if (++refusals_ >= kRefusalsMax) {
      if (wiring_.failed)
        wiring_.failed(hub_.name, endpoint_,
                       Error(kRefusedByEndpoint,
                             batch_[done_].id() + " was dropped: " + outcome.error->message()));
      ++done_;
      ++unsaved_.dead_letters;
      ++health_.dropped;
      refusals_ = 0;
      failures_ = 0;
    }
  } else if (!outcome.error) {
    send_max_ = std::min(kBatchMax, send_max_ * 2);
  }
  cursor_ = done_ == batch_.size() ? scanned_to_ : batch_[done_].offset;
  const Status saved = save();
  if (outcome.error && !(outcome.refused && refusals_ == 0)) return rest(*outcome.error);
  if (!saved) return rest(saved.error());
  if (!outcome.error) {
    failures_ = 0;
    report({});
  } else {
    wiring_.board.put(unsaved_.number, health_);
  }
  return {Next::more, 0};
}

}  // namespace pavise::hub::routing
