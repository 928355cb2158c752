#include "cloud/security/attestation/verdict.h"

namespace pavise::attestation {

std::string_view to_string(CheckState state) {
  switch (state) {
    case CheckState::passed:
      return "passed";
    case CheckState::failed:
      return "failed";
    case CheckState::not_reached:
      return "not reached";
  }
  return "unknown";
}

std::string_view to_string(MeasurementState state) {
  switch (state) {
    case MeasurementState::matches:
      return "matches";
    case MeasurementState::differs:
      return "differs";
    case MeasurementState::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(Assurance assurance) {
  switch (assurance) {
    case Assurance::release:
      return "release";
    case Assurance::platform:
      return "platform";
  }
  return "unknown";
}

}  // namespace pavise::attestation
