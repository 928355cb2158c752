#include <cstdint>

#include "common/base/bytes.h"
#include "protocol/json/json_view.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto view = pavise::json::JsonView::parse(text)) {
    (void)view->integer();
    (void)view->string();
    pavise::json::JsonWalk walk(*view);
    while (const auto step = walk.next())
      PAVISE_CHECK(pavise::json::JsonView::parse(step->value.text()).has_value());
    // What member() hands out must be well-formed by itself.
    for (const char* name : {"desired", "$version", "a", ""})
      if (const auto found = view->member(name))
        PAVISE_CHECK(pavise::json::JsonView::parse(found->text()).has_value());
  }
  std::string out;
  pavise::json::append_json_string(out, text);
  if (out.size() <= pavise::json::kJsonSizeMax)
    PAVISE_CHECK(out.find('\0') == std::string::npos &&
                 pavise::json::JsonView::parse(out).has_value());
  return 0;
}
