// pavise-server as a child process of a test.
#pragma once

#include <sys/types.h>

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/server/testing/tls_client.h"

namespace pavise::server::testing {

struct Programs {
  std::string server;
  std::string signer;
};

// Owns a fresh state directory; the server in it can be started and ended any number of times.
class RunningServer {
 public:
  explicit RunningServer(Programs programs);
  ~RunningServer();
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  // Returns when ports.json is there; false if the program ended or 30 seconds passed. A token that
  // it shows is kept in `token`.
  bool start(const std::vector<std::string>& more_arguments = {});
  // Sends the signal and waits; the wait status. -1 if it took more than 20 seconds.
  int end(int signal);
  // Starts a second one on the same directory and returns its exit code.
  int exit_code_of_second(std::string* error_text);

  struct Reply {
    int status = 0;
    boost::json::object json;
  };
  // A call of the management API on a connection of its own, checking the server's certificate.
  // Status 0: no connection, or no answer.
  Reply call(std::string_view method, std::string_view path, std::string_view body = {});
  std::optional<TlsClient> connect(std::uint16_t port) const;
  pid_t signer_pid() const;  // 0 if there is none

  std::string folder;  // the state directory is folder/state
  std::string token;
  std::string output;  // of the last start
  pid_t pid = -1;
  std::uint16_t management_port = 0;
  std::uint16_t device_port = 0;
  std::uint16_t hub_port = 0;
  std::string ca_pem() const;
  std::string log() const;

 private:
  pid_t launch(const std::vector<std::string>& more_arguments, const std::string& tag) const;
  Programs programs_;
};

}  // namespace pavise::server::testing
