// A folder to begin an app with, from a template of the SDK.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/app/errors.h"
#include "common/base/ids.h"
#include "protocol/manifest/manifest.h"

namespace pavise::cli::app {

inline constexpr std::size_t kTemplateFileBytesMax = 65536;

struct NewAppRequest {
  std::string name;           // as in the manifest
  std::string template_name;  // a folder in SDK/templates
  std::optional<TenantId> tenant;
  std::filesystem::path folder;  // to be made
  std::filesystem::path sdk;     // of find_sdk()
};

struct NewApp {
  manifest::Manifest manifest;
  std::vector<std::string> files;  // sorted
};

// Writes the template's files with the name, the tenant and a new random component id in them; over
// nothing that is there. Blocks on the disk. kNoTemplate, kNoTenant, kFolderExists, kFileFailed;
// the manifest's errors for a name that it does not take.
Result<NewApp> make_app(const NewAppRequest& request);

}  // namespace pavise::cli::app
