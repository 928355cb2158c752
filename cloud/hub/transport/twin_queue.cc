#include "cloud/hub/transport/twin_queue.h"

namespace pavise::hub {

TwinQueue::TwinQueue(TwinStore& store) : store_(store), thread_([this] { run(); }) {}

TwinQueue::~TwinQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

void TwinQueue::submit(TwinCommand command, OnAnswer on_answer) {
  {
    const std::lock_guard lock(mutex_);
    if (commands_.size() < kTwinQueueMax) {
      commands_.push_back(std::move(command));
      answers_.push_back(std::move(on_answer));
      work_.notify_one();
      return;
    }
  }
  on_answer(kTwinQueueFull);
}

void TwinQueue::run() {
  for (;;) {
    std::vector<TwinCommand> commands;
    std::vector<OnAnswer> answers;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return stopping_ || !commands_.empty(); });
      if (commands_.empty()) return;
      commands.swap(commands_);
      answers.swap(answers_);
    }
    auto results = store_.execute(commands);
    for (std::size_t i = 0; i < answers.size(); ++i) answers[i](std::move(results[i]));
  }
}

}  // namespace pavise::hub
