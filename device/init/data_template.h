// The empty data file system that the image build made with mke2fs, as the list of its blocks
// (format: device/os/os_image/data_template.py; reasons: docs/adr/0020).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::device {

inline constexpr ErrorInfo kBadTemplate{"PV-INI-002", Retry::never,
                                        "the template of the data file system is malformed",
                                        "Build the image again with device/os/build."};

inline constexpr std::size_t kTemplateBytesMax = 1U << 20U;
inline constexpr std::uint32_t kTemplateBlocksMax = 1U << 16U;
inline constexpr std::uint32_t kTemplateRunsMax = 1024;

class DataTemplate {
 public:
  struct Run {
    std::uint64_t offset_bytes;
    std::uint64_t size_bytes;
    std::optional<ByteView> data;  // nothing: zeros
  };

  // Views into `file`, which must outlive the result. kBadTemplate. Pure; thread-safe.
  static Result<DataTemplate> parse(ByteView file);

  std::uint32_t block_bytes() const { return block_bytes_; }
  std::uint64_t size_bytes() const { return size_bytes_; }  // the file system's
  const std::vector<Run>& runs() const { return runs_; }    // ascending, within size_bytes()

 private:
  DataTemplate() = default;
  std::uint32_t block_bytes_ = 0;
  std::uint64_t size_bytes_ = 0;
  std::vector<Run> runs_;
};

}  // namespace pavise::device
