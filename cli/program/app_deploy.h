// Brings a package to a device that runs. Internal to this folder.
#pragma once

#include <chrono>

#include "cli/app/package_file.h"
#include "cli/program/app_device.h"

namespace pavise::cli {

inline constexpr std::size_t kPackagePartBytes = 65536;  // of pavise.apps.receive

// How long to wait for a device that attests anew, when it is about deploying.
inline constexpr int kDeployConnectS = 20;

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

inline Milliseconds between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration_cast<Milliseconds>(end - begin);
}

struct DeployTimes {
  Milliseconds upload{}, install{};
};

// What a device refuses that can be known before anything is sent. nullopt after printing why.
std::optional<app::PackageFile> read_deployable(Session& session, const AppDevice& device,
                                                const std::string& path);
// Sends it in parts and has it installed; begins anew when a part was lost or somebody else began.
// The device's answer (install-result); nullopt after printing why not.
std::optional<boost::json::value> deploy(Session& session, const AppDevice& device,
                                         const app::PackageFile& file,
                                         DeployTimes* times = nullptr);

}  // namespace pavise::cli
