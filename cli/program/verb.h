// Helpers to declare verbs briefly. Internal to this folder.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>

#include "cli/program/commands.h"

namespace pavise::cli {

inline constexpr const char* kDeviceHelp =
    "its name in the context, its id, or the first characters of it";

// A noun that groups verbs and does nothing by itself.
inline CLI::App* add_noun(CLI::App& program, const std::string& name, const std::string& about) {
  CLI::App* noun = program.add_subcommand(name, about);
  noun->require_subcommand(1);
  return noun;
}

// A verb; `examples` are whole command lines, one per line.
inline CLI::App* add_verb(CLI::App& parent, const std::string& name, const std::string& about,
                          const std::string& examples) {
  CLI::App* verb = parent.add_subcommand(name, about);
  verb->footer("Examples:\n" + examples);
  return verb;
}

// When the verb is given, `run` becomes `action`; `arguments` (shared with it) hold its options.
template <class Arguments, class F>
void on_verb(CLI::App* verb, Action& run, std::shared_ptr<Arguments> arguments, F action) {
  verb->callback([&run, arguments = std::move(arguments), action = std::move(action)] {
    run = [arguments, action](Session& session) { return action(session, *arguments); };
  });
}

}  // namespace pavise::cli
