// Looks at every block and every name of a package's content, in a process that could do nothing
// with it.
#pragma once

#include <sys/types.h>

#include "common/base/result.h"
#include "device/apps/packages/package_file.h"

namespace pavise::device {

inline constexpr ErrorInfo kContentRefused{
    "PV-PKG-002", Retry::never, "the content of an app package is refused",
    "The detail has the rule's own code; build the package again."};

// Forks a child that becomes `user`, keeps the one file, mapped, and nothing else, and checks tree
// and content (image::ContentVerifier, image::inspect_content). Blocks until it is done. Call it
// from the only thread, as root. kContentRefused with what the child said, or how it ended.
Status inspect_content_apart(const PackageFile& package, uid_t user);

}  // namespace pavise::device
