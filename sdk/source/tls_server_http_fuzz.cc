// What anybody sends to the port of the template tls-server.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

extern "C" {
#include "sdk/templates/tls-server/http.h"
}

namespace {

void check(bool holds) {
  if (!holds) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  http_request request{};
  const bool whole = http_read(bytes.data(), bytes.size(), &request);
  check(whole == (bytes.find("\r\n\r\n") != std::string::npos));
  if (!whole) return 0;
  char head[256];
  const std::size_t head_size = http_head(head, sizeof head, request.status, 12345);
  check(head_size > 0 && head_size < sizeof head && head[head_size] == '\0');
  check(std::string(head).ends_with("\r\n\r\n"));
  if (request.status == 200)
    check(bytes.starts_with("GET / HTTP/1.") || bytes.starts_with("HEAD / HTTP/1."));
  return 0;
}
