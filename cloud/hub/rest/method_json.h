// A direct method as services write it, and its answer.
#pragma once

#include <boost/json/object.hpp>

#include "cloud/hub/transport/method_broker.h"

namespace pavise::hub::rest {

// {methodName, payload, responseTimeoutInSeconds, connectTimeoutInSeconds}. kBadBody.
Result<MethodInvocation> method_of(const boost::json::object& body,
                                   const iothub::Identity& identity);
// {status, payload}. kBadMethodAnswer.
Result<boost::json::object> method_reply_json(const MethodReply& reply);

}  // namespace pavise::hub::rest
