// The thread that executes imports and exports.
#pragma once

#include "cloud/hub/transfers/transfer_engine.h"
#include "common/base/step_thread.h"

namespace pavise::hub::transfers {

class TransferRunner {
 public:
  explicit TransferRunner(TransferServices services);  // nothing is executed yet

  void start() { thread_.start(); }  // called once
  // Waits for the end of the step that is under way; the rest is the next runner's. Idempotent.
  void stop() { thread_.stop(); }
  // A job was made or cancelled. Thread-safe; does not block.
  void changed() { thread_.wake(); }

 private:
  TransferEngine engine_;
  StepThread thread_;
};

}  // namespace pavise::hub::transfers
