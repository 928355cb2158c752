#include "device/apps/house/house_names.h"

#include <algorithm>
#include <chrono>

namespace pavise::device {
namespace {

RunningApp* app_of(House& house, std::uint32_t number) {
  const auto& apps = house.apps();
  const auto found = std::ranges::find(apps, number, [](const auto& app) { return app->number(); });
  return found == apps.end() ? nullptr : found->get();
}

bool pin_all(RunningApp& app, const PinRequest& request) {
  return std::ranges::all_of(request.pins, [&](const NamePin& pin) {
    return app.pin(pin.address, pin.socket_type, pin.port, std::chrono::seconds(request.lifetime_s))
        .has_value();
  });
}

}  // namespace

NameService* HouseNames::service() {
  if (service_) return &*service_;
  started_ms_ = clock_.steady_ms();
  auto started = NameService::start(spec_);
  if (!started) {
    tell_(started.error().message());
    return nullptr;
  }
  return &service_.emplace(*std::move(started));
}

void HouseNames::serve(House& house) {
  if (!service_) return;
  const NameEvents events = service_->take();
  for (const PinRequest& request : events.pins) {
    RunningApp* const app = app_of(house, request.app);
    service_->confirm(request, app != nullptr && pin_all(*app, request));
  }
  for (const RefusedName& refused : events.refused)
    if (RunningApp* const app = app_of(house, refused.app))
      app->tell_refusal(
          "to resolve " + refused.name +
          (refused.attempts == 1 ? "" : " (" + std::to_string(refused.attempts) + " times)"));
}

void HouseNames::look_after() {
  if (!service_ || !service_->ended() || wait_ms() > 0) return;
  started_ms_ = clock_.steady_ms();
  tell_("event resolver: ended, started again");
  if (const Status started = service_->restart(); !started) tell_(started.error().message());
}

std::int64_t HouseNames::wait_ms() const {
  if (!service_ || !service_->ended()) return INT64_MAX;
  return std::max<std::int64_t>(0, started_ms_ + kNamesRestartMs - clock_.steady_ms());
}

}  // namespace pavise::device
