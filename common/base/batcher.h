// Work that is cheaper together: whoever comes while a batch is under way shares the next one, so
// that a flush, a round trip or a lock is paid once for many callers. Nobody waits for company: a
// caller who finds nothing under way goes at once.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace pavise {

// Thread-safe. One of the callers does the work of a batch on its own thread; only those whose item
// is finished, and the one who works next, are woken.
template <class Item>
class Batcher {
 public:
  // Must not throw.
  using Work = std::function<void(std::span<Item* const> batch)>;

  // `work` is called with 1 to batch_max items, oldest first, by at most parallel_max callers at a
  // time. Both are at least 1.
  Batcher(std::size_t batch_max, std::size_t parallel_max, Work work)
      : batch_max_(std::max<std::size_t>(1, batch_max)),
        parallel_max_(std::max<std::size_t>(1, parallel_max)),
        work_(std::move(work)) {}

  // Returns when `work` has finished with a batch that holds `item`.
  void run(Item& item) {
    Caller mine{.item = &item, .changed = {}};
    std::unique_lock lock(mutex_);
    waiting_.push_back(&mine);
    while (true) {
      // The lead is free for whoever runs first; handing it to a sleeper would make all wait for
      // the sleeper to be scheduled.
      mine.changed.wait(lock,
                        [&] { return mine.done || (!mine.taken && leaders_ < parallel_max_); });
      if (mine.done) return;
      lead(lock);
    }
  }

 private:
  struct Caller {
    Item* item;
    std::condition_variable changed;
    bool taken = false;
    bool done = false;
  };

  void lead(std::unique_lock<std::mutex>& lock) {
    std::vector<Caller*> callers;
    std::vector<Item*> items;
    for (; !waiting_.empty() && items.size() < batch_max_; waiting_.pop_front()) {
      waiting_.front()->taken = true;
      callers.push_back(waiting_.front());
      items.push_back(waiting_.front()->item);
    }
    ++leaders_;
    lock.unlock();
    work_(items);
    lock.lock();
    --leaders_;
    // Under the lock: a caller ends the life of its condition as soon as it can see `done`.
    for (Caller* caller : callers) {
      caller->done = true;
      caller->changed.notify_one();
    }
    if (!waiting_.empty()) waiting_.front()->changed.notify_one();
  }

  const std::size_t batch_max_;
  const std::size_t parallel_max_;
  const Work work_;
  std::mutex mutex_;
  std::deque<Caller*> waiting_;  // not yet in any batch
  std::size_t leaders_ = 0;
};

}  // namespace pavise
