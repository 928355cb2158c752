// What a manifest means on this device.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "device/apps/compartment/app_group.h"
#include "device/apps/compartment/app_root.h"
#include "device/apps/egress/egress_guard.h"
#include "device/apps/gpio/gpio_lines.h"
#include "device/apps/hardware/hardware_definition.h"
#include "device/apps/lifecycle/app_life.h"
#include "device/apps/names/named_peer.h"
#include "device/apps/words/grants.h"
#include "protocol/manifest/manifest.h"

namespace pavise::device {

inline constexpr ErrorInfo kNoSuchHardware{
    "PV-APL-001", Retry::never, "the device has no hardware of this name and kind",
    "Name what the hardware definition of the device lists."};

inline constexpr std::uint64_t kTemporaryBytes = 1U << 20U;  // of /tmp, for every app
inline constexpr std::uint32_t kOpenFilesMax = 64;           // and its GPIO lines

// For 16 certificates and one that replaces another, 20 KiB each, and their folder
// (docs/formats/certificate-store.md).
inline constexpr std::uint64_t kCertificateStoreBytes = 352U << 10U;

struct AppPolicy {
  std::vector<std::string> arguments;  // the first is the program
  AppBudget budget;
  std::uint64_t storage_bytes = 0;      // 0: none
  std::uint64_t certificate_bytes = 0;  // 0: no store of certificates
  std::vector<DeviceNode> devices;
  std::vector<GpioLine> lines;
  bool network = false;
  std::vector<Peers> peers;
  std::vector<NamedPeer> named_peers;
  std::vector<ListeningPort> ports;
  std::vector<sock_filter> filter;
  LifePolicy life;
  AppGrants grants;
  bool debugger = false;  // the program is a debugger, which starts the app's
  // SHA-256 over the manifest's digest and everything above.
  Digest256 digest{};
};

// kNoSuchHardware, kFilterNotMade.
Result<AppPolicy> make_app_policy(const manifest::Manifest& manifest,
                                  const HardwareDefinition& hardware);

// What a debugger needs besides what the app has.
inline constexpr std::uint64_t kDebuggerMemoryBytes = 32U << 20U;
inline constexpr std::uint32_t kDebuggerProcesses = 4;

// The same for an app whose program is started by the debugger in its image
// (protocol/dev_grant/debugger_files.h), over standard input and output. Its digest is another one,
// so what is measured says that the app may be debugged. kFilterNotMade.
Result<AppPolicy> make_debug_policy(const manifest::Manifest& manifest, const AppPolicy& policy);

}  // namespace pavise::device
