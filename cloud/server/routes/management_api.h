// The management API as one HTTP handler: gate, handler of the route, error body, log line.
#pragma once

#include <optional>

#include "cloud/server/http/message.h"
#include "cloud/server/log/limited_log.h"
#include "cloud/server/routes/gate.h"

namespace pavise::server {

// Thread-safe; blocks on disk and on the signer.
class ManagementApi {
 public:
  // `services` and `log` outlive the API.
  ManagementApi(Services& services, Log& log)
      : log_(log), strangers_(log, services.clock), gate_(services, route_table()) {}
  http::Response handle(const http::Request& request);
  // For the listener, before it reads a large body: the refusal of who has no token. Does not
  // block.
  std::optional<http::Response> judge_head(const http::Request& head);

 private:
  http::Response refuse(const http::Request& request, const Error& error);
  void log_reply(const http::Request& request, const Gate::Passed& passed, int status);

  Log& log_;
  LimitedLog strangers_;  // what who has no token causes
  Gate gate_;
};

}  // namespace pavise::server
