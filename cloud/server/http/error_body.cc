#include "cloud/server/http/error_body.h"

#include <sys/random.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "common/base/bytes.h"

namespace pavise::server::http {

std::string new_tracking_id() {
  std::array<std::byte, 8> random{};
  PAVISE_CHECK(getentropy(random.data(), random.size()) == 0);
  return to_hex(random);
}

Response error_response(int status, const Error& error, const std::string& tracking_id) {
  const boost::json::value body = {{"error",
                                    {{"code", error.code()},
                                     {"message", error.info().what},
                                     {"detail", error.detail()},
                                     {"next", error.info().next_step},
                                     {"retry", to_string(error.retry())},
                                     {"tracking_id", tracking_id}}}};
  Response response;
  response.status = status;
  response.body = boost::json::serialize(body);
  if (error.retry() == Retry::later) response.headers.push_back({"retry-after", "1"});
  return response;
}

}  // namespace pavise::server::http
