#include "cloud/hub/session/twin_status.h"

#include "protocol/twin/twin.h"

namespace pavise::hub {

TwinStatus twin_status(const ErrorInfo& error) {
  if (error == twin::kVersionMismatch) return {412, 412001};
  if (error == twin::kBadJson) return {400, 400006};
  if (error == twin::kPatchTooLarge || error == twin::kSectionTooLarge) return {413, 413001};
  if (error.retry == Retry::never) return {400, 400004};
  if (error.retry == Retry::later) return {503, 503001};
  return {500, 500001};
}

}  // namespace pavise::hub
