// What validate() accepts, the typed reader must be able to walk without reading outside.
#include <cstdint>

#include "protocol/cbor/cbor.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView input = std::as_bytes(std::span(data, size));
  (void)cbor::validate(input);

  cbor::Reader reader(input);
  cbor::MapReader map(reader, 16);
  map.required(1);
  const std::uint64_t number = reader.uint();
  map.required(2);
  const ByteView bytes = reader.bytes(0, 64);
  std::vector<std::string_view> texts;
  const bool has_texts = map.optional(3);
  if (has_texts)
    for (std::size_t n = reader.array(0, 8); n > 0; --n) texts.push_back(reader.text(0, 16));
  const bool has_flag = map.optional(5);
  const bool flag = has_flag && reader.boolean();
  map.finish();
  if (!reader.finish()) return 0;

  PAVISE_CHECK(cbor::validate(input).has_value());
  // Deterministic: encoding the same values gives the same bytes.
  cbor::Writer writer;
  writer.map(2 + (has_texts ? 1U : 0U) + (has_flag ? 1U : 0U)).uint(1).uint(number).uint(2);
  writer.bytes(bytes);
  if (has_texts) {
    writer.uint(3).array(texts.size());
    for (const auto text : texts) writer.text(text);
  }
  if (has_flag) writer.uint(5).boolean(flag);
  PAVISE_CHECK(equal(writer.take(), input));
  return 0;
}
