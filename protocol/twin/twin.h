// The device twin: desired properties (written by the service) and reported properties (written by
// the device), each with its own version. Semantics and limits as IoT Hub documents them
// (reference: iothub-dps-wire A3 and D1 "Twin limits").
//
// Pure values: no I/O, no clock. Not thread-safe. Exceptions of the JSON library stop here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace pavise::twin {

// Errors: PV-TWD-nnn.
inline constexpr ErrorInfo kBadJson{"PV-TWD-001", Retry::never, "the twin patch is not valid JSON",
                                    "Send one JSON object in UTF-8."};
inline constexpr ErrorInfo kNotAnObject{"PV-TWD-002", Retry::never,
                                        "the twin patch is not a JSON object",
                                        "Send an object such as {\"interval_s\": 30}."};
inline constexpr ErrorInfo kBadKey{"PV-TWD-003", Retry::never,
                                   "a twin property name is empty, too long, or has a control "
                                   "character, a dot, a dollar sign or a space",
                                   "Rename the property."};
inline constexpr ErrorInfo kStringTooLong{"PV-TWD-004", Retry::never,
                                          "a twin string is longer than 4 KB",
                                          "Shorten it, or send it as telemetry."};
inline constexpr ErrorInfo kNumberTooLarge{"PV-TWD-005", Retry::never,
                                           "a twin integer is outside plus or minus 2^52",
                                           "Send it as a string."};
inline constexpr ErrorInfo kTooDeep{"PV-TWD-006", Retry::never,
                                    "a twin section is nested deeper than 10 levels",
                                    "Flatten the structure."};
inline constexpr ErrorInfo kSectionTooLarge{"PV-TWD-007", Retry::never,
                                            "a twin section would exceed 32 KB",
                                            "Delete properties by setting them to null."};
inline constexpr ErrorInfo kPatchTooLarge{"PV-TWD-008", Retry::never,
                                          "the text of the twin patch exceeds its limit",
                                          "Send smaller patches."};
inline constexpr ErrorInfo kVersionMismatch{"PV-TWD-009", Retry::later,
                                            "the twin section has another version than expected",
                                            "Get the twin again and redo the change."};
inline constexpr ErrorInfo kCorruptTwin{"PV-TWD-010", Retry::needs_operator,
                                        "a stored twin cannot be read",
                                        "Restore the database from its backup."};

inline constexpr std::size_t kKeySizeMax = 1024;
inline constexpr std::size_t kStringSizeMax = 4096;
inline constexpr std::int64_t kIntegerMax = std::int64_t{1} << 52;
inline constexpr std::size_t kDepthMax = 10;
inline constexpr std::size_t kSectionSizeMax = 32UL * 1024;
// JSON text of one patch; escapes and white space may take more than the section's size.
inline constexpr std::size_t kPatchTextMax = 128UL * 1024;

enum class Section { desired, reported };

class Twin {
 public:
  Twin();  // both sections empty, both versions 1
  // Reads store_text(). kCorruptTwin.
  static Result<Twin> from_store(std::string_view text);
  Twin(Twin&& other) noexcept;
  Twin& operator=(Twin&& other) noexcept;
  ~Twin();

  // Merges (RFC 7396: null deletes) and raises the section's version by one; or replaces the whole
  // section. On an error nothing changes. With `if_version` the section must have that version.
  // Errors: all but kCorruptTwin. Size of a section: keys and strings by their UTF-8 bytes,
  // numbers 8, booleans 4, null 0.
  Status merge(Section section, std::string_view patch_json,
               std::optional<std::uint64_t> if_version = std::nullopt);
  Status replace(Section section, std::string_view json,
                 std::optional<std::uint64_t> if_version = std::nullopt);

  std::uint64_t version(Section section) const;
  std::string section_json(Section section) const;  // without $version

  // Answer to a twin GET: {"desired":{...,"$version":n},"reported":{...,"$version":m}}.
  std::string device_json() const;
  std::string store_text() const;

 private:
  struct State;
  explicit Twin(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Body of a desired-property notification: the patch plus "$version". kBadJson, kNotAnObject,
// kPatchTooLarge.
Result<std::string> desired_notification(std::string_view patch_json, std::uint64_t version);

// Body of an error answer as the SDKs read it: {"errorCode":400004,"message":"...",...}.
std::string error_body(int error_code, std::string_view message);

}  // namespace pavise::twin
