#include "cloud/hub/store/store_queue.h"

#include <algorithm>
#include <future>

namespace pavise::hub::store {

Status HubStore::execute(const Operation& operation) {
  auto outcome = execute(std::span(&operation, 1));
  PAVISE_CHECK(outcome.size() == 1);
  return std::move(outcome.front());
}

StoreQueue::StoreQueue(HubStore& store) : store_(store), thread_([this] { run(); }) {}

StoreQueue::~StoreQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

void StoreQueue::submit(HubStore::Operation operation, OnDone on_done) {
  {
    const std::lock_guard lock(mutex_);
    if (unanswered_ < kStoreQueueMax) {
      ++unanswered_;
      operations_.push_back(std::move(operation));
      on_done_.push_back(std::move(on_done));
      work_.notify_one();
      return;
    }
  }
  on_done(kStoreBusy);
}

Status StoreQueue::call(HubStore::Operation operation) {
  auto done = std::make_shared<std::promise<Status>>();
  auto outcome = done->get_future();
  submit(std::move(operation), [done](Status status) { done->set_value(std::move(status)); });
  return outcome.get();
}

std::size_t StoreQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return unanswered_;
}

void StoreQueue::run() {
  for (;;) {
    std::vector<HubStore::Operation> operations;
    std::vector<OnDone> on_done;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return stopping_ || !operations_.empty(); });
      if (operations_.empty()) return;
      operations.swap(operations_);
      on_done.swap(on_done_);
    }
    for (std::size_t at = 0; at < operations.size(); at += kStoreGroupMax) {
      const std::size_t size = std::min(kStoreGroupMax, operations.size() - at);
      run_group(std::span(operations).subspan(at, size), std::span(on_done).subspan(at, size));
    }
  }
}

void StoreQueue::run_group(std::span<const HubStore::Operation> operations,
                           std::span<const OnDone> on_done) {
  const std::uint64_t begun_us = metrics::steady_us();
  auto outcome = store_.execute(operations);
  counters_.commit_us.add(metrics::steady_us() - begun_us);
  counters_.group_operations.add(operations.size());
  counters_.operations.add(operations.size());
  for (const Status& each : outcome)
    if (!each) counters_.operations_failed.add();
  {
    // Before the answers: who hears one may submit again.
    const std::lock_guard lock(mutex_);
    unanswered_ -= operations.size();
  }
  for (std::size_t i = 0; i < on_done.size(); ++i) on_done[i](std::move(outcome[i]));
}

}  // namespace pavise::hub::store
