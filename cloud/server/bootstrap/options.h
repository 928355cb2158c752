// The command line of pavise-server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cloud/server/bootstrap/server_identity.h"

namespace pavise::server {

struct ServerOptions {
  std::string state_directory;
  std::string listen = "127.0.0.1";
  std::uint16_t management_port = 8443;
  std::uint16_t device_port = 8444;
  std::uint16_t hub_port = 8883;
  // AMQP of the hubs, then HTTPS and WebSockets; official clients know only 5671 and 443. nullopt:
  // not served.
  std::optional<std::uint16_t> hub_amqp_port;
  std::optional<std::uint16_t> hub_https_port;
  std::string host_name = "localhost";  // devices are told to reach the hub by it
  std::vector<std::string> more_names;  // --san
  std::string signer_socket;            // default: signer.sock in the state directory
  std::string spawn_signer;             // empty: the signer is somebody else's business
  bool new_admin_token = false;
  bool message_routing = false;  // connects to the endpoints of message routes
  // Uploaded files in an S3-compatible store; all or none of the first three.
  std::string file_store_url;
  std::string file_store_bucket;
  std::string file_store_keys;  // file
  std::string file_store_region = "us-east-1";
  bool file_store_virtual_host = false;
  std::string file_store_ca;  // file; empty: the system's authorities

  // host_name, the others, and what a tool on this machine uses: localhost and 127.0.0.1.
  Result<ServerNames> names() const;
};

struct ParsedCommandLine {
  std::optional<ServerOptions> options;  // none: exit with `exit_code` now
  int exit_code = 0;
};
// Prints help, the version or what is wrong.
ParsedCommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace pavise::server
