#include <cstdint>

#include "protocol/apps_ipc/apps_ipc.h"

namespace ipc = pavise::apps_ipc;

namespace {

// What is accepted has one encoding only.
template <class T>
void check(const pavise::Result<ipc::Answer<T>>& answer, pavise::ByteView message) {
  if (!answer || !std::holds_alternative<T>(*answer)) return;
  PAVISE_CHECK(pavise::equal(ipc::encode(std::get<T>(*answer)), message));
}

void check_text(pavise::ByteView message) {
  const std::string_view raw = pavise::as_text(message);
  const std::string shown = ipc::presentable(raw, ipc::kLineBytesMax);
  PAVISE_CHECK(ipc::is_presentable(shown) && shown.size() <= ipc::kLineBytesMax);
  if (raw.size() <= ipc::kLineBytesMax) PAVISE_CHECK(ipc::is_presentable(raw) == (raw == shown));
}

}  // namespace

// The first byte chooses the parser; the rest is the message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const pavise::ByteView message = std::as_bytes(std::span(data, size)).subspan(1);
  switch (data[0] % 12) {
    case 0: {
      const auto request = ipc::parse_request(message);
      if (request) PAVISE_CHECK(pavise::equal(ipc::encode(*request), message));
      break;
    }
    case 1:
      check(ipc::parse_list(message), message);
      break;
    case 2:
      check(ipc::parse_acted(message), message);
      break;
    case 3:
      check(ipc::parse_logs(message), message);
      break;
    case 5:
      check(ipc::parse_received(message), message);
      break;
    case 6:
      check(ipc::parse_installed(message), message);
      break;
    case 7:
      check(ipc::parse_removed(message), message);
      break;
    case 8:
      check(ipc::parse_grant_taken(message), message);
      break;
    case 9:
      check(ipc::parse_debug_begun(message), message);
      break;
    case 10:
      check(ipc::parse_exchanged(message), message);
      break;
    case 11:
      check(ipc::parse_time_heard(message), message);
      break;
    default:
      check_text(message);
      break;
  }
  return 0;
}
