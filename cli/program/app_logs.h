// Reads what an app writes on a device, page by page. Internal to this folder.
#pragma once

#include <string>

#include "cli/program/app_device.h"

namespace pavise::cli {

class AppLog {
 public:
  // Lines after the one of this number; at most `count` (0: all).
  AppLog(std::string app, std::uint64_t after, int count)
      : app_(std::move(app)), after_(after), left_(count) {}

  enum class Read {
    more,    // there is another page
    all,     // that was the last line that there is
    enough,  // that was the last line that was wanted
    failed,  // after printing why
  };
  // Prints one page. A device whose lines lead nowhere has no more of them.
  Read read(Session& session, const AppDevice& device, int connect_s = kReconnectS);

 private:
  bool print(Session& session, const boost::json::value& page);

  std::string app_;
  std::uint64_t after_;
  int left_;
};

}  // namespace pavise::cli
