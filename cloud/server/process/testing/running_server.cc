#include "cloud/server/process/testing/running_server.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

namespace pavise::server::testing {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void redirect(int target, const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0) ::_exit(126);
  ::dup2(fd, target);
  ::close(fd);
}

}  // namespace

RunningServer::RunningServer(Programs programs) : programs_(std::move(programs)) {
  std::string pattern = fs::temp_directory_path() / "pavise-server-XXXXXX";
  folder = ::mkdtemp(pattern.data());
}

RunningServer::~RunningServer() {
  if (pid > 0) end(SIGKILL);
  // The signer follows its server on its own; its files must not vanish under it.
  for (int i = 0; i < 600 && signer_pid() != 0; ++i) ::poll(nullptr, 0, 10);
  fs::remove_all(folder);
}

pid_t RunningServer::launch(const std::vector<std::string>& more_arguments,
                            const std::string& tag) const {
  std::vector<std::string> words = {programs_.server,
                                    "--state",
                                    folder + "/state",
                                    "--spawn-signer",
                                    programs_.signer,
                                    "--management-port",
                                    "0",
                                    "--device-port",
                                    "0",
                                    "--hub-port",
                                    "0",
                                    "--host-name",
                                    "hub.test"};
  words.insert(words.end(), more_arguments.begin(), more_arguments.end());
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  redirect(STDOUT_FILENO, folder + "/" + tag + ".out");
  redirect(STDERR_FILENO, folder + "/" + tag + ".err");
  // Looking for leaks takes powers that the program gives up.
  ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

bool RunningServer::start(const std::vector<std::string>& more_arguments) {
  fs::remove(folder + "/first.out");
  fs::remove(folder + "/state/ports.json");
  pid = launch(more_arguments, "first");
  for (int i = 0; i < 3000; ++i) {
    const std::string ports = text_of(folder + "/state/ports.json");
    if (!ports.empty()) {
      const auto json = boost::json::parse(ports);
      management_port = static_cast<std::uint16_t>(json.at("management").as_int64());
      device_port = static_cast<std::uint16_t>(json.at("device").as_int64());
      hub_port = static_cast<std::uint16_t>(json.at("hub").as_int64());
      break;
    }
    if (::waitpid(pid, nullptr, WNOHANG) == pid) {
      pid = -1;
      return false;
    }
    ::poll(nullptr, 0, 10);
  }
  // The token follows ports.json; who is first does not matter to people.
  for (int i = 0; i < 100; ++i) {
    output = text_of(folder + "/first.out");
    if (!output.empty() || !token.empty()) break;
    ::poll(nullptr, 0, 10);
  }
  if (const auto at = output.rfind("pavise_"); at != std::string::npos && token.empty())
    token = output.substr(at, output.find('\n', at) - at);
  return management_port != 0;
}

int RunningServer::end(int signal) {
  ::kill(pid, signal);
  for (int i = 0; i < 2000; ++i) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      pid = -1;
      return status;
    }
    ::poll(nullptr, 0, 10);
  }
  return -1;
}

int RunningServer::exit_code_of_second(std::string* error_text) {
  const pid_t second = launch({}, "second");
  int status = 0;
  ::waitpid(second, &status, 0);
  *error_text = text_of(folder + "/second.err");
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string RunningServer::ca_pem() const {
  return text_of(folder + "/state/service-ca.pem");
}
std::string RunningServer::log() const {
  return text_of(folder + "/first.err");
}

std::optional<TlsClient> RunningServer::connect(std::uint16_t port) const {
  ClientOptions options;
  options.ca_pem = ca_pem();
  options.name = "localhost";
  return TlsClient::connect(port, options);
}

RunningServer::Reply RunningServer::call(std::string_view method, std::string_view path,
                                         std::string_view body) {
  auto client = connect(management_port);
  if (!client) return {};
  const auto answer = client->request(method, std::string("/api/v1").append(path), token, body,
                                      body.empty() ? "" : "Content-Type: application/json\r\n");
  if (!answer) return {};
  Reply reply;
  reply.status = answer->status;
  if (!answer->body.empty()) reply.json = boost::json::parse(answer->body).as_object();
  return reply;
}

namespace {

// Empty if the process has ended meanwhile, which a stream would make an exception of.
std::string command_line_of(const fs::path& process) {
  const int fd = ::open((process / "cmdline").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string out(4096, '\0');
  const ssize_t size = ::read(fd, out.data(), out.size());
  ::close(fd);
  out.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return out;
}

}  // namespace

pid_t RunningServer::signer_pid() const {
  const std::string wanted = folder + "/state/signer";
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string command = command_line_of(entry.path());
    // The supervisor has the server's command line; the signer's begins with its own name.
    if (command.starts_with(programs_.signer) && command.find(wanted) != std::string::npos)
      return static_cast<pid_t>(std::stol(name));
  }
  return 0;
}

}  // namespace pavise::server::testing
