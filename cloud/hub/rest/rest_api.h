// The hub's HTTP calls: who may make them, and where they go.
#pragma once

#include <atomic>
#include <functional>

#include "cloud/hub/configurations/board.h"
#include "cloud/hub/files/file_house.h"
#include "cloud/hub/ports/gatekeeper.h"
#include "cloud/hub/rest/message.h"
#include "cloud/hub/rest/query_scan.h"
#include "cloud/hub/segment_log/segment_log.h"
#include "cloud/hub/store/store_queue.h"
#include "cloud/hub/transport/method_broker.h"
#include "common/base/clock.h"

namespace pavise::hub::rest {

inline constexpr std::size_t kBodySizeMax = 1024UL * 1024;  // a bulk call of 100 devices
inline constexpr std::size_t kBulkMax = 100;                // devices in one bulk call
inline constexpr std::size_t kTopMax = 1000;                // devices in one list
inline constexpr std::uint64_t kActiveJobsMax = 100;        // of a hub, that have not ended
inline constexpr std::int64_t kJobExecutionDefaultS = 3600;
inline constexpr std::int64_t kJobExecutionMaxS = 30L * 24 * 3600;
inline constexpr unsigned kQueriesUnderWayMax = 8;  // the other threads serve other calls

// Of a file, in one answer: a connection holds no more for a client that reads slowly.
inline constexpr std::size_t kFilePieceMax = 128UL * 1024;

// Errors: PV-HRS-nnn.
inline constexpr ErrorInfo kNoSuchRoute{"PV-HRS-001", Retry::never, "the hub knows no such call",
                                        "Check method and path; see docs/hub.md."};
inline constexpr ErrorInfo kNotAuthorised{
    "PV-HRS-002", Retry::never, "the call carries no valid Authorization",
    "Send a SharedAccessSignature of a policy with the right that is needed."};
inline constexpr ErrorInfo kRightMissing{"PV-HRS-003", Retry::never,
                                         "the policy of this token has not the right",
                                         "Use a policy with that right, such as iothubowner."};
inline constexpr ErrorInfo kBadBody{"PV-HRS-004", Retry::never, "the body cannot be used",
                                    "Correct what the detail names."};
inline constexpr ErrorInfo kBadArgument{"PV-HRS-005", Retry::never,
                                        "a parameter or header cannot be used",
                                        "Correct what the detail names."};
inline constexpr ErrorInfo kIfMatchRequired{"PV-HRS-006", Retry::never,
                                            "If-Match must be \"*\" or an ETag",
                                            "Send the ETag of the last answer in quotes, or *."};
inline constexpr ErrorInfo kMessageBodyTooLarge{
    "PV-HRS-007", Retry::never, "the message exceeds 256 KiB", "Split the message."};

inline constexpr ErrorInfo kBadMethodAnswer{"PV-HRS-008", Retry::never,
                                            "the device answered the method with no JSON",
                                            "Correct the device's program."};

inline constexpr ErrorInfo kTooManyQueries{"PV-HRS-022", Retry::later,
                                           "too many queries are under way",
                                           "Send the query again later, one at a time."};

inline constexpr ErrorInfo kTooManyJobs{"PV-HRS-023", Retry::later,
                                        "100 jobs of the hub have not ended yet",
                                        "Wait for one, or cancel it."};
inline constexpr ErrorInfo kJobHasEnded{"PV-HRS-024", Retry::never,
                                        "a job that has ended cannot be cancelled",
                                        "Look at its parts: SELECT * FROM devices.jobs."};

inline constexpr ErrorInfo kForeignContainer{
    "PV-HRS-025", Retry::never, "import and export use containers of the hub itself only",
    "POST /containers makes one and answers the URI to give here; see docs/hub.md."};
inline constexpr ErrorInfo kTransferUnderWay{"PV-HRS-026", Retry::later,
                                             "an import or export of the hub has not ended yet",
                                             "Wait for it, or cancel it: DELETE /jobs/{id}."};

// A call that was answered with an error. Borrowed; the texts come from the network.
struct Refusal {
  std::string_view call;  // method and path, at most kLoggedPathMax of it
  std::string_view tracking_id;
  const Error& error;
  const iothub::HubName* hub;  // nullptr: no hub has that host name
  std::string_view device;     // that the path names, with "/module"; empty: none
  // The peer's address when the caller did not prove who it is, else empty.
  std::string_view stranger;
};

// What the calls use; as the hub has it. None of the functions blocks.
struct Services {
  store::StoreQueue& queue;
  Gatekeeper& gatekeeper;
  SegmentLog& log;
  const Clock& clock;
  std::function<void(const iothub::Identity&, std::uint64_t version, std::string body)>
      desired_changed;
  std::function<void(const iothub::Identity&)> message_waiting;
  std::function<void(const iothub::HubName&, ServiceQueue)> service_message_waiting;
  std::function<void(const iothub::Identity&)> forget;
  std::function<void(const RightsChanged&)> rights_changed;
  std::function<void(const iothub::Identity&)> device_active;  // a call of the device itself
  std::function<bool(const iothub::Identity&)> connected;
  std::function<std::uint64_t(const iothub::HubName&)> connected_count;
  std::function<void(MethodInvocation, MethodBroker::Done)> invoke_method;
  // Every refusal, for the log and the counters.
  std::function<void(const Refusal&)> refused = {};
  // Telemetry that is on the disk, for the counters.
  std::function<void(const iothub::HubName&, std::uint64_t messages, std::uint64_t bytes)> stored =
      {};
  QueryBounds query_bounds = {};
  // A job was made or cancelled.
  std::function<void()> jobs_changed = {};
  // An import or export was made or cancelled.
  std::function<void()> transfers_changed = {};
  // What configurations were found to do; may be empty.
  std::function<std::optional<configurations::Counts>(const iothub::HubName&, std::string_view id)>
      configuration_counts = {};
  files::FileHouse* files = nullptr;  // null: this server keeps no files
};

// What all calls share.
struct Shared {
  std::atomic<unsigned> queries = 0;  // under way
};

class RestApi {
 public:
  explicit RestApi(Services services) : services_(std::move(services)) {}
  // Called on a pool thread; may block on disk. `respond` may be called later, from another thread.
  void handle(const Request& request, const Respond& respond);
  // From memory, at once; see HttpServing.
  std::optional<HttpHeadVerdict> judge(const HttpHead& head) const;
  // Whether it brings or takes bytes of files, and so may wait for an object store elsewhere.
  bool carries_file(const Request& request) const;

 private:
  HttpResponse handle_blob(const Request& request) const;

  Services services_;
  Shared shared_;
};

}  // namespace pavise::hub::rest
