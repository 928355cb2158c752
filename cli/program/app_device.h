// Asks a device's agent about apps (api/methods.cddl), by methods that travel through the hub of
// the device's tenant. Internal to this folder.
#pragma once

#include <boost/json.hpp>
#include <optional>

#include "cli/program/session.h"

namespace pavise::cli {

struct AppDevice {
  std::string id, tenant, hub;
};
// nullopt after printing why there is none.
std::optional<AppDevice> find_app_device(Session& session, const std::string& given);

// A device attests anew after its apps changed, and is away for a moment meanwhile.
inline constexpr int kReconnectS = 5;

struct AppCall {
  std::string_view method;  // without "pavise.apps."
  boost::json::value payload;
  int answer_s = 10;            // the device gives its launcher a few seconds
  int connect_s = kReconnectS;  // to wait for a device that is not online
  bool reads_only = false;      // so it is called again if the connection went meanwhile
};

struct AppAnswer {
  enum class Kind {
    good,         // `payload` is the result
    refused,      // `payload` has the device's reason
    away,         // not online: it has not seen the call
    interrupted,  // no answer, or the connection went: it may have done what was asked
    failed,       // any other failure, which was printed
  };
  Kind kind = Kind::failed;
  std::uint64_t status = 0;  // of the device
  boost::json::value payload = {};

  bool good() const { return kind == Kind::good; }
  std::string refusal() const;  // its code; empty if it is none
};
// Blocks up to both times of the call and the session's own.
AppAnswer call_app_device(Session& session, const AppDevice& device, const AppCall& call);
// Prints why an answer is not good; returns the exit code.
Exit tell(Session& session, const AppDevice& device, const AppAnswer& answer);
// What the device answered; nullopt after printing why not.
std::optional<boost::json::value> ask(Session& session, const AppDevice& device,
                                      const AppCall& call);

// nullptr when there is no such member, or `value` is no object.
const boost::json::value* find(const boost::json::value& value, std::string_view name);
// Empty or 0 when there is no such text or number.
std::string text_of(const boost::json::value& value, std::string_view name);
std::uint64_t number_of(const boost::json::value& value, std::string_view name);
// What cannot be an app's name is none that the device has. False after printing that.
bool can_be_app(Session& session, const std::string& name);
// The one of this name in the answer of "list"; nullptr if there is none.
const boost::json::value* app_named(const boost::json::value& list, std::string_view name);

Exit show_app_answer(Session& session, Session::View view, const boost::json::value& answer);

}  // namespace pavise::cli
