// Input: JSON text. It is JSON exactly when Boost.JSON says so, differs in its doubles alone, and
// what was written of finite numbers is read as the same again.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>

#include "common/base/result.h"
#include "common/json/exact_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace json = boost::json;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  boost::system::error_code ours;
  boost::system::error_code theirs;
  const json::value value = pavise::parse_exactly(text, ours);
  const json::value nearly = json::parse(json::string_view(text.data(), text.size()), theirs);
  PAVISE_CHECK(ours.failed() == theirs.failed());
  PAVISE_CHECK(value.kind() == nearly.kind());
  boost::system::error_code failed;
  const json::value finite = pavise::parse_finite(text, pavise::kJsonDepthDefault, failed);
  if (failed) return 0;
  PAVISE_CHECK(finite == value);
  const std::string written = json::serialize(finite);
  PAVISE_CHECK(pavise::parse_finite(written, pavise::kJsonDepthDefault, failed) == finite);
  PAVISE_CHECK(!failed);
  return 0;
}
