// Input: two patches separated by a zero byte. Whatever is accepted must store and load unchanged.
#include "common/base/bytes.h"
#include "protocol/twin/twin.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const std::string_view text = as_text(std::as_bytes(std::span(data, size)));
  const std::size_t cut = text.find('\0');
  twin::Twin twin;
  const Status first = twin.merge(twin::Section::reported, text.substr(0, cut));
  if (cut != std::string_view::npos) {
    const Status second = twin.merge(twin::Section::reported, text.substr(cut + 1));
    (void)second.has_value();
  }
  const auto again = twin::Twin::from_store(twin.store_text());
  PAVISE_CHECK(again.has_value());
  PAVISE_CHECK(again->version(twin::Section::reported) == twin.version(twin::Section::reported));
  PAVISE_CHECK(again->store_text() == twin.store_text());
  if (first) {
    PAVISE_CHECK(twin::desired_notification(text.substr(0, cut), 7).has_value());
  }
  (void)twin::Twin::from_store(text);
  return 0;
}
