// hub query, hub job: create, show, list, cancel
#include <boost/json.hpp>
#include <chrono>
#include <thread>

#include "cli/program/hub_verb.h"
#include "cli/program/input.h"
#include "cli/view/hub_views.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr std::chrono::seconds kPollEvery{1};

struct QueryArguments {
  std::string hub, query;
  std::size_t top = 0;
};

struct JobArguments {
  std::string hub, id, type, status;
  std::size_t top = 0;
};

struct NewJobArguments {
  std::string hub, id, type, condition, start, method, payload, patch;
  int ttl_s = 3600, response_s = 30, connect_s = 0, wait_s = 0;
};

Exit query(Session& session, const QueryArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  const auto rows = session.hub_pages(*hub, "POST", "/devices/query",
                                      json::serialize(json::object{{"query", a.query}}), a.top);
  return rows ? session.show(&view::query_rows, *rows) : session.exit();
}

std::string job_path(const std::string& id) {
  return "/jobs/v2/" + url_encode(id);
}

Result<json::object> method_of(const NewJobArguments& a) {
  if (a.method.empty()) return Error(kBadArgument, "scheduleDeviceMethod needs --method-name");
  if (!a.patch.empty()) return Error(kBadArgument, "--twin-patch is for scheduleUpdateTwin");
  json::object out{{"methodName", a.method},
                   {"responseTimeoutInSeconds", a.response_s},
                   {"connectTimeoutInSeconds", a.connect_s}};
  PAVISE_TRY_ASSIGN(out["payload"],
                    json_argument(a.payload.empty() ? "null" : a.payload, "--method-payload"));
  return out;
}

Result<json::object> update_of(const NewJobArguments& a) {
  if (a.patch.empty()) return Error(kBadArgument, "scheduleUpdateTwin needs --twin-patch");
  if (!a.method.empty() || !a.payload.empty())
    return Error(kBadArgument, "--method-name and --method-payload are for scheduleDeviceMethod");
  PAVISE_TRY_ASSIGN(json::object out, object_argument(a.patch, "--twin-patch"));
  if (!out.contains("etag")) out["etag"] = "*";
  return out;
}

bool has_ended(const json::value& job) {
  const json::object* object = job.if_object();
  const json::value* status = object == nullptr ? nullptr : object->if_contains("status");
  return status != nullptr &&
         (*status == json::value("completed") || *status == json::value("failed") ||
          *status == json::value("cancelled"));
}

Exit create(Session& session, const NewJobArguments& a) {
  const bool calls = a.type == "scheduleDeviceMethod";
  auto what = calls ? method_of(a) : update_of(a);
  if (!what) return session.fail(what.error());
  json::object body{{"jobId", a.id},
                    {"type", a.type},
                    {calls ? "cloudToDeviceMethod" : "updateTwin", *std::move(what)},
                    {"queryCondition", a.condition},
                    {"maxExecutionTimeInSeconds", a.ttl_s}};
  if (!a.start.empty()) body["startTime"] = a.start;
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  auto job = session.hub_call(*hub, "PUT", job_path(a.id), json::serialize(body));
  for (int waited_s = 0; job && waited_s < a.wait_s && !has_ended(*job); ++waited_s) {
    if (waited_s > 0) std::this_thread::sleep_for(kPollEvery);
    job = session.hub_call(*hub, "GET", job_path(a.id));
  }
  return job ? session.show(&view::hub_job, *job) : session.exit();
}

Exit list(Session& session, const JobArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  const auto rows = session.hub_pages(
      *hub, "GET", with_query("/jobs/v2/query", {{"jobType", a.type}, {"jobStatus", a.status}}), {},
      a.top);
  return rows ? session.show(&view::hub_jobs, *rows) : session.exit();
}

void add_job_options(CLI::App* verb, std::string& hub, std::string& id) {
  add_hub_option(verb, hub);
  verb->add_option("--job-id", id, "id of the job")->required();
}

void add_create_verb(CLI::App& noun, Action& run) {
  auto a = std::make_shared<NewJobArguments>();
  CLI::App* verb = add_verb(
      noun, "create", "call a method on many devices, or change their twins",
      "  pavise hub job create -n plant-1 --job-id reboot-1 --job-type scheduleDeviceMethod "
      "--query-condition 'tags.floor = 1' --method-name reboot --method-payload '{\"in_s\":5}'\n"
      "  pavise hub job create -n plant-1 --job-id calm-1 --job-type scheduleUpdateTwin "
      "-q '*' --twin-patch '{\"properties\":{\"desired\":{\"interval_s\":60}}}' "
      "--start-time 2026-12-24T18:00:00Z\n"
      "  pavise hub job create -n plant-1 --job-id tag-1 --job-type scheduleUpdateTwin "
      "-q \"deviceId IN ['thermo-1']\" --twin-patch @patch.json --wait 60");
  add_job_options(verb, a->hub, a->id);
  verb->add_option("--jt,--job-type", a->type, "scheduleDeviceMethod or scheduleUpdateTwin")
      ->required()
      ->check(CLI::IsMember({"scheduleDeviceMethod", "scheduleUpdateTwin"}));
  verb->add_option("-q,--query-condition", a->condition,
                   "devices that it is for: the part after WHERE of a query, or *")
      ->required();
  verb->add_option("--start,--start-time", a->start,
                   "when, as in 2026-12-24T18:00:00Z (default: now)");
  verb->add_option("--ttl", a->ttl_s, "seconds that it may run for")
      ->check(CLI::Range(1, 2'592'000));
  verb->add_option("--mn,--method-name", a->method, "name of the method");
  verb->add_option("--mp,--method-payload", a->payload, "JSON, or @FILE");
  verb->add_option("--mrt,--method-response-timeout", a->response_s,
                   "seconds to wait for each device's answer")
      ->check(CLI::Range(5, 300));
  verb->add_option("--mct,--method-connect-timeout", a->connect_s,
                   "seconds to wait until a device is online")
      ->check(CLI::Range(0, 300));
  verb->add_option("--patch,--twin-patch", a->patch,
                   "JSON with tags and properties.desired, or @FILE");
  verb->add_option("--wait", a->wait_s, "wait until it has ended, so many seconds at most")
      ->check(CLI::Range(1, 86'400));
  on_verb(verb, run, a, &create);
}

}  // namespace

void add_hub_query_verb(CLI::App& hub, Action& run) {
  auto a = std::make_shared<QueryArguments>();
  CLI::App* verb = add_verb(
      hub, "query", "ask for twins, modules and parts of jobs in the IoT Hub query language",
      "  pavise hub query -n plant-1 -q \"SELECT * FROM devices WHERE tags.floor = 1\"\n"
      "  pavise hub query -n plant-1 -q \"SELECT tags.floor, COUNT() AS devices FROM devices "
      "GROUP BY tags.floor\"\n"
      "  pavise hub query -n plant-1 -q \"SELECT * FROM devices.jobs WHERE devices.jobs.jobId = "
      "'reboot-1'\" --top 20 -o json");
  add_hub_option(verb, a->hub);
  verb->add_option("-q,--query-command", a->query, "the query")->required();
  verb->add_option("--top", a->top, "at most so many rows (default: all)")
      ->check(CLI::Range(1, 1'000'000));
  on_verb(verb, run, a, &query);
}

void add_hub_job_verbs(CLI::App& hub, Action& run) {
  CLI::App* noun = add_noun(hub, "job", "methods and twin updates for many devices");
  add_create_verb(*noun, run);

  auto shown = std::make_shared<JobArguments>();
  CLI::App* show = add_verb(*noun, "show", "how far a job is",
                            "  pavise hub job show -n plant-1 --job-id reboot-1");
  add_job_options(show, shown->hub, shown->id);
  on_verb(show, run, shown, [](Session& session, const JobArguments& a) {
    return hub_show(session, a.hub, &view::hub_job, "GET", job_path(a.id));
  });

  auto listed = std::make_shared<JobArguments>();
  CLI::App* all = add_verb(*noun, "list", "jobs of a hub, by id",
                           "  pavise hub job list -n plant-1\n"
                           "  pavise hub job list -n plant-1 --job-status running --top 10");
  add_hub_option(all, listed->hub);
  all->add_option("--jt,--job-type", listed->type, "only of this type")
      ->check(CLI::IsMember({"scheduleDeviceMethod", "scheduleUpdateTwin", "import", "export"}));
  all->add_option("--js,--job-status", listed->status, "only in this state")
      ->check(
          CLI::IsMember({"scheduled", "queued", "running", "completed", "failed", "cancelled"}));
  all->add_option("--top", listed->top, "at most so many (default: all)")
      ->check(CLI::Range(1, 1'000'000));
  on_verb(all, run, listed, &list);

  auto ended = std::make_shared<JobArguments>();
  CLI::App* cancel = add_verb(*noun, "cancel", "begin no more parts of a job",
                              "  pavise hub job cancel -n plant-1 --job-id reboot-1");
  add_job_options(cancel, ended->hub, ended->id);
  on_verb(cancel, run, ended, [](Session& session, const JobArguments& a) {
    return hub_show(session, a.hub, &view::hub_job, "POST", job_path(a.id) + "/cancel");
  });
}

}  // namespace pavise::cli
