#include <cstdint>

#include "protocol/monitor_ipc/monitor_ipc.h"

namespace ipc = pavise::monitor_ipc;

// The first byte chooses the parser; the rest is the message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const pavise::ByteView message = std::as_bytes(std::span(data, size)).subspan(1);
  switch (data[0] % 9) {
    case 0: {
      const auto request = ipc::parse_request(message);
      if (request)
        PAVISE_CHECK(pavise::equal(ipc::encode(*request), message));  // one encoding only
      break;
    }
    case 1:
      (void)ipc::parse_identity(message);
      break;
    case 2:
      (void)ipc::parse_activate(message);
      break;
    case 3:
      (void)ipc::parse_attest(message);
      break;
    case 4:
      (void)ipc::parse_sign_tls(message);
      break;
    case 5:
      (void)ipc::parse_status(message);
      break;
    case 6:
      (void)ipc::parse_open_data(message);
      break;
    case 7:
      (void)ipc::parse_measure_apps(message);
      break;
    default:
      (void)ipc::parse_device(message);
      break;
  }
  return 0;
}
