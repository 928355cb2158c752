// What was measured of apps in this boot, on the launcher's side (ADR 0030).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/ipc/seqpacket.h"
#include "device/apps/measurement/kept_list.h"
#include "protocol/app_measurement/app_event.h"

namespace pavise::device {

inline constexpr ErrorInfo kNotMeasured{
    "PV-AMS-003", Retry::later, "the monitor did not measure what an app may do",
    "Read its code and reason in the detail; the app was not started."};

inline constexpr ErrorInfo kDeviceNotKnown{"PV-AMS-004", Retry::later,
                                           "the monitor did not say which device this is",
                                           "Read its code and reason in the detail."};

// Not thread-safe. Calls block for the file and for the monitor's TPM commands, up to the timeout.
class AppMeasurements {
 public:
  // A TPM may think for seconds over one command, and a monitor that was started again extends a
  // whole list.
  static constexpr int kTimeoutMs = 60'000;

  // `path` has to be on a tmpfs in a folder that only the launcher can write: another process of
  // this launcher reads there what this one measured, and the next boot must not. kListUnreadable.
  static Result<AppMeasurements> open(std::string path, int timeout_ms = kTimeoutMs);

  // A monitor that was started, or started again. It gets the whole list at once, empty or not, so
  // that evidence is complete before the next app starts. kNotMeasured.
  Status connect(ipc::SeqpacketChannel monitor);

  // Success: PCR 13 holds what this app may do, and evidence of this boot says so. Call it before
  // each start; what this monitor has measured before is not sent again. After an error the app
  // must not start; the text stays in the list, because the TPM may have taken it.
  // app_measurement::kTooManyAppEvents, kListNotKept, kNotMeasured (also: no monitor is connected,
  // or the last one is gone).
  Status measure(const app_measurement::AppEvent& event);

  // Which device this is by the word of the monitor, whose TPM makes it that device.
  // kDeviceNotKnown.
  Result<DeviceId> device();

  // False: the monitor's channel broke or an answer was missed; connect() mends it.
  bool connected() const { return monitor_.has_value(); }
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  AppMeasurements(std::string path, int timeout_ms, std::vector<std::string> texts)
      : path_(std::move(path)), timeout_ms_(timeout_ms), texts_(std::move(texts)) {}

  Status add(const std::string& text);
  // A launcher that ended may have left its question's answer in the socket, which init hands on.
  void drop_old_answers() const;
  // kNotMeasured: the channel broke, or nothing came in time.
  Result<Bytes> ask(ByteView request);
  Status send_all();

  std::string path_;
  int timeout_ms_;
  std::vector<std::string> texts_;
  std::size_t measured_ = 0;  // of texts_, by the connected monitor
  std::optional<ipc::SeqpacketChannel> monitor_;
};

}  // namespace pavise::device
