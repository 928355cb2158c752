#include "cloud/server/metrics/metrics_page.h"

#include <algorithm>

#include "common/metrics/process.h"

namespace pavise::server {
namespace {

using metrics::Exposition;

constexpr double kMicroseconds = 1e6;
constexpr double kPlain = 1;

using Activities = std::map<std::string, hub::HubActivity, std::less<>>;

// One family with a sample for each hub and protocol.
template <class Member>
void by_protocol(Exposition& out, const Activities& hubs, Member member) {
  for (const auto& [name, hub] : hubs)
    for (std::size_t i = 0; i < hub::kSpokenCount; ++i)
      if (hub.connects[i] != 0)
        out.sample({{"hub", name}, {"protocol", to_string(static_cast<hub::Spoken>(i))}},
                   (hub.*member)[i]);
}

template <class Member>
void by_hub(Exposition& out, const Activities& hubs, Member member) {
  for (const auto& [name, hub] : hubs) out.sample({{"hub", name}}, hub.*member);
}

template <class Member>
void by_code(Exposition& out, const Activities& hubs, Member member) {
  for (const auto& [name, hub] : hubs)
    for (const hub::ErrorCount& each : hub.*member)
      out.sample({{"hub", name}, {"code", each.info->code}}, each.count);
}

void connections(Exposition& out, const hub::HubMetrics& now, const Activities& hubs) {
  out.gauge("pavise_hub_connections", "Authenticated connections, now, by hub and protocol.");
  by_protocol(out, hubs, &hub::HubActivity::connections);
  out.gauge("pavise_hub_connections_open", "TCP connections, now, authenticated or not.",
            now.open_connections);
  out.counter("pavise_hub_accepts_total", "TCP connections that were accepted.", now.accepted);
  out.counter("pavise_hub_accepts_over_limit_total",
              "TCP connections that were closed at once: too many were open.",
              now.refused_by_limit);
  out.counter("pavise_hub_connects_total", "Connections that were authenticated.");
  by_protocol(out, hubs, &hub::HubActivity::connects);
  out.counter("pavise_hub_refused_total", "Authentications that were refused, by error code.");
  by_code(out, hubs, &hub::HubActivity::refused);
  out.counter("pavise_hub_closed_total", "Connections that ended, by error code.");
  by_code(out, hubs, &hub::HubActivity::closed);
  out.counter("pavise_hub_tls_handshakes_total", "TLS handshakes by outcome.");
  out.sample({{"outcome", "full"}}, now.handshakes_full);
  out.sample({{"outcome", "resumed"}}, now.handshakes_resumed);
  out.sample({{"outcome", "failed"}}, now.handshakes_failed);
  out.counter("pavise_hub_received_bytes_total", "Bytes from sockets, with TLS.",
              now.received_bytes);
  out.counter("pavise_hub_sent_bytes_total", "Bytes to sockets, with TLS.", now.sent_bytes);
}

void messages(Exposition& out, const hub::HubMetrics& now, const Activities& hubs) {
  out.counter("pavise_hub_messages_received_total", "Telemetry messages from devices.");
  by_hub(out, hubs, &hub::HubActivity::messages_in);
  out.counter("pavise_hub_message_received_bytes_total", "Payloads of telemetry messages.");
  by_hub(out, hubs, &hub::HubActivity::bytes_in);
  out.counter("pavise_hub_messages_lost_total",
              "Telemetry messages that could not be stored; their devices were not answered.",
              now.messages_lost);
  out.counter("pavise_hub_messages_sent_total",
              "Cloud-to-device messages that were handed to connections, each delivery.");
  by_hub(out, hubs, &hub::HubActivity::messages_out);
  out.counter("pavise_hub_message_sent_bytes_total", "Payloads of cloud-to-device messages.");
  by_hub(out, hubs, &hub::HubActivity::bytes_out);
  out.histogram("pavise_hub_durable_seconds",
                "From reading a telemetry message to its acknowledgement, once it is on disk.");
  out.sample({}, now.durable_us, kMicroseconds);
}

void operations(Exposition& out, const hub::HubMetrics& now, const Activities& hubs) {
  out.histogram("pavise_hub_operation_seconds",
                "Direct methods and twin requests of devices, from the request to the answer.");
  const auto each = [&](auto tell) {
    for (const auto& [name, hub] : hubs)
      for (std::size_t i = 0; i < hub::kOperationCount; ++i)
        if (!hub.operations[i].latency.counts.empty())
          tell(name, to_string(static_cast<hub::Operation>(i)), hub.operations[i]);
  };
  each([&](const std::string& hub, std::string_view operation, const hub::OperationCounts& counts) {
    out.sample({{"hub", hub}, {"operation", operation}}, counts.latency, kMicroseconds);
  });
  out.counter("pavise_hub_operations_total",
              "Direct methods and twin requests by outcome: ok, or an error code.");
  each([&](const std::string& hub, std::string_view operation, const hub::OperationCounts& counts) {
    std::uint64_t good = 0;
    for (const std::uint64_t count : counts.latency.counts) good += count;
    for (const hub::ErrorCount& failure : counts.failures) good -= std::min(good, failure.count);
    out.sample({{"hub", hub}, {"operation", operation}, {"code", "ok"}}, good);
    for (const hub::ErrorCount& failure : counts.failures)
      out.sample({{"hub", hub}, {"operation", operation}, {"code", failure.info->code}},
                 failure.count);
  });
  out.gauge("pavise_hub_method_calls", "Direct methods under way, now.", now.method_calls_waiting);
}

void http_calls(Exposition& out, const hub::rest::RestPool& rest, const Activities& hubs) {
  out.counter("pavise_hub_http_requests_total", "HTTP calls of devices and services by status.");
  for (std::size_t status = 0; status < hub::rest::RestCounters::kStatusMax; ++status)
    if (const std::uint64_t count = rest.counters().by_status[status].get(); count != 0)
      out.sample({{"status", std::to_string(status)}}, count);
  out.counter("pavise_hub_http_refused_total", "HTTP calls that were refused, by error code.");
  by_code(out, hubs, &hub::HubActivity::calls_refused);
  out.histogram("pavise_hub_http_request_seconds", "HTTP calls, from the request to the answer.");
  out.sample({}, rest.counters().answered_us.counts(), kMicroseconds);
  out.gauge("pavise_hub_http_requests_waiting", "HTTP calls that no thread has begun.",
            rest.waiting());
}

void event_log(Exposition& out, const hub::SegmentLog& log) {
  const hub::SegmentLogCounters& counters = log.counters();
  // In this order: the end of the log never lies behind what is durable.
  const hub::Offset durable = log.durable_end();
  const hub::Offset next = log.next_offset();
  out.gauge("pavise_log_stored_bytes", "Size of the telemetry log on disk.", log.stored_bytes());
  out.gauge("pavise_log_first_offset", "Oldest offset that is kept.", log.first_offset());
  out.gauge("pavise_log_durable_offset", "Records below this offset are on disk.", durable);
  out.gauge("pavise_log_lag_records", "Records that were accepted and are not yet on disk.",
            next - durable);
  out.gauge("pavise_log_pending_bytes", "Bytes that wait for the disk.", log.pending_bytes());
  out.gauge("pavise_log_failed", "1 while the log takes no records.",
            log.failure() ? std::uint64_t{1} : std::uint64_t{0});
  out.counter("pavise_log_records_total", "Records that were made durable.",
              counters.records.get());
  out.counter("pavise_log_written_bytes_total", "Bytes that were made durable.",
              counters.bytes.get());
  out.counter("pavise_log_write_failures_total", "Groups of records that could not be written.",
              counters.groups_failed.get());
  out.histogram("pavise_log_group_records", "Records that shared one sync of the disk.");
  out.sample({}, counters.group_records.counts(), kPlain);
  out.histogram("pavise_log_write_seconds", "Writing and syncing one group of records.");
  out.sample({}, counters.write_us.counts(), kMicroseconds);
}

void store(Exposition& out, const hub::store::StoreQueue& queue) {
  const hub::store::StoreQueueCounters& counters = queue.counters();
  out.gauge("pavise_store_operations_waiting", "Operations for the hub's database, unanswered.",
            queue.waiting());
  out.counter("pavise_store_operations_total", "Operations of the hub's database.",
              counters.operations.get());
  out.counter("pavise_store_operation_failures_total",
              "Operations of the hub's database that ended with an error.",
              counters.operations_failed.get());
  out.histogram("pavise_store_group_operations", "Operations that shared one commit.");
  out.sample({}, counters.group_operations.counts(), kPlain);
  out.histogram("pavise_store_commit_seconds", "Executing and committing one group.");
  out.sample({}, counters.commit_us.counts(), kMicroseconds);
}

void message_routes(Exposition& out, HubHouse& house) {
  using hub::routing::Health;
  const std::vector<Health> all = house.endpoints().all();
  const auto by_endpoint = [&](auto value) {
    for (const Health& each : all)
      out.sample({{"hub", each.hub}, {"endpoint", each.endpoint}}, value(each));
  };
  out.counter("pavise_routing_delivered_total", "Messages that an endpoint of routes took.");
  by_endpoint([](const Health& each) { return each.delivered; });
  out.counter("pavise_routing_dropped_total",
              "Messages that an endpoint refused again and again, and did not get.");
  by_endpoint([](const Health& each) { return each.dropped; });
  out.counter("pavise_routing_failures_total", "Deliveries that failed; they are tried again.");
  by_endpoint([](const Health& each) { return each.failures; });
  out.counter("pavise_routing_gaps_total",
              "Times that messages were no longer kept when their endpoint's turn came.");
  by_endpoint([](const Health& each) { return each.gaps; });
  const hub::Offset end = house.log().durable_end();
  out.gauge("pavise_routing_lag_records",
            "Records of the telemetry log that an endpoint's routes have not passed, of all hubs.");
  by_endpoint([end](const Health& each) { return end - std::min(end, each.cursor); });
  out.gauge("pavise_routing_healthy", "0 while an endpoint's last delivery failed, else 1.");
  by_endpoint([](const Health& each) { return std::uint64_t{each.healthy ? 1U : 0U}; });
  out.counter("pavise_routing_route_delivered_total",
              "Messages that an endpoint took, for each route that they fulfil.");
  for (const Health& each : all)
    for (const auto& [route, count] : each.delivered_by_route)
      out.sample({{"hub", each.hub}, {"route", route}}, count);
}

void security(Exposition& out, const SecurityCounters& counters) {
  const SecurityCounters::Counts counts = counters.counts();
  out.counter("pavise_attestation_verdicts_total",
              "Evidence that was judged: accepted, or the code of the check that failed.");
  out.sample({{"verdict", SecurityCounters::kAccepted}},
             counts.verdicts.contains(SecurityCounters::kAccepted)
                 ? counts.verdicts.at(std::string(SecurityCounters::kAccepted))
                 : std::uint64_t{0});
  for (const auto& [code, count] : counts.verdicts)
    if (code != SecurityCounters::kAccepted) out.sample({{"verdict", code}}, count);
  out.histogram("pavise_attestation_seconds", "Judging one piece of evidence, with its issuing.");
  out.sample({}, counts.evidence_us, kMicroseconds);
  out.counter("pavise_certificates_issued_total", "Device certificates.", counts.certificates);
  out.counter("pavise_signer_failures_total", "Certificates that the signer did not make.",
              counts.signer_failures);
  out.histogram("pavise_signer_seconds", "Calls to the signer.");
  out.sample({}, counts.signer_us, kMicroseconds);
}

void process(Exposition& out, const hub::HubMetrics& now, const MetricsSources& sources) {
  const metrics::ProcessUse use = metrics::process_use();
  out.gauge("process_resident_memory_bytes", "Resident memory.", use.resident_bytes);
  out.counter("process_cpu_seconds_total", "User and system CPU time.");
  out.sample({}, use.cpu_seconds);
  out.gauge("process_start_time_seconds", "Start of the process, Unix time.",
            static_cast<std::uint64_t>(sources.started));
  out.counter("pavise_hub_worker_busy_seconds_total",
              "Time that a worker's loop did not wait; its rate is the busy share.");
  for (std::size_t i = 0; i < now.worker_busy_us.size(); ++i)
    out.sample({{"worker", std::to_string(i)}},
               static_cast<double>(now.worker_busy_us[i]) / kMicroseconds);
  out.gauge("pavise_state_free_bytes", "Free space under the state directory.", sources.free_bytes);
}

}  // namespace

std::string metrics_page(const MetricsSources& sources, metrics::Format format) {
  const hub::HubMetrics now = sources.house.hub().metrics();
  const Activities hubs = sources.house.hub().activity();
  Exposition out(format);
  connections(out, now, hubs);
  messages(out, now, hubs);
  operations(out, now, hubs);
  http_calls(out, sources.house.rest(), hubs);
  event_log(out, sources.house.log());
  store(out, sources.house.queue());
  message_routes(out, sources.house);
  security(out, sources.security);
  process(out, now, sources);
  return std::move(out).finish();
}

}  // namespace pavise::server
