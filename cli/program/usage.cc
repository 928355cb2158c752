#include "cli/program/usage.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace pavise::cli {
namespace {

// How many letters have to be put in, taken out or changed (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({changed, corner + 1, row[j] + 1});
    }
  }
  return row.back();
}

// A slip or two, not another word.
std::string like(std::string_view word, const CLI::App& command) {
  std::string out;
  std::size_t least = word.size() / 3 + 2;
  for (const CLI::App* one : command.get_subcommands([](const CLI::App*) { return true; })) {
    const std::size_t far = distance(word, one->get_name());
    if (far >= least) continue;
    least = far;
    out = one->get_name();
  }
  return out;
}

std::string line_of(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return (parent == nullptr ? "" : line_of(*parent) + " ") + command.get_name();
}

}  // namespace

const CLI::App& asked_command(const CLI::App& program) {
  const CLI::App* asked = &program;
  while (!asked->get_subcommands().empty()) asked = asked->get_subcommands().front();
  return *asked;
}

WrongLine wrong_line(const CLI::App& program, const CLI::ParseError& error) {
  constexpr std::size_t kWordSizeMax = 40;
  const CLI::App& asked = asked_command(program);
  WrongLine out{.what = error.what(), .next = line_of(asked) + " --help"};
  if (asked.get_require_subcommand_min() == 0) return out;
  const auto words = program.remaining(true);
  const auto word = std::ranges::find_if(
      words, [](const std::string& one) { return !one.empty() && !one.starts_with('-'); });
  if (word == words.end()) {
    out.what = line_of(asked) + " wants a command";
    return out;
  }
  out.what = line_of(asked) + " has no command " + word->substr(0, kWordSizeMax);
  if (const std::string meant = like(*word, asked); !meant.empty())
    out.what += "; is " + meant + " meant?";
  return out;
}

}  // namespace pavise::cli
