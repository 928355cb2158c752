// The same bytes whole and cut in two at a place that the first byte picks must tell the same
// story.
#include <string>

#include "protocol/http1/request_parser.h"

namespace {

using namespace pavise;

struct Story {
  std::string text;
  explicit Story(std::uint64_t body_limit) : limit(body_limit) {}
  std::uint64_t limit;
  std::uint64_t body_bytes = 0;
};

// False after an error.
bool tell(http1::RequestParser& parser, ByteView bytes, Story& story) {
  while (true) {
    const auto event = parser.next(bytes);
    if (!event) {
      story.text.append("error ").append(event.error().code()).append(event.error().detail());
      PAVISE_CHECK(http1::status_of(event.error()) >= 400);
      return false;
    }
    switch (*event) {
      case http1::RequestEvent::need_more:
        PAVISE_CHECK(bytes.empty());
        return true;
      case http1::RequestEvent::head:
        parser.set_body_limit(story.limit);
        story.body_bytes = 0;
        story.text.append("head ").append(parser.head().method).append(parser.head().target);
        PAVISE_CHECK(parser.head().target.starts_with('/'));
        PAVISE_CHECK(!(parser.head().chunked && parser.head().content_length));
        break;
      case http1::RequestEvent::body:
        story.text.append(as_text(parser.body()));
        story.body_bytes += parser.body().size();
        PAVISE_CHECK(story.body_bytes <= story.limit);
        break;
      case http1::RequestEvent::end:
        story.text.append("end");
        PAVISE_CHECK(!parser.in_request());
        break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView bytes = std::as_bytes(std::span(data + 1, size - 1));
  const std::size_t cut = bytes.size() * data[0] / 256;
  const http1::RequestLimits limits{.head_bytes_max = 1024,
                                    .header_count_max = 16,
                                    .target_bytes_max = 128,
                                    .chunk_line_max = 32,
                                    .body_bytes_max = 16};
  http1::RequestParser whole(limits);
  Story expected(200);
  (void)tell(whole, bytes, expected);
  http1::RequestParser halves(limits);
  Story told(200);
  if (tell(halves, bytes.first(cut), told)) (void)tell(halves, bytes.subspan(cut), told);
  PAVISE_CHECK(told.text == expected.text);
  return 0;
}
