// What the answers to calls of the Blob service share. Private to this room.
#pragma once

#include "cloud/hub/files/file_store.h"
#include "cloud/hub/ports/http_port.h"

namespace pavise::hub::files {

// With the headers that every answer has.
HttpResponse blob_answer(const HttpRequest& request, int status);
// The value of a parameter, decoded; the query has been checked with its signature.
std::optional<std::string> url_parameter(std::string_view query, std::string_view name);
// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(UnixMillis ms);

}  // namespace pavise::hub::files
