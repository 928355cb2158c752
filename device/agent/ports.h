// The outside world as the agent's logic sees it. main.cc gives it the real one, tests their own.
// Calls block as stated; everything runs on one thread.
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "protocol/apps_ipc/apps_ipc.h"

namespace pavise::agent {

// A certificate that the service issued for the TLS key of this device.
struct DeviceCertificate {
  std::vector<Bytes> chain_der;  // leaf first
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  UnixSeconds issued_after =
      0;  // it is later now: its own beginning, or the service's if that is later
  UnixSeconds renew_at = 0;  // no later than
  std::string hub_host;
  std::uint16_t hub_port = 0;
  std::string tenant;
  Bytes message;  // the service's answer as it came: what is kept on disk
};

// The service said no, in its own words.
struct Refusal {
  std::string code;
  std::string reason;
  Retry retry = Retry::later;
};

using AttestOutcome = std::variant<DeviceCertificate, Refusal>;

class Attester {
 public:
  virtual ~Attester() = default;
  // One whole attestation: blocks up to the deadlines of its network and of the TPM. The service's
  // TLS certificate is judged as of `now`, or as of its own beginning if that is later.
  virtual Result<AttestOutcome> attest(UnixSeconds now) = 0;
};

class HubConnection {
 public:
  virtual ~HubConnection() = default;
  // At least one byte, or 0 bytes for "not yet": after `timeout_ms`, or earlier when one of
  // `others` is ready or what came was for the connection itself. A closed connection is an error.
  virtual Result<std::size_t> read(std::span<std::byte> out, std::int64_t timeout_ms,
                                   std::vector<pollfd> others) = 0;
  virtual Status write(ByteView bytes) = 0;
};

class HubConnector {
 public:
  virtual ~HubConnector() = default;
  virtual Result<std::unique_ptr<HubConnection>> connect(const DeviceCertificate& certificate,
                                                         UnixSeconds now) = 0;
};

class CertificateStore {
 public:
  virtual ~CertificateStore() = default;
  // nullopt when there is none, or none that fits this device's keys. kStoreFailed.
  virtual Result<std::optional<DeviceCertificate>> load() = 0;
  virtual Status save(const DeviceCertificate& certificate) = 0;  // atomic; kStoreFailed
  virtual void erase() = 0;
};

class MonitorProbe {
 public:
  virtual ~MonitorProbe() = default;
  virtual std::optional<std::int64_t> monitor_pss_kib() = 0;
  // How many apps the monitor has measured since the device started: what evidence of now says.
  virtual std::optional<std::uint64_t> measured_apps() = 0;
};

// The launcher of apps. Each call blocks briefly: a launcher that hangs must not cost the
// connection to the hub. kNoApps, kLauncherSilent, kLauncherGone, kLauncherAnswer; what the
// launcher itself refuses is an answer.
class AppsPort {
 public:
  virtual ~AppsPort() = default;
  virtual Result<apps_ipc::Answer<apps_ipc::AppList>> list() = 0;
  // `request` is a Start, Stop or Restart.
  virtual Result<apps_ipc::Answer<apps_ipc::Acted>> act(const apps_ipc::Request& request) = 0;
  virtual Result<apps_ipc::Answer<apps_ipc::LogPage>> logs(const apps_ipc::Logs& request) = 0;
  virtual Result<apps_ipc::Answer<apps_ipc::Received>> receive(
      const apps_ipc::Receive& request) = 0;
  // These two may block for many seconds: an app is asked to end.
  virtual Result<apps_ipc::Answer<apps_ipc::Installed>> install(
      const apps_ipc::Install& request) = 0;
  virtual Result<apps_ipc::Answer<apps_ipc::Removed>> remove(const apps_ipc::Remove& request) = 0;
  virtual Result<apps_ipc::Answer<apps_ipc::GrantTaken>> grant(
      const apps_ipc::GiveGrant& request) = 0;
  virtual Result<apps_ipc::Answer<apps_ipc::DebugBegun>> debug(const apps_ipc::Debug& request) = 0;
  virtual Result<apps_ipc::Answer<apps_ipc::Exchanged>> exchange(
      const apps_ipc::Exchange& request) = 0;
  virtual Result<apps_ipc::Answer<apps_ipc::TimeHeard>> tell_time(
      const apps_ipc::TellTime& time) = 0;
};

class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void line(std::string_view text) = 0;
};

}  // namespace pavise::agent
