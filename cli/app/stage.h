// From a folder to an EROFS image, the same bytes each time.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/app/debugger.h"
#include "cli/app/errors.h"
#include "common/base/bytes.h"
#include "protocol/manifest/component_id.h"

namespace pavise::cli::app {

struct ImageSource {
  std::optional<std::filesystem::path> root;    // what the image holds
  std::optional<std::filesystem::path> binary;  // put at `entry_point`, over what `root` has there
  std::string entry_point;
  std::vector<DebuggerFile> debugger;  // executable by all
  bool keeps_certificates = false;     // so the device mounts a folder for them
  bool names_hosts = false;  // so it gets a place for the device to say where names are resolved
};

// Copies the source, with permissions that do not depend on anybody's umask (0755 for folders and
// what its owner may execute, 0644 for the rest; setuid and its like stay, to be refused), and runs
// mkfs.erofs over the copy. Blocks. Errors: PV-APP-002, -003; PV-IMG-020 for special files;
// PV-ERF-003 for more than a package may hold.
Result<Bytes> make_image(const ImageSource& source, const manifest::ComponentId& id);

}  // namespace pavise::cli::app
