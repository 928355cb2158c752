// The twin of a device or module: tags and desired properties (written by the service) and reported
// properties (written by the device). Each section has a version and, for every property, when it
// was written and at which version ($metadata). Semantics and limits as IoT Hub documents them
// (reference: iothub-dps-wire A3 and D1 "ETag rules", "Twin limits").
//
// Pure values: no I/O, no clock. Not thread-safe. Exceptions of the JSON library stop here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
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
                                            "a twin section would exceed 32 KB, or 256 KB of text",
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

inline constexpr ErrorInfo kTagsTooLarge{"PV-TWD-011", Retry::never,
                                         "the tags of a twin would exceed 8 KB, or 64 KB of text",
                                         "Delete tags by setting them to null."};

inline constexpr std::size_t kKeySizeMax = 1024;
inline constexpr std::size_t kStringSizeMax = 4096;
inline constexpr std::int64_t kIntegerMax = std::int64_t{1} << 52;
inline constexpr std::size_t kDepthMax = 10;
inline constexpr std::size_t kSectionSizeMax = 32UL * 1024;
inline constexpr std::size_t kTagsSizeMax = 8UL * 1024;
// JSON text of a section and of the tags as they are stored. Items of an array may count nothing,
// so the sizes above do not bound it; what needs six bytes of text for each that counts still fits.
inline constexpr std::size_t kSectionTextMax = 8 * kSectionSizeMax;
inline constexpr std::size_t kTagsTextMax = 8 * kTagsSizeMax;
// JSON text of one patch; escapes and white space may take more than the section's size.
inline constexpr std::size_t kPatchTextMax = 128UL * 1024;
// JSON text of a service's change: tags, desired, and what a client sends along without effect.
inline constexpr std::size_t kChangeTextMax = 512UL * 1024;

enum class Section { desired, reported };

enum class ChangeKind {
  merge,   // PATCH: RFC 7396, null deletes
  replace  // PUT: each part that is named is replaced as a whole
};

struct Change {
  bool tags = false;     // the tags were written
  bool desired = false;  // the desired properties were written
  // For the device, with $version; empty without `desired`.
  std::string desired_notification{};
  // The same change by its members, if it named a part as a whole by null; else empty.
  std::string spelled_out{};
};

class Twin {
 public:
  Twin();  // all empty, all versions 1
  // Reads store_text() of this and of older versions, which knew neither tags nor metadata.
  // kCorruptTwin.
  static Result<Twin> from_store(std::string_view text);
  Twin(Twin&& other) noexcept;
  Twin& operator=(Twin&& other) noexcept;
  ~Twin();

  // Merges (RFC 7396: null deletes) and raises the section's version by one; or replaces the whole
  // section. On an error nothing changes. With `if_version` the section must have that version.
  // `now_ms` goes to the metadata.
  // Errors: all but kCorruptTwin and kTagsTooLarge. Size of a section: keys and strings by their
  // UTF-8 bytes, numbers 8, booleans 4, null 0; $metadata does not count. Its text is bounded too.
  Status merge(Section section, std::string_view patch_json, UnixMillis now_ms,
               std::optional<std::uint64_t> if_version = std::nullopt);
  Status replace(Section section, std::string_view json, UnixMillis now_ms,
                 std::optional<std::uint64_t> if_version = std::nullopt);

  // A service's change: an object of which "tags" and "properties.desired" count. A part that is
  // missing stays as it is, and so does one that is null, unless it is merged: then all in it goes.
  // "$metadata" and "$version" inside the parts are skipped, as clients send back what they got. On
  // an error nothing changes. Errors: all but kCorruptTwin and kVersionMismatch.
  Result<Change> change(std::string_view body_json, ChangeKind kind, UnixMillis now_ms);

  // What configurations make of it: a merge of desired properties (empty: none) and two notes that
  // are kept beside them, both objects. The notes alone raise no version. On an error nothing
  // changes. Errors: all but kCorruptTwin and kVersionMismatch.
  Result<Change> configure(std::string_view desired_patch, std::string_view configurations_json,
                           std::string_view configured_json, UnixMillis now_ms);
  std::string configurations_json() const;  // {"id":{"status":"Applied"}}
  std::string configured_json() const;      // which desired properties are theirs: {"a":{"b":1}}

  std::uint64_t version(Section section) const;
  std::string section_json(Section section) const;  // without $version

  std::uint64_t document_version() const;  // one more with every write
  std::string etag() const;  // base64 of a counter of writes of tags and desired properties
  std::string tags_json() const;
  // With $metadata and $version, for services.
  std::string service_section_json(Section section) const;

  // Answer to a device's GET: {"desired":{...,"$version":n},"reported":{...,"$version":m}}.
  std::string device_json() const;
  std::string store_text() const;

 private:
  struct State;
  explicit Twin(std::unique_ptr<State> state);
  Status write(Section section, std::string_view json_text, ChangeKind kind, UnixMillis now_ms,
               std::optional<std::uint64_t> if_version);
  std::unique_ptr<State> state_;
};

// Body of a desired-property notification: the patch plus "$version". kBadJson, kNotAnObject,
// kPatchTooLarge.
Result<std::string> desired_notification(std::string_view patch_json, std::uint64_t version);

// Body of an error answer as the SDKs read it: {"errorCode":400004,"message":"...",...}.
std::string error_body(int error_code, std::string_view message);

}  // namespace pavise::twin
