// Query strings of strangers: none opens a file, whatever it says. The first line is the path, the
// second the query.
#include "cloud/hub/files/upload_token.h"

namespace {
constexpr pavise::UnixMillis kNowMs = 1'795'000'000'000;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise::hub::files;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find('\n');
  const std::string_view blob = text.substr(0, end);
  const std::string_view query =
      end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  static const UploadTokens tokens{pavise::SecretBytes(kUploadKeySize)};
  // The key is known here, so a lucky input may hold a right signature; then it is what make()
  // says.
  if (const auto grant = tokens.check(blob, query, kNowMs))
    PAVISE_CHECK(grant->expires_ms > kNowMs && grant->expires_ms % 1000 == 0);
  (void)parse_token_time(query).has_value();
  const std::string made = tokens.make(blob, {std::string(query.substr(0, 64)), kNowMs + 5000});
  const auto back = tokens.check(blob, std::string_view(made).substr(1), kNowMs);
  PAVISE_CHECK(back.has_value() && back->upload_id == query.substr(0, 64));
  return 0;
}
