// Walks over an EROFS image (Documentation/filesystems/erofs.rst; on-disk format of Linux 6.1) of
// the plain kind that our packages hold: 4 KiB blocks, no compression, no chunks, no extended
// attributes, one device. What it does not understand it refuses.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::erofs {

inline constexpr ErrorInfo kNotErofs{"PV-ERF-001", Retry::never,
                                     "the content is no EROFS image of the kind that apps have",
                                     "Build the package with pavise app build."};
inline constexpr ErrorInfo kDamaged{"PV-ERF-002", Retry::never,
                                    "the EROFS image contradicts itself",
                                    "Build the package again with pavise app build."};
inline constexpr ErrorInfo kOverLimit{"PV-ERF-003", Retry::never,
                                      "the image has more or deeper files than an app may have",
                                      "Leave out what the app does not need, or pack it."};
inline constexpr ErrorInfo kHasAttributes{
    "PV-ERF-004", Retry::never, "a file of the image has extended attributes",
    "Remove its capabilities and labels; an app gets what its manifest lists."};

inline constexpr std::size_t kBlockBytes = 4096;
inline constexpr std::size_t kBlocksMin = 2;         // dm-verity has no tree over less
inline constexpr std::size_t kBlocksMax = 1U << 16;  // 256 MiB
inline constexpr std::size_t kEntriesMax = 16384;    // names in all directories, links included
inline constexpr unsigned kDepthMax = 16;            // directories below the root
inline constexpr std::size_t kNameBytesMax = 255;
inline constexpr std::size_t kTargetBytesMax = 1023;  // of a symbolic link

enum class Kind { file, directory, character_device, block_device, fifo, socket, symlink };
std::string_view to_string(Kind kind);

struct Entry {
  std::string_view path;  // from the root, "/" for itself; valid during the visit
  unsigned depth = 0;     // of the directory that holds it; 0 in the root
  Kind kind = Kind::file;
  std::uint16_t permissions = 0;  // the twelve bits below the kind
  std::uint32_t uid = 0, gid = 0;
  std::uint64_t size_bytes = 0;
  // Bytes of a file, or the target of a symbolic link: the first, then the second.
  ByteView head = {}, tail = {};
};

// Called once for each name; what it returns other than success ends the walk.
using Visit = std::function<Status(const Entry&)>;

// Directories before what they hold, names in order. `image` is whole blocks, kBlocksMin to
// kBlocksMax of them. Errors: PV-ERF-001 to -004 with the path, and whatever `visit` returned.
// Memory: the longest path, and the numbers of all directories. Pure; thread-safe.
Status walk(ByteView image, const Visit& visit);

// Blocks of the file system that starts here, as its superblock says; 0 if that is none.
std::uint32_t blocks_of(ByteView image);

}  // namespace pavise::erofs
