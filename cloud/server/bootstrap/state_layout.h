// Where things lie in the state directory. The server and the signer that it starts run as one
// user, so what keeps the server from the CA keys is its sandbox alone; for that, neither's files
// may lie beneath the other's directory.
#pragma once

#include <string>

#include "common/base/result.h"

namespace pavise::server {

// Everything that the server reads and writes while it serves.
std::string data_directory(const std::string& state_directory);
// Everything that a spawned signer reads and writes.
std::string signer_keys_directory(const std::string& state_directory);

// Makes the data directory (0700), moves files of the earlier layout (all in the state directory)
// into it, removes the ports of a server that was killed, and makes the links under which tools
// find service-ca.pem and ports.json. Before the sandbox closes, with the state directory locked.
// Interrupted, it goes on at the next start. kStateUnusable: also when a file lies in both places.
// Blocks on disk.
Status prepare_state(const std::string& state_directory);

}  // namespace pavise::server
