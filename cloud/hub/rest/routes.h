// The route table and what its handlers get once the call is let through. Private to this room.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/hub/rest/rest_api.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::hub::rest {

struct Call {
  Services& services;
  Shared& shared;
  const Request& request;
  Principal principal;
  std::vector<std::string> names;  // what stands for each {name} of the pattern, decoded
  std::map<std::string, std::string, std::less<>> query;

  const iothub::HubName& hub() const { return principal.hub; }
  // The identity that the first one or two names are. kBadArgument.
  Result<iothub::Identity> identity(bool of_module) const;
  // nullopt: "*". kIfMatchRequired. Precondition: there is the header.
  Result<store::IfMatch> if_match() const;
};

using Handler = Result<Response> (*)(Call&);
// Answers later; the call outlives its turn only in what the handler copies.
using LaterHandler = void (*)(Call&, const Respond&, const std::function<Response(const Error&)>&);

// Who may call.
enum class Need {
  registry_read,
  registry_write,
  service_connect,
  device,  // the device or module in the path, as itself
};

// In the order in which a person reads the table of routes.
struct Route {  // NOLINT(clang-analyzer-optin.performance.Padding)
  std::string_view method;
  std::string_view pattern;  // "{}" stands for one segment
  Need need;
  Handler handler;
  LaterHandler later = nullptr;
  bool own_device = false;  // also the device in the path, as itself
};

std::span<const Route> route_table();

// acts.cc. Notes what the caller does, in the operation that does it. Nothing of keys.
Status note_act(store::HubTransaction& transaction, const Call& call, std::string_view action,
                std::string_view subject, std::string_view detail = {});
Status note_act(store::HubTransaction& transaction, const Call& call, std::string_view verb,
                const iothub::Identity& identity, std::string_view detail = {});

// identities.cc
Result<Response> list_devices(Call& call);
Result<Response> get_device(Call& call);
Result<Response> put_device(Call& call);
Result<Response> delete_device(Call& call);
Result<Response> bulk_devices(Call& call);
Result<Response> list_modules(Call& call);
Result<Response> get_module(Call& call);
Result<Response> put_module(Call& call);
Result<Response> delete_module(Call& call);
Result<Response> device_statistics(Call& call);
Result<Response> service_statistics(Call& call);

// jobs.cc
Result<Response> put_job(Call& call);
Result<Response> get_job(Call& call);
Result<Response> cancel_job(Call& call);
Result<Response> query_jobs(Call& call);
// transfers.cc
Result<Response> make_container(Call& call);
Result<Response> get_container(Call& call);
Result<Response> remove_container(Call& call);
Result<Response> create_transfer(Call& call);
Result<Response> list_transfers(Call& call);
Result<Response> get_transfer(Call& call);
Result<Response> cancel_transfer(Call& call);
// queries.cc
Result<Response> query_devices(Call& call);
// A share in the queries that may be under way; it is given back at the end of the scope.
class QueryTurn {
 public:
  explicit QueryTurn(Shared& shared);
  ~QueryTurn();
  QueryTurn(const QueryTurn&) = delete;
  QueryTurn& operator=(const QueryTurn&) = delete;
  bool granted() const { return granted_; }

 private:
  Shared& shared_;
  bool granted_ = false;
};
// What a call with pages asks for: x-ms-max-item-count and x-ms-continuation. kBadArgument,
// kBadContinuation.
Result<std::size_t> page_size(const Call& call);
Result<Continuation> continuation(const Call& call, std::string_view asked);
// A JSON array of rows, and how to go on.
Response page_of(const std::vector<std::string>& rows, std::string_view type,
                 const std::optional<Continuation>& next, std::string_view asked);

// configurations.cc
Result<Response> list_configurations(Call& call);
Result<Response> get_configuration(Call& call);
Result<Response> put_configuration(Call& call);
Result<Response> delete_configuration(Call& call);
Result<Response> test_configuration_queries(Call& call);
Result<Response> apply_configuration_content(Call& call);

// Which feedback a message to a device asks for: a header, and a property of that name.
inline constexpr std::string_view kAckHeader = "iothub-ack";

// How a message's properties travel as headers: "iothub-app-colour", "iothub-messageid". Adds what
// this header, in lower case, says to the bag; other headers are passed over. messages.cc
void add_property(iothub::PropertyBag& bag, std::string_view header, std::string_view value);

// twins.cc
Result<Response> get_twin(Call& call);
Result<Response> patch_twin(Call& call);
Result<Response> put_twin(Call& call);
Result<Response> get_module_twin(Call& call);
Result<Response> patch_module_twin(Call& call);
Result<Response> put_module_twin(Call& call);
// methods.cc
void invoke_device_method(Call& call, const Respond& respond,
                          const std::function<Response(const Error&)>& refuse);
void invoke_module_method(Call& call, const Respond& respond,
                          const std::function<Response(const Error&)>& refuse);
// to_device.cc
Result<Response> send_to_device(Call& call);
Result<Response> send_to_module(Call& call);
// files.cc
struct FilesOfHub {
  files::FileHouse& house;
  store::HubRecord hub;
  std::string key;
};
// kUploadsOff (this server keeps no files), kHubNotFound.
Result<FilesOfHub> files_of(const Call& call);
// The name and port under which the caller reached the hub are those under which it will again.
Result<std::string> own_address(const Request& request);
Result<Response> begin_upload(Call& call);
Result<Response> end_upload(Call& call);
Result<Response> list_files(Call& call);
Result<Response> get_file(Call& call);
Result<Response> delete_file(Call& call);
// messages.cc
Result<Response> purge_messages(Call& call);
Result<Response> next_feedback(Call& call);
Result<Response> complete_feedback(Call& call);
Result<Response> abandon_feedback(Call& call);
Result<Response> next_file_notification(Call& call);
Result<Response> complete_file_notification(Call& call);
Result<Response> abandon_file_notification(Call& call);
Result<Response> send_event(Call& call);
Result<Response> next_message(Call& call);
Result<Response> settle_message(Call& call);
Result<Response> abandon_message(Call& call);

}  // namespace pavise::hub::rest
