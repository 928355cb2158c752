#include "bench/hub/peer_broker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "bench/hub/process_usage.h"
#include "cloud/hub/transport/testing/test_client.h"

namespace pavise::bench {
namespace {

constexpr const char* kProgram = "/usr/sbin/mosquitto";

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path) << content;
}

std::uint16_t free_port() {
  auto listener = hub::listen_on("127.0.0.1", 0);
  return *hub::local_port(*listener);
}

bool answers(std::uint16_t port) {
  const int fd = hub::testing::connect_plain(port);
  if (fd < 0) return false;
  ::close(fd);
  return true;
}

}  // namespace

PeerBroker::PeerBroker(const std::string& folder, const hub::testing::Identity& server,
                       const std::string& client_ca_pem) {
  if (::access(kProgram, X_OK) != 0) return;
  port_ = free_port();
  write_file(folder + "/server.pem", server.certificate_pem);
  write_file(folder + "/server.key", server.key_pem);
  write_file(folder + "/clients.pem", client_ca_pem);
  std::ostringstream config;
  config << "listener " << port_ << " 127.0.0.1\ncafile " << folder << "/clients.pem\ncertfile "
         << folder << "/server.pem\nkeyfile " << folder
         << "/server.key\nrequire_certificate true\nallow_anonymous true\npersistence false\n"
            "max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\n"
            "log_type none\nuser root\n";
  const std::string path = folder + "/mosquitto.conf";
  write_file(path, config.str());
  child_ = ::fork();
  if (child_ == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    if (null < 0) ::_exit(127);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execl(kProgram, kProgram, "-c", path.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!answers(port_) && std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

PeerBroker::~PeerBroker() {
  if (child_ <= 0) return;
  ::kill(child_, SIGTERM);
  ::waitpid(child_, nullptr, 0);
}

double PeerBroker::cpu_s() const {
  return process_cpu_s(child_);
}

double PeerBroker::resident_kib() const {
  return process_resident_kib(child_);
}

}  // namespace pavise::bench
