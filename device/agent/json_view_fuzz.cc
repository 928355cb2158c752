#include <cstdint>

#include "common/base/bytes.h"
#include "device/agent/json_view.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto view = pavise::agent::JsonView::parse(text)) {
    (void)view->integer();
    // What member() hands out must be well-formed by itself.
    for (const char* name : {"desired", "$version", "a", ""})
      if (const auto found = view->member(name))
        PAVISE_CHECK(pavise::agent::JsonView::parse(found->text()).has_value());
  }
  std::string out;
  pavise::agent::append_json_string(out, text);
  if (out.size() <= pavise::agent::kJsonSizeMax)
    PAVISE_CHECK(out.find('\0') == std::string::npos &&
                 pavise::agent::JsonView::parse(out).has_value());
  return 0;
}
