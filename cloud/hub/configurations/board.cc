#include "cloud/hub/configurations/board.h"

namespace pavise::hub::configurations {

void Board::put(const iothub::HubName& hub, CountsOfHub counts) {
  const std::lock_guard lock(mutex_);
  hubs_[hub.text()] = std::move(counts);
}

void Board::forget(const iothub::HubName& hub) {
  const std::lock_guard lock(mutex_);
  hubs_.erase(hub.text());
}

std::optional<Counts> Board::counts(const iothub::HubName& hub,
                                    std::string_view configuration) const {
  const std::lock_guard lock(mutex_);
  const auto of_hub = hubs_.find(hub.text());
  if (of_hub == hubs_.end()) return std::nullopt;
  const auto found = of_hub->second.find(configuration);
  if (found == of_hub->second.end()) return std::nullopt;
  return found->second;
}

}  // namespace pavise::hub::configurations
