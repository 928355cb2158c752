#include "protocol/evidence/exchange.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  using namespace pavise::evidence;
  const ByteView input = std::as_bytes(std::span(data, size));
  if (const auto request = ChallengeRequest::parse(input))
    PAVISE_CHECK(equal(request->encode(), input));
  if (const auto challenge = Challenge::parse(input))
    PAVISE_CHECK(equal(challenge->encode(), input));
  if (const auto bind = BindRequest::parse(input)) PAVISE_CHECK(equal(bind->encode(), input));
  (void)parse_bind_response(input);
  if (const auto response = parse_response(input))
    PAVISE_CHECK(equal(encode_response(*response), input));
  return 0;
}
