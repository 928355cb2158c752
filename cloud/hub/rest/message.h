// One call and its answer, free of any library's types.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/hub/ports/gatekeeper.h"

namespace pavise::hub::rest {

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case

struct Request {
  std::string method;  // as sent: "GET"
  std::string path;    // begins with '/', not percent-decoded
  std::string query;   // what followed '?', not percent-decoded
  Headers headers;
  std::string body;
  // The connection's, for devices with certificates; owned, since a call outlives its turn.
  std::vector<Bytes> peer_chain;
  std::string server_name;

  // Value of the first header of this name; empty if there is none.
  std::string_view header(std::string_view name) const {
    for (const auto& [each, value] : headers)
      if (each == name) return value;
    return {};
  }
  bool has_header(std::string_view name) const {
    for (const auto& [each, value] : headers)
      if (each == name) return true;
    return false;
  }
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  std::string content_type = "application/json; charset=utf-8";
};

// Called exactly once per request, from any thread.
using Respond = std::function<void(Response)>;

}  // namespace pavise::hub::rest
