// Telemetry for the management API, read from the hub's segment log.
#pragma once

#include "cloud/hub/events/retention.h"
#include "cloud/hub/segment_log/segment_log.h"
#include "cloud/server/routes/hub_ports.h"

namespace pavise::server {

// Records looked at for one page: a reader that waits for one device among many still answers soon.
inline constexpr std::size_t kScannedRecordsMax = 20'000;

class LogTelemetry final : public Telemetry {
 public:
  // Both outlive it. Without a retention every hub has what the log has.
  explicit LogTelemetry(hub::SegmentLog& log, const hub::Retention* retention = nullptr)
      : log_(log), retention_(retention) {}
  std::uint64_t first_offset() override { return log_.first_offset(); }
  std::uint64_t next_offset() override { return log_.durable_end(); }
  // Errors: those of SegmentLog::read.
  Result<TelemetryPage> read(std::uint64_t from, std::size_t limit,
                             const TelemetryFilter& filter) override;

 private:
  // Whether the record's hub still keeps it.
  bool kept(const hub::Record& record) const;

  hub::SegmentLog& log_;
  const hub::Retention* const retention_;
};

}  // namespace pavise::server
