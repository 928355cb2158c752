// How the errors of the rooms behind the calls look to clients.
#pragma once

#include <span>

#include "protocol/iothub/hub_error.h"

namespace pavise::hub::rest {

std::span<const iothub::HubErrorRow> error_rows();

}  // namespace pavise::hub::rest
