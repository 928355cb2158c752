#include "device/init/data_template.h"

#include <string_view>

namespace pavise::device {
namespace {

constexpr std::string_view kMagic = "PVDATFS1";
constexpr std::uint32_t kBlockBytesMin = 512;
constexpr std::uint32_t kBlockBytesMax = 4096;

}  // namespace

Result<DataTemplate> DataTemplate::parse(ByteView file) {
  if (file.size() > kTemplateBytesMax) return Error(kBadTemplate, "size");
  ByteReader in(file);
  const auto magic = in.take(kMagic.size());
  const auto block_bytes = in.be<std::uint32_t>();
  const auto blocks = in.be<std::uint32_t>();
  const auto run_count = in.be<std::uint32_t>();
  if (!in.ok() || !equal(*magic, as_bytes(kMagic))) return Error(kBadTemplate, "magic");
  if (*block_bytes < kBlockBytesMin || *block_bytes > kBlockBytesMax ||
      (*block_bytes & (*block_bytes - 1)) != 0)
    return Error(kBadTemplate, "block size");
  if (*blocks == 0 || *blocks > kTemplateBlocksMax) return Error(kBadTemplate, "blocks");
  if (*run_count == 0 || *run_count > kTemplateRunsMax) return Error(kBadTemplate, "runs");

  DataTemplate out;
  out.block_bytes_ = *block_bytes;
  out.size_bytes_ = std::uint64_t{*blocks} * *block_bytes;
  std::uint64_t next_block = 0;
  for (std::uint32_t i = 0; i < *run_count; ++i) {
    const auto first = in.be<std::uint32_t>();
    const auto count = in.be<std::uint32_t>();
    const auto kind = in.be<std::uint8_t>();
    if (!in.ok() || *kind > 1 || *count == 0) return Error(kBadTemplate, "run");
    if (*first < next_block || std::uint64_t{*first} + *count > *blocks)
      return Error(kBadTemplate, "run order");
    next_block = std::uint64_t{*first} + *count;
    Run run{std::uint64_t{*first} * *block_bytes, std::uint64_t{*count} * *block_bytes, {}};
    if (*kind == 1) run.data.emplace();  // filled below: the data follow all the runs
    out.runs_.push_back(run);
  }
  for (Run& run : out.runs_) {
    if (!run.data) continue;
    run.data = in.take(run.size_bytes);
    if (!run.data) return Error(kBadTemplate, "data");
  }
  if (!in.at_end()) return Error(kBadTemplate, "bytes after the data");
  return out;
}

}  // namespace pavise::device
