// Small files of the state directory, whole or not at all.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace pavise::server {

// Errors: PV-SRV-nnn.
inline constexpr ErrorInfo kStateUnusable{"PV-SRV-001", Retry::needs_operator,
                                          "the state directory cannot be used",
                                          "Check its path, owner, mode (0700) and free space."};
inline constexpr ErrorInfo kNoSuchFile{"PV-SRV-002", Retry::never, "there is no such file",
                                       "Check the path."};
inline constexpr ErrorInfo kSignerAbsent{
    "PV-SRV-003", Retry::needs_operator, "the signer did not answer in time",
    "Start pavise-signer on this socket, or use --spawn-signer."};
inline constexpr ErrorInfo kBadCommandLine{"PV-SRV-004", Retry::never,
                                           "the command line does not fit together",
                                           "See pavise-server --help."};

inline constexpr ErrorInfo kStateBusy{"PV-SRV-005", Retry::needs_operator,
                                      "another server uses this state directory",
                                      "Stop it, or choose another directory."};

// Creates the directory (and its parents) with mode 0700 if it is missing. kStateUnusable: not a
// directory, another owner, or open to others.
Status make_private_directory(const std::string& path);

// Holds the directory for this process until the descriptor is closed. kStateBusy.
Result<UniqueFd> lock_directory(const std::string& path);

// Writes a temporary file beside it, syncs, renames, syncs the directory: after a crash there is
// the old file or the new one. kStateUnusable. Blocks on disk.
Status write_file(const std::string& path, ByteView bytes, mode_t mode);

// kNoSuchFile, kStateUnusable (unreadable, larger than size_max). Blocks on disk.
Result<SecretBytes> read_file(const std::string& path, std::size_t size_max);

}  // namespace pavise::server
