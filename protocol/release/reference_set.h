// A release's reference values (RFC 9334, section 8.3): what a device in that release must measure.
// Written by the image build, signed by the release key; format: release.json in README.md here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"

namespace pavise::release {

inline constexpr ErrorInfo kReleaseTooLarge{"PV-REL-001", Retry::never,
                                            "a release file is over a limit",
                                            "Build the release again with the image build."};
inline constexpr ErrorInfo kReleaseNotJson{
    "PV-REL-002", Retry::never, "a release file is not valid JSON",
    "Send release.json exactly as the image build wrote it."};
inline constexpr ErrorInfo kReleaseField{"PV-REL-003", Retry::never,
                                         "a release file lacks a field, or has a wrong one",
                                         "Build the release again with the image build."};
inline constexpr ErrorInfo kReleaseInconsistent{
    "PV-REL-004", Retry::never, "a release's PCR values do not follow from its own events",
    "Build the release again with the image build."};
inline constexpr ErrorInfo kReleaseSignature{
    "PV-REL-005", Retry::needs_operator, "a release is not signed by a trusted release key",
    "Sign it with the release key, or add that key: pavise release key add FILE."};
inline constexpr ErrorInfo kReleaseProfile{"PV-REL-006", Retry::never,
                                           "a release file has another format version",
                                           "Use a service that knows this profile."};

inline constexpr std::string_view kProfile = "pavise-release-1";
inline constexpr std::size_t kReleaseBytesMax = 262144;
inline constexpr std::size_t kSignatureBytesMax = 72;  // DER of ECDSA P-256
inline constexpr std::size_t kTextMax = 128;           // names and version
inline constexpr std::size_t kCmdlineMax = 4096;
inline constexpr std::size_t kEventsMax = 256;
inline constexpr std::size_t kRuntimeEventsMax = 64;
inline constexpr std::size_t kRuntimeTextMax = 256;
inline constexpr std::size_t kPlatformsMax = 64;
inline constexpr std::size_t kComponentsMax = 64;
inline constexpr unsigned kPcrCount = 24;
inline constexpr std::string_view kRootFileSystem = "root file system";

struct PcrValue {
  std::uint8_t pcr = 0;
  Digest256 digest{};
};
// One extend, in order; `component` and `name` are words for people.
struct ReferenceEvent {
  std::uint8_t pcr = 0;
  Digest256 digest{};
  std::string component;
  std::string name;
};
struct RuntimeEvent {
  std::uint8_t pcr = 0;
  std::string text;  // extended as SHA-256(text)
};
struct PlatformProfile {
  std::string name;
  std::vector<PcrValue> pcrs;
};
struct Component {
  std::string name;
  Digest256 digest{};
};

struct ReferenceSet {
  std::string name;
  std::string version;
  std::uint32_t security_epoch = 0;
  std::string created;  // RFC 3339, UTC
  std::vector<PcrValue> pcrs;
  std::vector<ReferenceEvent> events;
  std::vector<RuntimeEvent> runtime;
  std::vector<PlatformProfile> platforms;
  std::string cmdline;
  std::vector<Component> components;
  Digest256 manifest_digest{};  // SHA-256 of release.json: the identity of this release

  // nullptr if the release fixes no value for that PCR.
  const Digest256* pcr(unsigned number) const;
  const Component* component(std::string_view component_name) const;

  // The only way into production: checks the detached signature (DER, over the exact bytes) by one
  // of `keys` before it looks at the JSON. Errors: kReleaseSignature, and all of
  // parse_unverified().
  static Result<ReferenceSet> from_signed(ByteView json, ByteView signature_der,
                                          std::span<const crypto::P256PublicKey> keys);
  // For the build that signs, and for tests. Refuses unknown and missing members, numbers out of
  // range, repeated PCRs, and PCR values that do not follow from the events listed with them.
  // Does not block. Errors: PV-REL-001, -002, -003, -004, -006.
  static Result<ReferenceSet> parse_unverified(ByteView json);
};

}  // namespace pavise::release
