// Deadlines of an HTTP server whose time a test owns.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "cloud/server/http/http_server.h"

namespace pavise::server::testing {

// Thread-safe. Outlives the servers that it serves.
class ManualAlarms {
 public:
  http::AlarmMaker maker() {
    return [this] { return std::make_unique<One>(*this); };
  }

  // Waits until `count` alarms of this length have been set since the beginning.
  void await(std::chrono::milliseconds wait, std::size_t count = 1) {
    std::unique_lock lock(mutex_);
    set_.wait(lock, [&] { return times_set_locked(wait) >= count; });
  }
  std::size_t times_set(std::chrono::milliseconds wait) const {
    const std::lock_guard lock(mutex_);
    return times_set_locked(wait);
  }
  // Lets the time pass; what falls due is called before this returns.
  void advance(std::chrono::milliseconds by) {
    std::vector<std::function<void()>> due;
    {
      const std::lock_guard lock(mutex_);
      now_ += by;
      for (One* alarm : alarms_)
        if (alarm->due && alarm->at <= now_) due.push_back(std::exchange(alarm->due, nullptr));
    }
    for (const auto& call : due) call();
  }

 private:
  class One final : public http::Alarm {
   public:
    explicit One(ManualAlarms& all) : all_(all) {
      const std::lock_guard lock(all_.mutex_);
      all_.alarms_.push_back(this);
    }
    ~One() override {
      const std::lock_guard lock(all_.mutex_);
      std::erase(all_.alarms_, this);
    }
    One(const One&) = delete;
    One& operator=(const One&) = delete;
    void set(std::chrono::milliseconds wait, std::function<void()> call) override {
      const std::lock_guard lock(all_.mutex_);
      at = all_.now_ + wait;
      due = std::move(call);
      all_.lengths_.push_back(wait);
      all_.set_.notify_all();
    }
    void clear() override {
      const std::lock_guard lock(all_.mutex_);
      due = nullptr;
    }

    std::chrono::milliseconds at{};
    std::function<void()> due;

   private:
    ManualAlarms& all_;
  };

  std::size_t times_set_locked(std::chrono::milliseconds wait) const {
    return static_cast<std::size_t>(std::ranges::count(lengths_, wait));
  }

  mutable std::mutex mutex_;
  std::condition_variable set_;
  std::chrono::milliseconds now_{};
  std::vector<One*> alarms_;
  std::vector<std::chrono::milliseconds> lengths_;
};

}  // namespace pavise::server::testing
