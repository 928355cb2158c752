// The command line of pavise-factory.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "device/factory/factory.h"

namespace pavise::factory {

struct Options {
  std::string tpm;       // as TpmAddress::parse reads it
  std::string server;    // https://HOST:PORT, management API
  std::string listener;  // https://HOST:PORT, device listener; by default port 8444 of the server
  std::string ca_file;
  std::string token_file;  // "-" is standard input
  std::string out_folder;
  std::vector<std::string> intermediate_files;  // at most 4
  bool help = false;

  // Arguments after the program's name. kUsage names what is wrong.
  static Result<Options> parse(std::span<const char* const> arguments);
};

extern const char* const kHelp;

}  // namespace pavise::factory
