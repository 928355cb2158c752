// The thread that an Applier works on.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "cloud/hub/configurations/applier.h"

namespace pavise::hub::configurations {

class ApplierThread {
 public:
  // Both must outlive it. `failed` hears of what will be tried again; may be empty.
  ApplierThread(Applier& applier, const Clock& clock, std::function<void(const Error&)> failed);
  ~ApplierThread();  // ends after the step that is under way
  ApplierThread(const ApplierThread&) = delete;
  ApplierThread& operator=(const ApplierThread&) = delete;

 private:
  void run();

  Applier& applier_;
  const Clock& clock_;
  const std::function<void(const Error&)> failed_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pavise::hub::configurations
