// The first byte chooses the size of the pieces; the outcome must not depend on it.
#include <algorithm>
#include <cstdint>

#include "common/net/http_parser.h"

namespace {

struct Outcome {
  bool done = false;
  bool failed = false;
  std::size_t used = 0;
  pavise::net::HttpResponse response;
};

Outcome run(pavise::ByteView input, std::size_t piece) {
  pavise::net::HttpResponseParser parser({.head_bytes_max = 512,
                                          .header_count_max = 8,
                                          .body_bytes_max = 4096,
                                          .interim_max = 2,
                                          .chunk_line_max = 32});
  Outcome out;
  while (out.used < input.size() && !parser.done()) {
    const auto part = input.subspan(out.used, std::min(piece, input.size() - out.used));
    auto taken = parser.feed(part);
    if (!taken) {
      out.failed = true;
      return out;
    }
    out.used += *taken;
  }
  out.done = parser.done();
  if (out.done) out.response = parser.take();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = 1 + data[0] % 16;
  const pavise::ByteView input = std::as_bytes(std::span(data + 1, size - 1));
  const Outcome whole = run(input, input.size());
  const Outcome split = run(input, piece);
  PAVISE_CHECK(whole.failed == split.failed && whole.done == split.done);
  if (!whole.done) return 0;
  PAVISE_CHECK(whole.used == split.used && whole.response.status == split.response.status);
  PAVISE_CHECK(whole.response.body == split.response.body);
  PAVISE_CHECK(whole.response.body.size() <= 4096 && whole.response.headers.size() <= 8);
  return 0;
}
