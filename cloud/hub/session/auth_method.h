// How authentication methods are named in records.
#pragma once

#include <string_view>

#include "cloud/hub/ports/principal.h"

namespace pavise::hub {

constexpr std::string_view to_string(AuthMethod method) {
  switch (method) {
    case AuthMethod::attested:
      return "attested";
    case AuthMethod::sas:
      return "sas";
    case AuthMethod::x509:
      return "x509";
  }
  return "";
}

}  // namespace pavise::hub
