#include "device/root_of_trust/testing/swtpm.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <vector>

namespace pavise::root_of_trust::testing {
namespace {

namespace fs = std::filesystem;
constexpr int kStartWaitMsMax = 10'000;

// Starts a program with its output in `log`; it dies with us.
pid_t spawn(const std::vector<std::string>& arguments, const fs::path& log) {
  std::vector<char*> raw;
  for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ::dup2(fd, STDOUT_FILENO);
  ::dup2(fd, STDERR_FILENO);
  ::execvp(raw.front(), raw.data());
  ::_exit(127);
}

std::string content_of(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

Status run_to_end(const std::vector<std::string>& arguments, const fs::path& log) {
  const pid_t child = spawn(arguments, log);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0)
    return Error(kSwtpmFailed, arguments.front() + ": " + content_of(log));
  return {};
}

bool answers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool ok = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return ok;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  char path[] = "/tmp/pavise-tpm-XXXXXX";
  const char* const made = ::mkdtemp(path);
  PAVISE_CHECK(made != nullptr);
  path_ = made;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Result<SwtpmMaker*> SwtpmMaker::shared() {
  static SwtpmMaker maker;
  if (maker.first_state_.empty()) PAVISE_TRY(maker.set_up());
  return &maker;
}

Status SwtpmMaker::set_up() {
  const std::string ca = directory_.path() / "ca";
  const std::string base = directory_.path();
  fs::create_directory(ca);
  std::ofstream(base + "/localca.conf")
      << "statedir = " << ca << "\nsigningkey = " << ca << "/signkey.pem\nissuercert = " << ca
      << "/issuercert.pem\ncertserial = " << ca << "/certserial\n";
  std::ofstream(base + "/localca.options")
      << "--platform-manufacturer Pavise\n--platform-version 1\n--platform-model Test\n";
  std::ofstream(base + "/setup.conf")
      << "create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = " << base
      << "/localca.conf\ncreate_certs_tool_options = " << base
      << "/localca.options\nactive_pcr_banks = sha256\n";
  const fs::path state = directory_.path() / "state";
  fs::create_directory(state);
  PAVISE_TRY(make_state(state));
  first_state_ = state;
  return {};
}

fs::path SwtpmMaker::root_certificate() const {
  return directory_.path() / "ca/swtpm-localca-rootca-cert.pem";
}
fs::path SwtpmMaker::issuer_certificate() const {
  return directory_.path() / "ca/issuercert.pem";
}

Status SwtpmMaker::make_state(const fs::path& directory) const {
  return run_to_end({"swtpm_setup", "--tpm2", "--tpmstate", directory, "--config",
                     directory_.path() / "setup.conf", "--create-ek-cert", "--overwrite"},
                    directory_.path() / "setup.log");
}

Result<std::unique_ptr<Swtpm>> Swtpm::start(Who who) {
  PAVISE_TRY_ASSIGN(const SwtpmMaker* const maker, SwtpmMaker::shared());
  std::unique_ptr<Swtpm> out(new Swtpm);
  const fs::path state = out->directory_.path() / "state";
  if (who == Who::same_tpm) {
    fs::copy(maker->first_state(), state);
  } else {
    fs::create_directory(state);
    PAVISE_TRY(maker->make_state(state));
  }
  PAVISE_TRY(out->run());
  return out;
}

Swtpm::~Swtpm() {
  stop();
}

TpmAddress Swtpm::address() const {
  return TpmAddress::parse("swtpm:" + socket_path()).value();
}

Status Swtpm::run() {
  const std::string log = directory_.path() / "swtpm.log";
  process_ = spawn(
      {"swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + std::string(directory_.path() / "state"),
       "--server", "type=unixio,path=" + socket_path(), "--ctrl",
       "type=unixio,path=" + socket_path() + ".ctrl", "--flags", "not-need-init,startup-clear"},
      log);
  // Readiness has no other sign than that somebody listens on both sockets.
  for (int waited_ms = 0; waited_ms < kStartWaitMsMax; ++waited_ms) {
    if (answers(socket_path()) && answers(socket_path() + ".ctrl")) return {};
    int status = 0;
    if (::waitpid(process_, &status, WNOHANG) == process_) {
      process_ = -1;
      break;
    }
    ::poll(nullptr, 0, 1);
  }
  return Error(kSwtpmFailed, content_of(log));
}

void Swtpm::stop() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
  fs::remove(socket_path());
  fs::remove(socket_path() + ".ctrl");
}

Status Swtpm::power_cycle() {
  stop();
  return run();
}

}  // namespace pavise::root_of_trust::testing
