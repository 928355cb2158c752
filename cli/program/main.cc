#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "cli/program/program.h"

namespace {

std::function<void(std::string_view)> writer(int fd) {
  return [fd](std::string_view text) {
    while (!text.empty()) {
      const ssize_t put = write(fd, text.data(), text.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) std::_Exit(static_cast<int>(pavise::cli::Exit::failed));  // reader is gone
      text.remove_prefix(static_cast<std::size_t>(put));
    }
  };
}

bool is_terminal(int fd) {
  const char* kind = std::getenv("TERM");
  return isatty(fd) == 1 && kind != nullptr && std::strcmp(kind, "dumb") != 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  // A dead name server may not hold a person up for half a minute.
  setenv("RES_OPTIONS", "timeout:2 attempts:1", 0);
  const char* no_colour = std::getenv("NO_COLOR");
  pavise::cli::Streams streams{
      .out = writer(STDOUT_FILENO),
      .err = writer(STDERR_FILENO),
      .colour = is_terminal(STDOUT_FILENO) && (no_colour == nullptr || *no_colour == '\0'),
      .in_place = is_terminal(STDOUT_FILENO),
      .progress = is_terminal(STDERR_FILENO)};
  return pavise::cli::run_program({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)},
                                  streams);
}
