// Errors of the dialect: PV-SSS-nnn.
#pragma once

#include "common/base/result.h"

namespace pavise::s3 {

inline constexpr ErrorInfo kBadListing{"PV-SSS-001", Retry::later,
                                       "the object store's listing cannot be read",
                                       "Check that the address is that of an S3-compatible store."};

}  // namespace pavise::s3
