// Why a manifest is refused. The detail begins with the JSON pointer (RFC 6901) of the place, if it
// is one member, then ": " and what is wrong there; see pointer_of().
#pragma once

#include <string_view>

#include "common/base/result.h"

namespace pavise::manifest {

inline constexpr ErrorInfo kTooLarge{"PV-MAN-001", Retry::never, "the manifest is too large",
                                     "Shorten lists and arguments; put data into the image."};
inline constexpr ErrorInfo kNotJson{"PV-MAN-002", Retry::never, "the manifest is not valid JSON",
                                    "Mend the text at the byte that the detail names."};
inline constexpr ErrorInfo kUnknownMember{
    "PV-MAN-003", Retry::never, "the manifest has a member that is not known",
    "Remove it, or correct its name; api/app-manifest.schema.json lists all."};
inline constexpr ErrorInfo kRepeatedMember{
    "PV-MAN-004", Retry::never, "the manifest has a member twice", "Remove one of them."};
inline constexpr ErrorInfo kMissingMember{"PV-MAN-005", Retry::never, "the manifest lacks a member",
                                          "Add it."};
inline constexpr ErrorInfo kWrongType{"PV-MAN-006", Retry::never,
                                      "a member of the manifest has another type",
                                      "Write a value of the type that the detail names."};
inline constexpr ErrorInfo kOutOfRange{"PV-MAN-007", Retry::never,
                                       "a number of the manifest is out of range",
                                       "Write a whole number within the range of the detail."};
inline constexpr ErrorInfo kBadText{"PV-MAN-008", Retry::never,
                                    "a text of the manifest has another form",
                                    "Write it in the form that the detail names."};
inline constexpr ErrorInfo kBadHost{
    "PV-MAN-009", Retry::never, "a destination of the manifest is none",
    "Write a name, *.NAME, an address or ADDRESS/PREFIX, with :PORT if one port is enough."};
inline constexpr ErrorInfo kTooMany{"PV-MAN-010", Retry::never,
                                    "a list of the manifest is too long", "Shorten it."};
inline constexpr ErrorInfo kRepeatedValue{
    "PV-MAN-011", Retry::never, "a list of the manifest has a value twice", "Remove one of them."};
inline constexpr ErrorInfo kContradiction{"PV-MAN-012", Retry::never,
                                          "two members of the manifest contradict each other",
                                          "Change one of them as the detail says."};
inline constexpr ErrorInfo kOtherSchema{"PV-MAN-013", Retry::never,
                                        "the manifest is of another schema version",
                                        "Use a Pavise that knows it, or write version 1."};

// A set of manifests that cannot run on one device; the detail names both apps.
inline constexpr ErrorInfo kSameApp{"PV-MAN-020", Retry::never,
                                    "two apps have one component id or one name",
                                    "Give each app its own, or install one of them."};
inline constexpr ErrorInfo kSameHardware{
    "PV-MAN-021", Retry::never, "two apps claim one pin or controller", "Leave it to one of them."};
inline constexpr ErrorInfo kSamePort{"PV-MAN-022", Retry::never, "two apps listen on one port",
                                     "Give one of them another port."};
inline constexpr ErrorInfo kOneSided{"PV-MAN-023", Retry::never,
                                     "an app wants a connection that its peer does not list",
                                     "List each app in the other's app_connections."};
inline constexpr ErrorInfo kStartCycle{"PV-MAN-024", Retry::never,
                                       "apps wait for each other before they start",
                                       "Remove one start_after of the circle."};

}  // namespace pavise::manifest
