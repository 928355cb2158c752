// Completion scripts, made from the program's own verbs and options.
#include <algorithm>

#include "cli/program/verb.h"

namespace pavise::cli {
namespace {

struct ShellArguments {
  std::string shell;
};

// One point of the command line: the words before it, and what may follow.
struct Place {
  std::string path;                // "device list", empty for the program itself
  std::vector<std::string> words;  // verbs and options
  std::vector<std::pair<std::string, std::string>> described;
};

void collect(const CLI::App& app, const std::string& path, const std::vector<std::string>& common,
             std::vector<Place>& out) {
  Place place{.path = path, .words = common, .described = {}};
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    place.words.push_back(verb->get_name());
    place.described.emplace_back(verb->get_name(), verb->get_description());
    collect(*verb, path.empty() ? verb->get_name() : path + " " + verb->get_name(), common, out);
  }
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) {
      place.words.push_back("--" + name);
      place.described.emplace_back("--" + name, option->get_description());
    }
  std::ranges::sort(place.words);
  const auto repeated = std::ranges::unique(place.words);
  place.words.erase(repeated.begin(), repeated.end());
  out.push_back(std::move(place));
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// Single quotes for any of the three shells; our texts have no backslashes.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

// "PATH WORD" as the scripts see it when the word is typed that leads to this place.
std::string step_to(const Place& place) {
  return place.path.find(' ') == std::string::npos ? " " + place.path : place.path;
}

// The verbs typed so far decide; options and their values are skipped.
constexpr const char* kBashHead =
    "_pavise() {\n"
    "  local path='' word i\n"
    "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "    word=${COMP_WORDS[i]}\n"
    "    case \"$path $word\" in\n";
constexpr const char* kBashMiddle =
    "    esac\n"
    "  done\n"
    "  local words=''\n"
    "  case \"$path\" in\n";
constexpr const char* kBashTail =
    "  esac\n"
    "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
    "  [[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- "
    "\"${COMP_WORDS[COMP_CWORD]}\")\n"
    "}\n"
    "complete -F _pavise pavise\n";

std::string bash(const std::vector<Place>& places) {
  std::string out = kBashHead;
  for (const Place& place : places)
    if (!place.path.empty())
      out +=
          "      " + shell_quoted(step_to(place)) + ") path=" + shell_quoted(place.path) + " ;;\n";
  out += kBashMiddle;
  for (const Place& place : places)
    out += "    " + shell_quoted(place.path) + ") words=" + shell_quoted(joined(place.words)) +
           " ;;\n";
  return out + kBashTail;
}

std::string zsh(const std::vector<Place>& places) {
  std::string out =
      "#compdef pavise\n"
      "_pavise() {\n"
      "  local path='' word i\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    word=${words[i]}\n"
      "    case \"$path $word\" in\n";
  for (const Place& place : places)
    if (!place.path.empty())
      out +=
          "      " + shell_quoted(step_to(place)) + ") path=" + shell_quoted(place.path) + " ;;\n";
  out +=
      "    esac\n"
      "  done\n"
      "  local -a choices\n"
      "  case \"$path\" in\n";
  for (const Place& place : places) {
    out += "    " + shell_quoted(place.path) + ") choices=(";
    for (const std::string& word : place.words) out += shell_quoted(word) + " ";
    out += ") ;;\n";
  }
  return out +
         "  esac\n"
         "  compadd -a choices || _files\n"
         "}\n"
         "compdef _pavise pavise\n";
}

std::string fish(const std::vector<Place>& places) {
  std::string out =
      "function __pavise_path\n"
      "  set -l path ''\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    switch \"$path $word\"\n";
  for (const Place& place : places)
    if (!place.path.empty())
      out += "      case " + shell_quoted(step_to(place)) + "\n        set path " +
             shell_quoted(place.path) + "\n";
  out +=
      "    end\n"
      "  end\n"
      "  echo $path\n"
      "end\n";
  for (const Place& place : places)
    for (const auto& [word, about] : place.described) {
      const std::string condition =
          " -n " +
          shell_quoted("test (__pavise_path) = " +
                       (place.path.empty() ? std::string("\"\"") : "\"" + place.path + "\""));
      out += "complete -c pavise" + condition +
             (word.starts_with("--") ? " -l " + word.substr(2) : " -f -a " + word) + " -d " +
             shell_quoted(about) + "\n";
    }
  return out;
}

}  // namespace

void add_completion_verb(CLI::App& program, Action& run) {
  auto arguments = std::make_shared<ShellArguments>();
  CLI::App* verb = add_verb(program, "completion", "a script that completes words in your shell",
                            "  pavise completion bash > ~/.local/share/bash-completion/completions/"
                            "pavise\n  pavise completion fish | source");
  verb->add_option("SHELL", arguments->shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  on_verb(verb, run, arguments, [&program](Session& session, const ShellArguments& a) {
    std::vector<std::string> common;
    for (const CLI::Option* option : program.get_options())
      for (const std::string& name : option->get_lnames()) common.push_back("--" + name);
    std::vector<Place> places;
    collect(program, "", common, places);
    session.print(a.shell == "bash" ? bash(places) : a.shell == "zsh" ? zsh(places) : fish(places));
    return Exit::ok;
  });
}

}  // namespace pavise::cli
