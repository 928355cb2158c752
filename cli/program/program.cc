#include "cli/program/program.h"

#include <algorithm>

#include "cli/program/session.h"
#include "cli/program/usage.h"
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
    "With -o json the answer of the server is printed as it came; errors go to standard error, "
    "each "
    "as JSON\n"
    "on a line, and notes are left out.\n"
    "\n"
    "Exit codes: 0 ok, 1 failed, 2 wrong command line, 3 not found, 4 refused (token), 5 server\n"
    "not reachable or not trusted, 6 not acceptable (the present state or the input does not allow "
    "it).\n"
    "\n"
    "Files: $PAVISE_CONTEXT, or ~/.config/pavise/contexts.json. NO_COLOR turns colour off.";

// Asks for help (and its kind) are no failures.
Exit finish_parse_error(const CLI::App& program, const CLI::ParseError& error,
                        const Options& options, Streams& streams) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    streams.out(dynamic_cast<const CLI::CallForVersion*>(&error) != nullptr
                    ? std::string(error.what()) + "\n"
                    : asked_command(program).help());
    return Exit::ok;
  }
  WrongLine wrong = wrong_line(program, error);
  return Session(options, streams).fail(kWrongLine, std::move(wrong.what), std::move(wrong.next));
}

// Also of a line that cannot be parsed.
bool wants_json(std::span<const char* const> arguments) {
  constexpr std::string_view kNames[] = {"-o", "--output"};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view one = arguments[i];
    const bool value_follows =
        i + 1 < arguments.size() && arguments[i + 1] == std::string_view("json");
    if (one == "-ojson" || one == "--output=json") return true;
    if (value_follows && std::ranges::find(kNames, one) != std::end(kNames)) return true;
  }
  return false;
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
    options.json = wants_json(arguments);
    return static_cast<int>(finish_parse_error(program, error, options, streams));
  }
  options.json = output == "json";
  Session session(options, streams);
  return static_cast<int>(action(session));
}

}  // namespace pavise::cli
