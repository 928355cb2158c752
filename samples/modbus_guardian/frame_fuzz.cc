// A stream of frames: each is taken for a request, and the one after it for its answer.
#include <cstdlib>

#include "samples/modbus_guardian/frame.h"

using namespace modbus_guardian;  // NOLINT(google-build-using-namespace)

namespace {
void require(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView input(data, size);
  FrameBuffer buffer;
  std::expected<Request, Exception> before = std::unexpected(Exception::illegal_function);
  while (true) {
    input = input.subspan(buffer.append(input));
    const FrameBuffer::Taken taken = buffer.take();
    if (taken.state != FrameBuffer::State::whole) return 0;
    require(!taken.frame.pdu.empty() && taken.frame.pdu.size() <= kPduBytesMax);
    if (before) {
      const auto answer = accept_answer(*before, taken.frame.pdu);
      require(!answer || answer->size() == taken.frame.pdu.size());
    }
    before = parse_request(taken.frame.unit, taken.frame.pdu);
    if (!before) continue;
    require(before->reads || before->writes || before->identifies);
    // What is sent on says the same.
    const auto again = parse_request(before->unit, before->pdu);
    require(again && again->reads == before->reads && again->writes == before->writes);
  }
}
