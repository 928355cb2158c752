// A TwinStore for tests: keeps twins in memory, fails on demand.
#pragma once

#include <map>
#include <mutex>

#include "cloud/hub/twin_store/twin_store.h"

namespace pavise::hub::testing {

class MemoryTwinStore final : public TwinStore {
 public:
  using TwinStore::execute;
  std::vector<Result<TwinAnswer>> execute(std::span<const TwinCommand> commands) override {
    const std::lock_guard lock(mutex_);
    std::vector<Result<TwinAnswer>> answers;
    for (const TwinCommand& command : commands) {
      if (full_) {
        answers.emplace_back(kTwinStoreFull);
      } else if (command.kind == TwinCommand::Kind::remove) {
        twins_.erase(command.device);
        answers.emplace_back(TwinAnswer{});
      } else {
        answers.push_back(apply(command, twins_[command.device]));
      }
    }
    return answers;
  }
  void set_full(bool full) {
    const std::lock_guard lock(mutex_);
    full_ = full;
  }

 private:
  std::mutex mutex_;
  bool full_ = false;
  std::map<DeviceId, twin::Twin> twins_;
};

}  // namespace pavise::hub::testing
