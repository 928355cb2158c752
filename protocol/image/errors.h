// Why an app package is refused; the detail names the field, the file or the block.
#pragma once

#include "common/base/result.h"

namespace pavise::image {

inline constexpr ErrorInfo kNotPackage{"PV-IMG-001", Retry::never, "the file is no app package",
                                       "Give a file that pavise app build wrote."};
inline constexpr ErrorInfo kOtherFormat{"PV-IMG-002", Retry::never,
                                        "the app package has another format version",
                                        "Use a Pavise that knows it, or build the package again."};
inline constexpr ErrorInfo kBadHeader{"PV-IMG-003", Retry::never,
                                      "a field of the app package's header is wrong",
                                      "Build the package again with pavise app build."};
inline constexpr ErrorInfo kBadSize{"PV-IMG-004", Retry::never,
                                    "the app package is shorter or longer than its header says",
                                    "Copy it again; it was cut or joined with something."};
inline constexpr ErrorInfo kNotSigned{
    "PV-IMG-005", Retry::needs_operator, "the app package is not signed by a trusted owner's key",
    "Sign it with the owner's key, or give the device that owner's key."};
inline constexpr ErrorInfo kBadManifest{"PV-IMG-006", Retry::never,
                                        "the manifest is not the one that was signed",
                                        "Copy the package again."};
inline constexpr ErrorInfo kOtherApp{"PV-IMG-007", Retry::never,
                                     "header and manifest of the app package disagree",
                                     "Build the package again with pavise app build."};
inline constexpr ErrorInfo kOtherTenant{
    "PV-IMG-008", Retry::never, "the app asks for the identity of another tenant",
    "Write the owner's own tenant into device_authentication, or remove it."};
inline constexpr ErrorInfo kDamagedContent{"PV-IMG-009", Retry::never,
                                           "the app package is not what its owner signed",
                                           "Copy it again; the detail names the first bad block."};
inline constexpr ErrorInfo kAbiMissing{"PV-IMG-010", Retry::never,
                                       "the app needs what this device does not offer",
                                       "Build it for this device, or update the device first."};

inline constexpr ErrorInfo kSpecialFile{
    "PV-IMG-020", Retry::never, "the image has a file that is neither file, folder nor link",
    "Remove it; devices are granted by the manifest."};
inline constexpr ErrorInfo kPrivilegedFile{
    "PV-IMG-021", Retry::never, "a file of the image carries privileges",
    "Remove its setuid, setgid and sticky bits, and let root own it."};
inline constexpr ErrorInfo kLinkLeaves{
    "PV-IMG-022", Retry::never, "a symbolic link of the image is absolute or leaves the image",
    "Point it at a file below, or with leading ../ only within the image."};
inline constexpr ErrorInfo kBadFileName{
    "PV-IMG-023", Retry::never, "a name in the image has control characters", "Rename the file."};
inline constexpr ErrorInfo kNoEntryPoint{
    "PV-IMG-024", Retry::never, "the entry point is no program in the image",
    "Put an executable file at the path that the manifest names."};

}  // namespace pavise::image
