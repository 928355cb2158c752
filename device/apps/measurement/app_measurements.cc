#include "device/apps/measurement/app_measurements.h"

#include <algorithm>

#include "protocol/monitor_ipc/monitor_ipc.h"

namespace pavise::device {

using app_measurement::AppEvent;

Result<AppMeasurements> AppMeasurements::open(std::string path, int timeout_ms) {
  PAVISE_TRY_ASSIGN(std::vector<std::string> texts, read_kept_list(path));
  return AppMeasurements(std::move(path), timeout_ms, std::move(texts));
}

Status AppMeasurements::connect(ipc::SeqpacketChannel monitor) {
  monitor_.emplace(std::move(monitor));
  measured_ = 0;
  return send_all();
}

Status AppMeasurements::measure(const AppEvent& event) {
  const std::string text = event.text();
  const auto found = std::ranges::find(texts_, text);
  if (found == texts_.end()) {
    PAVISE_TRY(add(text));
  } else if (static_cast<std::size_t>(found - texts_.begin()) < measured_) {
    return {};
  }
  return send_all();
}

// Kept before the monitor hears of it: whatever ends in between, no extend is without its text.
Status AppMeasurements::add(const std::string& text) {
  if (texts_.size() == app_measurement::kAppEventsMax) return app_measurement::kTooManyAppEvents;
  texts_.push_back(text);
  Status kept = write_kept_list(path_, texts_);
  if (!kept) texts_.pop_back();
  return kept;
}

void AppMeasurements::drop_old_answers() const {
  while (monitor_ && monitor_->receive(monitor_ipc::kMessageBytesMax, 0)) {
  }
}

Result<Bytes> AppMeasurements::ask(ByteView request) {
  if (!monitor_) return Error(kNotMeasured, "no monitor is connected");
  drop_old_answers();
  const Status sent = monitor_->send(request, timeout_ms_);
  auto packet = sent ? monitor_->receive(monitor_ipc::kMessageBytesMax, timeout_ms_)
                     : Result<Bytes>(sent.error());
  if (packet) return packet;
  // A late answer would be taken for that of the next question.
  monitor_.reset();
  measured_ = 0;
  return Error(kNotMeasured, packet.error().message());
}

Result<DeviceId> AppMeasurements::device() {
  const auto packet = ask(monitor_ipc::encode(monitor_ipc::Device{}));
  if (!packet) return Error(kDeviceNotKnown, packet.error().detail());
  const auto answer = monitor_ipc::parse_device(*packet);
  if (!answer) return Error(kDeviceNotKnown, answer.error().message());
  auto device = DeviceId::parse(answer->device_id);
  if (!device) return Error(kDeviceNotKnown, "no device id");
  return *std::move(device);
}

Status AppMeasurements::send_all() {
  PAVISE_TRY_ASSIGN(const Bytes packet, ask(monitor_ipc::encode(monitor_ipc::MeasureApps{texts_})));
  const auto answer = monitor_ipc::parse_measure_apps(packet);
  if (!answer && answer.error().is(monitor_ipc::kRefused))
    return Error(kNotMeasured, answer.error().detail());
  if (!answer) return Error(kNotMeasured, answer.error().message());
  // Also an answer to somebody before us is no other consent than this one.
  if (answer->pcr != app_measurement::pcr_after(texts_))
    return Error(kNotMeasured, "its PCR 13 is not that of the list");
  measured_ = texts_.size();
  return {};
}

}  // namespace pavise::device
