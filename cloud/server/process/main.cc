// pavise-server: the security service, the device hub and their management API.
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>

#include "cloud/hub/routing_sinks/kafka_sink.h"
#include "cloud/server/bootstrap/signer_supervisor.h"
#include "cloud/server/bootstrap/state_layout.h"
#include "cloud/server/process/file_store.h"
#include "cloud/server/process/sandbox.h"
#include "cloud/server/process/server.h"
#include "common/metrics/process.h"

namespace pavise::server {
namespace {

// Blocks the signals that end the server, for all threads to come; the main thread waits for them.
sigset_t block_stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// One line whose last word is the token.
void show_token(const std::string& secret) {
  std::printf("Administrator's token, shown once and stored nowhere: %s\n", secret.c_str());
  std::fflush(stdout);
}

Status run(const ServerOptions& options) {
  ::umask(0077);
  const sigset_t stop_signals = block_stop_signals();
  PAVISE_TRY(make_private_directory(options.state_directory));
  PAVISE_TRY_ASSIGN(const UniqueFd lock, lock_directory(options.state_directory));
  PAVISE_TRY(prepare_state(options.state_directory));
  const bool landlock = sandbox::landlock_available();
  std::optional<SignerSupervisor> supervisor;
  if (!options.spawn_signer.empty()) {
    PAVISE_TRY_ASSIGN(
        auto started,
        SignerSupervisor::start({.program = options.spawn_signer,
                                 .keys_directory = signer_keys_directory(options.state_directory),
                                 .socket_path = options.signer_socket,
                                 .without_landlock = !landlock}));
    supervisor.emplace(std::move(started));
  }
  metrics::prepare_process_use();
  OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, nullptr);
  if (options.message_routing) hub::routing::prepare_kafka();
  PAVISE_TRY_ASSIGN(const auto file_store, load_file_store(options));
  PAVISE_TRY(sandbox::apply(
      server_sandbox(options.state_directory, port_use(options), outbound(options))));

  const SystemClock clock;
  const auto log = make_stderr_log(clock);
  if (!landlock)
    log->write(Level::warning, "sandbox.partial",
               {{"reason", "this kernel has no Landlock: file paths are not confined"}});
  PAVISE_TRY_ASSIGN(auto server, Server::start(options, file_store, *log, clock));
  if (!server->shown_once().empty()) show_token(server->shown_once());
  int signal = 0;
  sigwait(&stop_signals, &signal);
  log->write(Level::info, "server.stopping", {{"reason", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  server.reset();
  return {};
}

}  // namespace
}  // namespace pavise::server

int main(int argc, char** argv) {
  const auto command_line = pavise::server::parse_command_line(argc, argv);
  if (!command_line.options) return command_line.exit_code;
  if (const pavise::Status status = pavise::server::run(*command_line.options); !status) {
    std::fprintf(stderr, "pavise-server: %s\n", status.error().message().c_str());
    return 1;
  }
  return 0;
}
