// What is wrong with a command line. Internal to this folder.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace pavise::cli {

struct WrongLine {
  std::string what;
  std::string next;  // a command line
};
// `program` has just refused what it parsed by throwing `error`. A word that is no command is
// named, with the one that is like it.
WrongLine wrong_line(const CLI::App& program, const CLI::ParseError& error);

// The innermost command that was named.
const CLI::App& asked_command(const CLI::App& program);

}  // namespace pavise::cli
