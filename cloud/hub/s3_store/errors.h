// Errors of an object store's settings: PV-HSS-nnn. Those of its calls are PV-HFL-03n of
// cloud/hub/files.
#pragma once

#include "common/base/result.h"

namespace pavise::hub::s3_store {

inline constexpr ErrorInfo kBadPlace{"PV-HSS-001", Retry::never,
                                     "the place of the object store cannot be used",
                                     "Give https://HOST[:PORT], a bucket of 3 to 63 characters of "
                                     "a-z, 0-9, '.', '-', and a region."};
inline constexpr ErrorInfo kBadKeys{
    "PV-HSS-002", Retry::never, "the keys of the object store cannot be read",
    "Write a file of mode 0600 with the lines aws_access_key_id = … and aws_secret_access_key = …"};

}  // namespace pavise::hub::s3_store
