#include "cli/program/program.h"

#include "cli/program/verb.h"

namespace pavise::cli {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  pavise context add home --url https://127.0.0.1:8443 --ca service-ca.pem \\\n"
    "    --token-file admin.token\n"
    "  pavise device list\n"
    "  pavise device evidence 3fa81c0b\n"
    "  pavise telemetry watch\n"
    "  pavise app check app_manifest.json\n"
    "  pavise app logs 3fa81c0b blink --follow\n"
    "\n"
    "Ids may be shortened to their first characters (at least 4) as long as they stay unique.\n"
    "With -o json the answer of the server is printed as it came; errors go to standard error.\n"
    "\n"
    "Exit codes: 0 ok, 1 failed, 2 wrong command line, 3 not found, 4 refused (token), 5 server\n"
    "not reachable or not trusted, 6 not acceptable (the present state or the input does not allow "
    "it).\n"
    "\n"
    "Files: $PAVISE_CONTEXT, or ~/.config/pavise/contexts.json. NO_COLOR turns colour off.";

// Asks for help (and its kind) are no failures; what CLI11 says about the rest goes to `err`.
int finish_parse_error(const CLI::App& program, const CLI::ParseError& error, Streams& streams) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    const CLI::App* asked = &program;
    while (!asked->get_subcommands().empty()) asked = asked->get_subcommands().front();
    streams.out(dynamic_cast<const CLI::CallForVersion*>(&error) != nullptr
                    ? std::string(error.what()) + "\n"
                    : asked->help());
    return static_cast<int>(Exit::ok);
  }
  const CLI::App* asked = &program;
  while (!asked->get_subcommands().empty()) asked = asked->get_subcommands().front();
  streams.err("error: " + std::string(error.what()) + "\n");
  const CLI::App* parent = asked->get_parent();
  std::string name = asked->get_name();
  for (; parent != nullptr; parent = parent->get_parent()) name.insert(0, parent->get_name() + " ");
  streams.err("next:  " + name + " --help\n");
  return static_cast<int>(Exit::usage);
}

// Options of the program may stand after any verb.
void let_options_through(CLI::App& app) {
  app.fallthrough();
  for (CLI::App* inner : app.get_subcommands([](CLI::App*) { return true; }))
    let_options_through(*inner);
}

}  // namespace

int run_program(std::span<const char* const> arguments, Streams& streams) {
  Options options;
  Action action;
  std::string output = "table";
  CLI::App program("Owns a fleet of devices: whose they are, what they run, what they say.",
                   "pavise");
  program.footer(kFooter);
  program.require_subcommand(1);
  program.set_version_flag("--version", "pavise " PAVISE_VERSION);
  program.add_option("-o,--output", output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
  program.add_option("--context", options.context, "name of the context to use");
  program.add_option("--wait", options.timeout_s, "seconds to wait for an answer of the server")
      ->check(CLI::Range(1, 600));
  add_tenant_verbs(program, action);
  add_device_verbs(program, action);
  add_telemetry_verbs(program, action);
  add_twin_verbs(program, action);
  add_release_verbs(program, action);
  add_release_key_verbs(program, action);
  add_vendor_verbs(program, action);
  add_token_verbs(program, action);
  add_hub_verbs(program, action);
  add_app_verbs(program, action);
  add_context_verbs(program, action);
  add_service_verbs(program, action);
  add_completion_verb(program, action);
  let_options_through(program);

  // CLI11 reports by exceptions; they end here.
  try {
    program.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return finish_parse_error(program, error, streams);
  }
  options.json = output == "json";
  Session session(options, streams);
  return static_cast<int>(action(session));
}

}  // namespace pavise::cli
