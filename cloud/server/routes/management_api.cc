#include "cloud/server/routes/management_api.h"

#include <boost/json/serialize.hpp>

#include "cloud/server/http/error_body.h"
#include "cloud/server/routes/errors.h"

namespace pavise::server {

http::Response ManagementApi::handle(const http::Request& request) {
  auto passed = gate_.pass(request);
  if (!passed) return refuse(request, passed.error());
  Result<Reply> reply = passed->route->handler(passed->call);
  if (!reply) return refuse(request, reply.error());
  http::Response response;
  response.ask_again = reply->ask_again;
  if (response.ask_again) return response;
  response.status = reply->status;
  response.headers = std::move(reply->headers);
  if (reply->text) {
    response.content_type = reply->text->content_type;
    response.body = std::move(reply->text->text);
  }
  if (!reply->body.is_null()) response.body = boost::json::serialize(reply->body);
  log_reply(request, *passed, response.status);
  return response;
}

std::optional<http::Response> ManagementApi::judge_head(const http::Request& head) {
  const auto caller = gate_.authenticate(head);
  if (caller) return std::nullopt;
  return refuse(head, caller.error());
}

http::Response ManagementApi::refuse(const http::Request& request, const Error& error) {
  const std::string tracking_id = http::new_tracking_id();
  const int status = http_status(error);
  http::Response response = http::error_response(status, error, tracking_id);
  if (status == 401) response.headers.push_back({"www-authenticate", "Bearer realm=\"pavise\""});
  if (status == 405) response.headers.push_back({"allow", error.detail()});
  if (error.is(kTooManyFailures)) return response;  // one line per failure would be the attack
  Log& log = status == 401 ? strangers_ : log_;
  log.write(status >= 500 ? Level::error : Level::warning, "request.refused",
            {{"code", std::string(error.code())},
             {"reason", error.message()},
             {"method", request.method},
             {"path", request.path},
             {"peer", request.peer},
             {"status", std::to_string(status)},
             {"tracking_id", tracking_id}});
  return response;
}

void ManagementApi::log_reply(const http::Request& request, const Gate::Passed& passed,
                              int status) {
  if (request.method == "GET") return;  // reading is not an event; what changes something is
  log_.write(Level::info, "request.done",
             {{"actor", passed.call.caller.name},
              {"method", request.method},
              {"path", request.path},
              {"device", passed.call.device ? passed.call.device->id.text() : ""},
              {"tenant", passed.call.tenant ? passed.call.tenant->text() : ""},
              {"status", std::to_string(status)}});
}

}  // namespace pavise::server
