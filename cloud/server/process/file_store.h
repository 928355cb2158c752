// The object store of uploaded files, as the command line names it.
#pragma once

#include <memory>

#include "cloud/hub/s3_store/settings.h"
#include "cloud/server/bootstrap/options.h"

namespace pavise::server {

// Reads the files that the options name, which the sandbox does not allow any more. Null: files are
// kept in the state directory. kBadPlace, kBadKeys, kNoSuchFile, kStateUnusable.
Result<std::shared_ptr<const hub::s3_store::Settings>> load_file_store(
    const ServerOptions& options);

}  // namespace pavise::server
