// What an import or export was asked to do, as its job keeps it.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "cloud/hub/store/records.h"

namespace pavise::hub::rest {

inline constexpr std::string_view kDevicesFile = "devices.txt";
inline constexpr std::string_view kErrorsFile = "importErrors.log";

// A file in a container. The job keeps no signature: who reads it learns no way into the container.
struct TransferFile {
  std::string container;  // id; empty: there is none
  std::string uri;        // of the container, without the signature
  std::string name;
};

struct TransferRequest {
  TransferFile input;   // of an import
  TransferFile output;  // the devices of an export, the errors of an import
  bool exclude_keys = false;
};

std::string transfer_text(const TransferRequest& request);
// kBadJob.
Result<TransferRequest> parse_transfer(std::string_view text);

// As clients know import and export jobs.
boost::json::object transfer_json(const store::JobRecord& job);

}  // namespace pavise::hub::rest
