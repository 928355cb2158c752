// One HTTP request and its answer, as handlers see them. Free of any library's types.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pavise::server::http {

struct Header {
  std::string name;  // lower case
  std::string value;
};

struct Request {
  std::string method;  // as sent: "GET"
  std::string path;    // begins with '/', not percent-decoded, printable ASCII
  std::string query;   // what followed '?', not percent-decoded; empty if nothing did
  std::vector<Header> headers;
  std::string body;
  std::string peer;                          // the peer's IP address
  std::array<std::byte, 32> tls_exporter{};  // RFC 8446 section 7.5, see HttpServer
  // In a long poll, from the second call on (see AskAgain).
  std::chrono::milliseconds waited{0};  // since the first call
  std::optional<std::uint64_t> poll_state;

  // The value of the first header of this (lower-case) name, empty if there is none.
  std::string_view header(std::string_view name) const {
    for (const Header& each : headers)
      if (each.name == name) return each.value;
    return {};
  }
};

// There is no answer yet. The server calls the handler again with the same request after `in`, with
// Request::waited grown and `state` in Request::poll_state; no worker is held meanwhile.
struct AskAgain {
  std::chrono::milliseconds in;
  std::uint64_t state = 0;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<Header> headers;
  std::optional<AskAgain> ask_again;  // set: the rest means nothing
};

// Called on a worker thread, several at a time: must be thread-safe; may block on disk.
using Handler = std::function<Response(const Request&)>;

}  // namespace pavise::server::http
