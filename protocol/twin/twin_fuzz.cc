// Input: two patches separated by a zero byte. Whatever is accepted must store and load unchanged.
#include "common/base/bytes.h"
#include "protocol/twin/twin.h"

namespace {

using namespace pavise;

void check_stored(const twin::Twin& twin) {
  const auto again = twin::Twin::from_store(twin.store_text());
  PAVISE_CHECK(again.has_value());
  PAVISE_CHECK(again->version(twin::Section::reported) == twin.version(twin::Section::reported));
  PAVISE_CHECK(again->store_text() == twin.store_text());
  PAVISE_CHECK(again->etag() == twin.etag());
  PAVISE_CHECK(again->configurations_json() == twin.configurations_json());
  for (const auto section : {twin::Section::desired, twin::Section::reported})
    PAVISE_CHECK(again->service_section_json(section) == twin.service_section_json(section));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(std::as_bytes(std::span(data, size)));
  const std::size_t cut = text.find('\0');
  const std::string_view one = text.substr(0, cut);
  const std::string_view two = cut == std::string_view::npos ? "" : text.substr(cut + 1);
  twin::Twin twin;
  const Status first = twin.merge(twin::Section::reported, one, 1'700'000'000'000);
  (void)twin.merge(twin::Section::reported, two, 1).has_value();
  (void)twin.change(one, twin::ChangeKind::merge, 2).has_value();
  (void)twin.change(two, twin::ChangeKind::replace, 3).has_value();
  (void)twin.configure(one, two, one, 4).has_value();
  check_stored(twin);
  if (first) {
    PAVISE_CHECK(twin::desired_notification(one, 7).has_value());
  }
  // Any text that is read as a stored twin can be shown and stored again.
  if (const auto stored = twin::Twin::from_store(text)) {
    (void)stored->service_section_json(twin::Section::desired);
    PAVISE_CHECK(twin::Twin::from_store(stored->store_text()).has_value());
  }
  return 0;
}
