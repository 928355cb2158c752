// How long a client may do what it was allowed to: tokens and certificates end, rights are changed.
#include <algorithm>

#include "cloud/hub/amqp/session.h"

namespace pavise::hub {

// Links of these end; who can still prove who it is may attach again.
void AmqpSession::on_rights_changed(const RightsChanged& change, SessionNow now, Bytes& out) {
  if (closed_) return;
  now_ = now;
  std::vector<iothub::Identity> gone;
  for (const auto& [id, device] : devices_)
    if (const auto& identity = device.principal.identity; identity && change.concerns(*identity))
      gone.push_back(*identity);
  const auto stands = [this](const std::string& device, const std::string& module_id) {
    return credentials_.device(device, module_id).has_value();
  };
  const bool some_stand = stands(change.device, change.module_id.value_or("")) ||
                          std::ranges::any_of(gone, [&](const auto& identity) {
                            return stands(identity.device(), identity.module_id());
                          });
  const Error why = some_stand ? Error(kProveAnew) : change.reason;
  for (const iothub::Identity& identity : gone) close_device(*device_of(identity), why);
  credentials_.check_again(change.device, change.module_id);
  dismiss(gone, why);
  finish(out);
}

// Whatever holds a grant that ended asks for a new one; what gets none is closed.
void AmqpSession::expire() {
  if (closed_ || now_.wall_ms < earliest_expiry_ms_) return;
  std::vector<iothub::Identity> ended;
  for (auto& [id, device] : devices_) {
    const auto& identity = device.principal.identity;
    if (!identity || now_.wall_ms < device.principal.expires_ms) continue;
    auto renewed = credentials_.device(identity->device(), identity->module_id());
    if (renewed && renewed->expires_ms > now_.wall_ms) {
      device.principal = *std::move(renewed);
    } else {
      ended.push_back(*identity);
    }
  }
  for (const iothub::Identity& identity : ended) close_device(*device_of(identity), kGrantEnded);
  std::vector<amqp::LinkId> services;
  for (auto& [id, link] : links_) {
    if (!link.service || now_.wall_ms < link.service->expires_ms) continue;
    auto renewed = credentials_.service(link.address);
    if (renewed && renewed->expires_ms > now_.wall_ms) {
      link.service = *std::move(renewed);
    } else {
      services.push_back(id);
    }
  }
  for (const amqp::LinkId id : services) close_link(id, kGrantEnded);
  const bool forgotten = credentials_.forget_expired(now_.wall_ms);
  earliest_expiry_ms_ = credentials_.earliest_expiry_ms();
  for (const auto& [id, device] : devices_) ends_at(device.principal.expires_ms);
  for (const auto& [id, link] : links_)
    if (link.service) ends_at(link.service->expires_ms);
  if (forgotten || !ended.empty() || !services.empty()) dismiss(ended, kGrantEnded);
}

// Whose grants ended is gone, and with the last one the connection.
void AmqpSession::dismiss(const std::vector<iothub::Identity>& gone, const Error& why) {
  for (const iothub::Identity& identity : gone) devices_port_.leave(identity);
  const auto is_service = [](const auto& entry) { return entry.second.service.has_value(); };
  if (!devices_.empty() || !credentials_.empty() || std::ranges::any_of(links_, is_service)) return;
  engine_.close(condition(why));
  end(why, false);
}

void AmqpSession::ends_at(UnixMillis expires_ms) {
  earliest_expiry_ms_ = std::min(earliest_expiry_ms_, expires_ms);
}

}  // namespace pavise::hub
