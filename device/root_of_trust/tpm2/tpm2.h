// RootOfTrust on a TPM 2.0, over ESYS.
#pragma once

#include <memory>
#include <string>

#include "device/root_of_trust/root_of_trust.h"

namespace pavise::root_of_trust {

// Where ours live; see ../README.md.
inline constexpr std::uint32_t kEkCertificateIndex = 0x01c00002;
inline constexpr std::uint32_t kEkCertificateIndexP256 = 0x01c0000a;
inline constexpr std::uint32_t kEkCertificateIndexP384 = 0x01c00016;
inline constexpr std::uint32_t kAkHandle = 0x81018A01;
inline constexpr std::uint32_t kTlsKeyHandle = 0x81008A01;
inline constexpr std::uint32_t kCounterIndex = 0x01808A01;
inline constexpr std::uint32_t kCounterBaseIndex = 0x01808A02;

// A place where a TPM answers: "device:/dev/tpmrm0" or "swtpm:/absolute/socket/path".
class TpmAddress {
 public:
  enum class Kind { device, swtpm };
  static constexpr std::size_t kPathBytesMax = 100;  // sockaddr_un holds 107

  static Result<TpmAddress> parse(std::string_view text);  // kBadArgument
  Kind kind() const { return kind_; }
  const std::string& path() const { return path_; }

 private:
  TpmAddress(Kind kind, std::string path) : kind_(kind), path_(std::move(path)) {}
  Kind kind_;
  std::string path_;
};

// Connects and asks for the result of the TPM's self-test. Holds the connection until destroyed.
// The device node, or socket, is opened here and never again, so the caller may close its sandbox
// afterwards. Errors: kUnreachable, kFailureMode, kBusy.
Result<std::unique_ptr<RootOfTrust>> open_tpm2(const TpmAddress& address);

}  // namespace pavise::root_of_trust
