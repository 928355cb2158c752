// What the verbs below `hub` share. Internal to this folder.
#pragma once

#include "cli/program/verb.h"

namespace pavise::cli {

struct HubArguments {
  std::string hub;
};

struct IdentityArguments {
  std::string hub, device, module_id, etag;

  std::string device_path() const { return "/devices/" + url_encode(device); }
  // "/devices/d" or "/devices/d/modules/m".
  std::string path() const {
    return device_path() + (module_id.empty() ? "" : "/modules/" + url_encode(module_id));
  }
  // "/twins/d" or "/twins/d/modules/m".
  std::string twin_path() const {
    return "/twins/" + url_encode(device) +
           (module_id.empty() ? "" : "/modules/" + url_encode(module_id));
  }
};

// Whose device an argument names.
template <class Arguments>
auto& device_arguments(Arguments& arguments) {
  if constexpr (requires { arguments.identity.device; })
    return arguments.identity;
  else
    return arguments;
}

// on_verb() for verbs about a device: its name in the context becomes its id.
template <class Arguments, class F>
void on_device_verb(CLI::App* verb, Action& run, std::shared_ptr<Arguments> arguments, F action) {
  on_verb(verb, run, std::move(arguments), [action](Session& session, Arguments a) {
    auto& of = device_arguments(a);
    of.device = session.hub_device(of.hub, of.device);
    return action(session, a);
  });
}

// "-n,--hub-name", which may be left out when there is one hub only.
void add_hub_option(CLI::App* verb, std::string& hub);
// "-d,--device-id", required, and with `of_module` "-m,--module-id", required.
void add_identity_options(CLI::App* verb, IdentityArguments& arguments, bool of_module);
void add_etag_option(CLI::App* verb, std::string& etag);

// If-Match with this ETag; without one, any.
net::HttpHeader if_match(const std::string& etag);

// One call of the hub that the arguments name, and its answer.
Exit hub_show(Session& session, const std::string& hub, Session::View view, std::string_view method,
              const std::string& target, std::string body = {},
              std::vector<net::HttpHeader> headers = {}, net::Millis extra_wait = {});
// For calls without an answer's body: programs get an empty object.
Exit hub_do(Session& session, const std::string& hub, std::string_view done,
            std::string_view method, const std::string& target, std::string body = {},
            std::vector<net::HttpHeader> headers = {});

// hub_identity_verbs.cc
void add_identity_verbs(CLI::App& hub, Action& run, bool of_module);
// hub_transfer_verbs.cc; `noun` is device-identity
void add_transfer_verbs(CLI::App& noun, Action& run);
void add_hub_twin_verbs(CLI::App& hub, Action& run, bool of_module);
// hub_message_verbs.cc
void add_method_verb(CLI::App& hub, Action& run, bool of_module);
void add_c2d_verbs(CLI::App& hub, Action& run);
void add_monitor_verb(CLI::App& hub, Action& run);
// hub_job_verbs.cc
void add_hub_query_verb(CLI::App& hub, Action& run);
void add_hub_job_verbs(CLI::App& hub, Action& run);
// hub_top_verb.cc
void add_top_verb(CLI::App& hub, Action& run);
// hub_file_verbs.cc
void add_hub_file_verbs(CLI::App& hub, Action& run);
// hub_certificate_verbs.cc
void add_hub_certificate_verbs(CLI::App& hub, Action& run);
// hub_configuration_verbs.cc
void add_configuration_verbs(CLI::App& hub, Action& run);
// hub_routing_verbs.cc
void add_hub_routing_verbs(CLI::App& hub, Action& run);

}  // namespace pavise::cli
