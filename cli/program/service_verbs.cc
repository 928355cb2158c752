// status, doctor, audit
#include "cli/program/verb.h"
#include "cli/view/views.h"

namespace pavise::cli {
namespace {

struct AuditArguments {
  int limit = 50;
  std::string before, hub;
};
struct NoArguments {};

}  // namespace

void add_service_verbs(CLI::App& program, Action& run) {
  CLI::App* status = add_verb(program, "status", "the state of the service",
                              "  pavise status\n  pavise status -o json");
  on_verb(status, run, std::make_shared<NoArguments>(), [](Session& session, const NoArguments&) {
    return session.call_and_show(&view::status, "GET", "/status");
  });

  CLI::App* doctor =
      add_verb(program, "doctor", "what is wrong, why, and what to do about it", "  pavise doctor");
  on_verb(doctor, run, std::make_shared<NoArguments>(),
          [](Session& session, const NoArguments&) { return run_doctor(session); });

  auto arguments = std::make_shared<AuditArguments>();
  CLI::App* audit = add_verb(program, "audit", "who did what, newest first",
                             "  pavise audit --limit 20\n  pavise audit --hub plant-1");
  audit->add_option("--limit", arguments->limit, "at most so many")->check(CLI::Range(1, 1000));
  audit->add_option("--before", arguments->before, "only entries before this id");
  audit->add_option("--hub", arguments->hub,
                    "what was done through this hub's own calls, not through the management API");
  on_verb(audit, run, arguments, [](Session& session, const AuditArguments& a) {
    const std::string path = a.hub.empty() ? "/audit" : "/hubs/" + url_encode(a.hub) + "/audit";
    return session.call_and_show(
        &view::audit, "GET",
        with_query(path, {{"before", a.before}, {"limit", std::to_string(a.limit)}}));
  });
}

}  // namespace pavise::cli
