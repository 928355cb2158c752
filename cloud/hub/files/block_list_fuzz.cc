// Block lists from devices: whatever comes, reading ends with a bounded list or an error.
#include "cloud/hub/files/block_list.h"
#include "common/base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto blocks = pavise::hub::files::parse_block_list(text)) {
    PAVISE_CHECK(blocks->size() <= pavise::hub::files::kBlocksMax);
    for (const auto& block : *blocks)
      PAVISE_CHECK(pavise::hub::files::check_block_id(block.id).has_value());
  }
  return 0;
}
