// First byte picks the reader, then text. Whatever parses is evaluated over a twin.
#include "common/base/bytes.h"
#include "protocol/query/query.h"
#include "protocol/query/route.h"

namespace {

using namespace pavise;

constexpr std::string_view kTwin =
    R"({"deviceId":"d","tags":{"a":[1,"x",{"b":null}],"s":"text \u00e4"},"version":7,)"
    R"("properties":{"desired":{"n":-1.5,"$version":4},"reported":{"t":true}}})";

void fuzz_query(std::string_view text, const query::Document& twin) {
  const auto parsed = query::Query::parse(text);
  if (!parsed) return;
  const bool matches = parsed->matches(twin);
  PAVISE_CHECK(matches == parsed->matches(twin));
  if (!parsed->aggregates()) {
    PAVISE_CHECK(query::Document::parse(parsed->row(twin)).has_value());
    return;
  }
  query::Aggregation aggregation(*parsed);
  PAVISE_CHECK(aggregation.add(twin).has_value() && aggregation.add(twin).has_value());
  PAVISE_CHECK(aggregation.rows().size() == 1);
}

void fuzz_condition(std::string_view text, const query::Document& twin) {
  const auto condition = query::Condition::parse(text);
  if (!condition) return;
  (void)condition->matches(twin);
  const query::NamedText system[] = {{"contentType", "application/json"},
                                     {"contentEncoding", "utf-8"}};
  const query::NamedText application[] = {{"level", "3"}};
  (void)query::RouteInput({system, application, kTwin, &twin}).evaluate(*condition);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const query::Document kDocument = *query::Document::parse(kTwin);
  const std::string_view text = as_text(std::as_bytes(std::span(data + 1, size - 1)));
  switch (data[0] % 3) {
    case 0:
      fuzz_query(text, kDocument);
      break;
    case 1:
      fuzz_condition(text, kDocument);
      break;
    default:
      (void)query::Document::parse(text);
      break;
  }
  return 0;
}
